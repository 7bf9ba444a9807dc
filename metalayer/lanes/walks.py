"""How an origin recognises a message of its own: by the way from it to a head of its lane that the Outbox keeps."""

from collections.abc import Sequence

from metalayer.lanes.logs import Sent, rebuild, restarts_request
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Domain
from metalayer.protocol.gateway import LaneRestarted, Walk
from metalayer.protocol.message import STORED_HEAD_INTERVAL, genesis_head


def known_head(nonce: int, lane_nonce: int, restarts: Sequence[LaneRestarted]) -> int:
    """Place of the first head at or after a message that its Outbox keeps: a walk ends there."""
    last = next((restart.last for restart in restarts if restart.last >= nonce), lane_nonce)
    stored = -(-nonce // STORED_HEAD_INTERVAL) * STORED_HEAD_INTERVAL
    return min(stored, last)


def walks_to(
    connection: Connection, domain: Domain, end: int, group: Sequence[Sent], restarts: Sequence[LaneRestarted]
) -> list[tuple[Sent, Walk]]:
    """The way from each message of a group to the head at `end`, all in one lane. BrokenLane if there is none."""
    origin, destination = group[0].ends
    first = min(sent.message.nonce for sent in group)
    steps = rebuild(connection, domain, destination, first, end)
    if first == 1 or any(restart.nonce == first - 1 for restart in restarts):
        before = genesis_head(domain.network_id, origin, destination, first - 1)
    else:
        before = rebuild(connection, domain, destination, first - 1, first - 1)[0].head
    heads = [before, *(step.head for step in steps)]
    walks = []
    for sent in group:
        place = sent.message.nonce - first
        ids = [step.id for step in steps[place + 1 :]]
        walks.append((sent, Walk(destination, sent.message.nonce, heads[place], ids)))
    return walks


def walk_of(connection: Connection, domain: Domain, sent: Sent) -> Walk:
    """The shortest way from one message. BrokenLane if there is none."""
    destination = sent.ends[1]
    restarts = connection.ask(restarts_request(domain.gateway, destination, connection.height()))
    lane = connection.view(domain.gateway, gateway.OUTBOX_LANE, destination)
    end = known_head(sent.message.nonce, lane.nonce, restarts)
    ((_, walk),) = walks_to(connection, domain, end, [sent], restarts)
    return walk
