"""HubVotePool: what it casts, and never more of a chain than was there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.votes import HOUR, Tally, castable
from tests.kit.evm import Revert, error
from tests.kit.governing import MILLION, WINDOW, State
from tests.kit.paper import DAY
from tests.kit.roles import ATTACKER, GUARDIAN, OWNER, RELAYER
from tests.kit.voting import HUB_VOTER, OTHER, PERPS_VOTER, SIGNER, VOTER, Poll

AGAINST, FOR, ABSTAIN = range(3)
MOST = 2**128 - 1
tallies = st.builds(Tally, *[st.integers(0, 40) | st.integers(0, MOST)] * 3)


def test_casts_what_a_chain_voted(poll: Poll) -> None:
    """P7a: to the wei, in three parts, by anyone."""
    poll.cast("arcade", VOTER, FOR)
    poll.cast("arcade", OTHER, AGAINST)
    poll.split("arcade", SIGNER.address, 1, 2, 3)
    poll.bring_tally("arcade")
    tally = Tally(3 * MILLION + 1, 5 * MILLION + 2, 3)
    receipt = poll.pool.send("cast", poll.id, poll.id_of("arcade"), sender=ATTACKER.address)
    assert receipt.named("TallyCast") == [(poll.id, poll.id_of("arcade"), tally)]
    assert poll.result == poll.counted("arcade") == tally


def test_all_chains_vote_together(poll: Poll) -> None:
    poll.governor.send("castVote", poll.id, AGAINST, sender=HUB_VOTER)
    poll.cast("arcade", VOTER, FOR)
    poll.cast("perps", PERPS_VOTER, ABSTAIN)
    for name in ("arcade", "perps"):
        poll.bring_tally(name)
        poll.count(name)
    assert poll.result == (60 * MILLION, 5 * MILLION, 2 * MILLION)


def test_casts_the_difference(poll: Poll) -> None:
    """P7a: what was cast before is not cast again."""
    poll.cast("arcade", VOTER, FOR)
    poll.bring_tally("arcade")
    poll.count("arcade")
    poll.cast("arcade", OTHER, AGAINST)
    poll.bring_tally("arcade")
    receipt = poll.count("arcade")
    assert receipt.named("TallyCast") == [(poll.id, poll.id_of("arcade"), (3 * MILLION, 0, 0))]
    assert poll.result == poll.counted("arcade") == (3 * MILLION, 5 * MILLION, 0)


def test_refuses_to_cast_nothing(poll: Poll) -> None:
    """M37: twice in one block, too; and what never arrived, of any chain or proposal."""
    nothing = error("NothingToCast", poll.id, poll.id_of("arcade"))
    assert poll.refusal("arcade") == nothing
    poll.cast("arcade", VOTER, FOR)
    poll.bring_tally("arcade")
    hub = poll.stacks["hub"].chain
    hub.rpc("evm_setAutomine", [False])
    data = poll.pool.encode("cast", poll.id, poll.id_of("arcade"))
    call = {"from": RELAYER.address, "to": poll.pool.address, "data": "0x" + data.hex(), "gas": hex(10**6)}
    hashes = [hub.rpc("eth_sendTransaction", [call]) for _ in range(2)]
    hub.rpc("evm_mine")
    hub.rpc("evm_setAutomine", [True])
    receipts = [hub.rpc("eth_getTransactionReceipt", [each]) for each in hashes]
    assert [each["status"] for each in receipts] == ["0x1", "0x0"]
    assert receipts[0]["blockHash"] == receipts[1]["blockHash"]
    assert poll.refusal("arcade") == nothing
    assert poll.result == (0, 5 * MILLION, 0)


def test_refuses_what_nobody_proposed(poll: Poll) -> None:
    poll.say("arcade", Tally(0, 1), snapshot=0, proposal=7)
    refusal = poll.pool.revert("cast", 7, poll.id_of("arcade"), sender=ATTACKER.address)
    assert refusal == error("NothingToCast", 7, poll.id_of("arcade"))


# A chain that lies


@pytest.mark.parametrize(
    "said",
    [(2, 0, 0), (0, 3, 0), (1, 1, 1), (1, 0, 7), (MOST, MOST, MOST), (MOST, 1, 0)],
    ids=str,
)
def test_a_chain_counts_no_more_than_was_there(poll: Poll, said: tuple[int, int, int]) -> None:
    """M37, P7b: all parts are cut in the same measure; rounding is against them (M40), by 2 wei at most."""
    parts = [min(MOST, part * poll.held("arcade")) for part in said]
    tally = Tally(*parts)
    poll.say("arcade", tally)
    poll.count("arcade")
    cap = poll.held("arcade")
    counted = poll.counted("arcade")
    assert cap - 2 <= counted.total <= cap
    assert counted == Tally(*(part * cap // tally.total for part in tally)) == poll.result


def test_what_a_chain_says_beyond_its_cap_counts_never(poll: Poll) -> None:
    """P7b: parts that grow after everything was cast, in whatever measure they did."""
    cap = poll.held("arcade")
    poll.say("arcade", Tally(0, cap + 10))
    poll.count("arcade")
    for grown in (Tally(0, MOST), Tally(cap, MOST), Tally(MOST, MOST, MOST)):
        poll.say("arcade", grown)
        assert poll.kept("arcade") == grown
        assert poll.refusal("arcade") == error("NothingToCast", poll.id, poll.id_of("arcade"))
    assert poll.result == (0, cap, 0)


def test_a_chain_that_changes_its_mind_gets_the_rest(poll: Poll) -> None:
    """P7b: between two tallies of other measures; what was cast stays."""
    cap = poll.held("arcade")
    poll.say("arcade", Tally(0, cap // 3))
    poll.count("arcade")
    poll.say("arcade", Tally(3 * cap, cap))
    poll.count("arcade")
    first = Tally(0, cap // 3)
    added = castable(Tally(3 * cap, cap), first, cap)
    assert poll.result == poll.counted("arcade") == Tally(added.against, first.in_favour + added.in_favour)
    assert cap - 2 <= poll.result.total <= cap


def test_a_chain_takes_nothing_from_another(poll: Poll) -> None:
    """M37: also if it says that it is one (the lane says where a message is from), or proposes two."""
    poll.say("perps", Tally(MOST, MOST, MOST))
    poll.count("perps")
    other = poll.propose("Let it refuse again")
    poll.cast("arcade", VOTER, FOR)
    poll.bring_tally("arcade")
    poll.count("arcade")
    poll.split("arcade", OTHER, 0, 0, 3 * MILLION)
    poll.bring_tally("arcade")
    poll.count("arcade")
    assert poll.counted("arcade") == (0, 5 * MILLION, 3 * MILLION)
    other.cast("arcade", VOTER, AGAINST)
    other.bring_tally("arcade")
    other.count("arcade")
    assert other.result == (5 * MILLION, 0, 0)


def test_the_pools_weight_is_what_was_there(poll: Poll) -> None:
    """A7, P7b: all chains at their caps use it up, to the wei."""
    weight = poll.governor.view("getVotes", poll.pool.address, poll.snapshot)
    assert weight == poll.held("arcade") + poll.held("perps")
    for name in ("arcade", "perps"):
        poll.say(name, Tally(0, MOST))
        poll.count(name)
    assert poll.result == (0, weight, 0)
    assert poll.governor.view("usedVotes", poll.id, poll.pool.address) == weight


@given(said=tallies, before=tallies, cap=st.integers(0, 100) | st.integers(0, 10**27))
def test_no_sequence_of_tallies_counts_more(said: Tally, before: Tally, cap: int) -> None:
    """P7b, as the mirror computes it: monotone tallies, of which the first was cast."""
    counted = castable(before, Tally(), cap)
    grown = Tally(*map(max, said, before))
    added = castable(grown, counted, cap)
    assert counted.total + added.total <= cap
    assert all(part >= 0 for part in added)
    if grown.total <= cap:
        assert Tally(*map(sum, zip(counted, added, strict=True))) == grown
    else:
        assert counted.total + added.total >= cap - 2


def test_what_left_after_the_snapshot_still_votes(poll: Poll) -> None:
    """P7a: the cap is what was there then, not what is there now."""
    arcade = poll.stacks["arcade"]
    arcade.gateway.send("setAllowance", arcade.bridge.address, 2**256 - 1, sender=RELAYER.address)
    arcade.era.send("transfer", RELAYER.address, 5 * MILLION, sender=VOTER)
    arguments = (arcade.era.address, poll.courier.hub_id, VOTER, 5 * MILLION)
    receipt = arcade.bridge.send("send", *arguments, sender=RELAYER.address)
    poll.courier.note("arcade", receipt)
    poll.courier.carry("arcade", "hub")
    poll.cast("arcade", VOTER, FOR)
    for voter in (OTHER, SIGNER.address):
        poll.stacks["arcade"].chain.rpc("anvil_impersonateAccount", [voter])
        poll.cast("arcade", voter, FOR)
    poll.bring_tally("arcade")
    poll.count("arcade")
    assert poll.result == (0, 9 * MILLION, 0)


# Chains that are not trusted


@pytest.mark.parametrize("how", ["closed", "paused"])
def test_refuses_a_chain_that_is_closed_or_paused(poll: Poll, how: str) -> None:
    """M37: what arrived before may be what it was closed for. Other chains vote on."""
    gateway, chain_id = poll.stacks["hub"].gateway, poll.id_of("arcade")
    poll.say("arcade", Tally(0, MILLION))
    poll.say("perps", Tally(0, MILLION))
    if how == "closed":
        gateway.send("setOpen", chain_id, True, False, sender=OWNER.address)
    else:
        gateway.send("pauseInbound", chain_id, DAY, sender=GUARDIAN.address)
    assert poll.refusal("arcade") == error("ChainNotTrusted", chain_id)
    poll.count("perps")
    if how == "closed":
        gateway.send("setOpen", chain_id, False, True, sender=OWNER.address)
        poll.count("arcade")
    else:
        until = gateway.view("pausedUntil", chain_id)
        assert poll.refusal("arcade", at=until - 1) == error("ChainNotTrusted", chain_id)
        poll.count("arcade", at=until)
    assert poll.result == (0, 2 * MILLION, 0)


def test_refuses_a_chain_that_never_had_a_route(poll: Poll) -> None:
    refusal = poll.pool.revert("cast", poll.id, 4_242, sender=ATTACKER.address)
    assert refusal == error("ChainNotTrusted", 4_242)


# Time


def test_counts_until_the_last_second(poll: Poll) -> None:
    """M37: late ones are the governor's to refuse."""
    poll.say("arcade", Tally(0, MILLION))
    poll.say("perps", Tally(0, MILLION))
    poll.count("arcade", at=poll.deadline)
    refused = poll.refusal("perps", at=poll.deadline + 1)
    assert refused == unexpected(poll, State.DEFEATED)


