"""`ape metalayer localnet skip`: weeks pass on all chains, and no validator set expires."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import localnet
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.protocol import gateway, staking
from metalayer.services import local
from metalayer.staking.standing import read_standing
from tests.kit.deployment import CREDIT, Deployment
from tests.kit.paper import DAY
from tests.kit.roles import SENDER, VALIDATORS


@pytest.fixture
def mesh(deployment: Deployment) -> Deployment:
    deployment.prepay(SENDER, CREDIT)
    deployment.place_recipients()
    return deployment


@pytest.fixture
def own_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What is signed here must bind no other test: the chains forget it."""
    monkeypatch.setattr(Live, "folder", lambda live: tmp_path)
    return tmp_path


def skip(duration: str) -> str:
    result = CliRunner(mix_stderr=False).invoke(localnet.cli, ["skip", duration])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_two_weeks_pass_and_every_chain_has_the_set_that_is_due(mesh: Deployment, own_records: Path) -> None:
    """A set signs for ten days: who moved the clocks at once would need the recovery."""
    before = {name: one.block().time for name, one in mesh.connections.items()}
    (sent,) = mesh.send("hub", "arcade")
    assert skip("14d").startswith("the chains are at 20")
    for name, connection in mesh.connections.items():
        assert 14 * DAY <= connection.block().time - before[name] < 14 * DAY + 3_600, name
    hub = mesh.connections["hub"]
    version = hub.view(mesh.staking, staking.SET_VERSION)
    assert version == 1 + 14 // 3
    newest = hub.view(mesh.staking, staking.SET_HASH, version)
    assert {one.view(mesh.gateway, gateway.VALIDATOR_SET_HASH) for one in mesh.connections.values()} == {
        newest
    }
    assert mesh.inbox("hub", "arcade")[0] == sent.message.nonce, "what is pending is delivered meanwhile"
    term_before = hub.block().time - 4 * DAY
    for validator in VALIDATORS:
        found = hub.view(mesh.staking, staking.VALIDATOR, read_standing(mesh, validator.address).validator)
        assert found.seat, "who checks in keeps its seat"
        assert found.alive_at > term_before


def test_a_key_that_has_a_process_is_left_to_it(
    mesh: Deployment, own_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live.open()
    with local.local_validators(live, DirectoryExchange.of(live)) as first:
        assert {one.address for one in first} == {role.address for role in VALIDATORS}
        with local.local_validators(live, DirectoryExchange.of(live)) as second:
            assert second == []


def test_a_set_that_cannot_follow_is_one_line(
    mesh: Deployment, own_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.services.crew._QUORUM_TIMEOUT", 1.0)
    live = Live.open()
    with local.local_validators(live, DirectoryExchange.of(live)):
        # Their records are taken, by validators that read another exchange.
        monkeypatch.setattr(Live, "folder", lambda live: own_records / "elsewhere")
        monkeypatch.setattr(
            local,
            "record_file",
            lambda folder, key, elders: own_records / "records" / f"{key.lower()}.sqlite",
        )
        result = CliRunner(mix_stderr=False).invoke(localnet.cli, ["skip", "4d"])
    assert result.exit_code == 1
    assert "no quorum of validator set 1 for 2" in result.stderr
    assert result.stderr.count("\n") == 1


def test_nobody_moves_the_clock_of_a_real_chain() -> None:
    network = load_network()
    far = replace(network.chains["perps"], base_port=None, remote_url="https://perps.example")
    with pytest.raises(MetalayerError, match="perps is not a local chain"):
        local.skip(replace(network, chains={**network.chains, "perps": far}), DAY, lambda seconds: None)


@pytest.mark.parametrize("text", ["", "14", "14 d", "-1d", "0d", "1.5d", "400d", "٣d", "2w"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    result = CliRunner(mix_stderr=False).invoke(localnet.cli, ["skip", "--", text])
    assert result.exit_code == 2
    assert "expected a time such as 14d, 36h, 90m or 30s, up to 366d" in result.stderr
