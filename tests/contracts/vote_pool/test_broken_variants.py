"""Bridges, pools and SpokeVotes with one bug each (`contracts/test/VotesBug.sol`): a replay finds every one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.protocol.votes import HOUR, Tally
from tests.kit import crossing
from tests.kit.bridging import vary
from tests.kit.evm import init_code, recode
from tests.kit.governing import MILLION, WINDOW
from tests.kit.paper import DAY
from tests.kit.roles import GUARDIAN, TREASURY
from tests.kit.stack import taken_back
from tests.kit.transfer_bugs import TransferBug
from tests.kit.voting import HUB_VOTER, OTHER, SIGNER, VOTER, Poll
from tests.kit.voting_bugs import VotesBug as Bug

FOR = 1


def grow_after_the_snapshot(poll: Poll) -> None:
    """What comes to a chain later is no weight of what it says."""
    poll.bring("arcade", OTHER, MILLION, TREASURY.address)
    poll.say("arcade", Tally(0, 100 * MILLION))
    poll.count("arcade")
    assert poll.counted("arcade").total <= poll.held("arcade"), "P7b"


def count_twice(poll: Poll) -> None:
    poll.say("arcade", Tally(0, MILLION))
    poll.count("arcade")
    poll.say("arcade", Tally(MILLION, MILLION))
    poll.count("arcade")
    assert poll.result == (MILLION, MILLION, 0), "P7a"


def lie(poll: Poll) -> None:
    """Says more than is there, but not more than the pool weighs."""
    poll.say("arcade", Tally(0, poll.held("arcade") + MILLION))
    poll.count("arcade")
    assert poll.counted("arcade").total <= poll.held("arcade"), "P7b"


def say_less(poll: Poll) -> None:
    poll.say("arcade", Tally(0, MILLION))
    poll.say("arcade", Tally(0, 1))
    assert poll.kept("arcade") == (0, MILLION, 0), "M37"


def vote_at_another_hour(poll: Poll) -> None:
    """ERA that came later votes at a snapshot of its own choice."""
    arcade, later = poll.stacks["arcade"], poll.snapshot + HOUR
    poll.cast("arcade", VOTER, FOR)
    arcade.era.send("transfer", OTHER, 5 * MILLION, sender=VOTER)
    poll.reach(later + 1)
    poll.votes["arcade"].send("castVote", poll.id, later, FOR, sender=OTHER)
    receipt = poll.votes["arcade"].send("sendTally", poll.id, later, sender=poll.courier.relayer)
    poll.courier.note("arcade", receipt)
    poll.courier.carry("arcade", "hub")
    assert poll.kept("arcade") == (0, 0, 0), "P7a"


def object_late(poll: Poll) -> None:
    """What is against counts after the old deadline, whatever else the tally holds."""
    poll.reach(poll.deadline - WINDOW + 1, "hub")
    poll.governor.send("castVote", poll.id, FOR, sender=HUB_VOTER)
    poll.say("arcade", Tally(MILLION, MILLION))
    poll.reach(poll.deadline + 1, "hub")
    poll.pool.attempt("cast", poll.id, poll.id_of("arcade"), sender=poll.courier.relayer)
    assert poll.result == (MILLION, 60 * MILLION, 0), "P7e"


def count_what_is_paused(poll: Poll) -> None:
    poll.say("arcade", Tally(0, MILLION))
    gateway = poll.stacks["hub"].gateway
    gateway.send("pauseInbound", poll.id_of("arcade"), DAY, sender=GUARDIAN.address)
    poll.pool.attempt("cast", poll.id, poll.id_of("arcade"), sender=poll.courier.relayer)
    assert poll.result == (0, 0, 0), "M37"


def lie_before_a_restart(poll: Poll) -> None:
    poll.say("arcade", Tally(0, 2**128 - 1))
    poll.restart("arcade")
    poll.say("arcade", Tally(MILLION))
    poll.count("arcade")
    assert poll.result == (MILLION, 0, 0), "P7b"


def borrow(poll: Poll) -> None:
    """M23: what came after the snapshot votes."""
    poll.stacks["arcade"].era.send("transfer", VOTER, MILLION, sender=OTHER)
    poll.cast("arcade", VOTER, FOR)
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (0, 5 * MILLION, 0), "M23"


def split_twice(poll: Poll) -> None:
    """M28: each part is within the whole, together they are not."""
    for _ in range(2):
        call = ("castFractionalVote", *poll.ballot, Tally(0, 4 * MILLION))
        poll.votes["arcade"].attempt(*call, sender=VOTER)
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (0, 4 * MILLION, 0), "P7a"


def sign(poll: Poll) -> None:
    """M28: what was signed for one snapshot counts for no other."""
    earlier = poll.snapshot - HOUR
    signature = poll.signed(FOR)
    call = ("castVoteBySig", poll.id, earlier, FOR, SIGNER.address, signature)
    poll.votes["arcade"].attempt(*call, sender=poll.courier.relayer)
    unsigned = ("castVoteBySig", poll.id, earlier, FOR, SIGNER.address, poll.signed(FOR, snapshot=0))
    poll.votes["arcade"].attempt(*unsigned, sender=poll.courier.relayer)
    assert poll.votes["arcade"].view("tally", poll.id, earlier) == (0, 0, 0), "M28"


FINDERS: dict[Bug, Callable[[Poll], object]] = {
    Bug.NO_CLOCK: crossing.spoke_ahead,
    Bug.CLOCK_ON_THE_HUB_ONLY: crossing.spoke_behind,
    Bug.CLOCK_ON_SPOKES_ONLY: crossing.spoke_ahead,
    Bug.CLOCK_TOO_STRICT: crossing.to_the_second,
    Bug.CLOCK_A_SECOND_LOOSE: crossing.to_the_second,
    Bug.SECOND_OF_THE_FIRST_HOP: crossing.two_hops,
    Bug.PREPAID_WITHOUT_CLOCK: crossing.pay_with_votes,
    Bug.RETURNS_WITHOUT_CLOCK: crossing.come_back_over_the_hub,
    Bug.HOUR_ROUNDED_DOWN: crossing.in_the_second_of_the_hour,
    Bug.PRESENT_CAP: grow_after_the_snapshot,
    Bug.SUM_CAST_AGAIN: count_twice,
    Bug.LOWER_TALLY_KEPT: say_less,
    Bug.ANY_SNAPSHOT_KEPT: vote_at_another_hour,
    Bug.IN_FAVOUR_AFTER_THE_DEADLINE: object_late,
    Bug.CLOSED_CHAIN_CAST: count_what_is_paused,
    Bug.CUT_NOTHING: lie,
    Bug.LIE_OUTLIVES_RESTART: lie_before_a_restart,
    Bug.WEIGHT_OF_NOW: borrow,
    Bug.PARTS_OF_THE_WHOLE: split_twice,
    Bug.SNAPSHOT_NOT_SIGNED: sign,
}
"""What finds a bug always."""


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(poll: Poll, bug: Bug) -> None:
    """P4, P7a, P7b, P7e: by a check, and not by an error of the replay itself."""
    install(poll, bug)
    with pytest.raises(AssertionError, match=r"^(P|M)\d"):
        FINDERS[bug](poll)


@pytest.mark.parametrize("replay", dict.fromkeys(FINDERS.values()), ids=lambda replay: replay.__name__)
def test_without_a_bug_nothing_is_found(poll: Poll, replay: Callable[[Poll], object]) -> None:
    """The variants themselves are contracts like ours."""
    install(poll, Bug.NONE)
    replay(poll)


@pytest.mark.deep
@pytest.mark.parametrize(
    "bug",
    [Bug.NO_CLOCK, Bug.CLOCK_ON_THE_HUB_ONLY, Bug.CLOCK_ON_SPOKES_ONLY],
    ids=lambda bug: bug.name.lower(),
)
def test_a_missing_clock_is_found_at_random(poll: Poll, bug: Bug) -> None:
    """P7a: by one walk of forty."""
    install(poll, bug)
    with pytest.raises(AssertionError, match=r"^(P7a|P7b)"):
        wander_often(poll)


def wander_often(poll: Poll) -> None:
    for seed in range(40):
        with taken_back(poll.stacks):
            crossing.wander(poll.fork(), seed)


def install(poll: Poll, bug: Bug) -> None:
    """The variants' code, immutables included: what their constructors return at the addresses of the originals."""
    hub_id = poll.courier.hub_id
    for name, stack in poll.stacks.items():
        gateway, era, bridge = stack.gateway.address, stack.era.address, stack.bridge
        vary(bridge, "BrokenTokenBridge", bug, TransferBug.NONE)
        if name == "hub":
            code = init_code("BrokenHubVotePool", gateway, poll.governor.address, bridge.address, bug)
            recode(poll.pool, code)
        else:
            recode(poll.votes[name], init_code("BrokenSpokeVotes", gateway, era, hub_id, bug))
