"""Decisions on their way from the hub's outbox to arcade's governor, beside a model of both: P7c, P7d, P8b, P8c.

Gateways bring what they like: one that is accepted stands for a quorum that may forge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

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
    Decision,
    Remote,
    State,
    act,
)
from tests.kit.evm import Contract, code_of, now, set_code
from tests.kit.roles import ATTACKER, OWNER, SENDER

HOUR = 3_600
PLAIN, SECOND, CANCEL, OFFICES, BESIDE, ACCEPT, DROP, CANCEL_OFFICES, FRAGILE, DROP_NEW = range(10)
"""Decisions, by what they do."""
FIRST, NEW = GATEWAYS[:2]
_VIEWS = ("stateOf", "readyAt", "isPostponed", "isProtected")


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
        ]


@dataclass(frozen=True)
class Record:
    """What the model knows of a decision that arrived, or was cancelled before (`ready` 0)."""

    ready: int = 0
    gateway: str = ""
    outcome: State = State.WAITING
    postponed: bool = False
    protected: bool = False

    def state(self, at: int) -> State:
        if self.outcome != State.WAITING:
            return self.outcome
        if at < self.ready:
            return State.WAITING
        return State.READY if at <= self.ready + GRACE else State.EXPIRED

    def is_open(self, at: int) -> bool:
        return self.state(at) in (State.WAITING, State.READY)


NUMBER = st.integers(0, 9)
GATEWAY = st.sampled_from([FIRST, FIRST, NEW])


class Deciders(RuleBasedStateMachine):
    """Whoever decides, forges, delivers, postpones, refuses and executes, in any order, over months."""

    world: ClassVar[World]  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.chains = [self.world.outbox.chain, self.world.remote.chain]
        self.snapshots = [chain.snapshot() for chain in self.chains]
        self.decisions = self.world.decisions()
        self.records: dict[bytes, Record] = {}
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
        if is_taken and decision.id not in self.records:
            protected = number == OFFICES
            ready = at + (OFFICES_DELAY if protected else DELAY)
            self.records[decision.id] = Record(ready, gateway, protected=protected)
            for id_ in decision.cancels:
                if id_ not in self.records or self.records[id_].is_open(at):
                    self.records[id_] = replace(self.records.get(id_, Record()), outcome=State.CANCELLED)
        self.compare()

    @rule(number=NUMBER)
    def postpone(self, number: int) -> None:
        id_, remote, at = self.decisions[number].id, self.world.remote, self._next()
        record = self.records.get(id_)
        receipt = remote.governor.attempt("postpone", id_, sender=remote.guardian, at=at)
        may = record is not None and record.is_open(at) and not (record.protected or record.postponed)
        assert receipt.succeeded == may, f"P8b: {'not ' if may else ''}postponed"
        if record is not None and may:
            self.records[id_] = replace(record, ready=record.ready + POSTPONEMENT, postponed=True)
        self.compare()

    @rule(number=NUMBER)
    def refuse(self, number: int) -> None:
        id_, remote, at = self.decisions[number].id, self.world.remote, self._next()
        record = self.records.get(id_)
        receipt = remote.governor.attempt("refuse", id_, sender=remote.recovery, at=at)
        may = record is not None and record.is_open(at) and record.postponed
        assert receipt.succeeded == may, f"P8b: {'not ' if may else ''}refused"
        if record is not None and may:
            self.records[id_] = replace(record, outcome=State.REFUSED)
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
            self.records[decision.id] = replace(self.records[decision.id], outcome=State.EXECUTED)
            assert len(receipt.named("CallExecuted")) == len(decision.actions), "P7c: all actions"
            if number in (ACCEPT, DROP, DROP_NEW):
                gateway, accepted = (FIRST, False) if number == DROP else (NEW, number == ACCEPT)
                self.accepted[gateway] = accepted
        self.compare()

    @rule(number=NUMBER, late=st.sampled_from([-2, -1, 0, 1, GRACE - 1, GRACE, GRACE + 1]))
    def wait_for(self, number: int, late: int = 0) -> None:
        """So that what comes next happens at that distance from when a decision is ready."""
        record = self.records.get(self.decisions[number].id)
        if record is not None and record.ready + late > self.time:
            self.time = record.ready + late

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
        calls = [(view, decision) for decision in self.decisions for view in _VIEWS]
        answers = remote.chain.batch(
            [
                (
                    "eth_call",
                    [
                        {
                            "to": remote.governor.address,
                            "data": "0x" + remote.governor.encode(view, decision.id).hex(),
                        },
                        "latest",
                        {},
                        {"time": hex(at)},
                    ],
                )
                for view, decision in calls
            ]
        )
        said = [int(answer, 16) for answer in answers]
        for number, decision in enumerate(self.decisions):
            record = self.records.get(decision.id)
            expected = (
                [State.UNKNOWN, 0, 0, 0]
                if record is None
                else [record.state(at), record.ready, record.postponed, record.protected]
            )
            found = said[4 * number : 4 * number + 4]
            assert found == expected, f"P7c: decision {number} is {found}, not {expected}"

    def teardown(self) -> None:
        for chain, snapshot in zip(self.chains, self.snapshots, strict=True):
            chain.restore(snapshot)

    def _is_executable(self, number: int, at: int) -> bool:
        decision = self.decisions[number]
        record = self.records.get(decision.id)
        if record is None or record.state(at) != State.READY:
            return False
        if any(decision.precedent) and self._state(decision.precedent, at) != State.EXECUTED:
            return False
        if number == FRAGILE:
            return self.is_sound
        dropped = {DROP: FIRST, DROP_NEW: NEW}.get(number)
        return dropped is None or (record.gateway != dropped and self.accepted[record.gateway])

    def _state(self, id_: bytes, at: int) -> State:
        return self.records[id_].state(at) if id_ in self.records else State.UNKNOWN

    def _next(self) -> int:
        """The second in which something happens: a later one each time."""
        self.time += 1
        return self.time - 1
