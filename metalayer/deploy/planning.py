"""Reads the chains, and says what would be done on each: all that can be known before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.begun import other_terms
from metalayer.deploy.compared import Compared
from metalayer.deploy.contradictions import contradictions
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.drift import drift
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.past import compare_founders, compare_spent, refusal
from metalayer.deploy.plan import Plan, PlannedStep, Problems, rehearse, steps_of
from metalayer.deploy.probe import refuse_unfit
from metalayer.deploy.spending import Spending, spending_of
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.protocol.attestation import ValidatorSet

Item = TypeVar("Item")


class _Planned(NamedTuple):
    """Of one chain."""

    state: ChainState
    steps: list[PlannedStep]
    spending: list[Spending]
    spent: list[Compared]
    founding: list[Compared]


@dataclass(frozen=True)
class Planner:
    """`resolve`: what should stand, by what these chains say of the validator sets. `has_key`: as of Deployer."""

    network: Network
    connections: Mapping[str, Connection]
    artifacts: Mapping[str, Artifact]
    keys: Keyring
    resolve: Callable[[Collection[str]], Resolved]
    has_key: Callable[[str], bool] | None = None

    def plan(self, names: Collection[str], begin: Callable[[dict[str, str]], object]) -> Plan:
        """Of these chains. `begin` gets the hashes of block 0 of those that answer, and the hub's, before anything else
        is read of them. Raises Problems: all that stands in the way.
        """
        hub = self.network.hub.name
        genesis, problems = _on(dict.fromkeys([hub, *names]), self._begin)
        if hub not in genesis:
            # Without its sets nothing can be said of the others.
            raise Problems(problems)
        begin(genesis)
        resolved = self.resolve([name for name in names if name in genesis])
        if resolved.sets.is_due:
            if hub not in names:
                problems.append(f"{hub}: a validator set has to be published first: `--chain {hub}`, too")
            elif not self.keys.elsewhere:
                # Who signs elsewhere cannot sign what starts from a set that is only expected.
                published, faults = _on([hub], lambda _: self._published(resolved.chains[hub]))
                problems += faults
                resolved = resolved.starting_from(replace(resolved.sets, planned=published.get(hub)))
        chosen = [name for name in names if name in genesis]
        found, faults = _on(chosen, lambda name: self._plan_chain(resolved.chains[name]))
        if problems := [*problems, *faults]:
            raise Problems(problems)
        states = {name: one.state for name, one in found.items()}
        return Plan(
            resolved,
            {name: genesis[name] for name in names},
            states,
            {name: one.steps for name, one in found.items()},
            [spending for one in found.values() for spending in one.spending],
            drift(resolved, states),
            [past for one in found.values() for past in one.spent],
            [past for one in found.values() for past in one.founding],
        )

    def _begin(self, name: str) -> str:
        """Hash of block 0 of a chain that the contracts can work on."""
        connection = self.connections[name]
        refuse_unfit(connection)
        return str(connection.block(0).hash)

    def _published(self, hub: Desired) -> ValidatorSet | None:
        state = self._inspect(hub)
        missing = [step for step in steps_of(hub, state, self.artifacts, self.keys) if step.is_missing]
        return rehearse(self.connections[hub.chain.name], missing).published

    def _plan_chain(self, desired: Desired) -> _Planned:
        connection = self.connections[desired.chain.name]
        state = self._inspect(desired)
        steps = steps_of(desired, state, self.artifacts, self.keys)
        missing = [step for step in steps if step.is_missing]
        gas = rehearse(connection, missing).gas
        return _Planned(
            state,
            [PlannedStep(step, gas.get(step.name, 0)) for step in steps],
            spending_of(connection, missing, gas, self.has_key or self.keys.sends),
            compare_spent(connection, desired, state) if desired.is_hub else [],
            compare_founders(connection, desired, state) if desired.is_hub else [],
        )

    def _inspect(self, desired: Desired) -> ChainState:
        connection = self.connections[desired.chain.name]
        state = inspect(connection, desired, self.artifacts)
        if not (found := list(contradictions(desired, state))):
            return state
        if desired.is_hub:
            # What deploy.yaml says of the past comes first: it is why.
            found = list(
                contradictions(desired, state, other_terms(connection, desired, state, self.artifacts))
            )
            name = desired.chain.name
            found = [*(refusal(name, one) for one in compare_spent(connection, desired, state)), *found]
        raise Problems(found)


def _on(names: Iterable[str], work: Callable[[str], Item]) -> tuple[dict[str, Item], list[str]]:
    """On these chains at once: what came of it by chain, and what is wrong with the others."""

    def guarded(name: str) -> Item | Problems:
        try:
            return work(name)
        except Problems as error:
            return error
        except MetalayerError as error:
            return Problems([str(error)])

    done = dict(zip(names, in_parallel(guarded, names), strict=True))
    found = {name: one for name, one in done.items() if not isinstance(one, Problems)}
    problems = [problem for one in done.values() if isinstance(one, Problems) for problem in one.problems]
    return found, problems
