"""Seats: who takes one, who loses it, and who stays away for a while."""

from __future__ import annotations

import pytest

from tests.kit.evm import error
from tests.kit.paper import DAY
from tests.kit.staking import ENDED, ERA, LEFT, MIN_OWN, SILENCE, Bond, signing_key

UNKNOWN = 4_242


@pytest.fixture
def full(bond: Bond, operator: str) -> list[int]:
    """All five seats taken; the third validator has least."""
    return bond.seat(operator, *[MIN_OWN + extra * ERA for extra in (40, 30, 10, 20, 10)])


def test_takes_a_free_seat(bond: Bond, operator: str) -> None:
    validator = bond.register(operator)
    receipt = bond.staking.send("join", validator, sender=operator)
    assert receipt.named("Seated") == [(validator,)]
    assert bond.staking.view("seats") == (validator,)
    record = bond.validator(validator)
    assert (record.seat, record.alive_at) == (1, bond.now)
    assert bond.staking.view("seatedStake") == MIN_OWN


def test_takes_one_seat(bond: Bond, seated: list[int], operator: str) -> None:
    refusal = error("AlreadySeated", seated[0])
    assert bond.staking.revert("join", seated[0], sender=operator) == refusal


def test_evicts_the_lowest_by_more_stake_only(bond: Bond, full: list[int], rival: str) -> None:
    """Of two that have least, the one that sat down first."""
    third = full[2]
    lowest = MIN_OWN + 10 * ERA
    challenger = bond.register(rival, lowest)
    assert bond.staking.revert("join", challenger, sender=rival) == error("NotBetter", lowest, lowest)
    bond.staking.send("addOwn", challenger, 1, sender=rival)
    receipt = bond.staking.send("join", challenger, sender=rival)
    assert receipt.named("Unseated") == [(third,)]
    assert receipt.named("Seated") == [(challenger,)]
    assert set(bond.staking.view("seats")) == {*full, challenger} - {third}
    assert bond.validator(third).unseated_at == bond.now


def test_delegated_stake_counts_for_a_seat(bond: Bond, full: list[int], rival: str, delegator: str) -> None:
    challenger = bond.register(rival)
    bond.staking.send("delegate", challenger, 10 * ERA + 1, sender=delegator)
    bond.staking.send("join", challenger, sender=rival)
    assert challenger in bond.staking.view("seats")


def test_the_last_seat_fills_the_gap(bond: Bond, full: list[int], operator: str) -> None:
    """S3: and keeps its validator, who can leave it later."""
    first, second, third, fourth, last = full
    bond.staking.send("leave", second, sender=operator)
    assert bond.staking.view("seats") == (first, last, third, fourth)
    assert bond.validator(last).seat == 2
    bond.staking.send("leave", last, sender=operator)
    assert bond.staking.view("seats") == (first, fourth, third)
    bond.staking.send("leave", third, sender=operator)
    bond.staking.send("leave", first, sender=operator)
    bond.staking.send("leave", fourth, sender=operator)
    assert bond.staking.view("seats") == ()
    assert bond.staking.view("seatedStake") == 0


def test_a_seat_follows_the_stake(bond: Bond, seated: list[int], operator: str, delegator: str) -> None:
    """S3: whatever changes a seated validator's stake changes the sum."""
    validator = seated[0]
    steps = [
        ("delegate", [500 * ERA], delegator, 500 * ERA),
        ("undelegate", [200 * ERA], delegator, -200 * ERA),
        ("rebond", [bond.period, 100 * ERA], delegator, 100 * ERA),
        ("addOwn", [50 * ERA], operator, 50 * ERA),
        ("removeOwn", [20 * ERA], operator, -20 * ERA),
    ]
    sum_ = bond.staking.view("seatedStake")
    for method, arguments, who, change in steps:
        bond.staking.send(method, validator, *arguments, sender=who)
        sum_ += change
        assert bond.staking.view("seatedStake") == sum_, method
    bond.staking.send("leave", validator, sender=operator)
    assert bond.staking.view("seatedStake") == 3 * MIN_OWN


def test_who_is_accused_takes_no_seat(bond: Bond, full: list[int], operator: str, reporter: str) -> None:
    """Nor who ended; who was accused wrongly does."""
    accused, ended, *_ = full
    bond.accuse(accused, ended)
    bond.settle(ended, reporter)
    refusals = {accused: error("ValidatorAccused", accused), ended: error("WrongState", ended, ENDED)}
    for validator, refusal in refusals.items():
        assert bond.staking.revert("join", validator, sender=operator) == refusal
    bond.staking.send("unfreeze", accused, sender=bond.slasher)
    bond.staking.send("join", accused, sender=operator)
    assert accused in bond.staking.view("seats")


