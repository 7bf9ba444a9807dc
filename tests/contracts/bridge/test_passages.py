"""What hops cost, who pays for them, and where what is left over goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import (
    DESCRIBE_GAS,
    Kind,
    Options,
    Payload,
)
from tests.kit.evm import error
from tests.kit.hops import (
    AMOUNT,
    CREDIT,
    FORWARD_FEE,
    RECEIVE_FEE,
    SECOND_FEE,
    TERMS,
)
from tests.kit.terms import FREE_TERMS
from tests.kit.world import ENDLESS, PREPAID, World

NOTE_RETURN_GAS = 60_000
DIRECTIONS = [
    pytest.param("era", "hub", "arcade", RECEIVE_FEE, id="era-out"),
    pytest.param("era", "arcade", "hub", RECEIVE_FEE, id="era-back"),
    pytest.param("gem", "hub", "arcade", RECEIVE_FEE, id="gem-out"),
    pytest.param("gem", "arcade", "hub", RECEIVE_FEE, id="gem-back"),
    pytest.param("gem", "arcade", "perps", FORWARD_FEE, id="gem-over-the-hub"),
    pytest.param("coin", "hub", "perps", FORWARD_FEE, id="coin-over-arcade"),
]
HERE = ["hub", "arcade"]


# The first hop, from credit


@pytest.mark.parametrize(("token", "origin", "destination", "fee"), DIRECTIONS)
def test_the_callers_credit_pays_what_was_quoted(
    world: World, token: str, origin: str, destination: str, fee: int
) -> None:
    """M15, P5, P23: to the wei, out of the credit and not of the amount."""
    stack, depositor = world.stacks[origin], world.depositor
    quoted = stack.bridge.view(
        "quoteSend", world.local(token, origin).address, world.id_of(destination), 0, 0
    )
    hops = world.path(token, origin, destination)
    assert quoted == (fee, world.id_of(hops[0][1]) if len(hops) == 2 else 0)
    before = stack.gateway.view("credit", depositor)
    balance = world.balance(token, origin, depositor)
    world.send(token, origin, destination)
    assert stack.gateway.view("credit", depositor) == before - fee
    assert world.balance(token, origin, depositor) == balance - AMOUNT


@pytest.mark.parametrize(("token", "origin", "destination", "fee"), DIRECTIONS)
def test_an_allowance_of_the_fee_is_enough_once(
    world: World, token: str, origin: str, destination: str, fee: int
) -> None:
    """The bridge spends what it needs, and the next transfer is refused."""
    stack, depositor = world.stacks[origin], world.depositor
    stack.gateway.send("setAllowance", stack.bridge.address, fee, sender=depositor)
    world.send(token, origin, destination)
    assert stack.gateway.view("allowance", depositor, stack.bridge.address) == 0
    refusal = error("InsufficientAllowance", depositor, stack.bridge.address, 0, fee)
    assert world.refusal(token, origin, destination) == refusal


@pytest.mark.parametrize(("token", "origin", "destination", "fee"), DIRECTIONS)
@pytest.mark.parametrize("lacks", ["allowance", "credit"])
def test_moves_nothing_without_the_fee(
    world: World, beneficiary: str, token: str, origin: str, destination: str, fee: int, lacks: str
) -> None:
    """P4: one wei short is not enough, however much ERA the caller holds."""
    stack, depositor = world.stacks[origin], world.depositor
    if lacks == "allowance":
        stack.gateway.send("setAllowance", stack.bridge.address, fee - 1, sender=depositor)
        refusal = error("InsufficientAllowance", depositor, stack.bridge.address, fee - 1, fee)
    else:
        held = stack.gateway.view("credit", depositor)
        stack.gateway.send("withdraw", beneficiary, held - fee + 1, sender=depositor)
        refusal = error("InsufficientCredit", depositor, fee - 1, fee)
    before = world.balance(token, origin, depositor)
    assert world.refusal(token, origin, destination) == refusal
    call = world.call(token, origin, destination, beneficiary, AMOUNT)
    assert not stack.bridge.attempt("send", *call, sender=depositor).succeeded
    assert world.balance(token, origin, depositor) == before
    world.courier.check_balances()


@pytest.mark.parametrize("origin", HERE)
def test_nobody_spends_somebody_elses_credit(world: World, attacker: str, origin: str) -> None:
    """M10: what the depositor allowed the bridge pays for the depositor's own calls alone."""
    local, stack = world.local("gem", origin), world.stacks[origin]
    local.send("transfer", attacker, 2, sender=world.depositor)
    local.send("approve", stack.bridge.address, 2, sender=attacker)
    refusal = error("InsufficientCredit", attacker, 0, FORWARD_FEE if origin == "arcade" else RECEIVE_FEE)
    assert world.refusal("gem", origin, "perps", amount=1, sender=attacker) == refusal


