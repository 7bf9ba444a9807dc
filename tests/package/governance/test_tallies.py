"""When votes of other chains are sent, and when a chain is not believed: on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from metalayer.governance.keeping import AGAIN, MARKS, Keeper
from metalayer.governance.progress import Vote
from metalayer.governance.tallies import Count, sentences
from metalayer.protocol.dates import DAY
from metalayer.protocol.governor import ProposalState, Votes
from metalayer.protocol.votes import Tally

SOME, MORE = Tally(1, 20, 3), Tally(1, 25, 3)
END = 1_000 * DAY
VOTE = Vote(
    state=ProposalState.ACTIVE,
    proposer="",
    snapshot=END - 10 * DAY,
    deadline=END,
    objections_from=0,
    eta=0,
    expiry=0,
    votes=Votes(0, 0, 0),
    quorum=40,
    is_protected=False,
    proposed_in="",
    executed_in="",
    now=END - 5 * DAY,
)
HONEST = Count("arcade", 902, recounted=MORE, said=MORE, sent=SOME, kept=SOME, counted=SOME, cap=29)
NOTHING_SENT = Count("arcade", 902, recounted=MORE, said=MORE, cap=29)


def is_to_send(count: Count, vote: Vote, at_once: bool = False) -> bool:
    keeper = Keeper(cast(Any, None), cast(Any, None), cast(Any, None), at_once=at_once)
    return keeper._is_to_send(count, vote)


def before_end(seconds: int, **changes: Any) -> Vote:
    return replace(VOTE, now=END - seconds, **changes)


def test_votes_are_sent_at_marks_and_once_at_each() -> None:
    assert [is_to_send(NOTHING_SENT, before_end(mark + 1)) for mark in MARKS] == [False, True, True]
    for mark in MARKS:
        assert is_to_send(NOTHING_SENT, before_end(mark))
        assert is_to_send(replace(HONEST, sent_at=END - mark - 1), before_end(mark))
        assert not is_to_send(replace(HONEST, sent_at=END - mark), before_end(mark - 600))


def test_what_was_sent_and_did_not_arrive_is_sent_at_the_next_mark() -> None:
    lost = replace(HONEST, sent=MORE, sent_at=END - 3 * DAY)
    assert not is_to_send(lost, before_end(2 * DAY))
    assert is_to_send(lost, before_end(DAY))


def test_what_is_there_is_not_sent() -> None:
    assert not is_to_send(replace(HONEST, kept=MORE, sent=MORE), before_end(60))
    assert not is_to_send(replace(HONEST, kept=MORE, sent=MORE), before_end(60), at_once=True)


def test_who_does_not_wait_sends_whatever_grew_once() -> None:
    assert is_to_send(HONEST, VOTE, at_once=True)
    under_way = replace(HONEST, sent=MORE, sent_at=VOTE.now - AGAIN + 1)
    assert not is_to_send(under_way, VOTE, at_once=True)
    assert is_to_send(replace(under_way, sent_at=VOTE.now - AGAIN), VOTE, at_once=True)


def test_after_the_old_end_only_votes_against_are_sent() -> None:
    objecting = before_end(60, objections_from=END - 6 * DAY)
    assert not is_to_send(HONEST, objecting)
    assert is_to_send(replace(HONEST, said=Tally(2, 25, 3)), objecting)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"said": SOME}, ["its contract says 0.00000000000000002 for"]),
        ({"kept": Tally(2, 20, 3)}, ["the hub keeps"]),
        ({"sent": Tally(0, 0, 4)}, ["it sent"]),
        ({"cap": 28}, ["ERA voted there, the hub knows of"]),
        ({"said": SOME, "kept": Tally(0, 26, 0)}, ["its contract says", "the hub keeps"]),
    ],
)
def test_what_cannot_be_is_said(change: dict[str, Any], said: list[str]) -> None:
    """P7b: a chain that counts more than its voters gave, or than was there."""
    found = replace(HONEST, **change).faults
    assert [part in fault for part, fault in zip(said, found, strict=True)] == [True] * len(said)


def test_a_chain_that_is_silent_is_not_accused() -> None:
    silent = replace(HONEST, said=SOME, trouble="arcade is unreachable")
    assert list(sentences([silent])) == ["arcade is unreachable"]
    assert len(list(sentences([replace(HONEST, said=SOME)]))) == 1
