"""The exchange as a directory: proposals of facts, validators' signatures and refusals, as plain JSON files.

    <root>/proposal.json             {"facts": [...]}, ascending and unique
    <root>/signatures/<signer>.json  {"signature": "0x..."}, ERC-2098
    <root>/refusals/<signer>.json    {"reason": "...", "final": true or false}

`<root>` is the facts' Merkle root: a proposal cannot be replaced by another. Anybody may write here, so
nothing that is read is believed: sizes are bounded, facts must hash to their root, and whoever counts a
signature recovers its signer first.
"""

import json
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, Literal

from eth_utils.address import to_checksum_address
from pydantic import Field, ValidationError

from metalayer.attesting.exchange import MAX_FACTS, Malformed, canonical
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.network.models import Model, first_fault
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree, UnexecutedFact

_MAX_PROPOSAL_BYTES = 1 << 20
_MAX_FILE_BYTES = 1 << 12
_MAX_REASON = 500
_ROOT = re.compile(r"[0-9a-f]{64}")
_SIGNER = re.compile(r"(0x[0-9a-f]{40})\.json")
_UINT256 = Field(ge=0, lt=1 << 256, strict=True)
_UINT64 = Field(ge=0, lt=1 << 64, strict=True)
_Bytes32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]

log = logging.getLogger(__name__)


class _Lane(Model):
    kind: Literal["lane"]
    origin: Annotated[int, _UINT256]
    destination: Annotated[int, _UINT256]
    nonce: Annotated[int, _UINT64]
    head: _Bytes32


class _Set(Model):
    kind: Literal["set"]
    version: Annotated[int, _UINT64]
    set_hash: _Bytes32


class _Restart(Model):
    kind: Literal["restart"]
    origin: Annotated[int, _UINT256]
    destination: Annotated[int, _UINT256]
    nonce: Annotated[int, _UINT64]


class _Unexecuted(Model):
    kind: Literal["unexecuted"]
    origin: Annotated[int, _UINT256]
    destination: Annotated[int, _UINT256]
    nonce: Annotated[int, _UINT64]
    id: _Bytes32
    status: Annotated[int, Field(ge=0, le=2, strict=True)]


class _Proposal(Model):
    facts: Annotated[
        list[Annotated[_Lane | _Set | _Restart | _Unexecuted, Field(discriminator="kind")]],
        Field(min_length=1, max_length=MAX_FACTS),
    ]


class _Signature(Model):
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{128}$")]


class _Refusal(Model):
    reason: str
    final: bool


