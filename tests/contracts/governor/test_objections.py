"""Objections: whoever makes a proposal pass at the last moment gives the others time to answer."""

from __future__ import annotations

import pytest

from tests.kit.evm import error
from tests.kit.governing import (
    ABSTAIN,
    AGAINST,
    ARCADE,
    FOR,
    MILLION,
    OBJECTIONS,
    OPPONENT,
    OTHER_OPPONENT,
    OTHER_SUPPORTER,
    PASSER_BY,
    PERIOD,
    POOL,
    PROPOSER,
    QUORUM,
    SUPPORTER,
    VOTES,
    WINDOW,
    Proposal,
    Senate,
    State,
    Support,
)
from tests.kit.paper import DAY


def end(proposal: Proposal) -> int:
    """Of the voting period, as the proposal had it at first."""
    return proposal.snapshot + PERIOD


def opened(senate: Senate) -> Proposal:
    """A proposal that the supporter made pass in the last second, against the opponent. Now is that second."""
    proposal = senate.propose()
    proposal.vote(OPPONENT, AGAINST, at=proposal.snapshot + 1)
    proposal.vote(SUPPORTER, FOR, at=end(proposal))
    return proposal


# What opens them


def test_who_decides_late_opens_objections(senate: Senate) -> None:
    """M25: here in the last second."""
    proposal = senate.propose()
    proposal.vote(OPPONENT, AGAINST, at=proposal.snapshot + 1)
    receipt = proposal.vote(SUPPORTER, FOR, at=end(proposal))
    assert receipt.named("ObjectionsOpened") == [(proposal.id, end(proposal) + OBJECTIONS)]
    assert proposal.objections_from == end(proposal)
    assert proposal.deadline == end(proposal) + OBJECTIONS
    assert proposal.state(at=end(proposal) + 1) == State.ACTIVE
    assert proposal.state(at=proposal.deadline) == State.ACTIVE
    assert proposal.state(at=proposal.deadline + 1) == State.SUCCEEDED


@pytest.mark.parametrize(("before", "opens"), [(WINDOW, False), (WINDOW - 1, True)])
def test_the_last_two_days_are_late(senate: Senate, before: int, opens: bool) -> None:
    """P7e: who votes a second earlier can be answered for two days."""
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=end(proposal) - before)
    assert bool(proposal.objections_from) == opens
    assert proposal.deadline == end(proposal) + (OBJECTIONS if opens else 0)


def test_a_quorum_that_comes_late_opens_them(senate: Senate) -> None:
    """M25: whoever brings it, and be it by abstaining."""
    proposal = senate.propose()
    proposal.vote(OTHER_SUPPORTER, FOR, at=proposal.snapshot + 1)
    proposal.split(SUPPORTER, (0, 0, QUORUM - VOTES[OTHER_SUPPORTER] - 1), at=end(proposal) - 2)
    assert not proposal.objections_from
    proposal.split(SUPPORTER, (0, 0, 1), at=end(proposal) - 1)
    assert proposal.objections_from == end(proposal)


