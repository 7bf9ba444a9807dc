"""Attacks on decisions at their destination. Each test says what ought to hold."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.decisions import GATEWAYS, POSTPONEMENT, Action, Decision, Remote, State, act
from tests.kit.evm import Contract, deploy, init_code

FIRST, SECOND, _ = GATEWAYS


@pytest.fixture(scope="session")
def remote(chains: dict[str, BoundChain], deployer: str) -> Remote:
    return Remote.place(chains["arcade"], chains["hub"].chain_id, deployer)


@pytest.fixture(scope="session")
def target(remote: Remote, deployer: str) -> Contract:
    return deploy(remote.chain, "ScriptedSender", sender=deployer)


@pytest.fixture
def halves(target: Contract) -> tuple[Decision, Decision]:
    """What did not fit one message: the second names the first as its precedent, as `build` splits."""
    first = Decision([act(target, "setBehaviour", 1)])
    return first, Decision([act(target, "setBehaviour", 2)], precedent=first.id)


def dropping(remote: Remote, gateway: str) -> Decision:
    return Decision([act(remote.governor, "setGateway", gateway, False)])


def test_postponing_a_precedent_loses_nothing(remote: Remote, halves: tuple[Decision, Decision]) -> None:
    """P7d: a watcher delays by 21 days, and ends nothing. One hot key, one transaction."""
    first, second = halves
    remote.arrive(first)
    remote.arrive(second)
    remote.governor.send("postpone", first.id, sender=remote.guardian)
    remote.execute(first, remote.ready_at(first))
    assert remote.state(first) == State.EXECUTED
    remote.arrive(second)
    remote.execute(second, remote.ready_at(first) + 1)


def test_what_follows_new_offices_can_be_executed(
    remote: Remote, target: Contract, successor: str, attacker: str
) -> None:
    """P7d: 35 days are longer than 2 + 14. Nobody attacks here."""
    offices = Decision([act(remote.governor, "setOffices", successor, attacker)])
    after = Decision([act(target, "setBehaviour", 1)], precedent=offices.id)
    remote.arrive(offices)
    remote.arrive(after)
    remote.execute(offices, remote.ready_at(offices))
    remote.execute(after, remote.ready_at(offices) + 1)


def test_a_precedent_that_is_sent_again_loses_nothing(
    remote: Remote, halves: tuple[Decision, Decision]
) -> None:
    """P7d: the first one is lost on its way, and sent again within its 30 days."""
    first, second = halves
    remote.arrive(second)
    later = remote.ready_at(second) + 13 * 86_400
    remote.arrive(first, at=later)
    remote.execute(first, remote.ready_at(first))
    remote.execute(second, remote.ready_at(first) + 1)


@pytest.fixture
def two(remote: Remote) -> None:
    remote.enact(Decision([act(remote.governor, "setGateway", SECOND, True)]))


def test_a_lying_gateway_cannot_keep_itself_by_being_first(remote: Remote, two: None) -> None:
    """The hub's proposal is public for 14 days: the faulty gateway brings the decision that drops it first."""
    drop = dropping(remote, FIRST)
    remote.arrive(drop, FIRST)
    remote.arrive(drop, SECOND)
    remote.execute(drop, remote.ready_at(drop))
    assert not remote.governor.view("isGateway", FIRST)


def test_a_lying_gateway_cannot_keep_itself_by_cancelling(
    remote: Remote, two: None, target: Contract
) -> None:
    """The same, by an invention that cancels it before it arrives."""
    drop = dropping(remote, FIRST)
    remote.arrive(Decision([act(target, "setBehaviour", 3)], cancels=[drop.id]), FIRST)
    remote.arrive(drop, SECOND)
    remote.execute(drop, remote.ready_at(drop))


def test_what_a_lying_gateway_invented_ends_with_it(
    remote: Remote, two: None, successor: str, attacker: str
) -> None:
    """An invention that only names offices: nobody postpones or refuses it, and its author was dropped weeks ago."""
    forged = Decision([act(remote.governor, "setOffices", attacker, attacker)])
    remote.arrive(forged, FIRST)
    remote.enact(dropping(remote, FIRST), SECOND)
    assert not remote.governor.view("isGateway", FIRST)
    remote.governor.revert("execute", forged.fields, sender=attacker, at=remote.ready_at(forged))


