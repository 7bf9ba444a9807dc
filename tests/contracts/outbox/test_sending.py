"""Outbox: what may enter a lane, what it leaves behind, and how a broken lane is restarted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message, extend, genesis_head, interoperable, parse_interoperable
from tests.kit.evm import Contract, Receipt, Revert, call, deploy, error, now
from tests.kit.outbox import (
    ACCOUNT,
    STORED_HEAD_INTERVAL,
    deliver_before,
    min_gas_limit,
    refusal,
    send,
)
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

CLOSED = 4_242


# What a message leaves behind


def test_returns_the_id_that_it_emits(gateway: Contract, sender: str, recipient: bytes) -> None:
    returned = gateway.view(
        "sendMessage", recipient, b"hello", [deliver_before(now(gateway.chain) + DAY)], sender=sender
    )
    receipt = send(gateway, sender, recipient, b"hello", [deliver_before(now(gateway.chain) + DAY)])
    assert [values[0] for values in receipt.named("MessageSent")] == [returned]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 8_192])
def test_both_logs_together_rebuild_the_message(
    gateway: Contract, sender: str, recipient: bytes, length: int
) -> None:
    """The id, its place and its head follow from MessageSent and LaneExtended alone."""
    payload = bytes(i % 251 for i in range(length))
    origin, (destination, account) = gateway.chain.chain_id, parse_interoperable(recipient)
    sent, extended = send(gateway, sender, recipient, payload).events
    assert (sent.name, extended.name) == ("MessageSent", "LaneExtended")
    assert sent.address == extended.address == gateway.address
    send_id, from_, to, logged_payload, value, attributes = sent.values
    lane, nonce, gas_limit, last_second, fee, head = extended.values
    assert (to, logged_payload, value, attributes, lane) == (recipient, payload, 0, (), destination)
    assert from_ == interoperable(origin, sender)
    message = Message(
        origin, origin, lane, nonce, sender, account, gas_limit, last_second, fee, logged_payload
    )
    assert message.id == send_id
    assert head == extend(genesis_head(origin, origin, destination), message.id)


def test_logs_the_attributes_as_given(gateway: Contract, sender: str, recipient: bytes) -> None:
    attributes = (min_gas_limit(70_000), deliver_before(now(gateway.chain) + DAY))
    receipt = send(gateway, sender, recipient, b"", attributes)
    assert receipt.named("MessageSent")[0][5] == attributes


def test_extends_the_head_message_by_message(gateway: Contract, sender: str, recipient: bytes) -> None:
    """P2: the head is the hash chain of everything sent."""
    origin, destination = gateway.chain.chain_id, parse_interoperable(recipient)[0]
    head = genesis_head(origin, origin, destination)
    for nonce in range(1, 5):
        receipt = send(gateway, sender, recipient, bytes([nonce]))
        head = extend(head, receipt.named("MessageSent")[0][0])
        assert receipt.named("LaneExtended")[0][1] == nonce
        assert receipt.named("LaneExtended")[0][5] == head
        assert gateway.view("outboxLane", destination) == (nonce, head, 0)


def test_equal_messages_have_different_ids(gateway: Contract, sender: str, recipient: bytes) -> None:
    """P1: the nonce is part of the id."""
    at = now(gateway.chain) + DAY
    first, second = (send(gateway, sender, recipient, b"same", [deliver_before(at)]) for _ in range(2))
    assert first.named("MessageSent")[0][0] != second.named("MessageSent")[0][0]


def test_lane_without_messages_has_the_genesis_head(gateway: Contract, arcade: Stack) -> None:
    """M1: never zero, though nothing is stored."""
    origin, destination = gateway.chain.chain_id, arcade.chain.chain_id
    genesis = genesis_head(origin, origin, destination)
    assert gateway.view("outboxLane", destination) == (0, genesis, 0)
    assert genesis != bytes(32)


def test_destinations_are_independent(gateway: Contract, sender: str, arcade: Stack, perps: Stack) -> None:
    origin = gateway.chain.chain_id
    lanes = {
        stack.chain.chain_id: genesis_head(origin, origin, stack.chain.chain_id) for stack in (arcade, perps)
    }
    nonces = dict.fromkeys(lanes, 0)
    first, second = lanes
    for destination in (first, first, second, first, second):
        receipt = send(gateway, sender, interoperable(destination, ACCOUNT), b"")
        lanes[destination] = extend(lanes[destination], receipt.named("MessageSent")[0][0])
        nonces[destination] += 1
    assert {d: gateway.view("outboxLane", d) for d in lanes} == {d: (nonces[d], lanes[d], 0) for d in lanes}
    assert nonces == {first: 3, second: 2}


def test_stores_the_head_every_64_messages(gateway: Contract, sender: str, recipient: bytes) -> None:
    """A proof about an old message starts at a stored head."""
    chain, destination = gateway.chain, parse_interoperable(recipient)[0]
    data = "0x" + gateway.encode("sendMessage", recipient, b"", []).hex()
    first = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    chain.rpc("evm_setAutomine", [False])
    transaction = {"from": sender, "to": gateway.address, "data": data, "gas": hex(150_000)}
    transactions = [
        ("eth_sendTransaction", [transaction | {"nonce": hex(first + i)}])
        for i in range(2 * STORED_HEAD_INTERVAL + 1)
    ]
    chain.batch(transactions)
    chain.rpc("evm_mine")
    heads = {}
    topics = ["0x" + keccak(text="LaneExtended(uint256,uint64,uint64,uint64,uint256,bytes32)").hex()]
    query = {"address": gateway.address, "fromBlock": "latest", "toBlock": "latest", "topics": topics}
    for log in chain.rpc("eth_getLogs", [query]):
        heads[int(log["topics"][2], 16)] = bytes.fromhex(log["data"][-64:])
    assert sorted(heads) == list(range(1, 2 * STORED_HEAD_INTERVAL + 2))
    for nonce in (STORED_HEAD_INTERVAL, 2 * STORED_HEAD_INTERVAL):
        assert gateway.view("storedHead", destination, nonce) == heads[nonce]
    for nonce in (0, 1, 63, 65, 127, 129, 192):
        assert gateway.view("storedHead", destination, nonce) == bytes(32)


def test_a_contract_may_send(
    hub: Stack, arcade: Stack, sender: str, gateway: Contract, recipient: bytes
) -> None:
    """The sender is the caller, not the account that signed the transaction."""
    data = gateway.encode("sendMessage", recipient, b"", [])
    hub.recipient.send("setCall", gateway.address, data, sender=sender)
    receipt = hub.recipient.send("receiveMessage", bytes(32), b"", b"", sender=sender)
    assert receipt.named("MessageSent")[0][1] == interoperable(hub.chain.chain_id, hub.recipient.address)


def test_spokes_commit_to_the_hub_as_network(
    arcade: Stack, perps: Stack, hub: Stack, owner: str, sender: str
) -> None:
    """M17: networkId is the hub's chain id on every chain."""
    arcade.gateway.send("setTerms", perps.chain.chain_id, FREE_TERMS.fields, sender=owner)
    receipt = send(arcade.gateway, sender, interoperable(perps.chain.chain_id, ACCOUNT))
    _, nonce, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    ids = (hub.chain.chain_id, arcade.chain.chain_id, perps.chain.chain_id)
    message = Message(*ids, nonce, sender, ACCOUNT, gas_limit, last_second, fee, b"")
    assert receipt.named("MessageSent")[0][0] == message.id


