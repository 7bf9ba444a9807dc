"""Gas of the steps that end a message: none costs more than its step part pays for (P24).

Whole transactions, by an account that earned something before: its first credit, 17,100 more, is its own.
"""

from __future__ import annotations

from itertools import cycle

import pytest

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.gateway import STEP_GAS, STEP_GAS_PER_BYTE
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, STORED_HEAD_INTERVAL
from tests.kit.evm import set_code
from tests.kit.outbox import return_gas_limit
from tests.kit.settlement import Origin, fee
from tests.kit.stack import Stack

FIRST_CREDIT = 17_100
"""What it costs more to write the first word (EIP-2200)."""
AIR = 1_500
LENGTHS = (0, 1, 31, 200, MAX_PAYLOAD_LENGTH)
STRANGER = "0x" + "de" * 20


def paid(sent: Sent) -> int:
    """Gas that a step part pays for."""
    return STEP_GAS + STEP_GAS_PER_BYTE * len(sent.message.payload)


def make_dear(origin: Origin, sender: str) -> None:
    """A sender costs most if it has no credit, and the code of another account (EIP-7702), which burns its gas."""
    origin.gateway.send("withdraw", sender, origin.gateway.view("credit", sender), sender=sender)
    set_code(origin.hub.chain, STRANGER, b"\xfe")
    set_code(origin.hub.chain, sender, bytes.fromhex("ef0100") + bytes.fromhex(STRANGER[2:]))
    origin.open_books()


def refund(
    origin: Origin, sender: str, carrier: str, by: str, distance: int, length: int, limit: int
) -> tuple[Sent, int]:
    """A message so far from a stored head, and what its refund takes beside the callback."""
    place = STORED_HEAD_INTERVAL - distance
    for nonce in range(1, STORED_HEAD_INTERVAL + 2):
        payload = b"\xff" * length if nonce == place else b""
        origin.send(sender, payload, attributes=[return_gas_limit(limit)])
    sent = origin.lane[place - 1]
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    make_dear(origin, sender)
    arguments = origin.evidence(sent, STORED_HEAD_INTERVAL)
    step = origin.step(origin.gateway, "refund", *arguments, sender=by)
    assert step.credit[by] == fee(sent).step + fee(sent).callback
    assert step.receipt.named("CallbackFailed") == [(sent.id,)]
    return sent, step.receipt.gas_used - limit


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("distance", [0, 1, 32, 63])
def test_a_refund_costs_at_most_a_step_at_any_distance_from_a_stored_head(
    origin: Origin, sender: str, carrier: str, distance: int, length: int
) -> None:
    """P24: whatever its sender is, and however many sent behind it."""
    sent, gas = refund(origin, sender, carrier, carrier, distance, length, limit=99_999)
    assert gas <= paid(sent)
    if (distance, length) == (STORED_HEAD_INTERVAL - 1, 1):
        assert gas > paid(sent) - AIR


def test_who_never_earned_anything_pays_for_its_first_credit(
    origin: Origin, sender: str, carrier: str, attacker: str
) -> None:
    sent, gas = refund(origin, sender, carrier, attacker, STORED_HEAD_INTERVAL - 1, 1, limit=0)
    assert paid(sent) < gas <= paid(sent) + FIRST_CREDIT


@pytest.mark.parametrize("length", LENGTHS)
def test_a_return_and_its_carriage_cost_at_most_a_step(
    origin: Origin, arcade: Stack, sender: str, relayer: str, carrier: str, attacker: str, length: int
) -> None:
    """P24: at every place of the lane back, a stored head included, also by who earned nothing there before. The lane
    exists, and the notice comes alone, under the signatures of four.
    """
    count = STORED_HEAD_INTERVAL + 1
    lane = [origin.send(sender, b"\xff" * length if i > count - 3 else b"") for i in range(count)]
    origin.carry(arcade, lane, relayer, at=lane[-1].message.deliver_before + 1)
    said: list[Sent] = []
    for sent, by in zip(lane, cycle((relayer, attacker)), strict=False):
        place = sent.message.origin, sent.message.nonce, sent.message.fields
        receipt = arcade.gateway.send("returnToSender", *place, sender=by)
        assert receipt.gas_used <= paid(sent)
        said += parse(receipt.logs, sent.message.network_id, sent.message.destination)
    stored = arcade.gateway.view("storedHead", lane[0].message.origin, STORED_HEAD_INTERVAL)
    assert stored == said[STORED_HEAD_INTERVAL - 1].head
    origin.hear(said[:1], carrier)
    for notice in said[1:4]:
        assert origin.hear([notice], carrier).receipt.gas_used <= STEP_GAS
