"""The proposal guardian: cancels anything but the vote on its own successor."""

from __future__ import annotations

import pytest

from tests.kit.evm import ZERO_ADDRESS, error
from tests.kit.governing import (
    FOR,
    PASSER_BY,
    PROPOSAL_GUARDIAN,
    PROPOSER,
    SUPPORTER,
    Action,
    Senate,
    State,
)

NEW = PASSER_BY


def replacement(senate: Senate) -> Action:
    return senate.own("setProposalGuardian", NEW)


@pytest.mark.parametrize("state", [State.PENDING, State.ACTIVE, State.SUCCEEDED, State.QUEUED])
def test_the_guardian_cancels_at_any_stage(senate: Senate, state: State) -> None:
    """M25: also what was passed, in the delay before it is executed."""
    proposal = senate.propose()
    if state != State.PENDING:
        proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    if state in (State.SUCCEEDED, State.QUEUED):
        senate.reach(proposal.deadline + 1)
    if state == State.QUEUED:
        proposal.send("queue")
    assert proposal.state() == state
    assert proposal.revert("cancel") == error("GovernorUnableToCancel", proposal.id, PASSER_BY)
    proposal.send("cancel", sender=PROPOSAL_GUARDIAN)
    assert proposal.state() == State.CANCELED
    assert not senate.timelock.view("isOperation", proposal.operation)


def test_what_was_executed_is_not_cancelled(senate: Senate) -> None:
    proposal = senate.queue()
    proposal.send("execute")
    refusal = proposal.revert("cancel", sender=PROPOSAL_GUARDIAN)
    cancelable = (State.PENDING, State.ACTIVE, State.DEFEATED, State.SUCCEEDED, State.QUEUED)
    assert refusal == proposal.unexpected(State.EXECUTED, *cancelable)


def test_what_was_cancelled_is_not_executed(senate: Senate) -> None:
    proposal = senate.queue()
    proposal.send("cancel", sender=PROPOSAL_GUARDIAN)
    assert proposal.revert("execute") == proposal.unexpected(State.CANCELED, State.QUEUED)
    assert proposal.revert("queue") == proposal.unexpected(State.CANCELED, State.SUCCEEDED)


def test_nobody_cancels_the_vote_on_the_guardian(senate: Senate) -> None:
    """At no stage, and then it is done."""
    proposal = senate.propose(replacement(senate))
    refusal = error("GovernorUnableToCancel", proposal.id, PROPOSAL_GUARDIAN)
    assert senate.governor.view("isProtected", proposal.id)
    assert proposal.revert("cancel", sender=PROPOSAL_GUARDIAN) == refusal
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    assert proposal.revert("cancel", sender=PROPOSAL_GUARDIAN) == refusal
    senate.reach(proposal.deadline + 1)
    assert proposal.revert("cancel", sender=PROPOSAL_GUARDIAN) == refusal
    proposal.send("queue")
    assert proposal.revert("cancel", sender=PROPOSAL_GUARDIAN) == refusal
    receipt = proposal.send("execute", at=proposal.eta)
    assert receipt.named("ProposalGuardianSet") == [(PROPOSAL_GUARDIAN, NEW)]
    assert senate.governor.view("proposalGuardian") == NEW


def test_its_proposer_cancels_it_before_the_vote(senate: Senate) -> None:
    proposal = senate.propose(replacement(senate))
    assert proposal.revert("cancel", sender=PROPOSER, at=proposal.snapshot + 1) == error(
        "GovernorUnableToCancel", proposal.id, PROPOSER
    )
    proposal.send("cancel", sender=PROPOSER)
    assert proposal.state() == State.CANCELED


def test_the_guardian_cancels_what_only_contains_its_replacement(senate: Senate) -> None:
    """Otherwise a theft hides beside it."""
    theft = Action(senate.era.address, senate.era.encode("approve", PASSER_BY, 2**256 - 1))
    for actions in ((replacement(senate), theft), (theft, replacement(senate)), (replacement(senate),) * 2):
        proposal = senate.propose(*actions)
        assert not senate.governor.view("isProtected", proposal.id)
        proposal.send("cancel", sender=PROPOSAL_GUARDIAN)
        assert proposal.state() == State.CANCELED


def test_the_guardian_cancels_what_only_looks_like_its_replacement(senate: Senate) -> None:
    """Another target, another function, a payment, and data that the function does not take."""
    real = replacement(senate)
    look_alikes = (
        Action(senate.era.address, real.data),
        Action(
            senate.governor.address, senate.governor.encode("relay", senate.governor.address, 0, real.data)
        ),
        Action(real.target, real.data, value=1),
        Action(real.target, real.data + bytes(1)),
        Action(real.target, real.data[:35]),
        Action(real.target, real.data[:4]),
        Action(real.target, real.data[:3]),
        Action(real.target),
    )
    for action in look_alikes:
        proposal = senate.propose(action)
        assert not senate.governor.view("isProtected", proposal.id)
        proposal.send("cancel", sender=PROPOSAL_GUARDIAN)


def test_the_new_guardian_has_the_office(senate: Senate) -> None:
    proposal = senate.propose()
    senate.enact(replacement(senate), text="A new guardian")
    assert proposal.revert("cancel", sender=PROPOSAL_GUARDIAN) == error(
        "GovernorUnableToCancel", proposal.id, PROPOSAL_GUARDIAN
    )
    proposal.send("cancel", sender=NEW)


def test_there_is_always_a_guardian(senate: Senate) -> None:
    """The trap of OpenZeppelin's module: without one, proposers cancel what was passed."""
    proposal = senate.queue(senate.own("setProposalGuardian", ZERO_ADDRESS))
    assert proposal.revert("execute") == error("ZeroProposalGuardian")


def test_there_is_one_from_the_beginning(senate: Senate) -> None:
    assert senate.founding(guardian=ZERO_ADDRESS) == error("ZeroProposalGuardian")
    assert senate.founding(guardian=PASSER_BY) is None


def test_a_vote_alone_names_the_guardian(senate: Senate) -> None:
    for account in (PROPOSAL_GUARDIAN, PROPOSER):
        refusal = senate.governor.revert("setProposalGuardian", NEW, sender=account)
        assert refusal == error("GovernorOnlyExecutor", account)
