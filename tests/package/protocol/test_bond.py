"""What a bond is worth, in exact numbers. Contracts give the same: tests/crosschain/test_staking_numbers.py."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.bond import BASIS_POINTS, Loss, capped, fraction, loss, part, per_year

ERA = 10**18
_stakes = st.lists(st.integers(1, 10**27), min_size=4, max_size=32)


@given(_stakes)
def test_no_weight_is_more_than_three_tenths(stakes: list[int]) -> None:
    weights = capped(stakes)
    assert all(10 * weight <= 3 * sum(weights) for weight in weights)
    assert all(0 < weight <= stake for weight, stake in zip(weights, stakes, strict=True))


@given(_stakes)
def test_three_at_most_are_lowered_all_to_the_same_and_no_further_than_needed(stakes: list[int]) -> None:
    weights = capped(stakes)
    lowered = [weight for weight, stake in zip(weights, stakes, strict=True) if weight < stake]
    assert len(lowered) <= 3
    assert len(set(lowered)) <= 1
    if lowered:
        rest = sum(weights) - sum(lowered)
        assert lowered[0] <= Fraction(3 * rest, 10 - 3 * len(lowered)) < lowered[0] + 1


@pytest.mark.parametrize(
    ("stakes", "weights"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1]),
        ([700, 100, 100, 100], [128, 100, 100, 100]),
        ([1_000, 1_000, 100, 100], [150, 150, 100, 100]),
        ([10, 9, 8, 1], [3, 3, 3, 1]),
        ([30, 30, 30, 10], [30, 30, 30, 10]),
    ],
)
def test_weights_of_small_sets(stakes: list[int], weights: list[int]) -> None:
    assert capped(stakes) == weights


@pytest.mark.parametrize("count", [0, 3])
def test_fewer_than_four_have_no_weights(count: int) -> None:
    with pytest.raises(ValueError, match=f"at least four validators, not {count}"):
        capped([1] * count)


@pytest.mark.parametrize(
    ("accused", "seated", "taken"),
    [
        (1, 32, 500),
        (1, 14, 500),
        (1, 13, 533),
        (1, 10, 900),
        (2, 10, 3_600),
        (3, 10, 8_100),
        (4, 10, 10_000),
        (1, 3, 10_000),
        (0, 10, 500),
        (5, 0, 10_000),
    ],
)
def test_fractions(accused: int, seated: int, taken: int) -> None:
    assert fraction(accused, seated) == taken
    assert fraction(accused * ERA, seated * ERA) == taken


@given(st.integers(0, 10**27), st.integers(0, 10**27), st.integers(0, BASIS_POINTS))
def test_own_stake_pays_first_and_all_of_the_loss_is_paid(own: int, delegated: int, taken: int) -> None:
    """S5."""
    lost = loss(own, delegated, taken)
    assert sum(lost) == -(-(own + delegated) * taken // BASIS_POINTS)
    assert lost.own <= own
    assert lost.delegated <= delegated
    assert lost.own == own or lost.delegated == 0


@given(st.lists(st.integers(1, 10**24), min_size=1, max_size=20), st.integers(0, BASIS_POINTS))
def test_positions_pay_between_the_loss_and_a_wei_more_each(units: list[int], taken: int) -> None:
    """S5."""
    slashable = sum(units)
    lost = loss(0, slashable, taken).delegated
    paid = sum(part(one, lost, slashable) for one in units)
    assert lost <= paid <= lost + len(units)
    assert all(part(one, lost, slashable) <= one for one in units)


def test_nothing_is_lost_of_nothing() -> None:
    assert loss(0, 0, 500) == Loss(0, 0)
    assert part(0, 0, 0) == 0


def test_a_year_of_rewards() -> None:
    week = 70_000 * ERA / (7 * 86_400)
    assert per_year(week, 100_000_000 * ERA) == pytest.approx(0.0365)
    assert per_year(week, 100_000_000 * ERA, 1_000) == pytest.approx(0.03285)
    assert per_year(week, 0) == 0
