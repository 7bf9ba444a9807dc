"""What a contract said when it reverted: return data in words, by the errors of every contract that ships."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature, get_abi_input_types
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

# Solidity documentation, "Panic via assert and Error via require".
_BUILT_IN = (
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)
_MAX_TEXT = 500
_PANICS = {
    0x01: "an assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "invalid enum value",
    0x22: "corrupt storage byte array",
    0x31: "pop from an empty array",
    0x32: "array index out of range",
    0x41: "too much memory",
    0x51: "call to an uninitialised function",
}


def parse(data: bytes) -> tuple[str, list[Any]] | None:
    """Signature and values of the error in this return data, addresses checksummed; None if it is none that ships."""
    known = _errors().get(data[:4])
    if known is None:
        return None
    types = get_abi_input_types(known)
    try:
        values = decode(types, data[4:])
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return None
    return abi_to_signature(known), [
        to_checksum_address(value) if type_ == "address" else value
        for type_, value in zip(types, values, strict=True)
    ]


def explain(data: bytes) -> str:
    """One line for the return data of a reverted call. Of unknown data the first 100 bytes."""
    if not data:
        return "reverted without a reason"
    known = _errors().get(data[:4])
    if known is None:
        return f"unknown error 0x{data[:100].hex()}"
    name, types = known["name"], get_abi_input_types(known)
    try:
        values = decode(types, data[4:])
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return f"{name} with malformed arguments 0x{data[4:104].hex()}"
    if name == "Error":
        return "".join(c if c.isprintable() else " " for c in str(values[0]))[:_MAX_TEXT]
    if name == "Panic":
        return f"panic 0x{values[0]:02x}: {_PANICS.get(values[0], 'unknown code')}"
    shown = ", ".join(
        f"{entry['name']}={_show(type_, value)}" if entry["name"] else _show(type_, value)
        for entry, type_, value in zip(known["inputs"], types, values, strict=True)
    )
    return f"{name}({shown})"


@cache
def _errors() -> dict[bytes, Any]:
    """Selector -> ABI of every error. Read at the first revert: most commands never see one."""
    from importlib.resources import files

    abis: list[Any] = [_BUILT_IN]
    for file in (files("metalayer") / "artifacts").iterdir():
        if file.name.endswith(".json") and not file.name.endswith(".input.json"):
            abis.append(json.loads(file.read_text(encoding="utf-8"))["abi"])
    errors = [item for abi in abis for item in abi if item["type"] == "error"]
    return {keccak(text=abi_to_signature(error))[:4]: error for error in errors}


def _show(type_: str, value: Any) -> str:
    if type_ == "address":
        return to_checksum_address(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)
