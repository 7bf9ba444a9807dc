"""Logs from any node, whatever it limits: the only place that asks for them.

A range is asked for at once, and in parts only if the node refuses that. What it allows is remembered for as long as
the process runs: the next reading starts with that.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from metalayer.network.config import Chain
from metalayer.network.limits import Limit, allowed
from metalayer.network.log_filter import LogFilter
from metalayer.network.rpc import (
    REQUEST_TIMEOUT,
    BadAnswer,
    Reverted,
    Rpc,
    RpcError,
    TooLarge,
    TooSlow,
)
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
_HOPELESS = 16
"""After so many refusals of single blocks without an answer between them, a node is believed to give no logs at all."""
_TOGETHER = 16
"""So many parts are asked for in one body, once a node has said for how many blocks it answers. Of a node that was too
slow, one alone.
"""
_ANY_SPAN = 1 << 20
_LEAST_SPAN = 1_000
"""A node that did not answer in time is asked for half as many blocks from then on, but for so many at least: it may
have been slow for another reason.
"""
_OF_SIZE = (Limit.SIZE, Limit.RANGE, None)
_NEVER_LESS = (Limit.BUSY, Limit.BEHIND, Limit.METHOD)


class LogReader(Rpc):
    """Requests to the node of one chain, those for logs among them. Safe to share between threads."""

    def __init__(self, chain: Chain, timeout: float = REQUEST_TIMEOUT) -> None:
        super().__init__(chain, timeout)
        self.most_blocks: int | None = None
        """Most blocks that the node answers for at a time; None if it did not limit them yet."""
        self.most_topics: int | None = None
        """Likewise most topics at one place."""
        self._together = _TOGETHER
        self._steady = 0
        self._in_vain = 0
        self.beginnings: dict[str, int] = {}
        """The blocks of contracts that were said to this reader."""
        self._births: dict[str, int] = {}
        self._known: dict[str, tuple[int, list[Any]]] = {}

    def begins(self, address: str, block: int) -> None:
        """Says that a contract came with a block, or with one near it if the chain was reorganised since."""
        self.beginnings[address.lower()] = block
        self._births[address.lower()] = max(0, block - _UNSETTLED)

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
        at_once = [request.method != LOGS or self._fits(LogFilter.of(request)) for request in asked]
        together = [request for request, fits in zip(asked, at_once, strict=True) if fits]
        with self._timed(*(LogFilter.of(request) for request in together if request.method == LOGS)):
            answers = iter(self._answers(together))
        results = []
        for request, fits in zip(asked, at_once, strict=True):
            result = self._result_of(request, next(answers)) if fits else self._logs(request)
            results.append(self._read(request, result))
        return results

    def again(self, request: Request[Answer_co]) -> Answer_co:
        """The same as `ask`, with nothing taken from memory: for an answer in which something is missing."""
        self._known.pop(LogFilter.of(request).key, None)
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
        wanted = LogFilter.of(request)
        birth = self._births.get(wanted.address.lower(), 0)
        if birth <= wanted.first or (wanted.last is not None and wanted.last < birth):
            return request
        return replace(request, params=(replace(wanted, first=birth).params(),))

    def _fits(self, wanted: LogFilter) -> bool:
        """True if nothing is known that speaks against asking for all at once."""
        if self.most_topics is not None and wanted.longest > self.most_topics:
            return False
        if self.most_blocks is None:
            return True
        return wanted.last is not None and wanted.last - wanted.first < self.most_blocks

    def _logs(self, request: Request[Any], refused: RpcError | None = None) -> Any:
        """The logs as JSON: all, or for `once` as soon as there are enough. refused: why not all at once."""
        wanted = LogFilter.of(self._later(request))
        if refused is None and self._fits(wanted):
            try:
                with self._timed(wanted):
                    return self.rpc(LOGS, wanted.params())
            except RpcError as error:
                if not _can_be_less(error):
                    raise
                refused = error
        if wanted.last is None:
            wanted = replace(wanted, last=super().ask(quantity("eth_blockNumber")))
        about_topics = refused is not None and refused.limit is Limit.TOPICS
        if not wanted.first and not about_topics and (birth := self._birth(wanted.address)):
            wanted, refused = replace(wanted, first=min(birth, wanted.last or 0)), None
        return self._rare(wanted, refused, request) if request.rare else self._parts(wanted, refused, request)

    def _rare(self, wanted: LogFilter, refused: RpcError | None, request: Request[Any]) -> list[Any]:
        """All logs, of which those of settled blocks are remembered."""
        last = wanted.last or 0
        until, logs = self._known.get(wanted.key, (wanted.first - 1, []))
        if until < last:
            about = refused if until < wanted.first else None
            logs = logs + self._parts(replace(wanted, first=until + 1), about, request)
            settled = max(until, last - _UNSETTLED)
            self._known[wanted.key] = (settled, [log for log in logs if self._place(log)[0] <= settled])
        return [log for log in logs if self._place(log)[0] <= last]

    def _parts(self, wanted: LogFilter, refused: RpcError | None, request: Request[Any]) -> list[Any]:
        """Logs with as many topics at a time as the node allows."""
        found: list[Any] = []
        todo, once = [wanted], request.once
        while todo:
            part = todo.pop()
            if self.most_topics is not None and part.longest > self.most_topics:
                todo += part.parts(self.most_topics)
                refused = None
                continue
            places = set()
            try:
                for logs in self._ranges(part, refused, request):
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

    def _ranges(
        self, wanted: LogFilter, refused: RpcError | None, request: Request[Any]
    ) -> Iterator[list[Any]]:
        """Logs of as many blocks at a time as the node answers for, from either end."""
        first, last, backwards = wanted.first, wanted.last or 0, request.once
        size, run, was_refused, together = last - first + 1, 0, False, True
        if self.most_blocks is not None and self.most_blocks < size:
            # It was about more than what is asked for now: another one of the same batch taught the limit.
            refused = None
        while first <= last:
            size = min(size, last - first + 1, self.most_blocks or size)
            start = last - size + 1 if backwards else first
            part = replace(wanted, first=start, last=start + size - 1)
            if together and size == self.most_blocks and refused is None and not backwards:
                answered, together = self._several(wanted, range(first, last + 1, size))
                for logs in answered:
                    yield logs
                    self._steadily(size)
                first += size * len(answered)
                run += len(answered)
                if answered:
                    continue
            together = True
            try:
                logs = self._raw(part, refused)
            except RpcError as error:
                if error.limit is Limit.TOPICS or not _can_be_less(error):
                    raise
                refused, was_refused, run = None, True, 0
                if error.limit is Limit.GONE and (size == 1 or not backwards):
                    lost = f"{self.chain.name}: its node does not keep the logs from block {part.first} on"
                    raise RpcError(f"{lost}: {error}", error.code, limit=error.limit) from error
                if size > 1:
                    size = self._smaller(size, error)
                    continue
                logs = self._block(part, error, request.finished)
            yield logs
            first, last = (first, start - 1) if backwards else (start + size, last)
            run += 1
            self._steadily(size)
            if not was_refused or run % _RECOVERED == 0:
                size *= 2

    def _several(self, wanted: LogFilter, starts: range) -> tuple[list[list[Any]], bool]:
        """Logs of the next parts, and whether all were answered. What was refused is asked for alone, and so is a last
        part: there may only have been no room for its answer.
        """
        parts = [
            replace(wanted, first=start, last=min(wanted.last or 0, start + starts.step - 1))
            for start in starts[: self._together]
        ]
        found: list[list[Any]] = []
        if len(parts) == 1:
            return found, False
        with self._timed(*parts):
            answers = self._answers([Request(LOGS, (part.params(),)) for part in parts])
        with suppress(RpcError):
            for answer in answers:
                found.append(self._listed(self._result(LOGS, answer)))
        return found, len(found) == len(parts)

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
                self._together = _TOGETHER

    def _block(self, wanted: LogFilter, error: RpcError, finished: bool) -> list[Any]:
        """Logs of a single block that has too many of them: of a part of the topics at a time, and of one topic from
        the receipts of all its transactions.
        """
        if wanted.longest == 1:
            self._in_vain += 1
            if self._in_vain > _HOPELESS:
                raise RpcError(str(error), error.code, limit=Limit.METHOD) from error
            if finished and error.limit in _OF_SIZE:
                return self._receipts(wanted)
            raise TooLarge(str(error), error.code, limit=error.limit, block=wanted.first) from error
        found = []
        for part in wanted.parts(-(-wanted.longest // 2)):
            try:
                found += self._raw(part)
            except RpcError as again:
                if not _can_be_less(again):
                    raise
                found += self._block(part, again, finished)
        return found

    def _receipts(self, wanted: LogFilter) -> list[Any]:
        hashes = super().ask(
            Request(
                "eth_getBlockByNumber", (block_tag(wanted.first), False), lambda b: list(b["transactions"])
            )
        )
        each = [
            Request(
                "eth_getTransactionReceipt",
                (hash_,),
                lambda receipt: [log for log in receipt["logs"] if wanted.has(log)],
            )
            for hash_ in hashes
        ]
        return [log for logs in super().batch(each) for log in logs]

    def _raw(self, wanted: LogFilter, refused: RpcError | None = None) -> list[Any]:
        if refused is not None:
            raise refused
        with self._timed(wanted):
            return self._listed(self.rpc(LOGS, wanted.params()))

    def _listed(self, logs: Any) -> list[Any]:
        if not isinstance(logs, list):
            raise BadAnswer(f"{self.chain.name}: its node's answer to {LOGS} makes no sense: no list")
        self._in_vain = 0
        return logs

    @contextmanager
    def _timed(self, *asked: LogFilter) -> Iterator[None]:
        """What takes the node too long is asked for in smaller parts the next time."""
        try:
            yield
        except TooSlow:
            if asked:
                sizes = (_ANY_SPAN if one.last is None else one.last - one.first + 1 for one in asked)
                size = min(max(sizes), self.most_blocks or _ANY_SPAN)
                self._together = 1
                self.most_blocks, self._steady = max(min(_LEAST_SPAN, size), size // 2), 0
            raise

    def _place(self, log: Any) -> tuple[int, int]:
        try:
            return number(log["blockNumber"]), number(log["logIndex"])
        except READ_FAULTS as error:
            raise BadAnswer(f"{self.chain.name}: its node answers with logs that have no place") from error

    def _birth(self, address: str) -> int:
        """The block that brought a contract, found by its code; 0 if the node does not keep the state of old blocks."""
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
