"""Restarts of lanes: what they leave behind returns at once, long before its deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import bridge, gateway
from metalayer.relayer.loops import Loops, unexpected
from metalayer.solver.fronts import Fronted

Lane = tuple[int, int]


def left_behind(
    mesh: Mesh,
    address: str,
    here: tuple[Connection, Loops],
    out: Sequence[Fronted],
    fail: Callable[[str], object],
) -> set[bytes]:
    """Keys of the fronts whose transfers a restart of one of their lanes has left behind, as far as their chains tell.

    address: of the token bridge. here: the chain that asks, and its loops. `fail` gets a line for each lane that cannot
    be looked at.
    """
    by_lane: dict[Lane, list[Fronted]] = {}
    for one in out:
        for lane in pairwise(one.way):
            by_lane.setdefault(lane, []).append(one)
    found: set[bytes] = set()
    connection, loops = here
    for (origin, destination), fronts in by_lane.items():
        start = mesh.by_id.get(origin)
        if start is None:
            continue
        look = partial(_left_behind, start, mesh, address, destination, fronts)
        try:
            found |= look() if start is connection else loops.elsewhere(connection, start, look)
        except MetalayerError as error:
            fail(unexpected(start.name, error))
    return found


def _left_behind(
    start: Connection, mesh: Mesh, address: str, destination: int, fronts: Sequence[Fronted]
) -> set[bytes]:
    restarted_at = start.view(mesh.gateway, gateway.OUTBOX_LANE, destination).restarted_at
    if not restarted_at:
        return set()
    messages = {one.front.key: one.front.id for one in fronts if one.front.start == start.chain_id}
    for one in fronts:
        if one.front.key not in messages:
            # Its second hop: what it is called stands where it was sent on.
            for forwarded, _ in start.ask(bridge.TRANSFER_FORWARDED.logs_once(address, one.front.id)):
                messages[one.front.key] = forwarded.send_id
    sent = logs.find(start, mesh.domain, list(messages.values()))
    return {key for key, id_ in messages.items() if id_ in sent and sent[id_].message.nonce <= restarted_at}
