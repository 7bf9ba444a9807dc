"""What the keeper does beside terms, over real chains: slashes end terms, cases end, fees reach Staking."""

from __future__ import annotations

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.protocol import slasher, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet, compact
from metalayer.protocol.facts import LaneFact, SignedFact
from metalayer.protocol.slasher import SETTLE_DELAY, Accusation, CaseState, Kind
from metalayer.protocol.staking import ValidatorState
from metalayer.relayer.memory import Kind as Item
from metalayer.relayer.memory import Memory
from metalayer.tracking.status import status
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.roles import RIVAL, VALIDATORS

NOWHERE = 900_000
"""A place that no lane reaches."""


def id_of(mesh: Deployment, position: int) -> int:
    hub = mesh.connections["hub"]
    return hub.view(mesh.staking, staking.VALIDATOR_OF, VALIDATORS[position].address)


def signed(mesh: Deployment, position: int, fact: LaneFact) -> SignedFact:
    signature = VALIDATORS[position].account.sign_message(mesh.domain.signable(fact.leaf))
    return SignedFact(fact, fact.leaf, (), compact(signature))


def accuse(mesh: Deployment, position: int, nonce: int = NOWHERE) -> Accusation:
    """Real evidence: the validator signed two heads at one place of a lane. Opens the case, as RIVAL."""
    origin, destination = mesh.id_of("arcade"), mesh.id_of("perps")
    one, other = (
        signed(mesh, position, LaneFact(origin, destination, nonce, head * 32)) for head in (b"\1", b"\2")
    )
    court = mesh.on["hub"].contracts["Slasher"]
    data = court.encode("laneEquivocation", one.statement, one.fields, b"\2" * 32, other.fields)
    mesh.connections["hub"].send(RIVAL, court.address, data)
    return Accusation(id_of(mesh, position), Kind.LANE_EQUIVOCATION, origin, destination, nonce)


def newest(mesh: Deployment) -> ValidatorSet:
    return mesh.connections["hub"].ask(staking.SET_PUBLISHED.logs(mesh.staking))[-1].event


def test_a_slash_ends_the_term(mesh: Deployment, exchange: DirectoryExchange) -> None:
    """S8: the next set, without the guilty, is published and adopted in the pass that follows."""
    accuse(mesh, 0)
    assert mesh.connections["hub"].view(mesh.staking, staking.TERM_ENDED)
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.problems == []
    assert kept.done == {"hub": ["publish validator set 2", "adopt validator set 2"]}
    assert {signer for signer, _ in newest(mesh).members} == {role.address for role in VALIDATORS[1:]}
    assert mesh.keep(exchange, patience=0.0).done == {}


def test_below_four_seats_everybody_sees_why_it_stands_still(
    mesh: Deployment, exchange: DirectoryExchange
) -> None:
    """Until a fourth sits again: then the next set follows at once."""
    for position in range(2):
        accuse(mesh, position)
    why = "hub: 3 validators have seats, a validator set takes 4: none follows set 1, which expires at "
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.done == {}
    (problem,) = kept.problems
    assert problem.startswith(why)
    found = status(mesh, exchange)
    assert found.problems == [problem]
    assert found.term is not None
    assert (found.term.seated, found.term.ended) == (3, True)
    mesh.bond(5)
    kept = mesh.keep(exchange, patience=0.0)
    assert (kept.problems, kept.done) == (
        [],
        {"hub": ["publish validator set 2", "adopt validator set 2"]},
    )
    assert status(mesh, exchange).problems == []


def test_a_case_is_settled_when_it_is_old_enough(mesh: Deployment, exchange: DirectoryExchange) -> None:
    """Once: a second case against who is slashed already is nobody's business any more."""
    first, second = accuse(mesh, 0), accuse(mesh, 0, NOWHERE + 1)
    mesh.keep(exchange, patience=0.0)
    hub = mesh.connections["hub"]
    court = hub.view(mesh.staking, staking.SLASHER)
    mesh.pass_time(SETTLE_DELAY - 60, "hub")
    assert not [chore for chore in mesh.keep(exchange, patience=0.0).done["hub"] if "case" in chore]
    mesh.pass_time(60, "hub")
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.done["hub"] == [f"settle case 0x{first.key.hex()} against validator {first.validator}"]
    assert kept.problems == []
    states = [hub.view(court, slasher.CASE_OF, one.key).state for one in (first, second)]
    assert states == [CaseState.SETTLED, CaseState.OPEN]
    assert hub.view(mesh.staking, staking.VALIDATOR, first.validator).state is ValidatorState.ENDED
    assert mesh.keep(exchange, patience=0.0).done == {}


