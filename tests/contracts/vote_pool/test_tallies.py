"""HubVotePool: which tallies it keeps, and from whom."""

from __future__ import annotations

from itertools import permutations

import pytest

from metalayer.protocol.message import interoperable
from metalayer.protocol.votes import HOUR, Payload, Tally
from tests.kit.evm import error
from tests.kit.governing import MILLION
from tests.kit.roles import ATTACKER, OWNER, RELAYER, Role
from tests.kit.voting import OTHER, PERPS_VOTER, VOTER, Poll

FIRST, SECOND = Tally(0, 5 * MILLION), Tally(3 * MILLION, 5 * MILLION)


def test_keeps_the_tally_of_each_chain(poll: Poll) -> None:
    poll.cast("arcade", VOTER, 1)
    poll.cast("perps", PERPS_VOTER, 0)
    receipt = poll.bring_tally("arcade")
    assert receipt.named("TallyReceived") == [(poll.id, poll.id_of("arcade"), FIRST)]
    poll.bring_tally("perps")
    assert (poll.kept("arcade"), poll.kept("perps")) == (FIRST, Tally(2 * MILLION))
    assert (poll.counted("arcade"), poll.result) == (Tally(), Tally())


def test_keeps_what_grew(poll: Poll) -> None:
    poll.cast("arcade", VOTER, 1)
    poll.bring_tally("arcade")
    poll.cast("arcade", OTHER, 0)
    poll.bring_tally("arcade")
    assert poll.kept("arcade") == SECOND


@pytest.mark.parametrize("order", [*permutations(range(3))][1:], ids=lambda order: "".join(map(str, order)))
def test_the_highest_stays_whatever_the_order(poll: Poll, order: tuple[int, ...]) -> None:
    """M37: messages that failed are retried later than those behind them. Duplicates change nothing."""
    tallies = [FIRST, SECOND, Tally(3 * MILLION, 5 * MILLION, 1)]
    for place in order:
        poll.say("arcade", tallies[place])
    poll.say("arcade", FIRST)
    assert poll.kept("arcade") == tallies[2]


@pytest.mark.parametrize(
    "lower",
    [FIRST, Tally(3 * MILLION - 1, 9 * MILLION), Tally(9 * MILLION, 5 * MILLION - 1, 1), SECOND],
    ids=["lower", "one-part", "another-part", "equal"],
)
def test_ignores_what_is_not_higher(poll: Poll, lower: Tally) -> None:
    """M37: decreasing and duplicated ones are delivered like any message, and change nothing."""
    poll.say("arcade", SECOND)
    receipt = poll.say("arcade", lower)
    assert receipt.named("TallyIgnored") == [(poll.id, poll.id_of("arcade"), poll.snapshot, lower)]
    assert (receipt.named("MessageFailed"), len(receipt.named("MessageDelivered"))) == ([], 1)
    assert poll.kept("arcade") == SECOND


@pytest.mark.parametrize("shift", [-HOUR, HOUR, 1, -1])
def test_ignores_another_snapshot(poll: Poll, shift: int) -> None:
    """A ballot is the voters' own: at an hour of their choice, ERA would vote again wherever it was then."""
    receipt = poll.say("arcade", FIRST, snapshot=poll.snapshot + shift)
    assert receipt.named("TallyIgnored") == [(poll.id, poll.id_of("arcade"), poll.snapshot + shift, FIRST)]
    assert poll.kept("arcade") == Tally()


@pytest.mark.parametrize("snapshot", [0, None])
def test_ignores_what_nobody_proposed(poll: Poll, snapshot: int | None) -> None:
    """Its snapshot is none, not zero: it may be proposed later."""
    receipt = poll.say("arcade", FIRST, snapshot=snapshot, proposal=7)
    ((proposal, chain, _, tally),) = receipt.named("TallyIgnored")
    assert (proposal, chain, tally) == (7, poll.id_of("arcade"), FIRST)
    assert poll.pool.view("tally", 7, chain) == Tally()


def test_keeps_tallies_of_two_proposals_apart(poll: Poll) -> None:
    other = poll.propose("Let it refuse again")
    poll.say("arcade", FIRST)
    other.say("arcade", SECOND)
    assert (poll.kept("arcade"), other.kept("arcade")) == (FIRST, SECOND)


