"""The figures of scale and the page that shows them, as far as that needs no chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.scale import _TABLE, _TABLES, SIZES, with_tables
from benchmarks.sizes import Size, write
from metalayer.deploy.intent import load_intent
from metalayer.deploy.routes import lanes
from metalayer.network.config import load_network
from tools.repository import repo_root

PAGE = repo_root() / "docs" / "scale.md"


def test_the_page_shows_the_committed_figures() -> None:
    figures = json.loads((repo_root() / "benchmarks" / "scale.json").read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text, figures) == text
    assert sorted(match[2] for match in _TABLE.finditer(text)) == sorted(_TABLES)
    assert list(figures["networks"]) == sorted(size.name for size in SIZES)


@pytest.mark.parametrize("size", SIZES, ids=[size.name for size in SIZES])
def test_a_network_of_any_size_is_two_files(
    size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(size, tmp_path)
    network, intent = load_network(), load_intent()
    assert list(network.chains) == size.names
    assert network.hub.name == size.names[0]
    found = lanes(intent.routes, intent.direct, intent.closed, network, intent.fault)
    assert len(found) == size.lanes
    assert all(found.values())
