"""Slashes: what a case holds, what a settlement takes, and from whom."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.kit.evm import error
from tests.kit.paper import DAY
from tests.kit.staking import (
    ENDED,
    ERA,
    LIABILITY,
    MIN_OWN,
    NONE,
    PERIOD,
    SETTLES,
    WEEK,
    Bond,
    matures_at,
    signing_key,
)

UNKNOWN = 4_242
POOL = 10 * MIN_OWN
WHOLE = 10_000
LEAST = 500


@pytest.fixture
def ten(bond: Bond, deployer: str, operator: str) -> tuple[Bond, list[int]]:
    """Another Staking, of 32 seats, with ten equal validators on them. Checked like the first."""
    large = Bond.found(
        bond.chain,
        treasury=bond.treasury,
        slasher=bond.slasher,
        deployer=deployer,
        gateway=bond.gateway,
        seats=32,
    )
    large.endow(operator, 32 * MIN_OWN)
    return large, large.seat(operator, *[MIN_OWN] * 10)


@pytest.fixture
def pool(bond: Bond, operator: str, delegator: str, other_delegator: str) -> int:
    """The last of five equal validators: ten times its own stake is delegated, a quarter of it by another."""
    *_, validator = bond.seat(operator, *[11 * MIN_OWN] * 4, MIN_OWN)
    bond.staking.send("delegate", validator, POOL * 3 // 4, sender=delegator)
    bond.staking.send("delegate", validator, POOL // 4, sender=other_delegator)
    return validator


def ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


# Who may


@pytest.mark.parametrize("caller", ["operator", "treasury", "deployer", "attacker"])
def test_only_the_slasher_accuses_and_settles(
    bond: Bond, seated: list[int], caller: str, reporter: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    refusal = error("NotSlasher", account)
    for method, arguments in (("freeze", [True]), ("unfreeze", []), ("settle", [reporter, bond.now])):
        assert bond.staking.revert(method, seated[0], *arguments, sender=account) == refusal, method


# Opening


def test_a_case_freezes_and_unseats(bond: Bond, pool: int) -> None:
    receipt = bond.staking.send("freeze", pool, True, sender=bond.slasher)
    assert receipt.named("Frozen") == [(pool, MIN_OWN, POOL)]
    assert receipt.named("Unseated") == [(pool,)]
    record = bond.validator(pool)
    assert (record.open_cases, record.frozen_since, record.seat) == (1, bond.now, 0)
    assert (record.own_slashable, record.slashable) == (MIN_OWN, POOL)


def test_before_the_first_set_what_is_seated_is_read_before_unseating(bond: Bond, pool: int) -> None:
    """S6: nothing else is known then."""
    seated = bond.staking.view("seatedStake")
    bond.accuse(pool)
    assert bond.staking.view("accusedIn", bond.now // WEEK) == (11 * MIN_OWN, seated, bond.now)


def test_what_the_newest_set_weighs_decides_not_what_is_seated(
    bond: Bond, pool: int, delegator: str, operator: str
) -> None:
    """S6: whoever comes or goes after it was published. Where one is capped, the set weighs less than is seated."""
    others = [id_ for id_ in bond.staking.view("seats") if id_ != pool]
    bond.staking.send("addOwn", others[0], 99 * MIN_OWN, sender=operator)
    published = bond.snapshot()
    weight = bond.staking.view("setWeight")
    assert weight == sum(of_one for _, of_one in published.members) < bond.staking.view("seatedStake")
    bond.staking.send("undelegate", pool, POOL // 2, sender=delegator)
    bond.staking.send("leave", others[1], sender=operator)
    bond.accuse(pool)
    assert bond.staking.view("accusedIn", bond.now // WEEK) == (11 * MIN_OWN, weight, bond.now)


def test_the_first_accusation_of_a_week_decides_what_sets_weigh(
    ten: tuple[Bond, list[int]], delegator: str
) -> None:
    """S6: not a set that an accomplice publishes after it, heavier or lighter, and confesses under."""
    bond, (first, second, third, *_) = ten
    bond.endow(delegator, 5 * MIN_OWN)
    bond.reach((bond.now // WEEK + 1) * WEEK)
    week = bond.now // WEEK
    bond.snapshot()
    opened = bond.accuse(first)
    assert bond.staking.view("accusedIn", week) == (MIN_OWN, 10 * MIN_OWN, opened)
    bond.staking.send("delegate", third, 5 * MIN_OWN, sender=delegator)
    heavier = sum(weight for _, weight in bond.snapshot().members)
    assert heavier > 10 * MIN_OWN
    bond.accuse(first)
    latest = bond.accuse(second)
    assert bond.staking.view("accusedIn", week) == (2 * MIN_OWN, 10 * MIN_OWN, latest)
    bond.reach((week + 1) * WEEK)
    bond.accuse(first)
    assert bond.staking.view("accusedIn", week + 1) == (0, heavier, 0)
    bond.check()


def test_a_weak_case_leaves_the_seat(bond: Bond, pool: int) -> None:
    bond.accuse(pool, unseat=False)
    assert bond.validator(pool).seat == 5
    bond.accuse(pool)
    assert bond.validator(pool).seat == 0


def test_stake_on_its_way_out_can_be_slashed(bond: Bond, pool: int, operator: str, delegator: str) -> None:
    """M29: as much as leaving could have hidden; what has matured cannot."""
    bond.staking.send("addOwn", pool, 8 * ERA, sender=operator)
    left = bond.period
    for _ in range(8):
        bond.staking.send("undelegate", pool, ERA, sender=delegator)
        bond.staking.send("removeOwn", pool, ERA // 2, sender=operator)
        bond.travel(PERIOD)
    receipt = bond.staking.send("freeze", pool, True, sender=bond.slasher, at=matures_at(left + 1))
    assert receipt.named("Frozen") == [(pool, MIN_OWN + 8 * ERA - ERA, POOL - 2 * ERA)]


def test_nobody_is_accused_twice_for_one_stake(bond: Bond, pool: int) -> None:
    """S6: five reports of one accident are one accident."""
    for _ in range(5):
        bond.accuse(pool)
    assert bond.staking.view("accusedIn", bond.now // WEEK)[0] == 11 * MIN_OWN
    assert bond.validator(pool).open_cases == 5


def test_refuses_cases_against_who_is_not_liable(
    bond: Bond, seated: list[int], operator: str, reporter: str
) -> None:
    """Who never sat, left its seat 24 days ago, ended, or does not exist."""
    never, (left, ended, sound, _) = bond.register(operator), seated
    bond.staking.send("leave", left, sender=operator)
    free = bond.now + LIABILITY
    bond.accuse(ended)
    bond.settle(ended, reporter, at=bond.now)
    refusals = {
        never: error("NotLiable", never),
        left: error("NotLiable", left),
        ended: error("WrongState", ended, ENDED),
        UNKNOWN: error("WrongState", UNKNOWN, NONE),
    }
    for validator, refusal in refusals.items():
        refused = bond.staking.revert("freeze", validator, True, sender=bond.slasher, at=free)
        assert refused == refusal
    bond.staking.send("freeze", left, True, sender=bond.slasher, at=free - 1)
    bond.staking.send("freeze", sound, True, sender=bond.slasher, at=free)


def test_accused_stake_leaves_but_not_at_once(
    bond: Bond, seated: list[int], operator: str, delegator: str
) -> None:
    """Also when the seat was lost 24 days ago meanwhile."""
    validator = seated[0]
    bond.staking.send("delegate", validator, 2 * ERA, sender=delegator)
    bond.accuse(validator)
    bond.staking.send("leave", validator, sender=operator)
    bond.staking.send("removeOwn", validator, MIN_OWN, sender=operator)
    bond.travel(LIABILITY + DAY)
    receipt = bond.staking.send("undelegate", validator, ERA, sender=delegator)
    assert receipt.named("Undelegated")
    assert not receipt.named("Released")


def test_accused_validators_take_no_stake(bond: Bond, seated: list[int], operator: str) -> None:
    bond.accuse(seated[0], unseat=False)
    refusal = error("ValidatorAccused", seated[0])
    assert bond.staking.revert("addOwn", seated[0], ERA, sender=operator) == refusal
    bond.staking.send("addOwn", seated[1], ERA, sender=operator)


# The cut-off


@pytest.mark.parametrize("late", [0, 1])
def test_an_exit_that_matures_with_the_case_is_free_and_a_second_later_is_held(
    bond: Bond, pool: int, delegator: str, passer_by: str, late: int
) -> None:
    """S4, M29: exact to the second."""
    bond.staking.send("undelegate", pool, POOL // 2, sender=delegator)
    period = bond.period
    bond.accuse(pool, at=matures_at(period) - late)
    arguments = (delegator, pool, period)
    if late:
        held = bond.staking.revert("withdraw", *arguments, sender=passer_by, at=bond.now + SETTLES)
        assert held == error("ExitHeld", pool, period)
    else:
        receipt = bond.staking.send("withdraw", *arguments, sender=passer_by)
        assert receipt.named("Withdrawn") == [(pool, delegator, period, POOL // 2, 0)]


@pytest.mark.parametrize("late", [0, 1])
def test_the_same_of_own_stake(bond: Bond, pool: int, operator: str, passer_by: str, late: int) -> None:
    """S4."""
    bond.staking.send("addOwn", pool, ERA, sender=operator)
    bond.staking.send("removeOwn", pool, ERA, sender=operator)
    period = bond.period
    bond.accuse(pool, at=matures_at(period) - late)
    if late:
        held = bond.staking.revert("withdrawOwn", pool, period, sender=passer_by, at=bond.now + SETTLES)
        assert held == error("ExitHeld", pool, period)
    else:
        receipt = bond.staking.send("withdrawOwn", pool, period, sender=passer_by)
        assert receipt.named("OwnWithdrawn") == [(pool, period, ERA, 0)]


def test_what_matured_before_the_case_stays_free_after_the_slash(
    bond: Bond, pool: int, delegator: str, reporter: str, passer_by: str
) -> None:
    """S4: whenever it is fetched."""
    bond.staking.send("undelegate", pool, POOL // 2, sender=delegator)
    period = bond.period
    bond.accuse(pool, at=matures_at(period))
    bond.settle(pool, reporter)
    receipt = bond.staking.send("withdraw", delegator, pool, period, sender=passer_by)
    assert receipt.named("Withdrawn") == [(pool, delegator, period, POOL // 2, 0)]


def test_the_first_open_case_is_the_cut_off(
    bond: Bond, pool: int, delegator: str, reporter: str, passer_by: str
) -> None:
    """S4: not the settlement, nor a later case."""
    bond.staking.send("undelegate", pool, POOL // 2, sender=delegator)
    period = bond.period
    bond.accuse(pool, at=matures_at(period) - 1)
    bond.accuse(pool, at=matures_at(period) + DAY)
    bond.settle(pool, reporter)
    receipt = bond.staking.send("withdraw", delegator, pool, period, sender=passer_by)
    assert receipt.named("Withdrawn")[0][4] > 0


# Dismissal


def test_a_dismissed_case_leaves_no_trace(
    bond: Bond, pool: int, operator: str, delegator: str, passer_by: str
) -> None:
    """S4, S6: what was held is paid, stake is taken again, and nobody else's slash counts it."""
    bond.staking.send("undelegate", pool, ERA, sender=delegator)
    period, week = bond.period, bond.now // WEEK
    bond.accuse(pool)
    bond.accuse(pool)
    bond.staking.send("unfreeze", pool, sender=bond.slasher)
    bond.travel(LIABILITY)
    held = bond.staking.revert("withdraw", delegator, pool, period, sender=passer_by)
    assert held == error("ExitHeld", pool, period)
    receipt = bond.staking.send("unfreeze", pool, sender=bond.slasher)
    assert receipt.named("Unfrozen") == [(pool,)]
    assert bond.staking.view("accusedIn", week)[0] == 0
    bond.staking.send("withdraw", delegator, pool, period, sender=passer_by)
    bond.staking.send("addOwn", pool, ERA, sender=operator)
    bond.staking.send("join", pool, sender=operator)


