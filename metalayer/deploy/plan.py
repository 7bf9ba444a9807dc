"""What is missing on a chain, as steps in their order, rehearsed: what `plan` shows and `apply` sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.bonds import founding_steps
from metalayer.deploy.compared import Compared
from metalayer.deploy.contracts import contracts_of, placement
from metalayer.deploy.declaration import KINDS, Change, Step
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.drift import Mend
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.spending import Spending
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.limits import Limit
from metalayer.network.rpc import RpcError
from metalayer.protocol import reverts
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Log, Request, number
from metalayer.protocol.staking import SET_PUBLISHED

_SIMULATE = "eth_simulateV1"


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


class Problems(MetalayerError):
    """Everything that is known to stand in the way, on all chains."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True)
class Plan:
    """What `apply` would do: all steps by chain, done or not, and who pays for them; what only a vote can do, by chain;
    and what deploy.yaml says of the past, and is not true: `spent` of ERA, `founding` of the bonds.
    """

    resolved: Resolved
    genesis: dict[str, str]
    states: dict[str, ChainState]
    chains: dict[str, list[PlannedStep]]
    spending: list[Spending]
    drift: dict[str, list[Mend]]
    spent: list[Compared]
    founding: list[Compared]

    @property
    def has_changes(self) -> bool:
        """True if there is a step that is not done."""
        return any(not planned.step.is_done for steps in self.chains.values() for planned in steps)

    @property
    def is_settled(self) -> bool:
        """True if there is nothing to do, in deploy.yaml neither. What a vote has to do does not count."""
        return not (self.has_changes or self.spent or self.founding)

    @property
    def missing(self) -> dict[str, list[Step]]:
        """What is to be sent, by chain."""
        return {
            chain: [planned.step for planned in steps if planned.step.is_missing]
            for chain, steps in self.chains.items()
        }


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


@dataclass(frozen=True)
class Rehearsal:
    """What steps do: the gas that each uses, by name; and the set that Staking publishes, if one of them makes it."""

    gas: dict[str, int]
    published: ValidatorSet | None = None


def rehearse(connection: Connection, steps: list[Step]) -> Rehearsal:
    """Runs all steps in order in `eth_simulateV1`. Nothing is sent. MetalayerError if one would revert, or if its node
    runs no such thing.
    """
    if not steps:
        return Rehearsal({})
    block = connection.block()
    gas = min(MAX_TRANSACTION_GAS, block.gas_limit)
    # In blocks as the chain has them: some nodes run no larger ones, and add up what each call may use.
    size = max(1, block.gas_limit // gas)
    blocks = [steps[start : start + size] for start in range(0, len(steps), size)]
    what = {
        "blockStateCalls": [
            {
                "blockOverrides": {"time": hex(block.time + 1 + number)},
                "calls": [
                    {"from": step.sender, "to": step.to, "input": to_hex(step.data), "gas": hex(gas)}
                    for step in inside
                ],
            }
            for number, inside in enumerate(blocks)
        ]
    }
    sizes = [len(inside) for inside in blocks]
    request = Request(_SIMULATE, (what, "latest"), lambda found: _simulated(found, sizes))
    try:
        simulated = connection.ask(request)
    except RpcError as error:
        raise MetalayerError(_refusal(connection, error)) from error
    used: dict[str, int] = {}
    published = None
    for step, call in zip(steps, simulated, strict=True):
        if call.status != 1:
            raise MetalayerError(f"{connection.name}: {step.name} {_failure(call, gas, sum(used.values()))}")
        used[step.name] = call.gas
        if step.kind == "publish":
            published = _published(call.logs, step.to)
    return Rehearsal(used, published)


def _refusal(connection: Connection, error: RpcError) -> str:
    chain = connection.chain
    if error.limit is Limit.METHOD:
        whose = "its node" if len(chain.addresses) == 1 else f"none of its {len(chain.addresses)} nodes"
        has = "has no" if len(chain.addresses) == 1 else "has"
        said = f"{chain.name}: {whose} ({chain.place}) {has} {_SIMULATE}, in which a deployment is rehearsed"
    else:
        said = f"{error}: in {_SIMULATE} a deployment is rehearsed"
    return f"{said}: give one that runs it, or name one besides (`url` in networks.yaml; docs/release.md lists some)"


class _Call(NamedTuple):
    status: int
    data: bytes
    gas: int
    logs: list[Log]
    error: str


def _failure(call: _Call, gas: int, before: int) -> str:
    if not call.data and call.gas < gas and "gas" in call.error.lower():
        # It was given less than it was called with.
        return (
            f"cannot be rehearsed: its node bounds the gas of all steps together, of which {before:,} was used before "
            "(`--rpc.gascap` of geth, 50,000,000 if not set): raise that, or name a node that does not"
        )
    return f"would revert: {reverts.explain(call.data)}"


def _published(logs: list[Log], address: str) -> ValidatorSet | None:
    found = SET_PUBLISHED.found_in(logs, address)
    return found[-1] if found else None


def _simulated(blocks: Any, sizes: Sequence[int]) -> list[_Call]:
    """What so many calls in each block did, from a node's answer. Raises one of READ_FAULTS."""
    found = [len(block["calls"]) for block in blocks]
    if found != list(sizes):
        raise ValueError(f"{found} calls, not {sizes}")
    return [
        _Call(
            number(call["status"]),
            from_hex(call.get("error", {}).get("data") or call["returnData"]),
            number(call["gasUsed"]),
            [Log.read(log) for log in call.get("logs", [])],
            str(call.get("error", {}).get("message", "")),
        )
        for block in blocks
        for call in block["calls"]
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
        "spending": {
            chain: [one.as_dict() for one in plan.spending if one.chain == chain] for chain in plan.chains
        },
        "problems": [one.problem for one in plan.spending if one.problem],
        "past": [asdict(one) for one in (*plan.spent, *plan.founding)],
        "drift": {chain: [mend.as_dict() for mend in mends] for chain, mends in plan.drift.items()},
    }
