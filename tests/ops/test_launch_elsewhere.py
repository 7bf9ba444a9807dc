"""`ape metalayer launch` on a network that is not local: keyfiles, a node by its url that knows no test methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.cli import launch
from metalayer.network.config import Network, load_network
from metalayer.network.registry import Registry
from metalayer.services.launch_entry import read_preset
from tests.kit import profiles
from tests.kit.deployment import Deployment
from tests.kit.faults import Refuses
from tests.kit.launching import QUICK, node_of
from tests.kit.node import Node
from tests.kit.profiles import Profile
from tools.repository import repo_root

NOT_STANDARD = ("anvil_*", "evm_*", "debug_*", "eth_sendTransaction")


def refused(profile: Profile, *arguments: str) -> str:
    done = profile.run(launch, *arguments)
    assert done.exit_code == 1, done.output
    return done.stderr.splitlines()[-1].removeprefix("Error: ")


def test_it_is_deployed_by_keyfile_to_a_node_of_strangers(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with profiles.production(tmp_path, deployment.registry, monkeypatch) as profile:
        Path("quick.yaml").write_text(QUICK)
        Path("node_modules").symlink_to(repo_root() / "node_modules")
        before = Path("networks.yaml").read_text()
        chain = replace(
            load_network().chains["arcade"],
            name="chess",
            chain_id=905,
            base_port=9705,
            preset=read_preset(Path("quick.yaml")),
        )
        with node_of(chain, interval=True) as real, Node(real.url, [Refuses(*NOT_STANDARD)]) as node:
            wanted = ("chess", "--preset", "quick.yaml", "--url", node.url)
            assert "is of chain 905, not 906" in refused(profile, *wanted, "--chain-id", "906")
            assert "holders vote, nobody does for them" in refused(profile, *wanted, "--enact")
            assert Path("networks.yaml").read_text() == before

            assert refused(profile, *wanted) == (
                "who proposes, and whose ERA goes there and back? Expected `--account`"
            )
            assert "chess" in Registry.load(load_network()).chains, "whoever deploys need not propose"

            assert not load_network().is_local
            asked = {call.method for call in node.asked}
            assert not [one for one in asked if one.startswith(("anvil_", "evm_"))]


def test_a_local_network_stays_one(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node elsewhere would move its records to another folder, where nobody finds them."""
    with profiles.local(tmp_path, deployment.registry, monkeypatch) as profile:
        network: Network = load_network()
        said = refused(profile, "chess", "--preset", "game", "--url", network.hub.url)
        assert said.startswith(
            "network 'local' runs on this machine: with a node elsewhere it would be a real one"
        )
