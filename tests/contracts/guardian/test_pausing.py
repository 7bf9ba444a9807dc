"""Pauses of deliveries by council and watchers, to the second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.evm import Contract, Receipt, error
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators

WATCHER_PAUSE = 3 * DAY
MAX_PAUSE = 21 * DAY
MIN_COOL_DOWN = 3_600
Refuses = Callable[..., None]


@pytest.fixture
def alarm(guard: Contract, watcher: str) -> Callable[..., Receipt]:
    """A watcher pauses in a given second."""
    return lambda origin, at, by=watcher: guard.send("emergencyPause", origin, sender=by, at=at)


@pytest.fixture
def pause(guard: Contract, council: str) -> Callable[..., Receipt]:
    """The council pauses in a given second."""
    return lambda origin, duration, at: guard.send("pauseInbound", origin, duration, sender=council, at=at)


@pytest.fixture
def unpause(guard: Contract, council: str) -> Callable[..., Receipt]:
    """The council ends a pause in a given second."""
    return lambda origin, at: guard.send("unpauseInbound", origin, sender=council, at=at)


def test_names_the_watchers_pause(guard: Contract) -> None:
    assert guard.view("WATCHER_PAUSE") == WATCHER_PAUSE


# The council


@pytest.mark.parametrize(("origin", "longest"), [("spoke", MAX_PAUSE), ("hub_id", 3 * DAY)])
def test_the_council_pauses_for_as_long_as_the_gateway_allows(
    gateway: Contract,
    council: str,
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    origin: str,
    longest: int,
    request: pytest.FixtureRequest,
) -> None:
    chain_id = request.getfixturevalue(origin)
    too_long = (chain_id, longest + 1)
    refuses("InvalidPause", (longest + 1, longest), "pauseInbound", *too_long, sender=council, at=start)
    receipt = pause(chain_id, longest, start + 1)
    assert receipt.named("InboundPaused") == [(chain_id, start + 1 + longest)]
    assert gateway.view("pausedUntil", chain_id) == start + 1 + longest


def test_the_council_ends_a_pause(
    gateway: Contract,
    alarm: Callable[..., Receipt],
    unpause: Callable[..., Receipt],
    start: int,
    spoke: int,
) -> None:
    alarm(spoke, start)
    receipt = unpause(spoke, start + 60)
    assert receipt.named("InboundPaused") == [(spoke, start + 60)]
    assert gateway.view("pausedUntil", spoke) == start + 60


def test_the_council_pauses_again_after_a_cool_down(
    gateway: Contract,
    council: str,
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    pause(spoke, DAY, start)
    earliest = start + 2 * DAY
    assert gateway.view("pausableFrom", spoke) == earliest
    refuses("CoolingDown", (spoke, earliest), "pauseInbound", spoke, DAY, sender=council, at=earliest - 1)
    pause(spoke, DAY, earliest)
    assert gateway.view("pausedUntil", spoke) == earliest + DAY


# Watchers


@pytest.mark.parametrize("origin", ["spoke", "hub_id"])
def test_a_watcher_pauses_for_three_days(
    gateway: Contract,
    alarm: Callable[..., Receipt],
    start: int,
    origin: str,
    request: pytest.FixtureRequest,
) -> None:
    chain_id = request.getfixturevalue(origin)
    assert gateway.view("pausableFrom", chain_id) == 0
    receipt = alarm(chain_id, start)
    assert receipt.named("InboundPaused") == [(chain_id, start + WATCHER_PAUSE)]
    assert gateway.view("pausedUntil", chain_id) == start + WATCHER_PAUSE
    assert gateway.view("pausableFrom", chain_id) == start + 2 * WATCHER_PAUSE


def test_what_a_watcher_paused_goes_on_at_the_second(
    gateway: Contract,
    alarm: Callable[..., Receipt],
    validators: Validators,
    hub_id: int,
    spoke: int,
    relayer: str,
    sender: str,
    start: int,
) -> None:
    """To an account without code: failing is a delivery, too."""
    lane = PaperLane(hub_id, spoke, gateway.chain.chain_id)
    message = lane.append(sender, sender, deliver_before=start + 14 * DAY)
    paper = PaperRelayer(gateway, relayer, validators, hub_id)
    alarm(spoke, start)
    until = start + WATCHER_PAUSE
    assert paper.refusal(lane, at=start) == error("RoutePaused", spoke, until)
    assert paper.refusal(lane, at=until - 1) == error("RoutePaused", spoke, until)
    assert paper.deliver(lane, at=until).named("MessageFailed") == [(message.id, spoke, 1, False)]


def test_a_pause_leaves_other_chains(
    gateway: Contract, alarm: Callable[..., Receipt], start: int, spoke: int, hub_id: int
) -> None:
    alarm(spoke, start)
    assert gateway.view("pausedUntil", hub_id) == 0


@pytest.mark.parametrize("later", [0, 1, DAY, WATCHER_PAUSE - 1])
def test_two_watchers_pause_no_longer_than_one(
    gateway: Contract,
    other_watcher: str,
    alarm: Callable[..., Receipt],
    start: int,
    spoke: int,
    later: int,
) -> None:
    """Also in the same second: both succeed."""
    alarm(spoke, start)
    receipt = alarm(spoke, start + later, other_watcher)
    assert receipt.named("InboundPaused") == []
    assert gateway.view("pausedUntil", spoke) == start + WATCHER_PAUSE
    assert gateway.view("pausableFrom", spoke) == start + 2 * WATCHER_PAUSE


@pytest.mark.parametrize("later", [1, DAY - 1])
def test_a_watcher_extends_a_short_pause_of_the_council(
    gateway: Contract,
    pause: Callable[..., Receipt],
    alarm: Callable[..., Receipt],
    start: int,
    spoke: int,
    later: int,
) -> None:
    """To three days from its beginning, not from now."""
    pause(spoke, DAY, start)
    receipt = alarm(spoke, start + later)
    assert receipt.named("InboundPaused") == [(spoke, start + WATCHER_PAUSE)]


def test_a_watcher_neither_shortens_nor_extends_a_long_pause(
    gateway: Contract,
    watcher: str,
    pause: Callable[..., Receipt],
    alarm: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    pause(spoke, 10 * DAY, start)
    alarm(spoke, start + WATCHER_PAUSE - 1)
    assert gateway.view("pausedUntil", spoke) == start + 10 * DAY
    over = start + WATCHER_PAUSE
    refuses("WatcherPauseOver", (spoke, start), "emergencyPause", spoke, sender=watcher, at=over)
    assert gateway.view("pausedUntil", spoke) == start + 10 * DAY


def test_a_watcher_pauses_again_after_a_cool_down(
    gateway: Contract,
    watcher: str,
    alarm: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    """What is left to a stolen key until the council removes it: half of the time."""
    alarm(spoke, start)
    earliest = start + 2 * WATCHER_PAUSE
    for at in (start + WATCHER_PAUSE, earliest - 1):
        refuses("CoolingDown", (spoke, earliest), "emergencyPause", spoke, sender=watcher, at=at)
    alarm(spoke, earliest)
    assert gateway.view("pausedUntil", spoke) == earliest + WATCHER_PAUSE


# The one and the others


@pytest.mark.parametrize("later", [2, DAY, WATCHER_PAUSE - 1])
def test_the_council_extends_a_watchers_pause_while_it_runs(
    gateway: Contract,
    council: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
    later: int,
) -> None:
    """To all that the gateway allows from its beginning: a watcher uses up nothing but the time that passed."""
    alarm(spoke, start)
    left = MAX_PAUSE - later
    too_long = (spoke, left + 2)
    at = start + later - 1
    refuses("InvalidPause", (left + 2, left + 1), "pauseInbound", *too_long, sender=council, at=at)
    pause(spoke, left, start + later)
    assert gateway.view("pausedUntil", spoke) == start + MAX_PAUSE


def test_the_council_cannot_extend_a_watchers_pause_that_is_over(
    alarm: Callable[..., Receipt], council: str, refuses: Refuses, start: int, spoke: int
) -> None:
    """What is left to a stolen watcher's key if the council sleeps for three days."""
    alarm(spoke, start)
    over = start + WATCHER_PAUSE
    earliest = over + WATCHER_PAUSE
    refuses("CoolingDown", (spoke, earliest), "pauseInbound", spoke, DAY, sender=council, at=over)


