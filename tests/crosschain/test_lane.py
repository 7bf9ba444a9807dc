"""Lanes that are longer than one answer of a node."""

from __future__ import annotations

from typing import Any

import pytest

from metalayer.lanes.logs import rebuild
from metalayer.network.connection import Connection
from metalayer.network.rpc import RpcError
from tests.kit.deployment import Deployment


class StrictNode(Connection):
    """A node that refuses to answer with the logs of more than so many blocks."""

    def __init__(self, connection: Connection, most: int) -> None:
        super().__init__(connection.chain)
        self.most = most

    def rpc(self, method: str, *params: Any) -> Any:
        if (
            method == "eth_getLogs"
            and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= self.most
        ):
            raise RpcError("the range is too large", -32_005, b"")
        return super().rpc(method, *params)


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
    node, there = StrictNode(spread.connections["hub"], most), spread.id_of("arcade")
    messages = rebuild(node, spread.domain, there, 1, 8)
    assert [sent.message.nonce for sent in messages] == list(range(1, 9))
    assert messages[-1].head == spread.outbox("hub", "arcade")[1]


def test_a_node_that_refuses_a_single_block_cannot_be_read(spread: Deployment) -> None:
    node, there = StrictNode(spread.connections["hub"], 0), spread.id_of("arcade")
    with pytest.raises(RpcError, match="too large"):
        rebuild(node, spread.domain, there, 1, 8)
