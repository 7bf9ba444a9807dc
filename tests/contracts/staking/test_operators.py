"""Operators: registration, keys, own stake, commission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.evm import ZERO_ADDRESS, call, code_of, error, init_code, slot
from tests.kit.paper import DAY
from tests.kit.signatures import DEFECTS
from tests.kit.staking import (
    ENDED,
    ERA,
    FUNDS,
    GATEWAY,
    LEFT,
    LEVERAGE,
    LIABILITY,
    MIN_OWN,
    NONE,
    NOTICE,
    OPEN,
    STREAM,
    Bond,
    attestation_domain,
    matures_at,
    possession_digest,
    signing_key,
)

UNKNOWN = 4_242


# At deployment


def test_describes_itself(bond: Bond, slasher: str, treasury: str) -> None:
    described = {
        "ERA": bond.era.address,
        "SET_BUILDER": bond.builder.address,
        "SLASHER": slasher,
        "TREASURY": treasury,
        "ATTESTATION_DOMAIN": attestation_domain(bond.chain.chain_id, GATEWAY),
        "MIN_OWN": MIN_OWN,
        "SEATS": 5,
    }
    assert {name: bond.staking.view(name) for name in described} == described


def test_fits_the_size_limit_of_contracts(bond: Bond) -> None:
    """EIP-170."""
    for contract in (bond.staking, bond.builder):
        assert 0 < len(code_of(bond.chain, contract.address)) <= 24_576


@pytest.fixture
def construct(bond: Bond, slasher: str, treasury: str, deployer: str) -> Callable[..., Any]:
    """Runs the constructor with some arguments replaced."""

    def construct(**changes: Any) -> Any:
        arguments = {
            "era": bond.era.address,
            "builder": bond.builder.address,
            "slasher": slasher,
            "treasury": treasury,
            "domain": bytes(32),
            "minimum": MIN_OWN,
            "seats": 5,
        }
        code = init_code("Staking", *{**arguments, **changes}.values())
        return call(bond.chain, None, code, sender=deployer)

    return construct


@pytest.mark.parametrize("part", ["era", "builder", "slasher", "treasury"])
def test_is_not_deployed_without(part: str, construct: Callable[..., Any]) -> None:
    assert construct(**{part: ZERO_ADDRESS}) == error("ZeroAddress")
    assert isinstance(construct(), bytes)


def test_is_not_deployed_with_a_minimum_below_one_era(construct: Callable[..., Any]) -> None:
    """Rewards of a single wei of stake would overflow the sums of all."""
    assert construct(minimum=ERA - 1) == error("InvalidMinimum", ERA - 1)
    assert isinstance(construct(minimum=ERA), bytes)


@pytest.mark.parametrize(("refused", "accepted"), [(3, 4), (33, 32)])
def test_is_not_deployed_with_seats_that_no_set_has(
    refused: int, accepted: int, construct: Callable[..., Any]
) -> None:
    assert construct(seats=refused) == error("InvalidSeats", refused)
    assert isinstance(construct(seats=accepted), bytes)


# Registration


def test_registers_a_validator(bond: Bond, operator: str) -> None:
    arguments = bond.registration(operator, 2 * MIN_OWN, commission=500)
    receipt = bond.staking.send("register", *arguments, sender=operator)
    signer = signing_key(1).address
    assert receipt.named("Registered") == [(1, operator, signer, 2 * MIN_OWN, 500)]
    record = bond.validator(1)
    assert (record.stake, record.own, record.signer) == (2 * MIN_OWN, 2 * MIN_OWN, signer)
    assert (record.operator, record.state, record.seat) == (operator, OPEN, 0)
    assert (record.commission, record.next_commission, record.registered_at) == (500, 500, bond.now)
    assert bond.balance(operator) == FUNDS - 2 * MIN_OWN


def test_ids_count_from_one(bond: Bond, operator: str, rival: str) -> None:
    assert [bond.register(operator), bond.register(rival), bond.register(operator)] == [1, 2, 3]
    assert bond.staking.view("validatorCount") == 3
    assert bond.validator(4).state == NONE


def test_ids_never_begin_anew(bond: Bond, operator: str) -> None:
    """The 65,536th validator would be another one's stake."""
    bond.register(operator)
    places = {place for place in range(64) if slot(bond.chain, bond.staking.address, place) & 0xFFFF == 1}
    bond.register(operator)
    (place,) = {place for place in places if slot(bond.chain, bond.staking.address, place) & 0xFFFF == 2}
    word = slot(bond.chain, bond.staking.address, place) | 0xFFFF
    before = bond.chain.snapshot()
    bond.chain.rpc("anvil_setStorageAt", [bond.staking.address, hex(place), f"0x{word:064x}"])
    arguments = bond.registration(operator, key=signing_key("last"))
    assert bond.staking.revert("register", *arguments, sender=operator).is_panic
    bond.chain.restore(before)
    assert bond.register(operator) == 3


