"""Pauses of a lane at its destination."""

import pytest

from tests.kit.evm import error
from tests.kit.inbox import place
from tests.kit.paper import DAY
from tests.kit.terms import OPEN_ROUTE


@pytest.fixture
def pause(gateway, guardian):
    """Pauses what arrives from a chain; gives the second in which it goes on."""

    def pause(origin):
        gateway.send("pauseInbound", origin, DAY, sender=guardian)
        return gateway.view("pausedUntil", origin)

    return pause


def test_a_paused_lane_goes_on_at_the_second(gateway, relayer, lane, fill, pack, deliver, pause):
    (message,) = fill()
    until = pause(lane.origin)
    refusal = error("RoutePaused", lane.origin, until)
    assert gateway.revert("deliver", *pack(), sender=relayer, at=until - 1) == refusal
    assert not gateway.attempt("deliver", *pack(), sender=relayer, at=until - 1).succeeded
    assert deliver(at=until).named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_a_paused_lane_goes_on_when_the_pause_is_ended(gateway, guardian, lane, fill, deliver, pause):
    fill()
    pause(lane.origin)
    gateway.send("unpauseInbound", lane.origin, sender=guardian)
    assert len(deliver().named("MessageDelivered")) == 1


def test_a_pause_leaves_the_other_lanes(lane, other_lane, paper, sender, recipient, deadline, pause):
    pause(lane.origin)
    message = other_lane.append(sender, recipient.address, deliver_before=deadline)
    assert paper.deliver(other_lane).named("MessageDelivered") == [(message.id, other_lane.origin, 1)]


def test_a_paused_lane_stops_the_whole_transaction(
    lane, other_lane, fill, paper, sender, recipient, deadline, pause
):
    """Relayers leave it out."""
    fill()
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    until = pause(lane.origin)
    assert paper.refusal(other_lane, lane) == error("RoutePaused", lane.origin, until)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_refuses_what_the_lane_has_too(gateway, owner, lane, fill, paper, pause, state):
    """A batch that would change nothing is refused as well while its lane is paused or closed."""
    fill()
    paper.deliver(lane)
    assert paper.deliver(lane).events == []
    if state == "paused":
        refusal = error("RoutePaused", lane.origin, pause(lane.origin))
    else:
        gateway.send("setRoute", lane.origin, (True, False, *OPEN_ROUTE[2:]), sender=owner)
        refusal = error("RouteClosed", lane.origin)
    assert paper.refusal(lane) == refusal


def test_a_closed_lane_that_is_paused_stays_closed(gateway, owner, lane, fill, paper, pause):
    """The end of a pause opens nothing that the owner closed."""
    fill()
    until = pause(lane.origin)
    gateway.send("setRoute", lane.origin, (True, False, *OPEN_ROUTE[2:]), sender=owner)
    assert paper.refusal(lane, at=until) == error("RouteClosed", lane.origin)


def test_retries_while_the_lane_is_paused(gateway, relayer, failing, pause):
    """Retries are never paused: what arrived can always be executed."""
    pause(failing.origin)
    receipt = gateway.send("retry", *place(failing), sender=relayer)
    assert receipt.named("MessageDelivered") == [(failing.id, failing.origin, 1)]
