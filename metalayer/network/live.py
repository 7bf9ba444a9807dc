"""The deployed network that a command works on, and where its validators and relayers keep their files."""

from dataclasses import dataclass
from pathlib import Path

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.registry import Registry
from metalayer.network.workspace import state_dir


@dataclass(frozen=True)
class Live:
    """Connections to all chains that the registry names, by name, and the gateway's address on them."""

    network: Network
    connections: dict[str, Connection]
    network_id: int
    gateway: str
    registry: Registry

    @classmethod
    def open(cls) -> "Live":
        """The network of networks.yaml and its registry.

        MetalayerError if nothing is deployed, or if the registry is of other chains than those that answer.
        """
        network = load_network()
        registry = Registry.load(network)
        connections = {name: c for name, c in connect(network).items() if name in registry.chains}
        registry.confirm(connections)
        return cls(network, connections, registry.network_id, registry.address("Metalayer"), registry)

    def connection(self, chain: str | int) -> Connection:
        """Connection to the chain of that name or id. MetalayerError if there is none, or nothing on it."""
        name = self.network.chain(chain).name
        if name not in self.connections:
            raise MetalayerError(f"nothing is deployed to chain '{name}' yet: run `ape run deploy apply`")
        return self.connections[name]

    def folder(self) -> Path:
        """Where this network's exchange and records are.

        Local chains that were started anew get a new one. Elsewhere no node's answer decides it: another folder would
        be an empty record of what was signed.
        """
        if not self.network.is_local:
            return state_dir() / f"network-{self.network_id}-{self.gateway.lower()}"
        genesis = self.connections[self.network.hub.name].rpc("eth_getBlockByNumber", "0x0", False)["hash"]
        return state_dir() / f"network-{genesis[2:10]}"

    def exchange(self, directory: Path | None = None) -> Exchange:
        """The exchange directory, by default the one that all commands on this machine share."""
        return Exchange(directory or self.folder() / "exchange")

    def record(self, signer: str, file: Path | None = None) -> Path:
        """File of a validator's record."""
        return file or self.folder() / "records" / f"{signer.lower()}.sqlite"