# Value, payload and route


def test_refuses_ether(gateway: Contract, sender: str, recipient: bytes) -> None:
    assert refusal(gateway, sender, recipient, value=1) == error("ValueNotAccepted", 1)


def test_refuses_plain_ether(gateway: Contract, sender: str) -> None:
    """Nothing can be sent to the gateway by mistake."""
    assert call(gateway.chain, gateway.address, b"", sender=sender, value=1) == Revert(b"")


def test_refuses_a_payload_over_the_maximum(gateway: Contract, sender: str, recipient: bytes) -> None:
    assert refusal(gateway, sender, recipient, bytes(8_193)) == error("PayloadTooLong", 8_193, 8_192)


def test_refuses_a_destination_without_route(gateway: Contract, sender: str) -> None:
    assert refusal(gateway, sender, interoperable(CLOSED, ACCOUNT)) == error("RouteClosed", CLOSED)


def test_refuses_a_destination_whose_outbound_is_closed(
    gateway: Contract, sender: str, owner: str, recipient: bytes, arcade: Stack
) -> None:
    destination = arcade.chain.chain_id
    gateway.send("setOpen", destination, False, True, sender=owner)
    assert refusal(gateway, sender, recipient) == error("RouteClosed", destination)


def test_sends_while_inbound_is_closed(
    gateway: Contract, sender: str, owner: str, recipient: bytes, arcade: Stack
) -> None:
    gateway.send("setOpen", arcade.chain.chain_id, True, False, sender=owner)
    send(gateway, sender, recipient)


