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
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.bonds import waiting
from metalayer.deploy.chain_run import ChainRun, Report
from metalayer.deploy.contracts import ARTIFACTS, predict
from metalayer.deploy.contradictions import refuse_contradictions
from metalayer.deploy.desired import Resolved
from metalayer.deploy.drift import Mend, drift
from metalayer.deploy.flights import Flights
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.intent import Intent, resolve
from metalayer.deploy.journal import InFlight, Journal
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.names import FACTORY
from metalayer.deploy.past import refusal
from metalayer.deploy.plan import Plan, Problems, steps_of
from metalayer.deploy.planning import Planner
from metalayer.deploy.probe import refuse_unfit
from metalayer.deploy.recording import Recorder, first_set, refuse_another
from metalayer.deploy.sets import first_sets
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.locks import Lock, exclusive
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import DeployedChain, Registry, shown
from metalayer.network.signers import load_signer
from metalayer.network.transactions import Sender
from metalayer.network.values import looks_like_address


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
    has_key: Callable[[str], bool] | None = None
    """Whether an account can sign here, without asking for its passphrase; by default as `sender_of` finds."""
    _accounts: dict[str, str] = field(init=False, default_factory=dict)
    """Address by name in deploy.yaml, as far as that was resolved."""

    @property
    def registry_path(self) -> Path:
        return self.folder / "registry.json"

    def plan(self, only: Collection[str] | None = None, *, unsigned: bool = False) -> Plan:
        """Reads the chains, all or `only` these, and rehearses what is missing. Sends nothing, writes nothing.

        Asks for the keys of founders that have not bonded: their signatures are part of it. unsigned: so is what
        accounts have to send whose keys are elsewhere. Raises Problems: all that stands in the way, on all chains.
        """
        keys = Keyring(self.sender_of, self.signer_of, elsewhere=unsigned)
        return self._planner(keys).plan(self._chosen(only), self._previous)

    def drift(self, only: Collection[str] | None = None) -> dict[str, list[Mend]]:
        """Settings that only a vote can make what deploy.yaml says, by chain. Reads the chains, sends nothing."""
        names = self._chosen(only)
        resolved = self._resolve(names)

        def read(name: str) -> ChainState:
            refuse_unfit(self.connections[name])
            state = inspect(self.connections[name], resolved.chains[name], self.artifacts)
            refuse_contradictions(resolved.chains[name], state)
            return state

        return drift(resolved, dict(zip(names, in_parallel(read, names), strict=True)))

    def apply(self, report: Report, only: Collection[str] | None = None) -> Registry:
        """Does what is missing, on the hub until a validator set is published, then on every chain in parallel, or on
        `only` these, and writes the registry.

        May be interrupted at any point and run again. Raises Problems before anything is sent: all that can be known,
        on all chains. Later MetalayerError if a transaction fails, or if founders have to bond whose keys are not here;
        the other chains go on to their end.
        """
        names = self._chosen(only)
        with self._locked():
            journal = Journal(self.folder / "journal.jsonl")
            keys = Keyring(self.sender_of, self.signer_of)
            plan = self._planner(keys).plan(names, lambda genesis: self._begin(journal, genesis, names))
            self._refuse(plan)
            self._open(journal, plan.genesis)
            resolved, previous = plan.resolved, self._previous(plan.genesis)
            before = dict(previous.chains) if previous is not None else {}
            finished, written, lock = dict(before), dict(before), threading.Lock()

            def apply_chain(name: str) -> ChainState:
                if resolved is plan.resolved and not plan.missing[name]:
                    report(name, "done", 0)
                    return plan.states[name]
                desired, connection = resolved.chains[name], self.connections[name]
                return ChainRun(connection, desired, self.artifacts, journal, keys).apply(report)

            def record(name: str, state: ChainState) -> None:
                recorder = Recorder(resolved, self.artifacts, journal, plan.genesis, previous)
                entry = recorder.chain(self.connections[name], state)
                finished[name] = entry
                with lock:
                    # Many chains end together: whoever has to wait is in what is written meanwhile.
                    if written.get(name) != entry:
                        written.update(finished)
                        self._save(resolved, written)

            if resolved.sets.is_due:
                hub = self.network.hub.name
                resolved = resolved.starting_from(replace(resolved.sets, planned=None))
                state = apply_chain(hub)
                if waits := waiting(steps_of(resolved.chains[hub], state, self.artifacts, keys)):
                    # With what stands, operators can bond.
                    record(hub, state)
                    raise MetalayerError(
                        f"{hub}: {'; '.join(waits)}; then run `ape metalayer deploy apply` again"
                    )
                resolved = self._resolve(names)
            in_parallel(lambda name: record(name, apply_chain(name)), names)
            self._save(resolved, finished)
            return Registry.load(self.network, self.registry_path)

    def abandon(self, only: Collection[str] | None = None) -> list[InFlight]:
        """Takes the places of transactions that are not mined with empty ones: those that were given up. What they were
        to do, the next `apply` does. MetalayerError if a chain does not answer; the others go on to their end.
        """
        with self._locked():
            journal = Journal(self.folder / "journal.jsonl")

            def abandon_on(name: str) -> list[InFlight]:
                return Flights(self.connections[name], journal, self.sender_of).abandon()

            flying = [name for name in self._chosen(only) if journal.in_flight(name)]
            return [flight for given_up in in_parallel(abandon_on, flying) for flight in given_up]

    def _locked(self) -> Lock:
        return exclusive(
            self.folder / "deploy.lock", f"a deployment of network '{self.network.name}' is already running"
        )

    def _chosen(self, only: Collection[str] | None) -> list[str]:
        """Chains in their order. MetalayerError if there is none of such a name."""
        wanted = {self.network.chain(name).name for name in only or self.network.chains}
        return [name for name in self.network.chains if name in wanted]

    def _planner(self, keys: Keyring) -> Planner:
        return Planner(self.network, self.connections, self.artifacts, keys, self._resolve, self.has_key)

    def _refuse(self, plan: Plan) -> None:
        """Raises Problems if accounts cannot sign or pay what they have to send, or if deploy.yaml says otherwise than
        the hub how ERA was spent.
        """
        problems = [refusal(self.network.hub.name, one) for one in plan.spent]
        for account in dict.fromkeys(one.account for one in plan.spending):
            try:
                # Who types a wrong passphrase learns it now.
                self.sender_of(account)
            except MetalayerError as error:
                problems.append(str(error))
        problems += [one.problem for one in plan.spending if one.problem]
        if problems:
            raise Problems(problems)

    def _begin(self, journal: Journal, genesis: Mapping[str, str], names: Collection[str]) -> None:
        """Follows what was sent before to its end: as long as that is mined, no two answers of a chain fit together. A
        journal of local chains that are gone is thrown away.
        """
        if any(genesis.get(name, hash_) != hash_ for name, hash_ in journal.genesis.items()):
            if not self.network.is_local:
                raise MetalayerError(f"{shown(journal.path)} is the journal of other chains: move it away")
            journal.clear()
        # Of another deployment nothing else would be right either.
        self._previous(genesis)
        flying = [name for name in names if name in genesis and journal.in_flight(name)]
        in_parallel(lambda name: Flights(self.connections[name], journal, self.sender_of).settle(), flying)

    @staticmethod
    def _open(journal: Journal, genesis: Mapping[str, str]) -> None:
        """Ties the journal to the chains that are there."""
        known = journal.genesis
        journal.append(
            *(
                {"record": "chain", "chain": name, "genesis": hash_}
                for name, hash_ in genesis.items()
                if name not in known
            )
        )

    def _resolve(self, names: Collection[str]) -> Resolved:
        factory = self.artifacts[FACTORY].creation
        addresses = predict(self.address_of(self.intent.deployer), factory)
        sets = first_sets(self.network, self.connections, addresses, names)
        return resolve(self.intent, self.network, self._account, factory, sets)

    def _account(self, name: str) -> str:
        address = self.address_of(name)
        if not looks_like_address(name):
            self._accounts[name] = address
        return address

    def _previous(self, genesis: Mapping[str, str]) -> Registry | None:
        """The registry, without chains that are gone. MetalayerError if it is of another deployment."""
        if not self.registry_path.exists():
            return None
        registry = Registry.load(self.network, self.registry_path)
        chains = {name: chain for name, chain in registry.chains.items() if name in self.network.chains}
        if self.network.is_local:
            # Local chains forget everything when they restart.
            chains = {n: c for n, c in chains.items() if c.genesis in (None, genesis.get(n, c.genesis))}
            if not chains:
                return None
        registry = registry.model_copy(update={"chains": chains})
        deployer = self.address_of(self.intent.deployer)
        refuse_another(registry, self.registry_path, self.network, deployer, genesis)
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
