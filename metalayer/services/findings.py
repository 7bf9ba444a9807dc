"""What a rehearsal means: changes by name, which of them nobody allowed, and what whoever reads it should see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from metalayer.deploy.artifacts import load_layout
from metalayer.deploy.names import GATEWAY, artifact_of
from metalayer.errors import MetalayerError
from metalayer.governance.built import Action, Built
from metalayer.governance.names import NEXT_GATEWAY, Names
from metalayer.governance.written import Proposal
from metalayer.network.connection import Connection
from metalayer.protocol.amounts import era
from metalayer.protocol.layouts import Layout
from metalayer.services.changes import Change, Changes
from metalayer.services.deciding import Found

# What deciding itself writes, on the hub and elsewhere.
_DECIDING = (
    "EraGovernor._governanceCall",
    "EraGovernor._pins",
    "EraGovernor._proposalVotes",
    "EraGovernor._proposals",
    "EraGovernor._timelockIds",
    "EraGovernor.objectionsFrom",
    "DecisionOutbox.arriveBefore",
    "RemoteGovernor._records",
    "Timelock._timestamps",
)
# Who may do what.
_OFFICES = {
    "DecisionOutbox.gateway": "the gateway of decisions",
    "DecisionOutbox.isGateway": "the gateways of decisions",
    "ERA._delegatee": "a delegation of votes",
    "EraGovernor._proposalGuardian": "the guardian of proposals",
    "EraGovernor._timelock": "the timelock of the governor",
    "Guardian.council": "the council",
    "Guardian.feeKeeper": "the fee keeper",
    "Guardian.isWatcher": "a watcher",
    "Metalayer._owner": "the owner of the gateway",
    "Metalayer._pendingOwner": "the next owner of the gateway",
    "Metalayer.guardian": "the guardian of the gateway",
    "Metalayer.announced": "an announced validator set",
    "Metalayer.installed": "the validator set",
    "Metalayer.recovery": "the recovery of the gateway",
    "RemoteGovernor._accepted": "the gateways of decisions",
    "RemoteGovernor.guardian": "the guardian of decisions",
    "RemoteGovernor.recovery": "the recovery of decisions",
    "Slasher._owner": "the owner of the Slasher",
    "Slasher._pendingOwner": "the next owner of the Slasher",
    "Timelock._roles": "a role of the timelock",
}
# Numbers that somebody chose.
_PARAMETERS = ("Metalayer._routes", "EraGovernor.", "Timelock._minDelay")
_TREASURY = "ERA._balances[Timelock]"
# EIP-1967, EIP-1167, EIP-7702.
_IMPLEMENTATION = 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC
_MINIMAL, _DELEGATED = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("ef0100")


@dataclass(frozen=True)
class Findings:
    """Of one rehearsal that came to its end."""

    proposal: Proposal
    built: Built
    names: Names
    found: Found
    connections: Mapping[str, Connection]

    @cached_property
    def changes(self) -> dict[str, list[Change]]:
        """What the actions changed, by chain."""
        return {
            chain: [one for one in all_ if not self._is_deciding(chain, one)]
            for chain, all_ in self._all.items()
        }

    @cached_property
    def _all(self) -> dict[str, list[Change]]:
        return {
            chain: named_changes(changes, self.names, chain) for chain, changes in self.found.changes.items()
        }

    def _is_deciding(self, chain: str, change: Change) -> bool:
        if change.variable in _DECIDING:
            return True
        if chain != self.names.hub:
            return False
        return any(change.path.startswith(prefix) for prefix in self._sending)

    @cached_property
    def _sending(self) -> list[str]:
        """What the messages write that carry decisions."""
        way = NEXT_GATEWAY if NEXT_GATEWAY in self.names.contracts[self.names.hub] else GATEWAY
        found = [f"{way}.credit[DecisionOutbox]"] if self.built.decisions else []
        for chain_id in dict.fromkeys(one.chain_id for one in self.built.decisions):
            found += [f"{way}.{of}[{chain_id}]" for of in ("lanes", "storedHeads")]
        return found

    @property
    def outside(self) -> list[str]:
        """A line for each variable that is written and not in the file's `writes`."""
        lines: dict[str, None] = {}
        for chain, changes in self.changes.items():
            allowed = self.proposal.writes.get(chain, ())
            for change in changes:
                if change.variable not in allowed:
                    lines[f"{chain}: it writes {change.variable}, which is not in `writes`"] = None
        return list(lines)

    @property
    def warnings(self) -> list[str]:
        """In no order of importance: whoever votes reads all."""
        return list(dict.fromkeys([*self.built.warnings, *self.found.notes, *self._warned()]))

    def _warned(self) -> Iterator[str]:
        for chain, changes in self.changes.items():
            for change in changes:
                said = f"{change.before} → {change.after}"
                if change.variable in _OFFICES:
                    yield f"{chain}: {_OFFICES[change.variable]} changes: {change.path}: {said}"
                elif self._is_far(change):
                    yield f"{chain}: {change.path} changes by more than twice: {said}"
                elif change.path == _TREASURY and change.numbers[1] < change.numbers[0]:
                    yield f"{chain}: {era(change.numbers[0] - change.numbers[1])} ERA leave the treasury"
            for address, (before, after) in self.found.changes[chain].ether().items():
                name = self.names.contract_at(address, chain) or address
                verb = "leaves" if after < before else "comes to"
                yield f"{chain}: ether {verb} {name}: {before} → {after} wei"
            for address in self.found.changes[chain].created():
                yield f"{chain}: new code at {self.names.called(address, chain)}"
        for chain, actions in self.built.actions_by_chain(self.names.hub).items():
            for target in dict.fromkeys(action.target for action in actions):
                yield from self._target(chain, target, [one for one in actions if one.target == target])

    def _is_far(self, change: Change) -> bool:
        before, after = change.numbers
        if not change.label.startswith("uint") or not change.path.startswith(_PARAMETERS) or not before:
            return False
        return after > 2 * before or 2 * after < before

    def _target(self, chain: str, target: str, actions: Sequence[Action]) -> Iterator[str]:
        connection = self.connections[chain]
        code, name = connection.code(target), self.names.called(target, chain)
        if not code and any(action.calldata for action in actions):
            yield f"{chain}: {name} has no code"
        stored = int(connection.rpc("eth_getStorageAt", target, hex(_IMPLEMENTATION), "latest"), 16)
        if code.startswith((_MINIMAL, _DELEGATED)) or stored:
            yield f"{chain}: {name} is a proxy: what stands behind it may change until this is executed"


def named_changes(changes: Changes, names: Names, chain: str) -> list[Change]:
    """Storage by name, as far as this deployment's contracts keep it."""

    def known(address: str) -> str:
        return names.contract_at(address, chain) or address

    def layout(address: str) -> Layout | None:
        name = names.contract_at(address, chain)
        try:
            if name == NEXT_GATEWAY:
                return load_layout(GATEWAY, called=name)
            return load_layout(artifact_of(name), called=name) if name else None
        except MetalayerError:
            return None

    return changes.storage(layout, known, known)
