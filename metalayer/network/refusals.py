"""What nodes say of a transaction that they do not take: they have no codes for it, and words of their own.

Those of geth, Nethermind, Erigon, Besu, reth and anvil.
"""

from __future__ import annotations

from metalayer.network.rpc import RpcError

_KNOWN = ("already known", "known transaction", "already imported", "already exist", "alreadyknown")
_CHEAP = (
    "underpriced",
    "base fee",
    "basefee",
    "fee cap",
    "feetoolow",
    "price too low",
    "fee too low",
    "tip too low",
)
_NO_PENDING_STATE = ("pending", "header not found", "block not found", "unknown block", "unsupported")
_BAD_REQUEST = (-32_601, -32_602)


def is_known(error: RpcError) -> bool:
    """It has the very transaction."""
    return _says(error, *_KNOWN)


def is_cheap(error: RpcError) -> bool:
    """It would take it for more."""
    return _says(error, *_CHEAP)


def is_other(error: RpcError) -> bool:
    """It has another transaction with the nonce, and would take this one in its place for more."""
    return _says(error, "replacement", "replace existing")


def is_late(error: RpcError) -> bool:
    """A transaction with the nonce was mined: this one, or another."""
    return _says(error, "nonce too low", "nonce is too low", "old nonce", "oldnonce", "nonce_too_low")


def knows_no_pending_state(error: RpcError) -> bool:
    """It estimates at `latest` only."""
    return error.code in _BAD_REQUEST or _says(error, *_NO_PENDING_STATE)


def _says(error: RpcError, *words: str) -> bool:
    said = str(error).lower()
    return any(each in said for each in words)
