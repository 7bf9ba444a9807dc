"""With which chains a chain has routes: a network of many chains has few of all the lanes that it could have."""

import time
from collections.abc import Sequence
from typing import Any

from metalayer.lanes.logs import BrokenLane
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import gateway
from metalayer.protocol.rpc import Request

RENEWED = 60.0
"""Seconds after which chains without a route are asked for one again. A route that was there once stays."""


def neighbours(connection: Connection, mesh: Mesh) -> list[int]:
    """Ids of the chains that its gateway ever had a route to or from, in the mesh's order.

    BrokenLane if it has no gateway.
    """
    asked = to_ask(connection, mesh)
    if asked:
        learn(connection, mesh, asked, connection.batch(route_requests(mesh, asked)))
    return known(connection, mesh)


def known(connection: Connection, mesh: Mesh) -> list[int]:
    """The same, as far as it was asked."""
    with_routes = mesh.routes_of(connection.chain_id)
    return [] if with_routes is None else [id_ for id_ in mesh.by_id if id_ in with_routes.ids]


def to_ask(connection: Connection, mesh: Mesh) -> list[int]:
    """Ids of the chains that it has to be asked for a route with, now."""
    here, now = connection.chain_id, time.monotonic()
    others = [id_ for id_ in mesh.by_id if id_ != here]
    with_routes = mesh.routes_of(here)
    if with_routes is None:
        return others
    is_fresh = now - with_routes.asked < RENEWED
    return [
        id_ for id_ in others if id_ not in with_routes.ids and not (is_fresh and id_ in with_routes.without)
    ]


def route_requests(mesh: Mesh, asked: Sequence[int]) -> list[Request[Any]]:
    return [gateway.ROUTE.optional(mesh.gateway, id_) for id_ in asked]


def learn(connection: Connection, mesh: Mesh, asked: Sequence[int], routes: Sequence[Any]) -> None:
    """What it says of the chains that it was asked for. BrokenLane if it has no gateway."""
    if not asked:
        # Nothing new: those without a route are as old as they were, and will be asked again.
        return
    if None in routes:
        raise no_gateway(connection, mesh)
    # No route opens before it has terms, and none has a gas limit of zero.
    found = {id_ for id_, route in zip(asked, routes, strict=True) if route.terms.max_gas_limit}
    mesh.learn(connection.chain_id, found, set(asked) - found)


def no_gateway(connection: Connection, mesh: Mesh) -> BrokenLane:
    return BrokenLane(f"{connection.name}: there is no gateway at {mesh.gateway}: deploy first")
