"""The hub's gateway, from which messages go to arcade free of charge."""

from __future__ import annotations

import pytest

from metalayer.protocol.message import interoperable
from tests.kit.evm import Contract
from tests.kit.outbox import ACCOUNT
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS


@pytest.fixture
def gateway(hub: Stack, arcade: Stack, perps: Stack, owner: str) -> Contract:
    """The hub's gateway, which takes no fees here: see test_fees.py."""
    for destination in (arcade, perps):
        hub.gateway.send("setTerms", destination.chain.chain_id, FREE_TERMS.fields, sender=owner)
    return hub.gateway


@pytest.fixture
def destination(arcade: Stack) -> int:
    return arcade.chain.chain_id


@pytest.fixture
def recipient(destination: int) -> bytes:
    """ERC-7930 form of an account on arcade."""
    return interoperable(destination, ACCOUNT)