def test_a_majority_that_comes_late_opens_them(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.split(OPPONENT, (QUORUM, 0, 0), at=proposal.snapshot + 1)
    proposal.split(SUPPORTER, (0, QUORUM, 0))
    proposal.split(SUPPORTER, (0, 1, 0), at=end(proposal))
    assert proposal.objections_from == end(proposal)


def test_what_passed_before_opens_nothing(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    proposal.vote(OTHER_SUPPORTER, FOR, at=end(proposal))
    assert not proposal.objections_from
    assert proposal.state(at=end(proposal) + 1) == State.SUCCEEDED


def test_who_makes_it_fail_opens_nothing(senate: Senate) -> None:
    """Only those who want a change must give time."""
    proposal = senate.propose()
    proposal.vote(OTHER_SUPPORTER, FOR, at=proposal.snapshot + 1)
    proposal.split(SUPPORTER, (0, QUORUM - VOTES[OTHER_SUPPORTER], 0))
    proposal.vote(OPPONENT, AGAINST, at=end(proposal) - 1)
    assert not proposal.objections_from
    assert proposal.state(at=end(proposal) + 1) == State.DEFEATED


def test_what_failed_in_between_opens_them_when_it_passes_again(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.split(SUPPORTER, (0, QUORUM, 0), at=proposal.snapshot + 1)
    proposal.split(OPPONENT, (QUORUM, 0, 0), at=end(proposal) - 2)
    assert not proposal.objections_from
    proposal.vote(OTHER_SUPPORTER, FOR, at=end(proposal) - 1)
    assert proposal.objections_from == end(proposal)


def test_one_vote_of_two_parts_opens_them(senate: Senate) -> None:
    """Its parts count together: what they do to each other is no turn."""
    proposal = senate.propose()
    proposal.split(SUPPORTER, (QUORUM // 2, QUORUM // 2, QUORUM // 4), at=end(proposal) - 2)
    assert not proposal.objections_from
    proposal.split(OPPONENT, (1, 2, QUORUM // 4), at=end(proposal) - 1)
    assert proposal.objections_from == end(proposal)


def test_the_pool_opens_them_as_anyone(senate: Senate) -> None:
    """Tallies of other chains come late, and many at once."""
    chain = senate.chain
    chain.rpc("anvil_impersonateAccount", [POOL])
    chain.rpc("anvil_setBalance", [POOL, hex(10**20)])
    senate.era.send("approve", senate.bridge.address, 2**256 - 1, sender=SUPPORTER)
    arguments = (senate.era.address, ARCADE, PASSER_BY, VOTES[SUPPORTER])
    senate.bridge.send("send", *arguments, sender=SUPPORTER)
    proposal = senate.propose()
    senate.reach(end(proposal) - 1)
    senate.governor.send(*proposal.split_call((0, QUORUM - 1, 0)), sender=POOL)
    assert not proposal.objections_from
    senate.governor.send(*proposal.split_call((0, MILLION, 0)), sender=POOL, at=end(proposal))
    assert proposal.objections_from == end(proposal)
    later = end(proposal) + 1
    refusal = senate.governor.revert(*proposal.split_call((1, 1, 0)), sender=POOL, at=later)
    assert refusal == error("ObjectionsOnly", proposal.id)
    senate.governor.send(*proposal.split_call((MILLION, 0, 0)), sender=POOL, at=later)
    assert proposal.tally[AGAINST] == MILLION


# What counts then


def test_all_votes_count_until_the_old_deadline(senate: Senate) -> None:
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=end(proposal) - WINDOW + 1)
    assert proposal.objections_from == end(proposal)
    proposal.vote(OPPONENT, AGAINST)
    proposal.vote(OTHER_SUPPORTER, FOR, at=end(proposal) - 1)
    proposal.split(OTHER_OPPONENT, (0, MILLION, MILLION), at=end(proposal))
    assert proposal.tally == (VOTES[OPPONENT], VOTES[SUPPORTER] + VOTES[OTHER_SUPPORTER] + MILLION, MILLION)


@pytest.mark.parametrize("support", [FOR, ABSTAIN])
def test_then_only_votes_against_count(senate: Senate, support: Support) -> None:
    """P7e."""
    proposal, later = opened(senate), 1
    refusal = error("ObjectionsOnly", proposal.id)
    for time in (end(proposal) + later, end(proposal) + OBJECTIONS):
        assert proposal.refused_vote(OTHER_SUPPORTER, support, at=time) == refusal
    proposal.vote(OTHER_OPPONENT, AGAINST, at=end(proposal) + OBJECTIONS)
    assert proposal.state(at=end(proposal) + OBJECTIONS + 1) == State.DEFEATED


@pytest.mark.parametrize("parts", [(1, 1, 0), (1, 0, 1), (0, 1, 0), (0, 0, 1)])
def test_no_part_of_a_vote_is_for_it_then(senate: Senate, parts: tuple[int, int, int]) -> None:
    proposal = opened(senate)
    later = end(proposal) + 1
    refusal = senate.governor.revert(*proposal.split_call(parts), sender=OTHER_SUPPORTER, at=later)
    assert refusal == error("ObjectionsOnly", proposal.id)
    proposal.split(OTHER_SUPPORTER, (1, 0, 0), at=later)


def test_an_objection_by_halves_is_one(senate: Senate) -> None:
    proposal = opened(senate)
    proposal.split(OTHER_OPPONENT, (MILLION - 1, 0, 0), at=end(proposal) + DAY)
    assert proposal.state(at=end(proposal) + OBJECTIONS + 1) == State.SUCCEEDED
    proposal.split(OTHER_OPPONENT, (1, 0, 0))
    assert proposal.state(at=end(proposal) + OBJECTIONS + 1) == State.DEFEATED


def test_they_end_at_their_second(senate: Senate) -> None:
    proposal = opened(senate)
    late = end(proposal) + OBJECTIONS + 1
    refusal = proposal.refused_vote(OTHER_OPPONENT, AGAINST, at=late)
    assert refusal == proposal.unexpected(State.SUCCEEDED, State.ACTIVE)
    proposal.vote(OTHER_OPPONENT, AGAINST, at=late - 1)


def test_they_open_once(senate: Senate) -> None:
    """What turns back and forth within the two days ends all the same six days after them."""
    proposal = senate.propose()
    proposal.vote(SUPPORTER, FOR, at=end(proposal) - 5)
    proposal.split(OPPONENT, (VOTES[OPPONENT], 0, 0))
    proposal.split(OTHER_OPPONENT, (2 * MILLION, 0, 0))
    proposal.vote(OTHER_SUPPORTER, FOR)
    proposal.split(OTHER_OPPONENT, (MILLION, 0, 0), at=end(proposal) + 1)
    assert proposal.deadline == end(proposal) + OBJECTIONS


def test_a_raid_is_answered(senate: Senate) -> None:
    """M25: two steps, the first 47 hours before the end to use up what an extension gives, the second in the last
    block. What then is against it counts, in any case.
    """
    proposal = senate.propose()
    proposal.vote(OPPONENT, AGAINST, at=proposal.snapshot + 10)
    proposal.vote(SUPPORTER, FOR, at=end(proposal) - 47 * 3_600)
    proposal.split(OTHER_OPPONENT, (10 * MILLION, 0, 0), at=end(proposal) - 46 * 3_600)
    raid = proposal.deadline - 12
    assert proposal.refused_vote(OTHER_SUPPORTER, FOR, at=raid) == error("ObjectionsOnly", proposal.id)
    assert proposal.state(at=proposal.deadline + 1) == State.DEFEATED


def test_what_objected_to_is_queued_after_them(senate: Senate) -> None:
    proposal = opened(senate)
    refusal = proposal.unexpected(State.ACTIVE, State.SUCCEEDED)
    assert proposal.revert("queue", at=end(proposal) + OBJECTIONS) == refusal
    proposal.send("queue", at=end(proposal) + OBJECTIONS + 1)


def test_nobody_votes_twice_by_objecting(senate: Senate) -> None:
    proposal = opened(senate)
    refusal = error("GovernorAlreadyCastVote", SUPPORTER)
    assert proposal.refused_vote(SUPPORTER, AGAINST, at=end(proposal) + 1) == refusal
    assert proposal.refused_vote(PASSER_BY, AGAINST, at=end(proposal) + 1) == error(
        "GovernorAlreadyCastVote", PASSER_BY
    )
    proposal.vote(PROPOSER, AGAINST, at=end(proposal) + 1)
