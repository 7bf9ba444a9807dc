"""What is declared of the contracts that govern: constructors' arguments, and what they should say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from metalayer.deploy.declaration import Change, View
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import (
    BRIDGE,
    ERA,
    GATEWAY,
    GOVERNOR,
    GUARDIAN,
    VOTE_POOL,
)
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import HOUR, span

_MIN_DELAY = Function("getMinDelay()", "uint256")
_UPDATE_DELAY = Function("updateDelay(uint256)")
# To the next full hour: between the setting and an hour more.
_VOTING_DELAY = Function("votingDelay()", "uint256", lambda seconds: seconds // HOUR * HOUR)
_SET_VOTING_DELAY = Function("setVotingDelay(uint48)")
_VOTING_PERIOD = Function("votingPeriod()", "uint256")
_SET_VOTING_PERIOD = Function("setVotingPeriod(uint32)")
_THRESHOLD = Function("proposalThreshold()", "uint256")
_SET_THRESHOLD = Function("setProposalThreshold(uint256)")
_QUORUM = Function("quorumNumerator()", "uint256")
_UPDATE_QUORUM = Function("updateQuorumNumerator(uint256)")
_NAME = Function("name()", "string")
_TIMELOCK = Function("timelock()", "address")
_TOKEN = Function("token()", "address")
_VOTES_TOKEN = Function("TOKEN()", "address")
_PROPOSAL_GUARDIAN = Function("proposalGuardian()", "address")
_SET_PROPOSAL_GUARDIAN = Function("setProposalGuardian(address)")
_GATEWAY = Function("gateway()", "address")
_SET_GATEWAY = Function("setGateway(address)")
_GUARDIAN = Function("guardian()", "address")
_RECOVERY = Function("recovery()", "address")
_SET_OFFICES = Function("setOffices(address,address)")
_IS_GATEWAY = Function("isGateway(address)", "bool", bool)
_ACCEPT_GATEWAY = Function("setGateway(address,bool)")


def _setting(
    desired: Desired,
    subject: str,
    function: Function,
    expected: Any,
    setter: Function,
    argument: str,
    words: Callable[[Any], str] = str,
) -> View:
    """What the timelock can set."""
    change = Change(subject, desired.owner, setter, {argument: expected})
    return View(subject, function, expected, words=words, change=change)


def timelock_arguments(desired: Desired) -> dict[str, Any]:
    return {"delay": desired.governance.timelock_delay, "governor": desired.governor}


def timelock_views(desired: Desired) -> Iterator[View]:
    delay = desired.governance.timelock_delay
    yield _setting(desired, "timelock delay", _MIN_DELAY, delay, _UPDATE_DELAY, "newDelay", span)


def governor_arguments(desired: Desired) -> dict[str, Any]:
    addresses, rules = desired.addresses, desired.governance
    return {
        "era": addresses[ERA],
        "bridge": addresses[BRIDGE],
        "votePool": addresses[VOTE_POOL],
        "timelock": desired.owner,
        "proposalGuardian": addresses[GUARDIAN],
        "settings": {
            "delay": rules.voting_delay,
            "period": rules.voting_period,
            "threshold": rules.proposal_threshold,
            "quorumPercent": rules.quorum,
        },
    }


def governor_views(desired: Desired) -> Iterator[View]:
    rules, guardian = desired.governance, desired.addresses[GUARDIAN]
    setting = partial(_setting, desired)
    yield View("EraGovernor timelock", _TIMELOCK, desired.owner, refusal="the timelock of EraGovernor")
    yield View("EraGovernor name", _NAME, "EraGovernor", words=repr)
    yield View("EraGovernor token", _TOKEN, desired.addresses[ERA])
    yield setting(
        "voting delay", _VOTING_DELAY, rules.voting_delay, _SET_VOTING_DELAY, "newVotingDelay", span
    )
    yield setting(
        "voting period", _VOTING_PERIOD, rules.voting_period, _SET_VOTING_PERIOD, "newVotingPeriod", span
    )
    yield setting(
        "proposal threshold",
        _THRESHOLD,
        rules.proposal_threshold,
        _SET_THRESHOLD,
        "newProposalThreshold",
        era,
    )
    yield setting("quorum", _QUORUM, rules.quorum, _UPDATE_QUORUM, "newQuorumNumerator", "{} %".format)
    yield setting(
        "proposal guardian", _PROPOSAL_GUARDIAN, guardian, _SET_PROPOSAL_GUARDIAN, "newProposalGuardian"
    )


def outbox_arguments(desired: Desired) -> dict[str, Any]:
    return {"initialGateway": desired.addresses[GATEWAY], "timelock": desired.owner}


def outbox_views(desired: Desired) -> Iterator[View]:
    gateway = desired.addresses[GATEWAY]
    yield _setting(desired, "DecisionOutbox gateway", _GATEWAY, gateway, _SET_GATEWAY, "newGateway")


def remote_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "hubChainId": desired.network_id,
        "initialGateway": desired.addresses[GATEWAY],
        "timelock": desired.owner,
        "initialGuardian": desired.addresses[GUARDIAN],
        "initialRecovery": desired.offices.recovery,
    }


def remote_views(desired: Desired) -> Iterator[View]:
    guardian, gateway = desired.addresses[GUARDIAN], desired.addresses[GATEWAY]
    recovery = desired.offices.recovery
    offices = {"newGuardian": guardian, "newRecovery": recovery}
    change = Change("decision offices", desired.owner, _SET_OFFICES, offices)
    yield View("decision guardian", _GUARDIAN, guardian, change=change)
    yield View("decision recovery", _RECOVERY, recovery, change=change)
    accept = Change(
        "decision gateway", desired.owner, _ACCEPT_GATEWAY, {"gateway": gateway, "accepted": True}
    )
    yield View("decision gateway", _IS_GATEWAY, True, (gateway,), change=accept)


def pool_arguments(desired: Desired) -> dict[str, Any]:
    addresses = desired.addresses
    return {"gateway": addresses[GATEWAY], "governor": addresses[GOVERNOR], "bridge": addresses[BRIDGE]}


def spoke_votes_arguments(desired: Desired) -> dict[str, Any]:
    addresses = desired.addresses
    return {"gateway": addresses[GATEWAY], "era": addresses[ERA], "hubChainId": desired.network_id}


def spoke_votes_views(desired: Desired) -> Iterator[View]:
    yield View("SpokeVotes TOKEN", _VOTES_TOKEN, desired.addresses[ERA])
