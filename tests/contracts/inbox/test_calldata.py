"""Calldata that no encoder writes: overlapping, backwards, beyond the end. It is refused, or says what it says."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message, extend, interoperable
from tests.kit.evm import ZERO_ADDRESS, Revert, call, now, set_code, transact
from tests.kit.paper import PaperLane, PaperRelayer, Validators
from tests.kit.stack import Stack
from tests.kit.terms import RETURN_GAS_LIMIT

ATTESTATION = "(bytes32,(uint64,uint64,bytes32[]),uint256,(bytes32,bytes32)[])"
BATCH = "((address,address,uint64,uint64,uint256,bytes)[],uint256,uint64,bytes32[],bytes32[])"
MAGIC = keccak(text="receiveMessage(bytes32,bytes,bytes)")[:4]
# Returns the magic value to whoever calls: PUSH32, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
ACCEPTS_ALL = b"\x7f" + MAGIC.ljust(32, b"\0") + bytes.fromhex("5f5260205ff3")
# A number below this may be an offset or a length.
SMALL = 10_000


def word(value: int) -> bytes:
    return (value % 2**256).to_bytes(32, "big")


def mutated(data: bytes, random: Random) -> bytes:
    """Calldata of which one or two offsets or lengths are others, and perhaps the end is missing."""
    changed = bytearray(data)
    places = [at for at in range(4, len(data), 32) if int.from_bytes(data[at : at + 32], "big") < SMALL]
    for _ in range(random.choice([1, 1, 2])):
        at = random.choice(places)
        old = int.from_bytes(changed[at : at + 32], "big")
        near = [old + by for by in (1, -1, 32, -32)]
        far = [0, -old, 2**64 - 1, 2**64, 2**255, -1]
        some = [random.randrange(-3_000, 3_000), 32 * random.randrange(-90, 90)]
        changed[at : at + 32] = word(random.choice([*near, *far, *some, *some]))
    return bytes(changed[: len(changed) - random.choice([0, 0, 0, 1, 32, 64])])


@pytest.fixture
def lane(hub: Stack, arcade: Stack) -> PaperLane:
    return PaperLane(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def paper(arcade: Stack, relayer: str, validators: Validators, hub: Stack) -> PaperRelayer:
    return PaperRelayer(arcade.gateway, relayer, validators, hub.chain.chain_id)


def test_no_delivery_says_anything_but_what_is_in_its_lane(
    arcade: Stack, lane: PaperLane, paper: PaperRelayer, sender: str, relayer: str
) -> None:
    """P1, P2, M16: whatever passes executes the messages that are next, each with its sender and its payload."""
    random, gateway = Random(11), arcade.gateway
    for n in range(6):
        lane.append(
            sender,
            arcade.recipient.address,
            deliver_before=now(arcade.chain) + 10**6,
            gas_limit=400_000,
            payload=bytes([n]) * random.choice([0, 31, 32, 33, 64]),
        )
    paper.deliver(lane, signed=2)
    tree = Tree([lane.fact(6), PaperLane(1, 2, 3).fact()])
    attestation = paper.attest(tree.root)
    passed = 0
    for _ in range(400):
        first, count = random.choice([(1, 3), (2, 2), (3, 2), (3, 4), (1, 6), (1, 1), (1, 0)])
        batches = [lane.batch(tree, first=first, count=count)] * random.choice([1, 2])
        data = gateway.encode("deliver", attestation, batches)
        other = mutated(data, random)
        if other == data or isinstance(call(arcade.chain, gateway.address, other, sender=relayer), Revert):
            continue
        passed += 1
        before = arcade.chain.snapshot()
        receipt = transact(arcade.chain, gateway.address, other, relayer)
        reached, head = gateway.view("inboxLane", lane.origin)
        assert head == lane.heads[reached]
        executed = [(one.id, one.origin, one.nonce) for one in lane.messages[2:reached]]
        assert receipt.named("MessageDelivered") == executed
        assert not receipt.named("MessageFailed")
        assert list(arcade.recipient.view("acceptedIds", 0)) == [one.id for one in lane.messages[:reached]]
        for position, one in enumerate(lane.messages[:reached]):
            id_, caller, from_, payload, _ = arcade.recipient.view("accepted", position)
            assert (id_, caller) == (one.id, gateway.address)
            assert (from_, payload) == (interoperable(one.origin, one.sender), one.payload)
        arcade.chain.restore(before)
    assert passed > 15


def test_no_sending_says_anything_but_its_log(
    hub: Stack, arcade: Stack, sender: str, treasury: str, relayer: str
) -> None:
    """M15, M16: whatever passes is sent as the logs say, which name all that its id is of, and costs what is quoted."""
    random, gateway, there = Random(13), hub.gateway, arcade.chain.chain_id
    hub.era.send("approve", gateway.address, 2 * 10**18, sender=treasury)
    for payer in (sender, relayer):
        gateway.send("depositFor", payer, 10**18, sender=treasury)
    gateway.send("setAllowance", sender, 10**17, sender=relayer)
    gas = keccak(text="minGasLimit(uint256)")[:4] + word(123_456)
    paid_by = keccak(text="feePayer(address)")[:4] + word(int(relayer, 16))
    recipient = interoperable(there, arcade.recipient.address)
    nonce, tip, _ = gateway.view("outboxLane", there)
    passed = 0
    for _ in range(600):
        payload = random.randbytes(random.choice([0, 1, 31, 32, 33, 64]))
        data = gateway.encode("sendMessage", recipient, payload, [gas, paid_by][: random.randrange(3)])
        other = mutated(data, random)
        if other == data or isinstance(call(hub.chain, gateway.address, other, sender=sender), Revert):
            continue
        passed += 1
        before = hub.chain.snapshot()
        held = {account: gateway.view("credit", account) for account in (sender, relayer)}
        receipt = transact(hub.chain, gateway.address, other, sender)
        ((id_, from_, to, sent, _, attributes),) = receipt.named("MessageSent")
        ((destination, place, gas_limit, deadline, fee, head),) = receipt.named("LaneExtended")
        account = "0x" + to[-20:].hex()
        chain_id = hub.chain.chain_id
        message = Message(
            chain_id, chain_id, destination, place, sender, account, gas_limit, deadline, fee, sent
        )
        assert (id_, place, head) == (message.id, nonce + 1, extend(tip, message.id))
        assert (from_, to) == (interoperable(chain_id, sender), interoperable(destination, account))
        assert gas_limit == (123_456 if gas in attributes else 200_000)
        held[relayer if paid_by in attributes else sender] -= gateway.view(
            "quote", destination, gas_limit, RETURN_GAS_LIMIT, len(sent)
        )
        assert held == {account: gateway.view("credit", account) for account in held}
        hub.chain.restore(before)
    assert passed > 10


@pytest.fixture
def deliver_from_before(arcade: Stack, lane: PaperLane, paper: PaperRelayer) -> Callable[..., bytes]:
    """Calldata of `deliver` whose only message begins so many bytes before the calldata, where it wraps around into
    the words behind the selector: two offsets, and then `words`.
    """

    def deliver_from_before(before: int, *words: Any) -> bytes:
        tree = Tree([lane.fact()])
        attestation = encode([ATTESTATION], [paper.attest(tree.root)])[32:]
        gap = b"".join(word(value) for value in words)
        batches_at = 64 + len(gap) + len(attestation)
        # Five words; the empty list that is both the proof and the ids; a list of one message, at an offset.
        batch = [0xC0, lane.origin, 1, 0xA0, 0xA0, 0, 1]
        begin = 4 + batches_at + 2 * 32 + 32 * len(batch)
        encoded = b"".join(word(value) for value in [1, 32, *batch, -begin - before])
        selector = keccak(text=f"deliver({ATTESTATION},{BATCH}[])")[:4]
        return selector + word(64 + len(gap)) + word(batches_at) + gap + attestation + encoded

    return deliver_from_before


def test_a_message_before_the_calldata_earns_nothing(
    arcade: Stack, lane: PaperLane, deliver_from_before: Callable[..., bytes], relayer: str
) -> None:
    """P5, M7: its id would be of zeros, its fee what the relayer wrote there."""
    lane.append(ZERO_ADDRESS, ZERO_ADDRESS, deliver_before=0, gas_limit=0, fee=0)
    # Its gas limit would be the attestation's offset, its deadline that of the batches.
    data = deliver_from_before(0x3C, 2**64 - 1, 0)
    assert call(arcade.chain, arcade.gateway.address, data, sender=relayer) == Revert(b"")


def test_a_message_before_the_calldata_reaches_nobody(
    arcade: Stack, lane: PaperLane, deliver_from_before: Callable[..., bytes], relayer: str
) -> None:
    """P1, M7: its id would be of zeros, its recipient an account of the relayer's choice, its deadline too."""
    lane.append(ZERO_ADDRESS, ZERO_ADDRESS, deliver_before=0, gas_limit=0, fee=0)
    # Its recipient would be the attestation's offset, its gas limit that of the batches.
    set_code(arcade.chain, "0x" + word(64 + 3 * 32)[12:].hex(), ACCEPTS_ALL)
    data = deliver_from_before(0x1C, 2**64 - 1, 0, 0)
    assert call(arcade.chain, arcade.gateway.address, data, sender=relayer) == Revert(b"")
