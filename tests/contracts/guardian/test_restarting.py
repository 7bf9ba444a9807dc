"""Restarts of lanes by the council: one a week and lane."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.evm import Contract, error
from tests.kit.paper import DAY

WEEK = 7 * DAY
Refuses = Callable[..., None]


def test_the_council_restarts_a_lane(
    guard: Contract, gateway: Contract, council: str, spoke: int, start: int
) -> None:
    assert guard.view("RESTART_INTERVAL") == WEEK
    assert guard.view("restartableFrom", spoke) == 0
    receipt = guard.send("restart", spoke, 7, sender=council, at=start)
    assert receipt.named("LaneRestarted") == [(spoke, 7, 0)]
    assert gateway.view("outboxLane", spoke)[::2] == (7, 7)
    assert guard.view("restartableFrom", spoke) == start + WEEK


def test_the_next_restart_waits_for_a_week(
    guard: Contract, gateway: Contract, council: str, refuses: Refuses, spoke: int, start: int
) -> None:
    guard.send("restart", spoke, 7, sender=council, at=start)
    again = start + WEEK
    for at in (start + 1, again - 1):
        refuses("RestartTooSoon", (spoke, again), "restart", spoke, 8, sender=council, at=at)
    guard.send("restart", spoke, 8, sender=council, at=again)
    assert gateway.view("outboxLane", spoke)[::2] == (8, 8)
    refuses("RestartTooSoon", (spoke, again + WEEK), "restart", spoke, 9, sender=council, at=again + 1)


def test_each_lane_has_its_own_week(
    guard: Contract, council: str, spoke: int, hub_id: int, start: int
) -> None:
    guard.send("restart", spoke, 7, sender=council, at=start)
    guard.send("restart", hub_id, 7, sender=council, at=start + 1)
    assert [guard.view("restartableFrom", lane) for lane in (spoke, hub_id)] == [
        start + WEEK,
        start + 1 + WEEK,
    ]


def test_another_council_gets_no_other_week(
    guard: Contract, council: str, owner: str, successor: str, refuses: Refuses, spoke: int, start: int
) -> None:
    guard.send("restart", spoke, 7, sender=council, at=start)
    guard.send("setCouncil", successor, sender=owner, at=start + 1)
    again = start + WEEK
    refuses("RestartTooSoon", (spoke, again), "restart", spoke, 8, sender=successor, at=again - 1)
    guard.send("restart", spoke, 8, sender=successor, at=again)


def test_what_the_owner_restarts_does_not_count(
    guard: Contract, gateway: Contract, council: str, owner: str, spoke: int
) -> None:
    gateway.send("restart", spoke, 7, sender=owner)
    guard.send("restart", spoke, 8, sender=council)
    gateway.send("restart", spoke, 9, sender=owner)
    assert gateway.view("outboxLane", spoke)[0] == 9


@pytest.mark.parametrize("nonce", [0, 2**32 + 1])
def test_a_restart_that_the_gateway_refuses_does_not_count(
    guard: Contract, council: str, spoke: int, start: int, nonce: int
) -> None:
    refusal = error("InvalidRestart", spoke, nonce, 1, 2**32)
    assert guard.revert("restart", spoke, nonce, sender=council) == refusal
    assert not guard.attempt("restart", spoke, nonce, sender=council, at=start).succeeded
    assert guard.view("restartableFrom", spoke) == 0
    guard.send("restart", spoke, 1, sender=council, at=start + 1)
