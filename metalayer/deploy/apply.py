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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.bonds import waiting
from metalayer.deploy.contracts import ARTIFACTS, contracts_of, predict
from metalayer.deploy.declaration import Step
from metalayer.deploy.desired import Desired, FirstSets, Resolved
from metalayer.deploy.drift import Mend, drift
from metalayer.deploy.flights import Flights
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.intent import Intent, resolve
from metalayer.deploy.journal import Journal
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.names import FACTORY
from metalayer.deploy.plan import Plan, PlannedStep, refuse_contradictions, rehearse, steps_of
from metalayer.deploy.probe import refuse_unfit
from metalayer.deploy.sets import first_sets
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.locks import exclusive
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Contract, DeployedChain, FirstSet, Registry, Validator, shown
from metalayer.network.signers import load_signer
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import block_request, quantity

Item = TypeVar("Item")
Report = Callable[[str, str, int], None]
"""Called with the chain, what was just done, and how many transactions of the chain are left."""

# What is used, and what the nested calls hold back at their depth (EIP-150), with room to spare.
_GAS_MARGIN = 1.25


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
            is_new = self._open(journal)
            keys = self._keyring()
            resolved = self._resolve()
            # On every chain before anything is sent to one: what one refuses must not be half done on the others.
            self._prepare_senders(resolved, keys)
            previous = self._previous()
            kept = previous.chains if previous is not None and not is_new else {}
            finished = {name: chain for name, chain in kept.items() if name in self.network.chains}
            lock = threading.Lock()

            def apply_chain(name: str) -> ChainState:
                desired, connection = resolved.chains[name], self.connections[name]
                return _ChainRun(connection, desired, self.artifacts, journal, keys).apply(report)

            def record(name: str, state: ChainState) -> None:
                with lock:
                    finished[name] = _record(resolved.chains[name], state, journal, previous)
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

    @staticmethod
    def _is_of(journal: Journal, genesis: Mapping[str, str]) -> bool:
        return all(genesis.get(name, hash_) == hash_ for name, hash_ in journal.genesis.items())

    def _open(self, journal: Journal) -> bool:
        """Ties the journal to the chains that are there. One of local chains that are gone is thrown away.

        True if it begins with this run.
        """
        genesis = self._genesis()
        if not self._is_of(journal, genesis):
            if not self.network.is_local:
                raise MetalayerError(f"{shown(journal.path)} is the journal of other chains: move it away")
            journal.clear()
        known = journal.genesis
        is_new = not known
        journal.append(
            *(
                {"record": "chain", "chain": name, "genesis": hash_}
                for name, hash_ in genesis.items()
                if name not in known
            )
        )
        return is_new

    def _resolve(self) -> Resolved:
        factory = self.artifacts[FACTORY].creation
        addresses = predict(self.address_of(self.intent.deployer), factory)
        sets = first_sets(self.network, self.connections, addresses)
        return resolve(self.intent, self.network, self.address_of, factory, sets)

    def _previous(self) -> Registry | None:
        return Registry.load(self.network, self.registry_path) if self.registry_path.exists() else None

    def _save(self, resolved: Resolved, finished: Mapping[str, DeployedChain]) -> None:
        registry = Registry(
            network=self.network.name,
            network_id=self.network.hub.chain_id,
            deployer=next(iter(resolved.chains.values())).deployer,
            validator_set=_first_set(resolved.sets),
            chains=dict(finished),
        )
        path = self.registry_path
        if not path.exists() or path.read_text(encoding="utf-8") != registry.text():
            registry.save(path)


class _ChainRun:
    """The deployment to one chain."""

    def __init__(
        self,
        connection: Connection,
        desired: Desired,
        artifacts: Mapping[str, Artifact],
        journal: Journal,
        keys: Keyring,
    ) -> None:
        self.connection = connection
        self.desired = desired
        self.artifacts = artifacts
        self.keys = keys
        self.flights = Flights(connection, journal, keys.sender_of)

    @property
    def chain(self) -> str:
        return self.desired.chain.name

    def apply(self, report: Report) -> ChainState:
        """The chain's state when everything is done that can be."""
        self.flights.settle()
        state, missing = self._missing()
        gas = rehearse(self.connection, missing).gas
        report(self.chain, "compared", len(missing))
        left = len(missing)
        for _, group in groupby(missing, key=lambda step: (step.kind, step.sender)):
            steps = list(group)
            self._send(steps, gas)
            left -= len(steps)
            report(self.chain, ", ".join(step.name for step in steps), left)
        if missing:
            state, missing = self._missing()
            if missing:
                raise MetalayerError(
                    f"{self.chain}: {missing[0].name} was sent but has no effect: was the chain reorganised? "
                    "Run `ape metalayer deploy apply` again"
                )
        report(self.chain, "done", 0)
        return state

    def _missing(self) -> tuple[ChainState, list[Step]]:
        state = inspect(self.connection, self.desired, self.artifacts)
        refuse_contradictions(self.desired, state)
        steps = steps_of(self.desired, state, self.artifacts, self.keys)
        return state, [step for step in steps if step.is_missing]

    def _send(self, steps: list[Step], gas: Mapping[str, int]) -> None:
        sender = self.keys.sender_of(steps[0].sender)
        transactions = [
            Transaction(step.to, step.data, min(MAX_TRANSACTION_GAS, int(gas[step.name] * _GAS_MARGIN)))
            for step in steps
        ]
        self._check_balance(sender, transactions)
        receipts = self.flights.send(sender, steps, transactions)
        for step, receipt in zip(steps, receipts, strict=True):
            if receipt["status"] != 1:
                raise MetalayerError(
                    f"{self.chain}: {step.name} reverted (transaction {receipt['transactionHash']})"
                )

    def _check_balance(self, sender: Sender, transactions: Iterable[Transaction]) -> None:
        balance, block = self.connection.batch(
            [quantity("eth_getBalance", sender.address, "pending", bits=256), block_request()]
        )
        gas = sum(transaction.gas or 0 for transaction in transactions)
        needed = gas * block.base_fee
        if balance < needed:
            raise MetalayerError(
                f"{self.chain}: {sender.address} has {balance / 1e18:.6f} ether, expected at least "
                f"{needed / 1e18:.6f} for {gas:,} gas"
            )


def _first_set(sets: FirstSets) -> FirstSet | None:
    if not sets.published:
        return None
    first = sets.published[0]
    members = [Validator(signer=signer, weight=weight) for signer, weight in first.members]
    return FirstSet(version=first.version, expires=first.expires, members=members)


def _record(
    desired: Desired, state: ChainState, journal: Journal, previous: Registry | None
) -> DeployedChain:
    name = desired.chain.name
    before = previous.chains.get(name) if previous is not None else None
    contracts = {}
    for declaration in contracts_of(desired):
        contract = declaration.name
        code_hash = to_hex(keccak(state.found[contract]))
        address = desired.addresses[contract]
        block, tx_hash = journal.creation(name, contract)
        old = before.contracts.get(contract) if before is not None else None
        is_known = old is not None and (old.address, old.code_hash) == (address, code_hash)
        if old is not None and is_known and tx_hash in (None, old.tx_hash):
            # With what it was created with: deploy.yaml may say other things since.
            contracts[contract] = old
            continue
        contracts[contract] = Contract(
            address=address,
            code_hash=code_hash,
            arguments=declaration.shown_arguments(desired),
            block=block,
            tx_hash=tx_hash,
        )
    return DeployedChain(chain_id=desired.chain.chain_id, owner=desired.owner, contracts=contracts)
