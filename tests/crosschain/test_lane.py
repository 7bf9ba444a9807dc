"""Lanes that are longer than one answer of a node."""

from __future__ import annotations

import pytest

from metalayer.lanes.logs import rebuild
from metalayer.network.rpc import RpcError
from tests.kit.deployment import Deployment
from tests.kit.faults import LogRange
from tests.kit.node import behind


@pytest.fixture
def spread(mesh: Deployment) -> Deployment:
    """Messages 1 to 8 from the hub to arcade, and others between them, over 130 blocks."""
    for _ in range(4):
        mesh.send("hub", "arcade", count=2)
        mesh.send("hub", "perps")
        mesh.connections["hub"].rpc("anvil_mine", hex(40))
    return mesh


@pytest.mark.parametrize("most", [1, 5, 1_000])
def test_a_lane_is_rebuilt_from_a_node_that_answers_for_so_many_blocks(spread: Deployment, most: int) -> None:
    with behind(spread, "hub", LogRange(most)) as (seen, _):
        messages = rebuild(seen.connections["hub"], spread.domain, spread.id_of("arcade"), 1, 8)
    assert [sent.message.nonce for sent in messages] == list(range(1, 9))
    assert messages[-1].head == spread.outbox("hub", "arcade")[1]


@pytest.mark.parametrize("code", [-32_600, -32_601])
def test_a_node_that_gives_no_logs_at_all_is_not_asked_for_ever(spread: Deployment, code: int) -> None:
    with behind(spread, "hub", LogRange(0, code=code)) as (seen, node):
        hub = seen.connections["hub"]
        for _ in range(2):
            with pytest.raises(RpcError, match="limited to a 0 block range"):
                rebuild(hub, spread.domain, spread.id_of("arcade"), 1, 8)
        assert node.count("eth_getLogs") < 100
