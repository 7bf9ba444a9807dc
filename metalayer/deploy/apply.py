"""Deploys the network: compares each chain with `deploy.yaml` and does what is missing, so that it survives
a crash.

Per chain: the factory, placed by the Arachnid proxy; the contracts, through the factory; routes and guardian, by the
owner; and last the hand-over of the factory's namespace to the owner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Literal

from eth_utils.crypto import keccak
from pydantic.alias_generators import to_camel

from metalayer.cli.display import short, table
from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.inspection import (
    ALL_CONTRACTS,
    ChainState,
    arguments,
    init_code,
    inspect,
    installed_sets,
)
from metalayer.deploy.intent import CONTRACTS, Desired, Intent, Resolved, lifetime, resolve, salt_of
from metalayer.deploy.journal import Journal
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import MAX_TRANSACTION_GAS, Connection
from metalayer.network.locks import exclusive
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Contract, DeployedChain, FirstSet, Registry, Validator, shown
from metalayer.network.transactions import Receipt, Sender, Signed, Transaction
from metalayer.protocol import gateway, reverts
from metalayer.protocol.abi import Function
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import from_hex, to_hex

Kind = Literal["create", "configure", "hand over"]
Report = Callable[[str, str, int], None]
"""Called with the chain, what was just done, and how many transactions of the chain are left."""

DEPLOY = Function("deploy(address,bytes32,bytes)", "address")
SEAL = Function("seal(address,address)")
SET_GUARDIAN = Function("setGuardian(address)")

PHASES = (0, 1, 2)
"""Contracts, settings, hand-over."""

# What is used, and what the nested calls hold back at their depth (EIP-150), with room to spare.
_GAS_MARGIN = 1.25

reverts.declare(
    "NotController(address namespace,address caller,address controller)",
    "InvalidController(address controller)",
    "Create3EmptyBytecode()",
)


@dataclass(frozen=True)
class Step:
    """One transaction. Steps of one phase may share a block; a phase begins when the one before is done."""

    name: str
    kind: Kind
    phase: int
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


@dataclass
class Deployer:
    """One network, one intent, and where the records are kept (a folder)."""

    network: Network
    connections: Mapping[str, Connection]
    intent: Intent
    address_of: Callable[[str], str]
    sender_of: Callable[[str], Sender]
    folder: Path
    artifacts: Mapping[str, Artifact] = field(default_factory=lambda: load_artifacts(ALL_CONTRACTS))

    @property
    def registry_path(self) -> Path:
        return self.folder / "registry.json"

    def plan(self) -> Plan:
        """Reads every chain and rehearses what is missing. Sends nothing, writes nothing."""
        journal = Journal(self.folder / "journal.jsonl")
        genesis = self._genesis()
        resolved = self._resolve(journal if self._is_of(journal, genesis) else None)

        def plan_chain(name: str) -> list[PlannedStep]:
            desired, connection = resolved.chains[name], self.connections[name]
            state = self._inspect(desired)
            steps = steps_of(desired, state, self.artifacts, self._names())
            gas = rehearse(connection, [step for step in steps if not step.is_done])
            return [PlannedStep(step, gas.get(step.name, 0)) for step in steps]

        chains = in_parallel(plan_chain, self.network.chains)
        return Plan(resolved, dict(zip(self.network.chains, chains, strict=True)))

    def apply(self, report: Report) -> Registry:
        """Does what is missing on every chain, in parallel, and writes the registry.

        May be interrupted at any point and run again. MetalayerError if another one is running, if
        something on a chain contradicts deploy.yaml, or if a transaction fails; the other chains go on to
        their end.
        """
        with exclusive(
            self.folder / "deploy.lock", f"a deployment of network '{self.network.name}' is already running"
        ):
            journal = Journal(self.folder / "journal.jsonl")
            is_new = self._open(journal)
            resolved = self._resolve(journal)
            if journal.expires is None:
                journal.append({"record": "resolved", "expires": resolved.validator_set.expires})
            # On every chain before anything is sent to one: what one refuses must not be half done on the others.
            in_parallel(lambda name: self._inspect(resolved.chains[name]), self.network.chains)
            previous = self._previous()
            kept = previous.chains if previous is not None and not is_new else {}
            finished = {name: chain for name, chain in kept.items() if name in self.network.chains}
            lock = threading.Lock()

            def apply_chain(name: str) -> None:
                desired, connection = resolved.chains[name], self.connections[name]
                run = _ChainRun(connection, desired, self.artifacts, journal, self.sender_of, self._names())
                state = run.apply(report)
                with lock:
                    finished[name] = _record(desired, state, journal, previous)
                    self._save(resolved, finished)

            in_parallel(apply_chain, self.network.chains)
            return Registry.load(self.network, self.registry_path)

    def _inspect(self, desired: Desired) -> ChainState:
        state = inspect(self.connections[desired.chain.name], desired, self.artifacts)
        refuse_contradictions(desired, state)
        return state

    def _names(self) -> dict[int, str]:
        return {chain.chain_id: chain.name for chain in self.network.chains.values()}

    def _genesis(self) -> dict[str, str]:
        def read(name: str) -> str:
            connection = self.connections[name]
            chain_id, block = connection.batch(
                [("eth_chainId", ()), ("eth_getBlockByNumber", ("0x0", False))]
            )
            if int(chain_id, 16) != connection.chain.chain_id:
                raise MetalayerError(
                    f"the node at {connection.chain.url} is chain {int(chain_id, 16)}, expected "
                    f"{connection.chain.chain_id} ('{name}')"
                )
            return str(block["hash"])

        return dict(zip(self.network.chains, in_parallel(read, self.network.chains), strict=True))

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

    def _resolve(self, journal: Journal | None) -> Resolved:
        expires = journal.expires if journal is not None else None
        if expires is None:
            expires = self._deployed_expiry()
        if expires is None:
            hub = self.connections[self.network.hub.name]
            expires = hub.timestamp() + lifetime(self.intent)
        factory = self.artifacts["Create3Factory"].creation
        return resolve(self.intent, self.network, self.address_of, factory, expires)

    def _deployed_expiry(self) -> int | None:
        """From a gateway that stands on any chain: for a journal that was lost, or is on another machine."""
        factory = self.artifacts["Create3Factory"].creation
        address = resolve(self.intent, self.network, self.address_of, factory, 0).addresses["Metalayer"]
        for name in self.network.chains:
            connection = self.connections[name]
            # Other code there has no such logs: `inspect` says so when it is this chain's turn.
            if connection.code(address) and (sets := installed_sets(connection, address)):
                return sets[0].expires
        return None

    def _previous(self) -> Registry | None:
        return Registry.load(self.network, self.registry_path) if self.registry_path.exists() else None

    def _save(self, resolved: Resolved, finished: Mapping[str, DeployedChain]) -> None:
        validators = resolved.validator_set
        members = [Validator(signer=signer, weight=weight) for signer, weight in validators.members]
        registry = Registry(
            network=self.network.name,
            network_id=self.network.hub.chain_id,
            deployer=next(iter(resolved.chains.values())).deployer,
            validator_set=FirstSet(version=validators.version, expires=validators.expires, members=members),
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
        sender_of: Callable[[str], Sender],
        names: Mapping[int, str],
    ) -> None:
        self.connection = connection
        self.desired = desired
        self.artifacts = artifacts
        self.journal = journal
        self.sender_of = sender_of
        self.names = names

    @property
    def chain(self) -> str:
        return self.desired.chain.name

    def apply(self, report: Report) -> ChainState:
        """The chain's state when everything is done."""
        self._settle()
        state, missing = self._missing()
        gas = rehearse(self.connection, missing)
        report(self.chain, "compared", len(missing))
        left = len(missing)
        for phase in PHASES:
            steps = [step for step in missing if step.phase == phase]
            if not steps:
                continue
            self._send(steps, gas)
            left -= len(steps)
            report(self.chain, ", ".join(step.name for step in steps), left)
        if missing:
            state, missing = self._missing()
            if missing:
                raise MetalayerError(
                    f"{self.chain}: {missing[0].name} was sent but has no effect: was the chain reorganised? "
                    "Run `ape run deploy apply` again"
                )
        report(self.chain, "done", 0)
        return state

    def _missing(self) -> tuple[ChainState, list[Step]]:
        state = inspect(self.connection, self.desired, self.artifacts)
        refuse_contradictions(self.desired, state)
        steps = steps_of(self.desired, state, self.artifacts, self.names)
        return state, [step for step in steps if not step.is_done]

    def _settle(self) -> None:
        """Follows every signed transaction to its end before anything new is signed, so that nothing goes
        out twice.
        """
        waiting: list[Signed] = []
        names: dict[str, str] = {}
        for flight in self.journal.in_flight(self.chain):
            names[flight.hash] = flight.step
            receipt, nonce = self.connection.batch(
                [
                    ("eth_getTransactionReceipt", (flight.hash,)),
                    ("eth_getTransactionCount", (flight.sender, "latest")),
                ]
            )
            if receipt is None and int(nonce, 16) > flight.nonce:
                # Another transaction took its nonce: it can never be included.
                self.journal.append({"record": "dropped", "chain": self.chain, "hash": flight.hash})
            else:
                waiting.append(Signed(from_hex(flight.raw), flight.hash, flight.nonce))
        if waiting:
            self.connection.broadcast(waiting)
            receipts = self.connection.receipts([one.hash for one in waiting])
            self.journal.append(*(self._receipt(names[r["transactionHash"]], r) for r in receipts))

    def _send(self, steps: list[Step], gas: Mapping[str, int]) -> None:
        sender = self.sender_of(steps[0].sender)
        transactions = [
            Transaction(step.to, step.data, min(MAX_TRANSACTION_GAS, int(gas[step.name] * _GAS_MARGIN)))
            for step in steps
        ]
        self._check_balance(sender, transactions)
        signed = self.connection.sign_many(sender, transactions)
        self.journal.append(
            *(
                {
                    "record": "send",
                    "chain": self.chain,
                    "step": step.name,
                    "to": step.to,
                    "address": step.address,
                    "arguments": step.arguments,
                    "from": sender.address,
                    "nonce": one.nonce,
                    "hash": one.hash,
                    "raw": to_hex(one.raw),
                }
                for step, one in zip(steps, signed, strict=True)
            )
        )
        self.connection.broadcast(signed)
        receipts = self.connection.receipts([one.hash for one in signed])
        self.journal.append(*(self._receipt(s.name, r) for s, r in zip(steps, receipts, strict=True)))
        for step, receipt in zip(steps, receipts, strict=True):
            if receipt["status"] != 1:
                raise MetalayerError(
                    f"{self.chain}: {step.name} reverted (transaction {receipt['transactionHash']})"
                )

    def _check_balance(self, sender: Sender, transactions: Iterable[Transaction]) -> None:
        balance, block = self.connection.batch(
            [("eth_getBalance", (sender.address, "pending")), ("eth_getBlockByNumber", ("latest", False))]
        )
        gas = sum(transaction.gas or 0 for transaction in transactions)
        needed = gas * int(block["baseFeePerGas"], 16)
        if int(balance, 16) < needed:
            raise MetalayerError(
                f"{self.chain}: {sender.address} has {int(balance, 16) / 1e18:.6f} ether, expected at least "
                f"{needed / 1e18:.6f} for {gas:,} gas"
            )

    def _receipt(self, step: str, receipt: Receipt) -> dict[str, Any]:
        return {
            "record": "receipt",
            "chain": self.chain,
            "step": step,
            "hash": receipt["transactionHash"],
            "block": receipt["blockNumber"],
            "gas": receipt["gasUsed"],
            "status": receipt["status"],
        }


