"""A validator: signs facts that are true in its own finalized view and contradict nothing it ever signed."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from eth_account.messages import SignableMessage
from eth_utils.address import to_checksum_address

from metalayer.attesting.exchange import Exchange, MalformedFile
from metalayer.attesting.set_file import parse_set
from metalayer.attesting.sets import read_all, read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Restart, extended_request, parse_restarts, restarts_request
from metalayer.network.connection import NODE_FAULTS, Connection, RpcError
from metalayer.network.parallel import in_parallel
from metalayer.protocol.attestation import ValidatorSet, compact, recover, signable
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.protocol.hex import from_hex
from metalayer.validator.record import Contradiction, Record

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


@dataclass(frozen=True)
class Agreed:
    """The next set that an operator agreed to, or why there is none: to everybody, and in detail for the operator."""

    validator_set: ValidatorSet | None
    public: str = ""
    detail: str = ""


_NOTHING_AGREED = Agreed(None, "no next set is agreed here (--next-set)")


class NextSet:
    """The file in which an operator names the next set, see `parse_set`."""

    def __init__(self, path: Path, address_of: Callable[[str], str]) -> None:
        self.path = path
        self._address_of = address_of
        self._content = b""
        self._agreed: Agreed | None = None

    def read(self) -> Agreed:
        """What the file says now. It is parsed only if it changed."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            return Agreed(
                None, "the file of the next set cannot be read here", f"{self.path}: {error.strerror}"
            )
        if self._agreed is None or content != self._content:
            self._content, self._agreed = content, self._parse(content)
        return self._agreed

    def _parse(self, content: bytes) -> Agreed:
        try:
            return Agreed(parse_set(content.decode(errors="replace"), str(self.path), self._address_of))
        except MetalayerError as error:
            return Agreed(None, "the file of the next set is malformed here", str(error))


@dataclass
class _Delay:
    seconds: float = _FIRST_RETRY
    until: float = 0.0
    reason: str = ""


