"""Logs of a chain that can log what it likes: a compromised one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from metalayer.lanes.logs import BrokenLane, parse
from metalayer.protocol.gateway import LANE_EXTENDED, MESSAGE_SENT
from metalayer.protocol.message import Message, interoperable
from metalayer.protocol.rpc import Log, word

GATEWAY = "0x" + "9a" * 20
ACCOUNT = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"
MESSAGE = Message(901, 901, 902, 1, ACCOUNT, ACCOUNT, 50_000, 2**64 - 1, 0, b"")


def logs_of(message: Message) -> list[Log]:
    sender, recipient = interoperable(901, message.sender), interoperable(902, message.recipient)
    said = encode(["bytes", "bytes", "bytes"], [sender, recipient, message.payload])
    terms = word(message.gas_limit) + word(message.deliver_before) + word(message.fee) + bytes(32)
    transaction = "0x" + "ab" * 32
    places = (LANE_EXTENDED.topic, word(message.destination), word(message.nonce))
    return [
        Log(GATEWAY, (MESSAGE_SENT.topic, message.id), said, 1, 0, transaction),
        Log(GATEWAY, places, terms, 1, 1, transaction),
    ]


def test_a_message_is_read_from_its_logs() -> None:
    (sent,) = parse(logs_of(MESSAGE), 901, 901)
    assert sent.message == MESSAGE


@pytest.mark.parametrize(
    "message",
    [
        replace(MESSAGE, nonce=0),
        replace(MESSAGE, nonce=2**64),
        replace(MESSAGE, gas_limit=2**64),
        replace(MESSAGE, deliver_before=2**64),
    ],
)
def test_a_message_that_fits_into_no_call_breaks_its_lane(message: Message) -> None:
    """Its logs hash to its id: nothing else would stop it before it is encoded."""
    with pytest.raises(BrokenLane, match="numbers beyond their types"):
        parse(logs_of(message), 901, 901)
