"""Hops that fail and hops that come back: no token is lost with one, and none is paid twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.gateway import Kind as Notice
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message
from metalayer.protocol.transfers import RECEIVE_GAS, RETURN_GAS, Kind, Options, Payload
from tests.kit.evm import error, now
from tests.kit.hops import AMOUNT, PAYLOAD_LENGTH, SECOND_FEE, TERMS, place
from tests.kit.terms import FREE_TERMS
from tests.kit.world import PREPAID, World

# What comes back of the fee of a first hop whose time passed before anyone tried it.
FEE = TERMS.fee(RECEIVE_GAS, RETURN_GAS, PAYLOAD_LENGTH)
UNSPENT = (FEE.relay - FEE.base) * GWEI
REFUSES, PLAIN = 5, 0
"""Behaviours of a scripted token."""
ONE_HOP = [
    pytest.param("era", "hub", "arcade", id="era-out"),
    pytest.param("era", "arcade", "hub", id="era-back"),
    pytest.param("gem", "hub", "arcade", id="gem-out"),
    pytest.param("gem", "arcade", "hub", id="gem-back"),
    pytest.param("coin", "arcade", "hub", id="coin-out"),
    pytest.param("coin", "hub", "arcade", id="coin-back"),
]
FIRST_OF_TWO = [
    pytest.param("era", "arcade", "perps", id="era-first"),
    pytest.param("gem", "arcade", "perps", id="gem-first"),
    pytest.param("coin", "hub", "perps", id="coin-first"),
]


def unspent(message: Message) -> int:
    """What is left of the fee of a hop that nobody tried, in wei."""
    parts = Fee.unpack(message.fee)
    return (parts.relay - parts.base) * GWEI


# A first hop


@pytest.mark.parametrize(("token", "origin", "destination"), ONE_HOP + FIRST_OF_TWO)
def test_a_first_hop_comes_back(
    world: World, depositor: str, token: str, origin: str, destination: str
) -> None:
    """P4, P5, P14: all of it, what was prepaid, and what nobody earned of its fee."""
    held = {name: world.balance(name, origin, depositor) for name in ("era", token)}
    message = world.send(token, origin, destination, options=world.prepaid(token, origin, destination))
    receipt = world.courier.bring_back(message)
    local = world.local(token, origin).address
    assert receipt.named("TransferReturned") == [(message.id, depositor, local, AMOUNT)]
    assert world.balance("era", origin, depositor) == held["era"] + unspent(message)
    if not world.assets[token].is_era:
        assert world.balance(token, origin, depositor) == held[token]
    assert world.courier.open == {}


@pytest.mark.parametrize(("token", "origin", "destination"), ONE_HOP)
def test_a_hop_comes_back_once(
    world: World, attacker: str, token: str, origin: str, destination: str
) -> None:
    """M11, P1: and is then neither executed nor returned again."""
    courier = world.courier
    message = world.send(token, origin, destination)
    courier.bring_back(message)
    home, end = world.stacks[origin].gateway, world.stacks[destination].gateway
    refusal = home.revert("refund", *courier.evidence(message), sender=attacker)
    assert refusal == error("AlreadyRefunded", message.id)
    arguments = (message.origin, message.nonce, message.fields)
    assert end.revert("retry", *arguments, sender=attacker) == error("MessageNotFailed", message.id, 2)
    refusal = end.revert("returnToSender", *arguments, sender=attacker)
    lane = courier.lane(destination, origin)
    assert refusal == error("MessageNotReturnable", message.id, 2, lane.messages[-1].nonce)


@pytest.mark.parametrize(("token", "origin", "destination"), ONE_HOP)
def test_a_delivered_hop_does_not_come_back(
    world: World, attacker: str, token: str, origin: str, destination: str
) -> None:
    """M11, P1: neither end says so."""
    message = world.send(token, origin, destination)
    world.carry(message)
    at = message.deliver_before + 1
    arguments = (message.origin, message.nonce, message.fields)
    end = world.stacks[destination].gateway
    refusal = end.revert("returnToSender", *arguments, sender=attacker, at=at)
    assert refusal == error("MessageNotReturnable", message.id, 0, 0)
    evidence = world.courier.evidence(message)
    refusal = world.stacks[origin].gateway.revert("refund", *evidence, sender=attacker)
    assert refusal == error("NotReturned", message.id)


def test_the_last_second_is_for_the_recipient_and_the_next_for_the_sender(
    world: World, relayer: str, beneficiary: str
) -> None:
    """M18: in the deadline's second a retry pays, and a return is refused; a second later it is the other way round."""
    world.limit("gem", "arcade", "hub", 0, 0, 1)
    message = world.send("gem", "hub", "arcade")
    gateway = world.stacks["arcade"].gateway
    assert len(world.carry(message).named("MessageFailed")) == 1
    arguments = (message.origin, message.nonce, message.fields)
    last = message.deliver_before
    refusal = gateway.revert("returnToSender", *arguments, sender=relayer, at=last)
    assert refusal == error("MessageNotExpired", message.id, last)
    refusal = gateway.revert("retry", *arguments, sender=relayer, at=last + 1)
    assert refusal == error("MessageExpired", message.id, last)
    world.courier.retry(message, "arcade", at=last)
    assert world.balance("gem", "arcade", beneficiary) == AMOUNT


