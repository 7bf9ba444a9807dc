"""How decisions arrive at a RemoteGovernor: from whom, how often, and what ends them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from metalayer.protocol.message import interoperable
from tests.kit.decisions import (
    DECISION,
    DELAY,
    GATEWAYS,
    GRACE,
    NONE,
    OFFICES_DELAY,
    Action,
    Decision,
    Remote,
    State,
    act,
)
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, error, init_code, now
from tests.kit.paper import DAY


def test_a_decision_waits_for_the_timelocks_delay(remote: Remote, decision: Decision) -> None:
    start = now(remote.chain) + 10
    receipt = remote.arrive(decision, at=start)
    ready = start + DELAY
    assert receipt.named("DecisionScheduled") == [(decision.id, GATEWAYS[0], _struct(decision), ready)]
    governor = remote.governor
    assert [governor.view(name, decision.id) for name in ("readyAt", "expiresAt")] == [ready, ready + GRACE]
    assert [governor.view("isBroughtBy", decision.id, gateway) for gateway in GATEWAYS] == [
        True,
        False,
        False,
    ]
    assert not governor.view("isPostponed", decision.id)
    assert not governor.view("isProtected", decision.id)
    assert [
        remote.state(decision, at) for at in (start, ready - 1, ready, ready + GRACE, ready + GRACE + 1)
    ] == [
        State.WAITING,
        State.WAITING,
        State.READY,
        State.READY,
        State.EXPIRED,
    ]


def test_nothing_is_known_of_others(remote: Remote, decision: Decision) -> None:
    views = [remote.governor.view(name, decision.id) for name in ("stateOf", "readyAt", "expiresAt")]
    assert views == [State.UNKNOWN, 0, 0]
    assert not any(remote.governor.view("isBroughtBy", decision.id, gateway) for gateway in GATEWAYS)


def test_the_timelocks_operation_has_the_decisions_id_as_salt(remote: Remote, decision: Decision) -> None:
    """No two decisions share an operation, whatever they do: the id binds everything."""
    remote.arrive(decision)
    _, targets, values, calldatas, _, _, _ = decision.fields
    operation = remote.timelock.view("hashOperationBatch", targets, values, calldatas, NONE, decision.id)
    assert remote.timelock.view("getTimestamp", operation) == remote.ready_at(decision)
    again = decision.salted("once more")
    remote.arrive(again)
    assert remote.state(again) == State.WAITING


def test_refuses_what_the_outbox_did_not_send(remote: Remote, decision: Decision, attacker: str) -> None:
    """P7c, M39: another account of the hub, the same address on another chain, and what is no gateway."""
    hub_id, here = remote.hub_id, remote.governor.address
    for gateway, origin, sender in (
        (GATEWAYS[0], hub_id, attacker),
        (GATEWAYS[0], hub_id, ZERO_ADDRESS),
        (GATEWAYS[0], hub_id + 2, here),
        (GATEWAYS[1], hub_id, here),
        (attacker, hub_id, here),
    ):
        refusal = error("ERC7786RecipientUnauthorizedGateway", gateway, interoperable(origin, sender))
        assert remote.refusal(decision, gateway, origin, sender) == refusal
    remote.arrive(decision)


def test_refuses_an_address_in_another_form(remote: Remote, decision: Decision) -> None:
    """M16: one that another reader might take for the outbox's."""
    id_, sender, payload = remote.message(decision)
    longer = sender + b"\x00"
    refusal = error("ERC7786RecipientUnauthorizedGateway", GATEWAYS[0], longer)
    assert remote.governor.revert("receiveMessage", id_, longer, payload, sender=GATEWAYS[0]) == refusal


def test_what_is_no_decision_is_not_taken(remote: Remote, decision: Decision) -> None:
    id_, sender, payload = remote.message(decision)
    for junk in (b"", payload[:-1], payload[:64]):
        assert remote.governor.revert("receiveMessage", id_, sender, junk, sender=GATEWAYS[0]) == Revert(b"")


def test_lists_of_different_lengths_are_not_taken(remote: Remote, decision: Decision) -> None:
    salt, targets, _, calldatas, codes, precedent, cancels = decision.fields
    payload = encode([DECISION], [(salt, targets, [], calldatas, codes, precedent, cancels)])
    id_, sender, _ = remote.message(decision)
    refusal = remote.governor.revert("receiveMessage", id_, sender, payload, sender=GATEWAYS[0])
    assert refusal == error("TimelockInvalidOperationLength", 1, 1, 0)