def test_sends_without_credit_where_it_costs_nothing(world: World, owner: str, attacker: str) -> None:
    hub, arcade = world.stacks["hub"], world.id_of("arcade")
    hub.gateway.send("setTerms", arcade, FREE_TERMS.fields, sender=owner)
    gem = world.local("gem", "hub")
    gem.send("transfer", attacker, 1, sender=world.depositor)
    gem.send("approve", hub.bridge.address, 1, sender=attacker)
    assert hub.bridge.view("quoteSend", gem.address, arcade, 0, 0) == (0, 0)
    world.send("gem", "hub", "arcade", amount=1, sender=attacker)


# The first hop, from the balance


@pytest.mark.parametrize(("token", "origin", "destination", "fee"), DIRECTIONS)
def test_the_callers_balance_pays_what_was_quoted(
    world: World, beneficiary: str, token: str, origin: str, destination: str, fee: int
) -> None:
    """P5, P23: without any credit, and on spokes without any allowance."""
    stack, depositor = world.stacks[origin], world.depositor
    stack.gateway.send("setAllowance", stack.bridge.address, 0, sender=depositor)
    held = {name: world.balance(name, origin, depositor) for name in ("era", token)}
    credit = stack.gateway.view("credit", depositor)
    world.send(token, origin, destination, options=Options(from_balance=True))
    paid = held["era"] - world.balance("era", origin, depositor)
    assert paid == fee + (AMOUNT if world.assets[token].is_era else 0)
    if not world.assets[token].is_era:
        assert world.balance(token, origin, depositor) == held[token] - AMOUNT
    assert stack.gateway.view("credit", depositor) == credit


@pytest.mark.parametrize("origin", HERE)
def test_a_balance_that_is_too_small_pays_nothing(world: World, attacker: str, origin: str) -> None:
    local, stack = world.local("gem", origin), world.stacks[origin]
    local.send("transfer", attacker, 1, sender=world.depositor)
    local.send("approve", stack.bridge.address, 1, sender=attacker)
    stack.era.send("approve", stack.bridge.address, ENDLESS, sender=attacker)
    destination = "arcade" if origin == "hub" else "hub"
    stack.era.send("transfer", attacker, RECEIVE_FEE - 1, sender=world.depositor)
    held = stack.era.view("balanceOf", attacker)
    stack.era.send("transfer", world.depositor, held - RECEIVE_FEE + 1, sender=attacker)
    refusal = error("ERC20InsufficientBalance", attacker, RECEIVE_FEE - 1, RECEIVE_FEE)
    options = Options(from_balance=True)
    assert world.refusal("gem", origin, destination, amount=1, options=options, sender=attacker) == refusal
    stack.era.send("transfer", attacker, 1, sender=world.depositor)
    world.send("gem", origin, destination, amount=1, options=options, sender=attacker)
    assert stack.era.view("balanceOf", attacker) == 0


def test_the_hub_takes_no_fee_without_an_allowance(world: World, depositor: str) -> None:
    """P5: one wei short."""
    era, bridge = world.stacks["hub"].era, world.bridge("hub").address
    era.send("approve", bridge, RECEIVE_FEE - 1, sender=depositor)
    refusal = error("ERC20InsufficientAllowance", bridge, RECEIVE_FEE - 1, RECEIVE_FEE)
    assert world.refusal("gem", "hub", "arcade", options=Options(from_balance=True)) == refusal


@pytest.mark.parametrize("origin", HERE)
def test_credit_of_the_bridge_pays_the_next_fee(world: World, origin: str) -> None:
    """P4, P5: what it has of before is used first: then its balance keeps the fee, to the wei."""
    token = "coin" if origin == "arcade" else "gem"
    for _ in range(3):
        world.send(token, origin, "perps", options=Options(from_balance=True))
    assert world.courier.left_over[origin] == 0


# The bound


@pytest.mark.parametrize("from_balance", [True, False])
@pytest.mark.parametrize(("token", "origin", "destination", "fee"), DIRECTIONS)
def test_takes_no_more_than_the_bound(
    world: World, token: str, origin: str, destination: str, fee: int, from_balance: bool
) -> None:
    """M51: terms may change between quote and send; at the bound it goes, one wei below it does not."""
    options = Options(max_fee=fee - 1, from_balance=from_balance)
    assert world.refusal(token, origin, destination, options=options) == error("FeeAboveBound", fee, fee - 1)
    world.send(token, origin, destination, options=Options(max_fee=fee, from_balance=from_balance))


