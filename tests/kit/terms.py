"""Terms of routes: what a lane costs and carries."""

from __future__ import annotations

from metalayer.protocol.gateway import Route, Terms
from tests.kit.paper import DEFAULT_GAS_LIMIT

MAX_GAS_LIMIT = 10_000_000
"""Of the routes below."""
HIGHEST_GAS_LIMIT = 15_000_000
"""That any route may have."""
RETURN_GAS_LIMIT = 300_000
"""With which a sender is called if its message names none: enough for a scripted one."""
HIGHEST_FEE = 2**40 - 1
WHOLE_SHARE = 10_000

OPEN_TERMS = Terms(
    default_gas_limit=DEFAULT_GAS_LIMIT,
    max_gas_limit=MAX_GAS_LIMIT,
    default_return_gas_limit=RETURN_GAS_LIMIT,
    base_fee=5_000_000,
    gas_fee=20_000,
    byte_fee=1_000,
    return_gas_fee=30_000,
    protocol_share=1_000,
)
FREE_TERMS = Terms(DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, RETURN_GAS_LIMIT)
LARGEST_TERMS = Terms(
    *(HIGHEST_GAS_LIMIT, HIGHEST_GAS_LIMIT, HIGHEST_GAS_LIMIT),
    *(HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, WHOLE_SHARE),
)
OPEN_ROUTE = Route(True, True, OPEN_TERMS)
