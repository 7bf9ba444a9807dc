"""The way of a proposal, from its proposer to its execution by anyone."""

from __future__ import annotations

import pytest

from tests.kit.evm import error
from tests.kit.governing import (
    DELAY,
    FOR,
    HOUR,
    OPPONENT,
    OTHER_OPPONENT,
    PASSER_BY,
    PERIOD,
    PROPOSAL_GUARDIAN,
    PROPOSER,
    SUPPORTER,
    THRESHOLD,
    VOTES,
    Action,
    Senate,
    State,
)
from tests.kit.paper import DAY

# Proposing


def test_the_threshold_proposes(senate: Senate) -> None:
    senate.era.send("transfer", OPPONENT, VOTES[PROPOSER] - THRESHOLD, sender=PROPOSER)
    senate.reach(senate.now + 1)
    receipt = senate.governor.send("propose", *senate.draft().written, sender=PROPOSER)
    ((_, proposer, *_),) = receipt.named("ProposalCreated")
    assert proposer == PROPOSER
    assert senate.draft().state() == State.PENDING


def test_one_wei_less_does_not(senate: Senate) -> None:
    senate.era.send("transfer", OPPONENT, VOTES[PROPOSER] - THRESHOLD + 1, sender=PROPOSER)
    senate.reach(senate.now + 1)
    refusal = senate.governor.revert("propose", *senate.draft().written, sender=PROPOSER)
    assert refusal == error("GovernorInsufficientProposerVotes", PROPOSER, THRESHOLD - 1, THRESHOLD)


def test_what_came_in_this_second_does_not_propose(senate: Senate) -> None:
    """M23: not even by a loan."""
    era, second = senate.era, senate.now + HOUR
    era.send("delegate", PASSER_BY, sender=PASSER_BY)
    era.send("transfer", PASSER_BY, VOTES[SUPPORTER], sender=SUPPORTER, at=second)
    draft = senate.draft()
    refusal = senate.governor.revert("propose", *draft.written, sender=PASSER_BY, at=second)
    assert refusal == error("GovernorInsufficientProposerVotes", PASSER_BY, 0, THRESHOLD)
    senate.governor.send("propose", *draft.written, sender=PASSER_BY, at=second + 1)


@pytest.mark.parametrize("lengths", [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)])
def test_lists_have_one_length(senate: Senate, lengths: tuple[int, int, int]) -> None:
    targets, values, calldatas = lengths
    lists = ([SUPPORTER] * targets, [0] * values, [b""] * calldatas)
    refusal = senate.governor.revert("propose", *lists, "", sender=PROPOSER)
    assert refusal == error("GovernorInvalidProposalLength", targets, calldatas, values)


def test_a_proposal_is_made_once(senate: Senate) -> None:
    proposal = senate.propose()
    refusal = senate.governor.revert("propose", *proposal.written, sender=SUPPORTER)
    assert refusal == proposal.unexpected(State.PENDING)
    senate.propose(text=proposal.text + " again", sender=SUPPORTER)


def test_the_text_names_who_may_propose_it(senate: Senate) -> None:
    """M26: a copy that is cancelled does not block the original."""
    text = f"Let the recipient refuse\n#proposer={PROPOSER.lower()}"
    draft = senate.draft(text=text)
    refusal = senate.governor.revert("propose", *draft.written, sender=SUPPORTER)
    assert refusal == error("GovernorRestrictedProposer", SUPPORTER)
    senate.propose(text=text, sender=PROPOSER)


def test_a_text_without_a_name_can_be_taken(senate: Senate) -> None:
    """M26: why it is there. Who proposes first cancels, and the same can never be proposed again."""
    copy = senate.propose(sender=SUPPORTER)
    copy.send("cancel", sender=SUPPORTER)
    refusal = senate.governor.revert("propose", *copy.written, sender=PROPOSER)
    assert refusal == copy.unexpected(State.CANCELED)


# Time


