"""What one validator ever signed."""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.network.locks import exclusive
from metalayer.protocol.facts import Fact, SetFact, rival

# "MLVR" as a number: SQLite keeps it in the file's header.
_APPLICATION = 0x4D4C5652
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION};
CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE identity (name TEXT PRIMARY KEY);
CREATE TABLE chains (id TEXT PRIMARY KEY, height INTEGER, hash TEXT, reorganised TEXT);
COMMIT;
"""
_BUSY = 30.0
_RESTORE = (
    "a key that signed before needs its record back, one that never signed here begins with --new-record"
)


class Contradiction(MetalayerError):
    """A fact says something else than one that was signed before."""


@dataclass(frozen=True)
class Anchor:
    """A block that was final: whoever has another one at its height has another history. Unix seconds."""

    height: int
    hash: str
    time: int = field(default=0, compare=False)


class Record:
    """Everything that one validator ever signed, on disk before the signature exists; and of each chain, a block that
    was final when it last signed something of it, and whether it was reorganised since.

    One process for each key: MetalayerError if another one has it open with this one, if it is another validator's, or
    if it is anything but a whole record. A missing one is never begun anew, but with `begin`: what it held may have
    been signed.

    elders: identities of the keys that the validator had before this one, and whether they still answer for what they
    signed. They contradict each other as one key does: a record of one of them goes on as this key's, too, and is
    shared by both while the old one signs. MetalayerError if this key's record is none of a key that still answers, or
    if it is to begin one then.
    """

    def __init__(
        self,
        path: Path,
        identity: str,
        *,
        begin: bool = False,
        elders: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        self._path = path
        try:
            # By the key: two keys of one validator are two processes.
            key = keccak(text=identity)[:4].hex()
            self._lock = exclusive(
                path.with_name(f"{path.name}.{key}.lock"),
                f"another validator has the record {path} (one key, one process)",
            )
            try:
                if begin:
                    _refuse_fresh(path, identity, elders)
                    _begin(path, identity)
                self._database = _open(path, identity, elders)
            except BaseException:
                self._lock.release()
                raise
        except (OSError, sqlite3.Error) as error:
            raise MetalayerError(f"cannot open the record {path}: {error}: {_RESTORE}") from error

    def commit(self, facts: Iterable[Fact], anchors: Mapping[int, Anchor] | None = None) -> None:
        """Writes facts that are about to be signed, and by chain id the blocks up to which they were looked for.

        When it returns they are on disk.

        Contradiction, and nothing written, if one of them has another value than before, or if a message and a restart
        would stand at one place of a lane.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for fact in facts:
                    signed = self._signed(fact.key)
                    if signed is None:
                        self._database.execute("INSERT INTO facts VALUES (?, ?)", (fact.key, fact.value))
                    elif signed != fact.value:
                        raise Contradiction(
                            f"{fact.key}: signed 0x{signed.hex()} before, this is 0x{fact.value.hex()}: "
                            + _what_happened(fact)
                        )
                    other = rival(fact)
                    if other is not None and self._signed(other) is not None:
                        raise Contradiction(f"{fact.key}: signed '{other}' before: {_what_happened(fact)}")
                for chain_id, anchor in (anchors or {}).items():
                    self._database.execute(
                        "INSERT INTO chains (id, height, hash) VALUES (?, ?, ?) "
                        "ON CONFLICT (id) DO UPDATE SET height = excluded.height, hash = excluded.hash "
                        "WHERE chains.height IS NULL OR chains.height < excluded.height",
                        (str(chain_id), anchor.height, anchor.hash),
                    )
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise MetalayerError(f"cannot write the record {self._path}: {error}") from error

    def _signed(self, key: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def anchors(self) -> dict[int, Anchor]:
        """By chain id."""
        rows = self._database.execute("SELECT id, height, hash FROM chains WHERE hash IS NOT NULL")
        return {int(id_): Anchor(height, hash_) for id_, height, hash_ in rows}

    def reorganised(self) -> dict[int, str]:
        """The chains that were seen reorganised below their finality, by id, and how."""
        rows = self._database.execute("SELECT id, reorganised FROM chains WHERE reorganised IS NOT NULL")
        return {int(id_): how for id_, how in rows}

    def distrust(self, chain_id: int, how: str) -> None:
        """Remembers that a chain was reorganised below its finality, until `trust_again`."""
        self._write(
            "INSERT INTO chains (id, reorganised) VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET reorganised = excluded.reorganised",
            (str(chain_id), how),
        )

    def trust_again(self, chain_id: int) -> None:
        """Begins again with what the chain says is final now. What was signed stays."""
        self._write("DELETE FROM chains WHERE id = ?", (str(chain_id),))

    def _write(self, statement: str, values: Sequence[str]) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise MetalayerError(f"cannot write the record {self._path}: {error}") from error

    def close(self) -> None:
        """Lets another process have it."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def record_of(folder: Path, address: str) -> Path | None:
    """The file in a folder that says it is a key's record, whatever its name; None if there is none."""
    for path in sorted(folder.glob("*.sqlite")):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                names = [name for (name,) in database.execute("SELECT name FROM identity")]
        except sqlite3.Error:
            continue
        if any(address in name.split() for name in names):
            return path
    return None


def record_file(folder: Path, address: str, elders: Iterable[str]) -> Path:
    """A key's own file in a folder, there or not, or the one with which it goes on: that of the latest key before it
    that has one.
    """
    own, *others = (folder / f"{one.lower()}.sqlite" for one in (address, *elders))
    if own.exists():
        return own
    return record_of(folder, address) or next((file for file in others if file.exists()), own)


def _refuse_fresh(path: Path, identity: str, elders: Mapping[str, bool]) -> None:
    answering = [elder for elder, answers in elders.items() if answers]
    if answering and not path.exists():
        raise MetalayerError(
            f"no new record is begun for {identity}: what {' and '.join(answering)} signed binds it, because both keys "
            "are one validator's: start it with that record (--record, without --new-record)"
        )


def _begin(path: Path, identity: str) -> None:
    """A record of nothing, whole or not there at all whenever the process ends."""
    if path.exists():
        raise MetalayerError(f"there is a record at {path} already: start with it (without --new-record)")
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with closing(_connect(new)) as database:
        database.executescript(_SCHEMA)
        database.execute("INSERT INTO identity VALUES (?)", (identity,))
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open(path: Path, identity: str, elders: Mapping[str, bool]) -> sqlite3.Connection:
    if not path.exists():
        raise MetalayerError(f"there is no record at {path}: {_RESTORE}")
    if path.stat().st_size == 0:
        raise MetalayerError(f"the record {path} is empty: {_RESTORE}")
    database = _connect(path)
    try:
        if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise MetalayerError(f"{path} is no validator's record: {_RESTORE}")
        faults = [fault for (fault,) in database.execute("PRAGMA integrity_check")]
        if faults != ["ok"]:
            raise MetalayerError(f"the record {path} is damaged ({faults[0]}): {_RESTORE}")
        owners = {name for (name,) in database.execute("SELECT name FROM identity")}
        if identity not in owners and not owners & elders.keys():
            raise MetalayerError(
                f"the record {path} belongs to {', '.join(sorted(owners)) or 'nobody'}, not to {identity}"
            )
        if lacking := [elder for elder, answers in elders.items() if answers and elder not in owners]:
            raise MetalayerError(
                f"the record {path} does not have what {' and '.join(lacking)} signed, whose validator {identity} is: "
                "start it with a record that has"
            )
        database.execute("SELECT key, value FROM facts LIMIT 1")
        database.execute("SELECT id, height, hash, reorganised FROM chains LIMIT 1")
        database.execute("INSERT OR IGNORE INTO identity VALUES (?)", (identity,))
    except BaseException:
        database.close()
        raise
    return database


def _connect(path: Path) -> sqlite3.Connection:
    # The other key of the same validator may be writing.
    database = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    # A rollback journal, synced with its directory: what is committed survives a power cut.
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA synchronous = EXTRA")
    return database


def _what_happened(fact: Fact) -> str:
    if isinstance(fact, SetFact):
        return "a version means one set for ever: the hub was reorganised since, only a higher one is signed"
    return f"chain {fact.origin} was reorganised since, only a restart of the lane mends it"
