"""Hops that fail and hops that come back: no ERA is lost with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.assets.bridge import Payload
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.gateway import Kind
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message, interoperable
from tests.kit.evm import Receipt, Revert, error
from tests.kit.hops import (
    AMOUNT,
    CREDIT,
    FUNDS,
    PAYLOAD_LENGTH,
    RECEIVE_FEE,
    RECEIVE_GAS_LIMIT,
    RETURN_GAS_LIMIT,
    TERMS,
    Courier,
    place,
    transfer,
)
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS, OPEN_TERMS

# What comes back of the fee of a hop whose time passed before anyone tried it.
FEE = TERMS.fee(RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH)
UNSPENT = (FEE.relay - FEE.base) * GWEI


# When a hop fails


def test_second_hop_waits_until_its_route_opens(
    hub: Stack,
    perps: Stack,
    owner: str,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    beneficiary: str,
) -> None:
    """P4, M11: the first hop stays failed, nothing moves on the hub, and a retry completes it once."""
    on_arcade()
    destination = perps.chain.chain_id
    hub.gateway.send("setOpen", destination, False, True, sender=owner)
    send("arcade", "perps", beneficiary)
    (first,) = courier.open.values()
    assert len(courier.carry("arcade", "hub").named("MessageFailed")) == 1
    assert hub.bridge.view("outstanding", destination) == 0
    hub.gateway.send("setOpen", destination, True, True, sender=owner)
    assert len(courier.retry(first, "hub").named("TransferForwarded")) == 1
    courier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == AMOUNT - RECEIVE_FEE
    again = (first.origin, first.nonce, first.fields)
    refusal = error("MessageNotFailed", first.id, 0)
    assert hub.gateway.revert("retry", *again, sender=beneficiary) == refusal


def test_an_expired_hop_keeps_its_amount_in_the_account(
    arcade: Stack, send: Callable[..., Receipt], courier: Courier, beneficiary: str
) -> None:
    """P4: not delivered, not lost from the books."""
    send("hub", "arcade", beneficiary)
    (message,) = courier.open.values()
    receipt = courier.carry("hub", "arcade", at=message.deliver_before + 1)
    assert receipt.named("MessageFailed")[0][3] is True
    assert arcade.era.view("totalSupply") == 0


def test_a_donation_to_the_bridge_is_nobodys(
    hub: Stack, arcade: Stack, treasury: str, gateway_call: Callable[..., Revert], attacker: str
) -> None:
    """M22: only the accounts count, not the balance."""
    hub.era.send("transfer", hub.bridge.address, AMOUNT, sender=treasury)
    sender = interoperable(arcade.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, 1)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, 1, 0)


def test_knows_gateway_token_and_hub(stacks: dict[str, Stack], hub: Stack) -> None:
    for stack in stacks.values():
        assert stack.bridge.view("GATEWAY") == stack.gateway.address
        assert stack.bridge.view("TOKEN") == stack.era.address
        assert stack.bridge.view("HUB_CHAIN_ID") == hub.chain.chain_id


def test_spokes_keep_no_accounts(
    stacks: dict[str, Stack], on_arcade: Callable[..., None], send: Callable[..., Receipt], beneficiary: str
) -> None:
    """`outstanding` is the hub's alone."""
    on_arcade()
    send("arcade", "hub", beneficiary, 1)
    for name in ("arcade", "perps"):
        for stack in stacks.values():
            assert stacks[name].bridge.view("outstanding", stack.chain.chain_id) == 0


# Hops that come back


