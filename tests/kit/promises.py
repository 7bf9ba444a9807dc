"""What whoever calls `refund` is promised: no sender costs it more (P24)."""

from __future__ import annotations

CALLER_GAS = 110_000
"""Gas of a refund but for its calldata, payload, walk and callback: measured, 97,000 at most."""
GAS_PER_BYTE = 12
"""Gas of a payload's byte beside its calldata: it is hashed, and copied twice."""
GAS_PER_ID = 310
"""Gas of an id of a walk beside its calldata."""


def promised_gas(data: bytes, payload_length: int, ids: int, limit: int) -> int:
    """What whoever calls `refund` spends at most: P24. From the message and its walk alone."""
    tokens = data.count(0) + 4 * (len(data) - data.count(0))
    execution = CALLER_GAS + GAS_PER_BYTE * payload_length + GAS_PER_ID * ids + limit
    return 21_000 + max(4 * tokens + execution, 10 * tokens)
