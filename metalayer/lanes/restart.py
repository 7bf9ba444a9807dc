"""Restarting a lane that a reorganisation of its origin broke: what the origin's council sends."""

from metalayer.errors import MetalayerError
from metalayer.lanes.survey import lane_between, survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.message import STORED_HEAD_INTERVAL

_DISTANCE = 16 * STORED_HEAD_INTERVAL
"""How far above all that is known a lane goes on: the history that is gone may have been longer than what is known of
it, and no nonce may be used twice."""


def restart(
    mesh: Mesh, origin: Connection, destination: Connection, council: Sender, nonce: int | None = None
) -> tuple[int, Receipt]:
    """Restarts the lane through its origin's Guardian, at `nonce` or well above both ends. The place, and the receipt.

    MetalayerError if `nonce` is not above both ends, if a restart was not followed yet, or if it is refused.
    """
    lanes = survey(mesh.only(origin.name, destination.name)).lanes
    lane = lane_between(lanes, origin.chain_id, destination.chain_id)
    if lane.latest.restarted_at > lane.delivered:
        raise MetalayerError(
            f"lane {lane.name} was restarted at {lane.latest.restarted_at} and its destination has not followed: "
            "run `ape metalayer relay once`"
        )
    highest = max(lane.sent, lane.delivered)
    if nonce is None:
        nonce = (highest // STORED_HEAD_INTERVAL + 1) * STORED_HEAD_INTERVAL + _DISTANCE
    if nonce <= highest:
        raise MetalayerError(
            f"lane {lane.name} was at {highest}: a restart must be above that, not at {nonce}"
        )
    guardian = origin.view(mesh.gateway, gateway.GUARDIAN)
    # The Guardian's function has the name and the arguments of the gateway's.
    return nonce, origin.send(council, guardian, gateway.RESTART.encode(destination.chain_id, nonce))
