"""JSON-RPC requests as data: what is asked, and how the answer is read. Nothing is sent from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from metalayer.protocol.hex import from_hex, to_hex

Answer_co = TypeVar("Answer_co", covariant=True)

LOGS = "eth_getLogs"

READ_FAULTS = (AttributeError, DecodingError, LookupError, OverflowError, TypeError, ValueError)
"""What `Request.read` raises if the answer is not what was asked for."""


@dataclass(frozen=True)
class Request(Generic[Answer_co]):
    """One request. `read` makes a value of the JSON result, or raises one of READ_FAULTS.

    Of logs: `once` says that each combination of the wanted topics is logged once at most, so that whoever reads
    backwards may stop when all are there; `rare` that there are few in the whole history, and that it is read often;
    `finished` that a block with more of them than the node returns is read from the receipts of its transactions.
    """

    method: str
    params: Sequence[Any] = ()
    read: Callable[[Any], Answer_co] = lambda result: result
    once: bool = False
    rare: bool = False
    finished: bool = True


@dataclass(frozen=True, slots=True)
class Log:
    """One event's log. `address` is lower case, `index` its place in the block."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int
    transaction: str

    @classmethod
    def read(cls, log: Any) -> "Log":
        """From a node's answer. Raises one of READ_FAULTS, also for a log that a reorganisation took away."""
        if log.get("removed"):
            raise ValueError("a removed log")
        return cls(
            log["address"].lower(),
            tuple(from_hex(topic) for topic in log["topics"]),
            from_hex(log["data"]),
            number(log["blockNumber"]),
            number(log["logIndex"]),
            to_hex(from_hex(log["transactionHash"])),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """What is used of a block's header. Unix seconds, gas, wei."""

    number: int
    hash: str
    time: int
    gas_limit: int
    base_fee: int

    @classmethod
    def read(cls, block: Any) -> "Block":
        """From a node's answer. Raises one of READ_FAULTS, also if there is no such block."""
        return cls(
            number(block["number"]),
            str(block["hash"]),
            number(block["timestamp"]),
            number(block["gasLimit"]),
            number(block.get("baseFeePerGas", "0x0"), 128),
        )


class SentTransaction(NamedTuple):
    """What is used of a transaction. `sender` is checksummed; `to` is None if it created a contract."""

    sender: str
    to: str | None
    data: bytes


Topic = bytes | Sequence[bytes] | None
"""A filter for one topic: this one, one of these, or any."""


def number(text: str, bits: int = 64) -> int:
    """A number in a node's answer. Raises one of READ_FAULTS unless it has at most so many bits.

    Larger ones cannot be sent back, signed, multiplied by a float or shown.
    """
    value = int(text, 16)
    if not 0 <= value < 1 << bits:
        raise ValueError(f"expected a number of {bits} bits")
    return value


def block_request(block: int | str = "latest") -> Request[Block]:
    """One block by number or tag."""
    return Request("eth_getBlockByNumber", (block_tag(block), False), Block.read)


def quantity(method: str, *params: Any, bits: int = 64) -> Request[int]:
    """A request whose result is a number of at most so many bits."""
    return Request(method, params, lambda result: number(result, bits))


def code_request(address: str, block: int | str = "latest") -> Request[bytes]:
    """Runtime code at an address, empty if none."""
    return Request("eth_getCode", (address, block_tag(block)), from_hex)


def transaction_request(hash_: str) -> Request[SentTransaction]:
    """Who sent a transaction, to whom, and with which calldata."""
    return Request(
        "eth_getTransactionByHash",
        (hash_,),
        lambda sent: SentTransaction(
            to_checksum_address(sent["from"]),
            None if sent["to"] is None else to_checksum_address(sent["to"]),
            from_hex(sent["input"]),
        ),
    )


def call_request(
    to: str, data: bytes, block: int | str = "latest", *, sender: str | None = None, gas: int | None = None
) -> Request[bytes]:
    """One `eth_call`: its return data."""
    message: dict[str, Any] = {"to": to, "data": to_hex(data)}
    if sender is not None:
        message["from"] = sender
    if gas is not None:
        message["gas"] = hex(gas)
    return Request("eth_call", (message, block_tag(block)), from_hex)


def logs_request(
    address: str, topics: Sequence[Topic], first: int | str = 0, last: int | str = "latest"
) -> Request[list[Log]]:
    """One `eth_getLogs` over the blocks `first` to `last`, both included: the logs in their order, each once, however
    the node sorts and repeats them.

    An answer with a log that was not asked for, or with two different ones at one place, cannot be read.
    """
    wanted = {
        "address": address,
        "topics": [_filter(topic) for topic in topics],
        "fromBlock": block_tag(first),
        "toBlock": block_tag(last),
    }
    allowed = [{topic} if isinstance(topic, bytes) else topic and set(topic) for topic in topics]
    lowest = first if isinstance(first, int) else 0
    highest = last if isinstance(last, int) else float("inf")
    source = address.lower()

    def read(result: Any) -> list[Log]:
        logs = [Log.read(log) for log in result]
        before, in_order = (-1, -1), True
        for log in logs:
            place = (log.block, log.index)
            in_order = in_order and place > before
            before = place
            matches = (
                log.address == source and lowest <= log.block <= highest and len(log.topics) >= len(allowed)
            )
            if not matches or any(
                among is not None and topic not in among
                for topic, among in zip(log.topics, allowed, strict=False)
            ):
                raise ValueError("another log than asked for")
        return logs if in_order else _ordered(logs)

    return Request(LOGS, (wanted,), read)


def block_tag(block: int | str) -> str:
    """A block number or tag as JSON-RPC wants it."""
    return hex(block) if isinstance(block, int) else block


def word(value: int) -> bytes:
    """A number as an indexed topic."""
    return value.to_bytes(32, "big")


def _ordered(logs: Sequence[Log]) -> list[Log]:
    """Each log once, in their order."""
    places = {(log.block, log.index): log for log in logs}
    if any(places[log.block, log.index] != log for log in logs):
        raise ValueError("two logs at one place")
    return [places[place] for place in sorted(places)]


def _filter(topic: Topic) -> Any:
    if topic is None:
        return None
    return to_hex(topic) if isinstance(topic, bytes) else [to_hex(one) for one in topic]
