"""The FeeCollector's calls and events that programs use. A test compares them with the compiled ABI."""

from typing import NamedTuple

from metalayer.protocol.abi import Event, Function


class Forwarding(NamedTuple):
    """What goes to Staking, and what the caller gets. Wei of ERA."""

    amount: int
    bounty: int


BOUNTY_PARTS = 100
"""The caller gets one part in so many."""

FORWARD = Function("forward(uint256[])", "uint256,uint256", Forwarding)

FUNCTIONS = {value.name: value for value in list(globals().values()) if isinstance(value, Function)}
"""All of them by name; a test compares them with the compiled ABI."""

FORWARDED = Event("Forwarded(address indexed,uint256,uint256,uint256)")

EVENTS = {value.name: value for value in list(globals().values()) if isinstance(value, Event)}
"""All of them by name; a test compares them with the compiled ABI."""