def test_a_hop_to_the_hub_comes_back(
    arcade: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4, P5: minted to its sender again, with what nobody earned of its fee."""
    on_arcade()
    send("arcade", "hub", beneficiary)
    message = only_open()
    receipt = courier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert arcade.era.view("balanceOf", depositor) == AMOUNT + UNSPENT
    assert courier.open == {}


def test_a_first_hop_of_two_comes_back(
    arcade: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4, P5: it cost more gas, and what is left of that is the sender's, too."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    message = only_open()
    receipt = courier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    parts = Fee.unpack(message.fee)
    unspent = (parts.relay - parts.base) * GWEI
    assert unspent > UNSPENT
    assert arcade.era.view("balanceOf", depositor) == AMOUNT + unspent


def test_a_hop_from_the_hub_comes_back(
    hub: Stack,
    arcade: Stack,
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4, P5: released to its sender again, with what nobody earned of its fee."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    receipt = courier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert hub.era.view("balanceOf", depositor) == FUNDS + UNSPENT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == 0


def test_a_second_hop_goes_back_where_it_started(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    second_hop: Callable[..., Message],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
    beneficiary: str,
) -> None:
    """P4, P5: to its sender on arcade; what nobody earned is part of the amount again, and the way back costs a fee."""
    second = second_hop()
    receipt = courier.bring_back(second)
    back = only_open()
    amount = AMOUNT - RECEIVE_FEE + UNSPENT - RECEIVE_FEE
    expected = (second.id, back.id, arcade.chain.chain_id, amount, RECEIVE_FEE)
    assert receipt.named("TransferForwarded") == [expected]
    assert receipt.named("TransferReturned") == []
    assert transfer(back) == (arcade.chain.chain_id, depositor, depositor, amount)
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == 0
    received = courier.carry("hub", "arcade")
    assert received.named("TransferReceived") == [(back.id, depositor, hub.chain.chain_id, amount)]
    assert arcade.era.view("balanceOf", depositor) == amount
    assert perps.era.view("balanceOf", beneficiary) == 0
    assert courier.open == {}


def test_a_way_back_that_comes_back_starts_again(
    arcade: Stack,
    second_hop: Callable[..., Message],
    courier: Courier,
    only_open: Callable[..., Message],
    depositor: str,
) -> None:
    """P4, P1: as often as it must, for a fee each time, until arcade takes it."""
    amount = AMOUNT - RECEIVE_FEE
    courier.bring_back(second_hop())
    for _ in range(2):
        amount += UNSPENT - RECEIVE_FEE
        back = only_open()
        assert transfer(back) == (arcade.chain.chain_id, depositor, depositor, amount)
        courier.bring_back(back)
    amount += UNSPENT - RECEIVE_FEE
    courier.carry("hub", "arcade")
    assert arcade.era.view("balanceOf", depositor) == amount


def test_a_way_back_that_the_amount_cannot_pay_waits(
    hub: Stack,
    arcade: Stack,
    owner: str,
    second_hop: Callable[..., Message],
    courier: Courier,
    depositor: str,
) -> None:
    """P4: nothing moves until the way costs less; then all that is there goes home."""
    second = second_hop(RECEIVE_FEE + 1)
    courier.carry("hub", "perps", at=second.deliver_before + 1)
    courier.say_returned(second)
    assert courier.refund(second).named("CallbackFailed") == [(second.id,)]
    refusal = hub.gateway.revert("callBack", *place(second), sender=owner)
    assert refusal == error("AmountBelowFee", 1 + UNSPENT, RECEIVE_FEE)
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    courier.call_back(second, UNSPENT)
    courier.carry("hub", "arcade")
    assert arcade.era.view("balanceOf", depositor) == AMOUNT - (RECEIVE_FEE + 1) + (1 + UNSPENT)


def test_a_way_back_waits_until_its_route_opens(
    hub: Stack, arcade: Stack, owner: str, second_hop: Callable[..., Message], courier: Courier
) -> None:
    """P4."""
    second = second_hop()
    courier.carry("hub", "perps", at=second.deliver_before + 1)
    courier.say_returned(second)
    destination = arcade.chain.chain_id
    hub.gateway.send("setOpen", destination, False, True, sender=owner)
    assert courier.refund(second).named("CallbackFailed") == [(second.id,)]
    refusal = hub.gateway.revert("callBack", *place(second), sender=owner)
    assert refusal == error("RouteClosed", destination)
    hub.gateway.send("setOpen", destination, True, True, sender=owner)
    courier.call_back(second, UNSPENT)


@pytest.mark.parametrize(
    ("origin", "destination"), [("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")]
)
def test_a_hop_comes_back_once(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    attacker: str,
    beneficiary: str,
    origin: str,
    destination: str,
) -> None:
    """M11, P1."""
    on_arcade()
    send(origin, destination, beneficiary)
    message = only_open()
    courier.bring_back(message)
    refusal = stacks[origin].gateway.revert("refund", *courier.evidence(message), sender=attacker)
    assert refusal == error("AlreadyRefunded", message.id)
    hop = courier.names[message.destination]
    arguments = (message.origin, message.nonce, message.fields)
    refusal = stacks[hop].gateway.revert("retry", *arguments, sender=attacker)
    assert refusal == error("MessageNotFailed", message.id, 2)
    refusal = stacks[hop].gateway.revert("returnToSender", *arguments, sender=attacker)
    lane = courier.lane(hop, origin)
    assert refusal == error("MessageNotReturnable", message.id, 2, lane.messages[-1].nonce)


def test_a_second_hop_comes_back_once(
    hub: Stack, second_hop: Callable[..., Message], courier: Courier, attacker: str
) -> None:
    """M11: it is on its way home, and nothing sends it a second time."""
    second = second_hop()
    courier.bring_back(second)
    refusal = hub.gateway.revert("refund", *courier.evidence(second), sender=attacker)
    assert refusal == error("AlreadyRefunded", second.id)


def test_a_delivered_hop_does_not_come_back(
    stacks: dict[str, Stack],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    attacker: str,
    beneficiary: str,
) -> None:
    """M11, P1: neither end says so."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    courier.carry("hub", "arcade")
    at = message.deliver_before + 1
    arguments = (message.origin, message.nonce, message.fields)
    refusal = stacks["arcade"].gateway.revert("returnToSender", *arguments, sender=attacker, at=at)
    assert refusal == error("MessageNotReturnable", message.id, 0, 0)
    refusal = stacks["hub"].gateway.revert("refund", *courier.evidence(message), sender=attacker)
    assert refusal == error("NotReturned", message.id)


def test_a_lying_chain_brings_back_no_more_than_it_holds(
    hub: Stack,
    arcade: Stack,
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    attacker: str,
    beneficiary: str,
    on_arcade: Callable[..., None],
) -> None:
    """M9, P4: a hop that was delivered, and of which nothing is out any more."""
    on_arcade()
    send("hub", "arcade", beneficiary, CREDIT)
    delivered = only_open()
    courier.carry("hub", "arcade")
    held = AMOUNT + 2 * CREDIT
    lane, gateway = courier.lane("arcade", "hub"), hub.gateway.address
    fields = {"deliver_before": NEVER_EXPIRES, "gas_limit": RECEIVE_GAS_LIMIT}
    taking = Payload(courier.hub_id, 0, attacker, attacker, held - 1).encoded
    lane.append(hub.bridge.address, hub.bridge.address, payload=taking, **fields)
    saying = encode(["uint256", "bytes32", "uint256", "uint256"], [Kind.RETURN, delivered.id, 1, 0])
    lane.append(gateway, gateway, payload=saying, **fields)
    arguments = courier.arguments("arcade", "hub")
    receipt = hub.gateway.send("deliver", *arguments, sender=attacker)
    assert len(receipt.named("MessageDelivered")) == 2
    receipt = hub.gateway.send("refund", *courier.evidence(delivered), sender=attacker)
    assert receipt.named("CallbackFailed") == [(delivered.id,)]
    refusal = hub.gateway.revert("callBack", *place(delivered), sender=attacker)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, CREDIT, 1)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("caller", ["attacker", "relayer", "owner", "guardian", "depositor", "bridge", "era"])
