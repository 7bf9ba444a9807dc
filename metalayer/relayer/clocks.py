"""Clocks of the chains: what was sent later than its destination's present second waits until that has come.

ERA arrives nowhere before the second in which it was sent: its message would fail, and somebody would have to retry it.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.relayer.backlog import Work

MOST_AHEAD = 3_600
"""Seconds. What was sent further ahead does not wait: such a clock is wrong, and nothing else would ever come from
there.
"""
MOMENT = 2
"""Seconds that a pass rather waits for than leave a message to the next pass: clocks of chains differ by as much."""


def moment(lanes: Iterable[Work], now: int) -> int:
    """Seconds after which what is nearly due is due; 0 if there is nothing of that kind."""
    leads = (second - now for lane in lanes for second in lane.times.values())
    return max((lead for lead in leads if 0 < lead <= MOMENT), default=0)


def due(lane: Work, now: int) -> Work:
    """What of a lane was not sent later than `now`, by its destination's clock: what stands behind that waits, too."""

    def is_due(sent: Sent) -> bool:
        return not now < lane.times.get(sent.block, 0) <= now + MOST_AHEAD

    count = sum(1 for _ in takewhile(is_due, lane.messages))
    return replace(lane, messages=lane.messages[:count], waiting=lane.messages[count:])


def present(connection: Connection, latest: int) -> int:
    """Second (Unix time) that a chain's next block would have, as far as its node says: where nothing happens, the
    latest one is old.
    """
    try:
        return max(latest, connection.block("pending").time)
    except MetalayerError:
        return latest
