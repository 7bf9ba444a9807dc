"""Time that passes on chains whose clocks we hold: all together, and never so far at once that a validator set expires
before the next one is everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from metalayer.attesting.terms import read_term
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.relayer.passes import Relayer

STEP = 86_400
"""Seconds that pass at once, at most: a set signs for ten days, and the next one follows after three."""
PATIENCE = 120.0
"""Seconds for which one step waits until every chain has the newest set."""


def forward(connections: Iterable[Connection], seconds: int) -> None:
    """Moves these clocks, and mines a block on each that shows it."""

    def move(connection: Connection) -> None:
        connection.rpc("evm_increaseTime", hex(seconds))
        connection.rpc("anvil_mine", "0x1")

    in_parallel(move, connections)


def set_to(connections: Iterable[Connection], moment: int) -> None:
    """Moves these clocks to a Unix time that none of them has reached, and mines a block on each that shows it."""

    def move(connection: Connection) -> None:
        connection.rpc("evm_setNextBlockTimestamp", hex(moment))
        connection.rpc("anvil_mine", "0x1")

    in_parallel(move, connections)


def finalize(connections: Iterable[Connection]) -> None:
    """Mines until everything that was mined is final."""
    in_parallel(lambda one: one.rpc("anvil_mine", hex(one.chain.preset.finality_depth)), connections)


def skip(mesh: Mesh, relayer: Relayer, seconds: int, passed: Callable[[int], None]) -> None:
    """Lets so many seconds pass. `passed` gets those of each step when all chains have the set that is due then.

    Validators must be at work. MetalayerError, with what is wrong, if a set does not come.
    """
    settle(mesh, relayer)
    while seconds > 0:
        step = min(STEP, seconds)
        forward(mesh.connections.values(), step)
        settle(mesh, relayer)
        seconds -= step
        passed(step)


def settle(mesh: Mesh, relayer: Relayer) -> None:
    """Passes of a relayer with a keeper, one at least, until every chain has the set that is due."""
    patience = time.monotonic() + PATIENCE
    while True:
        finalize(mesh.connections.values())
        problems = relayer.relay_once(lambda line: None).all_problems
        if not (late := _without_the_set(mesh)):
            return
        if problems or time.monotonic() > patience:
            raise MetalayerError(next(iter(problems), f"{late[0]}: the next validator set did not come"))


def _without_the_set(mesh: Mesh) -> list[str]:
    """Names of the chains that have another set than the one that Staking should have published last."""
    hub = mesh.hub
    if hub is None:
        raise MetalayerError("nothing is deployed to the hub")
    term = read_term(hub, mesh.staking)
    if term.is_over:
        return [hub.name]
    found = in_parallel(
        lambda one: one.view(mesh.gateway, gateway.VALIDATOR_SET_HASH), mesh.connections.values()
    )
    return [name for name, hash_ in zip(mesh.connections, found, strict=True) if hash_ != term.set_hash]
