"""What a bond is worth: weights in a set, what a slash takes, what a reward pays. Exact, in wei: the mirror of
`SetBuilder`, and of the rules of `Staking` that people want to know before they sign.
"""

from collections.abc import Sequence
from typing import NamedTuple

BASIS_POINTS = 10_000
MIN_FRACTION = 500
"""Basis points of the stake that the smallest slash takes."""
BOUNTY_DIVISOR = 10
"""Of the own stake that a slash takes, one part in so many is the reporter's."""
YEAR = 365 * 86_400


def capped(stakes: Sequence[int]) -> list[int]:
    """Weights of validators with these stakes in a set: none is more than 30 % of all.

    As many of the largest as need it, three at most, are lowered to 3 R / (10 - 3 k), rounded down: R is what the
    others have, k how many are lowered. ValueError below four, where no such weights exist.
    """
    if len(stakes) < 4:
        raise ValueError(f"a set has at least four validators, not {len(stakes)}")
    rest = sum(stakes)
    for lowered, stake in enumerate(sorted(stakes, reverse=True)):
        cap = 3 * rest // (10 - 3 * lowered)
        if stake <= cap:
            break
        rest -= stake
    return [min(stake, cap) for stake in stakes]


def fraction(accused: int, weight: int) -> int:
    """Basis points that a slash takes: 9 (S / T)^2, rounded up, 500 at least, 10,000 from a third on.

    accused: the slashable stake S of all validators that are accused in the weeks around. weight: the most that a set
    weighed, T, when one of them was, up to the week of this one.
    """
    if 3 * accused >= weight:
        return BASIS_POINTS
    return max(MIN_FRACTION, -(-9 * BASIS_POINTS * accused**2 // weight**2))


class Loss(NamedTuple):
    """What a slash takes of a validator's own stake and of its delegators'."""

    own: int
    delegated: int


def loss(own: int, delegated: int, taken: int) -> Loss:
    """Of slashable stake at a fraction in basis points: own stake pays first, delegators the rest."""
    whole = -(-(own + delegated) * taken // BASIS_POINTS)
    return Loss(min(own, whole), max(0, whole - own))


def part(units: int, lost: int, slashable: int) -> int:
    """What one position or exit of `units` pays of a loss that all `slashable` units share: rounded up."""
    return -(-units * lost // slashable) if slashable else 0


def per_year(per_second: float, seated: int, commission: int = 0) -> float:
    """Reward of a unit in a year, as a fraction of it, while a stream gives so much (wei per second) to all seated
    stake. commission: basis points that the operator keeps.
    """
    if not seated:
        return 0.0
    return per_second * YEAR / seated * (BASIS_POINTS - commission) / BASIS_POINTS
