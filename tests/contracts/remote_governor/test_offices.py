"""What guardian and recovery may do about a decision, and what they may not."""

from __future__ import annotations

import pytest

from tests.kit.decisions import (
    DELAY,
    GATEWAYS,
    GRACE,
    OFFICES_DELAY,
    POSTPONEMENT,
    Decision,
    Remote,
    State,
    act,
)
from tests.kit.evm import ZERO_ADDRESS, Contract, error, now


@pytest.mark.parametrize("late", [-1, 0, GRACE])
def test_the_guardian_postpones(remote: Remote, decision: Decision, late: int) -> None:
    """While it waits and while it is ready, to the last second; counted from when it would have been ready."""
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    receipt = remote.governor.send("postpone", decision.id, sender=remote.guardian, at=ready + late)
    later = ready + POSTPONEMENT
    assert receipt.named("DecisionPostponed") == [(decision.id, later)]
    assert remote.governor.view("isPostponed", decision.id)
    assert remote.ready_at(decision) == later
    assert remote.governor.view("expiresAt", decision.id) == later + GRACE
    refusal = error("UnexpectedDecisionState", decision.id, State.WAITING)
    assert remote.failure(decision, later - 1) == refusal


@pytest.mark.parametrize("late", [0, GRACE])
def test_a_postponed_decision_is_executed_later(
    remote: Remote, target: Contract, decision: Decision, late: int
) -> None:
    """P7d: its grace begins anew."""
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    later = remote.ready_at(decision) + late
    remote.execute(decision, later)
    assert target.view("behaviour") == 1


def test_a_postponed_decision_expires(remote: Remote, decision: Decision) -> None:
    """P7c."""
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    late = remote.ready_at(decision) + GRACE + 1
    refusal = error("UnexpectedDecisionState", decision.id, State.EXPIRED)
    assert remote.failure(decision, late) == refusal
    assert remote.governor.revert("refuse", decision.id, sender=remote.recovery, at=late) == refusal


def test_postpones_once(remote: Remote, decision: Decision) -> None:
    """P7d: nothing is delayed for longer."""
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    refusal = error("AlreadyPostponed", decision.id)
    assert remote.governor.revert("postpone", decision.id, sender=remote.guardian) == refusal


def test_refuses_to_postpone_what_is_not_open(remote: Remote, decision: Decision) -> None:
    governor = remote.governor

    def refusal(state: State, at: int | None = None) -> None:
        expected = error("UnexpectedDecisionState", decision.id, state)
        assert governor.revert("postpone", decision.id, sender=remote.guardian, at=at) == expected

    refusal(State.UNKNOWN)
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    refusal(State.EXPIRED, ready + GRACE + 1)
    remote.execute(decision, ready)
    refusal(State.EXECUTED)


def test_refuses_to_postpone_what_was_cancelled(remote: Remote, decision: Decision) -> None:
    remote.arrive(decision)
    remote.arrive(Decision([], cancels=[decision.id]))
    refusal = error("UnexpectedDecisionState", decision.id, State.CANCELLED)
    assert remote.governor.revert("postpone", decision.id, sender=remote.guardian) == refusal


def test_a_postponed_decision_is_cancelled_by_a_vote(remote: Remote, decision: Decision) -> None:
    """The reason for postponing: the vote against a forged decision takes 20 days, and works at arrival."""
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    worst = now(remote.chain) + 20 * 86_400
    remote.arrive(Decision([], cancels=[decision.id]), at=worst)
    assert worst < remote.ready_at(decision)
    assert remote.state(decision) == State.CANCELLED


