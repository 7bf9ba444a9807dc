"""MetalayerClient, through the contracts that are built on it: who may call, what is sent, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.protocol.gateway import DELIVER_BEFORE, FEE_PAYER, MIN_GAS_LIMIT, RETURN_GAS_LIMIT
from metalayer.protocol.message import interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, call, deploy, error, init_code, now
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

MAGIC = bytes.fromhex("2432ef26")
ID = b"\x01" * 32
TEXT = "Hello, arcade"


@pytest.fixture
def gateway(arcade: Stack) -> Contract:
    return arcade.gateway


@pytest.fixture
def hub_id(hub: Stack) -> int:
    return hub.chain.chain_id


@pytest.fixture
def greeter(arcade: Stack, gateway: Contract, sender: str) -> Contract:
    """On arcade, without credit."""
    return deploy(arcade.chain, "Greeter", gateway.address, sender=sender)


@pytest.fixture
def postbox(arcade: Stack, gateway: Contract, sender: str) -> Contract:
    return deploy(arcade.chain, "Postbox", gateway.address, False, sender=sender)


@pytest.fixture
def lane(hub_id: int, arcade: Stack) -> PaperLane:
    return PaperLane(hub_id, hub_id, arcade.chain.chain_id)


@pytest.fixture
def paper(gateway: Contract, relayer: str, validators: Validators, hub_id: int) -> PaperRelayer:
    return PaperRelayer(gateway, relayer, validators, hub_id)


def greeting(from_: str, text: str = TEXT) -> bytes:
    return encode(["address", "string"], [from_, text])


def returned(
    greeter: Contract, gateway: Contract, hub_id: int, from_: str, unspent: int = 0
) -> tuple[bytes, int, tuple[Any, ...], int]:
    """Arguments of `onMessageReturned` for a greeting to the hub, which `from_` is said to have paid."""
    message = (greeter.address, greeter.address, 250_000, 1, 0, greeting(from_))
    return ID, hub_id, message, unspent


@pytest.mark.parametrize("contract", ["Greeter", "Postbox"])
def test_needs_a_gateway(arcade: Stack, sender: str, contract: str) -> None:
    rest = {"Greeter": (), "Postbox": (False,)}[contract]
    code = init_code(contract, ZERO_ADDRESS, *rest)
    assert call(arcade.chain, None, code, sender=sender) == error("InvalidGateway", ZERO_ADDRESS)
    assert isinstance(call(arcade.chain, None, init_code(contract, sender, *rest), sender=sender), bytes)


def test_takes_a_message_of_its_own_address_on_another_chain(
    gateway: Contract, greeter: Contract, lane: PaperLane, paper: PaperRelayer, arcade: Stack
) -> None:
    message = lane.append(
        greeter.address,
        greeter.address,
        deliver_before=now(arcade.chain) + DAY,
        payload=greeting(greeter.address),
    )
    receipt = paper.deliver(lane)
    assert receipt.named("Greeted") == [(message.id, lane.origin, greeter.address, TEXT)]
    assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_refuses_other_senders(gateway: Contract, greeter: Contract, hub_id: int, attacker: str) -> None:
    """M10: though the gateway brings their messages."""
    payload = greeting(greeter.address)
    own, other = (interoperable(hub_id, account) for account in (greeter.address, attacker))
    assert greeter.view("receiveMessage", ID, own, payload, sender=gateway.address) == MAGIC
    refusal = error("ERC7786RecipientUnauthorizedGateway", gateway.address, other)
    assert greeter.revert("receiveMessage", ID, other, payload, sender=gateway.address) == refusal


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda own: own + b"\x00", id="trailing-byte"),
        pytest.param(lambda own: own[:-1], id="truncated"),
        pytest.param(lambda own: own[:4] + b"\x03\x00" + own[5:], id="leading-zero"),
        pytest.param(lambda own: b"", id="empty"),
        pytest.param(lambda own: own[:-20] + bytes(20), id="zero-address"),
    ],
)
@pytest.mark.parametrize("listens_to", ["itself", "anyone"])
def test_refuses_a_sender_that_is_not_canonical(
    gateway: Contract,
    greeter: Contract,
    postbox: Contract,
    hub_id: int,
    change: Callable[..., Any],
    listens_to: str,
) -> None:
    """M16: nor zero, which a chain that lies can name, and which a client's list of its peers holds where it holds
    nothing.
    """
    client = {"itself": greeter, "anyone": postbox}[listens_to]
    sender = change(interoperable(hub_id, client.address))
    refusal = error("ERC7786RecipientUnauthorizedGateway", gateway.address, sender)
    arguments = (ID, sender, greeting(client.address))
    assert client.revert("receiveMessage", *arguments, sender=gateway.address) == refusal


def test_refuses_messages_that_the_gateway_does_not_bring(
    greeter: Contract, postbox: Contract, hub_id: int, attacker: str
) -> None:
    """M10: not from itself, and not where anybody may send."""
    for client in (greeter, postbox):
        own = interoperable(hub_id, client.address)
        for caller in (attacker, client.address):
            refusal = error("ERC7786RecipientUnauthorizedGateway", caller, own)
            assert client.revert("receiveMessage", ID, own, b"", sender=caller) == refusal


def test_takes_messages_of_anyone_if_it_says_so(
    gateway: Contract, postbox: Contract, hub_id: int, attacker: str
) -> None:
    sender = interoperable(hub_id, attacker)
    assert postbox.view("receiveMessage", ID, sender, b"letter", sender=gateway.address) == MAGIC


def test_only_the_gateway_returns_a_message(
    gateway: Contract, greeter: Contract, postbox: Contract, hub_id: int, owner: str, attacker: str
) -> None:
    """M10"""
    arguments = returned(greeter, gateway, hub_id, greeter.address)
    for client in (greeter, postbox):
        assert client.view("onMessageReturned", *arguments, sender=gateway.address) == ()
        for caller in (attacker, owner, client.address):
            assert client.revert("onMessageReturned", *arguments, sender=caller) == error(
                "NotGateway", caller
            )


def test_gives_unspent_fees_to_who_paid(
    gateway: Contract, greeter: Contract, hub_id: int, sender: str
) -> None:
    """Out of its credit, which does not hold them here: nothing else is asked for them."""
    arguments = returned(greeter, gateway, hub_id, sender, unspent=7)
    refusal = error("InsufficientCredit", greeter.address, 0, 7)
    assert greeter.revert("onMessageReturned", *arguments, sender=gateway.address) == refusal
    arguments = returned(greeter, gateway, hub_id, ZERO_ADDRESS, unspent=7)
    refusal = error("InvalidAccount", ZERO_ADDRESS)
    assert greeter.revert("onMessageReturned", *arguments, sender=gateway.address) == refusal
    for payer in (sender, ZERO_ADDRESS):
        arguments = returned(greeter, gateway, hub_id, payer)
        assert greeter.view("onMessageReturned", *arguments, sender=gateway.address) == ()


def test_sends_what_it_is_told_to(
    gateway: Contract, greeter: Contract, hub_id: int, owner: str, sender: str
) -> None:
    """M15: recipient, payload, gas limit, deadline and payer, in their canonical forms."""
    gateway.send("setTerms", hub_id, FREE_TERMS.fields, sender=owner)
    at = now(gateway.chain) + 10
    receipt = greeter.send("greet", hub_id, TEXT, sender=sender, at=at)
    ((_, from_, to, payload, value, attributes),) = receipt.named("MessageSent")
    assert (from_, payload, value) == (
        interoperable(gateway.chain.chain_id, greeter.address),
        greeting(sender),
        0,
    )
    assert to == interoperable(hub_id, greeter.address)
    assert attributes == (
        MIN_GAS_LIMIT.encode(250_000),
        RETURN_GAS_LIMIT.encode(100_000),
        DELIVER_BEFORE.encode(at + DAY),
        FEE_PAYER.encode(sender),
    )
    ((_, _, gas_limit, deadline, _, _),) = receipt.named("LaneExtended")
    assert (gas_limit, deadline) == (250_000, at + DAY)
    assert all(gateway.view("supportsAttribute", attribute[:4]) for attribute in attributes)