def test_refuses_less_than_the_minimum(bond: Bond, operator: str) -> None:
    arguments = bond.registration(operator, MIN_OWN - 1)
    assert bond.staking.revert("register", *arguments, sender=operator) == error(
        "OwnTooLow", MIN_OWN - 1, MIN_OWN
    )
    bond.register(operator, MIN_OWN)


@pytest.mark.parametrize("amount", [2**96 + MIN_OWN, 2**255, 2**256 - 1])
def test_refuses_stake_beyond_its_type(bond: Bond, operator: str, amount: int) -> None:
    assert bond.staking.revert("register", *bond.registration(operator, amount), sender=operator) == error(
        "SafeCastOverflowedUintDowncast", 96, amount
    )


def test_refuses_a_commission_above_all(bond: Bond, operator: str) -> None:
    arguments = bond.registration(operator, commission=10_001)
    assert bond.staking.revert("register", *arguments, sender=operator) == error("InvalidCommission", 10_001)
    bond.register(operator, commission=10_000)


def test_refuses_a_key_that_is_another_validators(bond: Bond, operator: str, rival: str) -> None:
    bond.register(operator)
    arguments = bond.registration(rival, key=signing_key(1))
    taken = error("KeyTaken", signing_key(1).address, 1)
    assert bond.staking.revert("register", *arguments, sender=rival) == taken
    assert bond.register(rival) == 2


def test_refuses_a_key_that_says_it_is_anothers(bond: Bond, operator: str, rival: str) -> None:
    """A signature that was seen in somebody's transaction is worth nothing to others."""
    arguments = bond.registration(operator)
    refusal = error("InvalidPossession", signing_key(1).address)
    assert bond.staking.revert("register", *arguments, sender=rival) == refusal
    bond.staking.send("register", *arguments, sender=operator)


@pytest.mark.parametrize("defect", DEFECTS)
def test_refuses_a_spoilt_possession(bond: Bond, operator: str, defect: str) -> None:
    signer, commission, own, possession = bond.registration(operator)
    spoilt = b"".join(DEFECTS[defect](possession[:32], possession[32:]))
    refusal = error("InvalidPossession", signer)
    arguments = (signer, commission, own, spoilt)
    assert bond.staking.revert("register", *arguments, sender=operator) == refusal


@pytest.mark.parametrize("spoil", [lambda p: b"", lambda p: p[:63], lambda p: p + b"\x00"])
def test_refuses_a_possession_of_another_length(
    bond: Bond, operator: str, spoil: Callable[[bytes], bytes]
) -> None:
    signer, commission, own, possession = bond.registration(operator)
    arguments = (signer, commission, own, spoil(possession))
    assert bond.staking.revert("register", *arguments, sender=operator) == error("InvalidPossession", signer)


def test_refuses_the_zero_key(bond: Bond, operator: str) -> None:
    """Which every malformed signature recovers to."""
    arguments = (ZERO_ADDRESS, 0, MIN_OWN, bytes(64))
    refusal = error("InvalidPossession", ZERO_ADDRESS)
    assert bond.staking.revert("register", *arguments, sender=operator) == refusal


def test_possession_is_of_this_contract(bond: Bond, operator: str) -> None:
    """Another deployment's signature does not count."""
    key = signing_key(1)
    elsewhere = bond.possession(operator, key, staking=bond.builder)
    arguments = (key.address, 0, MIN_OWN, elsewhere)
    refusal = error("InvalidPossession", key.address)
    assert bond.staking.revert("register", *arguments, sender=operator) == refusal
    assert possession_digest(bond.staking, operator, key.address) != possession_digest(
        bond.builder, operator, key.address
    )


# Keys


@pytest.fixture
def rotation(bond: Bond) -> Callable[..., tuple[Any, ...]]:
    """Arguments of `rotateKey`."""

    def rotation(validator: int, operator: str, name: str) -> tuple[Any, ...]:
        key = signing_key(name)
        return validator, key.address, bond.possession(operator, key)

    return rotation


def test_a_key_leads_to_its_validator(bond: Bond, operator: str) -> None:
    bond.register(operator)
    second = bond.register(operator)
    assert bond.staking.view("validatorOf", signing_key(second).address) == second
    stranger = signing_key("stranger").address
    data = bond.staking.encode("validatorOf", stranger)
    assert call(bond.chain, bond.staking.address, data) == error("UnknownKey", stranger)
    assert bond.staking.view("key", stranger) == (0, 0)


