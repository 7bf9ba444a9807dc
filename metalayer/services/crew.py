"""Validators and a relayer in this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from metalayer.attesting.exchange import Exchange
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Sender
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import Relayer
from metalayer.staking.keeper import Keeper
from metalayer.validator.process import Validator

_QUORUM_TIMEOUT = 20.0


def relayer(
    mesh: Mesh,
    exchange: Exchange,
    senders: Mapping[str, Sender],
    memory: Memory | None = None,
    *,
    keeps: bool = True,
) -> Relayer:
    """One that leaves its claims: a claim is one more message. keeps: with a keeper of validator sets and fees."""
    memory = memory or Memory.fleeting()
    keeper = Keeper(mesh, exchange, senders, memory) if keeps else None
    return Relayer(mesh, exchange, senders, _QUORUM_TIMEOUT, math.inf, memory, keeper=keeper)


@contextmanager
def at_work(validators: Sequence[Validator]) -> Iterator[None]:
    """Each signs in a thread of its own while the block runs."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=one.run, args=(stop, lambda verdict: None), daemon=True) for one in validators
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
