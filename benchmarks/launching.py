"""`launch` of one more chain in a network of one size: from nothing to a member, every phase counted.

`python -m benchmarks.launching "full mesh" 8` is a process of its own, as each size of a network.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.counting import counted
from benchmarks.growth import Grown, told, workspace
from benchmarks.sizes import Size, size_of
from metalayer.errors import MetalayerError
from metalayer.network import localnet
from metalayer.network.config import load_network
from metalayer.services.launch import run
from metalayer.services.launch_entry import Wanted
from metalayer.services.launch_state import Hands, Launch, Phase

_PRESET = "game"
_PATIENCE = 900.0


def measure(size: Size) -> dict[str, Any]:
    """Figures of all, and of each phase, with the fees of networks.yaml."""
    with workspace() as folder, Grown.started(size, folder, told, is_free=False) as grown:
        return launched(grown)


def launched(grown: Grown) -> dict[str, Any]:
    """The same on chains that run and have nothing. The new one is stopped."""
    grown.deploy()
    name = grown.size.larger().names[-1]
    phases: dict[str, dict[str, float]] = {}
    try:
        with counted() as work:
            before = [0, 0]

            def ended(phase: Phase) -> None:
                now = [work.requests, work.transactions]
                requests, transactions = (one - other for one, other in zip(now, before, strict=True))
                phases[phase.name] = {
                    "seconds": phase.seconds,
                    "requests": requests,
                    "transactions": transactions,
                }
                grown.say(f"{grown.size.name}: launch, {phase.name} {phase.seconds:.1f} s")
                before[:] = now

            hands = Hands(None, True, _sure, lambda line: None, ended, lambda *of: None, _PATIENCE)
            done = run(Launch(Wanted(name, _PRESET), hands))
    finally:
        _stop(name)
    if not done.is_member:
        raise MetalayerError(f"{name} is no member: {done.following}")
    return {"all": work.as_dict(), "phases": phases}


def _sure(question: str) -> None:
    """Nobody is asked on a local network."""


def _stop(name: str) -> None:
    network = load_network()
    if name in network.chains:
        alone = replace(network, chains={name: network.chains[name]})
        localnet.down(alone, say=lambda line: None)


def main(arguments: Sequence[str]) -> None:
    """SHAPE CHAINS [MESHED]. Writes JSON."""
    started = time.monotonic()
    print(json.dumps(measure(size_of(arguments)) | {"all_seconds": round(time.monotonic() - started)}))


if __name__ == "__main__":
    main(sys.argv[1:])