def test_rotates_a_key(bond: Bond, operator: str, rotation: Callable[..., tuple[Any, ...]]) -> None:
    validator = bond.register(operator)
    receipt = bond.staking.send("rotateKey", *rotation(validator, operator, "new"), sender=operator)
    old, new = signing_key(validator).address, signing_key("new").address
    assert receipt.named("KeyRotated") == [(validator, old, new)]
    assert bond.validator(validator).signer == new
    assert bond.staking.view("validatorOf", new) == validator
    assert bond.staking.view("key", old) == (validator, bond.now)


def test_a_retired_key_is_liable_for_24_days(
    bond: Bond, operator: str, rotation: Callable[..., tuple[Any, ...]]
) -> None:
    """A leaked old key hurts nobody after that."""
    validator = bond.register(operator)
    old = signing_key(validator).address
    bond.staking.send("rotateKey", *rotation(validator, operator, "new"), sender=operator)
    retired = bond.now
    assert bond.staking.view("validatorOf", old, at=retired + LIABILITY - 1) == validator
    data = bond.staking.encode("validatorOf", old)
    late = call(bond.chain, bond.staking.address, data, at=retired + LIABILITY)
    assert late == error("UnknownKey", old)


def test_a_key_is_its_validators_for_ever(
    bond: Bond, operator: str, rival: str, rotation: Callable[..., tuple[Any, ...]]
) -> None:
    validator = bond.register(operator)
    bond.staking.send("rotateKey", *rotation(validator, operator, "new"), sender=operator)
    bond.travel(2 * LIABILITY)
    old = signing_key(validator)
    taken = error("KeyTaken", old.address, validator)
    back = (validator, old.address, bond.possession(operator, old))
    assert bond.staking.revert("rotateKey", *back, sender=operator) == taken
    arguments = bond.registration(rival, key=old)
    assert bond.staking.revert("register", *arguments, sender=rival) == taken


def test_only_the_operator_rotates(
    bond: Bond, operator: str, rival: str, rotation: Callable[..., tuple[Any, ...]]
) -> None:
    validator = bond.register(operator)
    arguments = rotation(validator, rival, "new")
    refusal = error("NotOperator", validator, rival)
    assert bond.staking.revert("rotateKey", *arguments, sender=rival) == refusal


def test_the_key_of_who_left_can_be_retired_and_that_of_an_ended_not(
    bond: Bond, operator: str, reporter: str, rotation: Callable[..., tuple[Any, ...]]
) -> None:
    first, second, *_ = bond.seat(operator, *[MIN_OWN] * 4)
    bond.staking.send("leave", first, sender=operator)
    bond.staking.send("rotateKey", *rotation(first, operator, "new"), sender=operator)
    bond.accuse(second)
    bond.settle(second, reporter)
    arguments = rotation(second, operator, "newer")
    assert bond.staking.revert("rotateKey", *arguments, sender=operator) == error("WrongState", second, ENDED)


# Own stake


def test_adds_own_stake(bond: Bond, operator: str) -> None:
    validator = bond.register(operator)
    receipt = bond.staking.send("addOwn", validator, 5 * ERA, sender=operator)
    assert receipt.named("OwnAdded") == [(validator, 5 * ERA)]
    record = bond.validator(validator)
    assert record.own == record.stake == MIN_OWN + 5 * ERA


def test_removes_own_stake_with_its_period(bond: Bond, operator: str) -> None:
    validator = bond.register(operator, MIN_OWN + 5 * ERA)
    receipt = bond.staking.send("removeOwn", validator, 2 * ERA, sender=operator)
    bond.staking.send("removeOwn", validator, 3 * ERA, sender=operator)
    assert receipt.named("OwnRemoved") == [(validator, bond.period, 2 * ERA)]
    assert bond.staking.view("exits", validator, bond.period) == (0, 5 * ERA)
    assert bond.validator(validator).own == MIN_OWN


def test_own_stake_is_paid_at_maturity_and_not_a_second_before(
    bond: Bond, operator: str, passer_by: str
) -> None:
    """Also of a validator that never sat: ids are not free."""
    validator = bond.register(operator, MIN_OWN + 5 * ERA)
    bond.staking.send("removeOwn", validator, 5 * ERA, sender=operator)
    period, before = bond.period, bond.balance(operator)
    mature = matures_at(period)
    assert 21 * DAY < mature - bond.now <= 24 * DAY
    early = bond.staking.revert("withdrawOwn", validator, period, sender=passer_by, at=mature - 1)
    assert early == error("TooEarly", mature)
    receipt = bond.staking.send("withdrawOwn", validator, period, sender=passer_by, at=mature)
    assert receipt.named("OwnWithdrawn") == [(validator, period, 5 * ERA, 0)]
    assert bond.balance(operator) == before + 5 * ERA
    again = bond.staking.revert("withdrawOwn", validator, period, sender=passer_by)
    assert again == error("ZeroAmount")


