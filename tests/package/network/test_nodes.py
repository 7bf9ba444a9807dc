"""A chain through several nodes: who is asked, for how long, and when enough of them say the same."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from metalayer.errors import MetalayerError
from metalayer.network import nodes as module
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.nodes import Nodes, TooFew
from metalayer.network.rpc import BadAnswer


def nodes(number: int, agree: int = 0) -> Nodes:
    urls = tuple(f"http://127.0.0.1:{9_000 + i}" for i in range(number))
    return Nodes.of(Connection(replace(load_network().hub, nodes=urls, agree=agree)))


def saying(many: Nodes, *said: Any) -> Any:
    """A reader of what each node says, errors raised."""

    def read(connection: Connection) -> Any:
        what = said[many.connections.index(connection)]
        if isinstance(what, Exception):
            raise what
        return what

    return read


@pytest.mark.parametrize(("number", "agree"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_has_to_agree_if_nothing_else_is_said(number: int, agree: int) -> None:
    many = nodes(number)
    assert (len(many.connections), many.agree) == (max(1, number), agree)
    assert nodes(5, 4).agree == 4


def test_without_nodes_the_chains_own_is_read() -> None:
    hub = load_network().hub
    (only,) = Nodes.of(Connection(hub)).connections
    assert only.chain.url == hub.url


def test_every_node_begins_where_the_registry_says() -> None:
    connection = Connection(replace(load_network().hub, nodes=("http://one:1", "http://two:2")))
    connection.begins("0x" + "9A" * 20, 1_000)
    for one in Nodes.of(connection).connections:
        assert one.beginnings == {"0x" + "9a" * 20: 1_000}


def test_what_breaks_the_reader_is_the_nodes_fault() -> None:
    many = nodes(3)
    answers, faults = many.ask(saying(many, "a", BadAnswer("it lies"), RecursionError("too deep")))
    assert answers == {0: "a"}
    assert faults == {1: "it lies", 2: "its answer makes no sense: RecursionError"}


def test_only_those_that_are_named_are_asked() -> None:
    many = nodes(3)
    assert many.ask(saying(many, "a", "b", "c"), [0, 2]) == ({0: "a", 2: "c"}, {})


def test_enough_of_them_say_the_same() -> None:
    many = nodes(5)
    assert many.vote({0: "a", 1: "b", 2: "a", 3: "a"}) == "a"
    assert many.vote({0: "a", 1: "b", 2: "a", 3: "b"}) is None
    assert many.vote({0: "a", 1: "a"}) is None
    assert many.vote({}) is None


def test_too_few_is_one_line_with_what_is_wrong_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    many = nodes(3)
    for connection in many.connections:
        monkeypatch.setattr(connection, "ask", lambda request: many.chain.chain_id)
    assert many.agreed(saying(many, "a", "a", "b")) == "a"
    with pytest.raises(TooFew, match=r"^hub: its nodes disagree, 2 of 3 must say the same$"):
        many.agreed(saying(many, "a", "b", "c"))
    assert many.undecided
    with pytest.raises(TooFew) as caught:
        many.agreed(saying(many, "a", BadAnswer("it lies"), BadAnswer("it is gone")))
    assert str(caught.value) == (
        "hub: 1 of its 3 nodes answer as they should, 2 must agree (node 2: it lies; node 3: it is gone)"
    )
    monkeypatch.setattr(many.connections[0], "ask", lambda request: 7)
    with pytest.raises(TooFew, match=r"node 1: hub: its node is of chain 7"):
        many.agreed(saying(many, "a", "b", "a"))


def test_a_node_that_owes_an_answer_is_not_asked_again_and_waited_for_if_nobody_else_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.05)
    many, release, asked = nodes(3), threading.Event(), []

    def read(connection: Connection) -> str:
        place = many.connections.index(connection)
        asked.append(place)
        if place == 2 and asked.count(2) == 1:
            release.wait(5)
        return "a" if place else "b"

    assert many.ask(read) == ({0: "b", 1: "a"}, {2: "no answer in time"})
    assert many.ask(read) == ({0: "b", 1: "a"}, {2: "no answer in time"})
    assert asked.count(2) == 1
    many.undecided = True
    threading.Timer(0.1, release.set).start()
    assert many.ask(read) == ({0: "b", 1: "a", 2: "a"}, {})


def test_nobody_is_waited_for_longer_than_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    many, release = nodes(3), threading.Event()
    many.undecided = True
    started = time.monotonic()
    answers, faults = many.ask(lambda connection: release.wait(5))
    release.set()
    assert (answers, set(faults)) == ({}, {0, 1, 2})
    assert time.monotonic() - started < 1


def networks(tmp_path: Path, **entry: Any) -> Path:
    data = yaml.safe_load(Path("networks.yaml").read_text())
    data["presets"]["hub"] |= {"finality": entry.pop("finality", 2)}
    data["chains"]["hub"] |= entry
    path = tmp_path / "networks.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_nodes_and_how_many_must_agree_are_in_the_file(tmp_path: Path) -> None:
    urls = ["http://one:1", "http://two:2", "http://three:3"]
    hub = load_network(networks(tmp_path, nodes=urls)).hub
    assert (hub.nodes, hub.agree) == (tuple(urls), 0)
    assert load_network(networks(tmp_path, nodes=urls, agree=3)).hub.agree == 3


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"nodes": []}, "chains.hub.nodes: "),
        ({"nodes": ["http://one:1", "http://ONE:1/"]}, "nodes: one of them is there twice"),
        ({"nodes": ["http://one:1", "http://two:2"], "agree": 1}, "agree: expected more than half of the 2"),
        ({"nodes": ["http://one:1", "http://two:2"], "agree": 3}, "agree: expected more than half of the 2"),
        ({"agree": 1}, "agree: expected more than half of the 0 nodes"),
        ({"finality": "latest"}, "finality: expected `finalized`, `safe` or a number of blocks"),
        ({"finality": -1}, "finality: expected `finalized`, `safe` or a number of blocks"),
        ({"finality": True}, "finality: expected `finalized`, `safe` or a number of blocks"),
        ({"finality": 1.5}, "finality: expected `finalized`, `safe` or a number of blocks"),
    ],
)
def test_nodes_that_cannot_agree_and_odd_finality_are_refused(
    tmp_path: Path, entry: dict[str, Any], error: str
) -> None:
    with pytest.raises(MetalayerError) as caught:
        load_network(networks(tmp_path, **entry))
    assert error in str(caught.value)


@pytest.mark.parametrize(("finality", "depth"), [(0, 0), (12, 12), ("finalized", 64), ("safe", 32)])
def test_finality_is_a_tag_or_a_depth(tmp_path: Path, finality: int | str, depth: int) -> None:
    preset = load_network(networks(tmp_path, finality=finality)).hub.preset
    assert (preset.finality, preset.finality_depth) == (finality, depth)