def test_nobody_extends_a_watchers_pause_from_the_hub(
    gateway: Contract,
    council: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    hub_id: int,
) -> None:
    alarm(hub_id, start)
    left = WATCHER_PAUSE - DAY
    at = start + DAY
    refuses("InvalidPause", (left + 1, left), "pauseInbound", hub_id, left + 1, sender=council, at=at)
    pause(hub_id, left - 1, at + 1)
    assert gateway.view("pausedUntil", hub_id) == start + WATCHER_PAUSE


@pytest.mark.parametrize("later", [1, MIN_COOL_DOWN - 1, MIN_COOL_DOWN + 1, WATCHER_PAUSE - 1])
def test_the_cool_down_after_an_early_end_is_as_short_as_the_pause_was(
    gateway: Contract,
    watcher: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    unpause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
    later: int,
) -> None:
    """A false alarm costs as much of the right to pause as the council waits, an hour at least."""
    alarm(spoke, start)
    unpause(spoke, start + later)
    earliest = start + later + max(later, MIN_COOL_DOWN)
    assert gateway.view("pausableFrom", spoke) == earliest
    at = earliest - 1
    refuses("CoolingDown", (spoke, earliest), "emergencyPause", spoke, sender=watcher, at=at)
    pause(spoke, MAX_PAUSE, earliest)
    assert gateway.view("pausedUntil", spoke) == earliest + MAX_PAUSE