def test_only_the_gateway_says_what_came_back(
    stacks: dict[str, Stack], request: pytest.FixtureRequest, name: str, caller: str, attacker: str
) -> None:
    """M10: even if everything else is right."""
    stack = stacks[name]
    account = getattr(stack, caller).address if hasattr(stack, caller) else request.getfixturevalue(caller)
    payload = Payload(stack.chain.chain_id, 0, attacker, attacker, AMOUNT).encoded
    message = (stack.bridge.address, stack.bridge.address, RECEIVE_GAS_LIMIT, 1, 0, payload)
    arguments = (bytes(32), stacks["perps"].chain.chain_id, message, AMOUNT)
    refusal = stack.bridge.revert("onMessageReturned", *arguments, sender=account)
    assert refusal == error("NotGateway", account)


@pytest.fixture
def left_behind(
    stacks: dict[str, Stack], hub: Stack, courier: Courier, owner: str, relayer: str
) -> Callable[..., tuple[Any, ...]]:
    """Restarts the hub's lane to a spoke, which follows it and says so: what `refundAbandoned` wants of a message."""

    def left_behind(message: Message, name: str) -> tuple[Any, ...]:
        hub_id, spoke = hub.chain.chain_id, stacks[name]
        hub.gateway.send("restart", spoke.chain.chain_id, 7, sender=owner)
        fact = RestartFact(hub_id, spoke.chain.chain_id, 7)
        attestation = courier.validators.sign(hub_id, spoke.gateway.address, Tree([fact]).root).fields
        following = spoke.gateway.send("followRestart", attestation, hub_id, 7, [], sender=relayer)
        courier.note(name, following)
        courier.carry(name, "hub")
        return (*courier.evidence(message), 7, bytes(32), [])

    return left_behind


