"""Governors with one bug each (`contracts/test/BrokenGovernor.sol`): a test of the others must fail with each of them,
and pass with none.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contracts.governor import (
    test_expiry,
    test_guardian,
    test_objections,
    test_pins,
    test_settings,
)
from tests.kit.governing import ABSTAIN, Senate
from tests.kit.voting_bugs import GovernorBug as Bug

Test = Callable[[Senate], None]


def abstaining(senate: Senate) -> None:
    test_objections.test_then_only_votes_against_count(senate, ABSTAIN)


FINDERS: dict[Bug, list[Test]] = {
    Bug.NO_PINS: [test_pins.test_changed_code_is_refused],
    Bug.PAYEES_PINNED: [test_pins.test_whoever_is_only_paid_may_change],
    Bug.PINNED_FOR_THE_QUEUE_ONLY: [test_pins.test_what_changes_after_the_queue_is_refused],
    Bug.FLIPS_BOTH_WAYS: [
        test_objections.test_who_makes_it_fail_opens_nothing,
        test_objections.test_a_raid_is_answered,
    ],
    Bug.ABSTENTIONS_OBJECT: [abstaining],
    Bug.OBJECTIONS_FROM_NOW: [test_objections.test_all_votes_count_until_the_old_deadline],
    Bug.PASSED_FOR_EVER: [test_expiry.test_what_is_not_queued_in_time_expires],
    Bug.EXPIRY_OF_THE_DAY: [test_expiry.test_settings_of_later_change_no_end],
    Bug.REPLACEMENT_CONTAINED: [test_guardian.test_the_guardian_cancels_what_only_contains_its_replacement],
    Bug.ZERO_GUARDIAN: [test_guardian.test_there_is_always_a_guardian],
    Bug.CLOCK_OF_THE_TOKEN: [test_settings.test_time_is_unix_time],
}
PAIRS = [(bug, finder) for bug, finders in FINDERS.items() for finder in finders]


@pytest.mark.parametrize(("bug", "finder"), PAIRS)
def test_every_bug_is_found(senate: Senate, bug: Bug, finder: Test) -> None:
    with pytest.raises(AssertionError):
        finder(senate.with_bug(bug))


@pytest.mark.parametrize("finder", dict.fromkeys(finder for _, finder in PAIRS))
def test_without_a_bug_nothing_is_found(senate: Senate, finder: Test) -> None:
    finder(senate.with_bug(Bug.NONE))
