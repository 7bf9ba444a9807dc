"""The gateways of a network, as far as this process reaches them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from metalayer.network.connection import Connection
from metalayer.protocol.attestation import Domain


@dataclass(frozen=True)
class Mesh:
    """What the gateways of a network share, and a connection to each of their chains, by name.

    staking: address of the contract on the hub that publishes the validator sets.
    """

    domain: Domain
    connections: Mapping[str, Connection]
    staking: str

    @property
    def network_id(self) -> int:
        """Chain id of the hub."""
        return self.domain.network_id

    @property
    def gateway(self) -> str:
        """Address of the gateway on every chain."""
        return self.domain.gateway

    @cached_property
    def by_id(self) -> dict[int, Connection]:
        """The connections by chain id."""
        return {connection.chain_id: connection for connection in self.connections.values()}

    @property
    def hub(self) -> Connection | None:
        """The connection to the hub, None if this process has none."""
        return self.by_id.get(self.network_id)

    def only(self, *names: str) -> "Mesh":
        """The same network, with the connections of these chains alone."""
        return Mesh(self.domain, {name: self.connections[name] for name in names}, self.staking)
