"""Bonds with one bug each (`contracts/test/BrokenStaking.sol`, its SetBuilder and its Slasher): the machine of the bond
must find every one of them, by an expectation and not by an error of its own.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

import pytest

from metalayer.protocol.hex import to_hex
from tests.kit.evm import init_code
from tests.kit.exploring import explore, play
from tests.kit.roles import OWNER
from tests.kit.staking import MIN_OWN, attestation_domain
from tests.stateful import bond_replays as replays
from tests.stateful.accusers import Accusers
from tests.stateful.bond_replays import Steps
from tests.stateful.stakers import SEATS, Arena


class Bug(IntEnum):
    """The contract's enum, in its order."""

    NONE = 0
    CUT_OFF_AT_SETTLEMENT = 1
    MATURING_EXITS_PAID = 2
    MATURITY_ANSWERS = 3
    EXITS_NOT_COUNTED = 4
    EVERY_CASE_COUNTS = 5
    SEATS_WEIGH = 6
    PRO_RATA = 7
    ROUNDED_DOWN = 8
    BOUNTY_OF_DELEGATED = 9
    SETTLED_TWICE = 10
    STAKE_AFTER_THE_END = 11
    STAKE_WHILE_ACCUSED = 12
    ACCUSED_KEEPS_SEAT = 13
    OWN_TOO_LOW = 14
    TOO_MANY_TIMES_OWN = 15
    FREE_RIGHT_AFTER_SEAT = 16
    READ_AGAIN_WHEN_GIVEN = 17
    READ_AGAIN_WHEN_NOBODYS = 18
    DUST_LENGTHENS_STREAM = 19
    IDLE_TIME_PAID = 20
    NOT_COLLECTED = 21
    SEAT_NOT_TOUCHED = 22
    COMMISSION_BACKWARDS = 23
    VACATED_TOO_EARLY = 24
    SILENT_REJOINS = 25
    EXPIRY_NOT_LATER = 26
    OLDER_SET_CHECKS_IN = 27
    CAP_ROUNDED_UP = 28
    RETIRED_KEY_FOR_EVER = 29
    RETIRED_KEY_NEVER = 30
    EQUIVOCATION_PARDONED = 31
    DISMISSED_UNPARDONED = 32
    ACCUSED_TWICE = 33
    ADDRESSES_COMPARED = 34
    OLD_SET_ACCUSES = 35
    ENDED_SET_ACCUSES = 36
    PARDON_FORGOTTEN = 37
    REBONDED_AT_ONCE = 38
    LATER_CASES_NOT_AWAITED = 39
    THRESHOLD_NOT_FIXED = 40