def steps_of(
    desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact], names: Mapping[int, str]
) -> list[Step]:
    """Every step of a chain in the order of sending. names: of the chains by id."""
    addresses, deployer = desired.addresses, desired.deployer
    factory = addresses["Create3Factory"]
    placed = bytes(32) + artifacts["Create3Factory"].creation
    steps = [
        Step(
            "create Create3Factory", "create", 0, deployer, ARACHNID, placed, {}, factory,
            state.stands("Create3Factory"),
        )
    ]  # fmt: skip
    for name in CONTRACTS:
        data = DEPLOY.encode(deployer, salt_of(name), init_code(desired, artifacts, name))
        values = arguments(desired, name)
        done = state.stands(name)
        steps.append(
            Step(f"create {name}", "create", 0, deployer, factory, data, values, addresses[name], done)
        )
    for chain_id, route in desired.routes.items():
        data = gateway.encode_set_route(chain_id, route)
        values = {"chainId": chain_id, **{to_camel(name): value for name, value in asdict(route).items()}}
        done = state.gateway is not None and state.gateway.routes[chain_id] == route
        target = addresses["Metalayer"]
        name = f"route to {names[chain_id]}"
        steps.append(Step(name, "configure", 1, desired.owner, target, data, values, target, done))
    if state.gateway is not None and state.gateway.guardian != desired.guardian:
        target = addresses["Metalayer"]
        data, values = SET_GUARDIAN.encode(desired.guardian), {"newGuardian": desired.guardian}
        steps.append(Step("guardian", "configure", 1, desired.owner, target, data, values, target, False))
    seal = SEAL.encode(deployer, desired.owner)
    values = {"namespace": deployer, "controller": desired.owner}
    sealed = state.controller == desired.owner
    steps.append(Step("seal namespace", "hand over", 2, deployer, factory, seal, values, factory, sealed))
    return steps


