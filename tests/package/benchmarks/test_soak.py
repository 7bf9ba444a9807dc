"""What the soak calls wrong, as far as it needs no chain."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.soak import ledger, report
from benchmarks.soak.ledger import REFUND_GAS, Ledger
from benchmarks.soak.programs import Life, memory
from benchmarks.soak.traffic import DECEIVED, LIAR, Posted, Traffic
from benchmarks.soak.weather import LIES, Weather, always
from metalayer.protocol import gateway
from metalayer.protocol.message import Fee, Message

RELAYER = "0x00000000000000000000000000000000000000AA"
RETURN_GAS = 300_000


def message(deliver_before: int = 0) -> Any:
    fee = Fee(1, 2, 3, 4, RETURN_GAS)
    fields = Message(901, 901, 902, 1, RELAYER, RELAYER, 200_000, deliver_before, fee.packed, b"")
    return SimpleNamespace(message=fields, id=fields.id)


def posted(origin: str, destination: str, kind: str = "accepted") -> Posted:
    return Posted(kind, origin, destination, message(), 0.0)


@pytest.fixture
def books() -> Ledger:
    world: Any = SimpleNamespace(mesh=SimpleNamespace(connections={}, gateway=RELAYER))
    return Ledger(world, {"relayer_1": RELAYER})


def test_a_second_ending_is_a_problem(books: Ledger) -> None:
    one = posted("hub", "arcade")
    books.post(one)
    assert books.open() == [one]
    books._end(one.sent.id, "delivered", 1.0)
    assert (books.open(), books.problems) == ([], [])
    books._end(one.sent.id, "returned", 2.0)
    assert books.problems == [f"message 0x{one.sent.id.hex()} was returned, and delivered before"]


@pytest.mark.parametrize(("beyond", "problems"), [(REFUND_GAS, 0), (REFUND_GAS + 1, 1)])
def test_a_refund_that_was_not_prepaid_is_a_problem(books: Ledger, beyond: int, problems: int) -> None:
    one = posted("hub", "arcade")
    books.post(one)
    books._refunded("hub", gateway.Returned(one.sent.id, 902, 1, 7, RELAYER, 1), RETURN_GAS + beyond)
    assert (len(books.problems), books.dearest_refund) == (problems, beyond)
    assert books.given_back["hub", RELAYER] == 7


def test_a_refund_of_nothing_is_a_problem(books: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_PATIENCE", 0.0)
    books._refunded("hub", gateway.Returned(bytes(32), 902, 1, 7, RELAYER, 1), 100_000)
    (line,) = books.problems
    assert line.endswith("was refunded, and nobody sent it")


def test_what_a_lie_is_in_the_way_of_is_owed_to_nobody() -> None:
    assert not posted(LIAR, DECEIVED).is_owed
    assert not posted(DECEIVED, LIAR, "to nobody").is_owed
    assert posted(DECEIVED, LIAR).is_owed
    assert posted(LIAR, "arcade", "to nobody").is_owed


def test_a_message_expires_when_the_clocks_are_put_forward() -> None:
    begin = time.monotonic() - 100
    traffic: Any = SimpleNamespace(jumps=[(begin, 1_000.0 - begin), (begin + 10, 5_000.0 - begin)])
    assert Traffic.expired_at(traffic, message(1_005)) == begin + 5
    assert Traffic.expired_at(traffic, message(4_000)) == begin + 10
    assert Traffic.expired_at(traffic, message(5_020)) == begin + 20
    assert Traffic.expired_at(traffic, message(9_000)) == float("inf")


def life(*memory: float) -> Life:
    return Life(0.0, [(60.0 + 10 * place, mib) for place, mib in enumerate(memory)])


def test_a_program_that_grows_is_found() -> None:
    assert report.growth(life(100, 100, 100, 100, 100, 100)) is None, "it was too short to say"
    assert report.growth(life(100, 101, 102, 103, 104, 105, 106)) == (101, 105)
    programs: Any = SimpleNamespace(
        all=[
            SimpleNamespace(name="flat", lives=[life(*[100.0] * 9)]),
            SimpleNamespace(name="leaky", lives=[life(*[100.0 + 20 * place for place in range(9)])]),
        ]
    )
    figures, lines = report.memory_figures(programs)
    assert figures["flat"] == {"start_mib": 100, "end_mib": 100, "seconds": 140}
    assert lines == ["leaky grew from 120 to 240 MiB in 140 s"]


def test_a_relayer_that_pays_for_others_is_found() -> None:
    paid: dict[str, dict[str, Any]] = {"one": {"earned_to_spent": 1.0}, "idle": {"earned_to_spent": None}}
    assert report.out_of_pocket(paid) == []
    assert report.out_of_pocket({"poor": {"earned_to_spent": 0.5}}) == [
        "poor earned 0.50 of what its gas cost"
    ]


def test_percentiles() -> None:
    assert report.times([]) == {}
    assert report.times([float(one) for one in range(100, 0, -1)]) == {"p50": 50.5, "p95": 96, "max": 100}


def test_memory_is_that_of_a_process() -> None:
    assert memory(0) == 0.0


def test_only_the_last_node_lies_and_calm_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.soak.weather._CLEAR", 0.01)
    monkeypatch.setattr("benchmarks.soak.weather._TICK", 0.001)
    nodes: Any = {"hub": [SimpleNamespace(faults=[]), SimpleNamespace(faults=[])]}
    monkeypatch.setattr("benchmarks.soak.weather.FAULTS", {"slow": object})
    weather, stop = Weather(nodes, 7), threading.Event()
    thread = threading.Thread(target=weather.run, args=(stop,))
    thread.start()
    patience = time.monotonic() + 10
    while not weather.counts["slow"] and time.monotonic() < patience:
        time.sleep(0.01)
    stop.set()
    thread.join()
    assert weather.counts["slow"] >= 1
    assert set(weather.counts) <= {"slow", *LIES}
    for node in nodes["hub"]:
        assert [type(fault) for fault in node.faults] == [type(fault) for fault in always()]