FINDERS: dict[Bug, Steps] = {
    Bug.CUT_OFF_AT_SETTLEMENT: replays.leave_and_be_accused,
    Bug.MATURING_EXITS_PAID: replays.mature_while_accused,
    Bug.MATURITY_ANSWERS: replays.mature_just_before,
    Bug.EXITS_NOT_COUNTED: replays.accuse_those_who_left,
    Bug.EVERY_CASE_COUNTS: replays.accuse_again,
    Bug.SEATS_WEIGH: replays.accuse_when_a_whale_has_left,
    Bug.PRO_RATA: replays.slash_in_part,
    Bug.ROUNDED_DOWN: replays.leave_and_be_accused,
    Bug.BOUNTY_OF_DELEGATED: replays.slash,
    Bug.SETTLED_TWICE: replays.slash_twice,
    Bug.STAKE_AFTER_THE_END: replays.put_after_the_end,
    Bug.STAKE_WHILE_ACCUSED: replays.rebond_while_accused,
    Bug.ACCUSED_KEEPS_SEAT: replays.equivocate,
    Bug.OWN_TOO_LOW: replays.remove_own,
    Bug.TOO_MANY_TIMES_OWN: replays.put_too_much,
    Bug.FREE_RIGHT_AFTER_SEAT: replays.leave_right_after_the_seat,
    Bug.READ_AGAIN_WHEN_GIVEN: replays.vote_anew_and_leave,
    Bug.READ_AGAIN_WHEN_NOBODYS: replays.vote_anew_and_come,
    Bug.DUST_LENGTHENS_STREAM: replays.throw_dust,
    Bug.IDLE_TIME_PAID: replays.stand_idle,
    Bug.NOT_COLLECTED: replays.put_more,
    Bug.SEAT_NOT_TOUCHED: replays.lose_the_seat,
    Bug.COMMISSION_BACKWARDS: replays.raise_commission,
    Bug.VACATED_TOO_EARLY: replays.vacate,
    Bug.SILENT_REJOINS: replays.vacate_and_rejoin,
    Bug.EXPIRY_NOT_LATER: replays.publish_twice_in_a_second,
    Bug.OLDER_SET_CHECKS_IN: replays.check_in_with_an_old_set,
    Bug.CAP_ROUNDED_UP: replays.nothing,
    Bug.RETIRED_KEY_FOR_EVER: replays.retire_a_key,
    Bug.RETIRED_KEY_NEVER: replays.sign_with_a_retired_key,
    Bug.EQUIVOCATION_PARDONED: replays.pardon_equivocation,
    Bug.DISMISSED_UNPARDONED: replays.dismiss_unpardoned,
    Bug.ACCUSED_TWICE: replays.repeat_an_accusation,
    Bug.ADDRESSES_COMPARED: replays.sign_with_both_keys,
    Bug.OLD_SET_ACCUSES: replays.contradict_later,
    Bug.ENDED_SET_ACCUSES: replays.contradict_too_late,
    Bug.PARDON_FORGOTTEN: replays.settle_what_was_pardoned,
    Bug.REBONDED_AT_ONCE: replays.rebond_at_once,
    Bug.LATER_CASES_NOT_AWAITED: replays.settle_before_the_others_do,
    Bug.THRESHOLD_NOT_FIXED: replays.accuse_again_in_the_next_term,
}
"""What finds a bug always."""
STEPS = [*dict.fromkeys(FINDERS.values()), replays.mature_just_after, replays.contradict]
STEPS += [replays.leave_between_case_and_settlement, replays.leave_together, replays.take_in_nothing]


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(arena: Arena, bug: Bug) -> None:
    """P6, S1 to S8, S11, S12: by its replay, in a check and not in the machine itself."""
    install(arena, bug)
    Accusers.arena = arena
    with pytest.raises(AssertionError, match=r"^(S|P)\d"):
        play(Accusers, FINDERS[bug])


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps.__name__)
def test_without_a_bug_nothing_is_found(arena: Arena, steps: Steps) -> None:
    """S1 to S8, S11, S12: the variants themselves are a bond like ours."""
    install(arena, Bug.NONE)
    Accusers.arena = arena
    play(Accusers, steps)


@pytest.mark.deep
@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found_at_random(arena: Arena, bug: Bug) -> None:
    """P6, S1 to S8, S11, S12."""
    install(arena, bug)
    Accusers.arena, Accusers.paths = arena, Counter()
    with pytest.raises(AssertionError, match=r"^(S|P)\d"):
        explore(Accusers, 8)


def install(arena: Arena, bug: Bug) -> None:
    """The variants' code, immutables included: what their constructors return at the addresses of the originals."""
    court, bond = arena.court, arena.court.bond
    domain = attestation_domain(court.chain.chain_id, court.gateway.address)
    offices = (bond.builder.address, bond.slasher, bond.treasury)
    codes = {
        bond.builder: init_code("BrokenSetBuilder", bug),
        bond.staking: init_code("BrokenStaking", bond.era.address, *offices, domain, MIN_OWN, SEATS, bug),
        court.slasher: init_code(
            "BrokenSlasher", domain, court.gateway.address, bond.staking.address, OWNER.address, bug
        ),
    }
    for contract, code in codes.items():
        place = {contract.address: {"code": to_hex(code)}}
        built = court.chain.rpc("eth_call", [{"to": contract.address, "data": "0x"}, "latest", place])
        court.chain.rpc("anvil_setCode", [contract.address, built])
