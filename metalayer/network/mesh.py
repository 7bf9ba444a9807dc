"""The gateways of a network, as far as this process reaches them."""

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property

from metalayer.network.connection import Connection
from metalayer.protocol.attestation import Domain


@dataclass(frozen=True)
class Routes:
    """With which chains one chain has routes, and with which it had none when it was `asked` (monotonic time)."""

    ids: frozenset[int]
    without: frozenset[int]
    asked: float


@dataclass(frozen=True)
class Mesh:
    """What the gateways of a network share, and a connection to each of their chains, by name.

    staking: address of the contract on the hub that publishes the validator sets. known_routes: of
    gateways, by their address and chain id, as far as they were asked: see `lanes.neighbours`.
    """

    domain: Domain
    connections: Mapping[str, Connection]
    staking: str
    known_routes: dict[tuple[str, int], Routes] = field(
        default_factory=dict, kw_only=True, repr=False, compare=False
    )

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

    def routes_of(self, chain_id: int) -> Routes | None:
        """What is known of a chain's routes. None if it was never asked."""
        return self.known_routes.get((self.gateway, chain_id))

    def learn(self, chain_id: int, found: Set[int], without: Set[int]) -> None:
        """A chain has routes with the ones, and none with the others."""
        before = self.routes_of(chain_id) or Routes(frozenset(), frozenset(), 0.0)
        ids = before.ids | found
        self.known_routes[self.gateway, chain_id] = Routes(
            ids, (before.without | without) - ids, time.monotonic()
        )

    def only(self, *names: str) -> "Mesh":
        """The same network, with the connections of these chains alone."""
        connections = {name: self.connections[name] for name in names}
        return Mesh(self.domain, connections, self.staking, known_routes=self.known_routes)
