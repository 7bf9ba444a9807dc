"""What a governor begins with, who changes it, and who may do what on its timelock."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.kit.evm import ZERO_ADDRESS, deploy, error, events_of, set_code
from tests.kit.governing import (
    DELAY,
    FOR,
    MILLION,
    PASSER_BY,
    PERIOD,
    POOL,
    PROPOSAL_GUARDIAN,
    PROPOSER,
    SETTINGS,
    SUPPORTER,
    THRESHOLD,
    Action,
    Senate,
    State,
)
from tests.kit.paper import DAY
from tests.kit.roles import DEVELOPER

WEEK = 7 * DAY


def test_what_it_begins_with(senate: Senate) -> None:
    governor = senate.governor
    assert governor.view("votingPeriod") == PERIOD
    assert governor.view("proposalThreshold") == THRESHOLD
    assert governor.view("quorumDenominator") == 100
    assert governor.view("quorum", senate.now - 1) == 40 * MILLION
    assert governor.view("proposalGuardian") == PROPOSAL_GUARDIAN
    assert governor.view("timelock") == senate.timelock.address
    assert governor.view("token") == senate.era.address
    assert governor.view("BRIDGE") == senate.bridge.address
    assert governor.view("VOTE_POOL") == POOL
    assert governor.view("name") == "EraGovernor"


def test_a_vote_changes_it(senate: Senate) -> None:
    senate.enact(
        senate.own("setVotingDelay", 3 * DAY),
        senate.own("setVotingPeriod", WEEK),
        senate.own("setProposalThreshold", 2 * MILLION),
        senate.own("updateQuorumNumerator", 5),
    )
    governor = senate.governor
    senate.reach(senate.now + 1)
    assert governor.view("votingDelay", at=senate.now // 3_600 * 3_600 + 3_600) == 3 * DAY
    assert governor.view("votingPeriod") == WEEK
    assert governor.view("proposalThreshold") == 2 * MILLION
    assert governor.view("quorum", senate.now - 1) == 50 * MILLION


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("setVotingDelay", (DAY,)),
        ("setVotingPeriod", (WEEK,)),
        ("setProposalThreshold", (0,)),
        ("updateQuorumNumerator", (1,)),
        ("updateTimelock", (PASSER_BY,)),
        ("relay", (PASSER_BY, 0, b"")),
    ],
)
def test_a_vote_alone_does(senate: Senate, method: str, arguments: tuple[object, ...]) -> None:
    """Not even the timelock, but for what the governor executes right now."""
    governor, timelock = senate.governor, senate.timelock.address
    for account in (PROPOSER, PROPOSAL_GUARDIAN, governor.address):
        refusal = governor.revert(method, *arguments, sender=account)
        assert refusal == error("GovernorOnlyExecutor", account)
    # It takes an announced call from an empty queue.
    assert governor.revert(method, *arguments, sender=timelock).is_panic


@pytest.mark.parametrize("period", [WEEK, WEEK - 1])
def test_a_voting_period_is_a_week_at_least(senate: Senate, period: int) -> None:
    """There is time before the last two days."""
    proposal = senate.queue(senate.own("setVotingPeriod", period))
    founded = senate.founding(settings=(DELAY, period, THRESHOLD, 4))
    if period == WEEK:
        proposal.send("execute")
        assert founded is None
    else:
        refusal = error("VotingPeriodTooShort", period, WEEK)
        assert proposal.revert("execute") == refusal
        assert founded == refusal


def test_a_quorum_is_a_part_of_the_whole(senate: Senate) -> None:
    assert senate.founding(settings=(DELAY, PERIOD, THRESHOLD, 101)) == error(
        "GovernorInvalidQuorumFraction", 101, 100
    )
    assert senate.founding(settings=SETTINGS) is None


# Time


def test_time_is_unix_time(senate: Senate) -> None:
    """Whatever becomes of the token: OpenZeppelin's would count blocks if its clock failed."""
    governor, second = senate.governor, senate.now + 100
    assert governor.view("CLOCK_MODE") == "mode=timestamp"
    assert governor.view("clock", at=second) == second
    set_code(senate.chain, senate.era.address, bytes.fromhex("5f5ffd"))
    assert governor.view("CLOCK_MODE") == "mode=timestamp"
    assert governor.view("clock", at=second) == second