def test_cannot_dismiss_what_is_not_open(bond: Bond, pool: int) -> None:
    assert bond.staking.revert("unfreeze", pool, sender=bond.slasher).is_panic
    bond.accuse(pool)
    bond.staking.send("unfreeze", pool, sender=bond.slasher)
    assert bond.staking.revert("unfreeze", pool, sender=bond.slasher).is_panic


def test_a_dismissal_after_the_slash_changes_nothing(bond: Bond, pool: int, reporter: str) -> None:
    """S6: who was convicted counts for others, however many cases are dismissed."""
    bond.accuse(pool)
    bond.accuse(pool)
    week = bond.now // WEEK
    bond.settle(pool, reporter)
    before = bond.validator(pool), bond.staking.view("accusedIn", week)
    for _ in range(3):
        bond.staking.send("unfreeze", pool, sender=bond.slasher)
    assert (bond.validator(pool), bond.staking.view("accusedIn", week)) == before


# The fraction


@pytest.mark.parametrize(("guilty", "fraction"), [(1, 900), (2, 3_600), (3, 8_100), (4, WHOLE), (7, WHOLE)])
def test_the_fraction_grows_with_the_square_of_what_is_accused(
    ten: tuple[Bond, list[int]], reporter: str, guilty: int, fraction: int
) -> None:
    """S6: of ten equal validators; each of the guilty loses the same."""
    bond, ids = ten
    bond.accuse(*ids[:guilty])
    for validator in ids[:guilty]:
        settled = bond.settle(validator, reporter, at=bond.now + SETTLES // guilty).named("Settled")
        assert settled == [(validator, reporter, fraction, MIN_OWN * fraction // WHOLE, 0)]
    bond.check()


def test_a_lone_accident_of_32_takes_a_twentieth(
    ten: tuple[Bond, list[int]], operator: str, reporter: str
) -> None:
    bond, ids = ten
    bond.endow(operator, 22 * MIN_OWN)
    bond.seat(operator, *[MIN_OWN] * 22)
    bond.accuse(ids[0])
    assert bond.settle(ids[0], reporter).named("Settled")[0][2] == LEAST
    bond.check()


def test_the_fraction_is_rounded_up(ten: tuple[Bond, list[int]], operator: str, reporter: str) -> None:
    """M40: always against who is slashed."""
    bond, ids = ten
    bond.endow(operator, MIN_OWN)
    bond.staking.send("addOwn", ids[1], MIN_OWN - 1, sender=operator)
    bond.accuse(ids[0])
    exact = Fraction(9 * WHOLE * MIN_OWN**2, (11 * MIN_OWN - 1) ** 2)
    assert bond.settle(ids[0], reporter).named("Settled")[0][2] == ceil(exact) == 744


@pytest.mark.parametrize(("weeks", "counts"), [(4, True), (5, False)])
def test_cases_of_four_weeks_around_count_together(
    ten: tuple[Bond, list[int]], reporter: str, weeks: int, counts: bool
) -> None:
    """S6: both ways."""
    bond, (first, second, *_) = ten
    bond.reach((bond.now // WEEK + 1) * WEEK)
    opened = bond.now
    bond.snapshot()
    bond.accuse(first, at=opened + 10)
    bond.accuse(second, at=opened + weeks * WEEK + 20)
    fractions = [
        bond.settle(id_, reporter, at=bond.now + DAY).named("Settled")[0][2] for id_ in (first, second)
    ]
    assert fractions == ([3_600, 3_600] if counts else [900, 900])


def test_what_sets_weigh_counts_up_to_the_week_of_the_case(
    ten: tuple[Bond, list[int]], delegator: str, reporter: str
) -> None:
    """S6: whoever makes a later set heavier lowers nobody's loss but that of who is accused then."""
    bond, (first, second, third, *_) = ten
    bond.endow(delegator, 10 * MIN_OWN)
    bond.reach((bond.now // WEEK + 1) * WEEK)
    opened = bond.now
    bond.snapshot()
    bond.accuse(first, unseat=False)
    bond.staking.send("delegate", third, 5 * MIN_OWN, sender=delegator)
    bond.reach(opened + WEEK)
    bond.snapshot()
    heavier = bond.staking.view("setWeight")
    bond.accuse(second)
    fractions = [
        bond.settle(id_, reporter, at=bond.now + DAY).named("Settled")[0][2] for id_ in (first, second)
    ]
    lower = ceil(Fraction(9 * WHOLE * (2 * MIN_OWN) ** 2, heavier**2))
    assert fractions == [3_600, lower]
    assert lower < 3_600
    bond.check()


def test_what_sets_weighed_before_counts_for_four_weeks(
    ten: tuple[Bond, list[int]], operator: str, reporter: str
) -> None:
    """S6: who is accused after others have left pays no more for that, as long as it counts with one from before."""
    bond, (first, second, *others) = ten
    bond.snapshot()
    bond.accuse(first)
    for id_ in others[:3]:
        bond.staking.send("leave", id_, sender=operator)
    bond.snapshot()
    assert bond.staking.view("setWeight") == 6 * MIN_OWN
    bond.travel(3 * WEEK)
    bond.accuse(second)
    assert bond.settle(second, reporter).named("Settled")[0][2] == 3_600
    bond.check()


def test_settles_when_all_that_counts_with_it_was_accused_before(
    ten: tuple[Bond, list[int]], reporter: str
) -> None:
    """S6: exact to the second, of earlier and later ones, whatever was dismissed meanwhile."""
    bond, (first, second, third, *_) = ten
    bond.accuse(first)
    bond.travel(3 * WEEK)
    at = bond.accuse(second)
    refusal = error("AccusedSince", first, at)
    asked = (first, reporter, at - 1)
    assert bond.staking.view("lastAccused", first) == at
    assert bond.staking.revert("settle", *asked, sender=bond.slasher) == refusal
    bond.staking.send("unfreeze", second, sender=bond.slasher)
    assert bond.staking.revert("settle", *asked, sender=bond.slasher) == refusal
    bond.reach((bond.validator(first).frozen_since // WEEK + 5) * WEEK)
    bond.accuse(third)
    assert bond.staking.view("lastAccused", first) == at
    bond.settle(first, reporter, at=bond.now + DAY, before=at)
    bond.check()


def test_more_cases_against_one_delay_nobody(ten: tuple[Bond, list[int]], reporter: str) -> None:
    """Its stake counts from the first on."""
    bond, (first, second, *_) = ten
    at = bond.accuse(first, second)
    bond.travel(DAY)
    bond.accuse(first, second)
    for validator in (first, second):
        assert bond.staking.view("lastAccused", validator) == at
        bond.settle(validator, reporter, at=bond.now + DAY, before=at)


def test_nothing_was_accused_that_counts_with_who_is_not(ten: tuple[Bond, list[int]]) -> None:
    bond, (first, second, *_) = ten
    at = bond.accuse(first)
    assert bond.staking.view("lastAccused", first) == at
    assert bond.staking.view("lastAccused", second) == bond.staking.view("lastAccused", UNKNOWN) == 0
    bond.staking.send("unfreeze", first, sender=bond.slasher)
    assert bond.staking.view("lastAccused", first) == 0


def test_what_was_dismissed_does_not_count(ten: tuple[Bond, list[int]], reporter: str) -> None:
    bond, (first, second, *_) = ten
    bond.accuse(first, second)
    bond.staking.send("unfreeze", second, sender=bond.slasher)
    assert bond.settle(first, reporter).named("Settled")[0][2] == 900


def test_leaving_first_hides_nothing(ten: tuple[Bond, list[int]], operator: str, reporter: str) -> None:
    """S6, M29: a quorum that asks for its stake before it is accused loses all of it."""
    bond, ids = ten
    for validator in ids[:7]:
        bond.staking.send("leave", validator, sender=operator)
        bond.staking.send("removeOwn", validator, MIN_OWN, sender=operator)
    period = bond.period
    bond.travel(5 * DAY)
    bond.accuse(*ids[:7])
    before = bond.balance(operator)
    for validator in ids[:7]:
        bond.settle(validator, reporter, at=bond.now + 4 * DAY)
        bond.staking.send("withdrawOwn", validator, period, sender=reporter)
    assert bond.balance(operator) == before
    assert bond.held(operator) == 3 * MIN_OWN
    bond.check()


# The settlement


def test_own_stake_pays_first(
    bond: Bond, pool: int, delegator: str, operator: str, reporter: str, passer_by: str
) -> None:
    """S5: of five equal validators one loses 36 %: all that is its own, and the rest of it pro rata."""
    bond.accuse(pool)
    treasury, bounty = bond.balance(bond.treasury), MIN_OWN // 10
    receipt = bond.settle(pool, reporter)
    loss = 11 * MIN_OWN * 36 // 100
    assert receipt.named("Settled") == [(pool, reporter, 3_600, MIN_OWN, loss - MIN_OWN)]
    assert bond.balance(reporter) == bounty
    assert bond.balance(bond.treasury) - treasury == MIN_OWN - bounty
    record = bond.validator(pool)
    assert (record.state, record.own, record.stake) == (ENDED, 0, POOL)
    part = ceil(Fraction(POOL * 3 // 4 * (loss - MIN_OWN), POOL))
    before = bond.balance(delegator)
    released = bond.staking.send("release", delegator, pool, sender=passer_by)
    assert released.named("Released") == [(pool, delegator, POOL * 3 // 4, part)]
    assert bond.balance(delegator) == before + POOL * 3 // 4 - part
    assert bond.staking.revert("release", delegator, pool, sender=passer_by) == error("ZeroAmount")


def test_delegators_lose_nothing_while_the_own_stake_suffices(
    ten: tuple[Bond, list[int]], operator: str, delegator: str, reporter: str, passer_by: str
) -> None:
    """S5: a lone accident of ten at twice its own stake."""
    bond, ids = ten
    bond.endow(delegator, 10 * MIN_OWN)
    for validator in ids:
        bond.staking.send("delegate", validator, MIN_OWN, sender=delegator)
    before = bond.balance(operator)
    bond.accuse(ids[0])
    settled = bond.settle(ids[0], reporter).named("Settled")
    assert settled == [(ids[0], reporter, 900, 2 * MIN_OWN * 9 // 100, 0)]
    released = bond.staking.send("release", delegator, ids[0], sender=passer_by)
    assert released.named("Released") == [(ids[0], delegator, MIN_OWN, 0)]
    receipt = bond.staking.send("releaseOwn", ids[0], sender=passer_by)
    assert receipt.named("OwnReleased") == [(ids[0], MIN_OWN * 82 // 100)]
    assert bond.balance(operator) == before + MIN_OWN * 82 // 100
    again = bond.staking.revert("releaseOwn", ids[0], sender=passer_by)
    assert again == error("ZeroAmount")
    bond.check()


def test_a_slash_takes_the_loss_and_a_wei_for_each_entry_at_most(
    bond: Bond,
    pool: int,
    operator: str,
    delegator: str,
    other_delegator: str,
    reporter: str,
    passer_by: str,
) -> None:
    """S5, M40: from odd amounts, bonded and leaving, before and after the case, own and delegated."""
    bond.staking.send("addOwn", pool, 1_000 * ERA + 7, sender=operator)
    bond.staking.send("removeOwn", pool, 333 * ERA + 1, sender=operator)
    bond.staking.send("undelegate", pool, 777 * ERA + 1, sender=delegator)
    first = bond.period
    bond.travel(4 * DAY)
    bond.staking.send("undelegate", pool, 101 * ERA + 3, sender=other_delegator)
    second = bond.period
    bond.travel(DAY)
    bond.accuse(pool)
    bond.staking.send("removeOwn", pool, 17, sender=operator)
    bond.staking.send("undelegate", pool, 55 * ERA + 9, sender=delegator)
    third = bond.period
    everybody = [operator, delegator, other_delegator, reporter, bond.treasury]
    before = sum(map(bond.balance, everybody[:3]))
    taken = bond.balance(reporter) + bond.balance(bond.treasury)
    ((_, _, fraction, own_loss, loss),) = bond.settle(pool, reporter).named("Settled")
    total = 11 * MIN_OWN + 1_000 * ERA + 7
    assert own_loss + loss == ceil(Fraction(total * fraction, WHOLE))
    assert own_loss == min(own_loss + loss, MIN_OWN + 1_000 * ERA + 7)
    for account, period in ((delegator, first), (other_delegator, second), (delegator, third)):
        bond.staking.send("withdraw", account, pool, period, sender=passer_by)
    for period in {first, third}:
        bond.staking.send("withdrawOwn", pool, period, sender=passer_by)
    for account in (delegator, other_delegator):
        bond.staking.send("release", account, pool, sender=passer_by)
    taken = bond.balance(reporter) + bond.balance(bond.treasury) - taken
    assert 0 <= taken - own_loss - loss <= 8
    assert sum(map(bond.balance, everybody[:3])) - before == total - taken
    assert bond.validator(pool).stake == bond.validator(pool).own == 0


def test_no_slash_touches_anothers_stake(
    bond: Bond, pool: int, delegator: str, reporter: str, passer_by: str
) -> None:
    """S6, P6."""
    others = [id_ for id_ in bond.staking.view("seats") if id_ != pool]
    bond.staking.send("delegate", others[0], ERA, sender=delegator)
    before = [bond.validator(id_)[:2] for id_ in others]
    bond.accuse(pool)
    bond.settle(pool, reporter)
    bond.staking.send("release", delegator, pool, sender=passer_by)
    assert [bond.validator(id_)[:2] for id_ in others] == before
    assert bond.units(delegator, others[0]) == ERA


def test_after_everything_is_lost_nothing_is_stuck(
    bond: Bond, seated: list[int], delegator: str, operator: str, reporter: str, passer_by: str
) -> None:
    """M33: a full slash divides by nothing and revives nothing."""
    validator = seated[0]
    bond.staking.send("delegate", validator, MIN_OWN, sender=delegator)
    bond.staking.send("undelegate", validator, ERA, sender=delegator)
    period = bond.period
    bond.accuse(validator, seated[1])
    bond.settle(validator, reporter)
    assert bond.validator(validator).loss == MIN_OWN
    before = bond.balance(delegator)
    bond.staking.send("release", delegator, validator, sender=passer_by)
    bond.staking.send("withdraw", delegator, validator, period, sender=passer_by)
    assert bond.balance(delegator) == before
    assert bond.held(delegator) == 0
    assert bond.validator(validator).stake == 0
    again = bond.staking.revert("delegate", validator, ERA, sender=delegator)
    assert again == error("WrongState", validator, ENDED)


def test_ends_once(bond: Bond, pool: int, reporter: str, operator: str, delegator: str) -> None:
    """M32: whatever other cases there are."""
    bond.accuse(pool)
    bond.accuse(pool)
    bond.settle(pool, reporter)
    refusal = error("WrongState", pool, ENDED)
    assert bond.staking.revert("settle", pool, reporter, bond.now, sender=bond.slasher) == refusal
    assert bond.staking.revert("freeze", pool, True, sender=bond.slasher) == refusal
    calls: dict[str, list[tuple[Any, ...]]] = {
        operator: [("addOwn", ERA), ("removeOwn", ERA), ("join",), ("leave",)],
        delegator: [("delegate", ERA), ("undelegate", ERA)],
    }
    for account, methods in calls.items():
        for method, *arguments in methods:
            assert bond.staking.revert(method, pool, *arguments, sender=account) == refusal, method


def test_settles_nothing_without_a_case(bond: Bond, pool: int, reporter: str) -> None:
    for validator in (pool, UNKNOWN):
        refusal = error("NotLiable", validator)
        refused = bond.staking.revert("settle", validator, reporter, bond.now, sender=bond.slasher)
        assert refused == refusal
    bond.accuse(pool)
    bond.settle(pool, reporter)


def test_gives_back_nothing_of_who_did_not_end(bond: Bond, pool: int, delegator: str, passer_by: str) -> None:
    bond.accuse(pool)
    refusal = error("WrongState", pool, 1)
    assert bond.staking.revert("release", delegator, pool, sender=passer_by) == refusal
    assert bond.staking.revert("releaseOwn", pool, sender=passer_by) == refusal


def test_a_settlement_unseats(bond: Bond, pool: int, reporter: str) -> None:
    """Of a case that did not."""
    bond.snapshot()
    bond.accuse(pool, unseat=False)
    assert pool in bond.staking.view("seats")
    bond.settle(pool, reporter)
    assert pool not in bond.staking.view("seats")
    assert bond.staking.view("termEnded")


def test_a_settlement_ends_the_term_of_who_has_left(
    bond: Bond, pool: int, operator: str, reporter: str
) -> None:
    """Of a case that did not: the newest set has a member whose stake is not at risk any more."""
    bond.snapshot()
    opened = bond.accuse(pool, unseat=False)
    published = bond.snapshot(at=opened + SETTLES - 1)
    bond.staking.send("leave", pool, sender=operator)
    assert bond.validator(pool).signer in [signer for signer, _ in published.members]
    bond.settle(pool, reporter, at=opened + SETTLES + 1)
    assert bond.staking.view("termEnded")


def test_rewards_earned_before_the_case_are_paid(
    bond: Bond, pool: int, operator: str, delegator: str, reporter: str, passer_by: str
) -> None:
    """They are no stake. Nothing is earned after it."""
    bond.reward(70_000 * ERA)
    bond.travel(3 * DAY)
    bond.accuse(pool)
    earned = bond.staking.view("claimable", delegator, [pool])
    bond.settle(pool, reporter)
    bond.staking.send("release", delegator, pool, sender=passer_by)
    before = bond.balance(delegator)
    bond.staking.send("claim", [], delegator, sender=delegator)
    assert bond.balance(delegator) - before == earned > 0
    own = bond.balance(operator)
    bond.staking.send("claimEarnings", pool, operator, sender=operator)
    assert bond.balance(operator) > own


# The reporter


def test_reporting_oneself_never_pays(bond: Bond, pool: int, operator: str) -> None:
    """M32: a tenth of what is lost comes back."""
    bond.accuse(pool)
    before = bond.balance(operator) + bond.held(operator)
    bond.settle(pool, operator)
    after = bond.balance(operator) + bond.held(operator)
    assert before - after == MIN_OWN * 9 // 10


def test_an_operator_that_leaves_first_spoils_no_bounty(
    bond: Bond, pool: int, operator: str, reporter: str, passer_by: str
) -> None:
    """The reporter is paid for own stake that was leaving, too, when that is paid out."""
    bond.staking.send("leave", pool, sender=operator)
    bond.staking.send("removeOwn", pool, MIN_OWN, sender=operator)
    period = bond.period
    bond.accuse(pool)
    bond.settle(pool, reporter)
    assert bond.balance(reporter) == 0
    treasury = bond.balance(bond.treasury)
    bond.staking.send("withdrawOwn", pool, period, sender=passer_by)
    assert bond.balance(reporter) == MIN_OWN // 10
    assert bond.balance(bond.treasury) - treasury == MIN_OWN * 9 // 10


def test_the_bounty_is_of_own_stake_only(
    bond: Bond, pool: int, delegator: str, reporter: str, passer_by: str
) -> None:
    bond.accuse(pool)
    bond.settle(pool, reporter)
    bounty = bond.balance(reporter)
    bond.staking.send("release", delegator, pool, sender=passer_by)
    assert bond.balance(reporter) == bounty == MIN_OWN // 10


def test_the_slasher_finds_the_validator_by_a_retired_key(
    bond: Bond, pool: int, operator: str, reporter: str
) -> None:
    """M31: what an old key signed is held against the same stake."""
    old, new = signing_key(pool), signing_key("new")
    possession = bond.possession(operator, new)
    bond.staking.send("rotateKey", pool, new.address, possession, sender=operator)
    assert bond.staking.view("validatorOf", old.address) == bond.staking.view("validatorOf", new.address)
    bond.accuse(bond.staking.view("validatorOf", old.address))
    assert bond.settle(pool, reporter).named("Settled")
