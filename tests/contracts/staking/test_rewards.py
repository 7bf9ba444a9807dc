"""Rewards: what arrives streams to who is seated, and nobody gets more than the exact share."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.kit.evm import ZERO_ADDRESS, error
from tests.kit.paper import DAY
from tests.kit.staking import ERA, FUNDS, MIN_OWN, STREAM, Bond

REWARD = 70_000 * ERA
DUST = 1_000
"""Wei. What divisions may leave over at one validator in a test."""


@pytest.fixture
def pool(bond: Bond, operator: str, delegator: str, other_delegator: str) -> int:
    """One seated validator at 10 %: a quarter of its stake is its own, a half the delegator's, a quarter another's."""
    (validator,) = bond.seat(operator, MIN_OWN, commission=1_000)
    bond.staking.send("delegate", validator, 2 * MIN_OWN, sender=delegator)
    bond.staking.send("delegate", validator, MIN_OWN, sender=other_delegator)
    return validator


def claimable(bond: Bond, account: str, *validators: int, at: int | None = None) -> int:
    return int(bond.staking.view("claimable", account, list(validators), at=at))


def earnings(bond: Bond, validator: int, at: int | None = None) -> int:
    return int(bond.staking.view("earnings", validator, at=at))


def is_near(amount: int, exact: int | Fraction) -> bool:
    """S12: not above the exact share, and below it by dust."""
    return 0 <= exact - amount <= DUST


def test_whatever_arrives_streams_for_a_week(bond: Bond, pool: int, passer_by: str) -> None:
    bond.era.send("transfer", bond.staking.address, REWARD, sender=bond.treasury)
    receipt = bond.staking.send("fund", sender=passer_by)
    assert receipt.named("Funded") == [(REWARD,)]
    rewards = bond.rewards
    assert (rewards.streaming, rewards.waiting, rewards.accounted) == (REWARD, 0, REWARD)
    assert rewards.stream_end == rewards.accrued_at + STREAM == bond.now + STREAM


def test_stake_earns_its_share_less_commission(
    bond: Bond, pool: int, delegator: str, other_delegator: str
) -> None:
    """S12: a quarter each second of four; the operator has its own part and 10 % of the others'."""
    bond.reward(REWARD)
    end = bond.now + STREAM
    assert is_near(claimable(bond, delegator, pool, at=end), REWARD * 9 // 20)
    assert is_near(claimable(bond, other_delegator, pool, at=end), REWARD * 9 // 40)
    assert is_near(earnings(bond, pool, at=end), REWARD * 13 // 40)


def test_rewards_are_earned_second_by_second(bond: Bond, pool: int, delegator: str) -> None:
    bond.reward(REWARD)
    begun = bond.now
    for seconds in (1, 60, DAY, STREAM - 1):
        exact = Fraction(REWARD * 9 * seconds, 20 * STREAM)
        assert is_near(claimable(bond, delegator, pool, at=begun + seconds), exact)


def test_nothing_is_earned_after_the_end(bond: Bond, pool: int, delegator: str) -> None:
    bond.reward(REWARD)
    end = bond.now + STREAM
    assert claimable(bond, delegator, pool, at=end) == claimable(bond, delegator, pool, at=end + 30 * DAY)


def test_pays_a_delegator_and_a_recipient(bond: Bond, pool: int, delegator: str, recipient: str) -> None:
    bond.reward(REWARD)
    bond.reach(bond.now + STREAM)
    expected = claimable(bond, delegator, pool, at=bond.now + 1)
    receipt = bond.staking.send("claim", [pool], recipient, sender=delegator, at=bond.now + 1)
    assert receipt.named("Claimed") == [(delegator, recipient, expected)]
    assert bond.balance(recipient) == expected > 0
    assert claimable(bond, delegator, pool) == 0
    again = bond.staking.send("claim", [pool, pool], recipient, sender=delegator)
    assert again.named("Claimed") == [(delegator, recipient, 0)]


def test_a_validator_named_twice_pays_once(bond: Bond, pool: int, delegator: str, recipient: str) -> None:
    bond.reward(REWARD)
    bond.reach(bond.now + STREAM)
    bond.staking.send("claim", [pool, pool, pool], recipient, sender=delegator)
    assert is_near(bond.balance(recipient), REWARD * 9 // 20)


def test_pays_an_operator(bond: Bond, pool: int, operator: str, rival: str, recipient: str) -> None:
    bond.reward(REWARD)
    bond.reach(bond.now + STREAM)
    refusal = error("NotOperator", pool, rival)
    assert bond.staking.revert("claimEarnings", pool, rival, sender=rival) == refusal
    expected = earnings(bond, pool, at=bond.now + 1)
    receipt = bond.staking.send("claimEarnings", pool, recipient, sender=operator, at=bond.now + 1)
    assert receipt.named("EarningsClaimed") == [(pool, recipient, expected)]
    assert bond.balance(recipient) == expected > 0
    assert earnings(bond, pool) == 0


def test_pays_nothing_to_the_zero_address(bond: Bond, pool: int, operator: str, delegator: str) -> None:
    refusal = error("ERC20InvalidReceiver", ZERO_ADDRESS)
    assert bond.staking.revert("claim", [pool], ZERO_ADDRESS, sender=delegator) == refusal
    assert bond.staking.revert("claimEarnings", pool, ZERO_ADDRESS, sender=operator) == refusal


def test_what_was_earned_stays_when_the_stake_changes(bond: Bond, pool: int, delegator: str) -> None:
    """S12: a position is collected before its units change, whichever way."""
    bond.reward(REWARD)
    begun = bond.now
    bond.staking.send("delegate", pool, 4 * MIN_OWN, sender=delegator, at=begun + DAY)
    bond.staking.send("undelegate", pool, 5 * MIN_OWN, sender=delegator, at=begun + 2 * DAY)
    period = bond.period
    bond.staking.send("rebond", pool, period, MIN_OWN, sender=delegator, at=begun + 3 * DAY)
    day = Fraction(REWARD * 9, 70)
    parts = [Fraction(2, 4), Fraction(6, 8), Fraction(1, 3), *[Fraction(2, 4)] * 4]
    assert is_near(claimable(bond, delegator, pool, at=begun + STREAM), sum(parts) * day)


def test_who_comes_later_earns_from_then_on(bond: Bond, pool: int, operator: str, rival: str) -> None:
    """S12: and so does a second validator."""
    bond.reward(REWARD)
    begun = bond.now
    late = bond.register(rival, 4 * MIN_OWN)
    bond.staking.send("join", late, sender=rival, at=begun + STREAM // 2)
    assert is_near(earnings(bond, late, at=begun + STREAM), REWARD // 4)
    assert is_near(earnings(bond, pool, at=begun + STREAM), REWARD * 3 * 13 // 160)


def test_earns_nothing_without_a_seat(bond: Bond, pool: int, rival: str, delegator: str) -> None:
    waiting = bond.register(rival, 9 * MIN_OWN)
    bond.staking.send("delegate", waiting, MIN_OWN, sender=delegator)
    bond.reward(REWARD)
    assert claimable(bond, delegator, waiting, at=bond.now + STREAM) == 0
    assert earnings(bond, waiting, at=bond.now + STREAM) == 0


def test_what_was_earned_stays_when_the_seat_goes(
    bond: Bond, pool: int, operator: str, rival: str, delegator: str
) -> None:
    bond.seat(rival, 4 * MIN_OWN)
    bond.reward(REWARD)
    begun = bond.now
    bond.staking.send("leave", pool, sender=operator, at=begun + STREAM // 2)
    earned = claimable(bond, delegator, pool)
    assert is_near(earned, REWARD * 9 // 80)
    assert claimable(bond, delegator, pool, at=begun + STREAM) == earned
    own = earnings(bond, pool)
    assert is_near(own, REWARD * 13 // 160)
    bond.travel(STREAM)
    bond.staking.send("claimEarnings", pool, operator, sender=operator)


def test_a_stream_waits_for_somebody(bond: Bond, operator: str, passer_by: str) -> None:
    """M35: idle time is not paid from the past, and what came in it is not lost."""
    bond.reward(REWARD)
    validator = bond.register(operator)
    bond.travel(30 * DAY)
    bond.staking.send("join", validator, sender=operator)
    assert earnings(bond, validator) == 0
    assert is_near(earnings(bond, validator, at=bond.now + STREAM // 2), REWARD // 2)


def test_a_stream_stands_still_while_nobody_is_seated(
    bond: Bond, operator: str, rival: str, pool: int
) -> None:
    bond.reward(REWARD)
    begun = bond.now
    bond.staking.send("leave", pool, sender=operator, at=begun + 2 * DAY)
    (late,) = bond.seat(rival, MIN_OWN)
    seated = bond.now
    assert is_near(earnings(bond, late, at=seated + 5 * DAY), REWARD * 5 // 7)
    assert is_near(earnings(bond, late, at=seated + 4 * DAY), REWARD * 4 // 7)


def test_dust_does_not_restart_a_stream(bond: Bond, pool: int, attacker: str) -> None:
    """M35."""
    bond.reward(REWARD)
    end = bond.rewards.stream_end
    bond.reach(end - 3 * DAY)
    bond.reward(1)
    rewards = bond.rewards
    assert (rewards.stream_end, rewards.waiting) == (end, 1)
    bond.staking.send("fund", sender=attacker)
    assert (bond.rewards.stream_end, bond.rewards.waiting) == (end, 1)


def test_dust_does_not_make_others_wait(bond: Bond, pool: int) -> None:
    """M35: one wei, streamed first, does not hold up what comes after."""
    bond.reward(1)
    bond.reward(REWARD)
    rewards = bond.rewards
    assert (rewards.streaming, rewards.waiting) == (REWARD + 1, 0)
    assert rewards.stream_end == bond.now + STREAM


def test_more_money_streams_at_once_if_the_rate_does_not_fall(bond: Bond, pool: int, delegator: str) -> None:
    bond.reward(REWARD)
    middle = bond.now + STREAM // 2
    bond.era.send("transfer", bond.staking.address, REWARD // 2, sender=bond.treasury)
    bond.staking.send("fund", sender=bond.treasury, at=middle)
    rewards = bond.rewards
    assert rewards.waiting == 0
    assert is_near(REWARD - rewards.streaming, 0)
    assert rewards.stream_end == middle + STREAM
    exact = REWARD * 9 // 20 * 3 // 2
    assert is_near(claimable(bond, delegator, pool, at=middle + STREAM), exact)


def test_a_wei_less_waits(bond: Bond, pool: int, delegator: str) -> None:
    bond.reward(REWARD)
    end = bond.rewards.stream_end
    bond.era.send("transfer", bond.staking.address, REWARD // 2 - DUST, sender=bond.treasury)
    bond.staking.send("fund", sender=bond.treasury, at=end - STREAM // 2)
    assert (bond.rewards.stream_end, bond.rewards.waiting) == (end, REWARD // 2 - DUST)


@pytest.mark.parametrize("noticed", [0, DAY, STREAM, 3 * STREAM])
def test_what_waited_streams_from_the_end_on(bond: Bond, pool: int, delegator: str, noticed: int) -> None:
    """S12: whenever somebody notices."""
    bond.reward(REWARD)
    end = bond.rewards.stream_end
    bond.reach(end - DAY)
    bond.reward(7_000 * ERA)
    assert bond.rewards.waiting == 7_000 * ERA
    bond.staking.send("claim", [pool], delegator, sender=delegator, at=end + noticed)
    got = bond.balance(delegator) - FUNDS + 2 * MIN_OWN
    streamed = Fraction(7_000 * ERA * min(noticed, STREAM), STREAM)
    assert is_near(got, (REWARD + streamed) * 9 / 20)
    assert (bond.rewards.waiting, bond.rewards.stream_end) == (0, end + STREAM)


def test_what_is_rounded_down_streams_on(bond: Bond, pool: int, delegator: str, operator: str) -> None:
    """M35, M40, S2, S12: after a hundred touches at odd seconds everybody has all but dust of what is due."""
    bond.reward(REWARD + 1)
    begun = bond.now
    for i in range(1, 101):
        method, *arguments = ("addOwn", pool, 1) if i % 2 else ("removeOwn", pool, 1)
        bond.staking.send(method, *arguments, sender=operator, at=begun + 977 * i)
    bond.reach(begun + STREAM + 1)
    assert is_near(claimable(bond, delegator, pool), Fraction((REWARD + 1) * 9, 20))
    assert bond.rewards.accounted == REWARD + 1


def test_what_the_division_by_all_stake_leaves_over_streams_on(bond: Bond, operator: str) -> None:
    """M35, S12: with two fifths of the supply seated, each of a hundred touches rounds off hundreds of wei. They come
    back; only what a validator's own division leaves over, less than a wei each time, does not.
    """
    most = 400_000_000 * ERA
    bond.endow(operator, most)
    (validator,) = bond.seat(operator, most)
    bond.reward(REWARD)
    begun = bond.now
    for i in range(1, 101):
        bond.staking.send("claimEarnings", validator, operator, sender=operator, at=begun + 977 * i)
    bond.staking.send("claimEarnings", validator, operator, sender=operator, at=begun + STREAM)
    paid = bond.balance(operator) - FUNDS
    assert 0 <= REWARD - paid - bond.rewards.streaming <= 101


def test_principal_and_rewards_are_apart(bond: Bond, pool: int, delegator: str, treasury: str) -> None:
    """S2: a donation can be earned, never withdrawn; stake is not in the contract at all."""
    assert bond.balance(bond.staking.address) == 0
    bond.era.send("transfer", bond.staking.address, REWARD, sender=treasury)
    assert bond.rewards.accounted == 0
    assert bond.staking.send("claim", [pool], delegator, sender=delegator).named("Claimed")[0][2] == 0


def test_stake_that_comes_for_the_money_waits_for_weeks(bond: Bond, pool: int, other_delegator: str) -> None:
    """M36: who puts in most of all stake just before rewards arrive earns an hour of a week's."""
    bond.staking.send("delegate", pool, 16 * MIN_OWN, sender=other_delegator)
    bond.reward(REWARD)
    bond.travel(3_600)
    bond.staking.send("undelegate", pool, 17 * MIN_OWN, sender=other_delegator)
    earned = claimable(bond, other_delegator, pool)
    assert 0 < earned < REWARD / 168 * 0.9
    assert bond.staking.view("unbonding", other_delegator, pool, bond.period) == 17 * MIN_OWN
