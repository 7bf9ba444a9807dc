"""Bridges and annexes with one bug each (`contracts/test/TransferBug.sol`): a replay finds every one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.replays import FINDERS
from tests.kit.transfer_bugs import TransferBug as Bug
from tests.kit.transfer_bugs import break_bridges
from tests.kit.world import World


def test_every_bug_has_a_finder() -> None:
    assert set(FINDERS) | {Bug.NONE} == set(Bug)


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(world: World, bug: Bug) -> None:
    """P4, P14-P22, M9, M10, M35, M45, M51, M55: by a check, and not by an error of the replay itself."""
    break_bridges(world.stacks, bug)
    with pytest.raises(AssertionError, match=r"^(P|M)\d"):
        FINDERS[bug](world)


@pytest.mark.parametrize("replay", dict.fromkeys(FINDERS.values()), ids=lambda replay: replay.__name__)
def test_without_a_bug_nothing_is_found(world: World, replay: Callable[[World], object]) -> None:
    """The variants themselves are contracts like ours."""
    break_bridges(world.stacks)
    replay(world)