def test_a_second_arrival_changes_nothing(remote: Remote, decision: Decision) -> None:
    """P7c, M39: whatever became of the first. It does not fail: nobody has to retry it, and it does not return to its
    sender.
    """
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    assert remote.arrive(decision).events == []
    assert remote.ready_at(decision) == ready
    remote.execute(decision, ready)
    assert remote.arrive(decision).events == []
    assert remote.state(decision) == State.EXECUTED


def test_an_expired_decision_does_not_come_back(remote: Remote, decision: Decision) -> None:
    remote.arrive(decision)
    late = remote.ready_at(decision) + GRACE + 1
    assert remote.arrive(decision, at=late).events == []
    assert remote.state(decision, late) == State.EXPIRED


def test_decisions_are_independent(remote: Remote, target: Contract, decision: Decision) -> None:
    """Newer does not cancel older: both are executed, in any order."""
    other = Decision([act(target, "setBehaviour", 2)])
    remote.arrive(decision)
    remote.arrive(other)
    ready = remote.ready_at(other)
    remote.execute(other, ready)
    remote.execute(decision, ready + 1)
    assert target.view("behaviour") == 1


# What ends a decision


@pytest.mark.parametrize("moment", ["waiting", "ready"])
def test_a_decision_ends_when_one_arrives_that_cancels_it(
    remote: Remote, decision: Decision, moment: str
) -> None:
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    canceller = Decision([], cancels=[decision.id])
    receipt = remote.arrive(canceller, at=ready - 1 if moment == "waiting" else ready)
    assert receipt.named("DecisionCancelled") == [(decision.id, canceller.id)]
    assert remote.state(decision) == State.CANCELLED
    refusal = error("UnexpectedDecisionState", decision.id, State.CANCELLED)
    assert remote.failure(decision, ready + 1) == refusal


def test_a_decision_that_only_cancels_is_executed_too(remote: Remote, decision: Decision) -> None:
    """Others may name it as their precedent."""
    canceller = Decision([], cancels=[decision.id])
    remote.enact(canceller)
    assert remote.state(canceller) == State.EXECUTED


def test_what_was_cancelled_before_it_arrived_stays_cancelled(remote: Remote, decision: Decision) -> None:
    """P7c, M39: whoever delivers chooses the order, and could else bring back what was cancelled."""
    canceller = Decision([], cancels=[decision.id])
    assert remote.arrive(canceller).named("DecisionCancelled") == [(decision.id, canceller.id)]
    assert remote.governor.view("readyAt", decision.id) == 0
    assert remote.governor.view("expiresAt", decision.id) == 0
    receipt = remote.arrive(decision)
    assert receipt.named("DecisionBroughtAgain") == [(decision.id, GATEWAYS[0])]
    assert receipt.named("DecisionScheduled") == []
    assert remote.arrive(decision).events == []
    assert remote.state(decision) == State.CANCELLED
    later = now(remote.chain) + DELAY
    refusal = error("UnexpectedDecisionState", decision.id, State.CANCELLED)
    assert remote.failure(decision, later) == refusal


@pytest.mark.parametrize("order", ["before", "after"])
def test_what_was_cancelled_before_cancels_all_the_same(
    remote: Remote, target: Contract, attacker: str, order: str
) -> None:
    """P8b: a quorum forges new offices, which wait 35 days, and cancels the public decision that is to cancel them.
    After 31 days the set is honest again, and brings that decision: 4 days are too short for another vote.
    """
    forged = Decision([act(remote.governor, "setOffices", attacker, attacker)])
    cure = Decision([], cancels=[forged.id])
    forgery = Decision([act(target, "setBehaviour", 3)], cancels=[cure.id])
    for decision in (forged, forgery) if order == "after" else (forgery, forged):
        remote.arrive(decision)
    remote.arrive(cure, at=remote.ready_at(forged) - 4 * DAY)
    assert [remote.state(decision) for decision in (cure, forged)] == [State.CANCELLED] * 2


def test_what_was_executed_stays_executed(remote: Remote, decision: Decision) -> None:
    remote.enact(decision)
    assert remote.arrive(Decision([], cancels=[decision.id])).named("DecisionCancelled") == []
    assert remote.state(decision) == State.EXECUTED


def test_what_ended_is_not_cancelled_again(remote: Remote, decision: Decision, offices: Decision) -> None:
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    remote.governor.send("refuse", decision.id, sender=remote.recovery)
    canceller = Decision([], cancels=[decision.id, offices.id])
    assert remote.arrive(canceller).named("DecisionCancelled") == [(offices.id, canceller.id)]
    assert remote.state(decision) == State.REFUSED