# The timelock


def test_the_governor_alone_has_roles(senate: Senate) -> None:
    """M27, P8a: what was ever granted, and is not revoked; the timelock administers itself."""
    timelock, governor = senate.timelock, senate.governor.address
    roles: set[tuple[bytes, str]] = set()
    for event in events_of(timelock):
        if event.name in ("RoleGranted", "RoleRevoked"):
            change = roles.add if event.name == "RoleGranted" else roles.discard
            change(event.values[:2])
    of_the_governor = [keccak(text=f"{name}_ROLE") for name in ("PROPOSER", "CANCELLER", "EXECUTOR")]
    assert roles == {(bytes(32), timelock.address), *((role, governor) for role in of_the_governor)}
    assert all(timelock.view("hasRole", *role) for role in roles)
    assert not timelock.view("hasRole", of_the_governor[2], ZERO_ADDRESS)
    assert timelock.view("getMinDelay") == DELAY


def test_nobody_schedules_beside_the_governor(senate: Senate) -> None:
    draft = senate.draft()
    role = senate.timelock.view("PROPOSER_ROLE")
    for account in (PASSER_BY, PROPOSAL_GUARDIAN, DEVELOPER.address):
        refusal = senate.timelock.revert("scheduleBatch", *draft.scheduled, DELAY, sender=account)
        assert refusal == error("AccessControlUnauthorizedAccount", account, role)


def test_a_vote_owns_the_gateway(senate: Senate) -> None:
    """And the treasury."""
    gateway, era = senate.gateway, senate.era
    senate.enact(
        Action(gateway.address, gateway.encode("setRecovery", PASSER_BY)),
        Action(era.address, era.encode("transfer", PASSER_BY, MILLION)),
    )
    assert gateway.view("recovery") == PASSER_BY
    assert era.view("balanceOf", PASSER_BY) == MILLION


# What goes astray


def test_the_governor_takes_no_ether(senate: Senate) -> None:
    call = {"from": PASSER_BY, "to": senate.governor.address, "value": hex(1)}
    answer = senate.chain.answer("eth_call", [call, "latest"])
    assert answer["error"]["data"] == "0x" + error("GovernorDisabledDeposit").data.hex()


def test_a_vote_gets_back_what_was_sent_to_the_governor(senate: Senate) -> None:
    era, governor = senate.era, senate.governor
    era.send("transfer", governor.address, MILLION, sender=SUPPORTER)
    senate.enact(senate.own("relay", era.address, 0, era.encode("transfer", PASSER_BY, MILLION)))
    assert era.view("balanceOf", PASSER_BY) == MILLION


def test_relaying_makes_nobody_the_executor(senate: Senate) -> None:
    """What the governor calls comes from itself, not from the timelock."""
    change = senate.governor.encode("setProposalGuardian", PASSER_BY)
    proposal = senate.queue(senate.own("relay", senate.governor.address, 0, change))
    assert proposal.revert("execute") == error("GovernorOnlyExecutor", senate.governor.address)


# Another timelock


def test_another_timelock_executes_what_is_queued_later(senate: Senate) -> None:
    """What is queued in the old one counts as cancelled, and nobody can execute it."""
    governor = senate.governor
    other = deploy(senate.chain, "Timelock", DELAY, governor.address, sender=DEVELOPER.address)
    change = senate.queue(senate.own("updateTimelock", other.address))
    waiting = senate.propose(text="another")
    waiting.vote(SUPPORTER, FOR, at=waiting.snapshot + 1)
    senate.reach(waiting.deadline + 1)
    waiting.send("queue")
    change.send("execute")
    assert governor.view("timelock") == other.address
    assert waiting.state() == State.CANCELED
    assert waiting.revert("execute", at=waiting.eta) == waiting.unexpected(State.CANCELED, State.QUEUED)
    later = senate.queue(text="later")
    assert other.view("isOperationReady", later.operation)
    later.send("execute")
    assert senate.refuses
