"""Clocks of the chains: a transfer that was sent later than its destination's present second waits until that has come.

ERA arrives nowhere before the second in which its hop was sent: its message would fail, and somebody would have to
retry it. Nothing else waits, but for what stands behind it in its lane.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.protocol.rpc import READ_FAULTS
from metalayer.protocol.transfers import Payload
from metalayer.relayer.backlog import Work

MOST_AHEAD = 3_600
"""Seconds. What was sent further ahead does not wait: such a clock is wrong, and nothing else would ever come from
there.
"""
MOMENT = 2
"""Seconds that a pass rather waits for than leave a message to the next pass: clocks of chains differ by as much."""


def moment(lanes: Iterable[Work], now: int) -> int:
    """Seconds after which what is nearly due is due; 0 if there is nothing of that kind."""
    leads = (_second(lane, sent) - now for lane in lanes for sent in lane.messages)
    return max((lead for lead in leads if 0 < lead <= MOMENT), default=0)


def due(lane: Work, now: int) -> Work:
    """What of a lane can be delivered at `now`, by its destination's clock: up to a transfer that was sent later."""

    def is_due(sent: Sent) -> bool:
        return not now < _second(lane, sent) <= now + MOST_AHEAD

    count = sum(1 for _ in takewhile(is_due, lane.messages))
    return replace(lane, messages=lane.messages[:count], waiting=lane.messages[count:])


def _second(lane: Work, sent: Sent) -> int:
    """The second (Unix time) before which a message would fail; 0 if there is none."""
    # Not its payload's word alone: anybody could write one that holds up a lane.
    return min(lane.times.get(sent.block, 0), _hop_at(sent))


def _hop_at(sent: Sent) -> int:
    """The second that a transfer says its hop was sent in; 0 for other messages."""
    if sent.message.sender != sent.message.recipient:
        return 0
    try:
        return Payload.read(sent.message.payload).hop_at
    except READ_FAULTS:
        return 0


def present(connection: Connection, latest: int) -> int:
    """Second (Unix time) that a chain's next block would have, as far as its node says: where nothing happens, the
    latest one is old.
    """
    try:
        return max(latest, connection.block("pending").time)
    except MetalayerError:
        return latest
