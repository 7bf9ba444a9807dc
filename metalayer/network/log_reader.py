"""Logs from any node, whatever it limits: the only place that asks for them.

A range is asked for at once, and in parts only if the node refuses that. What it allows is remembered for as long as
the process runs: the next reading starts with that.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from metalayer.network.config import Chain
from metalayer.network.limits import Limit, allowed
from metalayer.network.rpc import REQUEST_TIMEOUT, BadAnswer, Reverted, Rpc, RpcError, TooLarge
from metalayer.protocol.rpc import (
    LOGS,
    READ_FAULTS,
    Answer_co,
    Request,
    block_tag,
    code_request,
    number,
    quantity,
)

_UNSETTLED = 256
"""Blocks below the latest that are always read again: they may be replaced, or a backend may not have them yet."""
_STEADY = 100
"""After so many parts in succession, twice as many blocks are tried: limits change, and refusals are misread."""
_RECOVERED = 4
"""Likewise within one reading, where the logs may only have been dense."""
_NEVER_LESS = (Limit.BUSY, Limit.BEHIND, Limit.METHOD)


@dataclass(frozen=True)
class _Wanted:
    """A filter over the blocks `first` to `last`, both included; None for the latest one."""

    address: str
    topics: tuple[Any, ...]
    first: int
    last: int | None

    @classmethod
    def of(cls, request: Request[Any]) -> "_Wanted":
        (asked,) = request.params
        last = None if asked["toBlock"] == "latest" else number(asked["toBlock"])
        return cls(asked["address"], tuple(asked["topics"]), number(asked["fromBlock"]), last)

    @property
    def key(self) -> str:
        """Of what is asked for, whatever the blocks."""
        return json.dumps([self.address.lower(), self.topics])

    @property
    def combinations(self) -> int:
        """Of its topics."""
        return prod(_choices(topic) for topic in self.topics)

    @property
    def longest(self) -> int:
        """Most topics at one place."""
        return max((_choices(topic) for topic in self.topics), default=1)

    def parts(self, most: int) -> "list[_Wanted]":
        """The same in parts of at most so many topics at its longest place."""
        place = max(range(len(self.topics)), key=lambda i: _choices(self.topics[i]))
        before, whole, after = self.topics[:place], self.topics[place], self.topics[place + 1 :]
        chunks = (whole[i : i + most] for i in range(0, len(whole), most))
        return [replace(self, topics=(*before, chunk, *after)) for chunk in chunks]

    def params(self) -> dict[str, Any]:
        """As JSON-RPC wants it."""
        last = "latest" if self.last is None else block_tag(self.last)
        blocks = {"fromBlock": block_tag(self.first), "toBlock": last}
        return {"address": self.address, "topics": list(self.topics), **blocks}


class LogReader(Rpc):
    """Requests to the node of one chain, those for logs among them. Safe to share between threads."""

    def __init__(self, chain: Chain, timeout: float = REQUEST_TIMEOUT) -> None:
        super().__init__(chain, timeout)
        self.most_blocks: int | None = None
        """Most blocks that the node answers for at a time; None if it did not limit them yet."""
        self.most_topics: int | None = None
        """Likewise most topics at one place."""
        self._steady = 0
        self._births: dict[str, int] = {}
        self._known: dict[str, tuple[int, list[Any]]] = {}

    def begins(self, address: str, block: int) -> None:
        """Says that a contract logged nothing before a block."""
        self._births[address.lower()] = block

    def ask(self, request: Request[Answer_co]) -> Answer_co:
        """What one request asks for. Raises RpcError, TooLarge if even a single block has too many logs, Reverted,
        BadAnswer or Unreachable.
        """
        if request.method != LOGS:
            return super().ask(request)
        return self._read(request, self._logs(request))

    def batch(self, requests: Iterable[Request[Any]]) -> list[Any]:
        """What many requests ask for, in their order, in few round trips. Raises the first error among them."""
        asked = [self._later(request) for request in requests]
        at_once = [request.method != LOGS or self._fits(_Wanted.of(request)) for request in asked]
        answers = iter(self._answers([r for r, fits in zip(asked, at_once, strict=True) if fits]))
        results = []
        for request, fits in zip(asked, at_once, strict=True):
            result = self._result_of(request, next(answers)) if fits else self._logs(request)
            results.append(self._read(request, result))
        return results

    def again(self, request: Request[Answer_co]) -> Answer_co:
        """The same as `ask`, with nothing taken from memory: for an answer in which something is missing."""
        self._known.pop(_Wanted.of(request).key, None)
        return self.ask(request)

    def _result_of(self, request: Request[Any], answer: Any) -> Any:
        try:
            return self._result(request.method, answer)
        except RpcError as error:
            if request.method != LOGS or not _can_be_less(error):
                raise
            return self._logs(request, error)

    def _later(self, request: Request[Answer_co]) -> Request[Answer_co]:
        """The same for logs, from where their contract begins, if that is known."""
        if request.method != LOGS:
            return request
        wanted = _Wanted.of(request)
        birth = self._births.get(wanted.address.lower(), 0)
        if birth <= wanted.first or (wanted.last is not None and wanted.last < birth):
            return request
        return replace(request, params=(replace(wanted, first=birth).params(),))

    def _fits(self, wanted: _Wanted) -> bool:
        """True if nothing is known that speaks against asking for all at once."""
        if self.most_topics is not None and wanted.longest > self.most_topics:
            return False
        if self.most_blocks is None:
            return True
        return wanted.last is not None and wanted.last - wanted.first < self.most_blocks

    def _logs(self, request: Request[Any], refused: RpcError | None = None) -> Any:
        """The logs as JSON: all, or for `once` as soon as there are enough. refused: why not all at once."""
        wanted = _Wanted.of(self._later(request))
        if refused is None and self._fits(wanted):
            try:
                return self.rpc(LOGS, wanted.params())
            except RpcError as error:
                if not _can_be_less(error):
                    raise
                refused = error
        if wanted.last is None:
            wanted = replace(wanted, last=super().ask(quantity("eth_blockNumber")))
        return self._rare(wanted, refused) if request.rare else self._parts(wanted, refused, request.once)

    def _rare(self, wanted: _Wanted, refused: RpcError | None) -> list[Any]:
        """All logs, of which those of settled blocks are remembered."""
        last = wanted.last or 0
        until, logs = self._known.get(wanted.key, (wanted.first - 1, []))
        if until < last:
            logs = logs + self._parts(replace(wanted, first=until + 1), refused, once=False)
            settled = max(until, last - _UNSETTLED)
            self._known[wanted.key] = (settled, [log for log in logs if self._place(log)[0] <= settled])
        return [log for log in logs if self._place(log)[0] <= last]

    def _parts(self, wanted: _Wanted, refused: RpcError | None, once: bool) -> list[Any]:
        """Logs with as many topics at a time as the node allows."""
        found: list[Any] = []
        todo = [wanted]
        while todo:
            part = todo.pop()
            if self.most_topics is not None and part.longest > self.most_topics:
                todo += part.parts(self.most_topics)
                continue
            places = set()
            try:
                for logs in self._ranges(part, refused, once):
                    found += logs
                    places |= {self._place(log) for log in logs} if once else set()
                    if once and len(places) >= part.combinations:
                        break
            except RpcError as error:
                if error.limit is not Limit.TOPICS or part.longest == 1:
                    raise
                self.most_topics = allowed(str(error), part.longest) or part.longest // 2
                todo.append(part)
            refused = None
        return found

    def _ranges(self, wanted: _Wanted, refused: RpcError | None, backwards: bool) -> Iterator[list[Any]]:
        """Logs of as many blocks at a time as the node answers for, from either end."""
        first, last = wanted.first, wanted.last or 0
        size, run, was_refused = last - first + 1, 0, False
        while first <= last:
            size = min(size, last - first + 1, self.most_blocks or size)
            start = last - size + 1 if backwards else first
            part = replace(wanted, first=start, last=start + size - 1)
            try:
                logs = self._raw(part, refused)
            except RpcError as error:
                if error.limit is Limit.TOPICS or not _can_be_less(error):
                    raise
                refused, was_refused, run = None, True, 0
                if first == 0 and size > 1 and (birth := self._birth(wanted.address)):
                    first = min(birth, last)
                    continue
                if size > 1 and (backwards or error.limit is not Limit.GONE):
                    size = self._smaller(size, error)
                    continue
                logs = self._block(part, error)
            yield logs
            first, last = (first, start - 1) if backwards else (start + size, last)
            run += 1
            self._steadily(size)
            if not was_refused or run % _RECOVERED == 0:
                size *= 2

    def _smaller(self, size: int, error: RpcError) -> int:
        if error.limit is not Limit.RANGE:
            return size // 2
        self.most_blocks, self._steady = allowed(str(error), size) or size // 2, 0
        return self.most_blocks

    def _steadily(self, size: int) -> None:
        if size == self.most_blocks:
            self._steady += 1
            if self._steady % _STEADY == 0:
                self.most_blocks *= 2

    def _block(self, wanted: _Wanted, error: RpcError) -> list[Any]:
        """Logs of a single block that has too many of them: of a part of the topics at a time."""
        if wanted.longest == 1 or error.limit is Limit.GONE:
            raise TooLarge(str(error), error.code, limit=error.limit, block=wanted.first) from error
        found = []
        for part in wanted.parts(-(-wanted.longest // 2)):
            try:
                found += self._raw(part)
            except RpcError as again:
                if not _can_be_less(again):
                    raise
                found += self._block(part, again)
        return found

    def _raw(self, wanted: _Wanted, refused: RpcError | None = None) -> list[Any]:
        if refused is not None:
            raise refused
        logs = self.rpc(LOGS, wanted.params())
        if not isinstance(logs, list):
            raise BadAnswer(f"{self.chain.name}: its node's answer to {LOGS} makes no sense: no list")
        return logs

    def _place(self, log: Any) -> tuple[int, int]:
        try:
            return number(log["blockNumber"]), number(log["logIndex"])
        except READ_FAULTS as error:
            raise BadAnswer(f"{self.chain.name}: its node answers with logs that have no place") from error

    def _birth(self, address: str) -> int:
        """The block that brought a contract, found by its code; 0 if the node does not have the state of old blocks."""
        known = self._births.get(address.lower())
        if known is not None:
            return known
        low, high = 0, super().ask(quantity("eth_blockNumber"))
        try:
            if not super().ask(code_request(address, high)):
                return 0
            while low < high:
                middle = (low + high) // 2
                if super().ask(code_request(address, middle)):
                    high = middle
                else:
                    low = middle + 1
        except RpcError:
            low = 0
        self._births[address.lower()] = low
        return low


def _can_be_less(error: RpcError) -> bool:
    """True if the node may answer when it is asked for less. Most refusals say nothing that is known."""
    return not isinstance(error, Reverted) and error.limit not in _NEVER_LESS


def _choices(topic: str | Sequence[str] | None) -> int:
    return len(topic) if isinstance(topic, list) else 1
