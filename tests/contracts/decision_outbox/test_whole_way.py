"""A decision's way from the hub's timelock to arcade's, through the real gateways, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.gateway import Terms
from metalayer.protocol.message import Fee
from tests.kit.deciding import ACCOUNT, CODE, GAS_LIMIT, Hub, as_owner
from tests.kit.decisions import LIFETIME, Action, Decision, State, act
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, error, now
from tests.kit.paper import Validators
from tests.kit.settlement import Origin
from tests.kit.stack import Stack
from tests.kit.terms import OPEN_TERMS


@dataclass(frozen=True)
class Way:
    """Both halves, and who carries messages between them."""

    hub: Hub
    arcade: Stack
    governor: Contract
    lock: Contract
    origin: Origin
    relayer: str

    def decide(self, decision: Decision, gas_limit: int = GAS_LIMIT) -> Sent:
        return self.sent(self.hub.decide(decision, gas_limit=gas_limit))

    def sent(self, receipt: Receipt) -> Sent:
        """The message that carries a decision."""
        chain_id = self.hub.stack.chain.chain_id
        (sent,) = parse(receipt.logs, chain_id, chain_id)
        self.origin.lane.append(sent)
        self.origin.open_books()
        return sent

    def carry(self, messages: Sequence[Sent], at: int | None = None) -> Receipt:
        return self.origin.carry(self.arcade, messages, self.relayer, at)

    def execute(self, decision: Decision) -> Receipt:
        ready = self.governor.view("readyAt", decision.id)
        return self.governor.send("execute", decision.fields, sender=self.relayer, at=ready)

    def terms(self, base_fee: int) -> Decision:
        """Sets terms on arcade's gateway."""
        terms = Terms(**{**OPEN_TERMS.__dict__, "base_fee": base_fee})
        hub_id = self.hub.stack.chain.chain_id
        return Decision([act(self.arcade.gateway, "setTerms", hub_id, terms.fields)])


@pytest.fixture
def way(
    placed: Hub,
    arcade: Stack,
    perps: Stack,
    remote_lock: Contract,
    validators: Validators,
    relayer: str,
    payer: str,
    carrier: str,
) -> Way:
    """Arcade's timelock was offered the gateway there."""
    as_owner(arcade, "transferOwnership", remote_lock.address)
    gateway, outbox = placed.gateway.address, placed.outbox.address
    accounts = [payer, relayer, carrier, outbox, gateway, ZERO_ADDRESS]
    origin = Origin(placed.stack, (arcade, perps), validators, accounts)
    governor = Contract(arcade.chain, "RemoteGovernor", outbox)
    return Way(placed, arcade, governor, remote_lock, origin, relayer)


def test_a_decision_is_executed_on_its_chain(way: Way) -> None:
    """The timelock there takes the gateway over, then sets terms."""
    gateway = way.arcade.gateway
    accept = Decision([act(gateway, "acceptOwnership")])
    terms = way.terms(7)
    receipt = way.carry([way.decide(accept), way.decide(terms)])
    assert [values[0] for values in receipt.named("DecisionScheduled")] == [accept.id, terms.id]
    way.execute(accept)
    assert gateway.view("owner") == way.lock.address
    way.execute(terms)
    hub_id = way.hub.stack.chain.chain_id
    assert Terms(*gateway.view("route", hub_id)[2]).base_fee == 7


def test_a_lost_decision_is_sent_again(way: Way, payer: str) -> None:
    """P7d, M39, M49: by anyone, and brought twice it is executed once."""
    decision = Decision([act(way.arcade.gateway, "acceptOwnership")])
    first = way.decide(decision)
    receipt = way.hub.outbox.send("send", *way.hub.arguments(decision), sender=payer)
    again = way.sent(receipt)
    receipt = way.carry([first, again])
    assert len(receipt.named("DecisionScheduled")) == 1
    assert [values[0] for values in receipt.named("MessageDelivered")] == [first.id, again.id]
    way.execute(decision)
    refusal = error("UnexpectedDecisionState", decision.id, State.EXECUTED)
    at = now(way.arcade.chain) + 1
    assert way.governor.revert("execute", decision.fields, sender=payer, at=at) == refusal


