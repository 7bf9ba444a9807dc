"""The watcher: finds what validators signed and cannot both be true, or is false about the hub, and opens the cases.

Which cases there are it reads from the hub each time: whenever it is killed, the next one goes on, and opens none
twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.terms import read_published, read_term
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol import slasher, staking
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import Fact
from metalayer.protocol.reverts import parse
from metalayer.protocol.rpc import call_request
from metalayer.protocol.slasher import ABOUT, Accusation, CaseState
from metalayer.protocol.staking import LIABILITY, Key, ValidatorState
from metalayer.relayer.gas import Means
from metalayer.relayer.loops import guard
from metalayer.staking.archive import Archive
from metalayer.staking.evidence import Charge, contradictions, equivocations, falsehoods, in_order
from metalayer.staking.hearing import ChainEar, ExchangeEar
from metalayer.staking.standing import open_cases
from metalayer.staking.truth import Sight, falsehood, look

# Facts about the hub that are looked at together.
_MOST_FACTS = 2_000
# Charges of one group that are tried after each other.
_MOST_TRIES = 8
# An estimate runs in the latest block: see `metalayer.staking.chores`.
_MARGIN = 120_000
# After a transaction that reverted the same is not sent again for so many seconds.
_PAUSE = 600.0
_FORGETS_EVERY = 86_400.0

_NOT_DUE = (
    "AlreadyAccused(bytes32)",
    "HeadNotInLane(uint256,uint256,bytes32,uint256)",
    "IsPardoned(bytes32)",
    "NotAboveRestart(uint256,uint256,uint64)",
    "NotBeyondLane(uint256,uint256,uint64)",
    "NotBeyondSets(uint256,uint256)",
    "NotLiable(uint256)",
    "SetHasEnded(uint64,uint256)",
    "UnknownKey(address)",
    "WrongState(uint256,uint8)",
)
"""Refusals that are nobody's problem: it was reported, pardoned, nothing is at stake, or the hub went on meanwhile."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A case that this watcher opened."""

    key: bytes
    accusation: Accusation
    transaction: str
    gas: int


