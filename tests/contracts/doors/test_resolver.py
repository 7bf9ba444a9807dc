"""TransferResolver: a solver that knows ERC-7683 and not this bridge fronts a transfer, and is paid."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any

import pytest

from metalayer.protocol.transfers import Front, Options, Payload
from tests.kit.doors import MAX, Fund, resolver
from tests.kit.evm import CODEC, Contract, Revert, call, deploy, error, now
from tests.kit.hops import Courier
from tests.kit.intents import Solver, place_of, read_form
from tests.kit.paper import DAY
from tests.kit.stack import Stack

AMOUNT = 7 * 10**18
TIP, RAMP = 20_000_000, 600
"""Two per cent, after ten minutes."""
CLAIM_TIME = 4 * DAY
FRONT_TYPES = "(bytes32,uint256,uint256,address,address,uint128,uint32,uint16,uint40,uint40)"


@dataclass
class Sent:
    """A transfer on its way from arcade to the hub, and who solves there."""

    arcade: Stack
    hub: Stack
    courier: Courier
    terms: Front
    token: Contract
    """In what it arrives."""
    solver: str

    @property
    def resolver(self) -> Contract:
        return resolver(self.hub)

    def payload(self, terms: Front | None = None) -> bytes:
        return CODEC.encode([FRONT_TYPES], [astuple(terms or self.terms)])

    def resolve(self, at: int | None = None) -> Solver:
        order = self.resolver.view("resolve", self.payload(), at=at)
        return Solver(self.hub.chain, self.solver, order)

    def fronted(self) -> Solver:
        """Its first step is done. A minute later: what it allows before is mined by the chain's own clock."""
        solver = self.resolve()
        assert solver.execute(0, max(now(self.hub.chain), self.terms.sent_at) + 60).succeeded
        return solver

    def refusal(self, terms: Front | None = None, at: int | None = None) -> Revert:
        data = self.resolver.encode("resolve", self.payload(terms))
        result = call(self.hub.chain, self.resolver.address, data, at=at)
        assert isinstance(result, Revert)
        return result


@pytest.fixture
def sent(
    arcade: Stack,
    hub: Stack,
    fund: Fund,
    courier: Courier,
    depositor: str,
    beneficiary: str,
    successor: str,
    deployer: str,
) -> Sent:
    """A coin of arcade; the solver has some of it on the hub, and ERA for a claim."""
    coin = deploy(arcade.chain, "PlainToken", depositor, 10 * AMOUNT, sender=deployer)
    coin.send("approve", arcade.bridge.address, MAX, sender=depositor)
    courier.watch("arcade", coin)
    for name, account in (("arcade", depositor), ("hub", successor)):
        fund(name, account)
    hub_id, arcade_id = hub.chain.chain_id, arcade.chain.chain_id

    def send(to: str, options: Options) -> Any:
        arguments = (coin.address, hub_id, to, AMOUNT, replace(options, from_balance=True).fields)
        return courier.note("arcade", arcade.bridge.send("send", *arguments, sender=depositor))[-1]

    send(successor, Options())
    courier.carry("arcade", "hub")
    message = send(beneficiary, Options(tip=TIP, ramp=RAMP))
    terms = Payload.read(message.payload).front(message.id, arcade_id, arcade_id)
    local = hub.bridge.view("localOf", arcade_id, coin.address)
    return Sent(arcade, hub, courier, terms, Contract(hub.chain, "BridgedToken", local), successor)


def test_a_stranger_fronts_a_transfer_and_is_paid(sent: Sent, beneficiary: str) -> None:
    """By what the order says alone: it allows what is spent, to the unit, and nothing else."""
    before = sent.token.view("balanceOf", sent.solver)
    at = max(now(sent.hub.chain), sent.terms.sent_at) + 200
    solver = sent.resolve()
    paid = AMOUNT - sent.terms.kept(at)
    receipt = solver.execute(0, at)
    assert receipt.succeeded
    assert receipt.named("TransferFronted")[0][1] == sent.solver
    assert sent.token.view("balanceOf", beneficiary) == paid < AMOUNT
    assert sent.token.view("allowance", sent.solver, sent.hub.bridge.address) == 0
    ((payment, values),) = solver.payments
    token, payer, amount, recipient, step, delay = values
    assert (payment, recipient, step) == ("ERC20", 0, 0)
    assert place_of(token) == (sent.hub.chain.chain_id, sent.token.address)
    assert place_of(payer) == (sent.hub.chain.chain_id, sent.hub.bridge.address)
    assert solver.amount(amount, at) == AMOUNT
    assert 13 * DAY < delay <= 14 * DAY
    sent.courier.carry("arcade", "hub")
    assert sent.token.view("balanceOf", sent.solver) == before - paid + AMOUNT


