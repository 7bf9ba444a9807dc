"""The deployment's write-ahead journal and the lock of whoever is deploying.

The chains are the truth about what stands. The journal adds what a chain cannot tell: transactions that were signed and
may or may not have arrived.
One JSON object per line, on disk before what it describes happens.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from metalayer.errors import MetalayerError
from metalayer.network.registry import shown

_FIELDS = {
    "chain": {"chain", "genesis"},
    "send": {"chain", "step", "from", "nonce", "hash", "raw"},
    "receipt": {"chain", "step", "hash", "block", "gas", "status"},
    "dropped": {"chain", "hash"},
}
"""What is read of each kind of record."""
_CREATE = "create "


@dataclass(frozen=True)
class InFlight:
    """A signed transaction whose receipt is not in the journal. `time`: Unix seconds of its signature."""

    chain: str
    step: str
    sender: str
    nonce: int
    hash: str
    raw: str
    time: int | None = None


class Creation(NamedTuple):
    """The transaction that created a contract: block, hash, the constructor's arguments as they were shown, and the git
    commit of the tree that made it; and whether the creation code was ours. None for what is not known; `doubt` says
    why it is not.
    """

    block: int
    hash: str
    arguments: dict[str, Any] | None
    commit: str | None = None
    is_ours: bool | None = None
    doubt: str = ""


class Journal:
    """Records of one network's deployment, in the order of writing. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._forget()
        text = path.read_bytes() if path.exists() else b""
        # A line without its end was being written when the process died: what it describes has not happened.
        self._valid = text.rfind(b"\n") + 1
        for number, line in enumerate(text[: self._valid].splitlines(), 1):
            try:
                record = json.loads(line)
                if not _FIELDS[record["record"]] <= record.keys():
                    raise ValueError("a field is missing")
                self._note(record)
            except (ValueError, TypeError, KeyError) as error:
                where = shown(path)
                raise MetalayerError(
                    f"{where}: line {number} is damaged, or of another version: if all chains are local ones, remove "
                    f"the file (`rm {where}`); elsewhere restore it, or remove it if no transaction is in flight"
                ) from error

    def append(self, *records: dict[str, Any]) -> None:
        """Adds records and returns when they are on disk. MetalayerError if they cannot be written: none of them is."""
        if not records:
            return
        text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records).encode()
        with self._lock:
            try:
                self._write(text)
            except OSError as error:
                # What of it is there would be taken for sent. Making a file smaller needs no room.
                with suppress(OSError):
                    os.truncate(self.path, self._valid)
                raise MetalayerError(
                    f"{shown(self.path)} cannot be written ({error.strerror}): nothing is sent that it does not know; "
                    "mend that, then run it again"
                ) from error
            for record in records:
                self._note(record)

    def _write(self, text: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        created = not self.path.exists()
        # Without a buffer, which would try once more when it is closed.
        with self.path.open("ab", buffering=0) as file:
            # What was torn, by a crash or a full disk, has not happened.
            file.truncate(self._valid)
            rest = text
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        if created:
            _sync_folder(self.path.parent)
        self._valid += len(text)

    def clear(self) -> None:
        """Starts again: for chains that are gone."""
        with self._lock:
            self.path.unlink(missing_ok=True)
            self._valid = 0
            self._forget()

    @property
    def genesis(self) -> dict[str, str]:
        """Hash of block 0 by chain: which chains this journal is about."""
        return {r["chain"]: r["genesis"] for r in self.records if r["record"] == "chain"}

    def creation(self, chain: str, contract: str) -> Creation | None:
        """How a contract was created; None if it was not by us. The last time: a chain may have been begun anew."""
        end = self._created.get((chain, f"{_CREATE}{contract}"))
        if end is None:
            return None
        sent = self._sent[end["hash"]]
        return Creation(end["block"], end["hash"], sent.get("arguments"), sent.get("commit"))

    def sent(self, chain: str, sender: str, nonce: int) -> list[dict[str, Any]]:
        """Records of what was signed with a nonce and has no end yet: one transaction, for rising fees."""
        return [r for r in self._open_on(chain) if (r["from"], r["nonce"]) == (sender, nonce)]

    def in_flight(self, chain: str) -> list[InFlight]:
        """Signed transactions of a chain whose fate is unknown, in the order of signing."""
        return [
            InFlight(r["chain"], r["step"], r["from"], r["nonce"], r["hash"], r["raw"], r.get("time"))
            for r in self._open_on(chain)
        ]

    def _open_on(self, chain: str) -> list[dict[str, Any]]:
        return list(self._open.get(chain, {}).values())

    def _forget(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._sent: dict[str, dict[str, Any]] = {}
        self._open: dict[str, dict[str, dict[str, Any]]] = {}
        self._created: dict[tuple[str, str], dict[str, Any]] = {}

    def _note(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        kind, chain = record["record"], record["chain"]
        if kind == "send":
            self._sent[record["hash"]] = record
            self._open.setdefault(chain, {})[record["hash"]] = record
        elif kind in ("receipt", "dropped"):
            self._open.get(chain, {}).pop(record["hash"], None)
        if kind == "receipt" and record["status"] == 1 and record["step"].startswith(_CREATE):
            self._created[chain, record["step"]] = record


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def journal_rows(journal: Journal) -> list[dict[str, Any]]:
    """Every transaction that was sent, in order: chain, step, nonce, hash, state, block, gas, wei that it cost."""
    fates = {r["hash"]: r for r in journal.records if r["record"] in ("receipt", "dropped")}
    rows = []
    for sent in (record for record in journal.records if record["record"] == "send"):
        fate = fates.get(sent["hash"], {})
        rows.append(
            {
                "chain": sent["chain"],
                "step": sent["step"],
                "nonce": sent["nonce"],
                "hash": sent["hash"],
                "state": _fate(fate),
                "block": fate.get("block"),
                "gas": fate.get("gas"),
                "paid": fate.get("paid"),
            }
        )
    return rows


def _fate(fate: dict[str, Any]) -> str:
    if not fate:
        return "in flight"
    if fate["record"] == "dropped":
        return "replaced"
    return "done" if fate["status"] == 1 else "reverted"
