"""Terms over four real chains: Staking publishes, the hub adopts, the others rotate, validators check in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.sets import read_sets
from metalayer.lanes.logs import Sent
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted
from metalayer.protocol import gateway, staking
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, SetFact
from metalayer.protocol.gateway import Batch
from metalayer.protocol.staking import TERM
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import watch
from metalayer.staking.keeper import Keeper
from tests.kit.chains import settle
from tests.kit.deployment import Deployment
from tests.kit.paper import DAY
from tests.kit.roles import RELAYER, RIVAL, VALIDATORS

CHAINS = ("hub", "arcade", "perps", "social")
SPOKES = CHAINS[1:]


def versions(mesh: Deployment) -> dict[str, int]:
    return {name: read_sets(mesh.connections[name], mesh.gateway).installed.version for name in CHAINS}


def delivery(mesh: Deployment, sent: Sent, validator_set: ValidatorSet) -> bytes:
    """A call that delivers the first message of a lane under a set's signatures."""
    message = sent.message
    fact = LaneFact(message.origin, message.destination, message.nonce, sent.head)
    batch = Batch([message], message.origin, 1, [], [])
    return gateway.DELIVER.encode(mesh.attest(fact.leaf, validator_set), [batch])


def newest(mesh: Deployment) -> ValidatorSet:
    logged = mesh.connections["hub"].ask(staking.SET_PUBLISHED.logs(mesh.staking))
    return logged[-1].event


def alive(mesh: Deployment) -> list[int]:
    """When each validator of the first set was last seen, as Staking has it."""
    hub = mesh.connections["hub"]
    ids = [hub.view(mesh.staking, staking.VALIDATOR_OF, role.address) for role in VALIDATORS]
    return [hub.view(mesh.staking, staking.VALIDATOR, id_).alive_at for id_ in ids]


