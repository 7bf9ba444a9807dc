"""What is missing on a chain, as steps in their order, rehearsed: what `plan` shows and `apply` sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.bonds import founding_steps
from metalayer.deploy.contracts import CONTROLLER, contracts_of, placement
from metalayer.deploy.declaration import KINDS, Change, Step
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.drift import Mend
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.names import FACTORY
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol import reverts
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import from_hex, short, to_hex
from metalayer.protocol.rpc import Log, Request, number
from metalayer.protocol.staking import SET_PUBLISHED


@dataclass(frozen=True)
class PlannedStep:
    """A step as `plan` shows it. Gas is what the transaction will use; 0 if there is nothing to do."""

    step: Step
    gas: int

    @property
    def action(self) -> str:
        """`same` if there is nothing to do, `waits` if others have to do something first."""
        if self.step.is_done:
            return "same"
        return "waits" if self.step.waits else self.step.kind


@dataclass(frozen=True)
class Plan:
    """What `apply` would do: all steps by chain, done or not; and what only a vote can do, by chain."""

    resolved: Resolved
    chains: dict[str, list[PlannedStep]]
    drift: dict[str, list[Mend]]

    @property
    def has_changes(self) -> bool:
        """True if there is a step that is not done."""
        return any(not planned.step.is_done for steps in self.chains.values() for planned in steps)


def steps_of(
    desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact], keys: Keyring
) -> list[Step]:
    """Every step of a chain in the order of sending; up to the published set, where one is due."""
    steps = list(founding_steps(desired, state.founding, keys)) if desired.is_hub else []
    for contract in contracts_of(desired):
        name, address, stands = contract.name, desired.addresses[contract.name], state.stands(contract.name)
        to, data = placement(contract, desired, artifacts[contract.artifact])
        shown = contract.shown_arguments(desired)
        steps.append(
            Step(f"create {name}", contract.kind, desired.deployer, to, data, shown, address, stands)
        )
        for view in contract.views(desired):
            change, is_done = view.change, stands and state.values[view.subject] == view.expected
            # The owner is a timelock, and signs nothing: see `drift`.
            if change is None or change.sender == desired.owner:
                continue
            if not change.constructed or (stands and not is_done):
                steps.append(_setting(change, address, is_done, keys))
    known = KINDS if desired.validator_set is not None else KINDS[: KINDS.index("start")]
    return sorted((step for step in steps if step.kind in known), key=lambda step: KINDS.index(step.kind))


def _setting(change: Change, address: str, is_done: bool, keys: Keyring) -> Step:
    waits = ""
    if not is_done and change.constructed and not keys.sends(change.sender):
        waits = f"{change.sender} has to set {change.step}"
    return Step(
        name=change.step,
        kind=change.kind,
        sender=change.sender,
        to=address,
        data=change.data,
        arguments=change.shown_arguments,
        address=address,
        is_done=is_done,
        waits=waits,
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
    # Each chain starts from a set that Staking published. Who is in it is none of deploy.yaml's business any more.
    first = state.sets.first if state.sets is not None else None
    if state.sets is not None and (first is None or not desired.sets.has(first.hash)):
        raise MetalayerError(
            f"{chain}: the first validator set of Metalayer was {short(first.hash) if first else 'never logged'}, "
            f"which Staking on {desired.network.hub.name} never published"
        )
    absent = [name for name, found in state.found.items() if not found]
    if absent and state.values.get(CONTROLLER) == desired.owner != desired.deployer:
        raise MetalayerError(
            f"{chain}: {absent[0]} is not there, but the deployer's namespace is already sealed to "
            f"{desired.owner}"
        )


@dataclass(frozen=True)
class Rehearsal:
    """What steps do: the gas that each uses, by name; and the set that Staking publishes, if one of them makes it."""

    gas: dict[str, int]
    published: ValidatorSet | None = None


def rehearse(connection: Connection, steps: list[Step]) -> Rehearsal:
    """Runs all steps in order in `eth_simulateV1`. Nothing is sent. MetalayerError if one would revert."""
    if not steps:
        return Rehearsal({})
    block = connection.block()
    gas = hex(min(MAX_TRANSACTION_GAS, block.gas_limit))
    calls = [{"from": step.sender, "to": step.to, "input": to_hex(step.data), "gas": gas} for step in steps]
    # One block, however many there are.
    limit = hex(MAX_TRANSACTION_GAS * (len(steps) + 1))
    what = {
        "blockStateCalls": [
            {"blockOverrides": {"time": hex(block.time + 1), "gasLimit": limit}, "calls": calls}
        ]
    }
    simulated = connection.ask(
        Request("eth_simulateV1", (what, "latest"), lambda blocks: _simulated(blocks, len(steps)))
    )
    used: dict[str, int] = {}
    published = None
    for step, (status, data, gas_used, logs) in zip(steps, simulated, strict=True):
        if status != 1:
            raise MetalayerError(
                f"{connection.chain.name}: {step.name} would revert: {reverts.explain(data)}"
            )
        used[step.name] = gas_used
        if step.kind == "publish":
            published = _published(logs, step.to)
    return Rehearsal(used, published)


def _published(logs: list[Log], address: str) -> ValidatorSet | None:
    found = SET_PUBLISHED.found_in(logs, address)
    return found[-1] if found else None


def _simulated(blocks: Any, count: int) -> list[tuple[int, bytes, int, list[Log]]]:
    """Status, return data, gas and logs of so many calls, from a node's answer. Raises one of READ_FAULTS."""
    calls = blocks[0]["calls"]
    if len(calls) != count:
        raise ValueError(f"{len(calls)} calls, not {count}")
    return [
        (
            number(call["status"]),
            from_hex(call.get("error", {}).get("data") or call["returnData"]),
            number(call["gasUsed"]),
            [Log.read(log) for log in call.get("logs", [])],
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
                    "waits": planned.step.waits,
                }
                for planned in steps
            ]
            for chain, steps in plan.chains.items()
        },
        "drift": {chain: [mend.as_dict() for mend in mends] for chain, mends in plan.drift.items()},
    }
