"""What waits for a clock: transfers whose hop was sent later, what stands behind them, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from metalayer.lanes.logs import Sent
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import Description, Kind, Payload
from metalayer.relayer.backlog import Work
from metalayer.relayer.clocks import MOMENT, MOST_AHEAD, due, moment

NOW = 1_800_000_000
BRIDGE, SOMEBODY = "0x" + "11" * 20, "0x" + "22" * 20
HOP = Payload(Kind.OUT, SOMEBODY, SOMEBODY, SOMEBODY, 901, 5)


def sent(nonce: int, payload: bytes, sender: str = BRIDGE) -> Sent:
    """A message in the block of its nonce."""
    message = Message(901, 901, 902, nonce, sender, BRIDGE, 150_000, 2**64 - 1, 0, payload)
    return Sent(message, message.id, bytes(32), nonce, "0x")


def hop(nonce: int, at: int) -> Sent:
    return sent(nonce, replace(HOP, hop_at=at).encoded)


def lane(*messages: Sent, times: dict[int, int]) -> Work:
    return Work(cast(Any, None), messages, [], times=times)


@pytest.mark.parametrize("kind", [Kind.OUT, Kind.BACK, Kind.RETURN])
def test_a_transfer_waits_and_all_behind_it(kind: Kind) -> None:
    payload = replace(HOP, kind=kind, id=b"\1" * 32 if kind is Kind.RETURN else None, hop_at=NOW + 1).encoded
    work = lane(sent(1, b"one"), sent(2, payload), sent(3, b"three"), times=dict.fromkeys((1, 2, 3), NOW + 1))
    kept = due(work, NOW)
    assert [one.message.nonce for one in kept.messages] == [1]
    assert [one.message.nonce for one in kept.waiting] == [2, 3]
    assert list(due(work, NOW + 1).messages) == list(work.messages)
    assert moment([work], NOW) == 1
    assert moment([work], NOW - MOMENT) == 0


@pytest.mark.parametrize(
    "other",
    [
        sent(1, b""),
        sent(1, Description(SOMEBODY, 18, b"Name", b"SYM").encoded),
        sent(1, replace(HOP, hop_at=NOW + 60).encoded, sender=SOMEBODY),
        hop(1, NOW),
    ],
    ids=["empty", "a description", "from another sender", "a hop that is due"],
)
def test_nothing_else_waits(other: Sent) -> None:
    work = lane(other, times={1: NOW + 60})
    assert due(work, NOW).waiting == ()
    assert moment([work], NOW) == 0


def test_nobody_holds_up_a_lane_by_what_they_write() -> None:
    """The block says when it was sent; and a clock that is an hour ahead is wrong."""
    assert due(lane(hop(1, NOW + 60), times={1: NOW}), NOW).waiting == ()
    assert due(lane(hop(1, NOW + 60), times={}), NOW).waiting == ()
    wrong = NOW + MOST_AHEAD + 1
    assert due(lane(hop(1, wrong), times={1: wrong}), NOW).waiting == ()
    assert len(due(lane(hop(1, wrong - 1), times={1: wrong - 1}), NOW).waiting) == 1
