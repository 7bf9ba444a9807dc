"""What a Guardian does on the governor of its chain: postpones decisions, cancels proposals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.decisions import POSTPONEMENT, Decision, Remote, State, act
from tests.kit.evm import Contract, deploy, error
from tests.kit.offices import COUNCIL, KEEPER, OTHER_WATCHER, WATCHER

PROPOSAL = (["0x000000000000000000000000000000000000bEEF"], [1], [b"\x01\x02"], keccak(text="why"))


@pytest.fixture(scope="session")
def remote(chains: dict[str, BoundChain], deployer: str) -> Remote:
    """Arcade's governor."""
    return Remote.place(chains["arcade"], chains["hub"].chain_id, deployer)


@pytest.fixture(scope="session")
def target(remote: Remote, deployer: str) -> Contract:
    return deploy(remote.chain, "ScriptedSender", sender=deployer)


@pytest.fixture
def governing(remote: Remote, guard: Contract, place_guardian: Callable[..., Contract]) -> Contract:
    """The Guardian of that governor, named by a decision."""
    made = place_guardian(guard.view("GATEWAY"), remote.chain, governor=remote.governor.address)
    remote.enact(Decision([act(remote.governor, "setOffices", made.address, remote.recovery)]))
    return made


@pytest.fixture
def decision(remote: Remote, target: Contract, governing: Contract) -> Decision:
    """Has arrived."""
    decision = Decision([act(target, "setBehaviour", 1)])
    remote.arrive(decision)
    return decision


@pytest.mark.parametrize("account", [COUNCIL, WATCHER, OTHER_WATCHER])
def test_council_and_watchers_postpone(
    remote: Remote, governing: Contract, decision: Decision, account: str
) -> None:
    ready = remote.ready_at(decision)
    receipt = governing.send("postpone", decision.id, sender=account)
    assert receipt.named("DecisionPostponed") == [(decision.id, ready + POSTPONEMENT)]


@pytest.mark.parametrize("caller", ["keeper", "attacker", "owner", "recovery", "deployer"])
def test_nobody_else_postpones(
    remote: Remote, governing: Contract, decision: Decision, caller: str, request: pytest.FixtureRequest
) -> None:
    """P8. KEEPER holds the recovery's key here: of neither office is this the right."""
    account = request.getfixturevalue(caller)
    assert governing.revert("postpone", decision.id, sender=account) == error("NotWatcher", account)


def test_a_removed_watcher_postpones_nothing(governing: Contract, decision: Decision) -> None:
    governing.send("setWatcher", WATCHER, False, sender=COUNCIL)
    refusal = error("NotWatcher", WATCHER)
    assert governing.revert("postpone", decision.id, sender=WATCHER) == refusal
    governing.send("postpone", decision.id, sender=OTHER_WATCHER)


def test_council_and_watcher_together_postpone_once(
    remote: Remote, governing: Contract, decision: Decision
) -> None:
    """P7d, P8b."""
    governing.send("postpone", decision.id, sender=WATCHER)
    refusal = error("AlreadyPostponed", decision.id)
    for account in (WATCHER, OTHER_WATCHER, COUNCIL):
        assert governing.revert("postpone", decision.id, sender=account) == refusal
    remote.execute(decision, remote.ready_at(decision))


def test_offices_are_not_postponed_by_those_who_hold_them(
    remote: Remote, governing: Contract, successor: str
) -> None:
    """P8b."""
    offices = Decision([act(remote.governor, "setOffices", successor, successor)])
    remote.arrive(offices)
    for account in (COUNCIL, WATCHER):
        refusal = governing.revert("postpone", offices.id, sender=account)
        assert refusal == error("ProtectedDecision", offices.id)
    remote.execute(offices, remote.ready_at(offices))
    assert remote.state(offices) == State.EXECUTED


# Proposals


@pytest.fixture
def hub_guard(
    guard: Contract, place_guardian: Callable[..., Contract], deployer: str
) -> tuple[Contract, Contract]:
    """A Guardian, and a governor that records what it is told to cancel."""
    governor = deploy(guard.chain, "CancellingGovernor", sender=deployer)
    return place_guardian(guard.view("GATEWAY"), guard.chain, governor=governor.address), governor


def test_the_council_cancels_a_proposal(hub_guard: tuple[Contract, Contract]) -> None:
    """M25: exactly that one, as the governor is asked by its proposal guardian."""
    guardian, governor = hub_guard
    assert guardian.view("GOVERNOR") == governor.address
    expected = governor.view("proposalOf", *PROPOSAL)
    assert guardian.view("cancelProposal", *PROPOSAL, sender=COUNCIL) == expected
    receipt = guardian.send("cancelProposal", *PROPOSAL, sender=COUNCIL)
    assert receipt.named("ProposalCancelled") == [(expected, guardian.address)]


@pytest.mark.parametrize("account", [WATCHER, KEEPER])
def test_no_other_office_cancels_a_proposal(
    hub_guard: tuple[Contract, Contract], attacker: str, account: str
) -> None:
    """P8: a hot key delays, and ends nothing."""
    guardian, _ = hub_guard
    for caller in (account, attacker):
        refusal = guardian.revert("cancelProposal", *PROPOSAL, sender=caller)
        assert refusal == error("NotCouncil", caller)


def test_a_governors_refusal_is_passed_on(remote: Remote, governing: Contract) -> None:
    unknown: Any = keccak(text="unknown")
    refusal = error("UnexpectedDecisionState", unknown, State.UNKNOWN)
    assert governing.revert("postpone", unknown, sender=WATCHER) == refusal