def test_the_recovery_refuses_what_is_postponed(remote: Remote, decision: Decision) -> None:
    remote.arrive(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    later = remote.ready_at(decision)
    receipt = remote.governor.send("refuse", decision.id, sender=remote.recovery, at=later)
    assert receipt.named("DecisionRefused") == [(decision.id,)]
    refusal = error("UnexpectedDecisionState", decision.id, State.REFUSED)
    assert remote.failure(decision, later + 1) == refusal
    assert remote.governor.revert("refuse", decision.id, sender=remote.recovery) == refusal
    assert remote.arrive(decision).events == []


def test_refuses_nothing_that_is_not_postponed(remote: Remote, decision: Decision) -> None:
    """P8b: it takes two keys of different kinds."""
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    for at in (ready - 1, ready):
        refusal = remote.governor.revert("refuse", decision.id, sender=remote.recovery, at=at)
        assert refusal == error("NotPostponed", decision.id)


def test_refuses_what_never_arrived(remote: Remote, decision: Decision) -> None:
    refusal = error("UnexpectedDecisionState", decision.id, State.UNKNOWN)
    assert remote.governor.revert("refuse", decision.id, sender=remote.recovery) == refusal


# Protected decisions


def test_offices_are_neither_postponed_nor_refused(remote: Remote, offices: Decision, successor: str) -> None:
    """P8b: guardian and recovery together delay their replacement by 35 days, and no second more."""
    start = now(remote.chain) + 10
    remote.arrive(offices, at=start)
    ready = start + OFFICES_DELAY
    for at in (start, ready - 1, ready):
        postponed = remote.governor.revert("postpone", offices.id, sender=remote.guardian, at=at)
        assert postponed == error("ProtectedDecision", offices.id)
        refused = remote.governor.revert("refuse", offices.id, sender=remote.recovery, at=at)
        assert refused == error("NotPostponed", offices.id)
    refusal = error("UnexpectedDecisionState", offices.id, State.WAITING)
    assert remote.failure(offices, ready - 1) == refusal
    remote.execute(offices, ready)
    assert remote.governor.view("guardian") == successor


def test_offices_end_when_others_are_named(
    remote: Remote, offices: Decision, decision: Decision, attacker: str
) -> None:
    """P8b: any number of forged ones ends with one decision that names offices beside another action."""
    forged = [
        Decision([act(remote.governor, "setOffices", attacker, attacker)]).salted(text) for text in "abc"
    ]
    for one in forged:
        remote.arrive(one)
    own = act(remote.governor, "setOffices", remote.guardian, remote.recovery)
    remote.enact(Decision([own, *decision.actions]))
    assert {remote.state(one) for one in forged} == {State.CANCELLED}
    refusal = error("UnexpectedDecisionState", forged[0].id, State.CANCELLED)
    assert remote.failure(forged[0], remote.ready_at(forged[0])) == refusal
    remote.enact(offices)
    assert remote.governor.view("guardian") != remote.guardian


def test_new_offices_end_nothing_else(remote: Remote, offices: Decision, decision: Decision) -> None:
    """P7d."""
    both = Decision([*offices.actions, *decision.actions])
    remote.arrive(decision)
    remote.enact(both)
    remote.execute(decision, now(remote.chain) + 1)


def test_offices_are_cancelled_by_a_vote(remote: Remote, offices: Decision) -> None:
    remote.arrive(offices)
    remote.arrive(Decision([], cancels=[offices.id]))
    assert remote.state(offices) == State.CANCELLED


# Who


@pytest.mark.parametrize("method", ["postpone", "refuse"])
@pytest.mark.parametrize("caller", ["council", "timelock", "gateway", "attacker", "other office"])
def test_nobody_else_may(remote: Remote, decision: Decision, attacker: str, method: str, caller: str) -> None:
    remote.arrive(decision)
    other = {"postpone": remote.recovery, "refuse": remote.guardian}[method]
    accounts = {
        "council": "0x000000000000000000000000000000000000bEEF",
        "timelock": remote.timelock.address,
        "gateway": GATEWAYS[0],
        "attacker": attacker,
        "other office": other,
    }
    name = {"postpone": "NotGuardian", "refuse": "NotRecovery"}[method]
    account = accounts[caller]
    assert remote.governor.revert(method, decision.id, sender=account) == error(name, account)


def test_a_decision_names_offices(
    remote: Remote, offices: Decision, decision: Decision, successor: str, attacker: str
) -> None:
    receipt = remote.enact(offices)
    assert receipt.named("OfficesSet") == [(successor, attacker)]
    remote.arrive(decision)
    former = error("NotGuardian", remote.guardian)
    assert remote.governor.revert("postpone", decision.id, sender=remote.guardian) == former
    remote.governor.send("postpone", decision.id, sender=successor)
    former = error("NotRecovery", remote.recovery)
    assert remote.governor.revert("refuse", decision.id, sender=remote.recovery) == former
    remote.governor.send("refuse", decision.id, sender=attacker)


def test_offices_may_be_nobodys(remote: Remote, decision: Decision) -> None:
    """The zero address sends nothing."""
    remote.enact(Decision([act(remote.governor, "setOffices", ZERO_ADDRESS, ZERO_ADDRESS)]))
    remote.arrive(decision)
    refusal = error("NotGuardian", remote.guardian)
    assert remote.governor.revert("postpone", decision.id, sender=remote.guardian) == refusal


def test_only_the_timelock_names_offices(remote: Remote, attacker: str) -> None:
    for account in (attacker, remote.guardian, remote.recovery, remote.governor.address):
        refusal = remote.governor.revert("setOffices", attacker, attacker, sender=account)
        assert refusal == error("NotTimelock", account)


def test_the_delay_leaves_time_to_postpone(remote: Remote, decision: Decision) -> None:
    """Nothing but offices is ready sooner than the timelock's delay after it arrived."""
    start = now(remote.chain) + 10
    remote.arrive(decision, at=start)
    assert remote.ready_at(decision) - start == DELAY