@pytest.mark.parametrize("from_balance", [True, False])
def test_the_bound_is_for_all_fees_together(world: World, from_balance: bool) -> None:
    """M51: prepaid second hop and first hop."""
    whole = FORWARD_FEE + PREPAID * GWEI
    options = Options(fee=PREPAID, max_fee=whole - 1, from_balance=from_balance)
    refusal = error("FeeAboveBound", FORWARD_FEE, FORWARD_FEE - 1)
    assert world.refusal("gem", "arcade", "perps", options=options) == refusal
    options = Options(fee=PREPAID, max_fee=PREPAID * GWEI - 1, from_balance=from_balance)
    refusal = error("FeeAboveBound", PREPAID * GWEI, PREPAID * GWEI - 1)
    assert world.refusal("gem", "arcade", "perps", options=options) == refusal
    options = Options(fee=PREPAID, max_fee=whole, from_balance=from_balance)
    world.arrive(world.send("gem", "arcade", "perps", options=options))


@pytest.mark.parametrize("from_balance", [True, False])
def test_the_bound_is_for_a_description_too(world: World, from_balance: bool) -> None:
    """M51, P23: the first transfer of a token to a chain pays for two messages."""
    novel = world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    fee, home = world.bridge("hub").view("quoteSend", novel.address, world.id_of("arcade"), 0, 0)
    described = TERMS.quote(DESCRIBE_GAS, NOTE_RETURN_GAS, 64 + 3 + len("Novel") + len("NVL"))
    assert (fee, home) == (described + RECEIVE_FEE, 0)
    options = Options(max_fee=fee - 1, from_balance=from_balance)
    refusal = error("FeeAboveBound", RECEIVE_FEE, RECEIVE_FEE - 1)
    assert world.refusal("novel", "hub", "arcade", options=options) == refusal
    world.send("novel", "hub", "arcade", options=Options(max_fee=fee, from_balance=from_balance))
    assert world.bridge("hub").view("quoteSend", novel.address, world.id_of("arcade"), 0, 0)[0] == RECEIVE_FEE


# The second hop, prepaid


@pytest.mark.parametrize("token", ["era", "gem"])
def test_the_prepaid_fee_is_burned_and_taken_out_of_the_account(world: World, token: str) -> None:
    """P4, P5: ERA of the sender's, on top of the amount; on the hub it comes out of the account of where it started."""
    held, era = world.outstanding("era", "arcade"), world.balance("era", "arcade", world.depositor)
    amount = AMOUNT if world.assets[token].is_era else 0
    message = world.send(token, "arcade", "perps", options=Options(fee=PREPAID))
    assert world.balance("era", "arcade", world.depositor) == era - PREPAID * GWEI - amount
    assert world.outstanding("era", "arcade") == held
    (forwarded,) = world.carry(message).named("TransferForwarded")
    assert forwarded[5] == SECOND_FEE
    assert world.outstanding("era", "arcade") == held - PREPAID * GWEI - amount
    assert world.courier.left_over["hub"] == 0


def test_what_is_left_over_goes_along(world: World) -> None:
    """M51, P5: not to anybody on the hub; it pays a way back, if there is one."""
    _, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=PREPAID + 7))
    assert Payload.read(second.payload).fee == 7
    assert world.courier.left_over["hub"] == 7 * GWEI
    world.carry(second)
    assert world.courier.left_over["hub"] == 7 * GWEI


@pytest.mark.parametrize("short", [1, PREPAID])
def test_a_hop_that_is_not_paid_waits(world: World, depositor: str, beneficiary: str, short: int) -> None:
    """P4: nothing moves on the hub. `pay` and a retry send it on; whoever pays more than it costs loses nothing to
    others: it goes along.
    """
    message = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID - short))
    held = world.outstanding("gem", "arcade")
    failed = world.carry(message).named("MessageFailed")
    assert failed == [(message.id, message.origin, message.nonce, False)]
    refusal = error("PassageUnpaid", message.id, SECOND_FEE, SECOND_FEE - short * GWEI)
    assert world.tell("hub", message.origin, message.payload, id_=message.id) == refusal
    assert world.outstanding("gem", "arcade") == held
    world.pay("hub", message.id, short - 1 or 1)
    if short > 1:
        refusal = error("PassageUnpaid", message.id, SECOND_FEE, SECOND_FEE - GWEI)
        assert world.tell("hub", message.origin, message.payload, id_=message.id) == refusal
        world.pay("hub", message.id, 3)
    world.courier.retry(message, "hub")
    onward = Payload.read(world.only_open().payload)
    assert onward.fee == (2 if short > 1 else 0)
    assert world.bridge("hub").view("passage", message.id) == 0
    world.carry(world.only_open())
    assert world.balance("gem", "perps", beneficiary) == AMOUNT


