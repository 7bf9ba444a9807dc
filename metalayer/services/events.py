"""Events and values in the words of the contracts' ABIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature, collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.governance.names import Names
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Log

_LONG = 64


def described(log: Log, names: Names, chain: str) -> str:
    """One event: `Metalayer.RouteOpened(chainId: 904, outbound: true, inbound: false)`."""
    address = to_checksum_address(log.address)
    contract = names.contract_at(address, chain)
    topic = log.topics[0] if log.topics else b""
    event = _event(contract, topic, names) if contract else None
    if event is None:
        return f"{contract or address}: unknown event 0x{topic.hex()}"
    try:
        values = _values(event, log)
    except (DecodingError, OverflowError, ValueError):
        return f"{contract}.{event['name']} that cannot be read"
    words = [
        f"{entry['name'] or place}: {_shown(entry, value, names, chain)}"
        for place, (entry, value) in enumerate(zip(event["inputs"], values, strict=True))
    ]
    return f"{contract}.{event['name']}({', '.join(words)})"


def _event(contract: str, topic: bytes, names: Names) -> Mapping[str, Any] | None:
    try:
        abi = names.abi_of(contract)
    except MetalayerError:
        return None
    return next(
        (item for item in abi if item["type"] == "event" and _topic(abi_to_signature(item)) == topic), None
    )


@cache
def _topic(signature: str) -> bytes:
    return keccak(text=signature)


def _values(event: Mapping[str, Any], log: Log) -> list[Any]:
    """In the order of the ABI. What is indexed and dynamic is a hash."""
    rest = [entry for entry in event["inputs"] if not entry["indexed"]]
    plain = iter(decode([collapse_if_tuple(entry) for entry in rest], log.data))
    topics = iter(log.topics[1:])
    return [_indexed(entry, next(topics)) if entry["indexed"] else next(plain) for entry in event["inputs"]]


def _indexed(entry: Mapping[str, Any], topic: bytes) -> Any:
    type_ = str(entry["type"])
    if type_ in ("string", "bytes") or type_.endswith("]") or type_ == "tuple":
        return topic
    return decode([type_], topic)[0]


def _shown(entry: Mapping[str, Any], value: Any, names: Names, chain: str) -> str:
    type_ = str(entry["type"])
    if isinstance(value, bytes):
        return to_hex(value) if len(value) <= _LONG else f"{len(value)} bytes"
    if type_ == "address":
        address = to_checksum_address(value)
        return names.contract_at(address, chain) or str(address)
    if type_ == "tuple":
        parts = zip(entry["components"], value, strict=True)
        return (
            "{" + ", ".join(f"{one['name']}: {_shown(one, each, names, chain)}" for one, each in parts) + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        inner = {**entry, "type": type_[: type_.rindex("[")]} if type_.endswith("]") else entry
        return "[" + ", ".join(_shown(inner, each, names, chain) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
