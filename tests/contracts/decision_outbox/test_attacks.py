"""Attacks on what the hub decides for others: gas, and lengths."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.decision_outbox.conftest import placed
from tests.kit.deciding import ACCOUNT, CODE, Hub
from tests.kit.decisions import NONE, Action, Decision

__all__ = ["placed"]


def scheduled(hub: Hub, decision: Decision, sender: str) -> tuple[Any, ...]:
    data = hub.outbox.encode("decide", *hub.arguments(decision))
    arguments = ([hub.outbox.address], [0], [data], NONE, NONE)
    hub.timelock.send("scheduleBatch", *arguments, 0, sender=sender)
    return arguments


@pytest.mark.parametrize("actions", [1, 4, 15])
def test_little_gas_does_not_keep_a_decision_from_being_sent(placed: Hub, sender: str, actions: int) -> None:
    """Whoever executes chooses the gas: what suffices for all but the sending?"""
    decision = Decision([Action(ACCOUNT, b"\x01" * 292, 0, CODE)] * actions)
    data = placed.timelock.encode("executeBatch", *scheduled(placed, decision, sender))
    low, high = 50_000, 4_000_000
    while high - low > 50:
        middle = (low + high) // 2
        transaction = {
            "from": sender,
            "to": placed.timelock.address,
            "data": "0x" + data.hex(),
            "gas": hex(middle),
        }
        fails = "error" in placed.stack.chain.answer("eth_call", [transaction, "latest"])
        low, high = (middle, high) if fails else (low, middle)
    for more in (0, 100, 1_000, 5_000, 20_000):
        again = decision.salted(str(more))
        arguments = scheduled(placed, again, sender)
        receipt = placed.timelock.attempt("executeBatch", *arguments, sender=sender, gas=high + more)
        if receipt.succeeded:
            assert receipt.named("DecisionSent"), f"{high + more} gas: recorded, and not sent"


def test_what_no_message_holds_is_not_decided(placed: Hub) -> None:
    """8,192 bytes: what is longer is recorded as decided, and can never be sent."""
    decision = Decision([Action(ACCOUNT, b"\x01" * 8_000, 0, CODE)])
    receipt = placed.outbox.attempt("decide", *placed.arguments(decision), sender=placed.timelock.address)
    assert not receipt.succeeded
