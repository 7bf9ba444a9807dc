"""Decisions on their way from the hub's outbox to arcade's governor, beside a model of both: P7c, P7d, P8b, P8c.

Gateways bring what they like: one that is accepted stands for a quorum that may forge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from metalayer.lanes.logs import parse
from tests.kit.decisions import (
    DELAY,
    GATEWAYS,
    GRACE,
    LIFETIME,
    OFFICES_DELAY,
    POSTPONEMENT,
    PRECEDENT_TIME,
    Action,
    Decision,
    Remote,
    State,
    act,
)
from tests.kit.evm import Contract, code_of, now, set_code
from tests.kit.roles import ATTACKER, OWNER, SENDER

HOUR = 3_600
PLAIN, SECOND, CANCEL, OFFICES, BESIDE, ACCEPT, DROP, CANCEL_OFFICES, FRAGILE, DROP_NEW, AFTER, NOWHERE = (
    range(12)
)
"""Decisions, by what they do."""
FIRST, NEW = GATEWAYS[:2]
NOBODY = "0x00000000000000000000000000000000000Facea"
"""An account without code."""
_VIEWS: tuple[tuple[str, ...], ...] = (
    ("stateOf",),
    ("readyAt",),
    ("expiresAt",),
    ("isPostponed",),
    ("isProtected",),
    ("isBroughtBy", FIRST),
    ("isBroughtBy", NEW),
)


@dataclass(frozen=True)
class World:
    """Both halves, and what they call."""

    outbox: Contract
    timelock: str
    """The hub's."""
    gateway: Contract
    """The hub's."""
    destination: int
    remote: Remote
    target: Contract
    fragile: Contract
    """Its code changes."""

    def decisions(self) -> list[Decision]:
        """In the order of their names. The ids of the first ones stand in later ones."""
        governor, offices = self.remote.governor, (self.remote.guardian, self.remote.recovery)
        plain = Decision([act(self.target, "setBehaviour", 1)])
        renew = act(governor, "setOffices", *offices)
        named = Decision([renew])
        return [
            plain,
            Decision([act(self.target, "setBehaviour", 2)], precedent=plain.id),
            Decision([act(self.target, "setBehaviour", 3)], cancels=[plain.id]),
            named,
            Decision([renew, act(self.target, "setBehaviour", 4)]),
            Decision([act(governor, "setGateway", NEW, True)]),
            Decision([act(governor, "setGateway", FIRST, False)]),
            Decision([], cancels=[named.id]),
            Decision([act(self.fragile, "setBehaviour", 1)]),
            Decision([act(governor, "setGateway", NEW, False)]),
            Decision([renew], precedent=plain.id),
            Decision([Action(NOBODY, b"\x01\x02\x03\x04", 0, keccak(b""))]),
        ]


@dataclass(frozen=True)
class Record:
    """What the model knows of a decision. `outcome`: unknown, waiting, executed or refused."""

    ready: int = 0
    executed: int = 0
    brought: frozenset[str] = field(default_factory=frozenset)
    cancelled: frozenset[str] = field(default_factory=frozenset)
    offices: int = 0
    outcome: State = State.UNKNOWN
    postponed: bool = False
    protected: bool = False


NUMBER = st.integers(0, 11)
GATEWAY = st.sampled_from([FIRST, FIRST, NEW])


