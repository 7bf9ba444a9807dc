"""The bond, driven at random beside its exact model: S1 to S8, S11, S12 and P6 after every step.

Every example ends with all cases closed, and everybody paid. `test_broken_staking.py` shows what is found.
"""

from __future__ import annotations

from collections import Counter

from tests.kit.exploring import explore
from tests.stateful.accusers import Accusers
from tests.stateful.bonders import Bonders
from tests.stateful.stakers import Arena


def test_bond(arena: Arena) -> None:
    """P6, S1, S2, S3, S7, S8, S12: stake, seats, rewards, sets and votes."""
    Bonders.arena, Bonders.paths = arena, Counter()
    explore(Bonders, 8)


def test_bond_and_cases(arena: Arena) -> None:
    """P6, S4, S5, S6, S11: whoever could be slashed when a case was opened is, and nobody else."""
    Accusers.arena, Accusers.paths = arena, Counter()
    explore(Accusers, 8)