def test_it_need_not_claim_what_has_arrived(sent: Sent) -> None:
    """The second step would revert then, and may be left out."""
    solver = sent.fronted()
    sent.hub.era.send("approve", sent.hub.bridge.address, MAX, sender=sent.solver)
    assert solver.refusal(1, now(sent.hub.chain)) is None
    sent.courier.carry("arcade", "hub")
    assert solver.refusal(1, now(sent.hub.chain)) == "ignore"


def test_it_claims_what_has_not_arrived(sent: Sent) -> None:
    """Paid from its ERA, as the order says, and in its time. Then what returns is the solver's."""
    solver = sent.fronted()
    era = sent.hub.era.view("balanceOf", sent.solver)
    earliest = sent.terms.deadline - CLAIM_TIME
    (bounds,) = [values for name, values in solver.attributes(1) if name == "TimingBounds"]
    assert [solver.amount(formula, 0) for formula in bounds[1:]] == [earliest, sent.terms.deadline]
    receipt = solver.execute(1, earliest)
    assert receipt.succeeded
    fee = sent.hub.bridge.view("quoteClaim", sent.arcade.chain.chain_id)
    assert era - sent.hub.era.view("balanceOf", sent.solver) == fee > 0
    assert receipt.named("FrontClaimed")[0][2] == sent.solver


def test_who_is_second_is_told_to_stop(sent: Sent, attacker: str) -> None:
    slow = sent.resolve()
    sent.fronted()
    assert slow.refusal(0, now(sent.hub.chain)) == "abort"
    assert sent.refusal() == error("AlreadyFronted", sent.terms.key)


@pytest.mark.parametrize("passed", [-5, 0, 1, RAMP // 3, RAMP - 1, RAMP, RAMP + 1, DAY])
@pytest.mark.parametrize("ramp", [0, 1, RAMP])
def test_says_what_is_paid_at_any_time(sent: Sent, passed: int, ramp: int) -> None:
    terms = replace(sent.terms, ramp=ramp)
    at = terms.sent_at + passed
    assert sent.resolver.view("paidAt", astuple(terms), at) == AMOUNT - terms.kept(at)


def test_says_what_it_does_not_know(sent: Sent) -> None:
    """That it was sent so, and that it arrives."""
    assumptions = sent.resolve().assumptions
    assert set(assumptions) == {"metalayer.sent", "metalayer.arrives"}
    bridge, terms = CODEC.decode(["bytes", FRONT_TYPES], assumptions["metalayer.sent"])
    assert place_of(bridge) == (sent.arcade.chain.chain_id, sent.arcade.bridge.address)
    assert tuple(terms) == astuple(sent.terms)
    start, deadline = CODEC.decode(["uint256", "uint256"], assumptions["metalayer.arrives"])
    assert (start, deadline) == (sent.arcade.chain.chain_id, sent.terms.deadline)


def test_the_token_of_this_chain_is_itself(sent: Sent) -> None:
    """What comes home arrives as what it is."""
    era = sent.hub.era.address
    terms = replace(sent.terms, home_chain=sent.hub.chain.chain_id, token=era)
    order = sent.resolver.view("resolve", sent.payload(terms))
    _, (token, *_) = read_form(order[2][0])
    assert place_of(token) == (sent.hub.chain.chain_id, era)


# What it refuses


@pytest.mark.parametrize("tip", [0, 10**9 + 1, 2**32 - 1])
def test_refuses_what_offers_nothing_or_too_much(sent: Sent, tip: int) -> None:
    terms = replace(sent.terms, tip=tip)
    assert sent.refusal(terms) == error("NotFrontable", terms.id)


def test_refuses_what_is_too_late(sent: Sent) -> None:
    deadline = sent.terms.deadline
    assert sent.refusal(at=deadline + 1) == error("NotFrontable", sent.terms.id)
    sent.resolve(at=deadline)


def test_refuses_what_has_arrived(sent: Sent) -> None:
    sent.courier.carry("arcade", "hub")
    assert sent.refusal() == error("AlreadyFronted", sent.terms.key)


def test_refuses_a_token_of_which_nothing_is_known_here(sent: Sent, attacker: str) -> None:
    terms = replace(sent.terms, token=attacker)
    assert sent.refusal(terms) == error("TokenUnknown", terms.home_chain, attacker)


@pytest.mark.parametrize("payload", [b"", bytes(319), b"\xff" * 320])
def test_refuses_what_is_no_transfer(sent: Sent, payload: bytes) -> None:
    data = sent.resolver.encode("resolve", payload)
    assert call(sent.hub.chain, sent.resolver.address, data) == Revert(b"")
