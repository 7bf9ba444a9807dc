"""Tokens and ether that go over the real bridge by way of contracts beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.protocol.transfers import Options
from tests.kit.doors import FEES, MAX, Fund
from tests.kit.evm import Contract
from tests.kit.hops import Courier
from tests.kit.paper import Validators
from tests.kit.stack import Stack


@pytest.fixture
def courier(stacks: dict[str, Stack], validators: Validators, relayer: str) -> Courier:
    return Courier(stacks, validators, relayer)


@pytest.fixture
def fund(stacks: dict[str, Stack], courier: Courier, treasury: str) -> Fund:
    """Gives an account ERA on a chain: elsewhere than on the hub by the bridge."""
    hub = stacks["hub"]
    hub.era.send("approve", hub.bridge.address, MAX, sender=treasury)

    def fund(name: str, account: str, amount: int = FEES) -> None:
        if name == "hub":
            hub.era.send("transfer", account, amount, sender=treasury)
            return
        options = Options(from_balance=True).fields
        sent = hub.bridge.send(
            "send", hub.era.address, courier.id_of(name), account, amount, options, sender=treasury
        )
        courier.note("hub", sent)
        courier.carry("hub", name)

    return fund


@pytest.fixture
def on_bridge(courier: Courier) -> Callable[..., Contract]:
    """What stands on a chain for a token of another one. It has arrived there."""

    def on_bridge(name: str, home: str, token: Contract) -> Contract:
        stack = courier.stacks[name]
        local = stack.bridge.view("localOf", courier.id_of(home), token.address)
        return Contract(stack.chain, "BridgedToken", local)

    return on_bridge
