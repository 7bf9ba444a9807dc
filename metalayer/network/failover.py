"""Which of a chain's nodes is asked: the first one that answers, is of the right chain, and is not behind the others.

This is for nodes that fail, not for nodes that lie: whichever is asked is believed. Those of `nodes` have to agree.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.answers import TooSlow, Unreachable, WrongChain
from metalayer.network.config import Chain
from metalayer.network.endpoint import PATIENCE, Endpoint
from metalayer.network.limits import Limit, of_answer
from metalayer.protocol.rpc import READ_FAULTS, number

log = logging.getLogger(__name__)

SLACK = 3
"""Blocks that a node may be behind another one, and still be chosen before it."""
CHOSEN_FOR = 60.0
"""Seconds after which all nodes are looked at again."""

_OF_ONE_NODE = {Limit.BEHIND, Limit.GONE, Limit.METHOD}
"""Refusals after which the others are asked: one of them may have the block, its history, or the method."""
_BRIEF = 5.0
_GRACE = 1.0
_PAUSE = 0.25
# Where an answer has the number of a block: in itself, or in a field of this name.
_HEIGHTS = {
    "eth_blockNumber": "",
    "eth_getBlockByNumber": "number",
    "eth_getTransactionReceipt": "blockNumber",
}


class Failover:
    """The nodes of one chain, of which one is asked. Safe to share between threads.

    What this process was told once stays true: a node is not asked as long as it has not the blocks that another one
    had, and no height that is told goes back.
    """

    def __init__(self, chain: Chain, timeout: float) -> None:
        addresses = chain.addresses
        # Where there is another one, nobody waits for a node that has too much to do.
        patience = PATIENCE if len(addresses) == 1 else _PAUSE
        self._chain = chain
        self._timeout = timeout
        self.endpoints = tuple(Endpoint(chain, address, timeout, patience) for address in addresses)
        self._looking = tuple(Endpoint(chain, one, min(timeout, _BRIEF), 0.0) for one in addresses)
        self._lock = threading.Lock()
        self._chosen: Endpoint | None = None
        self._chosen_at = 0.0
        self._seen = 0

    @property
    def url(self) -> str:
        """Of the node that is asked now. Never shown. Raises as `post`."""
        return self._choose({}).url if len(self.endpoints) > 1 else self.endpoints[0].url

    def post(self, body: Any) -> Any:
        """The JSON of an answer. Raises WrongChain, Unreachable, or TooLarge."""
        if len(self.endpoints) == 1:
            return self.endpoints[0].post(body)
        failed: dict[Endpoint, MetalayerError] = {}
        refused: Any = None
        is_for_once = False
        while True:
            try:
                node = self._elect(failed) if is_for_once else self._choose(failed)
            except Unreachable:
                if refused is not None:
                    return refused
                raise
            seen = self._seen
            try:
                answer = node.post(body)
            except (Unreachable, WrongChain) as error:
                self._dismiss(node, failed, error)
                continue
            limits = {of_answer(one) for one in _each(answer)}
            if limits & _OF_ONE_NODE:
                refused = refused or answer
                is_for_once = True
                failed[node] = Unreachable(f"{self._chain.name}: {node.place} does not have it")
                continue
            told, heights = _heights(body, answer)
            if told is not None and told < seen:
                self._dismiss(node, failed, self._late(node, seen))
                continue
            self._seen = max(self._seen, *heights, 0)
            return answer

    def _dismiss(self, node: Endpoint, failed: dict[Endpoint, MetalayerError], error: MetalayerError) -> None:
        failed[node] = error
        with self._lock:
            if self._chosen is node:
                self._chosen = None

    def _choose(self, failed: Mapping[Endpoint, MetalayerError]) -> Endpoint:
        """One that has not failed. Raises Unreachable, or WrongChain if all are of other chains."""
        with self._lock:
            fresh = time.monotonic() - self._chosen_at < CHOSEN_FOR
            if self._chosen is not None and fresh and self._chosen not in failed:
                return self._chosen
            before, self._chosen = self._chosen, self._elect(failed)
            self._chosen_at = time.monotonic()
            if self._chosen is not before and self._chosen is not self.endpoints[0]:
                log.warning("%s: the node at %s is asked from now on", self._chain.name, self._chosen.place)
            return self._chosen

    def _elect(self, failed: Mapping[Endpoint, MetalayerError]) -> Endpoint:
        for node in self.endpoints:
            # What the environment does not have is said, whatever the other nodes are good for.
            _ = node.url
        until = time.monotonic() + min(PATIENCE, self._timeout)
        while True:
            heights, faults = self._look(failed)
            if not heights:
                raise self._none(faults)
            floor = max(self._seen, max(heights.values()) - SLACK)
            for node in self.endpoints:
                if node in heights and heights[node] >= floor:
                    self._seen = max(self._seen, heights[node])
                    return node
            if time.monotonic() > until:
                late = {node: self._late(node, self._seen) for node in heights}
                raise self._none(faults | late)
            time.sleep(_PAUSE)

    def _look(
        self, failed: Mapping[Endpoint, MetalayerError]
    ) -> tuple[dict[Endpoint, int], dict[Endpoint, MetalayerError]]:
        """Heights of those that have not failed, and why others say nothing. Who is slow is not waited for."""
        heights: dict[Endpoint, int] = {}
        faults = dict(failed)
        asked: dict[Future[int], Endpoint] = {}
        pool = ThreadPoolExecutor(len(self.endpoints), thread_name_prefix=f"look-{self._chain.name}")
        for node, looking in zip(self.endpoints, self._looking, strict=True):
            if node not in failed:
                asked[pool.submit(_height, looking)] = node
        pool.shutdown(wait=False)
        waiting, until = set(asked), time.monotonic() + 2 * _BRIEF
        while waiting and time.monotonic() < until:
            done, waiting = wait(waiting, until - time.monotonic(), FIRST_COMPLETED)
            for one in done:
                try:
                    heights[asked[one]] = one.result()
                except MetalayerError as error:
                    faults[asked[one]] = error
            if heights:
                until = min(until, time.monotonic() + _GRACE)
        for one in waiting:
            late = f"{self._chain.name} is unreachable at {asked[one].place}: no answer in time"
            faults[asked[one]] = TooSlow(late)
        return heights, faults

    def _late(self, node: Endpoint, block: int) -> Unreachable:
        return Unreachable(f"{self._chain.name}: {node.place} is behind block {block}")

    def _none(self, faults: Mapping[Endpoint, MetalayerError]) -> MetalayerError:
        """One line for all, of the kind that the log reader, or whoever asks, can do something about."""
        errors = [faults[node] for node in self.endpoints if node in faults]
        if all(isinstance(error, WrongChain) for error in errors):
            return errors[0]
        kind = TooSlow if any(isinstance(error, TooSlow) for error in errors) else Unreachable
        said = "; ".join(str(error).removeprefix(f"{self._chain.name}: ") for error in errors)
        return kind(f"{self._chain.name}: none of its {len(self.endpoints)} nodes can be asked: {said}")


def _height(node: Endpoint) -> int:
    node.identify()
    try:
        return number(node.ask("eth_blockNumber"))
    except READ_FAULTS:
        raise Unreachable(f"{node.chain.name}: {node.place} says no height") from None


def _each(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [answer]


def _heights(body: Any, answer: Any) -> tuple[int | None, list[int]]:
    """The height that was asked for, if it was; and numbers of blocks that exist."""
    answers = [one for one in _each(answer) if isinstance(one, dict)]
    by_id = {one["id"]: one for one in answers if isinstance(one.get("id"), int)}
    told, heights = None, []
    for asked in _each(body):
        field = _HEIGHTS.get(asked["method"])
        if field is None:
            continue
        result: Any = by_id.get(asked["id"], {}).get("result")
        try:
            height = number(result[field] if field else result)
        except READ_FAULTS:
            continue
        heights.append(height)
        if not field or asked["params"][0] == "latest":
            told = height if told is None else min(told, height)
    return told, heights