def test_refuses_to_count_before_the_vote(poll: Poll) -> None:
    """A spoke whose clock is ahead has passed the snapshot; the hub waits for its own."""
    early = poll.draft("Let it refuse later")
    early.say("arcade", Tally(0, MILLION))
    assert early.kept("arcade") == Tally(0, MILLION)
    assert early.refusal("arcade") == error("InvalidHour", early.snapshot)
    assert early.refusal("arcade", at=early.snapshot) == error("InvalidHour", early.snapshot)
    early.count("arcade", at=early.snapshot + 1)
    assert early.result == (0, MILLION, 0)


def unexpected(poll: Poll, state: State) -> Revert:
    """What the governor says of a vote when a proposal is not active."""
    bitmap = (1 << State.ACTIVE).to_bytes(32, "big")
    return error("GovernorUnexpectedProposalState", poll.id, state, bitmap)


# Objections


@pytest.fixture
def contested(poll: Poll) -> Poll:
    """60 million made it pass in the last two days. The old deadline is over, and arcade has a tally of all kinds."""
    poll.reach(poll.deadline - WINDOW + 1, "hub")
    poll.governor.send("castVote", poll.id, FOR, sender=HUB_VOTER)
    assert poll.governor.view("objectionsFrom", poll.id) == poll.deadline
    poll.cast("arcade", VOTER, FOR)
    poll.cast("arcade", OTHER, AGAINST)
    poll.split("arcade", SIGNER.address, 10, 20, 30)
    poll.bring_tally("arcade")
    return poll


