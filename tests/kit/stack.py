"""The contracts of one chain."""

from __future__ import annotations

from dataclasses import dataclass

from metalayer.deploy.names import BRIDGE, ERA, FACTORY, GATEWAY, GUARDIAN
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract

CHAINS = ("hub", "arcade", "perps")
"""Where tests of the contracts and state machines play."""


@dataclass(frozen=True)
class Stack:
    """The contracts of one chain: those that are declared, by name, and a scripted recipient."""

    chain: BoundChain
    contracts: dict[str, Contract]
    recipient: Contract

    @property
    def factory(self) -> Contract:
        return self.contracts[FACTORY]

    @property
    def gateway(self) -> Contract:
        return self.contracts[GATEWAY]

    @property
    def guardian(self) -> Contract:
        return self.contracts[GUARDIAN]

    @property
    def era(self) -> Contract:
        return self.contracts[ERA]

    @property
    def bridge(self) -> Contract:
        return self.contracts[BRIDGE]
