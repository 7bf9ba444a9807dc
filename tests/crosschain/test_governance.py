"""The whole way of a proposal on four chains whose clocks differ: votes on each, and what was decided on each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metalayer.assets.tokens import APPROVE, BALANCE_OF, DELEGATE, TOTAL_SUPPLY
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.governance import ballots, tallies
from metalayer.governance.keeping import LATE, LEAST_TIME
from metalayer.governance.motions import Motion
from metalayer.protocol import bridge, decisions, gateway
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.facts import RestartFact
from metalayer.protocol.governor import OBJECTION_PERIOD, ProposalState
from metalayer.protocol.votes import Tally
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.polling import (
    AGAINST,
    ARCADE_VOTER,
    FOR,
    LATE_VOTER,
    MILLION,
    PERPS_VOTER,
    PROPOSER,
    STAKE,
    STAKER,
    Polling,
    split,
)
from tests.kit.roles import ATTACKER, RELAYER, RIVAL, SENDER

MOVER = SENDER
AHEAD = 300
"""Seconds, beyond what the clocks differ by anyway."""


@pytest.fixture
def poll(deployment: Deployment, tmp_path: Path) -> Polling:
    poll = Polling(deployment, tmp_path)
    poll.settle()
    return poll


def test_the_whole_way(poll: Polling) -> None:
    """P7a, P7b, P7c, M38: votes of the hub, staked ones and those of two spokes decide together what happens on two
    chains, once; and whoever keeps it going again and again does nothing twice.
    """
    motion = poll.propose()
    poll.cast(motion, "hub", PROPOSER, FOR)
    poll.cast(motion, "hub", STAKER, AGAINST)
    poll.cast(motion, "arcade", ARCADE_VOTER, FOR)
    # By signature, and in parts: somebody else pays the gas.
    ballot = poll.ballot(motion, "perps", PERPS_VOTER, split(75, 25))
    signature = ballots.sign(ballot, PERPS_VOTER.account)
    ballots.cast(ballot, lambda connection: RELAYER, signature)
    with pytest.raises(MetalayerError, match="has 0 ERA of 20,000,000 left to vote with on perps"):
        poll.ballot(motion, "perps", PERPS_VOTER, FOR)

    assert poll.keep() == [], "the end is far"
    sent = poll.keep(at_once=True)
    assert [line.split(",")[0] for line in sent] == [
        "arcade: its votes are sent to hub",
        "perps: its votes are sent to hub",
    ]
    assert poll.keep(at_once=True) == [], "they are on their way"
    poll.deliver()
    cast = poll.keep()
    assert [line.partition(" for,")[0] for line in cast] == [
        "hub: the votes of arcade are cast: 30,000,000",
        "hub: the votes of perps are cast: 15,000,000",
    ]
    assert poll.keep(at_once=True) == []

    # A vote that comes later is brought a day before the end.
    poll.cast(motion, "arcade", LATE_VOTER, FOR)
    vote = poll.vote(motion)
    poll.reach(vote.deadline - 3 * DAY - 600)
    assert poll.keep() == []
    poll.reach(vote.deadline - 3 * DAY + 1)
    (line,) = poll.keep()
    assert line.startswith("arcade: its votes are sent to hub, 33,000,000 for")
    poll.deliver()
    (line,) = poll.keep()
    assert line.startswith("hub: the votes of arcade are cast: 3,000,000 for")

    found = poll.vote(motion)
    assert found.votes == (STAKE + 5 * MILLION, 50 * MILLION, 0)
    assert sum(found.votes) <= HUB_SUPPLY == poll.desk.hub.view(poll.deployment.era, TOTAL_SUPPLY)
    counts = tallies.recount(poll.desk, motion.id, found)
    assert {one.chain for one in counts} == {"arcade", "perps", "social"}
    for count in counts:
        assert count.faults == []
        assert count.recounted == count.said == count.sent == count.kept == count.counted
        assert count.counted.total <= count.cap

    poll.reach(vote.deadline + 1)
    (line,) = poll.keep()
    assert line.startswith(f"hub: proposal {motion.id} is queued")
    assert poll.keep() == []
    poll.reach(poll.vote(motion).eta)
    lines = poll.keep()
    assert f"hub: proposal {motion.id} is executed" in lines
    assert poll.vote(motion).state is ProposalState.EXECUTED
    assert poll.keep() == []
    poll.deliver()
    assert poll.keep() == [], "each chain waits two days"
    for one in motion.carried:
        spoke = poll.deployment.connections[one.chain]
        assert spoke.view(poll.desk.remote, decisions.STATE_OF, one.id) is DecisionState.WAITING
        assert poll.base_fee(one.chain) != 777
    poll.reach(max(ready_at(poll, one.chain, one.id) for one in motion.carried))
    assert [line.partition(":")[0] for line in poll.keep()] == ["arcade", "perps"]
    assert poll.keep() == []
    assert [poll.base_fee(name) for name in ("arcade", "perps")] == [777, 777]
    for one in motion.carried:
        spoke = poll.deployment.connections[one.chain]
        with pytest.raises(MetalayerError, match="UnexpectedDecisionState"):
            spoke.send(RIVAL, poll.desk.remote, decisions.EXECUTE.encode(one.decision))


def ready_at(poll: Polling, chain: str, id_: bytes) -> int:
    return poll.deployment.connections[chain].view(poll.desk.remote, decisions.READY_AT, id_)


@pytest.mark.parametrize(("origin", "destination"), [("arcade", "hub"), ("hub", "arcade")])
def test_era_that_leaves_a_clock_that_is_ahead_votes_once(
    poll: Polling, origin: str, destination: str
) -> None:
    """M38, M47, P7a: it leaves after the snapshot, by the clock there, and would arrive before it, by the other one."""
    deployment, amount = poll.deployment, 10 * MILLION
    deployment.bring(MOVER.address, amount, ["hub", "arcade"])
    deployment.prepay(MOVER)
    here, there = (deployment.connections[name] for name in (origin, destination))
    for one in (here, there):
        one.send(MOVER, deployment.era, DELEGATE.encode(MOVER.address))
    here.send(MOVER, deployment.gateway, gateway.SET_ALLOWANCE.encode(deployment.bridge, 10 * ERA))
    here.send(MOVER, deployment.era, APPROVE.encode(deployment.bridge, amount))
    deployment.pass_time(AHEAD, origin)
    motion = poll.submit()
    snapshot = poll.vote(motion).snapshot
    deployment.pass_time(snapshot + 10 - here.block().time)
    data = bridge.SEND.encode(deployment.era, deployment.id_of(destination), MOVER.address, amount)
    here.send(MOVER, deployment.bridge, data)
    deployment.finalize()
    with deployment.signing(poll.exchange, poll.folder):
        result = deployment.relayer(poll.exchange).relay_once(lambda line: None)
    assert there.block().time < snapshot
    assert (result.delivered, len(result.put_off)) == (0, 1)

    poll.reach(snapshot + 1)
    poll.deliver()
    assert held(poll, origin) == 0
    assert held(poll, destination) == 2 * amount, "it arrived"
    weights = {
        one.chain: one.weight
        for one in ballots.standings(poll.desk, poll.vote(motion), motion.id, MOVER.address)
    }
    assert weights == {"hub": amount, "arcade": amount, "perps": 0, "social": 0}
    poll.cast(motion, origin, MOVER, FOR)
    poll.cast(motion, destination, MOVER, FOR)
    poll.keep(at_once=True)
    poll.deliver()
    poll.keep(at_once=True)
    assert poll.vote(motion).votes.in_favour == 2 * amount
    with pytest.raises(MetalayerError, match="0 ERA of 10,000,000 left to vote with"):
        poll.ballot(motion, destination, MOVER, FOR)


def held(poll: Polling, chain: str) -> int:
    return poll.deployment.connections[chain].view(poll.deployment.era, BALANCE_OF, MOVER.address)


def test_what_a_compromised_chain_says_is_seen_and_cut(poll: Polling) -> None:
    """P7b: nobody who looks brings its votes; a stranger who does casts what was there at most, and it shows."""
    motion = poll.propose()
    poll.cast(motion, "arcade", ARCADE_VOTER, AGAINST)
    lie = Tally(0, 900 * MILLION, 0)
    poll.lie(motion, "arcade", lie)
    keeper = poll.keeper(at_once=True)
    assert list(keeper.keep()) == []
    assert len(keeper.problems) == 1
    assert keeper.problems[0].startswith("arcade is not to be believed: its contract says 900,000,000 for")

    vote = poll.vote(motion)
    # The validators sign what its node shows them.
    tallies.send(poll.desk, motion.id, vote.snapshot, "arcade", lambda connection: RELAYER, deposit=False)
    poll.deliver()
    assert list(keeper.keep()) == []
    assert [line.split(":")[1].split(",")[0] for line in keeper.problems] == [
        " its contract says 900",
        " it sent 900",
        " the hub keeps 900",
    ]
    tallies.cast(poll.desk, motion.id, "arcade", lambda connection: ATTACKER)
    found = {one.chain: one for one in tallies.recount(poll.desk, motion.id, poll.vote(motion))}["arcade"]
    assert found.recounted == Tally(30 * MILLION)
    assert found.kept == lie
    assert found.counted.total <= found.cap < 35 * MILLION
    assert poll.vote(motion).votes.in_favour == found.counted.in_favour


def test_votes_that_come_late_leave_time_to_object(poll: Polling) -> None:
    """P7e: those of another chain made it pass in its last two days. Who objects there is brought to the hub."""
    motion = poll.propose()
    poll.cast(motion, "arcade", ARCADE_VOTER, FOR)
    poll.cast(motion, "perps", PERPS_VOTER, FOR)
    end = poll.vote(motion).deadline
    poll.reach(end - DAY)
    assert len(poll.keep()) == 2
    poll.deliver()
    assert len(poll.keep()) == 2
    vote = poll.vote(motion)
    assert (vote.objections_from, vote.deadline) == (end, end + OBJECTION_PERIOD)

    poll.reach(end + 1)
    assert poll.vote(motion).state is ProposalState.ACTIVE
    with pytest.raises(MetalayerError, match="only votes against proposal 001-social count"):
        poll.ballot(motion, "arcade", LATE_VOTER, FOR)
    poll.cast(motion, "arcade", LATE_VOTER, AGAINST)
    assert poll.keep() == [], "the end is far again"
    poll.reach(vote.deadline - DAY)
    (line,) = poll.keep()
    assert line.startswith("arcade: its votes are sent to hub, 30,000,000 for, 3,000,000 against")
    poll.deliver()
    (line,) = poll.keep()
    assert line.startswith("hub: the votes of arcade are cast: 0 for, 3,000,000 against")
    assert poll.vote(motion).votes == (3 * MILLION, 50 * MILLION, 0)


def test_what_a_closed_chain_says_is_not_cast(poll: Polling) -> None:
    motion = poll.propose()
    poll.cast(motion, "arcade", ARCADE_VOTER, FOR)
    poll.keep(at_once=True)
    poll.deliver()
    arcade = poll.deployment.id_of("arcade")
    poll.deployment.as_owner("hub", poll.deployment.gateway, gateway.SET_OPEN.encode(arcade, True, False))
    assert poll.keep() == []
    with pytest.raises(MetalayerError, match=f"votes from chain {arcade} are not trusted now"):
        tallies.cast(poll.desk, motion.id, "arcade", lambda connection: RELAYER)


def test_two_people_keep_it_going_at_once(poll: Polling) -> None:
    """Each thing is done once. What one does while the other looks at it may be said to be done, and nothing else."""
    motion = poll.propose()
    poll.deployment.prepay(RIVAL, 100 * ERA)
    poll.deployment.bring(RIVAL.address, 100 * ERA, ["hub"])
    poll.cast(motion, "arcade", ARCADE_VOTER, FOR)
    poll.cast(motion, "perps", PERPS_VOTER, FOR)
    poll.keep(at_once=True)
    poll.deliver()

    def both() -> list[str]:
        keepers = [poll.keeper(account) for account in (RELAYER, RIVAL)]
        with ThreadPoolExecutor(2) as pool:
            done = [one for some in pool.map(lambda keeper: list(keeper.keep()), keepers) for one in some]
        told = [line for keeper in keepers for line in keeper.problems]
        assert all(line.endswith(" is executed") for line in told), told
        return sorted(one.line for one in done if one.transaction)

    assert len(both()) == 2, "a cast for each chain"
    assert [poll.pool(motion, name)[1].total for name in ("arcade", "perps")] == [30 * MILLION, 20 * MILLION]
    poll.reach(poll.vote(motion).deadline + 1)
    assert len(both()) == 1
    poll.reach(poll.vote(motion).eta)
    assert f"proposal {motion.id} is executed" in both()
    poll.deliver()
    poll.reach(max(ready_at(poll, one.chain, one.id) for one in motion.carried))
    assert len(both()) == 2
    assert [poll.base_fee(name) for name in ("arcade", "perps")] == [777, 777]


def test_a_decision_that_could_not_be_sent_is_sent_when_its_lane_opens(poll: Polling) -> None:
    """P7d: a closed lane costs no vote."""
    motion = poll.queued()
    deployment, arcade = poll.deployment, poll.deployment.id_of("arcade")
    deployment.as_owner("hub", deployment.gateway, gateway.SET_OPEN.encode(arcade, False, True))
    lines = poll.keep()
    assert any("its decision for arcade is not sent (RouteClosed" in line for line in lines)
    keeper = poll.keeper()
    assert list(keeper.keep()) == []
    assert [line.partition(" cannot be sent from hub now: ")[2] for line in keeper.problems] == [
        f"RouteClosed(chainId={arcade})"
    ]
    deployment.as_owner("hub", deployment.gateway, gateway.SET_OPEN.encode(arcade, True, True))
    (line,) = poll.keep()
    assert "is sent, as message 0x" in line
    assert poll.keep() == []
    poll.deliver()
    assert states(poll, motion) == [DecisionState.WAITING] * 2


def test_a_decision_that_was_left_behind_is_sent_again(poll: Polling) -> None:
    """P7d: the council restarted its lane before it was there."""
    motion = poll.queued()
    assert len(poll.keep()) == 2
    deployment, perps = poll.deployment, poll.deployment.connections["perps"]
    place = deployment.outbox("hub", "perps")[0] + 100
    deployment.restart("hub", "perps", place)
    assert poll.keep() == [], "it may arrive yet"
    # Somebody brings the restart without what stands before it.
    fact = RestartFact(deployment.network_id, perps.chain_id, place)
    present = read_sets(perps, deployment.gateway).installed
    follow = gateway.FOLLOW_RESTART.encode(
        deployment.attest(fact.leaf, present), deployment.network_id, place, []
    )
    perps.send(RIVAL, deployment.gateway, follow)
    assert states(poll, motion) == [DecisionState.UNKNOWN] * 2
    (line,) = poll.keep()
    assert "is sent, as message 0x" in line
    assert poll.keep() == []
    poll.deliver()
    assert states(poll, motion) == [DecisionState.WAITING] * 2


def test_a_decision_that_is_about_to_be_late_is_sent_again_once_a_day(poll: Polling) -> None:
    """P7d: nobody relays. Until the last hour a gateway takes it."""
    motion = poll.queued()
    assert len(poll.keep()) == 2
    one = motion.carried[0]
    before = poll.desk.hub.view(poll.desk.outbox, decisions.ARRIVE_BEFORE, one.chain_id, one.id)
    poll.reach(before - LATE - 600)
    assert poll.keep() == []
    poll.reach(before - LATE)
    assert [line.partition(" is sent")[0][:13] for line in poll.keep()] == ["hub: decision"] * 2
    assert poll.keep() == []
    poll.reach(before - LATE + DAY + 60)
    assert len(poll.keep()) == 2
    poll.reach(before - LEAST_TIME + 1)
    assert poll.keep() == []


def test_nobody_is_asked_for_ether(poll: Polling) -> None:
    """Whoever executes pays what the timelock lacks: a proposal could take it from everybody who keeps things going."""
    motion = poll.queued(PAYING)
    assert len(poll.keep()) == 2
    poll.deliver()
    (one,) = motion.carried
    poll.reach(ready_at(poll, one.chain, one.id))
    poll.deployment.rpc("perps", "anvil_setBalance", poll.desk.timelock, hex(10**18 - 1))
    keeper = poll.keeper()
    assert list(keeper.keep()) == []
    (problem,) = keeper.problems
    assert "pays 1e-18 ether more than the timelock has: whoever gives that" in problem
    poll.deployment.rpc("perps", "anvil_setBalance", poll.desk.timelock, hex(10**18))
    (line,) = poll.keep()
    assert line.endswith("is executed")


PAYING = f"""title: Ether for a grant
proposer: {PROPOSER.address}
chains:
  perps:
    - pay: {{ to: "{MOVER.address}", value: 1 ether }}
"""


def states(poll: Polling, motion: Motion) -> list[DecisionState]:
    """Of its decisions, on their chains."""
    return [
        poll.deployment.connections[one.chain].view(poll.desk.remote, decisions.STATE_OF, one.id)
        for one in motion.carried
    ]
