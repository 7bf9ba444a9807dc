"""What goes wrong with the nodes, and when: by the seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.soak.world import CountingNode
from tests.kit.faults import (
    BatchLimit,
    Broken,
    Complains,
    Duplicates,
    Every,
    Lagging,
    Lies,
    LogCount,
    LogRange,
    LogsBehind,
    NoLogs,
    NoReceipts,
    Only,
    Refuses,
    Shuffled,
    Slow,
    StateBehind,
    Swallows,
    TooMany,
    wrong_head,
    wrong_logs,
)
from tests.kit.node import Fault

FAULTS: Mapping[str, Callable[[], Fault]] = {
    "answers for few blocks of logs": lambda: LogRange(20),
    "answers with few logs": lambda: LogCount(30),
    "takes small batches": lambda: BatchLimit(10),
    "too many requests": lambda: Every(5, TooMany("1")),
    "bad gateway": lambda: Every(6, Broken(502)),
    "hangs up": lambda: Every(7, Broken(200, None)),
    "is down": lambda: Broken(503),
    "slow": lambda: Slow(0.1),
    "lags": lambda: Lagging(3),
    "logs lag": lambda: LogsBehind(5),
    "state lags": lambda: StateBehind(2),
    "forgets logs": lambda: Only("eth_getLogs", Every(3, NoLogs())),
    "forgets receipts": lambda: Every(3, NoReceipts()),
    "loses transactions": lambda: Only("eth_sendRawTransaction", Every(2, Swallows())),
    "denies transactions": lambda: Only("eth_sendRawTransaction", Every(2, Complains())),
    "repeats logs": Duplicates,
    "shuffles logs": Shuffled,
}
"""Of any node."""

LIES: Mapping[str, Callable[[], Fault]] = {
    "lies about its height": lambda: wrong_head(50),
    "lies in its logs": lambda: wrong_logs({"data": "0x" + "ff" * 192}),
    "lies about its state": lambda: Lies("eth_call", lambda call, said: "0x" + "11" * 96),
    "lies about its blocks": lambda: Lies(
        "eth_getBlockByNumber", lambda call, said: said and {**said, "hash": "0x" + "22" * 32}
    ),
}
"""Of the last node of each chain alone, which only validators ask."""

_NOT_STANDARD = ("anvil_*", "evm_*", "hardhat_*", "debug_*", "txpool_*", "personal_*", "eth_sendTransaction")
_CLEAR, _LONGEST = 15.0, 15.0
_TICK = 0.25


def always() -> list[Fault]:
    """Limits that every node has at any time."""
    return [Refuses(*_NOT_STANDARD), LogRange(1_000), BatchLimit(100)]


@dataclass
class Weather:
    """Changes what is wrong with each node every some seconds until it is over."""

    nodes: Mapping[str, Sequence[CountingNode]]
    seed: int
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for node in self._all():
            node.faults = always()

    def run(self, stop: threading.Event) -> None:
        dice = random.Random(f"{self.seed} weather")
        states = {id(node): (False, time.monotonic() + dice.expovariate(1 / _CLEAR)) for node in self._all()}
        while not stop.wait(_TICK):
            for own in self.nodes.values():
                for place, node in enumerate(own):
                    is_bad, until = states[id(node)]
                    if time.monotonic() < until:
                        continue
                    node.faults = always()
                    length = dice.expovariate(1 / _CLEAR)
                    if not is_bad:
                        known = {**FAULTS, **LIES} if place == len(own) - 1 else FAULTS
                        name = dice.choice(sorted(known))
                        self.counts[name] += 1
                        node.faults = [*always(), known[name]()]
                        length = dice.uniform(2, _LONGEST)
                    states[id(node)] = (not is_bad, time.monotonic() + length)
        for node in self._all():
            node.faults = always()

    def _all(self) -> list[CountingNode]:
        return [node for own in self.nodes.values() for node in own]