def test_an_open_validator_keeps_the_minimum(bond: Bond, operator: str) -> None:
    validator = bond.register(operator, MIN_OWN + 1)
    low = bond.staking.revert("removeOwn", validator, 2, sender=operator)
    assert low == error("OwnTooLow", MIN_OWN - 1, MIN_OWN)
    bond.staking.send("removeOwn", validator, 1, sender=operator)


def test_an_open_validator_keeps_enough_for_what_is_delegated(
    bond: Bond, operator: str, delegator: str
) -> None:
    validator = bond.register(operator, MIN_OWN + 10 * ERA)
    bond.staking.send("delegate", validator, (LEVERAGE - 1) * MIN_OWN, sender=delegator)
    bond.staking.send("delegate", validator, (LEVERAGE - 1) * 4 * ERA, sender=delegator)
    high = bond.staking.revert("removeOwn", validator, 6 * ERA + 1, sender=operator)
    stake = LEVERAGE * (MIN_OWN + 4 * ERA)
    assert high == error("StakeTooHigh", stake - 1, LEVERAGE * (MIN_OWN + 4 * ERA - 1))
    bond.staking.send("removeOwn", validator, 6 * ERA, sender=operator)


def test_who_left_takes_out_everything(bond: Bond, operator: str, delegator: str) -> None:
    validator = bond.register(operator)
    bond.staking.send("delegate", validator, MIN_OWN, sender=delegator)
    bond.staking.send("leave", validator, sender=operator)
    bond.staking.send("removeOwn", validator, MIN_OWN, sender=operator)
    assert bond.validator(validator)[:1] + bond.validator(validator)[5:6] == (MIN_OWN, 0)


@pytest.mark.parametrize("method", ["addOwn", "removeOwn"])
def test_own_stake_moves_in_amounts(bond: Bond, operator: str, method: str) -> None:
    validator = bond.register(operator, MIN_OWN + 1)
    assert bond.staking.revert(method, validator, 0, sender=operator) == error("ZeroAmount")
    bond.staking.send(method, validator, 1, sender=operator)


def test_refuses_to_remove_more_than_there_is(bond: Bond, operator: str) -> None:
    validator = bond.register(operator)
    refusal = error("NotEnough", MIN_OWN, MIN_OWN + 1)
    assert bond.staking.revert("removeOwn", validator, MIN_OWN + 1, sender=operator) == refusal


@pytest.mark.parametrize("amount", [2**96, 2**128 + 1, 2**256 - MIN_OWN - 1])
def test_refuses_more_than_a_word_holds(bond: Bond, operator: str, delegator: str, amount: int) -> None:
    validator = bond.register(operator)
    bond.staking.send("delegate", validator, 1, sender=delegator)
    for method, sender in (("addOwn", operator), ("removeOwn", operator), ("delegate", delegator)):
        assert bond.staking.revert(method, validator, amount, sender=sender), method
    assert bond.validator(validator).stake == MIN_OWN + 1


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("addOwn", [1]), ("removeOwn", [1]), ("setCommission", [1]), ("join", []), ("leave", [])],
)
def test_only_the_operator_acts_for_a_validator(
    bond: Bond, operator: str, rival: str, method: str, arguments: list[int]
) -> None:
    validator = bond.register(operator, MIN_OWN + 1)
    refusal = error("NotOperator", validator, rival)
    assert bond.staking.revert(method, validator, *arguments, sender=rival) == refusal
    assert bond.staking.revert(method, UNKNOWN, *arguments, sender=rival) == error(
        "NotOperator", UNKNOWN, rival
    )
    bond.staking.send(method, validator, *arguments, sender=operator)


def test_who_left_takes_no_more(bond: Bond, operator: str) -> None:
    validator = bond.register(operator)
    receipt = bond.staking.send("leave", validator, sender=operator)
    assert receipt.named("Left") == [(validator,)]
    assert bond.validator(validator).state == LEFT
    refusal = error("WrongState", validator, LEFT)
    for method, *arguments in (("addOwn", 1), ("join",), ("leave",)):
        assert bond.staking.revert(method, validator, *arguments, sender=operator) == refusal, method


# Commission


