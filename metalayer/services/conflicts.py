"""A proposal against those that are decided at the same time: does the order matter, do both write the same?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_abi.exceptions import DecodingError

from metalayer.deploy.names import GOVERNOR
from metalayer.governance.built import Built
from metalayer.governance.motions import title_of
from metalayer.governance.names import Names
from metalayer.network.connection import Connection
from metalayer.protocol import decisions, governor
from metalayer.protocol.decisions import Decision, DecisionState
from metalayer.protocol.governor import HubProposal, ProposalState
from metalayer.services.acting import act, permit
from metalayer.services.changes import Change, Changes
from metalayer.services.findings import named_changes
from metalayer.services.forks import Forks

_LIVE = (ProposalState.PENDING, ProposalState.ACTIVE, ProposalState.SUCCEEDED, ProposalState.QUEUED)
_WAITING = (DecisionState.WAITING, DecisionState.READY)

Call = tuple[str, int, bytes]
Calls = dict[str, list[Call]]
"""Target, wei and calldata of what timelocks would call, by chain."""


@dataclass(frozen=True)
class Other:
    """A proposal that is not executed yet, or of which a decision waits. title: the first line of its text."""

    id: int
    title: str
    state: str
    calls: Calls


@dataclass(frozen=True)
class Order:
    """What comes of executing the other one before or after this one. both: variables that both write; differing:
    values that depend on the order; problems: what fails after the other.
    """

    other: Other
    both: tuple[str, ...]
    differing: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        return not self.differing and not self.problems


def calls_of(built: Built, hub: str) -> Calls:
    """Of this proposal."""
    return {
        chain: [(action.target, action.value, action.calldata) for action in actions]
        for chain, actions in built.actions_by_chain(hub).items()
    }


def read_live(connections: Mapping[str, Connection], names: Names, built: Built) -> list[Other]:
    """All others, oldest first."""
    hub = connections[names.hub]
    by_id = {one.chain_id: name for name, one in connections.items()}
    found = []
    for created, _ in hub.ask(governor.PROPOSAL_CREATED.history(built.governor)):
        if created.id == built.id:
            continue
        state = hub.view(built.governor, governor.STATE, created.id)
        own, decided = _split(created.proposal, built.outbox)
        calls: Calls = {names.hub: own} if own and state in _LIVE else {}
        for chain_id, decision in decided:
            chain = by_id.get(chain_id)
            if chain is not None and (state in _LIVE or _waits(connections[chain], names, decision)):
                calls.setdefault(chain, []).extend(
                    zip(decision.targets, decision.values, decision.calldatas, strict=True)
                )
        if calls:
            found.append(Other(created.id, title_of(created.proposal), state.name.lower(), calls))
    return found


def orders(forks: Forks, names: Names, built: Built, others: Sequence[Other]) -> list[Order]:
    """Of each other one, on the forks, which are as before afterwards. As the timelocks would call, one after the
    other.
    """
    ours = calls_of(built, names.hub)
    return [_order(forks, names, ours, other) for other in others]


def _order(forks: Forks, names: Names, ours: Calls, other: Other) -> Order:
    together = [chain for chain in ours if chain in other.calls]
    both: dict[str, None] = {}
    differing: dict[str, None] = {}
    problems: dict[str, None] = {}
    for chain in together:
        connection = forks.mesh.connections[chain]
        alone = [_run(connection, names, [calls]) for calls in (ours[chain], other.calls[chain])]
        written = [{one.path for one in changes} for changes, _ in alone]
        both |= dict.fromkeys(f"{chain}: {path}" for path in sorted(written[0] & written[1]))
        first, failed = _run(connection, names, [ours[chain], other.calls[chain]])
        last, failed_last = _run(connection, names, [other.calls[chain], ours[chain]])
        after = [{one.path: one.after for one in changes} for changes in (first, last)]
        for path in sorted(after[0].keys() | after[1].keys()):
            if after[0].get(path) != after[1].get(path):
                values = " or ".join(one.get(path, "as it is") for one in after)
                differing[f"{chain}: {path} is {values}"] = None
        if failed and not alone[1][1]:
            problems[f"{chain}: it fails after this one: {failed}"] = None
        if failed_last and not alone[0][1]:
            problems[f"{chain}: this one fails after it: {failed_last}"] = None
    return Order(other, tuple(both), tuple(differing), tuple(problems))


def _run(connection: Connection, names: Names, lists: Sequence[Sequence[Call]]) -> tuple[list[Change], str]:
    """What the timelock changes with these calls, and why the first of them fails; as before afterwards."""
    snapshot = connection.rpc("evm_snapshot")
    timelock, changes, failed = names.on(connection.name, "Timelock"), Changes(connection), ""
    # All in one second: what is only another time is no other result.
    moment = connection.block().time + 1
    for target, value, data in (call for calls in lists for call in calls):
        if names.contract_at(target, connection.name) == GOVERNOR:
            permit(connection, target, data)
        done = act(connection, timelock, target, data, value, moment)
        if done.succeeded:
            changes.add(done.hash)
        elif not failed:
            failed = done.frame().reason
    found = named_changes(changes, names, connection.name)
    connection.rpc("evm_revert", snapshot)
    return found, failed


def _split(proposal: HubProposal, outbox: str) -> tuple[list[Call], list[tuple[int, Decision]]]:
    """The hub's own calls, and decisions by chain id."""
    own, decided = list[Call](), list[tuple[int, Decision]]()
    for call in zip(*proposal.actions, strict=True):
        target, _, data = call
        if target == outbox and data.startswith(decisions.DECIDE.selector):
            try:
                chain_id, decision, _ = decisions.DECIDE.decode_arguments(data)
                decided.append((chain_id, Decision.of(decision)))
            except (ValueError, DecodingError):
                own.append(call)
        else:
            own.append(call)
    return own, decided


def _waits(connection: Connection, names: Names, decision: Decision) -> bool:
    remote = names.on(connection.name, "RemoteGovernor")
    return connection.view(remote, decisions.STATE_OF, decision.id) in _WAITING
