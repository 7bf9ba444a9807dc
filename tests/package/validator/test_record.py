"""A validator's record: durable before the signature, one process, one identity (P10)."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.validator.record import Anchor, Contradiction, Record

FACT = LaneFact(901, 902, 1, b"\1" * 32)
OTHER_HEAD = LaneFact(901, 902, 1, b"\2" * 32)
NEXT = LaneFact(901, 902, 2, b"\3" * 32)
RESTART = RestartFact(901, 902, 7)
SET = SetFact(2, b"\5" * 32)


def begun(folder: Path, identity: str = "validator") -> Record:
    return Record(folder / "record", identity, begin=True)


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with begun(tmp_path) as record:
        record.commit([FACT])
    with Record(path, "validator") as record:
        record.commit([FACT, NEXT])
        with pytest.raises(Contradiction, match="lane 901 902 1: signed 0x0101"):
            record.commit([OTHER_HEAD])


def test_the_reason_of_a_contradiction_says_what_happened_and_what_to_do(tmp_path: Path) -> None:
    with begun(tmp_path) as record:
        record.commit([FACT, SET])
        with pytest.raises(
            Contradiction, match=r"this is 0x0202.*: chain 901 was reorganised since, only a restart"
        ):
            record.commit([OTHER_HEAD])
        with pytest.raises(Contradiction, match=r"set 2: signed 0x0505.*only a higher one"):
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
    with begun(tmp_path) as record:
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
    with begun(tmp_path) as record:
        record.commit([FACT])
        both = [NEXT, OTHER_HEAD]
        with pytest.raises(Contradiction):
            record.commit(both)
        other_next = LaneFact(901, 902, 2, b"\4" * 32)
        record.commit([other_next])


def test_one_proposal_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    with begun(tmp_path) as record, pytest.raises(Contradiction):
        record.commit([FACT, OTHER_HEAD])


def test_a_second_process_is_refused_with_the_first_ones_id(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from metalayer.validator.record import Record;"
        "record = Record(Path(sys.argv[1]), 'validator', begin=True); print('open', flush=True); time.sleep(60)"
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
    begun(tmp_path, "validator 1").close()
    with pytest.raises(MetalayerError, match="belongs to validator 1, not to validator 2"):
        Record(tmp_path / "record", "validator 2")
    Record(tmp_path / "record", "validator 1").close()


def test_a_missing_record_is_begun_only_if_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with pytest.raises(MetalayerError, match=r"there is no record at .*: a key that signed before"):
        Record(path, "validator")
    assert not path.exists()
    begun(tmp_path).close()
    with pytest.raises(MetalayerError, match=r"there is a record at .* already"):
        begun(tmp_path)
    Record(path, "validator").close()


def test_what_a_beginning_left_when_it_was_killed_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "record.new").write_bytes(b"half a record")
    begun(tmp_path).close()
    assert not (tmp_path / "record.new").exists()
    Record(tmp_path / "record", "validator").close()


def filled(folder: Path) -> Path:
    with begun(folder) as record:
        record.commit(LaneFact(901, 902, nonce, bytes(32)) for nonce in range(1, 2_000))
    return folder / "record"


def other(folder: Path, *statements: str) -> Path:
    path = folder / "record"
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def overwritten(path: Path) -> None:
    """A page in the middle."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4_096 * 4_096
    data[middle : middle + 4_096] = bytes(4_096)
    path.write_bytes(data)


def changed(path: Path) -> None:
    """One character of one key, as a disk or a copy may do it."""
    path.write_bytes(path.read_bytes().replace(b"lane 901 902 777", b"lane 901 902 778", 1))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "record").write_bytes(b""), "is empty"),
        (lambda folder: (folder / "record").write_text("no database" * 100), "not a database"),
        (lambda folder: cut(filled(folder), 50), "not a database|is no validator's record|malformed"),
        (lambda folder: cut(filled(folder), 8_192), "malformed|is damaged"),
        (lambda folder: cut(filled(folder), -4_096), "malformed|is damaged"),
        (lambda folder: overwritten(filled(folder)), "malformed|is damaged"),
        (lambda folder: changed(filled(folder)), "is damaged"),
        (lambda folder: other(folder, "CREATE TABLE facts (key, value)"), "is no validator's record"),
        (
            lambda folder: other(filled(folder).parent, "DELETE FROM identity"),
            "belongs to nobody, not to validator",
        ),
        (lambda folder: other(filled(folder).parent, "DROP TABLE facts"), "no such table: facts"),
        (lambda folder: other(filled(folder).parent, "DROP TABLE chains"), "no such table: chains"),
    ],
    ids=[
        "empty",
        "text",
        "cut in its header",
        "cut after two pages",
        "cut by its last page",
        "a page lost",
        "a character changed",
        "another program's",
        "nobody's",
        "without facts",
        "without chains",
    ],
)
def test_anything_but_a_whole_record_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    """One line, and it stays as it is: nothing is begun anew in its place."""
    spoil(tmp_path)
    before = (tmp_path / "record").read_bytes()
    with pytest.raises(MetalayerError, match=why) as caught:
        Record(tmp_path / "record", "validator")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "record").read_bytes() == before
    # The lock is free at once, not when the error is forgotten.
    (tmp_path / "record").unlink()
    begun(tmp_path).close()
    assert caught.value


def test_chains_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with begun(tmp_path) as record:
        record.commit([FACT], {901: Anchor(7, "0x07")})
        record.commit([NEXT], {901: Anchor(5, "0x05"), 902: Anchor(1, "0x01")})
        record.distrust(901, "block 7 was another")
        record.distrust(2**255, "block 8 was another")
    with Record(path, "validator") as record:
        assert record.anchors() == {901: Anchor(7, "0x07"), 902: Anchor(1, "0x01")}
        assert record.reorganised() == {901: "block 7 was another", 2**255: "block 8 was another"}
        record.trust_again(901)
    with Record(path, "validator") as record:
        assert record.anchors() == {902: Anchor(1, "0x01")}
        assert record.reorganised() == {2**255: "block 8 was another"}
        # What was signed binds nevertheless.
        with pytest.raises(Contradiction):
            record.commit([OTHER_HEAD])


def test_the_journal_is_not_relaxed(tmp_path: Path) -> None:
    """A committed fact survives a power cut only with these settings."""
    with begun(tmp_path) as record:
        database: sqlite3.Connection = record._database
        assert database.execute("PRAGMA synchronous").fetchone() == (3,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
