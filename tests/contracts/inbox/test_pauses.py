"""Pauses of a lane at its destination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.message import Message
from tests.kit.evm import Contract, Receipt, error
from tests.kit.inbox import place
from tests.kit.paper import DAY, PaperLane, PaperRelayer


@pytest.fixture
def pause(gateway: Contract, guardian: str) -> Callable[..., int]:
    """Pauses what arrives from a chain; gives the second in which it goes on."""

    def pause(origin: int) -> int:
        gateway.send("pauseInbound", origin, DAY, sender=guardian)
        return gateway.view("pausedUntil", origin)

    return pause


def test_a_paused_lane_goes_on_at_the_second(
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    deliver: Callable[..., Receipt],
    pause: Callable[..., int],
) -> None:
    (message,) = fill()
    until = pause(lane.origin)
    refusal = error("RoutePaused", lane.origin, until)
    assert gateway.revert("deliver", *pack(), sender=relayer, at=until - 1) == refusal
    assert not gateway.attempt("deliver", *pack(), sender=relayer, at=until - 1).succeeded
    assert deliver(at=until).named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_a_paused_lane_goes_on_when_the_pause_is_ended(
    gateway: Contract,
    guardian: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    pause: Callable[..., int],
) -> None:
    fill()
    pause(lane.origin)
    gateway.send("unpauseInbound", lane.origin, sender=guardian)
    assert len(deliver().named("MessageDelivered")) == 1


def test_a_pause_leaves_the_other_lanes(
    lane: PaperLane,
    other_lane: PaperLane,
    paper: PaperRelayer,
    sender: str,
    recipient: Contract,
    deadline: int,
    pause: Callable[..., int],
) -> None:
    pause(lane.origin)
    message = other_lane.append(sender, recipient.address, deliver_before=deadline)
    assert paper.deliver(other_lane).named("MessageDelivered") == [(message.id, other_lane.origin, 1)]


def test_a_paused_lane_stops_the_whole_transaction(
    lane: PaperLane,
    other_lane: PaperLane,
    fill: Callable[..., list[Message]],
    paper: PaperRelayer,
    sender: str,
    recipient: Contract,
    deadline: int,
    pause: Callable[..., int],
) -> None:
    """Relayers leave it out."""
    fill()
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    until = pause(lane.origin)
    assert paper.refusal(other_lane, lane) == error("RoutePaused", lane.origin, until)


def test_ignores_what_the_lane_has(
    lane: PaperLane, fill: Callable[..., list[Message]], paper: PaperRelayer, halted: Callable[..., None]
) -> None:
    """A batch that changes nothing succeeds, as ever."""
    fill()
    paper.deliver(lane)
    halted(lane.origin)
    assert paper.deliver(lane).events == []


def test_a_closed_lane_that_is_paused_stays_closed(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    paper: PaperRelayer,
    pause: Callable[..., int],
) -> None:
    """The end of a pause opens nothing that the owner closed."""
    fill()
    until = pause(lane.origin)
    gateway.send("setOpen", lane.origin, True, False, sender=owner)
    assert paper.refusal(lane, at=until) == error("RouteClosed", lane.origin)


def test_retries_while_the_lane_is_paused(
    gateway: Contract, relayer: str, failing: Message, pause: Callable[..., int]
) -> None:
    """Retries are never paused: what arrived can always be executed."""
    pause(failing.origin)
    receipt = gateway.send("retry", *place(failing), sender=relayer)
    assert receipt.named("MessageDelivered") == [(failing.id, failing.origin, 1)]
