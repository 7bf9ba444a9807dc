"""Terms of routes, as Solidity has them: what a lane costs and carries."""

from __future__ import annotations

from tests.kit.paper import DEFAULT_GAS_LIMIT

Terms = tuple[bool, bool, int, int, int, int, int, int, int]
"""Outbound, inbound; default and maximum gas limit; base, gas, byte and return fee (gwei of ERA); protocol share."""

MAX_GAS_LIMIT = 10_000_000
"""Of the routes below."""
HIGHEST_GAS_LIMIT = 15_000_000
"""That any route may have."""
HIGHEST_FEE = 2**40 - 1
WHOLE_SHARE = 10_000

OPEN_ROUTE: Terms = (True, True, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 5_000_000, 20_000, 1_000, 8_000_000, 1_000)
FREE_ROUTE: Terms = (True, True, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 0, 0, 0, 0, 0)
LARGEST_ROUTE: Terms = (
    *(True, True, HIGHEST_GAS_LIMIT, HIGHEST_GAS_LIMIT),
    *(HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, WHOLE_SHARE),
)
