"""A chain that is slow or stuck costs the others nothing but one stage's patience, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.relayer.endings import fair
from metalayer.relayer.loops import Late, Loops

PATIENCE = 0.3


@pytest.fixture
def nodes() -> list[Connection]:
    return [Connection(load_network().chain(name)) for name in ("hub", "arcade", "perps")]


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def test_a_slow_chain_is_waited_for_once_and_its_result_is_taken_later(nodes: list[Connection]) -> None:
    loops = Loops(PATIENCE)
    free = threading.Event()
    begun: list[str] = []

    def work(connection: Connection) -> str:
        begun.append(connection.name)
        if connection.name == "arcade":
            free.wait(10)
        return f"of {connection.name}"

    first, slow, third = loops.each("reading", work, nodes)
    assert (first, third) == ("of hub", "of perps")
    assert isinstance(slow, Late)
    assert slow == "arcade: reading takes longer than 0.3 s: the other chains go on"
    assert seconds(lambda: loops.each("reading", work, nodes)) < PATIENCE / 2
    assert isinstance(loops.each("reading", work, nodes)[1], Late)
    assert begun.count("arcade") == 1
    assert begun.count("hub") == 3
    free.set()
    time.sleep(0.05)
    assert loops.each("reading", work, nodes) == ["of hub", "of arcade", "of perps"]
    # Its work took longer than that, so it is hardly waited for; until it is fast once.
    loops.each("reading", work, nodes)
    assert begun.count("arcade") == 2
    free.clear()
    # What it said last is as good as anything until it says more.
    started = time.monotonic()
    assert loops.each("reading", work, nodes) == ["of hub", "of arcade", "of perps"]
    assert time.monotonic() - started >= PATIENCE
    free.set()


def test_what_is_left_is_waited_for_at_the_end(nodes: list[Connection]) -> None:
    loops = Loops(0.05)

    def work(connection: Connection) -> int:
        time.sleep(0.4)
        return connection.chain_id

    assert all(isinstance(answer, Late) for answer in loops.each("delivering", work, nodes, "sending"))
    assert all(isinstance(answer, Late) for answer in loops.rest("delivering", 0))
    assert sorted(loops.rest("delivering", 5)) == [901, 902, 903]
    assert loops.rest("delivering", 5) == []


def test_one_side_of_a_chain_does_one_thing_after_the_other(nodes: list[Connection]) -> None:
    """What is sent waits for what is being sent; what is read does not."""
    loops = Loops(0.05)
    free, done = threading.Event(), list[str]()

    def deliver(_: Connection) -> None:
        free.wait(10)
        done.append("delivered")

    loops.each("delivering", deliver, nodes[:1], "sending")
    loops.each("settling", lambda _: done.append("settled"), nodes[:1], "sending")
    assert loops.each("reading", lambda _: "read", nodes[:1]) == ["read"]
    assert done == []
    free.set()
    loops.rest("settling", 5)
    assert done == ["delivered", "settled"]


def test_what_goes_wrong_on_one_chain_is_a_line(nodes: list[Connection]) -> None:
    def work(connection: Connection) -> str:
        if connection.name == "hub":
            raise MetalayerError("no ether")
        if connection.name == "arcade":
            raise OverflowError("int too big\nto convert")
        return "fine"

    loops = Loops(PATIENCE)
    assert loops.each("delivering", work, nodes) == [
        "hub: no ether",
        "arcade: OverflowError: int too big to convert",
        "fine",
    ]
    assert loops.alone("sets", lambda: 1 // 0) == "ZeroDivisionError: integer division or modulo by zero"


def test_an_order_to_stop_is_no_line(nodes: list[Connection]) -> None:
    def work(_: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Loops(PATIENCE).each("reading", work, nodes)


def test_another_chains_node_is_not_waited_for_twice(nodes: list[Connection]) -> None:
    """A chain whose node is slow holds up what others need of it alone."""
    loops = Loops(PATIENCE)
    hub, arcade, perps = nodes
    free, found = threading.Event(), list[int]()

    def work() -> None:
        free.wait(10)
        found.append(1)

    late = "arcade: what hub needs of it takes longer than 0.3 s"
    for most in (2 * PATIENCE, PATIENCE / 2):
        started = time.monotonic()
        with pytest.raises(MetalayerError, match=late):
            loops.elsewhere(hub, arcade, work)
        assert time.monotonic() - started < most
    assert loops.elsewhere(perps, arcade, lambda: 7) == 7
    free.set()
    time.sleep(0.05)
    assert found == [1]
    assert loops.elsewhere(hub, arcade, lambda: 8) == 8
    with pytest.raises(ZeroDivisionError):
        loops.elsewhere(hub, arcade, lambda: 1 // 0)


def test_the_many_of_one_lane_leave_room_for_the_few_of_another() -> None:
    items = [(1, f"junk {i}") for i in range(1_000)] + [(2, "honest"), (3, "honest, too")]
    assert fair(items, 5) == ["junk 0", "honest", "honest, too", "junk 1", "junk 2"]
    assert fair(items[:2], 5) == ["junk 0", "junk 1"]
