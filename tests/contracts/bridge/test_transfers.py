"""TokenBridge: ERA locked on the hub, minted elsewhere, and never more taken out of a chain than went in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.assets.bridge import Payload
from metalayer.protocol.message import interoperable
from tests.kit.evm import ZERO_ADDRESS, Receipt, Revert, error, now
from tests.kit.hops import (
    AMOUNT,
    CREDIT,
    FORWARD_GAS_LIMIT,
    FUNDS,
    RECEIVE_FEE,
    RECEIVE_GAS_LIMIT,
    Courier,
    deposit,
    transfer,
)
from tests.kit.paper import DAY
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

UNROUTED = 4_242


# Sending


def test_hub_locks(
    hub: Stack, arcade: Stack, send: Callable[..., Receipt], depositor: str, beneficiary: str
) -> None:
    """P4."""
    receipt = send("hub", "arcade", beneficiary)
    assert hub.era.view("balanceOf", depositor) == FUNDS - AMOUNT
    assert hub.era.view("balanceOf", hub.bridge.address) == AMOUNT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == AMOUNT
    id_ = receipt.named("MessageSent")[0][0]
    assert receipt.named("TransferSent") == [(id_, depositor, beneficiary, arcade.chain.chain_id, AMOUNT)]


def test_spoke_burns_without_an_approval(
    arcade: Stack,
    hub: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4."""
    on_arcade()
    receipt = send("arcade", "hub", beneficiary, 1)
    assert arcade.era.view("balanceOf", depositor) == AMOUNT - 1
    assert arcade.era.view("totalSupply") == AMOUNT + CREDIT - 1
    id_ = receipt.named("MessageSent")[0][0]
    assert receipt.named("TransferSent") == [(id_, depositor, beneficiary, hub.chain.chain_id, 1)]


def test_returns_the_id_of_the_first_hop(
    hub: Stack, arcade: Stack, send: Callable[..., Receipt], depositor: str, beneficiary: str
) -> None:
    send("hub", "arcade", beneficiary)
    arguments = (arcade.chain.chain_id, beneficiary, AMOUNT)
    at = now(hub.chain) + 10
    returned = hub.bridge.view("send", *arguments, sender=depositor, at=at)
    receipt = hub.bridge.send("send", *arguments, sender=depositor, at=at)
    assert receipt.named("TransferSent")[0][0] == returned


@pytest.mark.parametrize(
    ("origin", "destination", "hop", "gas_limit"),
    [
        pytest.param("hub", "arcade", "arcade", RECEIVE_GAS_LIMIT, id="hub-to-spoke"),
        pytest.param("arcade", "hub", "hub", RECEIVE_GAS_LIMIT, id="spoke-to-hub"),
        pytest.param("arcade", "perps", "hub", FORWARD_GAS_LIMIT, id="spoke-to-spoke"),
    ],
)
def test_every_first_hop_goes_through_the_hub(
    stacks: dict[str, Stack],
    courier: Courier,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
    hop: str,
    gas_limit: int,
) -> None:
    on_arcade()
    send(origin, destination, beneficiary)
    (message,) = courier.open.values()
    assert message.destination == stacks[hop].chain.chain_id
    assert message.sender == message.recipient.lower() == stacks[hop].bridge.address.lower()
    assert message.gas_limit == gas_limit
    chain = stacks[origin if origin == "hub" else destination].chain.chain_id
    assert transfer(message) == (chain, depositor, beneficiary, AMOUNT)


def test_a_transfer_has_the_gateways_default_time(
    hub: Stack, courier: Courier, send: Callable[..., Receipt], beneficiary: str
) -> None:
    """If it is not delivered by then, what it carries comes back: no longer time is needed."""
    receipt = send("hub", "arcade", beneficiary)
    (message,) = courier.open.values()
    block = hub.chain.rpc("eth_getBlockByNumber", [hex(receipt.logs[0].block), False])
    sent_at = int(block["timestamp"], 16)
    assert message.deliver_before == sent_at + 14 * DAY


def test_hub_refuses_without_an_allowance(hub: Stack, arcade: Stack, treasury: str, beneficiary: str) -> None:
    refusal = error("ERC20InsufficientAllowance", hub.bridge.address, 0, 1)
    assert hub.bridge.revert("send", arcade.chain.chain_id, beneficiary, 1, sender=treasury) == refusal


