"""Purse: what comes in is counted once, for the account that it is for; what goes out was that account's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import TIP_PARTS, Options
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, deploy, error
from tests.kit.hops import AMOUNT, FUNDS, RECEIVE_FEE
from tests.kit.purses import put_in
from tests.kit.stack import Stack
from tests.kit.world import ENDLESS, PREPAID, World

GAS = 150_000
ID = b"\5" * 32
PLAIN, TAKES_FEE, _, _, RETURNS_FALSE, REVERTS, _, CLAIMS_MORE = range(8)
"""How a scripted token behaves."""


@pytest.fixture
def purses(world: World, developer: str) -> dict[str, Contract]:
    """One on each chain, each somewhere else."""
    made = {}
    for name, stack in world.stacks.items():
        era = stack.era.address
        made[name] = deploy(stack.chain, "Margin", stack.bridge.address, era, 1, era, sender=developer)
    return made


@pytest.fixture
def purse(purses: dict[str, Contract]) -> Contract:
    return purses["arcade"]


@pytest.fixture
def odd(world: World) -> Contract:
    """A token of arcade that misbehaves on demand; the depositor has all."""
    return world.issue("odd", "arcade", "ScriptedToken", world.depositor)


def data(account: str, instruction: bytes = b"") -> bytes:
    return encode(["address", "bytes"], [account, instruction])


def bring(world: World, token: str, purse: Contract, account: str, amount: int = AMOUNT) -> Message:
    """What somebody on the hub sends to a purse on arcade, for an account."""
    wish = Options(data=data(account), extra_gas=GAS)
    return world.send(token, "hub", "arcade", purse.address, amount, wish)


def agrees(purse: Contract, token: Contract, *accounts: str) -> bool:
    """What it owes of a token is what these accounts have, and there."""
    owed = purse.view("owed", token.address)
    funds = sum(purse.view("fundsOf", token.address, account) for account in accounts)
    return bool(owed == funds == token.view("balanceOf", purse.address))


# In


@pytest.mark.parametrize("token", ["gem", "era", "coin"])
def test_what_comes_from_another_chain_is_the_accounts_at_once(
    world: World, purse: Contract, token: str, beneficiary: str
) -> None:
    """Of the hub, of ERA, of this chain; for an account that has done nothing here."""
    local = world.local(token, "arcade")
    bring(world, token, purse, beneficiary)
    receipt = world.courier.carry("hub", "arcade")
    assert receipt.named("Funded") == [(beneficiary, local.address, AMOUNT)]
    assert purse.view("fundsOf", local.address, beneficiary) == AMOUNT
    assert agrees(purse, local, beneficiary)


def test_believes_the_bridge_alone(
    world: World, purse: Contract, arcade: Stack, gem: Contract, attacker: str
) -> None:
    """M10"""
    gem.send("transfer", purse.address, AMOUNT, sender=world.depositor)
    call = ("onTransferReceived", ID, 901, attacker, gem.address, AMOUNT, data(attacker))
    for caller in (attacker, gem.address, arcade.gateway.address, purse.address):
        assert purse.revert(*call, sender=caller) == error("NotTheBridge", caller)


def test_refuses_what_would_be_nobodys(world: World, purse: Contract, gem: Contract) -> None:
    """It goes back to whoever sent it."""
    for account in (ZERO_ADDRESS, purse.address):
        call = ("onTransferReceived", ID, 901, account, gem.address, AMOUNT, data(account))
        refused = purse.revert(*call, sender=world.bridge("arcade").address)
        assert refused == error("NotAnAccount", account)
    before = world.balance("gem", "hub", world.depositor)
    message = bring(world, "gem", purse, ZERO_ADDRESS)
    world.courier.bring_back(message)
    assert world.balance("gem", "hub", world.depositor) == before


@pytest.mark.parametrize("bad", [b"\1", bytes(31), b"\xff" * 96])
def test_refuses_data_that_say_nothing(world: World, purse: Contract, gem: Contract, bad: bytes) -> None:
    call = ("onTransferReceived", ID, 901, world.depositor, gem.address, 0, bad)
    assert purse.revert(*call, sender=world.bridge("arcade").address) == Revert(b"")


def test_what_comes_without_a_call_is_nobodys(
    world: World, purse: Contract, gem: Contract, sender: str
) -> None:
    """M22: a gift, over the bridge or not, and also what a solver fronts. The next one gets what is theirs, no more."""
    gem.send("transfer", purse.address, AMOUNT, sender=world.depositor)
    plain = world.send("gem", "hub", "arcade", purse.address, options=Options(tip=1))
    gem.send("approve", world.bridge("arcade").address, ENDLESS, sender=world.depositor)
    world.bridge("arcade").send("front", world.front_of(plain).fields, sender, sender=world.depositor)
    world.carry(plain)
    assert (purse.view("owed", gem.address), gem.view("balanceOf", sender)) == (0, AMOUNT)
    put_in(purse, gem, 3, sender)
    assert (purse.view("fundsOf", gem.address, sender), purse.view("owed", gem.address)) == (3, 3)
    assert purse.revert("withdraw", gem.address, 4, sender, sender=sender) == error(
        "NotEnough", sender, gem.address, 3, 4
    )


def test_what_has_a_call_is_credited_once_whoever_fronts_it(
    world: World, purse: Contract, gem: Contract, beneficiary: str, sender: str
) -> None:
    """M11: with a call there is no tip, and without a tip no front. Who pays other terms of that id made a present."""
    refused = world.refusal(
        "gem", "hub", "arcade", purse.address, options=Options(tip=1, data=data(beneficiary))
    )
    assert refused == error("InvalidOptions")
    terms = world.front_of(bring(world, "gem", purse, beneficiary))
    arcade = world.bridge("arcade")
    gem.send("approve", arcade.address, ENDLESS, sender=world.depositor)
    call = ("front", terms.fields, sender)
    assert arcade.revert(*call, sender=world.depositor) == error("NotFrontable", terms.id)
    arcade.send("front", replace(terms, tip=1).fields, sender, sender=world.depositor)
    world.courier.carry("hub", "arcade")
    assert purse.view("fundsOf", gem.address, beneficiary) == purse.view("owed", gem.address) == AMOUNT
    assert gem.view("balanceOf", purse.address) == 2 * AMOUNT - AMOUNT // TIP_PARTS
    assert gem.view("balanceOf", sender) == 0


def test_a_fee_of_the_token_is_borne_by_whom_it_comes_for(
    world: World, purse: Contract, odd: Contract, beneficiary: str
) -> None:
    """On its home, where it takes it again when the bridge pays out."""
    world.carry(world.send("odd", "arcade", "hub", world.depositor, 4 * AMOUNT))
    odd.send("setBehaviour", TAKES_FEE, sender=world.depositor)
    put_in(purse, odd, AMOUNT, world.depositor)
    bring(world, "odd", purse, beneficiary)
    world.courier.carry("hub", "arcade")
    left = AMOUNT - AMOUNT // 100
    assert [purse.view("fundsOf", odd.address, who) for who in (world.depositor, beneficiary)] == [left, left]
    assert agrees(purse, odd, world.depositor, beneficiary)


def test_a_token_that_calls_back_is_counted_once(world: World, purse: Contract, odd: Contract) -> None:
    """M20: it puts something in, or takes it out, while it is put in."""
    owner, token = world.depositor, odd.address
    odd.send("transfer", token, 2 * AMOUNT, sender=owner)
    for target, call in (
        (token, odd.encode("approve", purse.address, ENDLESS)),
        (purse.address, purse.encode("deposit", token, AMOUNT)),
    ):
        odd.send("setCall", target, call, sender=owner)
        put_in(purse, odd, AMOUNT, owner)
        assert odd.view("succeeded")
        assert agrees(purse, odd, owner, token)
    assert [purse.view("fundsOf", token, who) for who in (owner, token)] == [2 * AMOUNT, AMOUNT]
    odd.send("setCall", purse.address, purse.encode("withdraw", token, AMOUNT, token), sender=owner)
    purse.send("withdraw", token, AMOUNT, owner, sender=owner)
    assert odd.view("succeeded")
    assert agrees(purse, odd, owner)


def test_a_token_that_lies_harms_no_other(
    world: World, purse: Contract, odd: Contract, gem: Contract
) -> None:
    put_in(purse, gem, AMOUNT, world.depositor)
    put_in(purse, odd, AMOUNT, world.depositor)
    odd.send("setBehaviour", CLAIMS_MORE, sender=world.depositor)
    purse.send("deposit", odd.address, AMOUNT, sender=world.depositor)
    assert purse.view("fundsOf", odd.address, world.depositor) == 2 * AMOUNT
    odd.send("setBehaviour", PLAIN, sender=world.depositor)
    # It says that less is there than was put in: nothing of what comes is counted, and nothing gets stuck.
    odd.send("rebase", 10**17, sender=world.depositor)
    purse.send("deposit", odd.address, AMOUNT // 10, sender=world.depositor)
    assert purse.view("fundsOf", odd.address, world.depositor) == 2 * AMOUNT
    for behaviour, refusal in (
        (RETURNS_FALSE, error("SafeERC20FailedOperation", odd.address)),
        (REVERTS, error("Refused")),
    ):
        odd.send("setBehaviour", behaviour, sender=world.depositor)
        assert purse.revert("deposit", odd.address, 1, sender=world.depositor) == refusal
    assert agrees(purse, gem, world.depositor)


def test_what_is_no_token_is_refused(purse: Contract, sender: str) -> None:
    """M8"""
    assert purse.revert("deposit", sender, 1, sender=sender) == error("SafeERC20FailedOperation", sender)


# Out


def test_everyone_takes_out_what_is_theirs(
    world: World, purse: Contract, coin: Contract, beneficiary: str, attacker: str
) -> None:
    put_in(purse, coin, AMOUNT, world.depositor)
    call = ("withdraw", coin.address, 1, attacker)
    assert purse.revert(*call, sender=attacker) == error("NotEnough", attacker, coin.address, 0, 1)
    for account in (ZERO_ADDRESS, purse.address):
        call = ("withdraw", coin.address, 1, account)
        assert purse.revert(*call, sender=world.depositor) == error("NotAnAccount", account)
    sent = purse.send("withdraw", coin.address, AMOUNT, beneficiary, sender=world.depositor)
    assert sent.named("Withdrawn") == [(world.depositor, coin.address, beneficiary, AMOUNT)]
    assert coin.view("balanceOf", beneficiary) == AMOUNT
    assert purse.view("owed", coin.address) == 0


def test_whom_a_token_blocks_takes_it_elsewhere(
    world: World, purse: Contract, odd: Contract, beneficiary: str
) -> None:
    put_in(purse, odd, AMOUNT, world.depositor)
    odd.send("setBlocked", world.depositor, True, sender=world.depositor)
    call = ("withdraw", odd.address, AMOUNT)
    refused = purse.revert(*call, world.depositor, sender=world.depositor)
    assert refused == error("Blocked", world.depositor)
    purse.send(*call, beneficiary, sender=world.depositor)
    assert odd.view("balanceOf", beneficiary) == AMOUNT


def out(
    world: World, purse: Contract, token: str, origin: str, destination: str, to: str, **change: Any
) -> tuple[Any, ...]:
    """Arguments of `send`."""
    prepaid = getattr(world.prepaid(token, origin, destination), "fee", 0)
    known = {"amount": AMOUNT, "prepaid": prepaid, "max_fee": ENDLESS, **change}
    token_, chain = world.local(token, origin).address, world.id_of(destination)
    return ("send", token_, known["amount"], chain, to, known["prepaid"], known["max_fee"])


@pytest.mark.parametrize(
    ("token", "origin", "destination"),
    [
        ("gem", "hub", "arcade"),
        ("gem", "arcade", "hub"),
        ("gem", "arcade", "perps"),
        ("coin", "arcade", "perps"),
        ("era", "hub", "arcade"),
        ("era", "arcade", "hub"),
        ("era", "arcade", "perps"),
    ],
)
def test_it_goes_straight_to_any_chain(
    world: World, purses: dict[str, Contract], token: str, origin: str, destination: str, beneficiary: str
) -> None:
    """The fee is taken from the account's ERA in there, to the wei; nothing stays allowed."""
    purse, local, era = purses[origin], world.local(token, origin), world.stacks[origin].era
    user, bridge = world.depositor, world.bridge(origin)
    put_in(purse, era, FUNDS // 4, user)
    if local.address != era.address:
        put_in(purse, local, 2 * AMOUNT, user)
    funds, fees = (purse.view("fundsOf", one.address, user) for one in (local, era))
    call = out(world, purse, token, origin, destination, beneficiary)
    sent = purse.send(*call, sender=user)
    first = world.noted(origin, sent)
    cost, _ = bridge.view("quoteSend", local.address, world.id_of(destination), 0, 0)
    cost += call[5] * GWEI
    assert sent.named("SentOut") == [(first.id, user, local.address, AMOUNT, cost)]
    world.arrive(first)
    assert world.balance(token, destination, beneficiary) == AMOUNT
    for one in (local, era):
        assert agrees(purse, one, user)
        assert one.view("allowance", purse.address, bridge.address) == 0
    spent = AMOUNT + cost if local.address == era.address else AMOUNT
    assert funds - purse.view("fundsOf", local.address, user) == spent
    if local.address != era.address:
        assert fees - purse.view("fundsOf", era.address, user) == cost


def test_what_does_not_arrive_comes_to_the_account(
    world: World, purse: Contract, gem: Contract, arcade: Stack, beneficiary: str
) -> None:
    """And what is unspent with it: not to the purse, where they would be nobody's."""
    user, era = world.depositor, arcade.era
    put_in(purse, gem, AMOUNT, user)
    put_in(purse, era, FUNDS // 4, user)
    message = world.noted(
        "arcade", purse.send(*out(world, purse, "gem", "arcade", "hub", beneficiary), sender=user)
    )
    gems, eras = gem.view("balanceOf", user), era.view("balanceOf", user)
    receipt = world.courier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, user, gem.address, AMOUNT)]
    assert gem.view("balanceOf", user) == gems + AMOUNT
    assert era.view("balanceOf", user) > eras
    assert agrees(purse, gem, user)
    assert agrees(purse, era, user)


