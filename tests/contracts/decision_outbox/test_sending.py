"""A decision that was recorded is brought to its chain by anyone, as often as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from metalayer.lanes.logs import parse
from tests.kit.deciding import CREDIT, GAS_LIMIT, Hub, as_owner, fund
from tests.kit.decisions import LIFETIME, Decision
from tests.kit.evm import deploy, error, now
from tests.kit.paper import DAY
from tests.kit.stack import Stack

HOUR = 3_600


def test_anyone_sends_again(placed: Hub, decision: Decision, payer: str) -> None:
    """P7d: any number of times, and the caller pays, not the outbox."""
    placed.decide(decision)
    price, prepaid = placed.outbox.view("quote", *placed.arguments(decision)), placed.credit
    for already in range(2):
        receipt = placed.outbox.send("send", *placed.arguments(decision), sender=payer)
        chain_id = placed.stack.chain.chain_id
        (sent,) = parse(receipt.logs, chain_id, chain_id)
        assert receipt.named("DecisionSent") == [(placed.destination, decision.id, sent.id, payer)]
        assert sent.message.payload == decision.payload
        assert placed.gateway.view("credit", payer) == CREDIT - (already + 1) * price
    assert placed.credit == prepaid


def test_returns_the_messages_id(placed: Hub, decision: Decision, payer: str) -> None:
    placed.decide(decision)
    start = now(placed.stack.chain) + 10
    predicted = placed.outbox.view("send", *placed.arguments(decision), sender=payer, at=start)
    receipt = placed.outbox.send("send", *placed.arguments(decision), sender=payer, at=start)
    assert receipt.named("DecisionSent")[0][2] == predicted


def test_sends_what_could_not_be_sent(
    placed: Hub, decision: Decision, payer: str, close: Callable[[], None]
) -> None:
    """P7d, M49: once the route is open again."""
    close()
    placed.decide(decision)
    refusal = placed.outbox.revert("send", *placed.arguments(decision), sender=payer)
    assert refusal == error("RouteClosed", placed.destination)
    as_owner(placed.stack, "setOpen", placed.destination, True, True)
    receipt = placed.outbox.send("send", *placed.arguments(decision), sender=payer)
    assert len(receipt.named("DecisionSent")) == 1


def test_the_sender_chooses_the_gas(placed: Hub, decision: Decision, payer: str) -> None:
    """A first attempt with too little is no decision that failed."""
    placed.decide(decision, gas_limit=1_000)
    receipt = placed.outbox.send("send", *placed.arguments(decision, 500_000), sender=payer)
    chain_id = placed.stack.chain.chain_id
    (sent,) = parse(receipt.logs, chain_id, chain_id)
    assert sent.message.gas_limit == 500_000


@pytest.mark.parametrize("late", [DAY, LIFETIME - HOUR])
def test_time_does_not_begin_anew(placed: Hub, decision: Decision, payer: str, late: int) -> None:
    """M39: whenever it is sent, it arrives before the same second or never."""
    start = now(placed.stack.chain) + 10
    placed.decide(decision, at=start)
    receipt = placed.outbox.send("send", *placed.arguments(decision), sender=payer, at=start + late)
    chain_id = placed.stack.chain.chain_id
    (sent,) = parse(receipt.logs, chain_id, chain_id)
    assert sent.message.deliver_before == start + LIFETIME


def test_refuses_what_comes_too_late(placed: Hub, decision: Decision, payer: str) -> None:
    """M39: in the last hour the gateway takes no message, and then the outbox sends none."""
    start = now(placed.stack.chain) + 10
    placed.decide(decision, at=start)
    deadline = start + LIFETIME

    def refusal(at: int) -> object:
        return placed.outbox.revert("send", *placed.arguments(decision), sender=payer, at=at)

    for at in (deadline - HOUR + 1, deadline):
        expected = error("DeadlineOutOfRange", deadline, at + HOUR, at + LIFETIME)
        assert refusal(at) == expected
    too_late = error("DecisionTooLate", placed.destination, decision.id, deadline)
    assert refusal(deadline + 1) == too_late


def test_refuses_what_was_not_decided(placed: Hub, decision: Decision, payer: str, perps: Stack) -> None:
    """M22 of nobody: other words, and the same words for another chain."""
    placed.decide(decision)
    for destination, other in (
        (placed.destination, decision.salted("other")),
        (placed.destination, replace(decision, cancels=[decision.id])),
        (perps.chain.chain_id, decision),
    ):
        arguments = (destination, other.fields, GAS_LIMIT)
        refusal = placed.outbox.revert("send", *arguments, sender=payer)
        assert refusal == error("NotDecided", destination, other.id)


def test_refuses_who_cannot_pay(placed: Hub, decision: Decision, attacker: str) -> None:
    placed.decide(decision)
    price = placed.outbox.view("quote", *placed.arguments(decision))
    refusal = placed.outbox.revert("send", *placed.arguments(decision), sender=attacker)
    assert refusal == error("InsufficientCredit", attacker, 0, price)


def test_takes_no_more_than_was_allowed(
    placed: Hub, decision: Decision, successor: str, treasury: str
) -> None:
    """M51: whatever the terms have become."""
    fund(placed.stack, successor, treasury)
    placed.decide(decision)
    price = placed.outbox.view("quote", *placed.arguments(decision))
    outbox = placed.outbox.address
    placed.gateway.send("setAllowance", outbox, price - 1, sender=successor)
    refusal = placed.outbox.revert("send", *placed.arguments(decision), sender=successor)
    assert refusal == error("InsufficientAllowance", successor, outbox, price - 1, price)
    placed.gateway.send("setAllowance", outbox, price, sender=successor)
    placed.outbox.send("send", *placed.arguments(decision), sender=successor)
    assert placed.gateway.view("allowance", successor, outbox) == 0


def test_a_contract_pays_for_itself(
    placed: Hub, decision: Decision, payer: str, treasury: str, deployer: str
) -> None:
    """M55: who called pays, not whose transaction it is."""
    sender = deploy(placed.stack.chain, "ScriptedSender", sender=deployer)
    fund(placed.stack, sender.address, treasury)
    allow = placed.gateway.encode("setAllowance", placed.outbox.address, CREDIT)
    sender.send("execute", placed.gateway.address, allow, sender=payer)
    placed.decide(decision)
    price = placed.outbox.view("quote", *placed.arguments(decision))
    again = placed.outbox.encode("send", *placed.arguments(decision))
    receipt = sender.send("execute", placed.outbox.address, again, sender=payer)
    assert receipt.named("DecisionSent")[0][3] == sender.address
    assert placed.gateway.view("credit", sender.address) == CREDIT - price
    assert placed.gateway.view("credit", payer) == CREDIT


# What comes back


def test_takes_back_what_was_not_delivered(placed: Hub, decision: Decision, payer: str) -> None:
    """P7d: it may be sent again at once. What nobody earned stays for later decisions."""
    receipt = placed.decide(decision)
    chain_id = placed.stack.chain.chain_id
    (sent,) = parse(receipt.logs, chain_id, chain_id)
    arguments = (sent.id, placed.destination, sent.message.fields, 5)
    gateway = placed.gateway.address
    placed.stack.chain.rpc("anvil_impersonateAccount", [gateway])
    placed.stack.chain.rpc("anvil_setBalance", [gateway, hex(10**20)])
    returned = placed.outbox.send("onMessageReturned", *arguments, sender=gateway)
    assert returned.named("DecisionReturned") == [(placed.destination, decision.id, sent.id)]
    placed.outbox.send("send", *placed.arguments(decision), sender=payer)


def test_believes_the_gateway_alone(placed: Hub, decision: Decision, attacker: str) -> None:
    receipt = placed.decide(decision)
    chain_id = placed.stack.chain.chain_id
    (sent,) = parse(receipt.logs, chain_id, chain_id)
    arguments = (sent.id, placed.destination, sent.message.fields, 5)
    for account in (attacker, placed.timelock.address):
        refusal = placed.outbox.revert("onMessageReturned", *arguments, sender=account)
        assert refusal == error("NotGateway", account)
