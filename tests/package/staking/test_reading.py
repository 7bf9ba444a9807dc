"""What follows from what was read: seats, the next set, what is free, what is to be called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from metalayer.errors import MetalayerError
from metalayer.protocol import staking
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.staking import AccusedIn, Rewards, Validator, ValidatorState, matures_at
from metalayer.staking import actions
from metalayer.staking.accounts import Exit, ExitState, Position, Stake, exit_of
from metalayer.staking.reading import Overview, fraction_at

DAY = 86_400
NOW = 7_000 * staking.PERIOD
ERA = 10**18
OPERATOR, HOLDER = "0x" + "11" * 20, "0x" + "22" * 20


def validator(**values: Any) -> Validator:
    usual: dict[str, Any] = dict.fromkeys(Validator.__dataclass_fields__, 0)
    usual |= {"signer": "0x" + "33" * 20, "operator": OPERATOR, "state": ValidatorState.OPEN}
    return Validator(**(usual | values))


def overview(*stakes: int, seats: int = 16, **values: Any) -> Overview:
    """Seated validators with these stakes, in ERA."""
    usual: dict[str, Any] = {
        "now": NOW,
        "validators": {
            id_: validator(stake=stake * ERA, own=stake * ERA, seat=id_, alive_at=NOW)
            for id_, stake in enumerate(stakes, 1)
        },
        "seated": tuple(range(1, len(stakes) + 1)),
        "seats": seats,
        "min_own": ERA,
        "seated_stake": sum(stakes) * ERA,
        "rewards": Rewards(0, 0, 0, NOW, NOW, 0),
        "newest": ValidatorSet.of(3, NOW + DAY, {}),
        "set_at": NOW - DAY,
        "term_ended": False,
        "outstanding": {},
        "cases": [],
    }
    return Overview(**(usual | values))


def stake(**values: Any) -> Stake:
    usual: dict[str, Any] = {
        "account": HOLDER,
        "liquid": 0,
        "held": 0,
        "collected": 0,
        "positions": [],
        "exits": [],
        "operates": {},
        "delegatee": None,
        "liquid_delegatee": None,
        "votes": 0,
    }
    return Stake(**(usual | values))


def test_the_next_set_comes_after_a_term_or_at_once_after_a_slash() -> None:
    assert overview(1, 1, 1, 1).next_set_at == NOW - DAY + staking.TERM
    assert overview(1, 1, 1, 1, term_ended=True).next_set_at == NOW
    assert overview(1, 1, 1, 1, newest=None).next_set_at == NOW


def test_who_wants_a_seat_needs_more_than_the_lowest_once_all_are_taken() -> None:
    assert overview(5, 4, 6, 7, seats=5).lowest_seated == 0
    assert overview(5, 4, 6, 7, seats=4).lowest_seated == 4 * ERA


def test_backing_is_for_each_era_that_is_outstanding() -> None:
    assert overview(1, 2, 3, 4).backing is None
    assert overview(1, 2, 3, 4, outstanding={"arcade": 3 * ERA, "social": 2 * ERA}).backing == 2


def test_problems_are_what_will_stop_the_network() -> None:
    assert overview(1, 1, 1, 1).problems == []
    (few,) = overview(1, 1, 1).problems
    assert few.startswith("3 validators are seated, a set needs 4: none can be published: set 3 is the last")
    (none,) = overview(newest=None).problems
    assert none.startswith("0 validators are seated, a set needs 4: none can be published (docs")
    (late,) = overview(1, 1, 1, 1, newest=ValidatorSet.of(3, NOW - 1, {})).problems
    assert late.startswith("set 3 expired on ")


def test_weeks_count_together_and_the_most_that_was_seated() -> None:
    assert fraction_at([AccusedIn(0, 0), AccusedIn(1, 10), AccusedIn(1, 8)]) == 3_600
    assert fraction_at([AccusedIn(0, 0)] * 9) == 10_000


PERIOD = NOW // staking.PERIOD - 3
MATURES = matures_at(PERIOD)


@pytest.mark.parametrize(
    ("known", "now", "state", "loss"),
    [
        ({}, MATURES - 1, "waiting", 0),
        ({}, MATURES, "free", 0),
        ({"open_cases": 1, "frozen_since": MATURES - 1}, MATURES + 1, "held", 0),
        # What was mature when the first case was opened is nobody's but its owner's.
        ({"open_cases": 1, "frozen_since": MATURES}, MATURES, "free", 0),
        ({"frozen_since": MATURES - 1}, MATURES, "free", 0),
        ({"state": ValidatorState.ENDED, "open_cases": 1, "frozen_since": NOW}, NOW, "free", 34),
        ({"state": ValidatorState.ENDED, "open_cases": 1, "frozen_since": MATURES}, MATURES, "free", 0),
        (
            {"state": ValidatorState.ENDED, "open_cases": 1, "frozen_since": MATURES},
            MATURES - 1,
            "waiting",
            0,
        ),
    ],
)
def test_whether_an_exit_is_free(known: dict[str, Any], now: int, state: str, loss: int) -> None:
    """S4."""
    seen = overview(1, now=now)
    seen.validators[1] = validator(**({"loss": 1, "slashable": 3} | known))
    found = exit_of(seen, (1, PERIOD), 100, own=False)
    assert (found.state.value, found.loss, found.matures_at) == (state, loss, MATURES)


def test_what_left_last_is_bonded_again_first() -> None:
    there = stake(
        exits=[
            Exit(1, 7, False, 10, 0, ExitState.FREE),
            Exit(1, 9, False, 10, 0, ExitState.WAITING),
            Exit(1, 9, True, 99, 0, ExitState.WAITING),
            Exit(2, 9, False, 99, 0, ExitState.WAITING),
        ]
    )
    assert actions.rebonds(there, 1, 12) == (
        12,
        [staking.REBOND.encode(1, 9, 10), staking.REBOND.encode(1, 7, 2)],
    )
    assert actions.rebonds(there, 1, None)[0] == 20
    with pytest.raises(MetalayerError, match=r"leaving validator 1, not 0\.0{16}21"):
        actions.rebonds(there, 1, 21)


def test_everything_free_is_withdrawn_and_everything_earned_claimed() -> None:
    seen = overview(1, 1)
    seen.validators[2] = replace(seen.validators[2], state=ValidatorState.ENDED)
    there = stake(
        exits=[
            Exit(1, 7, False, 10, 0, ExitState.FREE),
            Exit(2, 8, True, 20, 5, ExitState.FREE),
            Exit(1, 9, False, 40, 0, ExitState.WAITING),
        ],
        positions=[Position(1, 100, 0, 3), Position(2, 200, 50, 0)],
        operates={2: 7},
        collected=2,
    )
    assert actions.withdrawals(seen, there) == [
        staking.WITHDRAW.encode(HOLDER, 1, 7),
        staking.WITHDRAW_OWN.encode(2, 8),
        staking.RELEASE.encode(HOLDER, 2),
        staking.RELEASE_OWN.encode(2),
    ]
    assert actions.withdrawn(seen, there) == (10 + 15 + 150 + ERA, 55)
    assert there.claimable == 5
    assert actions.claims(there, HOLDER) == [
        staking.CLAIM.encode([1], HOLDER),
        staking.CLAIM_EARNINGS.encode(2, HOLDER),
    ]


def test_an_operator_of_several_says_which() -> None:
    seen = overview(1, 1, 1)
    with pytest.raises(MetalayerError, match=r"operates validators 1, 2, 3: say which \(--validator\)"):
        actions.operated(seen, OPERATOR, None)
    assert actions.operated(seen, OPERATOR, 2) == 2
    for id_ in (1, 2):
        seen.validators[id_] = replace(seen.validators[id_], state=ValidatorState.ENDED)
    assert actions.operated(seen, OPERATOR, None) == 3
