"""What is wrong with nodes in the field, each as a small object: see tests/kit/node.py.

Codes and messages are those of public providers, where they have their own.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

from tests.kit.node import Ask, Call, Fault, Garbage, Refused

LIMIT = -32_005
"""EIP-1474: limit exceeded."""


# When


@dataclass(eq=False)
class _Counted(Fault, ABC):
    fault: Fault
    _taken: Iterator[int] = field(default_factory=lambda: count(1), init=False)
    _asked: Iterator[int] = field(default_factory=lambda: count(1), init=False)

    @abstractmethod
    def is_due(self, number: int) -> bool:
        """Whether the fault strikes this one, counted from 1."""

    def take(self, calls: Sequence[Call]) -> None:
        if self.is_due(next(self._taken)):
            self.fault.take(calls)

    def answer(self, call: Call, ask: Ask) -> Any:
        return self.fault.answer(call, ask) if self.is_due(next(self._asked)) else ask(call)


class First(_Counted):
    """Another fault, for the first so many bodies, and as many requests, that get here: see Only."""

    def __init__(self, times: int, fault: Fault) -> None:
        super().__init__(fault)
        self.times = times

    def is_due(self, number: int) -> bool:
        return number <= self.times


class Every(_Counted):
    """Another fault, for every so-manyth body, and request."""

    def __init__(self, nth: int, fault: Fault) -> None:
        super().__init__(fault)
        self.nth = nth

    def is_due(self, number: int) -> bool:
        return number % self.nth == 0


@dataclass(eq=False)
class Only(Fault):
    """Another fault, for methods that fit a pattern such as "eth_get*"; for bodies if one of their methods does.

    Counting faults go inside: `Only("eth_getLogs", First(2, NoLogs()))`.
    """

    pattern: str
    fault: Fault

    def take(self, calls: Sequence[Call]) -> None:
        if any(fnmatchcase(call.method, self.pattern) for call in calls):
            self.fault.take(calls)

    def answer(self, call: Call, ask: Ask) -> Any:
        return self.fault.answer(call, ask) if fnmatchcase(call.method, self.pattern) else ask(call)


# Limits


@dataclass(eq=False)
class LogRange(Fault):
    """No logs of more than `most` blocks at a time."""

    most: int
    status: int = 200
    code: int = -32_600
    message: str = "eth_getLogs is limited to a {most} block range"

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method == "eth_getLogs":
            first, last = _range(call, ask)
            if last - first >= self.most:
                raise Refused(self.code, self.message.format(most=self.most), self.status)
        return ask(call)


@dataclass(eq=False)
class LogCount(Fault):
    """Not more than `most` logs in an answer."""

    most: int
    status: int = 200
    code: int = LIMIT
    message: str = "query returned more than {most} results"

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        if call.method == "eth_getLogs" and len(said) > self.most:
            raise Refused(self.code, self.message.format(most=self.most), self.status)
        return said


@dataclass(eq=False)
class LogsTogether(Fault):
    """Not more than `most` logs in the answers to one body (geth: 25 MB): there is no room for the others."""

    most: int
    _given: int = 0

    def take(self, calls: Sequence[Call]) -> None:
        self._given = 0

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        if call.method == "eth_getLogs":
            self._given += len(said)
            if self._given > self.most:
                raise Refused(-32_003, "response too large")
        return said


@dataclass(eq=False)
class LogTopics(Fault):
    """Not more than `most` topics in one position of a filter (geth: 1,000)."""

    most: int
    status: int = 200

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method == "eth_getLogs":
            topics = call.params[0].get("topics", [])
            if any(isinstance(topic, list) and len(topic) > self.most for topic in topics):
                raise Refused(-32_602, "exceed max topics", self.status)
        return ask(call)


@dataclass(eq=False)
class BatchLimit(Fault):
    """Not more than `most` requests in one HTTP body."""

    most: int
    status: int = 200
    code: int = -32_600
    message: str = "batch too large"

    def take(self, calls: Sequence[Call]) -> None:
        if len(calls) > self.most:
            raise Refused(self.code, self.message, self.status)


@dataclass(eq=False)
class TooMany(Fault):
    """Every body is one too many per second. `retry_after` is the header: seconds, or an HTTP date."""

    retry_after: str | None = None
    status: int = 429
    message: str = "Too Many Requests"

    def take(self, calls: Sequence[Call]) -> None:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        raise Refused(LIMIT, self.message, self.status, headers)


@dataclass(eq=False)
class Pruned(Fault):
    """No logs, blocks, receipts or state below a block (EIP-4444, error 4444)."""

    below: int
    status: int = 200

    def answer(self, call: Call, ask: Ask) -> Any:
        asked = _range(call, ask)[0] if call.method == "eth_getLogs" else _height(call)
        if asked is not None and asked < self.below:
            raise Refused(4_444, "pruned history unavailable", self.status)
        return ask(call)


# Refusals


class Refuses(Fault):
    """Methods that fit one of the patterns, such as "anvil_*", do not exist here."""

    def __init__(self, *patterns: str, status: int = 200, code: int = -32_601) -> None:
        self.patterns, self.status, self.code = patterns, status, code

    def answer(self, call: Call, ask: Ask) -> Any:
        if any(fnmatchcase(call.method, pattern) for pattern in self.patterns):
            message = f"the method {call.method} does not exist/is not available"
            raise Refused(self.code, message, self.status)
        return ask(call)


@dataclass(eq=False)
class RefusesTag(Fault):
    """A block tag that this node does not know, such as "finalized"."""

    tag: str

    def answer(self, call: Call, ask: Ask) -> Any:
        if self.tag in call.params:
            raise Refused(-32_602, f"invalid block tag: {self.tag}")
        return ask(call)


@dataclass(eq=False)
class Broken(Fault):
    """A gateway before the node that answers by itself: with a page, or by hanging up (`body` None)."""

    status: int = 502
    body: bytes | None = b"<html>Bad Gateway</html>"

    def take(self, calls: Sequence[Call]) -> None:
        raise Garbage(self.status, self.body)


@dataclass(eq=False)
class Slow(Fault):
    """Every answer takes so many seconds longer."""

    seconds: float

    def answer(self, call: Call, ask: Ask) -> Any:
        time.sleep(self.seconds)
        return ask(call)


# Backends that are behind


@dataclass(eq=False)
class Lagging(Fault):
    """All of the node is `blocks` behind its chain: it knows neither later blocks nor their logs and receipts."""

    blocks: int

    def answer(self, call: Call, ask: Ask) -> Any:
        head = max(0, int(ask(Call("eth_blockNumber")), 16) - self.blocks)
        if call.method == "eth_blockNumber":
            return hex(head)
        if call.method == "eth_getLogs":
            return [log for log in ask(call) if int(log["blockNumber"], 16) <= head]
        if call.method == "eth_getTransactionReceipt":
            receipt = ask(call)
            return receipt if receipt and int(receipt["blockNumber"], 16) <= head else None
        asked = _height(call)
        if asked is not None and asked > head:
            if call.method.startswith("eth_getBlock"):
                return None
            raise Refused(-32_000, "header not found")
        return ask(_latest_as(call, head))


@dataclass(eq=False)
class LogsBehind(Fault):
    """The head is true, but logs are answered by a backend that does not know the last so many blocks."""

    blocks: int

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method != "eth_getLogs":
            return ask(call)
        known = int(ask(Call("eth_blockNumber")), 16) - self.blocks
        return [log for log in ask(call) if int(log["blockNumber"], 16) <= known]


@dataclass(eq=False)
class StateBehind(Fault):
    """Calls, balances and code of `latest` are answered of some blocks before."""

    blocks: int

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method.startswith("eth_getBlock") or call.method not in _BLOCK_PLACES:
            return ask(call)
        return ask(_latest_as(call, max(0, int(ask(Call("eth_blockNumber")), 16) - self.blocks)))


@dataclass(eq=False)
class NoLogs(Fault):
    """Each question for logs has an empty answer."""

    def answer(self, call: Call, ask: Ask) -> Any:
        return [] if call.method == "eth_getLogs" else ask(call)


@dataclass(eq=False)
class NoReceipts(Fault):
    """Each receipt is null."""

    def answer(self, call: Call, ask: Ask) -> Any:
        return None if call.method == "eth_getTransactionReceipt" else ask(call)


# Transactions


@dataclass(eq=False)
class Swallows(Fault):
    """Transactions are accepted, and lost."""

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method == "eth_sendRawTransaction":
            return "0x" + "00" * 32
        return ask(call)


@dataclass(eq=False)
class Complains(Fault):
    """Transactions are accepted, and the client is told that they were not."""

    message: str = "nonce too low"

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        if call.method == "eth_sendRawTransaction":
            raise Refused(-32_000, self.message)
        return said


# Order and truth


@dataclass(eq=False)
class Duplicates(Fault):
    """Every log is there twice."""

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        return [*said, *said] if call.method == "eth_getLogs" else said


@dataclass(eq=False)
class Shuffled(Fault):
    """Logs are in any order."""

    seed: int = 0

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        if call.method == "eth_getLogs":
            random.Random(self.seed).shuffle(said)
        return said


@dataclass(eq=False)
class Lies(Fault):
    """Answers of methods that fit a pattern are changed: `lie` gets the call and the true result."""

    pattern: str
    lie: Callable[[Call, Any], Any]

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        return self.lie(call, said) if fnmatchcase(call.method, self.pattern) else said


def wrong_chain(chain_id: int) -> Lies:
    """A node of another chain."""
    return Lies("eth_chainId", lambda call, said: hex(chain_id))


def wrong_head(blocks: int) -> Lies:
    """A node that says it is so many blocks further than it is."""
    return Lies("eth_blockNumber", lambda call, said: hex(max(0, int(said, 16) + blocks)))


def wrong_logs(change: Mapping[str, Any]) -> Lies:
    """A node whose logs have other fields."""
    return Lies("eth_getLogs", lambda call, said: [{**log, **change} for log in said])


# Where a call names its block.
_BLOCK_PLACES = {
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
    "eth_getBlockByNumber": 0,
}


def _height(call: Call) -> int | None:
    """The block that a call names by its number."""
    place = _BLOCK_PLACES.get(call.method)
    named = call.params[place] if place is not None and place < len(call.params) else None
    return int(named, 16) if isinstance(named, str) and named.startswith("0x") else None


def _latest_as(call: Call, block: int) -> Call:
    """The same call, at this block if it was for the latest."""
    place = _BLOCK_PLACES.get(call.method)
    if place is None or place >= len(call.params) or call.params[place] != "latest":
        return call
    return call.to(place, hex(block))


def _range(call: Call, ask: Ask) -> tuple[int, int]:
    def block(tag: str) -> int:
        if tag == "earliest":
            return 0
        return int(tag if tag.startswith("0x") else ask(Call("eth_blockNumber")), 16)

    wanted = call.params[0]
    return block(wanted.get("fromBlock", "latest")), block(wanted.get("toBlock", "latest"))
