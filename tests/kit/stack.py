"""The contracts of one chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def taken_back(stacks: Mapping[str, Stack]) -> Iterator[None]:
    """Chains that are afterwards as before."""
    before = [(stack.chain, stack.chain.snapshot()) for stack in stacks.values()]
    try:
        yield
    finally:
        for chain, snapshot in before:
            chain.restore(snapshot)
