"""Clocks of the chains: what was sent later than its destination's present second waits until that has come.

ERA arrives nowhere before the second in which it was sent: its message would fail, and somebody would have to retry it.
"""

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
