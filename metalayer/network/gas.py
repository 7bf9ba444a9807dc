"""Gas that is known before anything is sent."""

MAX_TRANSACTION_GAS = 16_777_216
"""Highest gas limit of one transaction, EIP-7825."""

# Of `RecipientCall`: what the call itself may take, and what the Inbox does after a call that fails.
_CALL_COST, _BOOKKEEPING = 5_000, 55_000
_OVERHEAD = 1_100_000
"""What one delivery takes besides its recipient, as relayers count it: see `delivery_gas`."""


def required(gas_limit: int) -> int:
    """Gas that must be left before a recipient is called with this limit: `RecipientCall.required`."""
    return _CALL_COST + gas_limit + max(gas_limit // 63, _BOOKKEEPING)


def delivery_gas(gas_limit: int) -> int:
    """Gas of a transaction that is enough to deliver one message with this limit, whatever its recipient does.

    With the longest payload, and the largest set of validators that all signed.
    """
    return _OVERHEAD + required(gas_limit)


def highest_gas_limit(block_gas: int) -> int:
    """The highest gas limit with which a message can be delivered in blocks of so much gas; 0 if there is none."""
    most = delivery_room(block_gas) - _OVERHEAD - _CALL_COST
    return max(0, min(most - _BOOKKEEPING, most * 63 // 64))


def delivery_room(block_gas: int) -> int:
    """Most gas that a relayer gives one delivery: half a block, or what one transaction may have."""
    return min(block_gas // 2, MAX_TRANSACTION_GAS)
