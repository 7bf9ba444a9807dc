"""Ether that leaves a chain by the EtherDoor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from metalayer.protocol.transfers import RECEIVE_GAS, Options, Payload
from tests.kit.doors import FEES, MAX, Fund, ether_door, wrapped_ether
from tests.kit.ether import balance, pay, refusal_of
from tests.kit.evm import Contract, Receipt, Revert, call, error, now
from tests.kit.hops import Courier
from tests.kit.passer import delegate_to_passer, place_passer, through
from tests.kit.permits import NEVER, permit
from tests.kit.roles import DEPOSITOR
from tests.kit.stack import Stack

AMOUNT = 3 * 10**18
PLAIN = Options()
WALLET = to_checksum_address("0x" + "5a" * 20)


def quote(origin: Stack, destination: Stack, options: Options = PLAIN) -> int:
    """What the caller pays in ERA."""
    token, chain_id = wrapped_ether(origin).address, destination.chain.chain_id
    length = len(options.data)
    return int(origin.bridge.view("quoteSend", token, chain_id, length, options.extra_gas)[0])


def leave(
    origin: Stack, destination: Stack, to: str, sender: str, options: Options = PLAIN, amount: int = AMOUNT
) -> Receipt:
    chain_id = destination.chain.chain_id
    return pay(ether_door(origin), amount, sender, "send", chain_id, to, options.fields)


def refusal(
    origin: Stack, destination: Stack, to: str, sender: str, options: Options = PLAIN, amount: int = AMOUNT
) -> Revert:
    chain_id = destination.chain.chain_id
    return refusal_of(ether_door(origin), amount, sender, "send", chain_id, to, options.fields)


def check_empty(stack: Stack) -> None:
    """The door keeps nothing."""
    door = ether_door(stack).address
    kept = [token.view("balanceOf", door) for token in (stack.era, wrapped_ether(stack))]
    assert [balance(stack.chain, door), *kept] == [0, 0, 0]


@pytest.fixture
def funded(stacks: dict[str, Stack], fund: Fund, depositor: str) -> Callable[[str], Stack]:
    """Somebody who has ERA for fees on a chain, and lets its door take all of it."""

    def funded(name: str) -> Stack:
        fund(name, depositor)
        stack = stacks[name]
        stack.era.send("approve", ether_door(stack).address, MAX, sender=depositor)
        return stack

    return funded


@pytest.mark.parametrize(
    ("origin", "destination"), [("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")]
)
def test_ether_leaves_and_arrives_wrapped(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    on_bridge: Callable[..., Contract],
    courier: Courier,
    depositor: str,
    beneficiary: str,
    origin: str,
    destination: str,
) -> None:
    """P23: the caller pays what `quoteSend` says, the token's description included, and no more. Twice: later transfers
    need no description.
    """
    here, there = funded(origin), stacks[destination]
    ether = wrapped_ether(here)
    courier.watch(origin, ether)
    for count in (1, 2):
        fee, before = quote(here, there), here.era.view("balanceOf", depositor)
        receipt = leave(here, there, beneficiary, depositor)
        courier.note(origin, receipt)
        ((_, *sent),) = receipt.named("TransferSent")
        assert sent == [depositor, beneficiary, ether.address, there.chain.chain_id, AMOUNT]
        assert before - here.era.view("balanceOf", depositor) == fee
        assert ether.view("balanceOf", here.bridge.address) == count * AMOUNT
        check_empty(here)
        courier.carry(origin, destination)
        assert on_bridge(destination, origin, ether).view("balanceOf", beneficiary) == count * AMOUNT
    assert fee < quote(here, stacks["perps" if destination != "perps" else "hub"])


def test_what_does_not_arrive_returns_wrapped(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    courier: Courier,
    depositor: str,
    beneficiary: str,
) -> None:
    """To the caller, with what nobody earned of the fee, in ERA."""
    arcade, hub = funded("arcade"), stacks["hub"]
    courier.watch("arcade", wrapped_ether(arcade))
    courier.note("arcade", leave(arcade, hub, beneficiary, depositor))
    courier.carry("arcade", "hub")
    (late,) = courier.note("arcade", leave(arcade, hub, beneficiary, depositor))
    before, era = balance(arcade.chain, depositor), arcade.era.view("balanceOf", depositor)
    receipt = courier.bring_back(late)
    assert receipt.named("TransferReturned") == [(late.id, depositor, wrapped_ether(arcade).address, AMOUNT)]
    assert wrapped_ether(arcade).view("balanceOf", depositor) == AMOUNT
    assert balance(arcade.chain, depositor) == before
    assert arcade.era.view("balanceOf", depositor) - era == receipt.named("MessageReturned")[0][3] > 0
    check_empty(arcade)


def test_who_gets_it_back_can_be_named(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    courier: Courier,
    depositor: str,
    beneficiary: str,
    successor: str,
) -> None:
    arcade = funded("arcade")
    options = Options(return_to=successor)
    (_, sent) = courier.note("arcade", leave(arcade, stacks["hub"], beneficiary, depositor, options))
    receipt = courier.bring_back(sent)
    assert receipt.named("TransferReturned")[0][1] == successor
    assert wrapped_ether(arcade).view("balanceOf", successor) == AMOUNT


def test_options_go_along(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    courier: Courier,
    depositor: str,
    beneficiary: str,
) -> None:
    """Whose credit would pay is not an option: the door's own holds nothing."""
    arcade = funded("arcade")
    deadline = now(arcade.chain) + 86_400
    options = Options(deadline=deadline, tip=5, ramp=7, extra_gas=11_000, from_balance=False)
    (_, sent) = courier.note("arcade", leave(arcade, stacks["hub"], beneficiary, depositor, options))
    payload = Payload.read(sent.payload)
    assert (payload.deadline, payload.tip, payload.ramp, payload.extra_gas) == (deadline, 5, 7, 11_000)
    assert sent.gas_limit == RECEIVE_GAS + 11_000
    assert sent.deliver_before == deadline


