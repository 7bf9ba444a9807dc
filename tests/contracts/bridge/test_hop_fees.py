"""Fees of the hops of a transfer: who pays for the first, and what the second takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee, Message, interoperable
from tests.kit.evm import Receipt, error
from tests.kit.hops import (
    AMOUNT,
    FORWARD_GAS_LIMIT,
    PAYLOAD_LENGTH,
    RECEIVE_FEE,
    RECEIVE_GAS_LIMIT,
    RETURN_GAS_LIMIT,
    TERMS,
    Courier,
    transfer,
)
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

FORWARD_FEE = TERMS.quote(FORWARD_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH)


# Fees of the first hop

DIRECTIONS = [
    pytest.param("hub", "arcade", RECEIVE_FEE, id="hub-to-spoke"),
    pytest.param("arcade", "hub", RECEIVE_FEE, id="spoke-to-hub"),
    pytest.param("arcade", "perps", FORWARD_FEE, id="spoke-to-spoke"),
]


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_the_callers_credit_pays_what_was_quoted(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
    fee: int,
) -> None:
    """M15, P5: to the wei, out of the credit and not of the amount."""
    on_arcade()
    stack = stacks[origin]
    quoted = stack.bridge.view("quote", stacks[destination].chain.chain_id)
    assert quoted == (fee, destination == "perps")
    before = stack.gateway.view("credit", depositor)
    balance = stack.era.view("balanceOf", depositor)
    send(origin, destination, beneficiary)
    assert stack.gateway.view("credit", depositor) == before - fee
    assert stack.era.view("balanceOf", depositor) == balance - AMOUNT


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_an_allowance_of_the_fee_is_enough_once(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
    fee: int,
) -> None:
    """The bridge spends what it needs, and the next transfer is refused."""
    on_arcade()
    stack = stacks[origin]
    stack.gateway.send("setAllowance", stack.bridge.address, fee, sender=depositor)
    send(origin, destination, beneficiary, 1)
    assert stack.gateway.view("allowance", depositor, stack.bridge.address) == 0
    arguments = (stacks[destination].chain.chain_id, beneficiary, 1)
    refusal = error("InsufficientAllowance", depositor, stack.bridge.address, 0, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_moves_nothing_without_an_allowance(
    stacks: dict[str, Stack],
    courier: Courier,
    on_arcade: Callable[..., None],
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
    fee: int,
) -> None:
    """P4: one wei short is not enough."""
    on_arcade()
    stack = stacks[origin]
    stack.gateway.send("setAllowance", stack.bridge.address, fee - 1, sender=depositor)
    before = stack.era.view("balanceOf", depositor)
    arguments = (stacks[destination].chain.chain_id, beneficiary, AMOUNT)
    refusal = error("InsufficientAllowance", depositor, stack.bridge.address, fee - 1, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal
    assert not stack.bridge.attempt("send", *arguments, sender=depositor).succeeded
    assert stack.era.view("balanceOf", depositor) == before
    courier.check_balances()


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_moves_nothing_without_credit(
    stacks: dict[str, Stack],
    courier: Courier,
    on_arcade: Callable[..., None],
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
    fee: int,
) -> None:
    """P4: one wei short is not enough, however much ERA the caller holds."""
    on_arcade()
    stack = stacks[origin]
    held = stack.gateway.view("credit", depositor)
    stack.gateway.send("withdraw", beneficiary, held - fee + 1, sender=depositor)
    before = stack.era.view("balanceOf", depositor)
    arguments = (stacks[destination].chain.chain_id, beneficiary, AMOUNT)
    refusal = error("InsufficientCredit", depositor, fee - 1, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal
    assert not stack.bridge.attempt("send", *arguments, sender=depositor).succeeded
    assert stack.era.view("balanceOf", depositor) == before
    courier.check_balances()


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_nobody_spends_somebody_elses_credit(
    stacks: dict[str, Stack], on_arcade: Callable[..., None], depositor: str, attacker: str, origin: str
) -> None:
    """M10: what the depositor allowed the bridge pays for the depositor's transfers alone."""
    on_arcade()
    stack = stacks[origin]
    stack.era.send("transfer", attacker, 2, sender=depositor)
    stack.era.send("approve", stack.bridge.address, 2, sender=attacker)
    destination = "arcade" if origin == "hub" else "hub"
    arguments = (stacks[destination].chain.chain_id, attacker, 1)
    refusal = error("InsufficientCredit", attacker, 0, RECEIVE_FEE)
    assert stack.bridge.revert("send", *arguments, sender=attacker) == refusal