def test_leaving_gives_up_the_seat(bond: Bond, seated: list[int], operator: str) -> None:
    receipt = bond.staking.send("leave", seated[1], sender=operator)
    assert receipt.named("Unseated") == receipt.named("Left") == [(seated[1],)]
    record = bond.validator(seated[1])
    assert (record.state, record.seat, record.unseated_at) == (LEFT, 0, bond.now)


# Silence


def test_a_silent_validator_loses_its_seat_after_nine_days(
    bond: Bond, seated: list[int], passer_by: str
) -> None:
    validator = seated[0]
    until = bond.validator(validator).alive_at + SILENCE
    early = bond.staking.revert("vacate", validator, sender=passer_by, at=until - 1)
    assert early == error("TooEarly", until)
    receipt = bond.staking.send("vacate", validator, sender=passer_by, at=until)
    assert receipt.named("Unseated") == [(validator,)]
    assert validator not in bond.staking.view("seats")


def test_nothing_is_slashed_for_silence(bond: Bond, seated: list[int], passer_by: str) -> None:
    bond.travel(SILENCE)
    bond.staking.send("vacate", seated[0], sender=passer_by)
    assert bond.validator(seated[0]).stake == MIN_OWN


def test_vacates_no_seat_that_is_not_there(
    bond: Bond, seated: list[int], operator: str, passer_by: str
) -> None:
    waiting = bond.register(operator)
    bond.travel(SILENCE)
    for validator in (waiting, UNKNOWN):
        refusal = error("NotSeated", validator)
        assert bond.staking.revert("vacate", validator, sender=passer_by) == refusal
    bond.staking.send("vacate", seated[0], sender=passer_by)


def test_who_was_silent_stays_away_for_nine_days(
    bond: Bond, seated: list[int], operator: str, passer_by: str
) -> None:
    bond.travel(SILENCE)
    bond.staking.send("vacate", seated[0], sender=passer_by)
    back = bond.now + SILENCE
    early = bond.staking.revert("join", seated[0], sender=operator, at=back - 1)
    assert early == error("TooEarly", back)
    bond.staking.send("join", seated[0], sender=operator, at=back)
    assert bond.validator(seated[0]).alive_at == back


def test_an_eviction_before_saves_nobody_from_staying_away(
    bond: Bond, full: list[int], operator: str, rival: str
) -> None:
    """A friend that takes the seat just in time changes nothing."""
    silent = full[2]
    bond.travel(SILENCE)
    bond.seat(rival, 2 * MIN_OWN)
    unseated = bond.validator(silent).unseated_at
    bond.staking.send("addOwn", silent, 3 * MIN_OWN, sender=operator)
    refusal = bond.staking.revert("join", silent, sender=operator, at=unseated + SILENCE - 1)
    assert refusal == error("TooEarly", unseated + SILENCE)
    bond.staking.send("join", silent, sender=operator, at=unseated + SILENCE)


def test_two_that_evict_each_other_in_turn_fall_silent_all_the_same(
    bond: Bond, full: list[int], operator: str, rival: str, passer_by: str
) -> None:
    """Only time on the seat is silence; coming back does not begin it anew."""
    silent = full[2]
    seated_at = bond.validator(silent).alive_at
    bond.reach(seated_at + 5 * DAY)
    (friend,) = bond.seat(rival, MIN_OWN + 15 * ERA)
    on_seat = bond.validator(silent).unseated_at - seated_at
    bond.staking.send("addOwn", silent, 10 * ERA, sender=operator)
    bond.staking.send("leave", friend, sender=rival)
    bond.travel(2 * DAY)
    bond.staking.send("join", silent, sender=operator)
    back = bond.now
    assert bond.validator(silent).alive_at == back - on_seat
    due = back + SILENCE - on_seat
    assert bond.staking.revert("vacate", silent, sender=passer_by, at=due - 1) == error("TooEarly", due)
    bond.staking.send("vacate", silent, sender=passer_by, at=due)


def test_who_was_away_for_nine_days_begins_anew(
    bond: Bond, full: list[int], operator: str, rival: str
) -> None:
    evicted = full[2]
    bond.travel(5 * DAY)
    (friend,) = bond.seat(rival, MIN_OWN + 15 * ERA)
    bond.staking.send("leave", friend, sender=rival)
    bond.travel(SILENCE)
    bond.staking.send("join", evicted, sender=operator)
    assert bond.validator(evicted).alive_at == bond.now


def test_checking_in_keeps_the_seat(bond: Bond, seated: list[int], passer_by: str) -> None:
    published = bond.snapshot()
    bond.travel(5 * DAY)
    arguments = bond.attest(published, [signing_key(seated[0])])
    receipt = bond.staking.send("checkIn", *arguments, sender=passer_by)
    assert receipt.named("CheckedIn") == [(seated[0],)]
    checked = bond.now
    bond.travel(5 * DAY)
    refusal = bond.staking.revert("vacate", seated[0], sender=passer_by)
    assert refusal == error("TooEarly", checked + SILENCE)
    bond.staking.send("vacate", seated[1], sender=passer_by)
