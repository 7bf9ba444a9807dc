"""The registry as `apply` writes it: what happened, from the journal, the registry before, and the chains. What
deploy.yaml says today is no source of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import decode
from eth_utils.abi import get_abi_input_types
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import DEPLOY, contracts_of
from metalayer.deploy.desired import Desired, FirstSets, Resolved
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.journal import Creation, Journal
from metalayer.deploy.names import FACTORY, artifact_of
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.registry import Contract, DeployedChain, FirstSet, Registry, Validator, shown
from metalayer.protocol.abi import Event
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import READ_FAULTS, transaction_request, word

_DEPLOYED = Event("Deployed(address indexed,bytes32 indexed,address indexed)")


@dataclass(frozen=True)
class Recorder:
    """Makes the entry of a chain. `previous`: the registry before; `genesis`: hash of block 0 by chain."""

    resolved: Resolved
    artifacts: Mapping[str, Artifact]
    journal: Journal
    genesis: Mapping[str, str]
    previous: Registry | None

    def chain(self, connection: Connection, state: ChainState) -> DeployedChain:
        """What stands there, each contract with what it was created with."""
        desired = self.resolved.chains[connection.name]
        old = self.previous.chains.get(connection.name) if self.previous is not None else None
        known = {} if old is None else old.contracts
        made = {one.name: self.journal.creation(connection.name, one.name) for one in contracts_of(desired)}
        hashes = {name: to_hex(keccak(state.found[name])) for name in made}
        kept = {
            name: known[name]
            for name, creation in made.items()
            if name in known
            and (known[name].address, known[name].code_hash) == (desired.addresses[name], hashes[name])
            and (creation is None or creation.hash == known[name].tx_hash)
        }
        strange = [name for name, creation in made.items() if creation is None and name not in kept]
        made |= creations(connection, desired, self.artifacts, strange)
        contracts = {}
        for declaration in contracts_of(desired):
            name, creation = declaration.name, made[declaration.name]
            arguments = creation.arguments if creation is not None else None
            if arguments is None:
                arguments = declaration.shown_arguments(desired)
            contracts[name] = kept.get(name) or Contract(
                address=desired.addresses[name],
                code_hash=hashes[name],
                arguments=arguments,
                compiler=self.artifacts[declaration.artifact].compiler or None,
                commit=creation.commit if creation is not None else None,
                block=creation.block if creation is not None else None,
                tx_hash=creation.hash if creation is not None else None,
            )
        return DeployedChain(
            chain_id=desired.chain.chain_id,
            owner=desired.owner,
            genesis=self.genesis.get(connection.name),
            contracts=contracts,
        )


def creations(
    connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact], names: Iterable[str]
) -> dict[str, Creation | None]:
    """What the chain itself tells of how contracts were created: those that the factory placed."""
    places = {desired.addresses[name]: name for name in names if name != FACTORY}
    if not places:
        return {}
    namespace = word(int(desired.deployer, 16))
    logs = connection.ask(_DEPLOYED.history(desired.addresses[FACTORY], namespace))
    own = [(places[event[2]], log) for event, log in logs if event[2] in places]
    sent = connection.batch(transaction_request(log.transaction) for _, log in own)
    found: dict[str, Creation | None] = {}
    for (name, log), transaction in zip(own, sent, strict=True):
        artifact = artifacts[artifact_of(name)]
        # Calldata for others than the factory, or for another salt, says nothing: what they do with it is theirs.
        is_direct = transaction.to == desired.addresses[FACTORY]
        code = _brought(transaction.data, log.topics[2]) if is_direct else None
        is_ours = None if code is None else code.startswith(artifact.creation)
        arguments = _arguments(artifact, code) if code is not None and is_ours else None
        found[name] = Creation(log.block, log.transaction, arguments, is_ours=is_ours)
    return found


def _brought(data: bytes, salt: bytes) -> bytes | None:
    """Creation code and arguments, out of calldata for the factory. None if it places nothing at this salt."""
    try:
        _, place, code = DEPLOY.decode_arguments(data)
    except READ_FAULTS:
        return None
    return code if place == salt else None


def _arguments(artifact: Artifact, code: bytes) -> dict[str, Any]:
    """Of the constructor, behind its creation code."""
    constructor: Any = next((item for item in artifact.abi if item["type"] == "constructor"), None)
    if constructor is None:
        return {}
    values = decode(get_abi_input_types(constructor), code[len(artifact.creation) :])
    return _named(constructor["inputs"], values)


def _named(inputs: Iterable[Any], values: Iterable[Any]) -> dict[str, Any]:
    """As `Declaration.shown_arguments`."""
    return {
        entry["name"]: _shown(entry, entry["type"], value)
        for entry, value in zip(inputs, values, strict=True)
    }


def _shown(entry: Any, type_: str, value: Any) -> Any:
    if type_.endswith("]"):
        return [_shown(entry, type_[: type_.rindex("[")], one) for one in value]
    if type_ == "tuple":
        return _named(entry["components"], value)
    if type_ == "address":
        return to_checksum_address(value)
    return to_hex(value) if isinstance(value, bytes) else value


def first_set(sets: FirstSets) -> FirstSet | None:
    """The first validator set that Staking published."""
    if not sets.published:
        return None
    first = sets.published[0]
    members = [Validator(signer=signer, weight=weight) for signer, weight in first.members]
    return FirstSet(version=first.version, expires=first.expires, members=members)


def refuse_another(
    registry: Registry, path: Path, network: Network, deployer: str, genesis: Mapping[str, str]
) -> None:
    """MetalayerError, one line, if a registry is of another deployment than this one: it would be lost."""
    if faults := foreign(registry, network, deployer, genesis):
        raise MetalayerError(
            f"{shown(path)} is of another deployment ({'; '.join(faults)}): make deploy.yaml and networks.yaml what "
            "they were, or move registry and journal away to begin anew"
        )


def foreign(registry: Registry, network: Network, deployer: str, genesis: Mapping[str, str]) -> list[str]:
    """Why a registry is of another deployment than this one: nothing, if it is not."""
    differing: list[tuple[str, object, object]] = [("deployer", registry.deployer, deployer)]
    for name, chain in registry.chains.items():
        if name in network.chains:
            differing.append((f"chain id of {name}", chain.chain_id, network.chains[name].chain_id))
        if chain.genesis is not None and name in genesis:
            differing.append((f"block 0 of {name}", chain.genesis, genesis[name]))
    return [f"{what} {was}, now {is_}" for what, was, is_ in differing if was != is_]