def test_a_commission_counts_after_its_notice(bond: Bond, seated: list[int], operator: str) -> None:
    validator = seated[0]
    receipt = bond.staking.send("setCommission", validator, 1_000, sender=operator)
    announced = bond.now
    assert receipt.named("CommissionSet") == [(validator, 1_000, announced + NOTICE)]
    record = bond.validator(validator)
    assert (record.commission, record.next_commission) == (0, 1_000)
    assert record.next_commission_at == announced + NOTICE


def test_refuses_to_announce_a_commission_above_all(bond: Bond, seated: list[int], operator: str) -> None:
    refusal = error("InvalidCommission", 10_001)
    assert bond.staking.revert("setCommission", seated[0], 10_001, sender=operator) == refusal
    bond.staking.send("setCommission", seated[0], 10_000, sender=operator)


@pytest.fixture
def earning(bond: Bond, operator: str, delegator: str) -> int:
    """One seated validator at 10 %, half of whose stake is delegated, and 700 ERA for a week from now."""
    (validator,) = bond.seat(operator, MIN_OWN, commission=1_000)
    bond.staking.send("delegate", validator, MIN_OWN, sender=delegator)
    bond.reward(700 * ERA)
    return validator


def claimable(bond: Bond, delegator: str, validator: int, at: int) -> int:
    return int(bond.staking.view("claimable", delegator, [validator], at=at))


def near(amount: int, expected: int) -> bool:
    """Equal, but for rounding down."""
    return 0 <= expected - amount <= 2


def test_a_raise_never_counts_backwards(
    bond: Bond, earning: int, operator: str, delegator: str, passer_by: str
) -> None:
    """What was earned before somebody notices pays the old commission, however late that is."""
    begun = bond.now
    bond.staking.send("setCommission", earning, 10_000, sender=operator, at=begun)
    bond.reach(begun + STREAM + 3 * DAY)
    bond.staking.send("claim", [earning], delegator, sender=delegator)
    before = bond.balance(delegator)
    assert near(before - FUNDS + MIN_OWN, 315 * ERA)
    assert bond.validator(earning).commission == 10_000
    bond.reward(700 * ERA)
    assert claimable(bond, delegator, earning, bond.now + STREAM) == 0


def test_a_raise_does_not_count_before_its_time(
    bond: Bond, earning: int, operator: str, delegator: str
) -> None:
    begun = bond.now
    bond.staking.send("setCommission", earning, 10_000, sender=operator, at=begun)
    bond.staking.send("claim", [earning], delegator, sender=delegator, at=begun + NOTICE - 1)
    assert bond.validator(earning).commission == 1_000
    bond.staking.send("claim", [earning], delegator, sender=delegator, at=begun + NOTICE)
    assert bond.validator(earning).commission == 10_000


def test_a_lower_commission_counts_from_its_time_on(
    bond: Bond, earning: int, operator: str, delegator: str
) -> None:
    begun = bond.now
    bond.staking.send("setCommission", earning, 0, sender=operator, at=begun)
    bond.staking.send("claim", [earning], delegator, sender=delegator, at=begun + STREAM)
    bond.reward(700 * ERA)
    assert near(claimable(bond, delegator, earning, bond.now + STREAM), 350 * ERA)


def test_another_announcement_replaces_the_one_before(bond: Bond, earning: int, operator: str) -> None:
    bond.staking.send("setCommission", earning, 2_000, sender=operator)
    bond.travel(NOTICE - 10)
    bond.staking.send("setCommission", earning, 3_000, sender=operator)
    announced = bond.now
    record = bond.validator(earning)
    assert (record.commission, record.next_commission) == (1_000, 3_000)
    assert record.next_commission_at == announced + NOTICE


@pytest.mark.parametrize("is_seated", [True, False])
def test_what_was_announced_and_came_due_is_not_forgotten(
    bond: Bond, earning: int, operator: str, is_seated: bool
) -> None:
    """A lower commission cannot be taken back by announcing another, noticed or not, seated or not."""
    validator = earning if is_seated else bond.register(operator, commission=5_000)
    bond.staking.send("setCommission", validator, 100, sender=operator)
    bond.travel(NOTICE)
    bond.staking.send("setCommission", validator, 4_000, sender=operator)
    assert bond.validator(validator).commission == 100


def test_a_due_commission_counts_from_the_seat_on(bond: Bond, operator: str) -> None:
    validator = bond.register(operator, commission=5_000)
    bond.staking.send("setCommission", validator, 100, sender=operator)
    bond.travel(NOTICE)
    bond.staking.send("join", validator, sender=operator)
    assert bond.validator(validator).commission == 100
