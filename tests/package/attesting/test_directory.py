"""The exchange directory, honest and hostile."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.exchange import MAX_FACTS, Malformed, canonical
from metalayer.errors import MetalayerError
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree

SIGNER = "0x00000000000000000000000000000000000000AA"
FACTS: list[Fact] = [
    RestartFact(901, 902, 8),
    LaneFact(902, 901, 256, b"\2" * 32),
    LaneFact(901, 902, 7, b"\1" * 32),
    SetFact(1, b"\3" * 32),
]


@pytest.fixture
def exchange(tmp_path: Path) -> DirectoryExchange:
    return DirectoryExchange(tmp_path / "exchange")


def proposal_of(exchange: DirectoryExchange, root: bytes) -> Path:
    return exchange.directory / root.hex() / "proposal.json"


def test_a_proposal_is_read_back(exchange: DirectoryExchange) -> None:
    root = exchange.propose(FACTS)
    assert root == Tree(FACTS).root
    assert exchange.roots() == [root]
    assert set(exchange.facts(root) or ()) == set(FACTS)
    assert exchange.propose(FACTS[::-1]) == root
    exchange.remove(root)
    exchange.remove(root)
    assert exchange.roots() == []
    assert exchange.facts(root) is None


def test_what_comes_too_late_does_not_bring_a_proposal_back(exchange: DirectoryExchange) -> None:
    """A validator that was looking into it when it was delivered."""
    root = exchange.propose(FACTS)
    exchange.remove(root)
    exchange.sign(root, SIGNER, b"\1" * 64)
    exchange.refuse(root, SIGNER, "not final", final=False)
    assert list(exchange.directory.iterdir()) == []


def test_a_proposal_has_one_order(exchange: DirectoryExchange) -> None:
    """Lane facts, set facts, restart facts: whoever proposes the same facts writes the same file."""
    root = exchange.propose([*FACTS, SetFact(3, b"\4" * 32), RestartFact(901, 902, 300)])
    data = json.loads(proposal_of(exchange, root).read_text())
    assert [fact["kind"] for fact in data["facts"]] == ["lane", "lane", "set", "set", "restart", "restart"]
    assert [fact.get("nonce") for fact in data["facts"]] == [7, 256, None, None, 8, 300]
    facts = exchange.facts(root)
    assert facts is not None
    assert facts == canonical(facts[::-1])


def test_signatures_and_refusals(exchange: DirectoryExchange) -> None:
    root = exchange.propose(FACTS)
    assert exchange.signers(root) == []
    assert exchange.refusals(root) == {}
    exchange.refuse(root, SIGNER, "not final\nyet\x1b[31m" + "!" * 1_000, final=False)
    assert exchange.refusals(root, final_only=True) == {}
    (reason,) = exchange.refusals(root).values()
    assert reason.startswith("not final yet [31m!")
    assert len(reason) <= 500
    exchange.sign(root, SIGNER, b"\5" * 64)
    assert exchange.signers(root) == [SIGNER]
    assert exchange.signature(root, SIGNER) == b"\5" * 64
    assert exchange.refusals(root) == {}


def _edited(exchange: DirectoryExchange, root: bytes, edit: object) -> None:
    path = proposal_of(exchange, root)
    data = json.loads(path.read_text())
    assert callable(edit)
    path.write_text(json.dumps(edit(data)))


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda data: {"facts": data["facts"][::-1]}, "ascending"),
        (lambda data: {"facts": data["facts"] + data["facts"][-1:]}, "ascending"),
        (lambda data: {"facts": data["facts"][1:]}, "do not hash"),
        (lambda data: {"facts": []}, "facts"),
        (lambda data: {"facts": data["facts"][:1] * (MAX_FACTS + 1)}, "facts"),
        (lambda data: {**data, "more": 1}, "more"),
        (lambda data: {"facts": [{**data["facts"][0], "nonce": "7"}]}, "nonce"),
        (lambda data: {"facts": [{**data["facts"][0], "nonce": -1}]}, "nonce"),
        (lambda data: {"facts": [{**data["facts"][0], "origin": 2**256}]}, "origin"),
        (lambda data: {"facts": [{**data["facts"][0], "head": "0x00"}]}, "head"),
        (lambda data: {"facts": [{**data["facts"][0], "kind": "other"}]}, "facts"),
        (lambda data: {"facts": [{**data["facts"][0], "kind": "restart"}]}, "head"),
        (lambda data: {"facts": [{**data["facts"][2], "version": 2**64}]}, "version"),
        (lambda data: {"facts": [{**data["facts"][2], "set_hash": "0x00"}]}, "set_hash"),
        (lambda data: {"facts": [{**data["facts"][3], "nonce": 2**64}]}, "nonce"),
        (lambda data: {"facts": [{**data["facts"][3], "destination": "902"}]}, "destination"),
        (lambda data: [], "the file"),
        (lambda data: "x" * (1 << 20), "larger than"),
    ],
)
def test_a_proposal_that_is_not_what_its_name_says_is_refused(
    exchange: DirectoryExchange, edit: object, error: str
) -> None:
    root = exchange.propose(FACTS)
    _edited(exchange, root, edit)
    with pytest.raises(Malformed, match=error):
        exchange.facts(root)


@pytest.mark.parametrize("kind", ["garbage", "link", "pipe", "directory", "nested"])
def test_files_that_would_hang_or_mislead_a_reader_are_refused(
    exchange: DirectoryExchange, kind: str
) -> None:
    root = exchange.propose(FACTS)
    path = proposal_of(exchange, root)
    copy = path.with_name("copy.json")
    path.rename(copy)
    if kind == "garbage":
        path.write_bytes(b"\xff\xfe{")
    elif kind == "link":
        path.symlink_to(copy)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_text("[" * 100_000)
    with pytest.raises(Malformed):
        exchange.facts(root)


def test_a_squatted_proposal_is_replaced(
    exchange: DirectoryExchange, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever foresees a root cannot keep it from being proposed."""
    path = proposal_of(exchange, Tree(FACTS).root)
    path.parent.mkdir()
    path.write_text("{}")
    root = exchange.propose(FACTS)
    assert set(exchange.facts(root) or ()) == set(FACTS)
    assert "replaced" in caplog.text


def test_malformed_signatures_are_ignored_with_one_warning(
    exchange: DirectoryExchange, caplog: pytest.LogCaptureFixture
) -> None:
    root = exchange.propose(FACTS)
    folder = exchange.directory / root.hex() / "signatures"
    folder.mkdir()
    path = folder / f"{SIGNER.lower()}.json"
    (folder / "readme.txt").write_text("not a signer")
    for content in ('{"signature": "0x00"}', "{}", "x" * 10_000, ""):
        path.write_text(content)
        with caplog.at_level(logging.WARNING):
            assert exchange.signature(root, SIGNER) is None
    assert exchange.signers(root) == [SIGNER]
    assert len(caplog.records) == 1
    assert str(path) in caplog.text


def test_other_entries_of_the_directory_are_no_proposals(exchange: DirectoryExchange) -> None:
    (exchange.directory / "notes").mkdir()
    (exchange.directory / ("g" * 64)).mkdir()
    assert exchange.roots() == []


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MetalayerError, match=r"cannot use .*file"):
        DirectoryExchange(tmp_path / "file" / "exchange")