def test_a_pardoned_case_is_dismissed(mesh: Deployment, exchange: DirectoryExchange) -> None:
    """(b): a head of a lane from the hub that is not that long, as after a deep reorganisation of the hub."""
    origin, destination = mesh.id_of("hub"), mesh.id_of("perps")
    false = signed(mesh, 0, LaneFact(origin, destination, NOWHERE, b"\1" * 32))
    hub, court = mesh.connections["hub"], mesh.on["hub"].contracts["Slasher"]
    hub.send(RIVAL, court.address, court.encode("beyondLane", false.statement, false.fields))
    accusation = Accusation(id_of(mesh, 0), Kind.FALSE_PLACE, origin, destination, NOWHERE)
    assert "dismiss" not in str(mesh.keep(exchange, patience=0.0).done)
    mesh.as_owner("hub", court.address, slasher.PARDON.encode(origin, destination, NOWHERE))
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.done == {
        "hub": [f"dismiss case 0x{accusation.key.hex()} against validator {accusation.validator}"]
    }
    assert hub.view(court.address, slasher.CASE_OF, accusation.key).state is CaseState.DISMISSED


def test_fees_are_forwarded_where_it_pays(mesh: Deployment, exchange: DirectoryExchange) -> None:
    """From the spokes over the bridge, on the hub at once; what arrived becomes rewards."""
    hub = mesh.connections["hub"]
    collector = mesh.registry.address("FeeCollector")
    assert mesh.keep(exchange, patience=0.0).done == {}, "nothing is worth its gas"
    mesh.bring(collector, 1_000 * ERA, ["arcade"])
    mesh.bring(collector, 1_000 * ERA, ["hub"])
    kept = mesh.keep(exchange, patience=0.0)
    assert kept.problems == []
    assert kept.done == {"hub": ["forward fees to Staking"], "arcade": ["forward fees to Staking"]}
    assert kept.kept["hub"].earned == 10 * 10**9
    assert 9 * 10**9 < kept.kept["arcade"].earned < 10 * 10**9
    assert hub.view(mesh.staking, staking.REWARDS).streaming == 990 * ERA
    assert mesh.keep(exchange, patience=0.0).done == {}


def test_what_arrived_becomes_rewards(mesh: Deployment, exchange: DirectoryExchange) -> None:
    mesh.bring(mesh.staking, 100 * ERA, ["hub"])
    assert mesh.keep(exchange, patience=0.0).done == {"hub": ["make rewards of what arrived"]}
    assert mesh.connections["hub"].view(mesh.staking, staking.REWARDS).streaming == 100 * ERA


def test_what_failed_waits_and_is_forgotten_when_it_is_not_due(
    mesh: Deployment, exchange: DirectoryExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first failure is nobody's problem: somebody else may be sending the very same thing."""
    now = [1.0]
    memory = Memory.fleeting(lambda: now[0])
    mesh.pass_time(3 * DAY)
    with monkeypatch.context() as broken:
        broken.setattr(staking, "SNAPSHOT", Function("nothing()"))
        first = mesh.keep(exchange, memory=memory, patience=0.0)
        second = mesh.keep(exchange, memory=memory, patience=0.0)
        now[0] += 31
        third = mesh.keep(exchange, memory=memory, patience=0.0)
    assert [one.problems for one in (first, second)] == [[], []]
    (problem,) = third.problems
    assert problem.startswith("hub: cannot publish validator set 2: ")
    assert [one.failures for one in memory.attempts(Item.CHORE)] == [2]
    mesh.publish(after=0)
    assert mesh.keep(exchange, memory=memory, patience=0.0).problems == []
    assert memory.attempts(Item.CHORE) == []