def test_hub_refuses_over_the_balance(
    hub: Stack, arcade: Stack, send: Callable[..., Receipt], depositor: str, beneficiary: str
) -> None:
    refusal = error("ERC20InsufficientBalance", depositor, FUNDS, FUNDS + 1)
    arguments = (arcade.chain.chain_id, beneficiary, FUNDS + 1)
    assert hub.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_spoke_refuses_over_the_balance(
    hub: Stack, arcade: Stack, on_arcade: Callable[..., None], depositor: str, beneficiary: str
) -> None:
    on_arcade()
    refusal = error("ERC20InsufficientBalance", depositor, AMOUNT, AMOUNT + 1)
    arguments = (hub.chain.chain_id, beneficiary, AMOUNT + 1)
    assert arcade.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_spoke_burns_only_the_callers(
    hub: Stack, arcade: Stack, on_arcade: Callable[..., None], attacker: str
) -> None:
    """Nobody sends somebody else's ERA."""
    on_arcade()
    refusal = error("ERC20InsufficientBalance", attacker, 0, 1)
    assert arcade.bridge.revert("send", hub.chain.chain_id, attacker, 1, sender=attacker) == refusal


def test_hub_takes_only_the_callers(
    hub: Stack, arcade: Stack, send: Callable[..., Receipt], attacker: str
) -> None:
    """The depositor's allowance to the bridge is nobody else's."""
    refusal = error("ERC20InsufficientAllowance", hub.bridge.address, 0, 1)
    assert hub.bridge.revert("send", arcade.chain.chain_id, attacker, 1, sender=attacker) == refusal


@pytest.mark.parametrize(("origin", "destination"), [("hub", "arcade"), ("arcade", "hub")])
def test_refuses_a_zero_amount(
    stacks: dict[str, Stack], depositor: str, beneficiary: str, origin: str, destination: str
) -> None:
    arguments = (stacks[destination].chain.chain_id, beneficiary, 0)
    assert stacks[origin].bridge.revert("send", *arguments, sender=depositor) == error("ZeroAmount")


@pytest.mark.parametrize(("origin", "destination"), [("hub", "arcade"), ("arcade", "hub")])
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "era"])
def test_refuses_beneficiaries(
    stacks: dict[str, Stack], depositor: str, origin: str, destination: str, kind: str
) -> None:
    """M8: ERA that nobody could move."""
    stack = stacks[origin]
    to = ZERO_ADDRESS if kind == "zero" else getattr(stack, kind).address
    refusal = error("InvalidBeneficiary", to)
    arguments = (stacks[destination].chain.chain_id, to, AMOUNT)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_refuses_this_chain_as_destination(
    stacks: dict[str, Stack], depositor: str, beneficiary: str, origin: str
) -> None:
    own = stacks[origin].chain.chain_id
    refusal = error("InvalidDestination", own)
    assert stacks[origin].bridge.revert("send", own, beneficiary, 1, sender=depositor) == refusal


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("destination", [0, UNROUTED])
def test_refuses_a_destination_without_route(
    stacks: dict[str, Stack], depositor: str, beneficiary: str, origin: str, destination: int
) -> None:
    refusal = error("InvalidDestination", destination)
    assert stacks[origin].bridge.revert("send", destination, beneficiary, 1, sender=depositor) == refusal


def test_refuses_a_destination_whose_outbound_is_closed(
    hub: Stack, arcade: Stack, owner: str, depositor: str, beneficiary: str
) -> None:
    destination = arcade.chain.chain_id
    hub.gateway.send("setOpen", destination, False, True, sender=owner)
    refusal = error("InvalidDestination", destination)
    assert hub.bridge.revert("send", destination, beneficiary, 1, sender=depositor) == refusal


def test_spoke_burns_nothing_while_its_way_to_the_hub_is_closed(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    owner: str,
    on_arcade: Callable[..., None],
    depositor: str,
    beneficiary: str,
) -> None:
    on_arcade()
    arcade.gateway.send("setOpen", hub.chain.chain_id, False, True, sender=owner)
    refusal = error("RouteClosed", hub.chain.chain_id)
    arguments = (perps.chain.chain_id, beneficiary, 1)
    assert arcade.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_takes_no_ether(hub: Stack, arcade: Stack, depositor: str, beneficiary: str) -> None:
    arguments = (arcade.chain.chain_id, beneficiary, 1)
    assert hub.bridge.revert("send", *arguments, sender=depositor, value=1) == Revert(b"")


