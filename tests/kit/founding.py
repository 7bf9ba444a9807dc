"""A gateway of one's own: what its constructor takes, with any part of it replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from metalayer.protocol.gateway import Route
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, created_address, deploy, init_code


@dataclass(frozen=True)
class Founding:
    """Who holds which office, on which chain, with which set and routes from the first block on."""

    chain: BoundChain
    network_id: int
    era: str
    annex: str
    owner: str
    guardian: str
    recovery: str
    collector: str
    validator_set: tuple[Any, ...]
    deployer: str
    routes: Mapping[int, Route]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Of the constructor."""
        offices = (self.owner, self.guardian, self.recovery, self.collector)
        routes = [(chain_id, route.fields) for chain_id, route in self.routes.items()]
        return (self.network_id, self.era, self.annex, offices, routes, self.validator_set)

    def code(self, **changes: Any) -> bytes:
        """Creation code."""
        return init_code("Metalayer", *replace(self, **changes).arguments)

    def deploy(self, **changes: Any) -> Contract:
        return deploy(self.chain, "Metalayer", *replace(self, **changes).arguments, sender=self.deployer)

    def next_address(self) -> str:
        """Of what the deployer deploys next."""
        nonce = int(self.chain.rpc("eth_getTransactionCount", [self.deployer, "latest"]), 16)
        return created_address(self.deployer, nonce)
