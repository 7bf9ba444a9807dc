"""Expiry: what nobody carries out in time is decided anew."""

from __future__ import annotations

from tests.kit.evm import error
from tests.kit.governing import (
    AGAINST,
    DELAY,
    FOR,
    GRACE,
    OBJECTIONS,
    OPPONENT,
    PASSER_BY,
    PERIOD,
    PROPOSAL_GUARDIAN,
    SUPPORTER,
    Senate,
    State,
)
from tests.kit.paper import DAY


def test_what_is_not_queued_in_time_expires(senate: Senate) -> None:
    proposal = senate.pass_()
    last = proposal.deadline + GRACE
    assert proposal.expiry == last
    assert proposal.state(at=last) == State.SUCCEEDED
    assert proposal.state(at=last + 1) == State.EXPIRED
    assert proposal.revert("queue", at=last + 1) == proposal.unexpected(State.EXPIRED, State.SUCCEEDED)
    proposal.send("queue", at=last)


def test_what_is_not_executed_in_time_expires(senate: Senate) -> None:
    """P7c: the operation on the timelock is ready all the same, and nobody can execute it."""
    proposal = senate.queue()
    last = proposal.eta + GRACE
    assert proposal.expiry == last
    assert proposal.state(at=last) == State.QUEUED
    assert proposal.revert("execute", at=last + 1) == proposal.unexpected(State.EXPIRED, State.QUEUED)
    senate.reach(last + 1)
    assert proposal.state() == State.EXPIRED
    assert senate.timelock.view("isOperationReady", proposal.operation)
    executor = senate.timelock.view("EXECUTOR_ROLE")
    refusal = senate.timelock.revert("executeBatch", *proposal.scheduled, sender=PASSER_BY)
    assert refusal == error("AccessControlUnauthorizedAccount", PASSER_BY, executor)


def test_until_then_it_is_executed(senate: Senate) -> None:
    proposal = senate.queue()
    proposal.send("execute", at=proposal.eta + GRACE)
    assert senate.refuses


def test_objections_move_the_expiry(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=proposal.deadline)
    senate.reach(proposal.deadline + 1)
    assert proposal.expiry == proposal.snapshot + PERIOD + OBJECTIONS + GRACE


def test_only_what_waits_for_somebody_expires(senate: Senate) -> None:
    """In every other state there is no time, however late."""
    proposal = senate.propose()
    assert (proposal.state(), proposal.expiry) == (State.PENDING, 0)
    senate.reach(proposal.snapshot + 1)
    assert (proposal.state(), proposal.expiry) == (State.ACTIVE, 0)
    proposal.vote(OPPONENT, AGAINST)
    senate.reach(proposal.deadline + GRACE + 1)
    assert (proposal.state(), proposal.expiry) == (State.DEFEATED, 0)
    executed = senate.queue(text="another")
    executed.send("execute")
    senate.reach(executed.eta + GRACE + 1)
    assert (executed.state(), executed.expiry) == (State.EXECUTED, 0)


def test_what_expired_is_neither_cancelled_nor_proposed_again(senate: Senate) -> None:
    proposal = senate.pass_()
    senate.reach(proposal.deadline + GRACE + 1)
    cancelable = (State.PENDING, State.ACTIVE, State.DEFEATED, State.SUCCEEDED, State.QUEUED)
    refusal = proposal.revert("cancel", sender=PROPOSAL_GUARDIAN)
    assert refusal == proposal.unexpected(State.EXPIRED, *cancelable)
    again = senate.governor.revert("propose", *proposal.written, sender=SUPPORTER)
    assert again == proposal.unexpected(State.EXPIRED)


def test_settings_of_later_change_no_end(senate: Senate) -> None:
    """P7f: neither deadline nor expiry of what was proposed before."""
    first = senate.queue(senate.own("setVotingPeriod", 7 * DAY), senate.own("setVotingDelay", 5 * DAY))
    proposal = senate.propose(text="another")
    ends = (proposal.snapshot, proposal.deadline)
    first.send("execute")
    assert (senate.governor.view("proposalSnapshot", proposal.id), proposal.deadline) == ends
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    senate.reach(proposal.deadline + 1)
    assert proposal.expiry == proposal.deadline + GRACE
    proposal.send("queue")
    assert proposal.expiry == proposal.eta + GRACE


def test_a_new_delay_is_for_what_is_queued_later(senate: Senate) -> None:
    """P7f."""
    timelock = senate.timelock
    first = senate.queue(senate.owned("updateDelay", 5 * DAY))
    before = senate.propose(text="another")
    before.vote(SUPPORTER, FOR, at=before.snapshot + 1)
    senate.reach(before.deadline + 1)
    before.send("queue")
    eta = before.eta
    first.send("execute")
    assert timelock.view("getMinDelay") == 5 * DAY
    assert (before.eta, before.expiry) == (eta, eta + GRACE)
    assert eta - senate.now <= DELAY
    before.send("execute", at=eta)
