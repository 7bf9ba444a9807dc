"""SpokeVotes: each account votes with what it had at the snapshot, in whole or in parts, and with no more."""

from __future__ import annotations

import pytest

from metalayer.protocol.votes import HOUR, Tally
from tests.kit.evm import error
from tests.kit.governing import MILLION
from tests.kit.voting import OTHER, PERPS_VOTER, SIGNER, VOTER, Poll

WEIGHT = 5 * MILLION


@pytest.mark.parametrize("support", range(3))
def test_a_vote_is_all_that_its_voter_had(poll: Poll, support: int) -> None:
    parts = [0, 0, 0]
    parts[support] = WEIGHT
    assert poll.votes["arcade"].view("castVote", *poll.ballot, support, sender=VOTER) == WEIGHT
    receipt = poll.cast("arcade", VOTER, support)
    assert receipt.named("VoteCast") == [(VOTER, *poll.ballot, *parts)]
    assert poll.votes["arcade"].view("tally", *poll.ballot) == tuple(parts)
    assert poll.votes["arcade"].view("usedVotes", *poll.ballot, VOTER) == WEIGHT


@pytest.mark.parametrize("support", [3, 254, 255])
def test_refuses_other_kinds_of_votes(poll: Poll, support: int) -> None:
    refusal = poll.votes["arcade"].revert("castVote", *poll.ballot, support, sender=VOTER)
    assert refusal == error("InvalidVoteType", support)


def test_votes_add_up(poll: Poll) -> None:
    poll.cast("arcade", VOTER, 1)
    poll.cast("arcade", OTHER, 0)
    poll.split("arcade", SIGNER.address, 1, 2, 3)
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (3 * MILLION + 1, WEIGHT + 2, 3)


def test_an_account_votes_in_parts_until_nothing_is_left(poll: Poll) -> None:
    receipt = poll.split("arcade", VOTER, 1, 2, 3)
    assert receipt.named("VoteCast") == [(VOTER, *poll.ballot, 1, 2, 3)]
    poll.split("arcade", VOTER, 0, 0, 10)
    receipt = poll.cast("arcade", VOTER, 1)
    assert receipt.named("VoteCast") == [(VOTER, *poll.ballot, 0, WEIGHT - 16, 0)]
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (1, WEIGHT - 14, 13)


@pytest.mark.parametrize("used", [0, 6])
def test_refuses_parts_beyond_what_is_left(poll: Poll, used: int) -> None:
    """To the wei, after what was voted with before: the whole is no measure of the rest."""
    if used:
        poll.split("arcade", VOTER, 1, 2, 3)
    left = WEIGHT - used
    parts = Tally(left - 1, 1, 1)
    refusal = poll.votes["arcade"].revert("castFractionalVote", *poll.ballot, parts, sender=VOTER)
    assert refusal == error("VotesExceeded", VOTER, left + 1, left)
    poll.split("arcade", VOTER, left - 1, 1, 0)
    assert poll.votes["arcade"].view("usedVotes", *poll.ballot, VOTER) == WEIGHT


def test_parts_beyond_their_type_are_no_way_around(poll: Poll) -> None:
    parts = Tally(2**128 - 1, 2**128 - 1, 2**128 - 1)
    refusal = poll.votes["arcade"].revert("castFractionalVote", *poll.ballot, parts, sender=VOTER)
    assert refusal == error("VotesExceeded", VOTER, 3 * (2**128 - 1), WEIGHT)


def test_refuses_to_vote_twice(poll: Poll) -> None:
    """M28: with everything, or with nothing."""
    poll.cast("arcade", VOTER, 1)
    for support in range(3):
        refusal = poll.votes["arcade"].revert("castVote", *poll.ballot, support, sender=VOTER)
        assert refusal == error("NoVotes", VOTER, poll.snapshot)
    refusal = poll.votes["arcade"].revert("castFractionalVote", *poll.ballot, Tally(1), sender=VOTER)
    assert refusal == error("VotesExceeded", VOTER, 1, 0)


def test_refuses_to_vote_with_nothing(poll: Poll) -> None:
    refusal = poll.votes["arcade"].revert("castFractionalVote", *poll.ballot, Tally(), sender=VOTER)
    assert refusal == error("NoVotes", VOTER, poll.snapshot)


def test_refuses_who_had_nothing(poll: Poll) -> None:
    """Also who has ERA elsewhere."""
    refusal = poll.votes["arcade"].revert("castVote", *poll.ballot, 1, sender=PERPS_VOTER)
    assert refusal == error("NoVotes", PERPS_VOTER, poll.snapshot)
    poll.cast("perps", PERPS_VOTER, 1)


def test_what_came_after_the_snapshot_does_not_count(poll: Poll) -> None:
    """M23: ERA that was borrowed, bought or bridged for the vote."""
    arcade = poll.stacks["arcade"]
    arcade.era.send("transfer", VOTER, MILLION, sender=OTHER)
    poll.cast("arcade", VOTER, 1)
    poll.cast("arcade", OTHER, 0)
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (3 * MILLION, WEIGHT, 0)


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_a_change_in_the_second_of_the_snapshot_counts(poll: Poll, shift: int) -> None:
    """And one a second later does not."""
    arcade = poll.stacks["arcade"]
    snapshot = poll.snapshot + 2 * HOUR + shift
    arcade.era.send("transfer", VOTER, 1, sender=OTHER, at=snapshot)
    arcade.era.send("transfer", VOTER, 1, sender=OTHER, at=snapshot + 1)
    poll.votes["arcade"].send("castVote", poll.id, snapshot, 1, sender=VOTER)
    assert poll.votes["arcade"].view("tally", poll.id, snapshot) == (0, WEIGHT + 1, 0)


@pytest.mark.parametrize("shift", [1, -1, HOUR // 2, HOUR])
def test_refuses_a_snapshot_that_is_no_full_hour_of_the_past(poll: Poll, shift: int) -> None:
    snapshot = poll.snapshot + shift
    for call in (("castVote", 1), ("castFractionalVote", Tally(1))):
        refusal = poll.votes["arcade"].revert(call[0], poll.id, snapshot, call[1], sender=VOTER)
        assert refusal == error("InvalidSnapshot", snapshot)


def test_refuses_a_snapshot_in_its_own_second(poll: Poll) -> None:
    """In that second votes may still change."""
    at = poll.snapshot + HOUR
    call = ("castVote", poll.id, at, 1)
    assert poll.votes["arcade"].revert(*call, sender=VOTER, at=at) == error("InvalidSnapshot", at)
    poll.votes["arcade"].send(*call, sender=VOTER, at=at + 1)


def test_ballots_are_apart(poll: Poll) -> None:
    """Another proposal, and another snapshot, whoever names it: only one of them is the governor's."""
    arcade = poll.votes["arcade"]
    poll.cast("arcade", VOTER, 1)
    arcade.send("castVote", poll.id + 1, poll.snapshot, 0, sender=VOTER)
    arcade.send("castVote", poll.id, poll.snapshot - HOUR, 2, sender=VOTER)
    found = [
        arcade.view("tally", *one)
        for one in (poll.ballot, (poll.id + 1, poll.snapshot), (poll.id, poll.snapshot - HOUR))
    ]
    assert found == [(0, WEIGHT, 0), (WEIGHT, 0, 0), (0, 0, WEIGHT)]
