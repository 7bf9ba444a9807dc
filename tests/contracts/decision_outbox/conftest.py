"""The hub's DecisionOutbox behind the real gateway, and arcade's RemoteGovernor at its address."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.deciding import ACCOUNT, CODE, CREDIT, SALT, Hub, as_owner, fund
from tests.kit.decisions import DELAY, Action, Decision
from tests.kit.evm import Contract, deploy, init_code
from tests.kit.stack import Stack


@pytest.fixture
def placed(hub: Stack, arcade: Stack, deployer: str, sender: str, treasury: str) -> Hub:
    """At its address on arcade there is nothing yet."""
    timelock = deploy(hub.chain, "Timelock", 0, sender, sender=deployer)
    hub.chain.rpc("anvil_impersonateAccount", [timelock.address])
    hub.chain.rpc("anvil_setBalance", [timelock.address, hex(10**20)])
    code = init_code("DecisionOutbox", hub.gateway.address, timelock.address)
    hub.factory.send("deploy", sender, SALT, code, sender=sender)
    outbox = Contract(hub.chain, "DecisionOutbox", hub.factory.view("addressOf", sender, SALT))
    fund(hub, outbox.address, treasury)
    return Hub(hub, outbox, timelock, arcade.chain.chain_id)


@pytest.fixture
def payer(placed: Hub, treasury: str, beneficiary: str) -> str:
    """Has credit, and allows the outbox all of it."""
    fund(placed.stack, beneficiary, treasury)
    placed.gateway.send("setAllowance", placed.outbox.address, CREDIT, sender=beneficiary)
    return beneficiary


@pytest.fixture
def decision() -> Decision:
    """Calls something on arcade."""
    return Decision([Action(ACCOUNT, b"\x01\x02\x03\x04", 0, CODE)])


@pytest.fixture
def close(placed: Hub) -> Callable[[], None]:
    """Closes the route to arcade, as the gateway's owner."""

    def close() -> None:
        as_owner(placed.stack, "setOpen", placed.destination, False, True)

    return close


@pytest.fixture
def remote_lock(
    arcade: Stack, placed: Hub, deployer: str, sender: str, guardian: str, recovery: str
) -> Contract:
    """Arcade's timelock; its RemoteGovernor stands at the outbox's address."""
    lock = deploy(arcade.chain, "Timelock", DELAY, placed.outbox.address, sender=deployer)
    hub_id = placed.stack.chain.chain_id
    code = init_code("RemoteGovernor", hub_id, arcade.gateway.address, lock.address, guardian, recovery)
    arcade.factory.send("deploy", sender, SALT, code, sender=sender)
    assert arcade.factory.view("addressOf", sender, SALT) == placed.outbox.address
    return lock
