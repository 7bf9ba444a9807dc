"""A governor of the hub's ERA, and who votes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.kit.governing import VOTES, Senate
from tests.kit.stack import Stack


@pytest.fixture
def electorate(hub: Stack, treasury: str) -> Stack:
    """The hub, where everybody who votes has what they vote with."""
    for voter, amount in VOTES.items():
        hub.era.send("transfer", voter, amount, sender=treasury)
        hub.era.send("delegate", voter, sender=voter)
    return hub


@pytest.fixture
def senate(electorate: Stack) -> Senate:
    return Senate.found(electorate)


@pytest.fixture
def found(electorate: Stack) -> Callable[[int], Senate]:
    """Founds a senate whose governor has a bug."""
    return partial(Senate.found, electorate)