# Arriving


def test_spoke_mints(
    arcade: Stack, hub: Stack, send: Callable[..., Receipt], courier: Courier, beneficiary: str
) -> None:
    """P4."""
    send("hub", "arcade", beneficiary)
    (message,) = courier.open.values()
    receipt = courier.carry("hub", "arcade")
    assert receipt.named("TransferReceived") == [(message.id, beneficiary, hub.chain.chain_id, AMOUNT)]
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT


def test_hub_releases(
    arcade: Stack,
    hub: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    beneficiary: str,
) -> None:
    """P4."""
    on_arcade()
    send("arcade", "hub", beneficiary)
    (message,) = courier.open.values()
    receipt = courier.carry("arcade", "hub")
    assert receipt.named("TransferReceived") == [(message.id, beneficiary, arcade.chain.chain_id, AMOUNT)]
    assert hub.era.view("balanceOf", beneficiary) == AMOUNT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == CREDIT


def test_spoke_to_spoke_makes_two_hops(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    depositor: str,
    beneficiary: str,
) -> None:
    """P4: the hub moves the amount, less its fee, from one account to the other, without any action of the user."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    (first,) = courier.open.values()
    forwarded = courier.carry("arcade", "hub")
    (second,) = courier.open.values()
    onward = AMOUNT - RECEIVE_FEE
    expected = (first.id, second.id, perps.chain.chain_id, onward, RECEIVE_FEE)
    assert forwarded.named("TransferForwarded") == [expected]
    assert forwarded.named("TransferReceived") == []
    assert transfer(second) == (arcade.chain.chain_id, depositor, beneficiary, onward)
    assert second.gas_limit == RECEIVE_GAS_LIMIT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == CREDIT
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == onward
    received = courier.carry("hub", "perps")
    assert received.named("TransferReceived") == [(second.id, beneficiary, hub.chain.chain_id, onward)]
    assert perps.era.view("balanceOf", beneficiary) == onward


def test_comes_back_but_for_the_second_hops_fee(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    on_spoke: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    depositor: str,
) -> None:
    """P4: hub, arcade, perps, hub; what is left elsewhere is what users paid in."""
    on_spoke("perps", 0)
    on_spoke("arcade")
    send("arcade", "perps", depositor)
    courier.carry("arcade", "hub")
    courier.carry("hub", "perps")
    send("perps", "hub", depositor, AMOUNT - RECEIVE_FEE)
    courier.carry("perps", "hub")
    assert hub.era.view("balanceOf", depositor) == FUNDS - 2 * CREDIT - RECEIVE_FEE
    assert hub.era.view("balanceOf", hub.bridge.address) == 2 * CREDIT
    for spoke in (arcade, perps):
        assert spoke.era.view("balanceOf", spoke.gateway.address) == spoke.era.view("totalSupply") == CREDIT


def test_several_transfers_arrive_in_one_delivery(
    arcade: Stack, send: Callable[..., Receipt], courier: Courier, beneficiary: str
) -> None:
    for amount in (1, 2, 3):
        send("hub", "arcade", beneficiary, amount)
    receipt = courier.carry("hub", "arcade")
    assert [values[3] for values in receipt.named("TransferReceived")] == [1, 2, 3]
    assert arcade.era.view("balanceOf", beneficiary) == 6


def test_gas_limits_suffice_with_everything_cold(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    send: Callable[..., Receipt],
    courier: Courier,
    depositor: str,
    beneficiary: str,
    delegatee: str,
) -> None:
    """First mint, first checkpoint of a delegate, first entry of a lane: no hop fails for gas."""
    for stack in (hub, arcade, perps):
        stack.era.send("delegate", delegatee, sender=beneficiary)
        stack.era.send("delegate", delegatee, sender=depositor)
    send("hub", "arcade", depositor, AMOUNT + CREDIT)
    assert courier.carry("hub", "arcade").named("MessageFailed") == []
    deposit(arcade, depositor)
    send("arcade", "perps", beneficiary)
    assert courier.carry("arcade", "hub").named("MessageFailed") == []
    assert courier.carry("hub", "perps").named("MessageFailed") == []
    deposit(perps, beneficiary)
    send("perps", "hub", beneficiary, 1, sender=beneficiary)
    assert courier.carry("perps", "hub").named("MessageFailed") == []


def test_a_delivery_repeated_pays_once(
    arcade: Stack, send: Callable[..., Receipt], courier: Courier, relayer: str, beneficiary: str
) -> None:
    """M11, P1."""
    send("hub", "arcade", beneficiary)
    arguments = courier.arguments("hub", "arcade")
    courier.carry("hub", "arcade")
    assert arcade.gateway.send("deliver", *arguments, sender=relayer).events == []
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT


# What the hub lets a chain take out


def test_hub_refuses_more_than_went_out(
    hub: Stack,
    arcade: Stack,
    on_arcade: Callable[..., None],
    gateway_call: Callable[..., Revert],
    attacker: str,
) -> None:
    """M9, P4: a forged message cannot exceed what its origin holds."""
    on_arcade()
    origin = arcade.chain.chain_id
    sender = interoperable(origin, hub.bridge.address)
    held = AMOUNT + CREDIT
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, held + 1)
    assert refusal == error("OutstandingExceeded", origin, held + 1, held)


def test_one_chain_cannot_take_what_another_holds(
    hub: Stack,
    perps: Stack,
    on_arcade: Callable[..., None],
    gateway_call: Callable[..., Revert],
    attacker: str,
) -> None:
    """M9: per chain, not in total."""
    on_arcade()
    sender = interoperable(perps.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, 1)
    assert refusal == error("OutstandingExceeded", perps.chain.chain_id, 1, 0)


def test_hub_refuses_to_forward_more_than_went_out(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    on_arcade: Callable[..., None],
    gateway_call: Callable[..., Revert],
    attacker: str,
) -> None:
    """M9: nor by the second hop."""
    on_arcade()
    sender = interoperable(arcade.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, perps.chain.chain_id, attacker, 2**256 - 1)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, 2**256 - 1, AMOUNT + CREDIT)


def test_a_lying_quorum_takes_no_more_than_the_chain_holds(
    hub: Stack, arcade: Stack, on_arcade: Callable[..., None], courier: Courier, relayer: str, attacker: str
) -> None:
    """M3, M9: what a forging quorum can take out of a chain is what was sent to it."""
    on_arcade()
    hub_id, bridge = hub.chain.chain_id, hub.bridge.address
    held = AMOUNT + CREDIT
    for name, amounts in {"perps": [held], "arcade": [held + 1, held, 1]}.items():
        lane = courier.lane(name, "hub")
        for amount in amounts:
            payload = Payload(hub_id, 0, attacker, attacker, amount).encoded
            deadline = now(hub.chain) + DAY
            lane.append(bridge, bridge, deliver_before=deadline, payload=payload)
        arguments = courier.arguments(name, "hub")
        receipt = hub.gateway.send("deliver", *arguments, sender=relayer)
        taken = [values[3] for values in receipt.named("TransferReceived")]
        assert taken == ([] if name == "perps" else [held])
        courier.lanes.clear()
    assert hub.era.view("balanceOf", attacker) == held
    assert hub.era.view("balanceOf", bridge) == hub.bridge.view("outstanding", arcade.chain.chain_id) == 0


# Who may bring a message


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("caller", ["attacker", "relayer", "owner", "deployer", "depositor"])
def test_refuses_messages_that_the_gateway_did_not_bring(
    stacks: dict[str, Stack],
    gateway_call: Callable[..., Revert],
    request: pytest.FixtureRequest,
    name: str,
    caller: str,
    attacker: str,
) -> None:
    """M10: even if everything else is right."""
    account = request.getfixturevalue(caller)
    origin = "arcade" if name == "hub" else "hub"
    sender = interoperable(stacks[origin].chain.chain_id, stacks[name].bridge.address)
    refusal = gateway_call(name, sender, stacks[name].chain.chain_id, attacker, 1, caller=account)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", account, sender)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", ["attacker", "owner", "gateway", "era", "zero"])
def test_refuses_messages_of_other_senders(
    stacks: dict[str, Stack],
    gateway_call: Callable[..., Revert],
    request: pytest.FixtureRequest,
    name: str,
    kind: str,
    attacker: str,
) -> None:
    """M10: through the gateway, but not from the bridge of the other chain."""
    stack = stacks[name]
    if kind == "zero":
        account = ZERO_ADDRESS
    else:
        account = getattr(stack, kind).address if hasattr(stack, kind) else request.getfixturevalue(kind)
    origin = "arcade" if name == "hub" else "hub"
    sender = interoperable(stacks[origin].chain.chain_id, account)
    refusal = gateway_call(name, sender, stack.chain.chain_id, attacker, 1)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", stack.gateway.address, sender)


@pytest.mark.parametrize("origin", [903, UNROUTED, 902, 0])
def test_spoke_refuses_bridges_of_chains_other_than_the_hub(
    arcade: Stack, gateway_call: Callable[..., Revert], attacker: str, origin: int
) -> None:
    """P4: a spoke mints only on a message from the token's home."""
    sender = interoperable(origin, arcade.bridge.address)
    refusal = gateway_call("arcade", sender, arcade.chain.chain_id, attacker, 1)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", arcade.gateway.address, sender)


