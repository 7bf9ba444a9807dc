"""Deploys the network: compares each chain with `deploy.yaml` and does what is missing, so that it survives
a crash.

First the hub, as far as a validator set: its contracts without the gateway, the bonds of the founders, and the set that
Staking publishes out of them. Then all chains, in parallel, from the newest set. Per chain: the factory, placed by the
Arachnid proxy; the contracts, through the factory, which are born with their owner, a timelock, and all settings; and
last the hand-over of the factory's namespace to the timelock. Nothing is configured but what the council may: see
`drift` for the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.bonds import waiting
from metalayer.deploy.chain_run import ChainRun, Report
from metalayer.deploy.contracts import ARTIFACTS, predict
from metalayer.deploy.declaration import Step
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.drift import Mend, drift
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.intent import Intent, resolve
from metalayer.deploy.journal import Journal
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.names import FACTORY
from metalayer.deploy.plan import Plan, PlannedStep, refuse_contradictions, rehearse, steps_of
from metalayer.deploy.probe import refuse_unfit
from metalayer.deploy.recording import Recorder, first_set, refuse_another
from metalayer.deploy.sets import first_sets
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.locks import exclusive
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import DeployedChain, Registry, shown
from metalayer.network.signers import load_signer
from metalayer.network.transactions import Sender
from metalayer.network.values import looks_like_address

Item = TypeVar("Item")


@dataclass
class Deployer:
    """One network, one intent, and where the records are kept (a folder)."""

    network: Network
    connections: Mapping[str, Connection]
    intent: Intent
    address_of: Callable[[str], str]
    sender_of: Callable[[str], Sender]
    folder: Path
    artifacts: Mapping[str, Artifact] = field(default_factory=lambda: load_artifacts(ARTIFACTS))
    signer_of: Callable[[str], Any] = load_signer
    _accounts: dict[str, str] = field(init=False, default_factory=dict)
    """Address by name in deploy.yaml, as far as that was resolved."""

    @property
    def registry_path(self) -> Path:
        return self.folder / "registry.json"

    def plan(self) -> Plan:
        """Reads every chain and rehearses what is missing. Sends nothing, writes nothing.

        Asks for the keys of founders that have not bonded: their signatures are part of it.
        """
        keys = self._keyring()
        resolved = self._resolve()
        if resolved.sets.is_due:
            hub = self.network.hub.name
            steps = self._steps(resolved.chains[hub], keys)
            planned = rehearse(self.connections[hub], [step for step in steps if step.is_missing]).published
            resolved = resolved.starting_from(replace(resolved.sets, planned=planned))

        def plan_chain(name: str) -> tuple[ChainState, list[PlannedStep]]:
            state = self._inspect(resolved.chains[name])
            steps = steps_of(resolved.chains[name], state, self.artifacts, keys)
            gas = rehearse(self.connections[name], [step for step in steps if step.is_missing]).gas
            return state, [PlannedStep(step, gas.get(step.name, 0)) for step in steps]

        planned_of = self._each(plan_chain)
        states = {name: state for name, (state, _) in planned_of.items()}
        chains = {name: steps for name, (_, steps) in planned_of.items()}
        return Plan(resolved, chains, drift(resolved, states))

    def drift(self) -> dict[str, list[Mend]]:
        """Settings that only a vote can make what deploy.yaml says, by chain. Reads every chain, sends nothing."""
        resolved = self._resolve()
        return drift(resolved, self._each(lambda name: self._inspect(resolved.chains[name])))

    def apply(self, report: Report) -> Registry:
        """Does what is missing, on the hub until a validator set is published, then on every chain in parallel, and
        writes the registry.

        May be interrupted at any point and run again. MetalayerError if another one is running, if
        something on a chain contradicts deploy.yaml, if a transaction fails, or if founders have to bond whose keys are
        not here; the other chains go on to their end.
        """
        with exclusive(
            self.folder / "deploy.lock", f"a deployment of network '{self.network.name}' is already running"
        ):
            journal = Journal(self.folder / "journal.jsonl")
            genesis = self._open(journal)
            keys = self._keyring()
            resolved = self._resolve()
            previous = self._previous(resolved, genesis)
            # On every chain before anything is sent to one: what one refuses must not be half done on the others.
            self._prepare_senders(resolved, keys)
            finished = dict(previous.chains) if previous is not None else {}
            lock = threading.Lock()

            def apply_chain(name: str) -> ChainState:
                desired, connection = resolved.chains[name], self.connections[name]
                return ChainRun(connection, desired, self.artifacts, journal, keys).apply(report)

            def record(name: str, state: ChainState) -> None:
                recorder = Recorder(resolved, self.artifacts, journal, genesis, previous)
                entry = recorder.chain(self.connections[name], state)
                with lock:
                    finished[name] = entry
                    self._save(resolved, finished)

            if resolved.sets.is_due:
                hub = resolved.chains[self.network.hub.name]
                state = apply_chain(hub.chain.name)
                if waits := waiting(steps_of(hub, state, self.artifacts, keys)):
                    # With what stands, operators can bond.
                    record(hub.chain.name, state)
                    raise MetalayerError(
                        f"{hub.chain.name}: {'; '.join(waits)}; then run `ape metalayer deploy apply` again"
                    )
                resolved = self._resolve()
            in_parallel(lambda name: record(name, apply_chain(name)), self.network.chains)
            return Registry.load(self.network, self.registry_path)

    def _each(self, work: Callable[[str], Item]) -> dict[str, Item]:
        """On all chains at once, by name."""
        names = list(self.network.chains)
        return dict(zip(names, in_parallel(work, names), strict=True))

    def _keyring(self) -> Keyring:
        return Keyring(self.sender_of, self.signer_of)

    def _steps(self, desired: Desired, keys: Keyring) -> list[Step]:
        return steps_of(desired, self._inspect(desired), self.artifacts, keys)

    def _prepare_senders(self, resolved: Resolved, keys: Keyring) -> None:
        """Reads all chains, and has whoever sends to one of them at hand: who has no key, or types a wrong passphrase,
        learns it before anything is sent.
        """

        def senders(name: str) -> list[str]:
            return [step.sender for step in self._steps(resolved.chains[name], keys) if step.is_missing]

        needed = in_parallel(senders, self.network.chains)
        for account in dict.fromkeys(account for accounts in needed for account in accounts):
            self.sender_of(account)

    def _inspect(self, desired: Desired) -> ChainState:
        refuse_unfit(self.connections[desired.chain.name])
        state = inspect(self.connections[desired.chain.name], desired, self.artifacts)
        refuse_contradictions(desired, state)
        return state

    def _genesis(self) -> dict[str, str]:
        return self._each(lambda name: str(self.connections[name].block(0).hash))

    def _open(self, journal: Journal) -> dict[str, str]:
        """Ties the journal to the chains that are there. One of local chains that are gone is thrown away.

        The hash of block 0, by chain.
        """
        genesis = self._genesis()
        if any(genesis.get(name, hash_) != hash_ for name, hash_ in journal.genesis.items()):
            if not self.network.is_local:
                raise MetalayerError(f"{shown(journal.path)} is the journal of other chains: move it away")
            journal.clear()
        known = journal.genesis
        journal.append(
            *(
                {"record": "chain", "chain": name, "genesis": hash_}
                for name, hash_ in genesis.items()
                if name not in known
            )
        )
        return genesis

    def _resolve(self) -> Resolved:
        factory = self.artifacts[FACTORY].creation
        addresses = predict(self.address_of(self.intent.deployer), factory)
        sets = first_sets(self.network, self.connections, addresses)
        return resolve(self.intent, self.network, self._account, factory, sets)

    def _account(self, name: str) -> str:
        address = self.address_of(name)
        if not looks_like_address(name):
            self._accounts[name] = address
        return address

    def _previous(self, resolved: Resolved, genesis: Mapping[str, str]) -> Registry | None:
        """The registry, without chains that are gone. MetalayerError if it is of another deployment."""
        if not self.registry_path.exists():
            return None
        registry = Registry.load(self.network, self.registry_path)
        chains = {name: chain for name, chain in registry.chains.items() if name in self.network.chains}
        if self.network.is_local:
            # Local chains forget everything when they restart.
            chains = {n: c for n, c in chains.items() if c.genesis in (None, genesis.get(n))}
            if not chains:
                return None
        registry = registry.model_copy(update={"chains": chains})
        refuse_another(registry, self.registry_path, resolved, genesis)
        return registry

    def _save(self, resolved: Resolved, finished: Mapping[str, DeployedChain]) -> None:
        registry = Registry(
            network=self.network.name,
            network_id=self.network.hub.chain_id,
            deployer=next(iter(resolved.chains.values())).deployer,
            accounts=self._accounts,
            validator_set=first_set(resolved.sets),
            chains=dict(finished),
        )
        path = self.registry_path
        if not path.exists() or path.read_text(encoding="utf-8") != registry.text():
            registry.save(path)