@dataclass
class Watched:
    """What one pass did. `signatures`: how many it saw for the first time."""

    signatures: int = 0
    opened: list[Opened] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Watcher:
    """Over one exchange and all chains of a network. `sender` pays for the cases, and gets the rewards."""

    mesh: Mesh
    exchange: Exchange
    archive: Archive
    sender: Sender
    _whose: dict[str, int] = field(default_factory=dict)
    _paused: dict[bytes, float] = field(default_factory=dict)
    _forgot: float = -_FORGETS_EVERY

    def __post_init__(self) -> None:
        if self.mesh.hub is None:
            raise MetalayerError("nothing is deployed to the hub")
        self.hub: Connection = self.mesh.hub
        self._hub_nodes = Nodes.of(self.hub)
        self._ear = ExchangeEar(self.exchange, self.mesh.domain, self.archive)
        self._ears = {
            name: ChainEar(self.mesh, one, self.archive) for name, one in self.mesh.connections.items()
        }

    def pass_once(self, say: Callable[[str], None]) -> Watched:
        """Listens, and opens what cases there are. Whatever is wrong with one chain is a problem, and holds up nothing
        else; without the hub nothing can be judged.
        """
        result = Watched()
        with guard(self.hub.name, result.problems.append):
            self._read_keys()
        if not self._whose:
            return result
        self._listen(result)
        charges: list[Charge] = []
        with guard(self.hub.name, result.problems.append):
            charges += self._contested(result)
        with guard(self.hub.name, result.problems.append):
            charges += self._false(result)
        if charges:
            with guard(self.hub.name, result.problems.append):
                self._accuse(charges, result, say)
        return result

    def run(self, stop: threading.Event, every: float, say: Callable[[str], None]) -> None:
        """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
        told: set[str] = set()
        while not stop.is_set():
            result = self.pass_once(say)
            for problem in dict.fromkeys(result.problems):
                if problem not in told:
                    say(problem)
            told = set(result.problems)
            stop.wait(every)

    # What was signed

    def _read_keys(self) -> None:
        """Whose keys are whose, as enough nodes say; what keys signed that answer no more is forgotten."""
        keys = dict(self._hub_nodes.agreed(lambda node: read_keys(node, self.mesh.staking)))
        # By this machine's clock, and a day later: what is forgotten is not seen again.
        long_ago = time.time() - LIABILITY - _FORGETS_EVERY
        dead = [signer for signer, key in keys.items() if 0 < key.retired_at < long_ago]
        self._whose = {signer: key.validator for signer, key in keys.items() if signer not in dead}
        if time.monotonic() > self._forgot + _FORGETS_EVERY:
            self.archive.forget(dead)
            self._forgot = time.monotonic()

    def _listen(self, result: Watched) -> None:
        with guard("", result.problems.append):
            result.signatures += self._ear.listen(self._whose)

        def listen(ear: ChainEar) -> int | str:
            try:
                return ear.listen(self._whose)
            except MetalayerError as error:
                return fault(ear.connection, error)

        for heard in in_parallel(listen, self._ears.values()):
            if isinstance(heard, str):
                result.problems.append(heard)
            else:
                result.signatures += heard

    # What convicts

    def _contested(self, result: Watched) -> list[Charge]:
        found: list[Charge] = []
        newest: ValidatorSet | None = None
        asked = False
        for sightings in self.archive.contested():
            found += equivocations(sightings, self._whose)
            if not asked:
                asked = True
                with guard(self.hub.name, result.problems.append):
                    newest = self._newest()
            if newest is not None:
                found += contradictions(sightings, self._whose, newest)
        return found

    def _newest(self) -> ValidatorSet | None:
        """The only set whose quorum accuses; None if it does not any more."""
        term = read_term(self.hub, self.mesh.staking)
        if not term.version or term.ended or term.now > term.expires:
            return None
        return read_published(self.hub, self.mesh.staking, term.set_hash)[-1]

    def _false(self, result: Watched) -> list[Charge]:
        found: list[Charge] = []
        facts = self.archive.open_facts()
        for begin in range(0, len(facts), _MOST_FACTS):
            for fact, sight in self._look(facts[begin : begin + _MOST_FACTS]).items():
                if sight in (Sight.TRUE, Sight.UNKNOWN):
                    continue
                with guard(self.hub.name, result.problems.append):
                    shown = falsehood(self.mesh, self.hub, fact, sight)
                    if shown is not None:
                        found += falsehoods(self.archive.about(fact), self._whose, shown)
        return found

    def _look(self, facts: Sequence[Fact]) -> dict[Fact, Sight]:
        """What enough nodes say of these facts; what is true and final is remembered."""
        nodes = self._hub_nodes

        def read(node: Connection) -> tuple[int, int, dict[Fact, Sight]]:
            latest, final = node.height(), node.finalized()
            return latest, final, look(node, self.mesh, facts)

        answers, faults = nodes.ask(read)
        if len(answers) < nodes.agree:
            raise MetalayerError(f"{nodes.too_few(len(answers))}{nodes.named(faults)}")
        found: dict[Fact, Sight] = {}
        for fact in facts:
            sight = nodes.vote({place: said[fact] for place, (_, _, said) in answers.items()})
            found[fact] = Sight.UNKNOWN if sight is None else sight
        true = [fact for fact, sight in found.items() if sight is Sight.TRUE]
        finals = sorted((final for _, final, _ in answers.values()), reverse=True)
        latest = max(latest for latest, _, _ in answers.values())
        self.archive.hold(true, found.keys() - set(true), latest, finals[nodes.agree - 1])
        return found

    # Cases

    def _accuse(self, charges: Iterable[Charge], result: Watched, say: Callable[[str], None]) -> None:
        court = self.hub.view(self.mesh.staking, staking.SLASHER)
        lost: dict[int, bool] = {}
        for group in in_order(charges):
            id_ = group[0].accusation.validator
            if id_ not in lost:
                lost[id_] = self._is_lost(court, id_)
            if lost[id_]:
                continue
            with guard(self.hub.name, result.problems.append):
                opened = self._open_first(court, group, result)
                if opened is not None:
                    result.opened.append(opened)
                    say(f"{self.hub.name}: {self.line(opened)}")
                    lost[id_] = not opened.accusation.kind.pardonable

    def _is_lost(self, court: str, id_: int) -> bool:
        """Whether nothing more can be done to a validator: it was slashed, or will be, and nobody can pardon it."""
        known = self.hub.view(self.mesh.staking, staking.VALIDATOR, id_)
        if known.state is ValidatorState.ENDED:
            return True
        cases = open_cases(self.hub, court, id_) if known.open_cases else ()
        return any(not case.accusation.kind.pardonable for case in cases)

    def _open_first(self, court: str, group: Sequence[Charge], result: Watched) -> Opened | None:
        """Opens the first of these cases that the Slasher takes, unless one of those before is there already."""
        tried = group[:_MOST_TRIES]
        cases = self.hub.batch(slasher.CASE_OF.request(court, one.accusation.key) for one in tried)
        reasons = []
        for charge, case in zip(tried, cases, strict=True):
            if case.state is not CaseState.NONE or self._is_paused(charge.data):
                return None
            refused = self._hub_nodes.agreed(partial(self._rehearse, court, charge.data))
            if not refused:
                return self._open(court, charge)
            if refused.startswith("IsPardoned("):
                return None
            if refused not in _NOT_DUE:
                reasons.append(
                    f"cannot open the case against {_named(charge.accusation, self._names)}: {refused}"
                )
        result.problems += [f"{self.hub.name}: {reason}" for reason in reasons]
        return None

    def _rehearse(self, court: str, data: bytes, node: Connection) -> str:
        """Why the Slasher would not open a case, as a node says; empty if it would."""
        try:
            node.ask(call_request(court, data, sender=self.sender.address))
        except Reverted as error:
            known = parse(error.data)
            return known[0] if known else error.reason
        return ""

    def _is_paused(self, data: bytes) -> bool:
        return time.monotonic() < self._paused.get(data, 0.0)

    def _open(self, court: str, charge: Charge) -> Opened | None:
        hub, sender = self.hub, self.sender
        # What another process of this account sent may be this very case: then the estimate says so.
        hub.make_way(sender)
        try:
            gas = hub.estimate(sender.address, court, charge.data) * 6 // 5 + _MARGIN
        except Reverted as error:
            known = parse(error.data)
            if known and known[0] in _NOT_DUE:
                return None
            raise
        gas = min(MAX_TRANSACTION_GAS, gas)
        Means.read(hub, sender.address).check(hub, sender.address, gas)
        self._paused[charge.data] = time.monotonic() + _PAUSE
        (receipt,) = hub.submit(sender, [Transaction(court, charge.data, gas)])
        if receipt["status"] != 1:
            raise RpcError(
                f"the case against {_named(charge.accusation, self._names)} reverted in {receipt['transactionHash']}"
            )
        del self._paused[charge.data]
        return Opened(
            charge.accusation.key, charge.accusation, receipt["transactionHash"], receipt["gasUsed"]
        )

    @property
    def _names(self) -> Mapping[int, str]:
        return {id_: connection.name for id_, connection in self.mesh.by_id.items()}

    def line(self, opened: Opened) -> str:
        """One line about a case."""
        return (
            f"case 0x{opened.key.hex()} opened against {_named(opened.accusation, self._names)}, "
            f"{opened.gas:,} gas, in {opened.transaction}"
        )


def _named(about: Accusation, names: Mapping[int, str]) -> str:
    return f"validator {about.validator}: {ABOUT[about.kind]}: {about.place(names)}"


def read_keys(node: Connection, address: str) -> tuple[tuple[str, Key], ...]:
    """All keys that validators ever had, as a node of the hub says."""
    registered, rotated = node.batch(
        [staking.REGISTERED.history(address), staking.KEY_ROTATED.history(address)]
    )
    signers = sorted({event[2] for event, _ in (*registered, *rotated)})
    keys = node.batch(staking.KEY.request(address, signer) for signer in signers)
    return tuple(zip(signers, keys, strict=True))


def as_dict(result: Watched) -> dict[str, Any]:
    """For --json."""
    return {
        "signatures": result.signatures,
        "opened": [
            {
                "key": "0x" + one.key.hex(),
                "validator": one.accusation.validator,
                "kind": one.accusation.kind.name.lower(),
                "origin": one.accusation.origin,
                "destination": one.accusation.destination,
                "nonce": one.accusation.nonce,
                "transaction": one.transaction,
                "gas": one.gas,
            }
            for one in result.opened
        ],
        "problems": result.problems,
    }