def test_spoke_mints_nothing_for_another_spoke(
    courier: Courier, arcade: Stack, relayer: str, attacker: str
) -> None:
    """P4, M9: also if a whole quorum signs that the message was sent."""
    payload = Payload(arcade.chain.chain_id, 0, attacker, attacker, AMOUNT).encoded
    bridge = arcade.bridge.address
    lane = courier.lane("perps", "arcade")
    lane.append(bridge, bridge, deliver_before=now(arcade.chain) + DAY, payload=payload)
    receipt = arcade.gateway.send("deliver", *courier.arguments("perps", "arcade"), sender=relayer)
    assert len(receipt.named("MessageFailed")) == 1
    assert arcade.era.view("totalSupply") == 0


def test_a_stranger_sends_the_bridge_nothing(
    hub: Stack, arcade: Stack, courier: Courier, owner: str, attacker: str
) -> None:
    """M10: whoever sends a message that reads like a transfer moves nothing."""
    payload = Payload(arcade.chain.chain_id, 0, attacker, attacker, AMOUNT).encoded
    recipient = interoperable(arcade.chain.chain_id, arcade.bridge.address)
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    courier.note("hub", hub.gateway.send("sendMessage", recipient, payload, [], sender=attacker))
    assert len(courier.carry("hub", "arcade").named("MessageFailed")) == 1
    assert arcade.era.view("totalSupply") == 0


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "era"])
def test_refuses_beneficiaries_on_arrival(
    stacks: dict[str, Stack], gateway_call: Callable[..., Revert], name: str, kind: str
) -> None:
    """M8: also if the other chain's bridge was another one."""
    stack = stacks[name]
    to = ZERO_ADDRESS if kind == "zero" else getattr(stack, kind).address
    origin = stacks["arcade" if name == "hub" else "hub"].chain.chain_id
    sender = interoperable(origin, stack.bridge.address)
    assert gateway_call(name, sender, stack.chain.chain_id, to, 1) == error("InvalidBeneficiary", to)


@pytest.mark.parametrize("payload", [b"", bytes(127), b"\xff" * 128], ids=["empty", "short", "dirty"])
def test_refuses_payloads_that_are_no_transfer(hub: Stack, arcade: Stack, payload: bytes) -> None:
    sender = interoperable(hub.chain.chain_id, arcade.bridge.address)
    arguments = (bytes(32), sender, payload)
    refusal = arcade.bridge.revert("receiveMessage", *arguments, sender=arcade.gateway.address)
    assert not refusal.is_panic


@pytest.mark.parametrize("sender", [b"", b"\x00\x01", bytes(64)], ids=["empty", "short", "zeros"])
def test_refuses_senders_that_are_no_address(arcade: Stack, attacker: str, sender: bytes) -> None:
    """M16."""
    refusal = arcade.bridge.revert("receiveMessage", bytes(32), sender, b"", sender=attacker)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", attacker, sender)