def test_lane_goes_on_where_it_was_after_reopening(
    gateway: Contract, sender: str, owner: str, recipient: bytes, arcade: Stack
) -> None:
    destination = arcade.chain.chain_id
    send(gateway, sender, recipient)
    gateway.send("setOpen", destination, False, False, sender=owner)
    gateway.send("setOpen", destination, True, True, sender=owner)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2


# In the gateway's name


def test_nobody_sends_in_the_gateways_name(
    hub: Stack, gateway: Contract, owner: str, sender: str, recipient: bytes
) -> None:
    """Accounts and contracts alike send as what they are, the owner too."""
    contract = deploy(hub.chain, "ScriptedSender", sender=sender)
    receipts = {
        owner: send(gateway, owner, recipient),
        sender: send(gateway, sender, recipient),
        contract.address: contract.send("send", gateway.address, recipient, b"", [], sender=sender),
    }
    for account, receipt in receipts.items():
        assert receipt.named("MessageSent")[0][1] == interoperable(hub.chain.chain_id, account)


@pytest.fixture
def arrive(
    hub: Stack, arcade: Stack, gateway: Contract, validators: Validators, relayer: str
) -> Callable[..., tuple[Message, Receipt]]:
    """Delivers one message from arcade to the hub, as validators sign it. Returns it and the receipt."""

    def arrive(sender: str, recipient: str, payload: bytes = b"") -> tuple[Message, Receipt]:
        lane = PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)
        deadline = now(hub.chain) + DAY
        message = lane.append(sender, recipient, deliver_before=deadline, payload=payload)
        tree = Tree([lane.fact()])
        attestation = validators.sign(hub.chain.chain_id, gateway.address, tree.root).fields
        return message, gateway.send("deliver", attestation, [lane.batch(tree)], sender=relayer)

    return arrive


def test_a_message_does_not_make_the_gateway_send(
    gateway: Contract,
    attacker: str,
    recipient: bytes,
    destination: int,
    arrive: Callable[..., tuple[Message, Receipt]],
) -> None:
    """M6: a lying chain sends the gateway a message: it calls no function of its own."""
    payload = gateway.encode("sendMessage", recipient, b"", [])
    _, receipt = arrive(attacker, gateway.address, payload)
    assert [event.name for event in receipt.events] == ["MessageFailed"]
    assert gateway.view("outboxLane", destination)[0] == 0


def test_the_gateways_own_messages_are_free_and_fixed(
    gateway: Contract,
    owner: str,
    attacker: str,
    destination: int,
    arrive: Callable[..., tuple[Message, Receipt]],
) -> None:
    """Whether the route is open or not; the two logs rebuild them like all others."""
    origin = gateway.chain.chain_id
    gateway.send("setOpen", destination, False, True, sender=owner)
    message, _ = arrive(attacker, ACCOUNT)
    after = message.deliver_before + 1
    receipt = gateway.send("returnToSender", destination, 1, message.fields, sender=attacker, at=after)
    _, from_, to, payload, value, attributes = receipt.named("MessageSent")[0]
    lane, nonce, gas_limit, last_second, fee, head = receipt.named("LaneExtended")[0]
    assert from_ == interoperable(origin, gateway.address)
    assert to == interoperable(destination, gateway.address)
    assert payload == encode(["uint8", "bytes32", "uint256", "bytes32"], [0, message.id, 0, bytes(32)])
    assert (value, attributes) == (0, ())
    assert (lane, nonce, gas_limit, last_second, fee) == (destination, 1, 150_000, 2**64 - 1, 0)
    account = gateway.address
    notice = Message(origin, origin, lane, nonce, account, account, gas_limit, last_second, fee, payload)
    assert receipt.named("MessageSent")[0][0] == notice.id
    assert head == extend(genesis_head(origin, origin, destination), notice.id)
    assert gateway.view("outboxLane", destination) == (1, head, 0)
    assert gateway.view("laneFees", destination) == (0, 0)