def test_a_hop_that_failed_is_retried_once(world: World, owner: str, beneficiary: str) -> None:
    """P4, M11: the first hop stays failed while there is no way on, nothing moves at home, and a retry completes it."""
    hub, perps = world.stacks["hub"], world.id_of("perps")
    hub.gateway.send("setOpen", perps, False, True, sender=owner)
    first = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    held = world.outstanding("gem", "perps")
    assert len(world.carry(first).named("MessageFailed")) == 1
    assert world.outstanding("gem", "perps") == held
    hub.gateway.send("setOpen", perps, True, True, sender=owner)
    assert len(world.courier.retry(first, "hub").named("TransferForwarded")) == 1
    world.carry(world.only_open())
    assert world.balance("gem", "perps", beneficiary) == AMOUNT
    again = (first.origin, first.nonce, first.fields)
    refusal = hub.gateway.revert("retry", *again, sender=beneficiary)
    assert refusal == error("MessageNotFailed", first.id, 0)


def test_a_transfer_that_is_late_at_home_is_not_sent_on(world: World, depositor: str) -> None:
    """A second hop has the first one's deadline, which the gateway takes up to an hour before it: then it goes home."""
    first = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    failed = world.carry(first, at=first.deliver_before - 3_599).named("MessageFailed")
    assert failed == [(first.id, first.origin, first.nonce, False)]
    world.courier.say_returned(first)
    receipt = world.courier.refund(first)
    assert [values[:2] for values in receipt.named("TransferReturned")] == [(first.id, depositor)]


def test_a_second_hop_ends_when_the_first_was_to_end(world: World) -> None:
    """However late the home sent it on: no deadline is new."""
    start = now(world.stacks["arcade"].chain)
    first = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID, deadline=start + 20_000))
    world.carry(first, at=start + 10_000)
    assert world.only_open().deliver_before == start + 20_000


# A second hop