def test_a_pause_that_is_ended_in_its_first_second_is_followed_by_a_cool_down(
    gateway: Contract,
    council: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    unpause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    """Else a thief of the council could hold up every block by a pause at its top and the end of that behind."""
    alarm(spoke, start)
    unpause(spoke, start)
    earliest = start + MIN_COOL_DOWN
    at = earliest - 1
    refuses("CoolingDown", (spoke, earliest), "pauseInbound", spoke, 1, sender=council, at=at)
    pause(spoke, 1, earliest)
    assert gateway.view("pausableFrom", spoke) == earliest + 1 + MIN_COOL_DOWN


@pytest.mark.parametrize("duration", [1, MIN_COOL_DOWN - 1, MIN_COOL_DOWN])
def test_a_short_pause_is_extended_no_further_than_a_long_one(
    gateway: Contract,
    council: str,
    watcher: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
    duration: int,
) -> None:
    """It counts as begun an hour before its end."""
    pause(spoke, duration, start)
    begun = start + duration - MIN_COOL_DOWN
    left = begun + MAX_PAUSE - start
    refuses("InvalidPause", (left + 1, left), "pauseInbound", spoke, left + 1, sender=council, at=start)
    alarm(spoke, start)
    assert gateway.view("pausedUntil", spoke) == begun + WATCHER_PAUSE
    pause(spoke, left, start)
    assert gateway.view("pausedUntil", spoke) == begun + MAX_PAUSE
    assert gateway.view("pausableFrom", spoke) == begun + 2 * MAX_PAUSE


def test_a_watcher_waits_for_the_cool_down_of_the_councils_pause(
    gateway: Contract,
    watcher: str,
    alarm: Callable[..., Receipt],
    pause: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    pause(spoke, MAX_PAUSE, start)
    earliest = start + 2 * MAX_PAUSE
    at = earliest - 1
    refuses("CoolingDown", (spoke, earliest), "emergencyPause", spoke, sender=watcher, at=at)
    alarm(spoke, earliest)
    assert gateway.view("pausedUntil", spoke) == earliest + WATCHER_PAUSE