@pytest.mark.parametrize("past", [0, 1, HOUR - 1])
def test_the_snapshot_is_at_a_full_hour(senate: Senate, past: int) -> None:
    """At the exact hour nothing is added."""
    hour = (senate.now // HOUR + 2) * HOUR
    proposal = senate.propose(at=hour + past)
    assert proposal.snapshot == hour + DELAY + (HOUR if past else 0)
    assert proposal.deadline == proposal.snapshot + PERIOD


def test_the_delay_says_the_same(senate: Senate) -> None:
    hour = (senate.now // HOUR + 2) * HOUR
    for time, added in ((hour, 0), (hour + 1, HOUR - 1), (hour + HOUR - 1, 1)):
        assert senate.governor.view("votingDelay", at=time) == DELAY + added


def test_a_delay_of_zero_waits_for_the_hour(senate: Senate) -> None:
    """M23: even so nobody votes in the block of the proposal."""
    senate.enact(senate.own("setVotingDelay", 0))
    hour = (senate.now // HOUR + 1) * HOUR
    proposal = senate.propose(text="at once", at=hour)
    assert proposal.snapshot == hour
    refusal = proposal.refused_vote(SUPPORTER, FOR, at=hour)
    assert refusal == proposal.unexpected(State.PENDING, State.ACTIVE)
    proposal.vote(SUPPORTER, FOR, at=hour + 1)


def test_states_change_at_their_second(senate: Senate) -> None:
    proposal = senate.propose()
    snapshot, deadline = proposal.snapshot, proposal.deadline
    assert proposal.state(at=snapshot) == State.PENDING
    assert proposal.state(at=snapshot + 1) == State.ACTIVE
    assert proposal.state(at=deadline + 1) == State.DEFEATED
    proposal.vote(SUPPORTER, FOR, at=snapshot + 1)
    assert proposal.state(at=deadline) == State.ACTIVE
    assert proposal.state(at=deadline + 1) == State.SUCCEEDED


def test_what_was_never_proposed_has_no_state(senate: Senate) -> None:
    draft = senate.draft()
    assert senate.governor.revert("state", draft.id, sender=PASSER_BY) == error(
        "GovernorNonexistentProposal", draft.id
    )
    assert draft.refused_vote(SUPPORTER, FOR) == error("GovernorNonexistentProposal", draft.id)


# Queueing and executing


def test_anyone_queues_what_succeeded(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    assert proposal.revert("queue", at=proposal.deadline) == proposal.unexpected(
        State.ACTIVE, State.SUCCEEDED
    )
    time = proposal.deadline + 1
    receipt = proposal.send("queue", at=time)
    assert receipt.named("ProposalQueued") == [(proposal.id, time + DELAY)]
    assert proposal.state() == State.QUEUED
    assert senate.timelock.view("getTimestamp", proposal.operation) == time + DELAY


def test_a_defeated_one_is_not_queued(senate: Senate) -> None:
    """A tie is a defeat."""
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    proposal.split(OPPONENT, (VOTES[OPPONENT], 0, 0))
    proposal.split(OTHER_OPPONENT, (VOTES[SUPPORTER] - VOTES[OPPONENT], 0, 0))
    senate.reach(proposal.deadline + 1)
    assert proposal.revert("queue") == proposal.unexpected(State.DEFEATED, State.SUCCEEDED)


def test_it_is_queued_once(senate: Senate) -> None:
    proposal = senate.pass_()
    proposal.send("queue")
    assert proposal.revert("queue") == proposal.unexpected(State.QUEUED, State.SUCCEEDED)


def test_anyone_executes_after_the_delay(senate: Senate) -> None:
    proposal = senate.pass_()
    proposal.send("queue")
    ready = 1 << 2
    early = error("TimelockUnexpectedOperationState", proposal.operation, ready.to_bytes(32, "big"))
    assert proposal.revert("execute", at=proposal.eta - 1) == early
    proposal.send("execute", at=proposal.eta)
    assert senate.refuses
    assert proposal.state() == State.EXECUTED


def test_it_is_executed_once(senate: Senate) -> None:
    proposal = senate.queue()
    proposal.send("execute")
    assert proposal.revert("execute") == proposal.unexpected(State.EXECUTED, State.QUEUED)


def test_what_was_not_queued_is_not_executed(senate: Senate) -> None:
    proposal = senate.pass_()
    assert proposal.revert("execute") == proposal.unexpected(State.SUCCEEDED, State.QUEUED)


def test_execution_is_by_the_governor_alone(senate: Senate) -> None:
    """The timelock would ask for neither pins nor expiry."""
    proposal = senate.queue()
    executor = senate.timelock.view("EXECUTOR_ROLE")
    for account in (PASSER_BY, PROPOSER, PROPOSAL_GUARDIAN):
        refusal = senate.timelock.revert("executeBatch", *proposal.scheduled, sender=account)
        assert refusal == error("AccessControlUnauthorizedAccount", account, executor)
    proposal.send("execute")


def test_actions_are_done_all_or_none(senate: Senate) -> None:
    """In their order. What cannot be done now can be tried again."""
    era, timelock = senate.era, senate.timelock
    treasury = era.view("balanceOf", timelock.address)
    payment = Action(era.address, era.encode("transfer", PASSER_BY, treasury + 1))
    proposal = senate.queue(senate.refusal, payment)
    refusal = proposal.revert("execute")
    assert refusal == error("ERC20InsufficientBalance", timelock.address, treasury, treasury + 1)
    assert not senate.refuses
    era.send("transfer", timelock.address, 1, sender=SUPPORTER)
    proposal.send("execute")
    assert senate.refuses
    assert era.view("balanceOf", PASSER_BY) == treasury + 1


def test_ether_comes_from_the_timelock(senate: Senate) -> None:
    chain, payee = senate.chain, "0x00000000000000000000000000000000000000Ee"
    proposal = senate.queue(Action(payee, value=7))
    assert proposal.revert("execute") == error("FailedCall")
    chain.rpc("anvil_setBalance", [senate.timelock.address, hex(8)])
    proposal.send("execute")
    balances = [
        int(chain.rpc("eth_getBalance", [who, "latest"]), 16) for who in (payee, senate.timelock.address)
    ]
    assert balances == [7, 1]


def test_who_executes_may_bring_the_ether(senate: Senate) -> None:
    """What is too much stays in the timelock."""
    chain, payee = senate.chain, "0x00000000000000000000000000000000000000Ee"
    proposal = senate.queue(Action(payee, value=7))
    call = {
        "from": PASSER_BY,
        "to": senate.governor.address,
        "data": "0x" + senate.governor.encode("execute", *proposal.named).hex(),
        "value": hex(10),
    }
    assert chain.rpc("eth_sendTransactionSync", [call])["status"] == "0x1"
    balances = [
        int(chain.rpc("eth_getBalance", [who, "latest"]), 16) for who in (payee, senate.timelock.address)
    ]
    assert balances == [7, 3]


# Cancelling


def test_a_proposer_cancels_before_the_vote(senate: Senate) -> None:
    proposal = senate.propose()
    refusal = error("GovernorUnableToCancel", proposal.id, SUPPORTER)
    assert proposal.revert("cancel", sender=SUPPORTER) == refusal
    receipt = proposal.send("cancel", sender=PROPOSER, at=proposal.snapshot)
    assert receipt.named("ProposalCanceled") == [(proposal.id,)]
    assert proposal.state() == State.CANCELED
    refused = proposal.refused_vote(SUPPORTER, FOR, at=proposal.snapshot + DAY)
    assert refused == proposal.unexpected(State.CANCELED, State.ACTIVE)


def test_a_proposer_does_not_cancel_later(senate: Senate) -> None:
    """The trap of OpenZeppelin's module: without a guardian, the proposer could in any state."""
    proposal = senate.propose()
    refusal = error("GovernorUnableToCancel", proposal.id, PROPOSER)
    assert proposal.revert("cancel", sender=PROPOSER, at=proposal.snapshot + 1) == refusal
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    senate.reach(proposal.deadline + 1)
    assert proposal.revert("cancel", sender=PROPOSER) == refusal
    proposal.send("queue")
    assert proposal.revert("cancel", sender=PROPOSER) == refusal