def test_what_expired_is_cancelled(remote: Remote, decision: Decision) -> None:
    """Else it could begin anew through another gateway after the vote that was against it."""
    remote.arrive(decision)
    late = remote.ready_at(decision) + GRACE + 1
    canceller = Decision([], cancels=[decision.id])
    receipt = remote.arrive(canceller, at=late)
    assert receipt.named("DecisionCancelled") == [(decision.id, canceller.id)]
    assert remote.state(decision, late) == State.CANCELLED


def test_one_message_ends_many(remote: Remote, attacker: str) -> None:
    """Inventions cost whoever forges them more gas than their end costs."""
    forged = [
        Decision([act(remote.governor, "setOffices", attacker, attacker)]).salted(str(n)) for n in range(240)
    ]
    gas = sum(remote.arrive(one).gas_used for one in forged)
    cure = Decision([], cancels=[one.id for one in forged])
    assert len(cure.payload) <= 8_192
    assert remote.arrive(cure).gas_used < gas // 10
    assert all(remote.state(one) == State.CANCELLED for one in forged)


# Protected decisions


def test_offices_wait_longer(remote: Remote, offices: Decision) -> None:
    """P8b."""
    start = now(remote.chain) + 10
    remote.arrive(offices, at=start)
    assert remote.governor.view("isProtected", offices.id)
    assert remote.ready_at(offices) == start + OFFICES_DELAY


def test_offices_beside_something_else_are_not_protected(
    remote: Remote, offices: Decision, decision: Decision
) -> None:
    """P8b: else a theft would hide beside them."""
    for actions in ([*offices.actions, *decision.actions], [*decision.actions, *offices.actions]):
        both = Decision(actions)
        remote.arrive(both)
        assert not remote.governor.view("isProtected", both.id)
        remote.governor.send("postpone", both.id, sender=remote.guardian)


def test_offices_that_wait_for_another_decision_are_not_protected(
    remote: Remote, offices: Decision, decision: Decision
) -> None:
    """P8b: the precedent can be postponed and refused, so that it would be no protection."""
    after = replace(offices, precedent=decision.id)
    start = now(remote.chain) + 10
    remote.arrive(after, at=start)
    assert not remote.governor.view("isProtected", after.id)
    assert remote.ready_at(after) == start + DELAY
    remote.governor.send("postpone", after.id, sender=remote.guardian)


def test_only_this_governors_offices_are_protected(
    remote: Remote, target: Contract, offices: Decision
) -> None:
    (action,) = offices.actions
    others = Decision([replace(action, target=target.address)])
    short = Decision([replace(action, data=action.data[:3])])
    gateways = Decision([act(remote.governor, "setGateway", GATEWAYS[1], True)])
    paid = Decision([Action(remote.governor.address)])
    for one in (others, short, gateways, paid):
        remote.arrive(one)
        assert not remote.governor.view("isProtected", one.id)


def test_offices_wait_for_a_timelock_that_takes_longer(remote: Remote, offices: Decision) -> None:
    """Its delay is what every operation has to wait: a shorter one would be refused for ever."""
    remote.enact(Decision([act(remote.timelock, "updateDelay", 2 * OFFICES_DELAY)]))
    start = now(remote.chain) + 10
    remote.arrive(offices, at=start)
    assert remote.ready_at(offices) == start + 2 * OFFICES_DELAY


def test_nothing_arrives_that_could_never_be_ready(remote: Remote, decision: Decision) -> None:
    remote.enact(Decision([act(remote.timelock, "updateDelay", 2**64)]))
    ready = now(remote.chain) + 2**64
    refusal = remote.refusal(decision)
    assert refusal.data[:4] == error("SafeCastOverflowedUintDowncast", 64, ready).data[:4]


# At deployment


def test_is_not_deployed_without_a_gateway(remote: Remote, deployer: str) -> None:
    def deployed(gateway: str) -> bytes | Revert:
        offices = (ZERO_ADDRESS, ZERO_ADDRESS)
        code = init_code("RemoteGovernor", remote.hub_id, gateway, remote.timelock.address, *offices)
        return call(remote.chain, None, code, sender=deployer)

    assert deployed(ZERO_ADDRESS) == error("InvalidGateway", ZERO_ADDRESS)
    assert isinstance(deployed(GATEWAYS[0]), bytes)


def test_knows_its_constructors_arguments(remote: Remote) -> None:
    governor = remote.governor
    assert governor.view("HUB_CHAIN_ID") == remote.hub_id
    assert governor.view("TIMELOCK") == remote.timelock.address
    assert [governor.view("isGateway", gateway) for gateway in GATEWAYS] == [True, False, False]
    assert (governor.view("guardian"), governor.view("recovery")) == (remote.guardian, remote.recovery)


def _struct(decision: Decision) -> tuple[object, ...]:
    """As a log is decoded."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in decision.fields)
