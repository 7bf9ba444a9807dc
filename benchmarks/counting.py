"""What a piece of work asks of nodes, and what it takes of this process: the former is the same on every machine."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metalayer.network.endpoint import Endpoint
from metalayer.protocol.rpc import LOGS

_METHOD = re.compile(rb'"method": "(\w+)"')
_SENDING = "eth_sendRawTransaction"
_LOOK = 25
"""Open files are counted each so many round trips."""


@dataclass
class Work:
    """Requests by method, and by chain; `trips` are bodies of requests; bytes of all that was said. Seconds from
    beginning to end, `processor` those of a processor that this process used. threads, files: most at one time, as far
    as that was looked at.
    """

    methods: Counter[str] = field(default_factory=Counter)
    chains: Counter[str] = field(default_factory=Counter)
    trips: int = 0
    asked: int = 0
    answered: int = 0
    threads: int = 0
    files: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def requests(self) -> int:
        return self.methods.total()

    @property
    def transactions(self) -> int:
        return self.methods[_SENDING]

    def as_dict(self) -> dict[str, float]:
        """As benchmarks/scale.json has it."""
        return {
            "seconds": round(self.seconds, 2),
            "processor_seconds": round(self.processor, 2),
            "requests": self.requests,
            "round_trips": self.trips,
            "log_queries": self.methods[LOGS],
            "transactions": self.transactions,
            "asked_kib": round(self.asked / 1024),
            "answered_kib": round(self.answered / 1024),
            "threads": self.threads,
            "files": self.files,
        }


@contextmanager
def counted() -> Iterator[Work]:
    """Counts what all connections of this process ask meanwhile."""
    work, lock, exchange = Work(), threading.Lock(), Endpoint._exchange

    def counting(self: Endpoint, encoded: bytes) -> Any:
        response = exchange(self, encoded)
        methods = [name.decode() for name in _METHOD.findall(encoded)]
        with lock:
            work.methods.update(methods)
            work.chains[self.chain.name] += len(methods)
            work.trips += 1
            work.asked += len(encoded)
            work.answered += len(response.data)
            work.threads = max(work.threads, threading.active_count())
            if work.trips % _LOOK == 0:
                work.files = max(work.files, files_of("self"))
        return response

    started, used = time.monotonic(), time.process_time()
    Endpoint._exchange = counting  # type: ignore[method-assign]
    try:
        yield work
    finally:
        Endpoint._exchange = exchange  # type: ignore[method-assign]
        work.seconds, work.processor = time.monotonic() - started, time.process_time() - used


def memory_of(pid: int | str, field_: str = "VmRSS") -> float:
    """MiB that a process has, or with `VmHWM` had at most. Linux."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field_}:")) / 1024


def files_of(pid: int | str) -> int:
    """Files and connections that a process has open. Linux."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