def test_a_contract_hears_of_the_door(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    courier: Courier,
    depositor: str,
    beneficiary: str,
) -> None:
    """P22: of who called the bridge."""
    arcade = funded("arcade")
    options = Options(data=b"to whom it may concern")
    (_, sent) = courier.note("arcade", leave(arcade, stacks["hub"], beneficiary, depositor, options))
    payload = Payload.read(sent.payload)
    assert (payload.sender, payload.data) == (ether_door(arcade).address, options.data)


# What it refuses


@pytest.mark.parametrize("place", ["to", "return_to"])
def test_refuses_to_be_paid_itself(
    stacks: dict[str, Stack], funded: Callable[[str], Stack], depositor: str, beneficiary: str, place: str
) -> None:
    """Nobody could take it out."""
    arcade, hub = funded("arcade"), stacks["hub"]
    door = ether_door(arcade).address
    to, options = (door, PLAIN) if place == "to" else (beneficiary, Options(return_to=door))
    assert refusal(arcade, hub, to, depositor, options) == error("NotForTheDoor")
    leave(arcade, hub, beneficiary, depositor)


def test_refuses_to_send_nothing(
    stacks: dict[str, Stack], funded: Callable[[str], Stack], depositor: str, beneficiary: str
) -> None:
    arcade, hub = funded("arcade"), stacks["hub"]
    assert refusal(arcade, hub, beneficiary, depositor, amount=0) == error("ZeroAmount")
    leave(arcade, hub, beneficiary, depositor, amount=1)


def test_refuses_to_prepay_what_has_one_hop(
    stacks: dict[str, Stack], funded: Callable[[str], Stack], depositor: str, beneficiary: str
) -> None:
    """Ether is at home here: it goes straight."""
    arcade, hub = funded("arcade"), stacks["hub"]
    refused = refusal(arcade, hub, beneficiary, depositor, Options(fee=1))
    assert refused == error("NothingToPrepay")


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_a_bound_on_the_fee_holds(
    stacks: dict[str, Stack], funded: Callable[[str], Stack], depositor: str, beneficiary: str, origin: str
) -> None:
    """M51: to the wei, with the description of the token."""
    here, there = funded(origin), stacks["perps"]
    total = quote(here, there)
    refused = refusal(here, there, beneficiary, depositor, Options(max_fee=total - 1))
    assert refused.data[:4] == error("FeeAboveBound", 0, 0).data[:4]
    leave(here, there, beneficiary, depositor, Options(max_fee=total))


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_takes_no_more_than_it_is_allowed(
    stacks: dict[str, Stack], funded: Callable[[str], Stack], depositor: str, beneficiary: str, origin: str
) -> None:
    here, there = funded(origin), stacks["perps"]
    door, fee = ether_door(here).address, quote(here, there)
    here.era.send("approve", door, fee - 1, sender=depositor)
    refused = error("ERC20InsufficientAllowance", door, fee - 1, fee)
    assert refusal(here, there, beneficiary, depositor) == refused
    here.era.send("approve", door, fee, sender=depositor)
    leave(here, there, beneficiary, depositor)
    assert here.era.view("allowance", depositor, door) == 0


