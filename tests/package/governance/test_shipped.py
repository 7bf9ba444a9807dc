"""The proposals that ship: each is built, on chains that run here and with chess beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from metalayer.governance.build import build, rehearsed
from metalayer.governance.built import Built
from metalayer.governance.files import proposals_dir, read
from metalayer.network.config import load_network
from metalayer.protocol.decisions import NOTHING
from tests.kit.proposing import Desk, PaperChains
from tools.repository import repo_root

WARNED = {"010-strike": ["TokenBridge.strike on hub", "TokenBridge.strike on perps"]}
"""Of which calls there is something to say."""
FOLDERS = sorted(path.parent for path in (repo_root() / "proposals").glob("*/proposal.yml"))


@pytest.fixture
def shipped(tmp_path: Path) -> Desk:
    """Names of a network with a fifth chain."""
    content = yaml.safe_load((repo_root() / "networks.yaml").read_text(encoding="utf-8"))
    content["chains"]["chess"] = {"chain_id": 905, "port": 9705, "preset": "game"}
    path = tmp_path / "networks.yaml"
    path.write_text(yaml.safe_dump(content))
    return Desk(tmp_path, load_network(path))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_is_built(shipped: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _before(shipped, folder, monkeypatch)
    proposal = read(folder, shipped.network)
    built = build(proposal, shipped.names, PaperChains())
    warned = [warning.partition(": ")[2].partition(":")[0] for warning in built.warnings]
    assert warned == WARNED.get(folder.name, [])
    # One message for each chain, and something that is rehearsed everywhere.
    acting = set(built.actions_by_chain("hub"))
    assert len({one.chain for one in built.decisions}) == len(built.decisions)
    held = rehearsed(proposal, shipped.names)
    assert {chain for chain, some in held.items() if some} >= acting
    assert set(proposal.writes) >= acting


def _before(shipped: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it refers to is built."""
    if folder.name != "008-leave-gateway":
        return
    (earlier,) = [one for one in FOLDERS if one.name == "007-accept-gateway"]
    built = build(read(earlier, shipped.network), shipped.names, PaperChains())
    load = Built.load
    monkeypatch.setattr(Built, "load", lambda where: built if where == earlier else load(where))


def test_leaving_a_gateway_waits_for_accepting_the_next_one(
    shipped: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repo_root() / "proposals" / "008-leave-gateway"
    _before(shipped, folder, monkeypatch)
    built = build(read(folder, shipped.network), shipped.names, PaperChains())
    waiting = {one.chain for one in built.decisions if one.precedent != NOTHING}
    assert waiting == {"arcade", "perps", "social"}
    # What is decided in it leaves through the new one.
    names = [action.function.partition("(")[0] for action in built.actions]
    assert names.index("setGateway") < names.index("decide")


def test_numbers_follow_each_other() -> None:
    assert proposals_dir() == repo_root() / "proposals"
    assert [int(folder.name[:3]) for folder in FOLDERS] == list(range(1, len(FOLDERS) + 1))
