"""How the outbox changes its gateway, and what happens to its credit in the one before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.deciding import Hub, fund
from tests.kit.decisions import Decision
from tests.kit.evm import Contract, error, set_code
from tests.kit.founding import Founding
from tests.kit.terms import OPEN_ROUTE

NOBODY = "0x000000000000000000000000000000000000bEEF"


@pytest.fixture
def newer(founding: Founding, placed: Hub) -> Contract:
    """Another gateway on the hub."""
    return founding.deploy(routes={placed.destination: OPEN_ROUTE})


@pytest.fixture
def replaced(placed: Hub, newer: Contract) -> Callable[[], None]:
    def replaced() -> None:
        placed.outbox.send("setGateway", newer.address, sender=placed.timelock.address)

    return replaced


def test_sends_through_the_new_gateway(
    placed: Hub, newer: Contract, decision: Decision, treasury: str
) -> None:
    receipt = placed.outbox.send("setGateway", newer.address, sender=placed.timelock.address)
    assert receipt.named("GatewaySet") == [(newer.address,)]
    assert placed.outbox.view("gateway") == newer.address
    placed.stack.era.send("approve", newer.address, 10**20, sender=treasury)
    newer.send("depositFor", placed.outbox.address, 10**20, sender=treasury)
    receipt = placed.decide(decision)
    assert len(receipt.named("DecisionSent")) == 1
    assert [event.address for event in receipt.events if event.name == "LaneExtended"] == [newer.address]


def test_the_credit_in_the_old_gateway_goes_to_the_timelock(placed: Hub, newer: Contract) -> None:
    credit, timelock = placed.credit, placed.timelock.address
    before = placed.stack.era.view("balanceOf", timelock)
    receipt = placed.outbox.send("setGateway", newer.address, sender=timelock)
    assert receipt.named("CreditCollected") == [(placed.gateway.address, credit)]
    assert placed.stack.era.view("balanceOf", timelock) - before == credit > 0
    assert placed.credit == 0


@pytest.mark.parametrize(
    "code", ["fe", "00", "5f5ffd", "60206000f3"], ids=["burns", "stops", "reverts", "lies"]
)
def test_an_old_gateway_cannot_prevent_it(placed: Hub, newer: Contract, code: str) -> None:
    """P7d: whatever it answers."""
    set_code(placed.stack.chain, placed.gateway.address, bytes.fromhex(code))
    placed.outbox.send("setGateway", newer.address, sender=placed.timelock.address)
    assert placed.outbox.view("gateway") == newer.address


def test_anyone_collects_what_comes_back_later(
    placed: Hub, replaced: Callable[[], None], treasury: str, attacker: str
) -> None:
    """Messages that return through the old gateway leave their fees there."""
    replaced()
    fund(placed.stack, placed.outbox.address, treasury, 5)
    timelock = placed.timelock.address
    before = placed.stack.era.view("balanceOf", timelock)
    receipt = placed.outbox.send("collect", placed.gateway.address, sender=attacker)
    assert receipt.named("CreditCollected") == [(placed.gateway.address, 5)]
    assert placed.stack.era.view("balanceOf", timelock) - before == 5


def test_collects_nothing_from_the_present_gateway(placed: Hub, newer: Contract, attacker: str) -> None:
    """It pays for the next decision; and nothing else is called."""
    for account in (placed.gateway.address, newer.address, NOBODY):
        refusal = placed.outbox.revert("collect", account, sender=attacker)
        assert refusal == error("NotFormerGateway", account)


def test_messages_still_come_back_through_the_old_gateway(
    placed: Hub, replaced: Callable[[], None], newer: Contract
) -> None:
    replaced()
    message = (placed.outbox.address, placed.outbox.address, 1, 1, 0, b"decision")
    for gateway in (placed.gateway.address, newer.address):
        placed.outbox.view("onMessageReturned", bytes(32), placed.destination, message, 0, sender=gateway)


def test_the_same_gateway_again_changes_nothing(placed: Hub, decision: Decision) -> None:
    credit = placed.credit
    placed.outbox.send("setGateway", placed.gateway.address, sender=placed.timelock.address)
    assert placed.credit == credit
    assert len(placed.decide(decision).named("DecisionSent")) == 1


def test_returns_to_a_gateway_of_before(placed: Hub, replaced: Callable[[], None]) -> None:
    replaced()
    placed.outbox.send("setGateway", placed.gateway.address, sender=placed.timelock.address)
    assert placed.outbox.view("gateway") == placed.gateway.address


def test_refuses_a_gateway_without_code(placed: Hub) -> None:
    refusal = placed.outbox.revert("setGateway", NOBODY, sender=placed.timelock.address)
    assert refusal == error("InvalidGateway", NOBODY)


@pytest.mark.parametrize("caller", ["attacker", "owner", "sender", "deployer"])
def test_only_the_timelock_names_a_gateway(
    placed: Hub, newer: Contract, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    refusal = placed.outbox.revert("setGateway", newer.address, sender=account)
    assert refusal == error("NotTimelock", account)
