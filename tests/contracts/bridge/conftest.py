"""Tokens that move between the chains, with P4 checked for each after every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.paper import Validators
from tests.kit.stack import Stack
from tests.kit.world import World


@pytest.fixture(scope="module")
def founded_world(stacks: dict[str, Stack], validators: Validators, treasury: str) -> Iterator[World]:
    """Taken back after the tests of a module."""
    before = {name: stack.chain.snapshot() for name, stack in stacks.items()}
    try:
        yield World.found(stacks, validators, treasury)
    finally:
        for name, snapshot in before.items():
            stacks[name].chain.restore(snapshot)


@pytest.fixture
def world(founded_world: World) -> World:
    return founded_world.fork()