@pytest.mark.parametrize("data", [b"", b"\x12\x34\x56\x78"], ids=["ether alone", "an unknown call"])
def test_refuses_ether_of_anybody(arcade: Stack, depositor: str, data: bytes) -> None:
    door = ether_door(arcade)
    refused = refusal_of(door, 1, depositor, data)
    assert refused == (error("EtherRefused", depositor) if not data else Revert(b""))
    assert call(arcade.chain, door.address, b"", sender=wrapped_ether(arcade).address, value=0) == b""


# Permits


def with_permit(origin: Stack, destination: Stack, to: str, signed: tuple[Any, ...]) -> tuple[Any, ...]:
    """The call, with a permit: amount, deadline, v, r and s."""
    return "send", destination.chain.chain_id, to, PLAIN.fields, signed[2:]


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_one_transaction_is_enough(
    stacks: dict[str, Stack], fund: Fund, depositor: str, beneficiary: str, origin: str
) -> None:
    """The fee is allowed by signature."""
    fund(origin, depositor)
    here, there = stacks[origin], stacks["perps"]
    fee = quote(here, there)
    signed = permit(here.era, DEPOSITOR.account, ether_door(here).address, fee)
    receipt = pay(ether_door(here), AMOUNT, depositor, *with_permit(here, there, beneficiary, signed))
    assert receipt.named("TransferSent")[0][5] == AMOUNT
    assert here.era.view("balanceOf", depositor) == FEES - fee
    check_empty(here)


def test_a_permit_that_somebody_brought_before_is_no_harm(
    stacks: dict[str, Stack], fund: Fund, depositor: str, beneficiary: str, attacker: str
) -> None:
    """The allowance is there then."""
    fund("arcade", depositor)
    here, there = stacks["arcade"], stacks["perps"]
    signed = permit(here.era, DEPOSITOR.account, ether_door(here).address, quote(here, there))
    here.era.send("permit", *signed, sender=attacker)
    pay(ether_door(here), AMOUNT, depositor, *with_permit(here, there, beneficiary, signed))


@pytest.mark.parametrize("fault", ["late", "of another", "too small"])
def test_a_permit_that_does_not_count_allows_nothing(
    stacks: dict[str, Stack], fund: Fund, depositor: str, beneficiary: str, attacker: str, fault: str
) -> None:
    fund("arcade", depositor)
    here, there = stacks["arcade"], stacks["perps"]
    door, fee = ether_door(here), quote(here, there)
    allowed = fee - 1 if fault == "too small" else 0
    deadline = now(here.chain) - 1 if fault == "late" else NEVER
    spender = attacker if fault == "of another" else door.address
    signed = permit(here.era, DEPOSITOR.account, spender, allowed or fee, deadline=deadline)
    refused = refusal_of(door, AMOUNT, depositor, *with_permit(here, there, beneficiary, signed))
    assert refused == error("ERC20InsufficientAllowance", door.address, allowed, fee)


def test_nobody_uses_the_permit_of_another(
    stacks: dict[str, Stack], fund: Fund, depositor: str, attacker: str, beneficiary: str
) -> None:
    """It is the caller's own fees that the door takes."""
    fund("arcade", depositor)
    here, there = stacks["arcade"], stacks["perps"]
    door, fee = ether_door(here), quote(here, there)
    signed = permit(here.era, DEPOSITOR.account, door.address, fee)
    refused = refusal_of(door, AMOUNT, attacker, *with_permit(here, there, beneficiary, signed))
    assert refused == error("ERC20InsufficientAllowance", door.address, 0, fee)


# Who calls


@pytest.mark.parametrize("place", [place_passer, delegate_to_passer], ids=["a contract", "EIP-7702"])
def test_who_calls_pays_and_gets_it_back(
    stacks: dict[str, Stack],
    funded: Callable[[str], Stack],
    fund: Fund,
    courier: Courier,
    depositor: str,
    beneficiary: str,
    place: Callable[..., None],
) -> None:
    """M55: not whose transaction it is, though that has ERA and lets the door take it."""
    arcade, hub = funded("arcade"), stacks["hub"]
    door = ether_door(arcade)
    fund("arcade", WALLET)
    place(arcade.chain, WALLET)
    wallet = Contract(arcade.chain, "EtherDoor", WALLET)
    approve = arcade.era.encode("approve", door.address, MAX)
    pay(wallet, 0, depositor, through(arcade.era.address, approve))
    fee = quote(arcade, hub)
    send = door.encode("send", hub.chain.chain_id, beneficiary, PLAIN.fields)
    receipt = pay(wallet, AMOUNT, depositor, through(door.address, send))
    assert receipt.named("TransferSent")[0][1] == WALLET
    assert arcade.era.view("balanceOf", WALLET) == FEES - fee
    assert arcade.era.view("balanceOf", depositor) == FEES
