"""Gas of deliveries, known before anything is sent."""

from bisect import bisect_right

from metalayer.protocol.gas import required

MAX_TRANSACTION_GAS = 16_777_216
"""Highest gas limit of one transaction, EIP-7825."""

# What one delivery takes besides its recipient, as relayers reckon: with the longest payload, and signed by the largest
# set of validators, it has about 12,700 bytes at 64 gas, and 240,000 for its lane and message. It uses a third of that.
_OVERHEAD = 1_100_000


def delivery_gas(gas_limit: int) -> int:
    """Gas of a transaction that is enough to deliver one message with this limit, whatever its recipient does."""
    return _OVERHEAD + required(gas_limit)


def delivery_room(block_gas: int) -> int:
    """Most gas that one delivery gets on a chain with such blocks: half of one, and what one transaction may have."""
    return min(block_gas // 2, MAX_TRANSACTION_GAS)


def highest_gas_limit(block_gas: int) -> int:
    """The highest gas limit with which messages can be delivered on a chain with such blocks; 0 if none can."""
    room = delivery_room(block_gas)
    return max(0, bisect_right(range(room + 1), room, key=delivery_gas) - 1)