def test_a_term_ends_and_all_chains_have_the_next_set(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3, S8: from then on the old set's signatures move nothing, and the new one's do. Everybody has checked in."""
    (sent,) = mesh.send("hub", "arcade")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        assert mesh.keep(exchange).done == {}
        mesh.pass_time(TERM)
        first = mesh.keep(exchange)
        assert (first.problems, first.done) == (
            [],
            {"hub": ["publish validator set 2", "adopt validator set 2"]},
        )
        assert versions(mesh) == {"hub": 2, "arcade": 1, "perps": 1, "social": 1}
        assert mesh.keep(exchange).done == {}, "what is not final on the hub is signed by nobody"
        mesh.finalize()
        second = mesh.keep(exchange)
        assert second.problems == []
        assert {name: second.done[name] for name in SPOKES} == {
            name: ["bring validator set 2"] for name in SPOKES
        }
        third = mesh.keep(exchange)
    assert (third.problems, {*second.done.get("hub", []), *third.done.get("hub", [])}) == (
        [],
        {"check in 5 validators of set 2"},
    )
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)
    published = mesh.connections["hub"].view(mesh.staking, staking.SET_AT)
    assert min(alive(mesh)) >= published
    following = newest(mesh)
    assert following.members == mesh.validator_set.members
    arcade = mesh.connections["arcade"]
    with pytest.raises(Reverted, match="UnknownValidatorSet"):
        arcade.send(RELAYER, mesh.gateway, delivery(mesh, sent, mesh.validator_set))
    arcade.send(RELAYER, mesh.gateway, delivery(mesh, sent, following))
    heights = {name: mesh.connections[name].height() for name in CHAINS}
    again = mesh.keep(exchange, patience=0.0)
    assert (again.done, again.problems) == ({}, [])
    assert heights == {name: mesh.connections[name].height() for name in CHAINS}


def go_on(mesh: Deployment, exchange: DirectoryExchange, away: str) -> None:
    """The term ends, and a keeper makes as many passes as it takes until all chains but one have the next set."""
    mesh.pass_time(TERM)
    for _ in range(4):
        kept = mesh.cut_off_from(away).keep(exchange)
        assert all(problem.startswith(f"{away} is unreachable") for problem in kept.problems)
        mesh.finalize()


def test_a_chain_that_slept_for_two_terms_jumps(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """The members of its set signed the newest one, also the one that had left: it needs none of those between."""
    with mesh.signing(exchange, tmp_path, range(6)):
        go_on(mesh, exchange, "social")
        mesh.replace_key(0, 5)
        go_on(mesh, exchange, "social")
        assert versions(mesh) == {"hub": 3, "arcade": 3, "perps": 3, "social": 1}
        third = newest(mesh)
        assert VALIDATORS[0].address not in dict(third.members)
        kept = mesh.keep(exchange)
    assert (kept.done["social"], kept.problems) == (["bring validator set 3"], [])
    (sent,) = mesh.send("hub", "social")
    mesh.connections["social"].send(RELAYER, mesh.gateway, delivery(mesh, sent, third))
    assert mesh.inbox("hub", "social") == mesh.outbox("hub", "social")


def test_a_chain_whose_set_is_gone_goes_by_what_that_signed_before(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Two of its five are gone, too many for the newest set: but they had signed the one that followed theirs."""
    mesh.replace_key(0, 5)
    with mesh.signing(exchange, tmp_path, range(6)):
        go_on(mesh, exchange, "social")
    mesh.replace_key(1, 6)
    with mesh.signing(exchange, tmp_path, range(2, 7)):
        go_on(mesh, exchange, "social")
        assert versions(mesh)["social"] == 1
        early = mesh.keep(exchange, patience=0.0)
        assert "social" not in early.done, "the newest set may still get its signatures"
        (root,) = (r for r in exchange.roots() if exchange.facts(r) == (fact(newest(mesh)),))
        os.utime(exchange.directory / root.hex(), (0, 0))
        steps = [mesh.keep(exchange, patience=0.0).done["social"] for _ in range(2)]
    assert steps == [["bring validator set 2"], ["bring validator set 3"]]
    assert versions(mesh) == dict.fromkeys(CHAINS, 3)


def fact(published: ValidatorSet) -> SetFact:
    return SetFact(published.version, published.hash)


def test_two_keepers_at_once_do_no_harm(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Whoever is slower says nothing: what it wanted is done."""
    mesh.pass_time(TERM)
    with mesh.signing(exchange, tmp_path):
        for _ in range(4):
            both = in_parallel(lambda sender: mesh.keep(exchange, sender), [RELAYER, RIVAL])
            assert [problem for one in both for problem in one.problems] == []
            mesh.finalize()
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)
    assert newest(mesh).version == 2


def test_a_chain_that_does_not_answer_keeps_no_other_waiting(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    elsewhere = mesh.cut_off_from("perps")
    mesh.adopt(mesh.publish())
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        kept = elsewhere.keep(exchange)
    assert {"arcade", "social"} <= kept.done.keys()
    (problem,) = set(kept.problems)
    assert problem.startswith("perps is unreachable")
    hub = mesh.cut_off_from("hub").keep(exchange)
    assert hub.done == {}, "nobody knows which set is the newest"


def test_signatures_of_the_next_set_alone_bring_it_nowhere(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: a chain's own set has to sign. Who did not, and what they say, is in the line."""
    mesh.replace_key(0, 5)
    mesh.replace_key(1, 6)
    following = mesh.publish()
    mesh.adopt(following)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path, (2, 3, 5, 6)):
        kept = mesh.keep(exchange, patience=2.0)
    assert {name: kept.done.get(name) for name in SPOKES} == dict.fromkeys(SPOKES)
    assert len(kept.problems) == 3
    for problem in kept.problems:
        assert "no quorum of validator set 1 for 2: 40 % of the weight signed" in problem
        assert f"{VALIDATORS[0].address} said nothing" in problem
    assert versions(mesh) == {"hub": 2, "arcade": 1, "perps": 1, "social": 1}


def test_who_did_not_sign_is_checked_in_later(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """One transaction for all who sign at once; after some hours those who did; the last one for itself."""
    mesh.adopt(mesh.publish())
    mesh.finalize()
    with mesh.signing(exchange, tmp_path, range(4)):
        mesh.keep(exchange)
        assert "hub" not in mesh.keep(exchange).done
        mesh.pass_time(7 * 3_600)
        assert mesh.keep(exchange).done["hub"] == ["check in 4 validators of set 2"]
        began = mesh.connections["hub"].view(mesh.staking, staking.SET_AT)
        assert [at >= began for at in alive(mesh)] == [True] * 4 + [False]
        assert mesh.keep(exchange).done == {}
    mesh.validator(4, exchange, tmp_path).pass_once()
    assert mesh.keep(exchange).done["hub"] == ["check in 1 validators of set 2"]


def test_who_is_silent_for_nine_days_loses_its_seat(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """And nobody does while most are silent: then it is the check-ins that nobody sent."""
    hub = mesh.connections["hub"]
    mesh.pass_time(10 * DAY)
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.done == {"hub": ["publish validator set 2", "adopt validator set 2"]}
    mesh.finalize()
    with mesh.signing(exchange, tmp_path, range(4)):
        mesh.keep(exchange)
        mesh.pass_time(7 * 3_600)
        mesh.keep(exchange)
        mesh.pass_time(TERM)
        kept = mesh.keep(exchange)
    assert kept.problems == []
    assert kept.done["hub"][0].startswith("vacate the seat of validator ")
    assert len(newest(mesh).members) == len(hub.view(mesh.staking, staking.TAKEN_SEATS)) == 4


def test_what_nobody_pays_for_is_bounded(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.pass_time(TERM)
    kept = mesh.keep(exchange, gas=10_000)
    assert kept.done == {}
    (problem,) = kept.problems
    assert problem.startswith("hub: for now it does not publish validator set 2: that takes ")
    assert problem.endswith(" gas, and what nobody pays for took 0 in 24 hours (--keeper-gas)")


DYING = """
import os, signal, sys
from pathlib import Path
from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.config import load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.mesh import Mesh
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender
from metalayer.protocol.attestation import Domain
from metalayer.relayer.loops import Loops
from metalayer.relayer.memory import Memory
from metalayer.staking.keeper import Keeper

launch, left = Connection._launch, [int(sys.argv[2])]

def dying(connection, *signed):
    launch(connection, *signed)
    if connection.chain.name == sys.argv[1]:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

Connection._launch = dying
network = load_network()
connections = connect(network)
mesh = Mesh(Domain(network.hub.chain_id, sys.argv[3]), connections, sys.argv[4])
senders = dict.fromkeys(connections, KeySender(local_key(2)))
keeper = Keeper(mesh, DirectoryExchange(Path(sys.argv[5])), senders, Memory.fleeting())
keeper.keep(Loops(), list(connections.values()), 20.0, print)
"""


@pytest.mark.parametrize(("chain", "nth", "has"), [("hub", 1, 1), ("hub", 2, 2), ("perps", 1, 2)])
def test_a_keeper_may_be_killed_anywhere(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, chain: str, nth: int, has: int
) -> None:
    """A real process and a real SIGKILL, right after a transaction was sent: the set was published, adopted, or came to
    one more chain. The next keeper does the rest.
    """
    if chain == "hub":
        mesh.pass_time(TERM)
    else:
        mesh.adopt(mesh.publish())
        mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        arguments = [chain, str(nth), mesh.gateway, mesh.staking, str(exchange.directory)]
        ended = subprocess.run(
            [sys.executable, "-c", DYING, *arguments], capture_output=True, env=os.environ, timeout=60
        )
        assert ended.returncode == -9, ended.stderr.decode()
        settle(mesh.connections[chain].rpc)
        assert newest(mesh).version == 2
        assert versions(mesh)[chain] == has
        for _ in range(4):
            assert mesh.keep(exchange).problems == []
            mesh.finalize()
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)
    assert newest(mesh).version == 2


def test_a_chain_whose_set_expired_a_week_ago_waits_for_the_recovery(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: up to then its members bring the newest set."""
    mesh.adopt(mesh.publish(after=17 * DAY - 3_600))
    mesh.finalize()
    mesh.pass_time(7_200, "perps")
    with mesh.signing(exchange, tmp_path):
        kept = mesh.keep(exchange)
    assert {name: kept.done.get(name) for name in SPOKES} == {
        "arcade": ["bring validator set 2"],
        "perps": None,
        "social": ["bring validator set 2"],
    }
    (problem,) = kept.problems
    assert problem.startswith("perps: its validator set 1 expired at ")
    assert problem.endswith("only the recovery can bring the next one (`ape metalayer relay recover`)")


@pytest.mark.parametrize("version", [2, 7])
def test_a_set_that_staking_never_published_is_an_alarm(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, version: int
) -> None:
    """A quorum can put one on another chain, and nothing of it on the hub (S9)."""
    forged = replace(mesh.next_set(version), expires=mesh.validator_set.expires + 60)
    mesh.rotate("arcade", forged)
    mesh.adopt(mesh.publish())
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        kept = mesh.keep(exchange)
    (problem,) = kept.problems
    assert problem.startswith(
        f"arcade: its validator set {version} is 0x{forged.hash.hex()}, which Staking never"
    )
    with pytest.raises(Reverted, match="SetsAreAdopted"):
        mesh.rotate("hub", forged)


def test_a_relayer_keeps_terms_while_it_delivers(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Chains get their next set before anything is delivered to them. What that cost is in the books."""
    memory = Memory.fleeting()
    relayer = mesh.relayer(exchange, memory=memory)
    relayer.keeper = Keeper(mesh, exchange, relayer.senders, memory)
    mesh.pass_time(TERM)
    with mesh.signing(exchange, tmp_path):
        first = relayer.relay_once()
        mesh.send("hub", "arcade")
        mesh.finalize()
        second = relayer.relay_once()
        relayer.relay_once()
    assert first.all_problems == second.all_problems == []
    assert [one.done for one in first.kept if one.done] == [
        ["publish validator set 2", "adopt validator set 2"]
    ]
    assert second.delivered == 1
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)
    spent = {mesh.name_of(book.chain): book.gas for book in memory.books()}
    assert spent["hub"] >= sum(one.gas_used for one in first.kept if one.chain == "hub") > 100_000
    assert spent["perps"] == sum(one.gas_used for one in second.kept if one.chain == "perps") > 50_000
    assert fact(newest(mesh)).leaf in exchange.roots(), "for chains that come back"


def test_a_relayer_that_watches_says_what_it_keeps_once(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Nobody signs for a while: that is no problem before a minute is over."""
    relayer = mesh.relayer(exchange)
    relayer.keeper = Keeper(mesh, exchange, relayer.senders, relayer.memory)
    mesh.pass_time(TERM)
    stop, lines = threading.Event(), list[str]()
    thread = threading.Thread(target=watch, args=(relayer, stop, 0.05, lines.append))
    thread.start()
    try:
        wait_until(lambda: len(lines) >= 2)
        mesh.finalize()
        wait_until(lambda: bool(exchange.roots()))
        assert [line.partition(", ")[0] for line in lines] == [
            "hub: publish validator set 2",
            "hub: adopt validator set 2",
        ]
        with mesh.signing(exchange, tmp_path):
            wait_until(lambda: len(lines) >= 6)
    finally:
        stop.set()
        thread.join()
    assert sorted(line.partition(", ")[0] for line in lines[2:]) == [
        "arcade: bring validator set 2",
        "hub: check in 5 validators of set 2",
        "perps: bring validator set 2",
        "social: bring validator set 2",
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
