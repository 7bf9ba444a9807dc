"""Chains whose clocks differ: ERA that crosses around a snapshot votes once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit import crossing
from tests.kit.crossing import AMOUNT, Crossing
from tests.kit.voting import Poll


@pytest.mark.parametrize(
    ("cross", "way"),
    [(crossing.spoke_ahead, ("arcade", "hub")), (crossing.spoke_behind, ("hub", "arcade"))],
    ids=["spoke-ahead", "spoke-behind"],
)
def test_what_crosses_votes_once_whichever_clock_is_ahead(
    poll: Poll, cross: Callable[[Poll], Crossing], way: tuple[str, str]
) -> None:
    """M38, M47, P7a: 5 million are counted, not 10; what was refused too early arrives when the clock has come."""
    crossed = cross(poll)
    assert crossed.weights() == {**dict.fromkeys(poll.stacks, 0), way[0]: AMOUNT}
    assert crossed.count() == (0, AMOUNT, 0)
    (message,) = [each for each in crossed.poll.courier.open.values() if each.nonce]
    assert crossed.arrive(message, 72 + 10_000), "it was late only"
    assert crossed.poll.stacks[way[1]].era.view("balanceOf", crossing.MOVER) == AMOUNT


@pytest.mark.parametrize(
    "cross",
    [
        crossing.to_the_second,
        crossing.two_hops,
        crossing.pay_with_votes,
        crossing.come_back_over_the_hub,
        crossing.in_the_second_of_the_hour,
    ],
)
def test_what_crosses_votes_once(poll: Poll, cross: Callable[[Poll], Crossing]) -> None:
    """M47, P7a, P7b: to the second, over two hops and back, as a fee, and in the second of the snapshot."""
    cross(poll)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_crosses_votes_once(poll: Poll, seed: int) -> None:
    """M38, P7a, P7b: any transfers with any clocks."""
    crossing.wander(poll, seed)