@pytest.mark.parametrize(
    ("token", "origin", "destination"),
    [("gem", "arcade", "perps"), ("era", "perps", "arcade"), ("coin", "hub", "perps")],
)
def test_a_second_hop_goes_back_where_it_started(
    world: World, depositor: str, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """P4, P5, P14: over the home, to its sender; what nobody earned of its fee and what was left over pay the way."""
    home = world.home_of(token)
    held = {name: world.outstanding(token, name) for name in (origin, destination)}
    before = world.balance(token, origin, depositor)
    first, second = world.second_hop(token, origin, destination)
    prepaid = PREPAID * GWEI if world.assets[token].is_era else 0
    world.courier.bring_back(second) if unspent(second) >= SECOND_FEE else _pay_and_bring_back(
        world, home, second
    )
    back = world.only_open()
    assert Payload.read(back.payload).kind is Kind.RETURN
    assert Payload.read(back.payload).id == first.id
    assert Payload.read(back.payload).chain == world.id_of(destination)
    assert world.outstanding(token, destination) == held[destination]
    assert world.outstanding(token, origin) == held[origin] - prepaid
    received = world.carry(back)
    local = world.local(token, origin).address
    assert received.named("TransferReturned") == [(first.id, depositor, local, AMOUNT)]
    assert world.balance(token, origin, depositor) == before - prepaid
    assert world.balance(token, destination, beneficiary) == 0
    assert world.courier.open == {}


def _pay_and_bring_back(world: World, home: str, hop: Message) -> None:
    """Somebody pays what the way back costs more than is left."""
    transfer = Payload.read(hop.payload).id
    assert transfer
    world.pay(home, transfer)
    world.courier.bring_back(hop)


def test_left_overs_pay_a_way_back(world: World) -> None:
    """P5: what came along and was not used, with what is unspent: whatever is then left goes along again."""
    first, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=3 * PREPAID))
    assert Payload.read(second.payload).fee == 2 * PREPAID
    receipt = world.courier.bring_back(second)
    back = world.only_open()
    (event,) = receipt.named("TransferSentBack")
    assert event == (first.id, back.id, world.address("gem"), world.id_of("arcade"), AMOUNT, SECOND_FEE)
    assert Payload.read(back.payload).fee * GWEI == PREPAID * GWEI + unspent(second)


def test_a_way_back_that_nobody_pays_waits(world: World, relayer: str) -> None:
    """P4, P14: nothing moves until somebody does; then it goes on."""
    first, second = world.second_hop("gem", "arcade", "perps")
    world.courier.carry("hub", "perps", at=second.deliver_before + 1)
    world.courier.say_returned(second)
    held = world.outstanding("gem", "perps")
    assert world.courier.refund(second).named("CallbackFailed") == [(second.id,)]
    assert world.outstanding("gem", "perps") == held
    refusal = world.stacks["hub"].gateway.revert("callBack", *place(second), sender=relayer)
    assert refusal == error("PassageUnpaid", first.id, SECOND_FEE, unspent(second))
    world.pay("hub", first.id, -(-(SECOND_FEE - unspent(second)) // GWEI))
    world.courier.call_back(second, unspent(second))
    world.carry(world.only_open())
    assert world.courier.open == {}


def test_a_way_back_waits_until_its_route_opens(world: World, owner: str, relayer: str) -> None:
    """P4."""
    hub, arcade = world.stacks["hub"].gateway, world.id_of("arcade")
    _, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=3 * PREPAID))
    world.courier.carry("hub", "perps", at=second.deliver_before + 1)
    world.courier.say_returned(second)
    hub.send("setOpen", arcade, False, True, sender=owner)
    assert world.courier.refund(second).named("CallbackFailed") == [(second.id,)]
    assert hub.revert("callBack", *place(second), sender=relayer) == error("RouteClosed", arcade)
    hub.send("setOpen", arcade, True, True, sender=owner)
    world.courier.call_back(second, unspent(second))


def test_a_way_back_that_comes_back_starts_again(world: World, depositor: str) -> None:
    """P4, P1: as often as it must, for a fee each time, until its start takes it."""
    before = world.balance("gem", "arcade", depositor)
    first, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=4 * PREPAID))
    world.courier.bring_back(second)
    for _ in range(2):
        back = world.only_open()
        payload = Payload.read(back.payload)
        assert (payload.kind, payload.chain) == (Kind.RETURN, world.id_of("perps"))
        world.courier.bring_back(back)
    receipt = world.carry(world.only_open())
    assert receipt.named("TransferReturned")[0][:2] == (first.id, depositor)
    assert world.balance("gem", "arcade", depositor) == before