def test_what_is_not_sent(
    world: World, purse: Contract, gem: Contract, arcade: Stack, beneficiary: str, attacker: str
) -> None:
    user, era = world.depositor, arcade.era.address
    put_in(purse, gem, AMOUNT, user)

    def refused(to: str = beneficiary, by: str = user, **change: Any) -> Revert:
        return purse.revert(*out(world, purse, "gem", "arcade", "hub", to, **change), sender=by)

    assert refused() == error("NotEnough", user, era, 0, RECEIVE_FEE)
    put_in(purse, arcade.era, RECEIVE_FEE, user)
    assert refused(by=attacker) == error("NotEnough", attacker, gem.address, 0, AMOUNT)
    assert refused(amount=AMOUNT + 1) == error("NotEnough", user, gem.address, AMOUNT, AMOUNT + 1)
    assert refused(max_fee=RECEIVE_FEE - 1) == error("FeeAbove", RECEIVE_FEE, RECEIVE_FEE - 1)
    assert refused(prepaid=PREPAID) == error(
        "NotEnough", user, era, RECEIVE_FEE, RECEIVE_FEE + PREPAID * GWEI
    )
    assert refused(to=purse.address) == error("NotAnAccount", purse.address)
    assert refused(to=ZERO_ADDRESS) == error("NotAnAccount", ZERO_ADDRESS)
    assert refused(amount=0) == error("ZeroAmount")
    purse.send(*out(world, purse, "gem", "arcade", "hub", beneficiary, max_fee=RECEIVE_FEE), sender=user)


def test_many_calls_in_one_transaction_are_the_callers(
    world: World, purse: Contract, gem: Contract, beneficiary: str, attacker: str
) -> None:
    """M55: nobody else's, who sends them."""
    gem.send("approve", purse.address, ENDLESS, sender=world.depositor)
    calls = [
        purse.encode("deposit", gem.address, AMOUNT),
        purse.encode("withdraw", gem.address, AMOUNT, beneficiary),
    ]
    assert (
        purse.revert("multicall", calls, sender=attacker).data[:4]
        == error("ERC20InsufficientAllowance", purse.address, 0, AMOUNT).data[:4]
    )
    purse.send("multicall", calls, sender=world.depositor)
    assert gem.view("balanceOf", beneficiary) == AMOUNT