def refuse_contradictions(desired: Desired, state: ChainState) -> None:
    """MetalayerError, one line, if something on the chain cannot be what deploy.yaml asks for."""
    chain, addresses = desired.chain.name, desired.addresses
    if not state.has_placer and not state.found["Create3Factory"]:
        raise MetalayerError(
            f"{chain} does not have the deterministic deployment proxy at {ARACHNID}: place it first "
            "(https://github.com/Arachnid/deterministic-deployment-proxy)"
        )
    for name in ALL_CONTRACTS:
        if state.found[name] and not state.stands(name):
            raise MetalayerError(
                f"{chain}: the code at {addresses[name]} is not the {name} of this deployment "
                f"(found {short(keccak(state.found[name]))}, expected {short(keccak(state.expected[name]))}): "
                "other sources, arguments or network"
            )
    if state.gateway is not None:
        if state.gateway.owner != desired.owner:
            raise MetalayerError(
                f"{chain}: the owner of Metalayer is {state.gateway.owner}, expected {desired.owner} "
                "(deploy.yaml)"
            )
        # Later sets are none of deploy.yaml's business: a quorum of the set before signed each.
        first = state.gateway.sets[0].hash if state.gateway.sets else None
        if first != desired.validator_set.hash:
            raise MetalayerError(
                f"{chain}: the first validator set of Metalayer was {short(first) if first else 'never logged'}, "
                f"expected {short(desired.validator_set.hash)} (deploy.yaml)"
            )
    if state.controller not in (None, desired.deployer, desired.owner):
        raise MetalayerError(
            f"{chain}: the deployer's namespace in the factory is controlled by {state.controller}, expected "
            f"{desired.deployer} or {desired.owner}"
        )
    absent = [name for name in CONTRACTS if not state.found[name]]
    if absent and state.controller == desired.owner != desired.deployer:
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
    block = connection.rpc("eth_getBlockByNumber", "latest", False)
    gas = hex(min(MAX_TRANSACTION_GAS, int(block["gasLimit"], 16)))
    calls = [{"from": step.sender, "to": step.to, "input": to_hex(step.data), "gas": gas} for step in steps]
    overrides = {"time": hex(int(block["timestamp"], 16) + 1)}
    simulated = connection.rpc(
        "eth_simulateV1", {"blockStateCalls": [{"blockOverrides": overrides, "calls": calls}]}, "latest"
    )
    used = {}
    for step, result in zip(steps, simulated[0]["calls"], strict=True):
        if int(result["status"], 16) != 1:
            data = result.get("error", {}).get("data") or result["returnData"]
            raise MetalayerError(
                f"{connection.chain.name}: {step.name} would revert: {reverts.explain(from_hex(data))}"
            )
        used[step.name] = int(result["gasUsed"], 16)
    return used


