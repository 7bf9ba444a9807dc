"""Votes of three chains, driven at random beside an exact model of who held what; and variants with one bug each
(`contracts/test/BrokenGovernor.sol`, `BrokenTokenBridge.sol`, `BrokenHubVotePool.sol`, `BrokenSpokeVotes.sol`), which
the machine must find.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kit.exploring import explore, play
from tests.kit.voting_bugs import GovernorBug, VotesBug
from tests.stateful import vote_replays as replays
from tests.stateful.electorate import Electorate
from tests.stateful.vote_replays import Steps
from tests.stateful.voters import Voters

Bug = VotesBug | GovernorBug

FINDERS: list[tuple[Bug, Steps]] = [
    (VotesBug.NO_CLOCK, replays.arrive_before_the_snapshot),
    (VotesBug.CLOCK_ON_THE_HUB_ONLY, replays.arrive_on_a_spoke_before_the_snapshot),
    (VotesBug.CLOCK_ON_SPOKES_ONLY, replays.arrive_before_the_snapshot),
    (VotesBug.CLOCK_TOO_STRICT, replays.arrive_to_the_second),
    (VotesBug.CLOCK_A_SECOND_LOOSE, replays.arrive_to_the_second),
    (VotesBug.SECOND_OF_THE_FIRST_HOP, replays.cross_by_the_hub),
    (VotesBug.PREPAID_WITHOUT_CLOCK, replays.pay_with_votes),
    (VotesBug.RETURNS_WITHOUT_CLOCK, replays.come_home_by_the_hub_that_is_ahead),
    (VotesBug.HOUR_ROUNDED_DOWN, replays.lock_in_the_second_of_the_snapshot),
    (VotesBug.PRESENT_CAP, replays.say_after_growing),
    (VotesBug.SUM_CAST_AGAIN, replays.say_more_later),
    (VotesBug.LOWER_TALLY_KEPT, replays.say_less),
    (VotesBug.ANY_SNAPSHOT_KEPT, replays.say_of_another_snapshot),
    (VotesBug.IN_FAVOUR_AFTER_THE_DEADLINE, replays.cast_late),
    (VotesBug.CLOSED_CHAIN_CAST, replays.cast_while_paused),
    (VotesBug.CUT_NOTHING, replays.say_too_much),
    (VotesBug.LIE_OUTLIVES_RESTART, replays.lie_before_a_restart),
    (VotesBug.WEIGHT_OF_NOW, replays.vote_with_what_came_later),
    (VotesBug.PARTS_OF_THE_WHOLE, replays.vote_with_half_and_the_rest),
    (VotesBug.SNAPSHOT_NOT_SIGNED, replays.vote_by_signature),
    (GovernorBug.NO_PINS, replays.execute_with_other_code),
    (GovernorBug.PAYEES_PINNED, replays.pay_who_was_paid),
    (GovernorBug.PINNED_FOR_THE_QUEUE_ONLY, replays.execute_with_other_code),
    (GovernorBug.FLIPS_BOTH_WAYS, replays.fail_late),
    (GovernorBug.ABSTENTIONS_OBJECT, replays.abstain_late),
    (GovernorBug.OBJECTIONS_FROM_NOW, replays.pass_late),
    (GovernorBug.PASSED_FOR_EVER, replays.wait_for_the_queue),
    (GovernorBug.EXPIRY_OF_THE_DAY, replays.shorten_meanwhile),
    (GovernorBug.REPLACEMENT_CONTAINED, replays.hide_beside_the_guardian),
    (GovernorBug.ZERO_GUARDIAN, replays.leave_no_guardian),
    (GovernorBug.CLOCK_OF_THE_TOKEN, replays.wait),
]
"""What finds a bug always."""
NAMES = [bug.name.lower() for bug, _ in FINDERS]
REACHED = {
    *("credited", "not credited", "forwarded", "sent back", "retry", "returnToSender", "refund"),
    *("front", "front: AlreadyFronted", "claim", "claim: NothingToClaimFor", "pay", "cover"),
    *(
        "castVoteBySig",
        "castFractionalVoteBySig",
        "tally kept",
        "cast",
        "cast: ChainNotTrusted",
        "cast: TallyOutdated",
    ),
    *("contested", "castVote: ObjectionsOnly", "queue: GovernorUnexpectedProposalState"),
    *("execute", "execute: CodeChanged", "execute: GovernorUnexpectedProposalState"),
    *("execute: ZeroProposalGuardian", "cancel", "cancel: GovernorUnableToCancel"),
}
"""What the steps do, so that they do not stop to do it unseen."""
COUNTED = {
    "NO_CLOCK",
    "CLOCK_ON_THE_HUB_ONLY",
    "CLOCK_ON_SPOKES_ONLY",
    "CLOCK_A_SECOND_LOOSE",
    "SECOND_OF_THE_FIRST_HOP",
    "PREPAID_WITHOUT_CLOCK",
    "RETURNS_WITHOUT_CLOCK",
}
STEPS = [*dict.fromkeys(steps for _, steps in FINDERS), replays.come_home, replays.come_home_by_the_hub]
STEPS += [replays.cast_while_closed, replays.release_and_say, replays.replace_the_guardian]
STEPS += [replays.queue_too_late, replays.execute_too_late, replays.claim_what_arrived]
STEPS += [replays.vote_by_signature_on_the_hub, replays.raid]
STEPS += [replays.claim_before_a_restart, replays.front_and_arrive, replays.front_and_come_home]
STEPS += [replays.front_and_come_home_by_the_hub, replays.claim_what_others_sent, replays.give]
STEPS += [replays.prepay_and_come_home, replays.release_as_a_fee]


class Believers(Voters):
    """Takes for right whatever the bridge credits: a piece of ERA that votes twice, or on a chain that has less, is
    found by counting alone.
    """

    def expect(self, what: str, found: object, expected: object) -> None:
        pass


CLOCKS = [(bug, steps) for bug, steps in FINDERS if bug.name in COUNTED]


def test_votes(electorate: Electorate) -> None:
    """P7a, P7b, P7e, P7f, M38, M47: any clocks, any order."""
    Voters.electorate, Voters.paths = electorate, Counter()
    explore(Voters, 25)


@pytest.mark.parametrize(("bug", "steps"), FINDERS, ids=NAMES)
def test_every_bug_is_found(electorate: Electorate, bug: Bug, steps: Steps) -> None:
    """P7a, P7b, P7e, P7f: by its replay, in a check and not in the machine itself."""
    install(electorate, bug)
    Voters.electorate = electorate
    with pytest.raises(AssertionError, match=r"^(P|M)\d"):
        play(Voters, steps)


@pytest.mark.parametrize(("bug", "steps"), CLOCKS, ids=[bug.name.lower() for bug, _ in CLOCKS])
def test_what_clocks_prevent_is_counted(electorate: Electorate, bug: Bug, steps: Steps) -> None:
    """P7a, P7b: beside a model that knows nothing of the bridge's rule."""
    install(electorate, bug)
    Believers.electorate = electorate
    with pytest.raises(AssertionError, match=r"^(P7a: a piece|P7b: honest)"):
        play(Believers, steps)


def test_without_a_bug_nothing_is_found(electorate: Electorate) -> None:
    """P7a, P7b, P7e, P7f: the variants themselves are contracts like ours."""
    electorate.install()
    Voters.electorate, Voters.paths = electorate, Counter()
    for steps in STEPS:
        play(Voters, steps)
    assert set(Voters.paths) >= REACHED


@pytest.mark.deep
@pytest.mark.parametrize("bug", [bug for bug, _ in FINDERS], ids=NAMES)
def test_every_bug_is_found_at_random(electorate: Electorate, bug: Bug) -> None:
    """P7a, P7b, P7e, P7f."""
    install(electorate, bug)
    Voters.electorate, Voters.paths = electorate, Counter()
    with pytest.raises(AssertionError, match=r"^(P|M)\d"):
        explore(Voters, 25)


def install(electorate: Electorate, bug: Bug) -> None:
    if isinstance(bug, VotesBug):
        electorate.install(votes_bug=bug)
    else:
        electorate.install(governor_bug=bug)
