"""The contracts of one chain."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kit.chains import BoundChain
from tests.kit.evm import Contract

CHAINS = ("hub", "arcade", "perps")
"""Where tests of the contracts and state machines play."""


@dataclass(frozen=True)
class Stack:
    """The contracts of one chain."""

    chain: BoundChain
    factory: Contract
    gateway: Contract
    era: Contract
    bridge: Contract
    recipient: Contract