def test_a_transfer_that_a_restart_left_behind_comes_home(
    hub: Stack,
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    left_behind: Callable[..., tuple[Any, ...]],
    depositor: str,
    beneficiary: str,
    relayer: str,
) -> None:
    """P4, P5: with everything that relayers would have got, but for ending it."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    arguments = left_behind(message, "arcade")
    receipt = hub.gateway.send("refundAbandoned", *arguments, sender=relayer)
    del courier.open[message.id]
    courier.check_balances()
    parts = Fee.unpack(message.fee)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert hub.era.view("balanceOf", depositor) == FUNDS + (parts.relay + 2 * parts.step) * GWEI
    refusal = hub.gateway.revert("refundAbandoned", *arguments, sender=relayer)
    assert refusal == error("AlreadyRefunded", message.id)


def test_the_last_transfer_out_pays_its_way_back(
    stacks: dict[str, Stack],
    hub: Stack,
    perps: Stack,
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    left_behind: Callable[..., tuple[Any, ...]],
    owner: str,
    relayer: str,
    depositor: str,
    beneficiary: str,
) -> None:
    """P4: with what is unspent, which is its own, and nobody else's ERA in the bridge."""
    for name in ("arcade", "perps"):
        terms = replace(OPEN_TERMS, protocol_share=0)
        hub.gateway.send("setTerms", stacks[name].chain.chain_id, terms.fields, sender=owner)
        stacks[name].gateway.send("setTerms", hub.chain.chain_id, FREE_TERMS.fields, sender=owner)
    fee = hub.gateway.view("quote", perps.chain.chain_id, RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, 128)
    amount = fee + (FEE.step + FEE.callback + 1) * GWEI
    send("hub", "arcade", depositor, amount)
    courier.carry("hub", "arcade")
    send("arcade", "perps", beneficiary, amount)
    courier.carry("arcade", "hub")
    message = only_open()
    arguments = left_behind(message, "perps")
    receipt = hub.gateway.send("refundAbandoned", *arguments, sender=relayer)
    assert [id_ for id_, *_ in receipt.named("MessageReturned")] == [message.id]
    assert receipt.named("CallbackFailed") == []
    del courier.open[message.id]
    courier.note("hub", receipt)
    courier.check_balances()
