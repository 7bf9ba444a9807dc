"""Holds of value that comes from a chain, by council and watchers, to the second. As pauses, but on the bridge: of the
hub as long as of any chain.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.evm import Contract, Receipt
from tests.kit.paper import DAY

WATCHER_HOLD = 3 * DAY
MAX_HOLD = 21 * DAY
MIN_COOL_DOWN = 3_600
Refuses = Callable[..., None]


@pytest.fixture
def alarm(guard: Contract, watcher: str) -> Callable[..., Receipt]:
    """A watcher holds in a given second."""
    return lambda chain_id, at, by=watcher: guard.send("emergencyHold", chain_id, sender=by, at=at)


@pytest.fixture
def hold(guard: Contract, council: str) -> Callable[..., Receipt]:
    """The council holds in a given second."""
    return lambda chain_id, duration, at: guard.send("hold", chain_id, duration, sender=council, at=at)


@pytest.fixture
def unhold(guard: Contract, council: str) -> Callable[..., Receipt]:
    """The council ends a hold in a given second."""
    return lambda chain_id, at: guard.send("unhold", chain_id, sender=council, at=at)


def test_knows_the_bridge(guard: Contract, bridge: Contract, gateway: Contract) -> None:
    assert guard.view("BRIDGE") == bridge.address
    assert bridge.view("GATEWAY") == gateway.address
    assert gateway.view("guardian") == guard.address


# The council


@pytest.mark.parametrize("origin", ["spoke", "hub_id"])
def test_the_council_holds_for_as_long_as_the_bridge_allows(
    bridge: Contract,
    council: str,
    hold: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    origin: str,
    request: pytest.FixtureRequest,
) -> None:
    chain_id = request.getfixturevalue(origin)
    too_long = (chain_id, MAX_HOLD + 1)
    refuses("InvalidHold", (MAX_HOLD + 1, MAX_HOLD), "hold", *too_long, sender=council, at=start)
    receipt = hold(chain_id, MAX_HOLD, start + 1)
    assert receipt.named("Held") == [(chain_id, start + 1 + MAX_HOLD)]
    assert bridge.view("heldUntil", chain_id) == (start + 1 + MAX_HOLD, start + 1 + 2 * MAX_HOLD)


def test_the_council_ends_a_hold(
    bridge: Contract,
    council: str,
    alarm: Callable[..., Receipt],
    unhold: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    refuses("NotHeld", (spoke,), "unhold", spoke, sender=council, at=start)
    alarm(spoke, start + 1)
    assert unhold(spoke, start + 61).named("Held") == [(spoke, start + 61)]
    assert bridge.view("heldUntil", spoke) == (start + 61, start + 61 + MIN_COOL_DOWN)
    refuses("NotHeld", (spoke,), "unhold", spoke, sender=council, at=start + 62)


def test_the_council_holds_again_after_a_cool_down(
    bridge: Contract,
    council: str,
    hold: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    hold(spoke, DAY, start)
    earliest = start + 2 * DAY
    refuses("HoldCoolingDown", (spoke, earliest), "hold", spoke, DAY, sender=council, at=earliest - 1)
    hold(spoke, DAY, earliest)
    assert bridge.view("heldUntil", spoke)[0] == earliest + DAY


# Watchers


@pytest.mark.parametrize("origin", ["spoke", "hub_id"])
def test_a_watcher_holds_for_three_days(
    bridge: Contract,
    gateway: Contract,
    alarm: Callable[..., Receipt],
    start: int,
    origin: str,
    request: pytest.FixtureRequest,
) -> None:
    """And pauses nothing."""
    chain_id = request.getfixturevalue(origin)
    assert bridge.view("heldUntil", chain_id) == (0, 0)
    receipt = alarm(chain_id, start)
    assert receipt.named("Held") == [(chain_id, start + WATCHER_HOLD)]
    assert bridge.view("heldUntil", chain_id) == (start + WATCHER_HOLD, start + 2 * WATCHER_HOLD)
    assert gateway.view("pausedUntil", chain_id) == 0


def test_a_hold_leaves_other_chains(
    bridge: Contract, alarm: Callable[..., Receipt], start: int, spoke: int, hub_id: int
) -> None:
    alarm(spoke, start)
    assert bridge.view("heldUntil", hub_id) == (0, 0)


def test_a_pause_is_no_hold(guard: Contract, bridge: Contract, watcher: str, spoke: int) -> None:
    guard.send("emergencyPause", spoke, sender=watcher)
    assert bridge.view("heldUntil", spoke) == (0, 0)


@pytest.mark.parametrize("later", [0, 1, DAY, WATCHER_HOLD - 1])
def test_two_watchers_hold_no_longer_than_one(
    bridge: Contract,
    other_watcher: str,
    alarm: Callable[..., Receipt],
    start: int,
    spoke: int,
    later: int,
) -> None:
    """Also in the same second: both succeed."""
    alarm(spoke, start)
    receipt = alarm(spoke, start + later, other_watcher)
    assert receipt.named("Held") == []
    assert bridge.view("heldUntil", spoke) == (start + WATCHER_HOLD, start + 2 * WATCHER_HOLD)


@pytest.mark.parametrize("later", [1, DAY - 1])
def test_a_watcher_extends_a_short_hold_of_the_council(
    hold: Callable[..., Receipt], alarm: Callable[..., Receipt], start: int, spoke: int, later: int
) -> None:
    """To three days from its beginning, not from now."""
    hold(spoke, DAY, start)
    assert alarm(spoke, start + later).named("Held") == [(spoke, start + WATCHER_HOLD)]


def test_a_watcher_neither_shortens_nor_extends_a_long_hold(
    bridge: Contract,
    watcher: str,
    hold: Callable[..., Receipt],
    alarm: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    hold(spoke, 10 * DAY, start)
    alarm(spoke, start + WATCHER_HOLD - 1)
    assert bridge.view("heldUntil", spoke)[0] == start + 10 * DAY
    over = start + WATCHER_HOLD
    refuses("WatcherPauseOver", (spoke, start), "emergencyHold", spoke, sender=watcher, at=over)


def test_a_watcher_holds_again_after_a_cool_down(
    bridge: Contract,
    watcher: str,
    alarm: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
) -> None:
    """What is left to a stolen key until the council removes it: half of the time."""
    alarm(spoke, start)
    earliest = start + 2 * WATCHER_HOLD
    for at in (start + WATCHER_HOLD, earliest - 1):
        refuses("HoldCoolingDown", (spoke, earliest), "emergencyHold", spoke, sender=watcher, at=at)
    alarm(spoke, earliest)
    assert bridge.view("heldUntil", spoke)[0] == earliest + WATCHER_HOLD


@pytest.mark.parametrize("duration", [1, MIN_COOL_DOWN - 1, MIN_COOL_DOWN])
def test_a_short_hold_counts_as_begun_an_hour_before_its_end(
    bridge: Contract,
    hold: Callable[..., Receipt],
    alarm: Callable[..., Receipt],
    start: int,
    spoke: int,
    duration: int,
) -> None:
    hold(spoke, duration, start)
    alarm(spoke, start)
    begun = start + duration - MIN_COOL_DOWN
    assert bridge.view("heldUntil", spoke) == (begun + WATCHER_HOLD, begun + 2 * WATCHER_HOLD)


@pytest.mark.parametrize("later", [2, DAY, WATCHER_HOLD - 1])
def test_the_council_extends_a_watchers_hold_while_it_runs(
    bridge: Contract,
    council: str,
    alarm: Callable[..., Receipt],
    hold: Callable[..., Receipt],
    refuses: Refuses,
    start: int,
    spoke: int,
    later: int,
) -> None:
    """To all that the bridge allows from its beginning."""
    alarm(spoke, start)
    left = MAX_HOLD - later
    at = start + later - 1
    refuses("InvalidHold", (left + 2, left + 1), "hold", spoke, left + 2, sender=council, at=at)
    hold(spoke, left, start + later)
    assert bridge.view("heldUntil", spoke)[0] == start + MAX_HOLD