def test_what_was_paid_is_not_used_while_what_came_along_suffices(world: World) -> None:
    message = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    world.pay("hub", message.id, 5)
    world.carry(message)
    assert world.bridge("hub").view("passage", message.id) == 5
    assert Payload.read(world.only_open().payload).fee == 0


def test_terms_that_rise_meanwhile_take_nothing_of_the_amount(
    world: World, owner: str, depositor: str
) -> None:
    """M51: the sender's bound is what it prepaid; the transfer waits, and comes home whole."""
    first = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    held = {name: world.balance(name, "arcade", depositor) for name in ("gem", "era")}
    dear = replace(TERMS, gas_fee=2 * TERMS.gas_fee)
    world.stacks["hub"].gateway.send("setTerms", world.id_of("perps"), dear.fields, sender=owner)
    assert len(world.carry(first).named("MessageFailed")) == 1
    world.courier.say_returned(first)
    world.courier.refund(first)
    assert world.balance("gem", "arcade", depositor) == held["gem"] + AMOUNT
    assert world.balance("era", "arcade", depositor) == held["era"] + PREPAID * GWEI
    assert world.courier.open == {}


@pytest.mark.parametrize(
    ("token", "origin", "destination"),
    [("gem", "hub", "arcade"), ("gem", "arcade", "hub"), ("coin", "hub", "perps"), ("coin", "arcade", "hub")],
)
def test_prepays_no_hop_that_the_hub_does_not_send(
    world: World, token: str, origin: str, destination: str
) -> None:
    """Who is at home elsewhere is paid for there."""
    refusal = error("NothingToPrepay")
    assert world.refusal(token, origin, destination, options=Options(fee=1)) == refusal


def test_only_the_hub_takes_what_was_prepaid(world: World) -> None:
    """P4: elsewhere there are no accounts of ERA to take it out of: a chain that says so lies."""
    payload = world.payload("coin", Kind.BACK, "hub", fee=1).encoded
    assert world.tell("arcade", world.id_of("perps"), payload) == error("NothingToPrepay")