# After a restart of its lane


def test_a_lie_ends_with_the_restart_of_its_lane(poll: Poll) -> None:
    """P7b: the chain was compromised, and says what is so from now on."""
    poll.say("arcade", Tally(0, 2**128 - 1))
    poll.restart("arcade")
    receipt = poll.say("arcade", SECOND)
    assert receipt.named("TallyReceived") == [(poll.id, poll.id_of("arcade"), SECOND)]
    poll.count("arcade")
    assert (poll.kept("arcade"), poll.result) == (SECOND, SECOND)


def test_an_equal_tally_is_kept_after_a_restart(poll: Poll) -> None:
    """It was no lie: now it is said again."""
    poll.say("arcade", SECOND)
    poll.restart("arcade")
    assert poll.refusal("arcade") == error("TallyOutdated", poll.id, poll.id_of("arcade"))
    assert len(poll.say("arcade", SECOND).named("TallyReceived")) == 1
    poll.count("arcade")
    assert poll.result == SECOND


def test_tallies_only_grow_after_a_restart(poll: Poll) -> None:
    """M37."""
    poll.restart("arcade")
    poll.say("arcade", SECOND)
    for tally in (FIRST, SECOND):
        assert len(poll.say("arcade", tally).named("TallyIgnored")) == 1
    assert poll.kept("arcade") == SECOND


@pytest.mark.parametrize("lower", [FIRST, Tally(9 * MILLION, 4 * MILLION, 1)], ids=["lower", "one-part"])
def test_what_was_cast_stays_cast_after_a_restart(poll: Poll, lower: Tally) -> None:
    """P7a: the governor takes no vote back. What is less is not kept, and not cast."""
    poll.say("arcade", SECOND)
    poll.count("arcade")
    poll.restart("arcade")
    receipt = poll.say("arcade", lower)
    assert receipt.named("TallyIgnored") == [(poll.id, poll.id_of("arcade"), poll.snapshot, lower)]
    assert poll.refusal("arcade") == error("TallyOutdated", poll.id, poll.id_of("arcade"))
    poll.say("arcade", SECOND)
    assert poll.refusal("arcade") == error("NothingToCast", poll.id, poll.id_of("arcade"))
    assert poll.result == SECOND


def test_a_restart_ends_no_other_chains_tally(poll: Poll) -> None:
    poll.say("perps", Tally(MILLION))
    poll.restart("arcade")
    poll.count("perps")
    assert poll.result == Tally(MILLION)


# From whom


@pytest.mark.parametrize("payload", [b"", bytes(159), b"\xff" * 192], ids=["empty", "short", "dirty"])
def test_refuses_what_is_no_tally(poll: Poll, payload: bytes) -> None:
    hub = poll.stacks["hub"]
    sender = interoperable(poll.id_of("arcade"), poll.pool.address)
    refusal = poll.pool.revert("receiveMessage", bytes(32), sender, payload, sender=hub.gateway.address)
    assert not refusal.is_panic


@pytest.mark.parametrize("kind", ["stranger", "bridge", "gateway", "governor"])
def test_hears_nobody_but_itself(poll: Poll, kind: str) -> None:
    """M10: from any chain, SpokeVotes alone."""
    hub = poll.stacks["hub"]
    accounts = {
        "stranger": ATTACKER.address,
        "bridge": hub.bridge.address,
        "gateway": hub.gateway.address,
        "governor": poll.governor.address,
    }
    sender = interoperable(poll.id_of("arcade"), accounts[kind])
    payload = Payload(*poll.ballot, FIRST, VOTER).encoded
    refusal = poll.pool.revert("receiveMessage", bytes(32), sender, payload, sender=hub.gateway.address)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", hub.gateway.address, sender)


@pytest.mark.parametrize("caller", [ATTACKER, RELAYER, OWNER])
def test_hears_no_other_gateway(poll: Poll, caller: Role) -> None:
    """M10."""
    account = caller.address
    sender = interoperable(poll.id_of("arcade"), poll.pool.address)
    payload = Payload(*poll.ballot, FIRST, VOTER).encoded
    refusal = poll.pool.revert("receiveMessage", bytes(32), sender, payload, sender=account)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", account, sender)
