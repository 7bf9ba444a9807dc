"""What an Inbox answers, and what tests of one share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metalayer.protocol.gateway import Status
from metalayer.protocol.message import Fee, Message, interoperable
from tests.kit.evm import Contract, Receipt
from tests.kit.scripted import Behaviour

NOBODY = "0x00000000000000000000000000000000000Face7"
"""A recipient without code, unless a test gives it some."""
PARTS = Fee(base=3_000_000, relay=11_000_000, step=1_500_000, callback=2_500_000, return_gas_limit=100_000)
BASE, RELAY, STEP, BACK = PARTS.base, PARTS.relay, PARTS.step, PARTS.back
FEE = PARTS.packed
HIGHEST = 2**64 - 1
ACCEPTED, FAILED, EXPIRED = ((status, 0) for status in Status)
"""What `messageStatus` says of a message of which no notice was sent."""
REFUSING = [
    Behaviour.REVERT,
    Behaviour.BURN_ALL_GAS,
    Behaviour.RETURN_BOMB,
    Behaviour.REVERT_BOMB,
    Behaviour.RETURN_NOTHING,
    Behaviour.RETURN_SHORT,
    Behaviour.RETURN_WRONG_VALUE,
    Behaviour.RETURN_DIRTY_VALUE,
]
MESSAGES, ORIGIN, FIRST, PROOF, IDS = range(5)
"""Fields of a batch, by their places."""


def place(message: Message) -> tuple[int, int, tuple[Any, ...]]:
    """Arguments of `retry` and `returnToSender`."""
    return message.origin, message.nonce, message.fields


def altered(message: Message, part: str | int) -> Message:
    """With another origin, nonce or field, which is meant by its place."""
    if part == "origin":
        return replace(message, origin=903)
    if isinstance(part, str):
        return replace(message, nonce=message.nonce + 1)
    fields: list[Any] = list(message.fields)
    fields[part] = {0: NOBODY, 1: NOBODY, 5: b"changed"}.get(part) or fields[part] + 1
    return Message(message.network_id, message.origin, message.destination, message.nonce, *fields)


def notices(receipt: Receipt, gateway: Contract) -> list[tuple[int, bytes]]:
    """Payloads of what the gateway sent to other gateways, with their nonces; every other field is checked."""
    sent = []
    logs = zip(receipt.named("MessageSent"), receipt.named("LaneExtended"), strict=True)
    for (_, from_, to, payload, value, attributes), (destination, nonce, *terms, _) in logs:
        assert from_ == interoperable(gateway.chain.chain_id, gateway.address)
        assert to == interoperable(destination, gateway.address)
        assert (value, attributes, terms) == (0, (), [150_000, 2**64 - 1, 0])
        assert len(payload) == 128
        sent.append((nonce, payload))
    return sent


def calldata_floor(data: bytes) -> int:
    """Least gas of a transaction with this calldata (EIP-7623)."""
    return 21_000 + 10 * data.count(0) + 40 * (len(data) - data.count(0))
