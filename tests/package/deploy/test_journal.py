"""The write-ahead journal and the lock, as files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.deploy.journal import Journal, journal_rows
from metalayer.errors import MetalayerError


def send(chain: str, number: int) -> dict[str, Any]:
    return {
        "record": "send",
        "chain": chain,
        "step": f"step {number}",
        "from": "0x01",
        "nonce": number,
        "hash": f"0x{number:02x}",
        "raw": "0xff",
    }


def receipt(chain: str, number: int, status: int = 1) -> dict[str, Any]:
    ends = {"hash": f"0x{number:02x}", "block": 7, "gas": 21_000, "status": status}
    return {"record": "receipt", "chain": chain, "step": f"step {number}", **ends}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    Journal(path).append({"record": "chain", "chain": "hub", "genesis": "0x09"}, send("hub", 1))
    Journal(path).append(receipt("hub", 1))
    journal = Journal(path)
    assert [record["record"] for record in journal.records] == ["chain", "send", "receipt"]
    assert journal.genesis == {"hub": "0x09"}


def test_an_empty_journal_says_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none.jsonl")
    assert (journal.genesis, journal.in_flight("hub")) == ({}, [])
    journal.append()
    assert not journal.path.exists()


def test_in_flight_is_what_has_no_receipt(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(*(send("hub", number) for number in range(1, 5)), send("arcade", 9))
    journal.append(
        receipt("hub", 1), {"record": "dropped", "chain": "hub", "hash": "0x03"}, receipt("hub", 4, 0)
    )
    assert [(flight.step, flight.nonce) for flight in journal.in_flight("hub")] == [("step 2", 2)]
    states = [row["state"] for row in journal_rows(journal)]
    assert states == ["done", "in flight", "replaced", "reverted", "in flight"]


@given(cut=st.integers(min_value=1, max_value=400))
def test_a_torn_line_never_happened(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    Journal(path).append(send("hub", 1))
    whole = path.read_bytes()
    Journal(path).append(send("hub", 2))
    torn = path.read_bytes()[: max(len(whole), len(path.read_bytes()) - cut)]
    path.write_bytes(torn)
    journal = Journal(path)
    assert [flight.nonce for flight in journal.in_flight("hub")] == [1]
    journal.append(send("hub", 3))
    assert [flight.nonce for flight in Journal(path).in_flight("hub")] == [1, 3]


@pytest.mark.parametrize(
    "line",
    [b"not json", b"\xff", b"42", b"{}", b'{"record": "sent"}', b'{"record": "send", "chain": "hub"}'],
    ids=["text", "bytes", "a number", "nothing", "another kind", "half of one"],
)
def test_a_damaged_line_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    (tmp_path / "networks.yaml").touch()
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".metalayer" / "journal.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"record": "chain", "chain": "hub", "genesis": "0x"}\n' + line + b"\n")
    with pytest.raises(MetalayerError) as refused:
        Journal(path)
    assert str(refused.value) == (
        ".metalayer/journal.jsonl: line 2 is damaged, or of another version: if all chains are local ones, remove the "
        "file (`rm .metalayer/journal.jsonl`); elsewhere restore it, or remove it if no transaction is in flight"
    )


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")

    def append(first: int) -> None:
        for nonce in range(first, first + 20):
            journal.append(send("hub", nonce))

    threads = [threading.Thread(target=append, args=(20 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Journal(journal.path)
    assert sorted(record["nonce"] for record in again.records) == list(range(80))
    assert again.records == journal.records
