"""The EtherDoor's calls and events that programs use. A test compares them with the compiled ABI.

Amounts are wei of ether, those of a permit wei of ERA.
"""

from typing import NamedTuple

from metalayer.protocol.abi import Event, Function

_OPTIONS = "(address,uint40,uint32,uint16,uint64,uint256,bool,uint24,bytes)"
_PERMIT = "(uint256,uint256,uint8,bytes32,bytes32)"


class EtherPaid(NamedTuple):
    """Ether that arrived and was paid; `wrapped` if the beneficiary refused it."""

    id: bytes
    beneficiary: str
    amount: int
    wrapped: bool


SEND = Function(f"send(uint256,address,{_OPTIONS})", "bytes32", bytes)
SEND_WITH_PERMIT = Function(f"send(uint256,address,{_OPTIONS},{_PERMIT})", "bytes32", bytes)
WRAPPED_ETHER = Function("WRAPPED_ETHER()", "address", str)
EXTRA_GAS = Function("EXTRA_GAS()", "uint24", int)

FUNCTIONS = (SEND, SEND_WITH_PERMIT, WRAPPED_ETHER, EXTRA_GAS)
"""All of them; a test compares them with the compiled ABI."""

ETHER_PAID = Event("EtherPaid(bytes32 indexed,address indexed,uint256,bool)", EtherPaid)

EVENTS = (ETHER_PAID,)
"""All of them; a test compares them with the compiled ABI."""
