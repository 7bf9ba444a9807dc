"""Messages as a sender asks for them: recipients, attributes, and why a gateway refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.kit.evm import Contract, Receipt, Revert

MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]
FEE_PAYER = keccak(text="feePayer(address)")[:4]
RETURN_GAS_LIMIT = keccak(text="returnGasLimit(uint256)")[:4]
MAX_FEE = keccak(text="maxFee(uint256)")[:4]
COMPACT = keccak(text="compact(uint256)")[:4]
STORED_HEAD_INTERVAL = 64
ACCOUNT = "0x00000000000000000000000000000000000Face7"
"""A recipient without code."""


def min_gas_limit(value: int) -> bytes:
    return MIN_GAS_LIMIT + encode(["uint256"], [value])


def deliver_before(value: int) -> bytes:
    return DELIVER_BEFORE + encode(["uint256"], [value])


def fee_payer(account: str) -> bytes:
    return FEE_PAYER + encode(["address"], [account])


def return_gas_limit(value: int) -> bytes:
    return RETURN_GAS_LIMIT + encode(["uint256"], [value])


def max_fee(value: int) -> bytes:
    """In wei of ERA."""
    return MAX_FEE + encode(["uint256"], [value])


def compact(gas_limit: int, return_gas_limit: int, payer: str, deadline: int = 0) -> bytes:
    """The first four in one word; the default deadline for zero."""
    return COMPACT + encode(
        ["uint256"], [int(payer, 16) | deadline << 160 | return_gas_limit << 200 | gas_limit << 224]
    )


def send(
    gateway: Contract,
    sender: str,
    recipient: bytes,
    payload: bytes = b"",
    attributes: Sequence[bytes] = (),
    **options: Any,
) -> Receipt:
    return gateway.send("sendMessage", recipient, payload, list(attributes), sender=sender, **options)


def refusal(
    gateway: Contract,
    sender: str,
    recipient: bytes,
    payload: bytes = b"",
    attributes: Sequence[bytes] = (),
    **options: Any,
) -> Revert:
    return gateway.revert("sendMessage", recipient, payload, list(attributes), sender=sender, **options)
