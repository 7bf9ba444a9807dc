"""A validator: signs facts that are true in its own finalized view and contradict nothing it ever signed."""

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from eth_account.messages import SignableMessage
from eth_utils.address import to_checksum_address

from metalayer.attestation import Fact, LaneFact, compact, recover, signable
from metalayer.chain import NODE_FAULTS, Connection, RpcError, from_hex, in_parallel
from metalayer.errors import MetalayerError
from metalayer.exchange import Exchange, MalformedFile
from metalayer.lane import extended_request

_POLL = 0.1
_FIRST_RETRY = 0.2
_SLOWEST_RETRY = 30.0

log = logging.getLogger(__name__)


class Signer(Protocol):
    """An account that signs EIP-712 messages: eth_account's and Ape's accounts do."""

    @property
    def address(self) -> str: ...

    def sign_message(self, msg: SignableMessage, /) -> Any:
        """Something with `v`, `r` and `s`."""
        ...


class Contradiction(MetalayerError):
    """A fact says something else than one that was signed before."""


class Record:
    """Everything that one validator ever signed, on disk before the signature exists.

    One process at a time: MetalayerError if another one has it open, or if it is another validator's record.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # A rollback journal, synced with its directory: what is committed survives a power cut.
            self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.execute("PRAGMA synchronous = EXTRA")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
            )
            self._database.execute("CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY)")
        except (OSError, sqlite3.Error) as error:
            raise MetalayerError(f"cannot open the record {path}: {error}") from error
        self._identify(identity)

    def _identify(self, identity: str) -> None:
        row = self._database.execute("SELECT name FROM identity").fetchone()
        if row is None:
            self._database.execute("INSERT INTO identity VALUES (?)", (identity,))
        elif row[0] != identity:
            self.close()
            raise MetalayerError(f"the record {self._path} belongs to {row[0]}, not to {identity}")

    def commit(self, facts: Iterable[Fact]) -> None:
        """Writes facts that are about to be signed. When it returns they are on disk.

        Contradiction, and nothing written, if one of them has another value than before.
        """
        pairs = [(fact.key, fact.value) for fact in facts]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for key, value in pairs:
                    row = self._database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
                    if row is not None and row[0] != value:
                        raise Contradiction(f"{key}: signed 0x{row[0].hex()} before, this is 0x{value.hex()}")
                    if row is None:
                        self._database.execute("INSERT INTO facts VALUES (?, ?)", (key, value))
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise MetalayerError(f"cannot write the record {self._path}: {error}") from error

    def close(self) -> None:
        """Lets another process have it."""
        self._database.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(path: Path) -> int:
    # The kernel drops this lock with the process, however it ends.
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise MetalayerError(
            f"another validator (process {holder or 'unknown'}) has the record {path}: one key, one process"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


class Judgement(Enum):
    """What a validator thinks of a proposal."""

    SIGNED = "signed"
    REFUSED = "refused"
    WAITING = "waiting"
    """Not final yet, or a chain does not answer: looked at again later."""


@dataclass(frozen=True)
class Verdict:
    """One proposal judged in one pass. `reason` is empty if signed."""

    root: bytes
    judgement: Judgement
    reason: str = ""
    facts: int = 0


class NotYet(MetalayerError):
    """A fact that may still become true."""


class Refused(MetalayerError):
    """A fact that is false, or that this validator cannot know."""


@dataclass
class _Delay:
    seconds: float = _FIRST_RETRY
    until: float = 0.0
    reason: str = ""


@dataclass
class Validator:
    """One validator over one exchange. `connections` are by chain name."""

    signer: Signer
    connections: Mapping[str, Connection]
    network_id: int
    gateway: str
    exchange: Exchange
    record: Record
    _settled: set[bytes] = field(default_factory=set)
    _delays: dict[bytes, _Delay] = field(default_factory=dict)
    _found_at: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        signer: Signer,
        connections: Mapping[str, Connection],
        network_id: int,
        gateway: str,
        exchange: Exchange,
        record: Path,
    ) -> "Validator":
        """A validator with its record at that path, bound to its signer, the network and the gateway."""
        identity = f"validator {signer.address} of network {network_id} at {to_checksum_address(gateway)}"
        return cls(signer, connections, network_id, gateway, exchange, Record(record, identity))

    @property
    def address(self) -> str:
        """Checksummed address of the signing key."""
        return to_checksum_address(self.signer.address)

    def pass_once(self, *, patient: bool = False) -> list[Verdict]:
        """Judges every proposal that is not settled. Chains are asked only if there is one.

        `patient`: one that had to wait is looked at again after a growing delay only.
        """
        standing = self.exchange.roots()
        self._forget(standing)
        now = time.monotonic()
        verdicts = []
        for root in standing:
            if root in self._settled or (patient and root in self._delays and self._delays[root].until > now):
                continue
            try:
                verdict = self._judge(root)
                if verdict is not None:
                    self._publish(verdict)
                    verdicts.append(verdict)
            except (MetalayerError, OSError) as error:
                # Whoever may write to the exchange can put things in the way of one proposal, not of the others.
                log.warning("proposal %s: %s", root.hex(), error)
                self._put_off(root)
        return verdicts

    def run(self, stop: threading.Event, report: Callable[[Verdict], None]) -> None:
        """Passes until `stop` is set. Reports each new verdict once."""
        told: dict[bytes, str] = {}
        while not stop.is_set():
            for verdict in self.pass_once(patient=True):
                if told.get(verdict.root) != verdict.reason or verdict.judgement is Judgement.SIGNED:
                    report(verdict)
                told[verdict.root] = verdict.reason
            if len(told) > 2 * len(self._settled) + 1_000:
                told = {root: reason for root, reason in told.items() if root in self._settled}
            stop.wait(_POLL)

    def _forget(self, standing: Sequence[bytes]) -> None:
        present = set(standing)
        self._settled &= present
        for root in self._delays.keys() - present:
            del self._delays[root]

    def _judge(self, root: bytes) -> Verdict | None:
        """None if there is nothing to judge yet, or it is signed already."""
        try:
            facts = self.exchange.facts(root)
        except MalformedFile as error:
            # Not settled: a relayer that proposes these facts replaces the file.
            log.warning("%s", error)
            return Verdict(root, Judgement.WAITING, "the proposal is malformed")
        if facts is None:
            return None
        if self._signed_already(root):
            self._settled.add(root)
            return None
        try:
            # Also what is in the record already: the chain may say something else since.
            self._verify(facts)
            self.record.commit(facts)
        except (Refused, Contradiction) as error:
            return Verdict(root, Judgement.REFUSED, str(error), len(facts))
        except NotYet as error:
            return Verdict(root, Judgement.WAITING, str(error), len(facts))
        signature = compact(self.signer.sign_message(signable(self.network_id, self.gateway, root)))
        self.exchange.sign(root, self.address, signature)
        return Verdict(root, Judgement.SIGNED, facts=len(facts))

    def _signed_already(self, root: bytes) -> bool:
        """A file that somebody else wrote in this validator's name does not count."""
        signature = self.exchange.signature(root, self.address)
        return (
            signature is not None and recover(self.network_id, self.gateway, root, signature) == self.address
        )

    def _publish(self, verdict: Verdict) -> None:
        if verdict.judgement is Judgement.WAITING:
            delay = self._put_off(verdict.root)
            if delay.reason == verdict.reason:
                return
            delay.reason = verdict.reason
        else:
            self._settled.add(verdict.root)
            self._delays.pop(verdict.root, None)
        if verdict.judgement is not Judgement.SIGNED:
            final = verdict.judgement is Judgement.REFUSED
            self.exchange.refuse(verdict.root, self.address, verdict.reason, final=final)

    def _put_off(self, root: bytes) -> _Delay:
        delay = self._delays.setdefault(root, _Delay())
        delay.until = time.monotonic() + delay.seconds
        delay.seconds = min(delay.seconds * 1.5, _SLOWEST_RETRY)
        return delay

    def _verify(self, facts: Sequence[Fact]) -> None:
        """Refused or NotYet with the first fact that is not true in this validator's finalized view."""
        by_id = {connection.chain.chain_id: connection for connection in self.connections.values()}
        by_origin: dict[int, list[LaneFact]] = {}
        for fact in facts:
            _check_form(fact, by_id)
            assert isinstance(fact, LaneFact)
            by_origin.setdefault(fact.origin, []).append(fact)

        def verify(origin: int) -> None:
            try:
                self._verify_origin(by_id[origin], by_origin[origin])
            except (NotYet, Refused):
                raise
            except NODE_FAULTS as error:
                # Everybody reads the exchange: what a node's address may hold stays in this process's log.
                log.warning("%s", error)
                name = by_id[origin].chain.name
                raise NotYet(f"{name}: its node does not answer as it should") from error

        in_parallel(verify, by_origin)

    def _verify_origin(self, connection: Connection, facts: Sequence[LaneFact]) -> None:
        found_id, height = connection.batch([("eth_chainId", ()), ("eth_blockNumber", ())])
        if int(found_id, 16) != connection.chain.chain_id:
            raise RpcError(f"{connection.chain.name}: its node is of chain {int(found_id, 16)}", 0, b"")
        finalized = max(0, int(height, 16) - connection.chain.preset.finality_depth)
        for fact, logs in zip(facts, self._logs(connection, facts, finalized), strict=True):
            where = f"lane {connection.chain.name} to {fact.destination}"
            if not logs:
                raise NotYet(f"{where}: there is no message {fact.nonce} up to finalized block {finalized}")
            self._check_log(connection, fact, logs[0], finalized)
            head = from_hex(logs[0]["data"])[-32:]
            if head != fact.head:
                raise Refused(
                    f"{where}: the head after message {fact.nonce} is 0x{head.hex()}, not 0x{fact.head.hex()}"
                )
            self._found_at[fact.origin, fact.destination] = (fact.nonce, int(logs[0]["blockNumber"], 16))

    def _check_log(
        self, connection: Connection, fact: LaneFact, entry: dict[str, Any], finalized: int
    ) -> None:
        """RpcError unless a node's answer is what was asked for: this gateway's log of this message, and final."""
        _, (wanted,) = extended_request(self.gateway, fact.destination, fact.nonce, 0, finalized)
        topics = [topic[0] if isinstance(topic, list) else topic for topic in wanted["topics"]]
        if (
            entry["address"].lower() != self.gateway.lower()
            or entry["topics"] != topics
            or entry.get("removed", False)
            or int(entry["blockNumber"], 16) > finalized
        ):
            raise RpcError(
                f"{connection.chain.name}: its node answers with another log than asked for", 0, b""
            )

    def _logs(
        self, connection: Connection, facts: Sequence[LaneFact], last: int
    ) -> list[list[dict[str, Any]]]:
        """LaneExtended logs of each fact's nonce, searched from the last fact that was found on."""
        starts = []
        for fact in facts:
            nonce, block = self._found_at.get((fact.origin, fact.destination), (0, 0))
            starts.append(block if nonce <= fact.nonce and block <= last else 0)
        results: list[list[dict[str, Any]]] = connection.batch(
            extended_request(self.gateway, fact.destination, fact.nonce, start, last)
            for fact, start in zip(facts, starts, strict=True)
        )
        for i, (fact, start) in enumerate(zip(facts, starts, strict=True)):
            if not results[i] and start > 0:
                # Not above the block remembered: it may be below, if that block was reorganised.
                method, params = extended_request(self.gateway, fact.destination, fact.nonce, 0, last)
                results[i] = connection.rpc(method, *params)
        return results


def _check_form(fact: Fact, known: Mapping[int, Connection]) -> None:
    if not isinstance(fact, LaneFact):
        raise Refused(f"{fact.key}: there is no record of validator sets to compare it with")
    for chain_id in (fact.origin, fact.destination):
        if chain_id not in known:
            raise Refused(f"{fact.key}: there is no chain {chain_id} in the network")
    if fact.origin == fact.destination:
        raise Refused(f"{fact.key}: a lane has two different ends")
    if fact.nonce == 0:
        raise Refused(f"{fact.key}: there is nothing to deliver up to nonce 0")


def describe(verdict: Verdict) -> str:
    """One line for people."""
    root = f"0x{verdict.root.hex()}"
    if verdict.judgement is Judgement.SIGNED:
        return f"signed {root}: {verdict.facts} facts"
    if verdict.judgement is Judgement.WAITING:
        return f"waiting with {root}: {verdict.reason}"
    return f"refused {root}: {verdict.reason}"
