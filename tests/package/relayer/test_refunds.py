"""Refunds after a restart, from what a compromised destination says about it."""

from __future__ import annotations

import pytest

from metalayer.lanes.logs import BrokenLane
from metalayer.lanes.survey import InboxEnd, LaneState
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import Domain
from metalayer.protocol.gateway import LaneRestarted, OutboxLane, RestartRecord
from metalayer.relayer.loops import Loops
from metalayer.relayer.memory import Memory
from metalayer.relayer.refunds import Refunds


def test_a_place_that_no_lane_can_have_reached_is_not_counted_up_to() -> None:
    network = load_network()
    hub, arcade = (Connection(network.chain(name)) for name in ("hub", "arcade"))
    mesh = Mesh(Domain(hub.chain_id, "0x" + "9a" * 20), {"hub": hub, "arcade": arcade}, "0x" + "57" * 20)
    end = OutboxLane(2_000, bytes(32), 2_000)
    state = LaneState(hub, arcade, end, end, InboxEnd(2_000, bytes(32), ""))
    restart = LaneRestarted(arcade.chain_id, 2_000, 100)
    record = RestartRecord(restarted=True, followed=True, epoch=0, nonce=2**64 - 1, head=bytes(32))
    with pytest.raises(BrokenLane, match="hub → arcade: its destination says that it left it at"):
        Refunds(mesh, Memory.fleeting(), Loops())._parted(state, 0, restart, record)