def test_a_second_hop_comes_back_once(world: World, attacker: str) -> None:
    """M11: it is on its way home, and nothing sends it a second time."""
    _, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=2 * PREPAID))
    world.courier.bring_back(second)
    refusal = world.stacks["hub"].gateway.revert("refund", *world.courier.evidence(second), sender=attacker)
    assert refusal == error("AlreadyRefunded", second.id)


def test_data_does_not_come_back(world: World, depositor: str) -> None:
    """P22: whoever gets it back is not called, and needs no code."""
    options = Options(fee=3 * PREPAID, data=b"act", extra_gas=100_000)
    first, second = world.second_hop("gem", "arcade", "perps", options=options)
    world.courier.bring_back(second)
    back = world.only_open()
    payload = Payload.read(back.payload)
    assert (payload.data, payload.sender, back.gas_limit) == (b"", None, RECEIVE_GAS)
    assert world.carry(back).named("TransferReturned")[0][:2] == (first.id, depositor)


# What cannot be given back yet


def test_what_its_token_does_not_release_yet_stays_open(world: World, developer: str, depositor: str) -> None:
    """P14: `callBack` repeats it, for anyone, once the token lets it."""
    token = world.issue("moody", "hub", "ScriptedToken", depositor)
    before = token.view("balanceOf", depositor)
    message = world.send("moody", "hub", "arcade")
    token.send("setBehaviour", REFUSES, sender=developer)
    world.courier.carry("hub", "arcade", at=message.deliver_before + 1)
    world.courier.say_returned(message)
    assert world.courier.refund(message).named("CallbackFailed") == [(message.id,)]
    token.send("setBehaviour", PLAIN, sender=developer)
    world.courier.call_back(message, UNSPENT)
    assert token.view("balanceOf", depositor) == before


@pytest.mark.parametrize("home", ["hub", "arcade"])
def test_what_was_unspent_is_there_though_the_credit_was_used(
    world: World, developer: str, owner: str, depositor: str, home: str
) -> None:
    """P5, P14: it waited as credit of the bridge, which other messages were paid from meanwhile."""
    token, stack = world.issue("moody", home, "ScriptedToken", depositor), world.stacks[home]
    message = world.send("moody", home, "perps")
    token.send("setBehaviour", REFUSES, sender=developer)
    world.courier.carry(home, "perps", at=message.deliver_before + 1)
    world.courier.say_returned(message)
    assert world.courier.refund(message).named("CallbackFailed") == [(message.id,)]
    token.send("setBehaviour", PLAIN, sender=developer)
    other = "gem" if home == "hub" else "coin"
    cheap = replace(TERMS, base_fee=0, gas_fee=1_000, byte_fee=1, return_gas_fee=1)
    stack.gateway.send("setTerms", world.id_of("perps"), cheap.fields, sender=owner)
    world.send(other, home, "perps", amount=1, options=Options(from_balance=True))
    assert 0 < stack.gateway.view("credit", stack.bridge.address) < UNSPENT
    before = world.balance("era", home, depositor)
    world.courier.call_back(message, UNSPENT)
    assert world.balance("era", home, depositor) == before + UNSPENT


# Lies


def test_a_lying_chain_brings_back_no_more_than_it_holds(world: World, attacker: str) -> None:
    """M9, M45, P4: a hop that was delivered, and of which nothing is out any more."""
    courier, hub = world.courier, world.stacks["hub"]
    delivered = world.send("gem", "hub", "arcade")
    world.carry(delivered)
    held = world.outstanding("gem", "arcade")
    lane, gateway = courier.lane("arcade", "hub"), hub.gateway.address
    fields: dict[str, Any] = {"deliver_before": NEVER_EXPIRES, "gas_limit": RECEIVE_GAS}
    taking = world.payload("gem", Kind.BACK, "hub", to=attacker, amount=held - 1).encoded
    lane.append(hub.bridge.address, hub.bridge.address, payload=taking, **fields)
    saying = encode(["uint256", "bytes32", "uint256", "uint256"], [Notice.RETURN, delivered.id, 1, 0])
    lane.append(gateway, gateway, payload=saying, **fields)
    receipt = hub.gateway.send("deliver", *courier.arguments("arcade", "hub"), sender=attacker)
    assert len(receipt.named("MessageDelivered")) == 2
    receipt = hub.gateway.send("refund", *courier.evidence(delivered), sender=attacker)
    assert receipt.named("CallbackFailed") == [(delivered.id,)]
    refusal = hub.gateway.revert("callBack", *place(delivered), sender=attacker)
    assert refusal == error("OutstandingExceeded", world.address("gem"), world.id_of("arcade"), AMOUNT, 1)