def test_sends_without_credit_where_it_costs_nothing(
    hub: Stack, arcade: Stack, owner: str, treasury: str, beneficiary: str
) -> None:
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    hub.era.send("approve", hub.bridge.address, 1, sender=treasury)
    assert hub.bridge.view("quote", arcade.chain.chain_id) == (0, False)
    hub.bridge.send("send", arcade.chain.chain_id, beneficiary, 1, sender=treasury)


def test_quotes_no_way_that_is_closed(hub: Stack, arcade: Stack, owner: str) -> None:
    """M15: it reverts as sending does."""
    for stack, other in ((hub, arcade), (arcade, hub)):
        chain_id = other.chain.chain_id
        stack.gateway.send("setOpen", chain_id, False, True, sender=owner)
        refusal = stack.bridge.revert("quote", chain_id, sender=owner)
        assert refusal == error("RouteClosed", chain_id)


# The fee of the second hop


def test_the_second_hops_fee_is_the_hubs_quote(
    hub: Stack, perps: Stack, second_hop: Callable[..., Message]
) -> None:
    """M15, P5: out of the amount, into the lane to perps."""
    quoted = hub.gateway.view(
        "quote", perps.chain.chain_id, RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH
    )
    message = second_hop()
    assert quoted == RECEIVE_FEE == AMOUNT - transfer(message)[3]
    escrow, protocol_part = hub.gateway.view("laneFees", perps.chain.chain_id)
    assert (escrow + protocol_part) * GWEI == quoted
    parts = Fee.unpack(message.fee)
    assert (parts.relay + parts.back) == escrow


def test_the_second_hop_costs_the_amount_nothing_where_it_is_free(
    hub: Stack, perps: Stack, owner: str, second_hop: Callable[..., Message]
) -> None:
    hub.gateway.send("setTerms", perps.chain.chain_id, FREE_TERMS.fields, sender=owner)
    assert transfer(second_hop())[3] == AMOUNT


def test_credit_given_to_the_bridge_pays_nobodys_hop(
    hub: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    treasury: str,
    beneficiary: str,
) -> None:
    """M22, P5: it stays, and the amount pays as ever."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    hub.era.send("approve", hub.gateway.address, AMOUNT, sender=treasury)
    hub.gateway.send("depositFor", hub.bridge.address, AMOUNT, sender=treasury)
    courier.given_to_bridge = AMOUNT
    receipt = courier.carry("arcade", "hub")
    assert receipt.named("TransferForwarded")[0][3:] == (AMOUNT - RECEIVE_FEE, RECEIVE_FEE)


@pytest.mark.parametrize("amount", [1, RECEIVE_FEE - 1, RECEIVE_FEE])
def test_a_transfer_that_cannot_pay_its_second_hop_fails(
    hub: Stack,
    perps: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    beneficiary: str,
    amount: int,
) -> None:
    """P4: nothing moves on the hub; what the retry says is why."""
    on_arcade()
    send("arcade", "perps", beneficiary, amount)
    message = only_open()
    failed = courier.carry("arcade", "hub").named("MessageFailed")
    assert failed == [(message.id, message.origin, message.nonce, False)]
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == 0
    sender = interoperable(message.origin, hub.bridge.address)
    arguments = (message.id, sender, message.payload)
    refusal = hub.bridge.revert("receiveMessage", *arguments, sender=hub.gateway.address)
    assert refusal == error("AmountBelowFee", amount, RECEIVE_FEE)


def test_one_wei_more_than_the_fee_arrives(
    perps: Stack, second_hop: Callable[..., Message], courier: Courier, beneficiary: str
) -> None:
    """P4: to the wei."""
    second_hop(RECEIVE_FEE + 1)
    courier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == 1


def test_a_transfer_that_could_not_pay_goes_on_once_it_can(
    hub: Stack,
    perps: Stack,
    owner: str,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    beneficiary: str,
) -> None:
    """P4, M11: by a retry."""
    on_arcade()
    send("arcade", "perps", beneficiary, RECEIVE_FEE)
    message = only_open()
    courier.carry("arcade", "hub")
    hub.gateway.send("setTerms", perps.chain.chain_id, FREE_TERMS.fields, sender=owner)
    forwarded = courier.retry(message, "hub").named("TransferForwarded")
    assert forwarded == [(message.id, only_open().id, perps.chain.chain_id, RECEIVE_FEE, 0)]
    courier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == RECEIVE_FEE


def test_a_transfer_that_could_not_pay_comes_back(
    arcade: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4, P1: minted to its sender again, whole; the hop was tried, so its fee is spent."""
    on_arcade()
    send("arcade", "perps", beneficiary, RECEIVE_FEE)
    message = only_open()
    courier.carry("arcade", "hub")
    courier.say_returned(message)
    receipt = courier.refund(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, RECEIVE_FEE)]
    assert arcade.era.view("balanceOf", depositor) == AMOUNT
    assert courier.open == {}