def test_a_guardian_does_not_stop_a_protected_decision_by_its_precedent(
    remote: Remote, target: Contract, successor: str, attacker: str
) -> None:
    """P8b: what names offices and has a precedent is as weak as the precedent."""
    before = Decision([act(target, "setBehaviour", 1)])
    offices = Decision([act(remote.governor, "setOffices", successor, attacker)], precedent=before.id)
    remote.arrive(before)
    remote.arrive(offices)
    assert remote.governor.view("isProtected", offices.id)
    remote.governor.send("postpone", before.id, sender=remote.guardian)
    remote.governor.send("refuse", before.id, sender=remote.recovery)
    remote.execute(offices, remote.ready_at(offices))


def test_postponing_ends_where_it_must(remote: Remote, target: Contract) -> None:
    """Held: in the last second of the grace, a postponement gives 21 days from when it was ready."""
    decision = Decision([act(target, "setBehaviour", 1)])
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    remote.governor.send("postpone", decision.id, sender=remote.guardian, at=ready + 14 * 86_400)
    remote.execute(decision, ready + POSTPONEMENT)


def test_what_is_invented_costs_more_than_its_end(remote: Remote, attacker: str) -> None:
    """A message holds about 240 ids to cancel. Gas of an invention, and of its cancellation."""
    forged = [
        Decision([act(remote.governor, "setOffices", attacker, attacker)]).salted(str(n)) for n in range(240)
    ]
    gas = sum(remote.arrive(one).gas_used for one in forged)
    cure = Decision([], cancels=[one.id for one in forged])
    assert len(cure.payload) <= 8_192
    spent = remote.arrive(cure).gas_used
    print(f"one invention {gas // 240}, its end {spent // 240}, all {spent}")
    assert all(remote.state(one) == State.CANCELLED for one in forged)


def test_a_target_without_code_is_not_called(remote: Remote) -> None:
    """A4: the hash of no code, and a wei from anybody, and the decision is executed without doing anything."""
    nobody = "0x00000000000000000000000000000000000Facea"
    decision = Decision([Action(nobody, b"\x01\x02\x03\x04", 0, keccak(b""))])
    remote.arrive(decision)
    remote.chain.rpc("anvil_setBalance", [nobody, "0x1"])
    receipt = remote.governor.attempt(
        "execute", decision.fields, sender=remote.anyone, at=remote.ready_at(decision)
    )
    assert not receipt.succeeded


def test_what_is_created_on_the_way_is_not_called(remote: Remote) -> None:
    """M24: the first action creates the second's target. The pin of the second said that there is no code."""
    factory = deploy(remote.chain, "Create3Factory", sender=remote.anyone)
    salt = keccak(text="created on the way")
    address = factory.view("addressOf", remote.timelock.address, salt)
    created = Contract(remote.chain, "ScriptedRecipient", address)
    code = init_code("ScriptedRecipient")
    decision = Decision(
        [
            act(factory, "deploy", remote.timelock.address, salt, code),
            Action(address, created.encode("setBehaviour", 1), 0, keccak(b"")),
        ]
    )
    remote.chain.rpc("anvil_setBalance", [address, "0x1"])
    remote.arrive(decision)
    receipt = remote.governor.attempt(
        "execute", decision.fields, sender=remote.anyone, at=remote.ready_at(decision)
    )
    assert not receipt.succeeded


def test_a_forger_does_not_cancel_what_cancels_its_inventions(
    remote: Remote, target: Contract, attacker: str
) -> None:
    """A quorum forges new offices, which wait 35 days, and cancels the public decision that is to cancel them. After 31
    days the set is honest again, and brings that decision: 4 days are too short for another vote.
    """
    forged = Decision([act(remote.governor, "setOffices", attacker, attacker)])
    cure = Decision([], cancels=[forged.id])
    remote.arrive(forged)
    remote.arrive(Decision([act(target, "setBehaviour", 3)], cancels=[cure.id]))
    remote.arrive(cure, at=remote.ready_at(forged) - 4 * 86_400)
    assert remote.state(forged) == State.CANCELLED
