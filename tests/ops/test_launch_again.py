"""`ape metalayer launch` after its proposal came to nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metalayer.cli import launch
from metalayer.protocol.governor import ProposalState
from tests.kit import profiles
from tests.kit.deployment import Deployment
from tests.kit.faults import Every
from tests.kit.polling import AGAINST, PROPOSER, Polling
from tools.repository import repo_root


def phase(done: Any, name: str) -> tuple[str, str]:
    found = next(one for one in json.loads(done.stdout)["phases"] if one["name"] == name)
    return found["state"], found["what"]


def test_after_a_proposal_that_was_voted_down_comes_the_next_one(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this one, all that perps lacks is its limits. What the proposal says that comes to nothing is no matter."""
    with profiles.production(tmp_path, deployment.registry, monkeypatch) as profile:
        for one in profile.nodes.values():
            one.faults = [fault for fault in one.faults if not isinstance(fault, Every)]
        limits = {"token": "ERA", "on": "hub", "with": "perps", "out": 7_000, "in": 8_000, "window": "1 day"}
        profile.declare(bridge={"limits": [limits]})
        Path("node_modules").symlink_to(repo_root() / "node_modules")
        polling = Polling(deployment, Path.cwd())
        polling.settle()
        motion = polling.propose(name="001-join-perps")
        polling.cast(motion, "hub", PROPOSER, AGAINST)
        polling.reach(polling.vote(motion).deadline + 1)
        deployment.finalize()
        assert polling.vote(motion).state is ProposalState.DEFEATED
        over = "proposal 001-join-perps was voted down"

        planned = profile.run(launch, "perps", "--plan", "--json")
        assert phase(planned, "proposal") == ("to do", f"{over}: the next one is written and rehearsed")
        assert phase(planned, "vote") == ("to do", "holders vote")
        alone = profile.run(launch, "perps")
        assert alone.exit_code == 1
        assert alone.stderr.splitlines()[-1] == (
            f"Error: {over}: `ape metalayer launch perps --account ACCOUNT` writes the next one, for ACCOUNT to propose"
        )
        assert not Path("proposals/002-join-perps").exists()

        who = profile.account(PROPOSER)
        again = profile.run(launch, "perps", "--account", who, "--json")
        assert again.exit_code == 0, again.stderr
        assert phase(again, "proposal") == (
            "done",
            f"{over}; 002-join-perps is built, and its rehearsal passes: say in its README.md what is different now, "
            "and propose it",
        )
        assert phase(again, "vote") == ("waits", "proposal 002-join-perps is not proposed yet")
        assert f"ape metalayer propose submit 002 --account {who}" in json.loads(again.stdout)["next"]
        said = Path("proposals/002-join-perps/README.md").read_text()
        assert "001-join-perps asked for the same, and was not executed." in said