class Deciders(RuleBasedStateMachine):
    """Whoever decides, forges, delivers, postpones, refuses and executes, in any order, over months."""

    world: ClassVar[World]  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.chains = [self.world.outbox.chain, self.world.remote.chain]
        self.snapshots = [chain.snapshot() for chain in self.chains]
        self.decisions = self.world.decisions()
        self.precedents = {one.id: one.precedent for one in self.decisions if any(one.precedent)}
        self.records: dict[bytes, Record] = {}
        self.named = 0
        """How many times the offices were."""
        self.decided: dict[int, int] = {}
        self.accepted: dict[str, bool] = {FIRST: True, NEW: False}
        self.is_open = True
        self.time = max(now(chain) for chain in self.chains) + 100
        self.code = code_of(self.world.remote.chain, self.world.fragile.address)
        self.is_sound = True

    # The hub

    @rule(number=NUMBER)
    def decide(self, number: int) -> None:
        """P8c: whatever the lane is like."""
        decision, world = self.decisions[number], self.world
        arguments = (world.destination, decision.fields, 400_000)
        at = self._next()
        receipt = world.outbox.attempt("decide", *arguments, sender=world.timelock, at=at)
        if number in self.decided:
            assert not receipt.succeeded, "P7c: a decision is recorded twice"
            return
        assert receipt.succeeded, "P8c: a decision is not recorded because of a lane"
        self.decided[number] = at + LIFETIME
        recorded = world.outbox.view("arriveBefore", world.destination, decision.id)
        assert recorded == at + LIFETIME, "P7d: time to arrive"
        sent = receipt.named("DecisionSent")
        assert len(sent) == self.is_open, "P8c: the first attempt"
        assert all(values[3] == world.outbox.address for values in sent), "P7d: the first attempt is prepaid"

    @rule(number=NUMBER)
    def send(self, number: int) -> None:
        """P7d: whoever likes brings what was decided, in time, and nothing else."""
        decision, world = self.decisions[number], self.world
        arguments = (world.destination, decision.fields, 400_000)
        at = self._next()
        receipt = world.outbox.attempt("send", *arguments, sender=SENDER.address, at=at)
        deadline = self.decided.get(number, 0)
        may = self.is_open and at + HOUR <= deadline
        assert receipt.succeeded == may, f"P7d: {'not ' if may else ''}sent"
        if may:
            chain_id = world.outbox.chain.chain_id
            (message,) = parse(receipt.logs, chain_id, chain_id)
            assert message.message.deliver_before == deadline, "P7c: it arrives later than it may"
            (sent,) = receipt.named("DecisionSent")
            assert sent[3] == SENDER.address, "P7d: the outbox pays for everybody"

    @rule()
    def open_or_close(self) -> None:
        self.is_open = not self.is_open
        arguments = (self.world.destination, self.is_open, True)
        self.world.gateway.send("setOpen", *arguments, sender=OWNER.address, at=self._next())

    # The other chain

    @rule(number=NUMBER, gateway=GATEWAY, lie=st.sampled_from(["", "", "", "chain", "account"]))
    def arrive(self, number: int, gateway: str = FIRST, lie: str = "") -> None:
        decision, remote = self.decisions[number], self.world.remote
        origin = remote.hub_id + 2 if lie == "chain" else None
        sender = ATTACKER.address if lie == "account" else None
        message, at = remote.message(decision, origin, sender), self._next()
        receipt = remote.governor.attempt("receiveMessage", *message, sender=gateway, at=at)
        is_taken = self.accepted[gateway] and not lie
        assert receipt.succeeded == is_taken, f"P7c: a decision is {'not ' if is_taken else ''}taken"
        if is_taken:
            self._bring(number, gateway, at)
        self.compare()

    def _bring(self, number: int, gateway: str, at: int) -> None:
        decision = self.decisions[number]
        record = self._record(decision.id)
        if gateway in record.brought:
            return
        has_ended = record.outcome != State.EXECUTED and not self._is_open(decision.id, at)
        if has_ended and gateway not in record.cancelled:
            protected = number == OFFICES
            record = replace(
                record,
                ready=at + (OFFICES_DELAY if protected else DELAY),
                offices=self.named,
                outcome=State.WAITING,
                postponed=False,
                protected=protected,
            )
        self.records[decision.id] = replace(record, brought=record.brought | {gateway})
        for id_ in decision.cancels:
            other = self._record(id_)
            if other.outcome in (State.UNKNOWN, State.WAITING):
                self.records[id_] = replace(other, cancelled=other.cancelled | {gateway})

    @rule(number=NUMBER)
    def postpone(self, number: int) -> None:
        id_, remote, at = self.decisions[number].id, self.world.remote, self._next()
        record = self._record(id_)
        receipt = remote.governor.attempt("postpone", id_, sender=remote.guardian, at=at)
        may = self._is_open(id_, at) and not (record.protected or record.postponed)
        assert receipt.succeeded == may, f"P8b: {'not ' if may else ''}postponed"
        if may:
            self.records[id_] = replace(record, ready=self._begin(id_) + POSTPONEMENT, postponed=True)
        self.compare()

    @rule(number=NUMBER)
    def refuse(self, number: int) -> None:
        id_, remote, at = self.decisions[number].id, self.world.remote, self._next()
        record = self._record(id_)
        receipt = remote.governor.attempt("refuse", id_, sender=remote.recovery, at=at)
        may = self._is_open(id_, at) and record.postponed
        assert receipt.succeeded == may, f"P8b: {'not ' if may else ''}refused"
        if may:
            cancelled = record.cancelled | record.brought
            self.records[id_] = replace(record, outcome=State.REFUSED, cancelled=cancelled)
        self.compare()

    @rule(number=NUMBER, late=st.sampled_from([None, 0, 0, 0, GRACE]))
    def execute(self, number: int, late: int | None = None) -> None:
        """`late`: after how long from when it is ready, if that is still to come."""
        if late is not None:
            self.wait_for(number, late)
        decision, remote, at = self.decisions[number], self.world.remote, self._next()
        may = self._is_executable(number, at)
        receipt = remote.governor.attempt("execute", decision.fields, sender=remote.anyone, at=at)
        assert receipt.succeeded == may, f"P7c: {'not ' if may else ''}executed"
        if may:
            record = self._record(decision.id)
            self.records[decision.id] = replace(record, outcome=State.EXECUTED, executed=at)
            assert len(receipt.named("CallExecuted")) == len(decision.actions), "P7c: all actions"
            if number in (ACCEPT, DROP, DROP_NEW):
                gateway, accepted = (FIRST, False) if number == DROP else (NEW, number == ACCEPT)
                self.accepted[gateway] = accepted
            self.named += number in (OFFICES, BESIDE, AFTER)
        self.compare()

    @rule(number=NUMBER, late=st.sampled_from([-2, -1, 0, 1, GRACE, GRACE + 1, PRECEDENT_TIME]))
    def wait_for(self, number: int, late: int = 0) -> None:
        """So that what comes next happens at that distance from when a decision is ready."""
        begin = self._begin(self.decisions[number].id)
        if self._record(self.decisions[number].id).ready and begin + late > self.time:
            self.time = begin + late

    @rule(seconds=st.sampled_from([HOUR, DELAY, LIFETIME - HOUR, LIFETIME]))
    def wait(self, seconds: int) -> None:
        self.time += seconds

    @rule()
    def change_code(self) -> None:
        self.is_sound = not self.is_sound
        code = self.code if self.is_sound else self.code + b"\x00"
        set_code(self.world.remote.chain, self.world.fragile.address, code)

    def compare(self) -> None:
        """P7c: what the contract says of every decision, now."""
        remote, at = self.world.remote, self.time
        calls = [(name, decision.id, more) for decision in self.decisions for name, *more in _VIEWS]
        answers = remote.chain.batch(
            [
                (
                    "eth_call",
                    [
                        {
                            "to": remote.governor.address,
                            "data": "0x" + remote.governor.encode(name, id_, *more).hex(),
                        },
                        "latest",
                        {},
                        {"time": hex(at)},
                    ],
                )
                for name, id_, more in calls
            ]
        )
        said = [int(answer, 16) for answer in answers]
        for number, decision in enumerate(self.decisions):
            record, id_ = self._record(decision.id), decision.id
            expected = [
                self._state(id_, at),
                record.ready,
                self._expiry(id_) if record.ready else 0,
                record.postponed,
                record.protected,
                *(gateway in record.brought for gateway in (FIRST, NEW)),
            ]
            found = said[len(_VIEWS) * number : len(_VIEWS) * (number + 1)]
            assert found == expected, f"P7c: decision {number} is {found}, not {expected}"

    def teardown(self) -> None:
        for chain, snapshot in zip(self.chains, self.snapshots, strict=True):
            chain.restore(snapshot)

    def _is_executable(self, number: int, at: int) -> bool:
        decision = self.decisions[number]
        if self._state(decision.id, at) != State.READY or number == NOWHERE:
            return False
        if number == FRAGILE:
            return self.is_sound
        dropped = {DROP: FIRST, DROP_NEW: NEW}.get(number)
        return dropped is None or bool(self._standing(decision.id) - {dropped})

    def _record(self, id_: bytes) -> Record:
        return self.records.get(id_, Record())

    def _standing(self, id_: bytes) -> frozenset[str]:
        """Gateways for which a decision stands."""
        record = self._record(id_)
        if record.protected and record.offices != self.named:
            return frozenset()
        accepted = {gateway for gateway, is_accepted in self.accepted.items() if is_accepted}
        return (record.brought - record.cancelled) & accepted

    def _awaits(self, id_: bytes) -> bool:
        precedent = self.precedents.get(id_)
        if precedent is None:
            return False
        executed, record = self._record(precedent).executed, self._record(id_)
        return not executed or executed > record.ready + PRECEDENT_TIME

    def _begin(self, id_: bytes) -> int:
        executed = self._record(self.precedents[id_]).executed if id_ in self.precedents else 0
        return max(self._record(id_).ready, executed)

    def _expiry(self, id_: bytes) -> int:
        return self._record(id_).ready + PRECEDENT_TIME if self._awaits(id_) else self._begin(id_) + GRACE

    def _state(self, id_: bytes, at: int) -> State:
        record = self._record(id_)
        if record.outcome in (State.EXECUTED, State.REFUSED):
            return record.outcome
        if record.outcome == State.UNKNOWN:
            return State.CANCELLED if record.cancelled else State.UNKNOWN
        if not self._standing(id_):
            return State.CANCELLED
        if at > self._expiry(id_):
            return State.EXPIRED
        return State.WAITING if at < self._begin(id_) or self._awaits(id_) else State.READY

    def _is_open(self, id_: bytes, at: int) -> bool:
        return self._state(id_, at) in (State.WAITING, State.READY)

    def _next(self) -> int:
        """The second in which something happens: a later one each time."""
        self.time += 1
        return self.time - 1
