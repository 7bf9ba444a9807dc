"""Which chains have a route with another: what is remembered, and when it is asked again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from metalayer.lanes import neighbours
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import Domain


def mesh_of(*ids: int) -> Mesh:
    connections: Any = {f"chain{id_}": SimpleNamespace(chain_id=id_, name=f"chain{id_}") for id_ in ids}
    return Mesh(Domain(1, "0x" + "11" * 20), connections, "0x" + "22" * 20)


def route(gas: int) -> Any:
    return SimpleNamespace(terms=SimpleNamespace(max_gas_limit=gas))


def test_a_route_that_a_vote_opens_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it was looked meanwhile."""
    mesh, clock = mesh_of(1, 2, 3), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    here: Any = mesh.by_id[1]
    assert neighbours.to_ask(here, mesh) == [2, 3]
    neighbours.learn(here, mesh, [2, 3], [route(9), route(0)])
    assert neighbours.known(here, mesh) == [2]
    for _ in range(4):
        clock[0] += neighbours.RENEWED / 4
        asked = neighbours.to_ask(here, mesh)
        if not asked:
            # As a survey does on every pass.
            neighbours.learn(here, mesh, asked, [])
    assert neighbours.to_ask(here, mesh) == [3]
    neighbours.learn(here, mesh, [3], [route(9)])
    assert neighbours.known(here, mesh) == [2, 3]


def test_the_same_chains_are_known_to_a_part_of_the_mesh() -> None:
    mesh = mesh_of(1, 2, 3)
    here: Any = mesh.by_id[1]
    neighbours.learn(here, mesh, [2, 3], [route(9), route(0)])
    assert neighbours.known(here, mesh.only("chain1", "chain2")) == [2]
    assert neighbours.known(here, replace(mesh)) == [2]
