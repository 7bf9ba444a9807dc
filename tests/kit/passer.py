"""Accounts with code that call on behalf of whoever calls them: M55, where `tx.origin` is not the caller."""

from __future__ import annotations

from tests.kit.chains import BoundChain
from tests.kit.evm import set_code

# Calls the address in the first 20 bytes of its calldata with the rest and the value, and passes on what comes of it:
# CALLDATASIZE - 20 bytes to memory 0; CALL; RETURNDATACOPY; RETURN, or REVERT if it failed.
CODE = bytes.fromhex("601436038060145f375f5f825f345f3560601c5af13d5f5f3e601f573d5ffd5b3d5ff3")
_CODE_ADDRESS = "0x" + "ca" * 20


def through(to: str, data: bytes) -> bytes:
    """Calldata for an account of these, that makes it call."""
    return bytes.fromhex(to[2:]) + data


def place_passer(chain: BoundChain, account: str) -> None:
    """Gives an address the code: a contract."""
    set_code(chain, account, CODE)


def delegate_to_passer(chain: BoundChain, account: str) -> None:
    """Lets an account with a key delegate to the code (EIP-7702)."""
    set_code(chain, _CODE_ADDRESS, CODE)
    set_code(chain, account, bytes.fromhex("ef0100" + _CODE_ADDRESS[2:]))
