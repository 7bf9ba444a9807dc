"""Functions and events as objects, from their Solidity signatures: how to call, what comes back."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.grammar import parse
from eth_abi.registry import BaseEquals, registry
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from typing_extensions import TypeVar

from metalayer.errors import MetalayerError
from metalayer.protocol.hex import from_hex
from metalayer.protocol.rpc import READ_FAULTS, Log, Request, Topic, call_request, logs_request

Value = TypeVar("Value", default=Any)

_SIGNATURE = re.compile(r"\w+\(.*\)")
# Contracts take any bytes as a text: whoever wrote others than UTF-8 into a log must not stop those who read all logs.
_texts = registry.copy()  # type: ignore[no-untyped-call]
_texts.unregister_decoder("string")
_any_bytes = StringDecoder(handle_string_errors="surrogateescape")  # type: ignore[no-untyped-call]
_texts.register_decoder(BaseEquals("string"), _any_bytes, label="string")  # type: ignore[no-untyped-call]
_logged = ABICodec(_texts)


def _plain(*values: Any) -> Any:
    return values[0] if len(values) == 1 else values


@dataclass(frozen=True)
class Function(Generic[Value]):
    """One function: `signature` as the selector needs it, `returns` as comma-separated types, and `into` what its
    values are made: by default the one value, or a tuple of several. Addresses are checksummed.
    """

    signature: str
    returns: str = ""
    into: Callable[..., Value] = _plain

    def __post_init__(self) -> None:
        if _SIGNATURE.fullmatch(self.signature) is None:
            raise ValueError(f"not a function signature: {self.signature}")

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @cached_property
    def selector(self) -> bytes:
        return keccak(text=self.signature)[:4]

    @cached_property
    def _types(self) -> list[str]:
        return _types(self.signature.removeprefix(self.name))

    @property
    def parameters(self) -> Sequence[str]:
        """Types of its arguments."""
        return self._types

    @cached_property
    def _returned(self) -> list[str]:
        return _types(f"({self.returns})")

    def encode(self, *values: Any) -> bytes:
        """Calldata. What has `fields`, such as a Message, stands for a Solidity struct of them."""
        return self.selector + encode(self._types, [_fields(value) for value in values])

    def decode(self, data: bytes) -> Value:
        """The return data. Raises DecodingError, or what `into` raises."""
        values = decode(self._returned, data)
        return self.into(*(_checksummed(t, v) for t, v in zip(self._returned, values, strict=True)))

    def decode_arguments(self, data: bytes) -> tuple[Any, ...]:
        """The arguments of calldata. ValueError or DecodingError unless it is a call of this, and nothing else."""
        values = decode(self._types, data[4:])
        if self.encode(*values) != data:
            raise ValueError(f"not a call of {self.name}")
        return values

    def request(self, to: str, *values: Any, block: int | str = "latest") -> Request[Value]:
        """The call of a view."""
        data = call_request(to, self.encode(*values), block)
        return Request(data.method, data.params, lambda result: self.decode(from_hex(result)))

    def optional(self, to: str, *values: Any, block: int | str = "latest") -> Request[Value | None]:
        """The same at a place where nothing may be deployed yet: None then."""
        data = call_request(to, self.encode(*values), block)
        return Request(
            data.method, data.params, lambda result: None if result == "0x" else self.decode(from_hex(result))
        )


class Logged(NamedTuple, Generic[Value]):
    """An event, and the log that it was read from."""

    event: Value
    log: Log


@dataclass(frozen=True)
class Event(Generic[Value]):
    """One event, such as "Paid(address indexed,uint256)", and `into` what its values are made, indexed ones first."""

    signature: str
    into: Callable[..., Value] = _plain

    @cached_property
    def _parts(self) -> tuple[list[str], list[str]]:
        """Types of the indexed values, and of the others."""
        arguments = self.signature.partition("(")[2].removesuffix(")")
        parts = re.findall(r"(?:\([^)]*\)|[^,(])+", arguments)
        indexed = [part.removesuffix(" indexed") for part in parts if part.endswith(" indexed")]
        return indexed, [part for part in parts if not part.endswith(" indexed")]

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @cached_property
    def canonical(self) -> str:
        """The signature that is hashed."""
        return self.signature.replace(" indexed", "")

    @cached_property
    def topic(self) -> bytes:
        """First topic of its logs."""
        return keccak(text=self.canonical)

    def decode(self, log: Log) -> Value:
        """Its values; bytes of a text that are not UTF-8 are surrogates (PEP 383).

        Raises DecodingError, ValueError, or what `into` raises, if the log is not one of this event.
        """
        indexed, rest = self._parts
        if log.topics[:1] != (self.topic,) or len(log.topics) != 1 + len(indexed):
            raise ValueError(f"not a log of {self.name}")
        values = [decode([t], topic)[0] for t, topic in zip(indexed, log.topics[1:], strict=True)]
        values += _logged.decode(rest, log.data)
        return self.into(*(_checksummed(t, v) for t, v in zip([*indexed, *rest], values, strict=True)))

    def found_in(self, logs: Sequence[Log], address: str) -> list[Value]:
        """Its occurrences among the logs of a transaction, as far as this contract emitted them. MetalayerError if one
        cannot be read.
        """
        source = address.lower()
        own = [log for log in logs if log.address == source and log.topics[:1] == (self.topic,)]
        try:
            return [self.decode(log) for log in own]
        except READ_FAULTS as error:
            raise MetalayerError(f"a log of {self.name} in {own[0].transaction} makes no sense") from error

    def logs(
        self, address: str, *topics: Topic, first: int | str = 0, last: int | str = "latest"
    ) -> Request[list[Logged[Value]]]:
        """Its logs in the blocks `first` to `last`, both included. `topics` filters the indexed values, in order."""
        raw = logs_request(address, [self.topic, *topics], first, last)
        return Request(
            raw.method, raw.params, lambda result: [Logged(self.decode(log), log) for log in raw.read(result)]
        )

    def logs_once(
        self, address: str, *topics: Topic, first: int | str = 0, last: int | str = "latest"
    ) -> Request[list[Logged[Value]]]:
        """The same, of topics of which each combination is logged once at most."""
        return replace(self.logs(address, *topics, first=first, last=last), once=True)

    def history(
        self, address: str, *topics: Topic, last: int | str = "latest"
    ) -> Request[list[Logged[Value]]]:
        """The same from the beginning, of what is rarely logged."""
        return replace(self.logs(address, *topics, last=last), rare=True)


def histories(address: str, *events: Event[Any]) -> Request[list[list[Logged[Any]]]]:
    """All logs of several events of a contract from the beginning, event by event, in one request; rarely logged."""
    raw = logs_request(address, [[event.topic for event in events]], 0, "latest")

    def read(result: Any) -> list[list[Logged[Any]]]:
        logs = raw.read(result)
        return [
            [Logged(event.decode(log), log) for log in logs if log.topics[:1] == (event.topic,)]
            for event in events
        ]

    return Request(raw.method, raw.params, read, rare=True)


def _types(tuple_type: str) -> list[str]:
    if tuple_type == "()":
        return []
    return [component.to_type_str() for component in parse(tuple_type).components]


def _fields(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_fields(one) for one in value]
    return getattr(value, "fields", value)


def _checksummed(type_: str, value: Any) -> Any:
    return to_checksum_address(value) if type_ == "address" else value
