"""A validator's record: durable before the signature, one process, one identity (P10)."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.validator.record import Contradiction, Record

FACT = LaneFact(901, 902, 1, b"\1" * 32)
OTHER_HEAD = LaneFact(901, 902, 1, b"\2" * 32)
NEXT = LaneFact(901, 902, 2, b"\3" * 32)
RESTART = RestartFact(901, 902, 7)
SET = SetFact(2, b"\5" * 32)


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with Record(path, "validator") as record:
        record.commit([FACT])
    with Record(path, "validator") as record:
        record.commit([FACT, NEXT])
        with pytest.raises(Contradiction, match="lane 901 902 1: signed 0x0101"):
            record.commit([OTHER_HEAD])


def test_the_reason_of_a_contradiction_says_what_happened_and_what_to_do(tmp_path: Path) -> None:
    with Record(tmp_path / "record", "validator") as record:
        record.commit([FACT, SET])
        with pytest.raises(
            Contradiction, match=r"this is 0x0202.*: chain 901 was reorganised since, only a restart"
        ):
            record.commit([OTHER_HEAD])
        with pytest.raises(Contradiction, match=r"set 2: signed 0x0505.*another set needs a higher one"):
            record.commit([SetFact(2, b"\6" * 32)])
        record.commit([SET, SetFact(3, b"\6" * 32)])


MESSAGE_THERE = LaneFact(901, 902, 7, b"\7" * 32)


@pytest.mark.parametrize(
    ("first", "second"), [(RESTART, MESSAGE_THERE), (MESSAGE_THERE, RESTART)], ids=["restart", "message"]
)
@pytest.mark.parametrize("together", [False, True])
def test_a_message_and_a_restart_never_stand_at_one_place(
    tmp_path: Path, first: Fact, second: Fact, together: bool
) -> None:
    with Record(tmp_path / "record", "validator") as record:
        if not together:
            record.commit([first])
        with pytest.raises(Contradiction, match="901 902 7' before: chain 901 was reorganised since"):
            record.commit([first, second])
        elsewhere: list[Fact] = [
            RestartFact(902, 901, 7),
            LaneFact(901, 902, 8, b"\7" * 32),
            RestartFact(901, 902, 9),
        ]
        record.commit([first, *elsewhere])


def test_a_contradiction_leaves_nothing_behind(tmp_path: Path) -> None:
    with Record(tmp_path / "record", "validator") as record:
        record.commit([FACT])
        both = [NEXT, OTHER_HEAD]
        with pytest.raises(Contradiction):
            record.commit(both)
        other_next = LaneFact(901, 902, 2, b"\4" * 32)
        record.commit([other_next])


def test_one_proposal_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    with Record(tmp_path / "record", "validator") as record, pytest.raises(Contradiction):
        record.commit([FACT, OTHER_HEAD])


def test_a_second_process_is_refused_with_the_first_ones_id(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from metalayer.validator.record import Record;"
        "record = Record(Path(sys.argv[1]), 'validator'); print('open', flush=True); time.sleep(60)"
    )
    path = tmp_path / "record"
    holder = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(MetalayerError, match=f"another validator has the record .*: pid {holder.pid} on"):
            Record(path, "validator")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    Record(path, "validator").close()


def test_a_record_belongs_to_one_validator(tmp_path: Path) -> None:
    Record(tmp_path / "record", "validator 1").close()
    with pytest.raises(MetalayerError, match="belongs to validator 1, not to validator 2"):
        Record(tmp_path / "record", "validator 2")
    Record(tmp_path / "record", "validator 1").close()


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("this is not a database, whatever its length may be")
    with pytest.raises(MetalayerError, match="cannot open the record") as caught:
        Record(tmp_path / "record", "validator")
    (tmp_path / "record").unlink()
    # The lock is free at once, not when the error is forgotten.
    Record(tmp_path / "record", "validator").close()
    assert caught.value


def test_the_journal_is_not_relaxed(tmp_path: Path) -> None:
    """A committed fact survives a power cut only with these settings."""
    with Record(tmp_path / "record", "validator") as record:
        database: sqlite3.Connection = record._database
        assert database.execute("PRAGMA synchronous").fetchone() == (3,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