def _record(
    desired: Desired, state: ChainState, journal: Journal, previous: Registry | None
) -> DeployedChain:
    name = desired.chain.name
    before = previous.chains.get(name) if previous is not None else None
    contracts = {}
    for contract in ALL_CONTRACTS:
        code_hash = to_hex(keccak(state.found[contract]))
        address = desired.addresses[contract]
        block, tx_hash = _origin(journal, name, contract)
        old = before.contracts.get(contract) if before is not None else None
        if tx_hash is None and old is not None and (old.address, old.code_hash) == (address, code_hash):
            block, tx_hash = old.block, old.tx_hash
        contracts[contract] = Contract(
            address=address,
            code_hash=code_hash,
            arguments=arguments(desired, contract),
            block=block,
            tx_hash=tx_hash,
        )
    return DeployedChain(chain_id=desired.chain.chain_id, owner=desired.owner, contracts=contracts)


def _origin(journal: Journal, chain: str, contract: str) -> tuple[int | None, str | None]:
    for record in journal.records:
        is_receipt = record["record"] == "receipt" and record["status"] == 1
        if is_receipt and (record["chain"], record["step"]) == (chain, f"create {contract}"):
            return record["block"], record["hash"]
    return None, None


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


def plan_tables(plan: Plan) -> Iterator[Any]:
    """What `plan` prints: the addresses, every step on every chain with its gas, then the outcome in words."""
    chains = list(plan.chains)
    yield table(
        "Addresses, the same on every chain", ("contract", "address"), plan.resolved.addresses.items()
    )
    cells: dict[str, dict[str, str]] = {}
    for phase, chain in product(PHASES, chains):
        for planned in (p for p in plan.chains[chain] if p.step.phase == phase):
            gas = f" {planned.gas:,}" if planned.gas else ""
            cells.setdefault(planned.step.name, {})[chain] = f"{planned.action}{gas}"
    rows = [(name, *(by_chain.get(chain, "") for chain in chains)) for name, by_chain in cells.items()]
    yield table("Steps, with the gas of those to do", ("step", *(f"#{chain}" for chain in chains)), rows)
    yield table("Who may change it, and who may pause", ("who", "account", "on"), _people(plan))
    yield table(
        "What messages cost, in gwei of ERA, and the share of the protocol on top",
        ("route", "#base", "#1,000 gas", "#byte", "#return", "#share"),
        _fee_rows(plan),
    )
    if not plan.has_changes:
        yield "no changes"
        return
    count = sum(not planned.step.is_done for steps in plan.chains.values() for planned in steps)
    gas_sum = sum(planned.gas for steps in plan.chains.values() for planned in steps)
    first = next(iter(plan.resolved.chains.values()))
    yield (
        f"{count} transactions on {len(chains)} chains, {gas_sum:,} gas: `ape run deploy apply` sends them.\n"
        f"The deployer {first.deployer} never owns anything: the owner is a constructor argument, and the "
        "factory's namespace is sealed to the owner at the end."
    )


def _people(plan: Plan) -> Iterator[tuple[str, str, str]]:
    chains = plan.resolved.chains
    for who in ("owner", "guardian"):
        accounts = {name: getattr(desired, who) for name, desired in chains.items()}
        for account in dict.fromkeys(accounts.values()):
            on = [name for name in chains if accounts[name] == account]
            yield who, account, "every chain" if len(on) == len(chains) else ", ".join(on)


def _fee_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for origin, desired in plan.resolved.chains.items():
        for destination, other in plan.resolved.network.chains.items():
            if route := desired.routes.get(other.chain_id):
                fees = (route.base_fee, route.gas_fee, route.byte_fee, route.return_fee)
                amounts = [f"{amount:,}" for amount in fees]
                yield f"{origin} → {destination}", *amounts, f"{route.protocol_share / 100:g} %"


def summary(registry: Registry, path: Path) -> str:
    """What `apply` prints at its end."""
    addresses = "\n".join(f"  {name:<15} {registry.address(name)}" for name in ALL_CONTRACTS)
    return (
        f"deployed to {', '.join(registry.chains)}, the same on each:\n{addresses}\nregistry: {shown(path)}"
    )