def test_counts_everything_up_to_the_old_deadline(contested: Poll) -> None:
    contested.count("arcade", at=contested.deadline)
    assert contested.counted("arcade") == (3 * MILLION + 10, 5 * MILLION + 20, 30)


def test_counts_only_objections_after_the_old_deadline(contested: Poll) -> None:
    """P7e: what is in favour is late, and stays so; what is against counts, and grows."""
    poll = contested
    receipt = poll.count("arcade", at=poll.deadline + 1)
    assert receipt.named("TallyCast") == [(poll.id, poll.id_of("arcade"), (3 * MILLION + 10, 0, 0))]
    assert poll.refusal("arcade") == error("NothingToCast", poll.id, poll.id_of("arcade"))
    poll.split("arcade", SIGNER.address, 5, 0, 7)
    poll.bring_tally("arcade")
    poll.count("arcade", at=poll.deadline + 6 * DAY)
    assert poll.counted("arcade") == (3 * MILLION + 15, 0, 0)
    assert poll.result == (3 * MILLION + 15, 60 * MILLION, 0)


def test_objections_are_no_way_around_the_cap(contested: Poll) -> None:
    """P7b."""
    poll, cap = contested, contested.held("arcade")
    poll.count("arcade", at=poll.deadline)
    before = poll.counted("arcade")
    poll.say("arcade", Tally(MOST, MOST, MOST))
    poll.count("arcade", at=poll.deadline + DAY)
    assert poll.counted("arcade") == Tally(cap - before.in_favour - before.abstain, *before[1:])