def test_a_lying_chain_prepays_no_more_than_it_holds(world: World) -> None:
    """M9, P4: what it says it burned comes out of its own account of ERA."""
    held, origin = world.outstanding("era", "arcade"), world.id_of("arcade")
    fee = held // GWEI + 1
    payload = world.payload("gem", Kind.BACK, "perps", fee=fee).encoded
    refusal = error("OutstandingExceeded", world.address("era"), origin, fee * GWEI, held)
    assert world.tell("hub", origin, payload) == refusal
    rest = held - AMOUNT + GWEI
    payload = world.payload("era", Kind.BACK, "perps", fee=-(-rest // GWEI)).encoded
    refusal = error(
        "OutstandingExceeded", world.address("era"), origin, -(-rest // GWEI) * GWEI, held - AMOUNT
    )
    assert world.tell("hub", origin, payload) == refusal


# Paying for others


@pytest.mark.parametrize("name", HERE)
def test_anyone_pays_for_a_hop(world: World, attacker: str, name: str) -> None:
    """P5: on spokes without an allowance; what is paid is not given back."""
    stack, id_ = world.stacks[name], b"\3" * 32
    stack.era.send("transfer", attacker, 10 * GWEI, sender=world.depositor)
    before = stack.era.view("balanceOf", attacker)
    if name == "hub":
        refusal = stack.bridge.revert("pay", id_, 4, sender=attacker)
        assert refusal == error("ERC20InsufficientAllowance", stack.bridge.address, 0, 4 * GWEI)
        stack.era.send("approve", stack.bridge.address, 7 * GWEI, sender=attacker)
    for amount in (4, 3):
        receipt = stack.bridge.send("pay", id_, amount, sender=attacker)
        assert receipt.named("PassagePaid") == [(id_, attacker, amount)]
        world.courier.note(name, receipt)
    world.courier.check_balances()
    assert stack.bridge.view("passage", id_) == 7
    assert stack.era.view("balanceOf", attacker) == before - 7 * GWEI


@pytest.mark.parametrize("name", HERE)
def test_pays_no_more_than_it_has(world: World, relayer: str, name: str) -> None:
    stack = world.stacks[name]
    stack.era.send("approve", stack.bridge.address, ENDLESS, sender=relayer)
    held = stack.era.view("balanceOf", relayer)
    amount = held // GWEI + 1
    refusal = error("ERC20InsufficientBalance", relayer, held, amount * GWEI)
    assert stack.bridge.revert("pay", b"\3" * 32, amount, sender=relayer) == refusal


def test_what_is_paid_for_one_transfer_pays_no_other(world: World) -> None:
    """M14: by its id."""
    world.pay("arcade", b"\3" * 32)
    message = world.send("coin", "hub", "perps")
    assert len(world.carry(message).named("MessageFailed")) == 1


def test_a_coin_crosses_its_home_once_it_is_paid_for(world: World, beneficiary: str) -> None:
    """Of a token that is at home on a spoke: in ERA, there."""
    message = world.send("coin", "perps", "hub")
    world.carry(message)
    refusal = error("PassageUnpaid", message.id, SECOND_FEE, 0)
    assert world.tell("arcade", message.origin, message.payload, id_=message.id) == refusal
    world.pay("arcade", message.id)
    world.courier.retry(message, "arcade")
    world.carry(world.only_open())
    assert world.balance("coin", "hub", beneficiary) == AMOUNT
    assert world.courier.left_over["arcade"] == 0


# What the bridge pays from


def test_the_bridge_fills_its_credit_a_hundred_hops_at_once(world: World, beneficiary: str) -> None:
    """P4: out of ERA that is locked, and takes it out again when a release needs it."""
    hub = world.stacks["hub"]
    bridge, gateway = hub.bridge.address, hub.gateway
    world.second_hop("gem", "arcade", "perps")
    assert gateway.view("credit", bridge) == 99 * SECOND_FEE
    world.second_hop("gem", "arcade", "perps")
    assert gateway.view("credit", bridge) == 98 * SECOND_FEE
    locked = hub.era.view("balanceOf", bridge)
    for name in ("arcade", "perps"):
        held = world.balance("era", name, world.depositor)
        stack = world.stacks[name]
        stack.gateway.send("withdraw", world.depositor, CREDIT // 2, sender=world.depositor)
        world.arrive(world.send("era", name, "hub", amount=held))
    assert locked > 0
    world.courier.check_balances()


def test_the_last_era_out_comes_out_of_the_credit(world: World, beneficiary: str) -> None:
    """P4: everything that is locked can be released, though a part of it is credit."""
    hub = world.stacks["hub"]
    bridge, gateway = hub.bridge.address, hub.gateway
    world.arrive(world.send("gem", "arcade", "perps", options=Options(fee=PREPAID)))
    credit = gateway.view("credit", bridge)
    amounts = {name: world.outstanding("era", name) for name in ("arcade", "perps")}
    before = hub.era.view("balanceOf", beneficiary)
    for name, amount in amounts.items():
        lie = world.payload("era", Kind.BACK, "hub", amount=amount).encoded
        receipt = world.forge(name, "hub", lie)
        assert len(receipt.named("TransferReceived")) == 1
    assert hub.era.view("balanceOf", beneficiary) == before + sum(amounts.values())
    assert hub.era.view("balanceOf", bridge) == 0
    assert gateway.view("credit", bridge) == 0 < credit


def test_credit_that_somebody_gives_the_bridge_is_nobodys(world: World, treasury: str) -> None:
    """M22, P5: it stays, and pays hops that were paid."""
    hub = world.stacks["hub"]
    hub.era.send("approve", hub.gateway.address, AMOUNT, sender=treasury)
    hub.gateway.send("depositFor", hub.bridge.address, AMOUNT, sender=treasury)
    world.courier.left_over["hub"] += AMOUNT
    world.courier.check_balances()
    message = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID - 1))
    assert len(world.carry(message).named("MessageFailed")) == 1


def test_a_donation_to_the_bridge_is_nobodys(world: World, treasury: str) -> None:
    """M22: only the accounts count, not the balance."""
    hub = world.stacks["hub"]
    held = world.outstanding("era", "arcade")
    hub.era.send("transfer", hub.bridge.address, AMOUNT, sender=treasury)
    world.courier.left_over["hub"] += AMOUNT
    world.courier.check_balances()
    payload = world.payload("era", Kind.BACK, "hub", amount=held + 1).encoded
    refusal = error("OutstandingExceeded", world.address("era"), world.id_of("arcade"), held + 1, held)
    assert world.tell("hub", world.id_of("arcade"), payload) == refusal
