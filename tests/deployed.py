"""The network as `ape run deploy apply` deploys it, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from ape import project

from metalayer.chain import Connection
from metalayer.registry import Registry
from tests.chains import BoundChain
from tests.chains import Deployed as Bound


@dataclass(frozen=True)
class OnChain:
    """The contracts of one chain."""

    gateway: Bound
    era: Bound
    bridge: Bound


@dataclass(frozen=True)
class Deployment:
    """Addresses, the same on every chain, and per chain the contracts and a raw connection."""

    registry: Registry
    connections: dict[str, Connection]
    on: dict[str, OnChain]

    @property
    def gateway(self) -> str:
        return self.registry.address("Metalayer")

    @property
    def era(self) -> str:
        return self.registry.address("ERA")

    @property
    def bridge(self) -> str:
        return self.registry.address("TokenBridge")


def bind(chain: BoundChain, registry: Registry) -> OnChain:
    def instance(name: str) -> Bound:
        container = getattr(project, name)
        return chain.bind(
            container.at(registry.contract(chain.name, name).address, fetch_from_explorer=False)
        )

    with chain.use():
        return OnChain(instance("Metalayer"), instance("ERA"), instance("TokenBridge"))