def test_votes_of_other_chains_open_objections(poll: Poll) -> None:
    """P7e: what the pool casts late is answered like any late vote."""
    poll.reach(poll.deadline - 2 * DAY, "hub")
    poll.governor.send("castVote", poll.id, ABSTAIN, sender=HUB_VOTER)
    assert poll.governor.view("objectionsFrom", poll.id) == 0
    poll.cast("arcade", VOTER, FOR)
    poll.bring_tally("arcade")
    poll.count("arcade", at=poll.deadline - HOUR)
    assert poll.governor.view("objectionsFrom", poll.id) == poll.deadline


def test_a_pause_keeps_votes_from_being_cast(poll: Poll) -> None:
    """A limit: what turns a vote two days before its end is answered by no chain that a watcher pauses then, unless the
    council ends the pause in time.
    """
    hub, arcade = poll.stacks["hub"].gateway, poll.id_of("arcade")
    poll.reach(poll.deadline - WINDOW - 1, "hub")
    hub.send("pauseInbound", arcade, 3 * DAY, sender=GUARDIAN.address)
    poll.governor.send("castVote", poll.id, FOR, sender=HUB_VOTER, at=poll.deadline - WINDOW)
    poll.cast("arcade", VOTER, AGAINST)
    poll.send_tally("arcade")
    assert poll.refusal("arcade") == error("ChainNotTrusted", arcade)
    hub.send("unpauseInbound", arcade, sender=GUARDIAN.address)
    poll.courier.carry("arcade", "hub")
    poll.count("arcade", at=poll.deadline)
    assert poll.result == (5 * MILLION, 60 * MILLION, 0)
