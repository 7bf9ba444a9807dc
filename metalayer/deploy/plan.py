"""What is missing on a chain, as steps in their order, rehearsed: what `plan` shows and `apply` sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import CONTROLLER, FACTORY, contracts_of, placement
from metalayer.deploy.declaration import KINDS, Change, Kind
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.inspection import ChainState
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol import reverts
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import from_hex, short, to_hex
from metalayer.protocol.rpc import Request, number


@dataclass(frozen=True)
class Step:
    """One transaction. Steps of one kind may share a block."""

    name: str
    kind: Kind
    sender: str
    to: str
    data: bytes
    arguments: dict[str, Any]
    address: str
    is_done: bool


@dataclass(frozen=True)
class PlannedStep:
    """A step as `plan` shows it. Gas is what the transaction will use; 0 if there is nothing to do."""

    step: Step
    gas: int

    @property
    def action(self) -> str:
        """`same` if there is nothing to do."""
        return "same" if self.step.is_done else self.step.kind


@dataclass(frozen=True)
class Plan:
    """What `apply` would do: all steps by chain, done or not."""

    resolved: Resolved
    chains: dict[str, list[PlannedStep]]

    @property
    def has_changes(self) -> bool:
        return any(not planned.step.is_done for steps in self.chains.values() for planned in steps)


def steps_of(desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact]) -> list[Step]:
    """Every step of a chain in the order of sending."""
    steps = []
    for contract in contracts_of(desired):
        name, address, stands = contract.name, desired.addresses[contract.name], state.stands(contract.name)
        to, data = placement(contract, desired, artifacts[name])
        shown = contract.shown_arguments(desired)
        steps.append(Step(f"create {name}", "create", desired.deployer, to, data, shown, address, stands))
        for view in contract.views(desired):
            is_done = stands and state.values[view.subject] == view.expected
            if view.change is not None and (not view.change.constructed or (stands and not is_done)):
                steps.append(_setting(view.change, address, is_done))
    return sorted(steps, key=lambda step: KINDS.index(step.kind))


def _setting(change: Change, address: str, is_done: bool) -> Step:
    return Step(
        name=change.step,
        kind=change.kind,
        sender=change.sender,
        to=address,
        data=change.data,
        arguments=change.arguments,
        address=address,
        is_done=is_done,
    )


def refuse_contradictions(desired: Desired, state: ChainState) -> None:
    """MetalayerError, one line, if something on the chain cannot be what deploy.yaml asks for."""
    chain, addresses = desired.chain.name, desired.addresses
    if not state.has_placer and not state.found[FACTORY]:
        raise MetalayerError(
            f"{chain} does not have the deterministic deployment proxy at {ARACHNID}: place it first "
            "(https://github.com/Arachnid/deterministic-deployment-proxy)"
        )
    for name, found in state.found.items():
        if found and not state.stands(name):
            raise MetalayerError(
                f"{chain}: the code at {addresses[name]} is not the {name} of this deployment "
                f"(found {short(keccak(found))}, expected {short(keccak(state.expected[name]))}): "
                "other sources, arguments or network"
            )
    views = [view for contract in contracts_of(desired) for view in contract.views(desired)]
    # Whose step has not come yet says least about what is wrong: last.
    for view in sorted(views, key=lambda view: view.initial is not None):
        if view.refusal and view.subject in state.values:
            allowed = [value for value in (view.initial, view.expected) if value is not None]
            if state.values[view.subject] not in allowed:
                raise MetalayerError(
                    f"{chain}: {view.refusal} is {view.words(state.values[view.subject])}, expected "
                    f"{' or '.join(view.words(value) for value in allowed)} (deploy.yaml)"
                )
    # Later sets are none of deploy.yaml's business: a quorum of the set before signed each. A chain that joined later
    # started from one of them.
    first = state.sets.first if state.sets is not None else None
    if state.sets is not None and (first is None or first.hash != desired.validator_set.hash):
        raise MetalayerError(
            f"{chain}: the first validator set of Metalayer was {short(first.hash) if first else 'never logged'}, "
            f"expected {short(desired.validator_set.hash)} (deploy.yaml)"
        )
    absent = [name for name, found in state.found.items() if not found]
    if absent and state.values.get(CONTROLLER) == desired.owner != desired.deployer:
        raise MetalayerError(
            f"{chain}: {absent[0]} is not there, but the deployer's namespace is already sealed to "
            f"{desired.owner}"
        )


def rehearse(connection: Connection, steps: list[Step]) -> dict[str, int]:
    """Gas that each step uses, from running all of them in order in `eth_simulateV1`. Nothing is sent.

    MetalayerError if one would revert.
    """
    if not steps:
        return {}
    block = connection.block()
    gas = hex(min(MAX_TRANSACTION_GAS, block.gas_limit))
    calls = [{"from": step.sender, "to": step.to, "input": to_hex(step.data), "gas": gas} for step in steps]
    what = {"blockStateCalls": [{"blockOverrides": {"time": hex(block.time + 1)}, "calls": calls}]}
    simulated = connection.ask(
        Request("eth_simulateV1", (what, "latest"), lambda blocks: _simulated(blocks, len(steps)))
    )
    used = {}
    for step, (status, data, gas_used) in zip(steps, simulated, strict=True):
        if status != 1:
            raise MetalayerError(
                f"{connection.chain.name}: {step.name} would revert: {reverts.explain(data)}"
            )
        used[step.name] = gas_used
    return used


def _simulated(blocks: Any, count: int) -> list[tuple[int, bytes, int]]:
    """Status, return data and gas of so many calls, from a node's answer. Raises one of READ_FAULTS."""
    calls = blocks[0]["calls"]
    if len(calls) != count:
        raise ValueError(f"{len(calls)} calls, not {count}")
    return [
        (
            number(call["status"]),
            from_hex(call.get("error", {}).get("data") or call["returnData"]),
            number(call["gasUsed"]),
        )
        for call in calls
    ]


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """For --json."""
    return {
        "addresses": plan.resolved.addresses,
        "changes": plan.has_changes,
        "chains": {
            chain: [
                {
                    "step": planned.step.name,
                    "action": planned.action,
                    "address": planned.step.address,
                    "arguments": planned.step.arguments,
                    "sender": planned.step.sender,
                    "gas": planned.gas,
                }
                for planned in steps
            ]
            for chain, steps in plan.chains.items()
        },
    }