def test_nothing_arrives_after_its_last_second(way: Way) -> None:
    """M39: although its first attempt failed in time."""
    start = now(way.hub.stack.chain) + 10
    decision = Decision([act(way.arcade.gateway, "acceptOwnership")])
    sent = way.sent(way.hub.decide(decision, gas_limit=50_000, at=start))
    way.carry([sent])
    deadline = start + LIFETIME
    arguments = (way.hub.stack.chain.chain_id, sent.message.nonce, sent.message.fields)
    gateway = way.arcade.gateway
    refusal = gateway.revert("retry", *arguments, sender=way.relayer, at=deadline + 1)
    assert refusal == error("MessageExpired", sent.id, deadline)
    receipt = gateway.send("retry", *arguments, sender=way.relayer, at=deadline)
    assert [values[0] for values in receipt.named("DecisionScheduled")] == [decision.id]


def test_a_decision_that_needs_more_gas_is_retried(way: Way) -> None:
    """Arrival is no attempt that is lost: whoever retries gives more."""
    decision = Decision([act(way.arcade.gateway, "acceptOwnership")])
    sent = way.decide(decision, gas_limit=50_000)
    receipt = way.carry([sent])
    assert receipt.named("DecisionScheduled") == []
    hub_id = way.hub.stack.chain.chain_id
    receipt = way.arcade.gateway.send(
        "retry", hub_id, sent.message.nonce, sent.message.fields, sender=way.relayer
    )
    assert len(receipt.named("DecisionScheduled")) == 1


def test_a_returned_decision_gives_its_fee_back(way: Way) -> None:
    """The longest one: the gas for its return is enough."""
    decision = Decision([Action(ACCOUNT, bytes([255]) * 7_600, 0, CODE)])
    assert len(decision.payload) == 8_192
    sent = way.decide(decision)
    assert Fee.unpack(sent.message.fee).return_gas_limit == 50_000
    way.origin.notice(sent.id, expired=True, carrier=way.relayer)
    before = way.hub.credit
    step = way.origin.refund(sent, by=way.relayer)
    assert step.receipt.named("CallbackFailed") == []
    assert step.receipt.named("DecisionReturned") == [(way.hub.destination, decision.id, sent.id)]
    unspent = step.receipt.named("MessageReturned")[0][3]
    assert way.hub.credit - before == unspent > 0


# What it costs: whole transactions, signatures of all five validators. To look for gateways, offices and a precedent
# takes 9,500 of each execution.


def test_gas_of_one_action(way: Way, payer: str) -> None:
    """P10: the first decision, later ones, and one that is sent again."""
    accept = Decision([act(way.arcade.gateway, "acceptOwnership")])
    assert way.carry([way.decide(accept)]).gas_used <= 227_461
    way.execute(accept)
    decision = way.terms(7)
    assert way.carry([way.decide(decision)]).gas_used <= 192_863
    assert way.execute(decision).gas_used <= 91_600
    again = way.hub.outbox.send("send", *way.hub.arguments(decision), sender=payer)
    assert again.gas_used <= 115_281


@pytest.mark.parametrize(("count", "delivery", "execution"), [(4, 241_480, 148_100), (15, 423_499, 355_700)])
def test_gas_of_many_actions(way: Way, count: int, delivery: int, execution: int) -> None:
    """P10: terms of as many chains; 15 fill a message."""
    accept = Decision([act(way.arcade.gateway, "acceptOwnership")])
    way.carry([way.decide(accept)])
    way.execute(accept)
    decision = Decision([way.terms(100 + number).actions[0] for number in range(count)])
    assert way.carry([way.decide(decision, 1_000_000)]).gas_used <= delivery
    assert way.execute(decision).gas_used <= execution