@dataclass
class Validator:
    """One validator over one exchange. `connections` are by chain name. Without `next_set` no set fact is signed."""

    signer: Signer
    connections: Mapping[str, Connection]
    network_id: int
    gateway: str
    exchange: Exchange
    record: Record
    next_set: NextSet | None = None
    _agreed: Agreed = _NOTHING_AGREED
    _settled: set[bytes] = field(default_factory=set)
    _refused_sets: set[bytes] = field(default_factory=set)
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
        next_set: NextSet | None = None,
    ) -> "Validator":
        """A validator with its record at that path, bound to its signer, the network and the gateway."""
        identity = f"validator {signer.address} of network {network_id} at {to_checksum_address(gateway)}"
        return cls(signer, connections, network_id, gateway, exchange, Record(record, identity), next_set)

    @property
    def address(self) -> str:
        """Checksummed address of the signing key."""
        return to_checksum_address(self.signer.address)

    def pass_once(self, *, patient: bool = False) -> list[Verdict]:
        """Judges every proposal that is not settled. Chains are asked only if there is one.

        `patient`: one that had to wait is looked at again after a growing delay only.
        """
        self._read_next_set()
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

    def memberships(self) -> list[str]:
        """To which sets it belongs, a line for each set and for each chain that does not answer."""
        found, problems = read_all(self.connections, self.gateway)
        chains: dict[ValidatorSet, list[str]] = {}
        for sets in found:
            chains.setdefault(sets.installed, []).append(sets.name)
        lines = [
            f"{'in' if self._is_in(installed) else 'not in'} validator set {installed.version} of {', '.join(names)}"
            for installed, names in sorted(chains.items(), key=lambda item: item[0].version)
        ]
        self._read_next_set()
        following = self._agreed.validator_set
        if following is not None:
            lines.append(
                f"{'in' if self._is_in(following) else 'not in'} the next validator set, {following.version}: "
                f"0x{following.hash.hex()}"
            )
        if not any(self._is_in(one) for one in (*chains, *([following] if following else []))):
            lines.append(f"warning: {self.address} is in no validator set: nobody counts it")
        return lines + list(problems.values())

    def _is_in(self, validator_set: ValidatorSet) -> bool:
        return self.address in (signer for signer, _ in validator_set.members)

    def _read_next_set(self) -> None:
        agreed = _NOTHING_AGREED if self.next_set is None else self.next_set.read()
        if agreed == self._agreed:
            return
        self._agreed = agreed
        if agreed.detail:
            log.warning("no set is agreed: %s", agreed.detail)
        # What did not fit the file before may be what it says now.
        self._settled -= self._refused_sets
        self._refused_sets.clear()

    def _forget(self, standing: Sequence[bytes]) -> None:
        present = set(standing)
        self._settled &= present
        self._refused_sets &= present
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
            if any(isinstance(fact, SetFact) for fact in facts):
                self._refused_sets.add(root)
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
        by_origin: dict[int, list[LaneFact | RestartFact]] = {}
        for fact in facts:
            if isinstance(fact, SetFact):
                if self.network_id not in by_id:
                    raise Refused(f"{fact.key}: nothing is deployed to the hub")
                self._verify_set(by_id[self.network_id], fact)
            else:
                _check_form(fact, by_id)
                by_origin.setdefault(fact.origin, []).append(fact)

        def verify(origin: int) -> None:
            with _careful(by_id[origin]):
                self._verify_origin(by_id[origin], by_origin[origin])

        in_parallel(verify, by_origin)

    def _verify_set(self, hub: Connection, fact: SetFact) -> None:
        """The agreed set, and one that follows the hub's or is there already, for a chain that lags behind."""
        agreed = self._agreed.validator_set
        if agreed is None:
            raise Refused(f"{fact.key}: {self._agreed.public}")
        if (fact.version, fact.set_hash) != (agreed.version, agreed.hash):
            raise Refused(
                f"{fact.key}: 0x{fact.set_hash.hex()} is not agreed here, but set {agreed.version} with hash "
                f"0x{agreed.hash.hex()}"
            )
        with _careful(hub):
            _check_chain(hub, hub.rpc("eth_chainId"))
            found = read_sets(hub, self.gateway)
        installed = found.installed
        if installed.hash == agreed.hash:
            return
        try:
            agreed.validate(found.now)
        except MetalayerError as error:
            raise Refused(f"{fact.key}: {error}") from error
        if agreed.version <= installed.version or agreed.expires <= installed.expires:
            raise Refused(
                f"{fact.key}: {hub.chain.name} has set {installed.version}, which expires at {installed.expires}: the "
                "next one needs a higher version and a later expiry"
            )

    def _verify_origin(self, connection: Connection, facts: Sequence[LaneFact | RestartFact]) -> None:
        found_id, height = connection.batch([("eth_chainId", ()), ("eth_blockNumber", ())])
        _check_chain(connection, found_id)
        finalized = max(0, int(height, 16) - connection.chain.preset.finality_depth)
        lane_facts = [fact for fact in facts if isinstance(fact, LaneFact)]
        logs = dict(zip(lane_facts, self._logs(connection, lane_facts, finalized), strict=True))
        # Restarts are rare: they are asked for only if one is claimed, or may be why a message is not there.
        odd = [fact for fact in facts if isinstance(fact, RestartFact) or not logs[fact]]
        restarts = self._restarts(connection, {fact.destination for fact in odd}, finalized)
        for fact in facts:
            if isinstance(fact, LaneFact) and logs[fact]:
                self._verify_head(connection, fact, logs[fact][0], finalized)
            else:
                self._verify_place(connection, fact, restarts[fact.destination], finalized)

    def _verify_head(
        self, connection: Connection, fact: LaneFact, entry: Mapping[str, Any], finalized: int
    ) -> None:
        _, (wanted,) = extended_request(self.gateway, fact.destination, fact.nonce, 0, finalized)
        self._check_log(connection, entry, wanted["topics"], finalized)
        head = from_hex(entry["data"])[-32:]
        if head != fact.head:
            raise Refused(
                f"{_lane(connection, fact)}: the head after message {fact.nonce} is 0x{head.hex()}, "
                f"not 0x{fact.head.hex()}"
            )
        self._found_at[fact.origin, fact.destination] = (fact.nonce, int(entry["blockNumber"], 16))

    def _verify_place(
        self,
        connection: Connection,
        fact: LaneFact | RestartFact,
        restarts: Sequence[Restart],
        finalized: int,
    ) -> None:
        """Returns if a restart fact is true. A lane fact is not: no message stands at its place."""
        lane, nonce = _lane(connection, fact), fact.nonce
        is_restart = isinstance(fact, RestartFact)
        for restart in restarts:
            if is_restart and restart.nonce == nonce:
                return
            if restart.last < nonce <= restart.nonce:
                what = "another restart" if is_restart else "a message"
                raise Refused(
                    f"{lane}: {what} never stands at {nonce}: it was restarted at {restart.nonce} after message "
                    f"{restart.last}"
                )
        if not is_restart:
            raise NotYet(f"{lane}: there is no message {nonce} up to finalized block {finalized}")
        method, params = extended_request(self.gateway, fact.destination, nonce, 0, finalized)
        if connection.rpc(method, *params):
            raise Refused(f"{lane}: it was not restarted at {nonce}: a message stands there")
        raise NotYet(f"{lane}: it was not restarted at {nonce} up to finalized block {finalized}")

    def _check_log(
        self, connection: Connection, entry: Mapping[str, Any], wanted: Sequence[Any], finalized: int
    ) -> None:
        """RpcError unless a node's answer is what was asked for: a log of this gateway with these topics (the first
        ones at least), and final."""
        topics = [topic[0] if isinstance(topic, list) else topic for topic in wanted]
        if (
            str(entry["address"]).lower() != self.gateway.lower()
            or entry["topics"][: len(topics)] != topics
            or entry.get("removed", False)
            or int(entry["blockNumber"], 16) > finalized
        ):
            raise RpcError(
                f"{connection.chain.name}: its node answers with another log than asked for", 0, b""
            )

    def _restarts(
        self, connection: Connection, destinations: Iterable[int], finalized: int
    ) -> dict[int, list[Restart]]:
        """All restarts of the lanes to these destinations."""
        requests = {
            destination: restarts_request(self.gateway, destination, finalized)
            for destination in destinations
        }
        answers = self._restart_logs(connection, list(requests.values()))
        for (_, (wanted,)), entries in zip(requests.values(), answers, strict=True):
            for entry in entries:
                self._check_log(connection, entry, wanted["topics"], finalized)
        return {
            destination: parse_restarts(entries)
            for destination, entries in zip(requests, answers, strict=True)
        }

    def _restart_logs(
        self, connection: Connection, requests: Sequence[tuple[str, Sequence[Any]]]
    ) -> list[list[dict[str, Any]]]:
        return connection.batch(requests) if requests else []

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


@contextmanager
def _careful(connection: Connection) -> Iterator[None]:
    """What a node does wrong makes a fact wait."""
    try:
        yield
    except (NotYet, Refused):
        raise
    except NODE_FAULTS as error:
        # Everybody reads the exchange: what a node's address may hold stays in this process's log.
        log.warning("%s", error)
        raise NotYet(f"{connection.chain.name}: its node does not answer as it should") from error


def _check_chain(connection: Connection, found_id: str) -> None:
    if int(found_id, 16) != connection.chain.chain_id:
        raise RpcError(f"{connection.chain.name}: its node is of chain {int(found_id, 16)}", 0, b"")


def _lane(connection: Connection, fact: LaneFact | RestartFact) -> str:
    return f"lane {connection.chain.name} to {fact.destination}"


def _check_form(fact: LaneFact | RestartFact, known: Mapping[int, Connection]) -> None:
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
