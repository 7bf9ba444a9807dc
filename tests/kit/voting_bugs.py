"""Variants of governance's contracts with one bug each, as the contracts' enums number them."""

from __future__ import annotations

from enum import IntEnum


class GovernorBug(IntEnum):
    """Of BrokenGovernor."""

    NONE = 0
    NO_PINS = 1
    PAYEES_PINNED = 2
    PINNED_FOR_THE_QUEUE_ONLY = 3
    FLIPS_BOTH_WAYS = 4
    ABSTENTIONS_OBJECT = 5
    OBJECTIONS_FROM_NOW = 6
    PASSED_FOR_EVER = 7
    EXPIRY_OF_THE_DAY = 8
    REPLACEMENT_CONTAINED = 9
    ZERO_GUARDIAN = 10
    CLOCK_OF_THE_TOKEN = 11


class VotesBug(IntEnum):
    """Of the broken bridge, pool and SpokeVotes."""

    NONE = 0
    NO_CLOCK = 1
    CLOCK_ON_THE_HUB_ONLY = 2
    CLOCK_ON_SPOKES_ONLY = 3
    CLOCK_TOO_STRICT = 4
    CLOCK_A_SECOND_LOOSE = 5
    SECOND_OF_THE_FIRST_HOP = 6
    PREPAID_WITHOUT_CLOCK = 7
    RETURNS_WITHOUT_CLOCK = 8
    HOUR_ROUNDED_DOWN = 9
    PRESENT_CAP = 10
    SUM_CAST_AGAIN = 11
    LOWER_TALLY_KEPT = 12
    ANY_SNAPSHOT_KEPT = 13
    IN_FAVOUR_AFTER_THE_DEADLINE = 14
    CLOSED_CHAIN_CAST = 15
    CUT_NOTHING = 16
    LIE_OUTLIVES_RESTART = 17
    WEIGHT_OF_NOW = 18
    PARTS_OF_THE_WHOLE = 19
    SNAPSHOT_NOT_SIGNED = 20
