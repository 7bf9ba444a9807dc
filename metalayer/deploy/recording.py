"""The registry as `apply` writes it: what happened, from the journal, the registry before, and the chains. What
deploy.yaml says today is no source of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.creations import creations
from metalayer.deploy.desired import FirstSets, Resolved
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.journal import Journal
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.registry import Contract, DeployedChain, FirstSet, Registry, Validator, shown
from metalayer.protocol.hex import to_hex


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
