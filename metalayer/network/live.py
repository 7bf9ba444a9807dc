"""The deployed network that a command works on, and where its files are."""

import logging
from dataclasses import dataclass
from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.mesh import Mesh
from metalayer.network.registry import Registry
from metalayer.network.rpc import REQUEST_TIMEOUT
from metalayer.network.workspace import state_dir

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """A deployed network: its configuration, its registry, and its mesh over the chains that the registry names."""

    network: Network
    registry: Registry
    mesh: Mesh

    @classmethod
    def open(
        cls,
        timeout: float = REQUEST_TIMEOUT,
        *,
        forgiving: bool = False,
        founding: bool = False,
        passing: bool = False,
    ) -> "Live":
        """The network of networks.yaml and its registry. timeout: seconds that a node has for an answer.

        MetalayerError if nothing is deployed, or if the registry is of other chains than those that answer; `forgiving`
        only if it is of none of them, and otherwise with a warning for each. `founding`: the hub without its gateway is
        enough. `passing`: for a program that looks again at each pass: what it sends counts once it is mined.
        """
        network = load_network()
        registry = Registry.load(network)
        if not founding:
            registry.first_validator_set()
        connections = {name: c for name, c in connect(network, timeout).items() if name in registry.chains}
        differences = registry.differences(connections)
        if differences and not (forgiving and len(differences) < len(connections)):
            raise MetalayerError(differences[0])
        for difference in differences:
            log.warning("%s", difference)
        for name, connection in connections.items():
            for contract in registry.chain(name).contracts.values():
                connection.begins(contract.address, contract.block or 0)
            if passing:
                connection.confirmations = 0
        return cls(network, registry, Mesh(registry.domain, connections, registry.address("Staking")))

    def connection(self, chain: str | int) -> Connection:
        """Connection to the chain of that name or id. MetalayerError if there is none, or nothing on it."""
        name = self.network.chain(chain).name
        if name not in self.mesh.connections:
            raise MetalayerError(
                f"nothing is deployed to chain '{name}' yet: run `ape metalayer deploy apply`"
            )
        return self.mesh.connections[name]

    def folder(self) -> Path:
        """Where this network's exchange and records are.

        Local chains that were started anew get a new one. Elsewhere no node's answer decides it: another folder would
        be an empty record of what was signed.
        """
        if not self.network.is_local:
            return state_dir() / f"network-{self.mesh.network_id}-{self.mesh.gateway.lower()}"
        genesis = self.mesh.connections[self.network.hub.name].block(0).hash
        return state_dir() / f"network-{genesis[2:10]}"
