"""What is deployed where: one sorted JSON file that `ape metalayer deploy apply` writes and every other command
reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.models import Model, first_fault
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import BadAnswer, RpcError, Unreachable
from metalayer.network.workspace import state_dir, workspace
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import code_request


class _Model(Model):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Contract(_Model):
    """One contract on one chain, as it was created. `code_hash` is of its runtime code.

    As far as it is known: the transaction that placed it and its block, the version of the compiler, and the git commit
    of the tree, with `-dirty` if that had changes.
    """

    address: str
    code_hash: str
    arguments: dict[str, Any]
    compiler: str | None = None
    commit: str | None = None
    block: int | None = None
    tx_hash: str | None = None


class DeployedChain(_Model):
    """One chain of the network. `genesis` is the hash of its block 0."""

    chain_id: int
    owner: str
    genesis: str | None = None
    contracts: dict[str, Contract]


class Validator(_Model):
    """One member of the validator set."""

    signer: str
    weight: int


class FirstSet(_Model):
    """The first validator set that Staking published. `expires` is Unix time."""

    version: int
    expires: int
    members: list[Validator]


class Registry(_Model):
    """A network's deployment. Chains appear when everything on them is done; the hub before, as soon as validators can
    bond: then it has no gateway, and there is no validator set. `accounts`: checksummed address by name in deploy.yaml,
    for those who have other accounts than whoever deployed.
    """

    network: str
    network_id: int
    deployer: str
    accounts: dict[str, str] = Field(default_factory=dict)
    validator_set: FirstSet | None = None
    chains: dict[str, DeployedChain]

    @classmethod
    def load(cls, network: Network, path: Path | None = None) -> Registry:
        """The registry of a network. MetalayerError if there is none or it is not one."""
        path = path or registry_path(network)
        try:
            registry = cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise MetalayerError(
                f"nothing is deployed to network '{network.name}' yet: run `ape metalayer deploy apply` "
                f"(there is no {shown(path)})"
            ) from error
        except ValidationError as error:
            raise MetalayerError(f"{shown(path)}: {first_fault(error)}") from error
        if registry.network_id != network.hub.chain_id:
            raise MetalayerError(
                f"{shown(path)} is of network {registry.network_id}, expected {network.hub.chain_id}"
            )
        return registry

    def save(self, path: Path) -> None:
        """Writes the file in one step: a reader sees the old one or the new one. MetalayerError if it cannot."""
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(self.text())
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise MetalayerError(
                f"{shown(path)} cannot be written ({error.strerror}): it is as it was; mend that, then run it again"
            ) from error

    def text(self) -> str:
        """The file's content: sorted and indented."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(data, indent=2, sort_keys=True) + "\n"

    def chain(self, name: str) -> DeployedChain:
        """MetalayerError if nothing is deployed to that chain."""
        if name not in self.chains:
            raise MetalayerError(
                f"nothing is deployed to chain '{name}' yet: run `ape metalayer deploy apply` "
                f"(deployed to {', '.join(sorted(self.chains)) or 'none'})"
            )
        return self.chains[name]

    def contract(self, chain: str, name: str) -> Contract:
        """MetalayerError if it is not deployed there."""
        contracts = self.chain(chain).contracts
        if name not in contracts:
            raise MetalayerError(
                f"there is no {name} on {chain}, expected one of {', '.join(sorted(contracts))}"
            )
        return contracts[name]

    def address(self, name: str) -> str:
        """Address of a contract, the same on every chain that has it. MetalayerError if none has."""
        known: set[str] = set()
        for chain in self.chains.values():
            if name in chain.contracts:
                return chain.contracts[name].address
            known |= chain.contracts.keys()
        if not known:
            raise MetalayerError("nothing is deployed yet: run `ape metalayer deploy apply`")
        raise MetalayerError(f"there is no {name} on any chain, expected one of {', '.join(sorted(known))}")

    def with_gateway(self, address: str) -> Registry:
        """The same, with another gateway on every chain."""
        chains = {}
        for name, chain in self.chains.items():
            moved = chain.contracts["Metalayer"].model_copy(update={"address": address})
            contracts = {**chain.contracts, "Metalayer": moved}
            chains[name] = chain.model_copy(update={"contracts": contracts})
        return self.model_copy(update={"chains": chains})

    @property
    def domain(self) -> Domain:
        """Of all signatures in this network. Known before a gateway stands: its bridge was told."""
        for chain in self.chains.values():
            if "Metalayer" not in chain.contracts and (bridge := chain.contracts.get("TokenBridge")):
                return Domain(self.network_id, str(bridge.arguments["gateway"]))
        return Domain(self.network_id, self.address("Metalayer"))

    def first_validator_set(self) -> ValidatorSet:
        """The first one that Staking published. MetalayerError if it has not published any."""
        if self.validator_set is None:
            raise MetalayerError(
                "no validator set is published yet: operators bond (`ape metalayer stake register`), then run "
                "`ape metalayer deploy apply` again"
            )
        weights = {member.signer: member.weight for member in self.validator_set.members}
        return ValidatorSet.of(self.validator_set.version, self.validator_set.expires, weights)

    def differences(self, connections: Mapping[str, Connection]) -> list[str]:
        """A line for each chain that does not hold the code that this registry says.

        Local chains forget everything when they restart; an old registry would name addresses without code. A
        chain that does not answer, or not as it should, is not judged: whoever uses it will say so.
        """
        found = in_parallel(lambda name: self._difference(name, connections[name]), connections)
        return [difference for difference in found if difference]

    def _difference(self, name: str, connection: Connection) -> str:
        contracts = self.chain(name).contracts
        try:
            codes = connection.batch(code_request(contract.address) for contract in contracts.values())
        except (Unreachable, RpcError, BadAnswer):
            return ""
        for (title, contract), code in zip(contracts.items(), codes, strict=True):
            if to_hex(keccak(code)) != contract.code_hash:
                found = "other code" if code else "no code"
                return (
                    f"the registry does not match the running chains: {name} has {found} at {title} "
                    f"{contract.address}; if the chains were restarted, run `ape metalayer deploy apply`"
                )
        return ""


def records_dir(network: Network) -> Path:
    """Where registry, journal and lock are: beside the chains' data if local, in the workspace otherwise."""
    return state_dir() if network.is_local else workspace() / "deployments" / network.name


def registry_path(network: Network) -> Path:
    return records_dir(network) / "registry.json"


def journal_path(network: Network) -> Path:
    return records_dir(network) / "journal.jsonl"


def shown(path: Path) -> str:
    """A path as people read it: relative to the workspace if it is inside."""
    root = workspace()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
