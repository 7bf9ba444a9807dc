"""Delegated stake: how it comes, leaves, comes back, and when it is paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.kit.evm import Contract, deploy, error
from tests.kit.paper import DAY
from tests.kit.staking import (
    ENDED,
    ERA,
    FUNDS,
    LEFT,
    LEVERAGE,
    LIABILITY,
    MIN_OWN,
    NONE,
    PERIOD,
    Bond,
    matures_at,
    rebonds_at,
)

AMOUNT = 1_000 * ERA
UNKNOWN = 4_242
NEVER = 2**256 - 1
SIGNATORY = Account.from_key(keccak(text="who signs permits"))


@pytest.fixture
def validator(seated: list[int]) -> int:
    return seated[0]


@pytest.fixture
def delegated(bond: Bond, validator: int, delegator: str) -> int:
    """The validator, to which the delegator has delegated."""
    bond.staking.send("delegate", validator, AMOUNT, sender=delegator)
    return validator


# Delegating


def test_delegates(bond: Bond, validator: int, delegator: str) -> None:
    receipt = bond.staking.send("delegate", validator, AMOUNT, sender=delegator)
    assert receipt.named("Delegated") == [(validator, delegator, AMOUNT)]
    assert bond.units(delegator, validator) == bond.held(delegator) == AMOUNT
    assert bond.validator(validator).stake == MIN_OWN + AMOUNT
    assert bond.balance(delegator) == FUNDS - AMOUNT


def test_stake_is_counted_in_wei(bond: Bond, validator: int, delegator: str, other_delegator: str) -> None:
    """M22: one wei and a donation take nothing from who comes next."""
    bond.staking.send("delegate", validator, 1, sender=other_delegator)
    bond.era.send("transfer", bond.staking.address, 10_000 * ERA, sender=other_delegator)
    bond.staking.send("delegate", validator, AMOUNT, sender=delegator)
    assert bond.units(delegator, validator) == AMOUNT
    bond.staking.send("undelegate", validator, AMOUNT, sender=delegator)
    assert bond.staking.view("unbonding", delegator, validator, bond.period) == AMOUNT


def test_refuses_to_delegate_nothing(bond: Bond, delegated: int, delegator: str) -> None:
    for method in ("delegate", "undelegate"):
        assert bond.staking.revert(method, delegated, 0, sender=delegator) == error("ZeroAmount"), method


def test_delegates_up_to_twenty_times_the_own_stake(bond: Bond, validator: int, delegator: str) -> None:
    maximum = LEVERAGE * MIN_OWN
    most = maximum - MIN_OWN
    refusal = error("StakeTooHigh", maximum + 1, maximum)
    assert bond.staking.revert("delegate", validator, most + 1, sender=delegator) == refusal
    bond.staking.send("delegate", validator, most, sender=delegator)
    assert bond.staking.revert("delegate", validator, 1, sender=delegator) == refusal


def test_delegates_to_open_validators_only(
    bond: Bond, seated: list[int], operator: str, delegator: str, reporter: str
) -> None:
    left, ended, accused, sound = seated
    bond.staking.send("leave", left, sender=operator)
    bond.accuse(ended)
    bond.settle(ended, reporter)
    bond.accuse(accused)
    refusals = {
        left: error("WrongState", left, LEFT),
        ended: error("WrongState", ended, ENDED),
        UNKNOWN: error("WrongState", UNKNOWN, NONE),
        accused: error("ValidatorAccused", accused),
    }
    for validator, refusal in refusals.items():
        assert bond.staking.revert("delegate", validator, AMOUNT, sender=delegator) == refusal
    bond.staking.send("delegate", sound, AMOUNT, sender=delegator)


def test_needs_an_allowance(bond: Bond, validator: int, recipient: str) -> None:
    bond.era.send("transfer", recipient, AMOUNT, sender=bond.treasury)
    refusal = error("ERC20InsufficientAllowance", bond.staking.address, 0, AMOUNT)
    assert bond.staking.revert("delegate", validator, AMOUNT, sender=recipient) == refusal
    bond.endow(recipient, 0)
    bond.staking.send("delegate", validator, AMOUNT, sender=recipient)


# Taking back


def test_undelegates_with_its_period(bond: Bond, delegated: int, delegator: str) -> None:
    receipt = bond.staking.send("undelegate", delegated, 300 * ERA, sender=delegator)
    assert receipt.named("Undelegated") == [(delegated, delegator, bond.period, 300 * ERA)]
    assert bond.staking.view("unbonding", delegator, delegated, bond.period) == 300 * ERA
    assert bond.staking.view("exits", delegated, bond.period) == (300 * ERA, 0)
    assert bond.units(delegator, delegated) == AMOUNT - 300 * ERA
    assert bond.held(delegator) == AMOUNT


def test_exits_of_a_period_are_one(bond: Bond, delegated: int, delegator: str, other_delegator: str) -> None:
    bond.staking.send("delegate", delegated, AMOUNT, sender=other_delegator)
    bond.staking.send("undelegate", delegated, 100 * ERA, sender=delegator)
    bond.travel(2 * DAY)
    bond.staking.send("undelegate", delegated, 200 * ERA, sender=delegator)
    bond.staking.send("undelegate", delegated, 400 * ERA, sender=other_delegator)
    period = bond.period
    assert bond.staking.view("unbonding", delegator, delegated, period) == 300 * ERA
    assert bond.staking.view("unbonding", other_delegator, delegated, period) == 400 * ERA
    assert bond.staking.view("exits", delegated, period) == (700 * ERA, 0)
    bond.travel(DAY)
    bond.staking.send("undelegate", delegated, 1, sender=delegator)
    assert bond.staking.view("unbonding", delegator, delegated, period + 1) == 1


def test_refuses_to_take_back_more_than_was_delegated(
    bond: Bond, delegated: int, delegator: str, other_delegator: str
) -> None:
    refusal = error("NotEnough", AMOUNT, AMOUNT + 1)
    assert bond.staking.revert("undelegate", delegated, AMOUNT + 1, sender=delegator) == refusal
    nothing = error("NotEnough", 0, 1)
    assert bond.staking.revert("undelegate", delegated, 1, sender=other_delegator) == nothing
    assert bond.staking.revert("undelegate", UNKNOWN, 1, sender=delegator) == nothing


@pytest.mark.parametrize("second", ["first", "last"])
def test_an_exit_is_paid_at_maturity_and_not_a_second_before(
    bond: Bond, delegated: int, delegator: str, passer_by: str, second: str
) -> None:
    """At (period + 8) * 3 days, in whichever second of the period it began."""
    beginning = (bond.period + 1) * PERIOD
    leaves = beginning if second == "first" else beginning + PERIOD - 1
    bond.staking.send("undelegate", delegated, AMOUNT, sender=delegator, at=leaves)
    period, mature = beginning // PERIOD, beginning + LIABILITY
    assert mature == matures_at(period)
    arguments = (delegator, delegated, period)
    early = bond.staking.revert("withdraw", *arguments, sender=passer_by, at=mature - 1)
    assert early == error("TooEarly", mature)
    receipt = bond.staking.send("withdraw", *arguments, sender=passer_by, at=mature)
    assert receipt.named("Withdrawn") == [(delegated, delegator, period, AMOUNT, 0)]
    assert bond.balance(delegator) == FUNDS
    assert bond.held(delegator) == 0
    assert bond.staking.revert("withdraw", *arguments, sender=passer_by) == error("ZeroAmount")


def test_refuses_to_withdraw_what_never_left(bond: Bond, delegated: int, delegator: str) -> None:
    """Also for periods that no clock reaches."""
    for period in (bond.period, 0, NEVER):
        for method, who in (("withdraw", [delegator]), ("withdrawOwn", [])):
            refusal = bond.staking.revert(method, *who, delegated, period, sender=delegator)
            assert refusal == error("ZeroAmount")


def test_nobody_delegates_for_another(
    bond: Bond, delegated: int, delegator: str, other_delegator: str
) -> None:
    """M34: a stranger's wei reaches nobody's position, rewards or exits."""
    before = bond.staking.view("position", delegator, delegated)
    bond.staking.send("delegate", delegated, 1, sender=other_delegator)
    bond.staking.send("undelegate", delegated, 1, sender=other_delegator)
    assert bond.staking.view("position", delegator, delegated) == before
    assert bond.staking.view("unbonding", delegator, delegated, bond.period) == 0


# Coming back


def test_rebonds_what_was_leaving(bond: Bond, delegated: int, delegator: str) -> None:
    bond.staking.send("undelegate", delegated, 500 * ERA, sender=delegator)
    period = bond.period
    bond.reach(rebonds_at(period))
    receipt = bond.staking.send("rebond", delegated, period, 200 * ERA, sender=delegator)
    assert receipt.named("Rebonded") == [(delegated, delegator, period, 200 * ERA)]
    assert bond.units(delegator, delegated) == AMOUNT - 300 * ERA
    assert bond.staking.view("unbonding", delegator, delegated, period) == 300 * ERA
    assert bond.staking.view("exits", delegated, period) == (300 * ERA, 0)
    assert bond.held(delegator) == AMOUNT


@pytest.mark.parametrize("left", ["first", "last"])
def test_rebonds_from_the_end_of_the_next_period_on(
    bond: Bond, delegated: int, delegator: str, left: str
) -> None:
    """Not a second before, whenever in its period it left. Nobody takes stake out of a set for a moment."""
    period = bond.period + 1
    at = period * PERIOD if left == "first" else (period + 1) * PERIOD - 1
    bond.staking.send("undelegate", delegated, AMOUNT, sender=delegator, at=at)
    earliest = rebonds_at(period)
    arguments = (delegated, period, AMOUNT)
    for early in (at + 1, earliest - 1):
        refused = bond.staking.revert("rebond", *arguments, sender=delegator, at=early)
        assert refused == error("TooEarly", earliest)
    bond.staking.send("rebond", *arguments, sender=delegator, at=earliest)
    assert bond.units(delegator, delegated) == AMOUNT


def test_rebonds_what_has_matured(bond: Bond, delegated: int, delegator: str) -> None:
    bond.staking.send("undelegate", delegated, AMOUNT, sender=delegator)
    period = bond.period
    bond.travel(LIABILITY)
    bond.staking.send("rebond", delegated, period, AMOUNT, sender=delegator)
    assert bond.units(delegator, delegated) == AMOUNT


def test_refuses_to_rebond_more_than_leaves(
    bond: Bond, delegated: int, delegator: str, other_delegator: str
) -> None:
    bond.staking.send("undelegate", delegated, 500 * ERA, sender=delegator)
    period = bond.period
    bond.reach(rebonds_at(period))
    arguments = (delegated, period, 500 * ERA)
    more = (delegated, period, 500 * ERA + 1)
    refusal = error("NotEnough", 500 * ERA, 500 * ERA + 1)
    assert bond.staking.revert("rebond", *more, sender=delegator) == refusal
    others = error("NotEnough", 0, 500 * ERA)
    assert bond.staking.revert("rebond", *arguments, sender=other_delegator) == others
    nothing = bond.staking.revert("rebond", delegated, period, 0, sender=delegator)
    assert nothing == error("ZeroAmount")
    bond.staking.send("rebond", *arguments, sender=delegator)


def test_refuses_to_rebond_to_who_is_accused_or_left(
    bond: Bond, seated: list[int], operator: str, delegator: str
) -> None:
    accused, left, *_ = seated
    for validator in (accused, left):
        bond.staking.send("delegate", validator, AMOUNT, sender=delegator)
        bond.staking.send("undelegate", validator, AMOUNT, sender=delegator)
    period = bond.period
    bond.accuse(accused)
    bond.staking.send("leave", left, sender=operator)
    bond.reach(rebonds_at(period))
    refusals = {accused: error("ValidatorAccused", accused), left: error("WrongState", left, LEFT)}
    for validator, refusal in refusals.items():
        arguments = (validator, period, AMOUNT)
        assert bond.staking.revert("rebond", *arguments, sender=delegator) == refusal
    bond.staking.send("unfreeze", accused, sender=bond.slasher)
    bond.staking.send("rebond", accused, period, AMOUNT, sender=delegator)


def test_refuses_to_rebond_above_the_leverage(
    bond: Bond, validator: int, delegator: str, other_delegator: str
) -> None:
    most = (LEVERAGE - 1) * MIN_OWN
    bond.staking.send("delegate", validator, most, sender=delegator)
    bond.staking.send("undelegate", validator, AMOUNT, sender=delegator)
    bond.staking.send("delegate", validator, 1, sender=other_delegator)
    arguments = (validator, bond.period)
    bond.reach(rebonds_at(bond.period))
    refusal = error("StakeTooHigh", LEVERAGE * MIN_OWN + 1, LEVERAGE * MIN_OWN)
    assert bond.staking.revert("rebond", *arguments, AMOUNT, sender=delegator) == refusal
    bond.staking.send("rebond", *arguments, AMOUNT - 1, sender=delegator)


# Leaving at once


def test_leaves_at_once_who_never_sat(bond: Bond, operator: str, delegator: str) -> None:
    validator = bond.register(operator)
    bond.staking.send("delegate", validator, AMOUNT, sender=delegator)
    receipt = bond.staking.send("undelegate", validator, AMOUNT, sender=delegator)
    assert receipt.named("Released") == [(validator, delegator, AMOUNT, 0)]
    assert bond.balance(delegator) == FUNDS
    assert bond.held(delegator) == 0


@pytest.mark.parametrize("how", ["leaves", "is evicted", "is silent"])
def test_leaves_at_once_24_days_after_a_seat_and_not_a_second_before(
    bond: Bond, delegated: int, operator: str, rival: str, delegator: str, how: str
) -> None:
    if how == "leaves":
        bond.staking.send("leave", delegated, sender=operator)
    elif how == "is evicted":
        bond.seat(rival, *[2 * MIN_OWN] * 5)
    else:
        bond.travel(9 * DAY)
        bond.staking.send("vacate", delegated, sender=rival)
    unseated = bond.validator(delegated).unseated_at
    assert unseated
    free = unseated + LIABILITY
    early = bond.staking.send("undelegate", delegated, 1, sender=delegator, at=free - 1)
    assert early.named("Undelegated")
    late = bond.staking.send("undelegate", delegated, AMOUNT - 1, sender=delegator, at=free)
    assert late.named("Released") == [(delegated, delegator, AMOUNT - 1, 0)]


def test_does_not_leave_a_seat_at_once(bond: Bond, delegated: int, delegator: str) -> None:
    bond.travel(2 * LIABILITY)
    receipt = bond.staking.send("undelegate", delegated, AMOUNT, sender=delegator)
    assert receipt.named("Undelegated")
    assert not receipt.named("Released")


def test_borrowed_stake_that_takes_a_seat_cannot_be_given_back(
    bond: Bond, seated: list[int], rival: str
) -> None:
    """M23: register, delegate, evict, leave and undelegate in one transaction."""
    validator = bond.staking.view("validatorCount") + 1
    calls = [
        ("register", *bond.registration(rival)),
        ("delegate", validator, 10 * MIN_OWN),
        ("join", validator),
        ("leave", validator),
        ("undelegate", validator, 10 * MIN_OWN),
        ("removeOwn", validator, MIN_OWN),
    ]
    data = [bond.staking.encode(*call) for call in calls]
    bond.staking.send("multicall", data, sender=rival)
    assert bond.balance(rival) == FUNDS - 11 * MIN_OWN
    assert bond.staking.view("unbonding", rival, validator, bond.period) == 10 * MIN_OWN
    refusal = bond.staking.revert("withdraw", rival, validator, bond.period, sender=rival)
    assert refusal == error("TooEarly", matures_at(bond.period))


# Several calls, and permits


@pytest.fixture
def permit(bond: Bond) -> Callable[..., tuple[int, int, int, bytes, bytes]]:
    """Arguments of `permit`: the signatory lets Staking take an amount."""

    def permit(amount: int, nonce: int = 0) -> tuple[int, int, int, bytes, bytes]:
        names = {"owner": "address", "spender": "address", "value": "uint256"}
        types = {**names, "nonce": "uint256", "deadline": "uint256"}
        signed = SIGNATORY.sign_typed_data(
            domain_data={
                "name": "ERA",
                "version": "1",
                "chainId": bond.chain.chain_id,
                "verifyingContract": bond.era.address,
            },
            message_types={"Permit": [{"name": name, "type": kind} for name, kind in types.items()]},
            message_data={
                "owner": SIGNATORY.address,
                "spender": bond.staking.address,
                "value": amount,
                "nonce": nonce,
                "deadline": NEVER,
            },
        )
        return amount, NEVER, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")

    return permit


@pytest.fixture
def signatory(bond: Bond) -> str:
    """Has ERA and approved nothing."""
    bond.era.send("transfer", SIGNATORY.address, AMOUNT, sender=bond.treasury)
    return bond.impersonate(SIGNATORY.address)


def calls(staking: Contract, *wanted: tuple[object, ...]) -> list[bytes]:
    return [staking.encode(str(method), *arguments) for method, *arguments in wanted]


def test_delegates_with_a_permit_in_one_transaction(
    bond: Bond, validator: int, signatory: str, permit: Callable[..., tuple[object, ...]]
) -> None:
    data = calls(bond.staking, ("permit", *permit(AMOUNT)), ("delegate", validator, AMOUNT))
    bond.staking.send("multicall", data, sender=signatory)
    assert bond.units(signatory, validator) == AMOUNT
    assert bond.era.view("allowance", signatory, bond.staking.address) == 0


def test_a_permit_that_was_used_by_another_stops_nothing(
    bond: Bond, validator: int, signatory: str, passer_by: str, permit: Callable[..., tuple[object, ...]]
) -> None:
    signed = permit(AMOUNT)
    arguments = (signatory, bond.staking.address, *signed)
    bond.era.send("permit", *arguments, sender=passer_by)
    data = calls(bond.staking, ("permit", *signed), ("delegate", validator, AMOUNT))
    bond.staking.send("multicall", data, sender=signatory)
    assert bond.units(signatory, validator) == AMOUNT


def test_nobody_stakes_with_anothers_permit(
    bond: Bond, validator: int, signatory: str, passer_by: str, permit: Callable[..., tuple[object, ...]]
) -> None:
    """A permit lets Staking take ERA of its signer for the signer, whoever brings it."""
    data = calls(bond.staking, ("permit", *permit(AMOUNT)), ("delegate", validator, AMOUNT))
    refusal = error("ERC20InsufficientAllowance", bond.staking.address, 0, AMOUNT)
    assert bond.staking.revert("multicall", data, sender=passer_by) == refusal
    bond.era.send("permit", signatory, bond.staking.address, *permit(AMOUNT), sender=passer_by)
    assert bond.staking.revert("delegate", validator, AMOUNT, sender=passer_by) == refusal
    assert bond.balance(signatory) == AMOUNT


def test_several_calls_are_the_callers(bond: Bond, validator: int, operator: str, attacker: str) -> None:
    data = calls(bond.staking, ("fund",), ("removeOwn", validator, 1))
    refusal = error("NotOperator", validator, attacker)
    assert bond.staking.revert("multicall", data, sender=attacker) == refusal
    bond.staking.send("multicall", calls(bond.staking, ("addOwn", validator, 1)), sender=operator)


def test_registers_and_joins_in_one_transaction(bond: Bond, operator: str) -> None:
    data = calls(bond.staking, ("register", *bond.registration(operator)), ("join", 1))
    bond.staking.send("multicall", data, sender=operator)
    assert bond.staking.view("seats") == (1,)


def test_takes_no_ether(bond: Bond, operator: str) -> None:
    wanted: list[tuple[Any, ...]] = [("multicall", []), ("fund",)]
    for method, *arguments in wanted:
        refused = bond.staking.revert(method, *arguments, sender=operator, value=1)
        assert refused.data == b""
        bond.staking.send(method, *arguments, sender=operator)


# Contracts as accounts


def test_a_contract_may_stake(bond: Bond, validator: int, deployer: str) -> None:
    """And is not called when it is paid: this one would revert."""
    silent = deploy(bond.chain, "ERA", 0, "0x" + "b1" * 20, deployer, [], sender=deployer).address
    bond.impersonate(silent)
    bond.endow(silent, AMOUNT)
    bond.staking.send("delegate", validator, AMOUNT, sender=silent)
    bond.staking.send("undelegate", validator, AMOUNT, sender=silent)
    period = bond.period
    bond.travel(LIABILITY)
    bond.staking.send("withdraw", silent, validator, period, sender=deployer)
    assert bond.balance(silent) == AMOUNT