# Restarts


@pytest.fixture
def left_behind(world: World, owner: str, relayer: str) -> Callable[..., tuple[Any, ...]]:
    """Restarts the hub's lane to a spoke, which follows it and says so: what `refundAbandoned` wants of a message."""

    def left_behind(message: Message, name: str) -> tuple[Any, ...]:
        courier, hub, spoke = world.courier, world.stacks["hub"], world.stacks[name]
        nonce = message.nonce + 6
        hub.gateway.send("restart", spoke.chain.chain_id, nonce, sender=owner)
        fact = RestartFact(courier.hub_id, spoke.chain.chain_id, nonce)
        root = Tree([fact]).root
        attestation = courier.signers[name].sign(courier.hub_id, spoke.gateway.address, root).fields
        following = spoke.gateway.send(
            "followRestart", attestation, courier.hub_id, nonce, [], sender=relayer
        )
        courier.note(name, following)
        courier.carry(name, "hub")
        lane = courier.lane("hub", name)
        done = message.nonce - 1
        return (*courier.evidence(message), nonce, lane.heads[done], [])

    return left_behind


def test_a_transfer_that_a_restart_left_behind_comes_home(
    world: World, left_behind: Callable[..., tuple[Any, ...]], depositor: str, relayer: str
) -> None:
    """P4, P5: with everything that relayers would have got, but for ending it."""
    hub = world.stacks["hub"]
    held = {name: world.balance(name, "hub", depositor) for name in ("era", "gem")}
    message = world.send("gem", "hub", "arcade")
    arguments = left_behind(message, "arcade")
    receipt = hub.gateway.send("refundAbandoned", *arguments, sender=relayer)
    del world.courier.open[message.id]
    world.courier.note("hub", receipt)
    world.courier.check_balances()
    parts = Fee.unpack(message.fee)
    assert receipt.named("TransferReturned") == [(message.id, depositor, world.address("gem"), AMOUNT)]
    assert world.balance("gem", "hub", depositor) == held["gem"]
    assert world.balance("era", "hub", depositor) == held["era"] + (parts.relay + 2 * parts.step) * GWEI
    refusal = hub.gateway.revert("refundAbandoned", *arguments, sender=relayer)
    assert refusal == error("AlreadyRefunded", message.id)


def test_a_second_hop_that_a_restart_left_behind_pays_its_way_back(
    world: World, left_behind: Callable[..., tuple[Any, ...]], owner: str, relayer: str
) -> None:
    """P4: with what is unspent, which is its own, and nobody else's ERA in the bridge."""
    hub = world.stacks["hub"]
    first, second = world.second_hop("gem", "arcade", "perps")
    hub.gateway.send("setTerms", world.id_of("arcade"), FREE_TERMS.fields, sender=owner)
    receipt = hub.gateway.send("refundAbandoned", *left_behind(second, "perps"), sender=relayer)
    assert [id_ for id_, *_ in receipt.named("MessageReturned")] == [second.id]
    assert receipt.named("CallbackFailed") == []
    del world.courier.open[second.id]
    world.courier.note("hub", receipt)
    world.courier.check_balances()
    assert world.carry(world.only_open()).named("TransferReturned")[0][0] == first.id
