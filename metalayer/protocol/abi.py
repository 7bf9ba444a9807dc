"""ABI encoding of single functions from their Solidity signatures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.grammar import parse
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

_SIGNATURE = re.compile(r"\w+\(.*\)")


@dataclass(frozen=True)
class Function:
    """One function: `signature` as the selector needs it, `returns` as comma-separated types."""

    signature: str
    returns: str = ""

    def __post_init__(self) -> None:
        if _SIGNATURE.fullmatch(self.signature) is None:
            raise ValueError(f"not a function signature: {self.signature}")

    @cached_property
    def selector(self) -> bytes:
        return keccak(text=self.signature)[:4]

    def encode(self, *values: Any) -> bytes:
        """Calldata."""
        return self.selector + encode(_types(self.signature[self.signature.index("(") :]), values)

    def decode(self, data: bytes) -> Any:
        """The one value of the return data, or a tuple if there are several. Addresses are checksummed."""
        types = _types(f"({self.returns})")
        values = [_checksummed(t, v) for t, v in zip(types, decode(types, data), strict=True)]
        return values[0] if len(values) == 1 else tuple(values)


def _types(tuple_type: str) -> list[str]:
    if tuple_type == "()":
        return []
    return [component.to_type_str() for component in parse(tuple_type).components]


def _checksummed(type_: str, value: Any) -> Any:
    return to_checksum_address(value) if type_ == "address" else value


def encode_arguments(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """What follows the creation code: the constructor's arguments."""
    return encode(types, values)
