"""What a relayer remembers: over restarts, never for longer than it says, and never begun anew in silence."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.parallel import in_parallel
from metalayer.relayer.memory import (
    FIRST_WAIT,
    FIRST_WAIT_AFTER_LOSS,
    LONGEST_WAIT,
    LONGEST_WAIT_AFTER_LOSS,
    WINDOW,
    Attempt,
    Book,
    Cost,
    Kind,
    Memory,
)

DAY = 86_400
ACCOUNT = "0x00000000000000000000000000000000000000AA"


class Clock:
    """Unix seconds, as a test wants them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "network" / "relayer.sqlite"


def waits(memory: Memory, clock: Clock, kind: Kind, item: str) -> float:
    """Seconds until an item is due, to half a second."""
    start = clock.now
    while item in memory.waiting(kind, 901):
        clock.now += 0.5 if clock.now - start < 1_000 else 60.0
    found = clock.now - start
    clock.now = start
    return found


def test_what_failed_waits_twice_as_long_each_time(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    found = []
    for _ in range(12):
        memory.failed(Kind.REFUND, 901, [("a", "no")])
        found.append(waits(memory, clock, Kind.REFUND, "a"))
    assert found[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert found == sorted(found)
    assert found[-1] <= LONGEST_WAIT + 60
    assert memory.waiting(Kind.REFUND, 902) == memory.waiting(Kind.RETURN, 901) == {}


def test_what_was_paid_for_waits_an_hour_and_four_times_as_long_each_time(clock: Clock) -> None:
    """A week at last: so a message that costs its relayer gas each time costs it less than once a week."""
    memory = Memory.fleeting(clock)
    found = []
    for _ in range(8):
        memory.failed(Kind.REFUND, 901, [("a", "reverted")], paid=True)
        (attempt,) = memory.attempts()
        found.append(attempt.due - clock.now)
    assert found[:3] == [FIRST_WAIT_AFTER_LOSS, 4 * FIRST_WAIT_AFTER_LOSS, 16 * FIRST_WAIT_AFTER_LOSS]
    assert found[-1] == LONGEST_WAIT_AFTER_LOSS
    memory.failed(Kind.REFUND, 901, [("a", "refused in the rehearsal")])
    assert memory.attempts()[0].due - clock.now == LONGEST_WAIT_AFTER_LOSS


def test_it_survives_a_restart(file: Path, clock: Clock) -> None:
    memory = Memory.open(file, clock)
    for _ in range(3):
        memory.failed(Kind.RETURN, 2**255, [("a", "no"), ("b", "neither")])
    memory.ended(Kind.RETURN, 2**255, ["b"])
    memory.charge(ACCOUNT, 902, 901, 7)
    memory.book(ACCOUNT, 901, Cost(100, 10**20), 2**70)
    memory.close()
    again = Memory.open(file, clock)
    assert again.waiting(Kind.RETURN, 2**255) == {"a": "no"}
    since, due = clock.now, clock.now + 4 * FIRST_WAIT
    assert again.attempts() == [Attempt("return", 2**255, "a", 3, 0, due, since, "no")]
    assert again.meter(ACCOUNT, 902, 901).gas == 7
    assert again.books() == [Book(ACCOUNT, 901, 1, 100, 10**20, 2**70)]


def test_what_is_forgiven_is_due_and_its_failures_are_known(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    memory.failed(Kind.REFUND, 901, [("a", "no")])
    memory.forgive()
    assert memory.waiting(Kind.REFUND, 901) == {}
    memory.failed(Kind.REFUND, 901, [("a", "no")])
    assert waits(memory, clock, Kind.REFUND, "a") == 2 * FIRST_WAIT


def test_a_clock_that_was_set_back_keeps_nothing_waiting(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    memory.failed(Kind.REFUND, 901, [("a", "no")])
    clock.now -= 30 * DAY
    assert memory.waiting(Kind.REFUND, 901) == {}


def test_what_nobody_tried_for_a_month_is_forgotten(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    memory.failed(Kind.REFUND, 901, [("a", "no")])
    clock.now += 20 * DAY
    memory.failed(Kind.REFUND, 901, [("b", "no")])
    memory.tidy()
    assert len(memory.attempts()) == 2
    clock.now += 20 * DAY
    memory.tidy()
    assert [attempt.item for attempt in memory.attempts()] == ["b"]


def test_a_file_that_cannot_be_read_is_one_error_and_is_left_as_it_is(file: Path) -> None:
    Memory.open(file).close()
    whole = file.read_bytes()
    for damaged in (b"", b"not a database, but as long as one " * 100, whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(
            MetalayerError, match=r"memory .*relayer\.sqlite cannot be read .*remove it"
        ) as caught:
            Memory.open(file)
        assert "\n" not in str(caught.value)
        assert file.read_bytes() == damaged
    file.unlink()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE facts (key TEXT)")
    with pytest.raises(MetalayerError, match="it is not one"):
        Memory.open(file)


def test_a_file_of_another_version_is_refused(file: Path) -> None:
    Memory.open(file).close()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(MetalayerError, match="is of version 2, this program writes 1"):
        Memory.open(file)


def test_two_that_begin_at_once_share_one_file(file: Path) -> None:
    memories = in_parallel(lambda _: Memory.open(file), range(8))
    for number, memory in enumerate(memories):
        memory.failed(Kind.CLAIM, 901, [(str(number), "no")])
    assert len(memories[0].attempts()) == 8
    assert [path.name for path in file.parent.iterdir() if path.name.endswith(".new")] == []


def test_threads_may_share_it(file: Path) -> None:
    memory = Memory.open(file)

    def work(number: int) -> None:
        for _ in range(20):
            memory.failed(Kind.RETURN, number, [("a", "no")])
            memory.charge(ACCOUNT, 1, 2, 1)

    in_parallel(work, range(8))
    assert {attempt.failures for attempt in memory.attempts()} == {20}
    assert memory.meter(ACCOUNT, 1, 2).gas == 160


def test_a_meter_begins_anew_when_half_of_what_was_owed_is_paid(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    lane = (ACCOUNT, 902, 901)
    memory.charge(*lane, 500)
    # What it paid before anybody measured says nothing.
    assert memory.settle(*lane, earned=1_000, paid=900).gas == 500
    assert memory.settle(*lane, earned=2_000, paid=901).gas == 500
    assert memory.settle(*lane, earned=2_000, paid=1_449).gas == 500
    assert memory.settle(*lane, earned=2_000, paid=1_450).gas == 0
    memory.charge(*lane, 70)
    assert memory.settle(*lane, earned=2_100, paid=1_450).gas == 70
    assert memory.meter(ACCOUNT, 901, 902).gas == memory.meter("0xBB", 902, 901).gas == 0


def test_a_meter_begins_anew_after_a_day(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    lane = (ACCOUNT, 902, 901)
    memory.charge(*lane, 500)
    clock.now += WINDOW - 1
    memory.charge(*lane, 1)
    assert memory.meter(*lane).gas == 501
    clock.now += 1
    assert memory.meter(*lane).gas == 0


def test_books_are_kept_for_ever_and_by_the_day(clock: Clock) -> None:
    memory = Memory.fleeting(clock)
    memory.book(ACCOUNT, 901, Cost(1, 10), 100)
    clock.now += 2 * DAY
    memory.book(ACCOUNT, 901, Cost(2, 20), 200)
    memory.book(ACCOUNT, 902, Cost(3, 30), 300)
    assert memory.books() == [Book(ACCOUNT, 901, 2, 3, 30, 300), Book(ACCOUNT, 902, 1, 3, 30, 300)]
    assert memory.books(since=clock.now - DAY) == [
        Book(ACCOUNT, 901, 1, 2, 20, 200),
        Book(ACCOUNT, 902, 1, 3, 30, 300),
    ]
