"""Examples of what runs on a launched chain, on the real gateway and bridge of three."""

from __future__ import annotations

import pytest

from tests.kit.evm import Contract
from tests.kit.hops import FUNDS
from tests.kit.stack import Stack
from tests.kit.world import World


@pytest.fixture
def gem(world: World) -> Contract:
    """A token of the hub, as it stands on arcade. The depositor has some."""
    return world.local("gem", "arcade")


@pytest.fixture
def coin(world: World) -> Contract:
    """A token of arcade, where these tests are. The depositor has some."""
    return world.local("coin", "arcade")


@pytest.fixture
def players(arcade: Stack, world: World, gem: Contract, sender: str, attacker: str) -> tuple[str, str]:
    """Two, who have as many gems on arcade."""
    for player in (sender, attacker):
        gem.send("transfer", player, FUNDS // 4, sender=world.depositor)
    return sender, attacker
