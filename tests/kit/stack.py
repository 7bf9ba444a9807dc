"""The contracts of one chain, and the terms of the routes between chains."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kit.chains import BoundChain
from tests.kit.evm import Contract
from tests.kit.paper import DEFAULT_GAS_LIMIT

CHAINS = ("hub", "arcade", "perps")
"""Where tests of the contracts and state machines play."""
MAX_GAS_LIMIT = 10_000_000

Terms = tuple[bool, bool, int, int, int, int, int, int, int]
"""A route as Solidity has it: outbound, inbound; default and maximum gas limit; base, gas, byte and return fee (gwei of
ERA); protocol share.
"""
OPEN_ROUTE: Terms = (True, True, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 5_000_000, 20_000, 1_000, 8_000_000, 1_000)
FREE_ROUTE: Terms = (True, True, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Stack:
    """The contracts of one chain."""

    chain: BoundChain
    factory: Contract
    gateway: Contract
    era: Contract
    bridge: Contract
    recipient: Contract