class DirectoryExchange:
    """An `Exchange` in one directory. Writes are atomic; malformed files are warned about once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._warned: set[Path] = set()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MetalayerError(f"cannot use {directory} as exchange directory: {error.strerror}") from error

    @classmethod
    def of(cls, live: Live, directory: Path | None = None) -> "DirectoryExchange":
        """By default the one that all commands on this machine share for this network."""
        return cls(directory or live.folder() / "exchange")

    def __str__(self) -> str:
        return str(self.directory)

    def propose(self, facts: Iterable[Fact]) -> bytes:
        """Writes a proposal of these facts unless it is there, and returns its root."""
        ordered = canonical(facts)
        root = Tree(ordered).root
        try:
            known = self.facts(root) is not None
        except Malformed as error:
            log.warning("%s: replaced", error)
            known = False
        if not known:
            _clear(self._folder(root), keep_directory=True)
            _clear(self._folder(root) / "proposal.json")
            content = {"facts": [_to_json(fact) for fact in ordered]}
            _write(self._folder(root) / "proposal.json", content, anew=True)
        return root

    def roots(self) -> list[bytes]:
        """Roots of all proposals, whether well-formed or not."""
        try:
            return [
                bytes.fromhex(entry.name)
                for entry in os.scandir(self.directory)
                if _ROOT.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
        except OSError as error:
            raise MetalayerError(
                f"cannot read exchange directory {self.directory}: {error.strerror}"
            ) from error

    def proposed(self, root: bytes) -> bool:
        """True if there is a proposal, well-formed or not."""
        return (self._folder(root) / "proposal.json").exists()

    def age(self, root: bytes) -> float:
        """Seconds since the proposal's directory changed, 0 if there is none."""
        try:
            return max(0.0, time.time() - self._folder(root).stat().st_mtime)
        except OSError:
            return 0.0

    def facts(self, root: bytes) -> tuple[Fact, ...] | None:
        """The facts under a root, None if there is no proposal (yet, or any more).

        Malformed unless they are ascending, unique and hash to the root.
        """
        path = self._folder(root) / "proposal.json"
        proposal = _read(path, _Proposal, _MAX_PROPOSAL_BYTES)
        if proposal is None:
            return None
        facts = tuple(_from_json(fact) for fact in proposal.facts)
        if facts != canonical(facts):
            raise Malformed(f"{path}: the facts are not in ascending order, or one is there twice")
        if Tree(facts).root != root:
            raise Malformed(f"{path}: the facts do not hash to the root that its directory names")
        return facts

    def sign(self, root: bytes, signer: str, signature: bytes) -> None:
        """Publishes a compact signature, and withdraws the signer's refusal. Nothing if the proposal is gone."""
        for kind in ("signatures", "refusals"):
            _clear(self._folder(root) / kind, keep_directory=True)
            _clear(self._of(root, kind, signer))
        _write(self._of(root, "signatures", signer), {"signature": "0x" + signature.hex()})

    def signature(self, root: bytes, signer: str) -> bytes | None:
        """What stands as this signer's compact signature, not verified. None if nothing well-formed does."""
        file = self._lenient(self._of(root, "signatures", signer), _Signature)
        return None if file is None else bytes.fromhex(file.signature[2:])

    def signers(self, root: bytes) -> list[str]:
        """Checksummed addresses that signature files are named after."""
        return self._named(root, "signatures")

    def refuse(self, root: bytes, signer: str, reason: str, *, final: bool) -> None:
        """Publishes why a validator does not sign: `final` if it never will, otherwise not yet. Nothing if the
        proposal is gone.
        """
        _clear(self._folder(root) / "refusals", keep_directory=True)
        _clear(self._of(root, "refusals", signer))
        _write(self._of(root, "refusals", signer), {"reason": reason[:_MAX_REASON], "final": final})

    def refusals(self, root: bytes, *, final_only: bool = False) -> dict[str, str]:
        """Reasons by checksummed signer, as they stand: anybody can have written them."""
        found = {}
        for signer in self._named(root, "refusals"):
            file = self._lenient(self._of(root, "refusals", signer), _Refusal)
            if file is not None and (file.final or not final_only):
                found[signer] = "".join(c if c.isprintable() else " " for c in file.reason)[:_MAX_REASON]
        return found

    def remove(self, root: bytes) -> None:
        """Removes a proposal with everything under it. No error if it is gone."""
        # Out of the way first: what a validator writes meanwhile would keep the directory, or bring it back.
        aside = self.directory / f".{root.hex()}.{token_hex(8)}"
        with suppress(OSError):
            self._folder(root).rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _folder(self, root: bytes) -> Path:
        return self.directory / root.hex()

    def _of(self, root: bytes, kind: str, signer: str) -> Path:
        return self._folder(root) / kind / f"{signer.lower()}.json"

    def _named(self, root: bytes, kind: str) -> list[str]:
        try:
            names = [entry.name for entry in os.scandir(self._folder(root) / kind)]
        except OSError:
            return []
        matches = (_SIGNER.fullmatch(name) for name in names)
        return [to_checksum_address(match[1]) for match in matches if match]

    def _lenient(self, path: Path, model: type[Any]) -> Any:
        try:
            return _read(path, model, _MAX_FILE_BYTES)
        except Malformed as error:
            if path not in self._warned:
                self._warned.add(path)
                log.warning("%s", error)
            return None


def _to_json(fact: Fact) -> dict[str, Any]:
    if isinstance(fact, SetFact):
        return {"kind": "set", "version": fact.version, "set_hash": "0x" + fact.set_hash.hex()}
    place = {"origin": fact.origin, "destination": fact.destination, "nonce": fact.nonce}
    if isinstance(fact, UnexecutedFact):
        return {"kind": "unexecuted", **place, "id": "0x" + fact.id.hex(), "status": fact.status}
    if isinstance(fact, LaneFact):
        return {"kind": "lane", **place, "head": "0x" + fact.head.hex()}
    return {"kind": "restart", **place}


def _from_json(fact: _Lane | _Set | _Restart | _Unexecuted) -> Fact:
    if isinstance(fact, _Lane):
        return LaneFact(fact.origin, fact.destination, fact.nonce, bytes.fromhex(fact.head[2:]))
    if isinstance(fact, _Set):
        return SetFact(fact.version, bytes.fromhex(fact.set_hash[2:]))
    if isinstance(fact, _Unexecuted):
        return UnexecutedFact(
            fact.origin, fact.destination, fact.nonce, bytes.fromhex(fact.id[2:]), fact.status
        )
    return RestartFact(fact.origin, fact.destination, fact.nonce)


def _read(path: Path, model: type[Any], limit: int) -> Any:
    """The parsed file, None if there is none. Malformed for anything but a regular file of that form."""
    try:
        # Not blocking, not following: whoever may write here may also put a pipe or a link to elsewhere.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Malformed(f"{path}: not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Malformed(f"{path}: larger than {limit} bytes")
    try:
        # Not the standard library's parser: deep nesting overflows its stack, whatever Python's limit says.
        return model.model_validate_json(data)
    except ValidationError as error:
        raise Malformed(f"{path}: {first_fault(error)}") from error


def _clear(path: Path, *, keep_directory: bool = False) -> None:
    """Removes what stands where a file of ours, or a directory, has to be: links, pipes, directories."""
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISDIR(kind):
            path.unlink()
        elif not keep_directory:
            shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise MetalayerError(f"cannot clear {path}: {error.strerror}") from error


def _write(path: Path, content: dict[str, Any], *, anew: bool = False) -> None:
    """Nothing if the proposal's directory is gone, but for what begins it `anew`."""
    temporary = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        path.parent.mkdir(parents=anew, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not anew:
            return
        raise MetalayerError(f"cannot write {path}: {error.strerror}") from error
