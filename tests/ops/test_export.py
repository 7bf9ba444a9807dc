"""`ape metalayer deploy export`: what programs and contracts of others need of a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from metalayer.cli.deploy import cli
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.network.config import load_network
from metalayer.network.registry import Registry
from tools.repository import repo_root


@pytest.mark.usefixtures("deployment")
def test_exports_the_registry_and_the_abis_of_contracts_and_interfaces(tmp_path: Path) -> None:
    """`IMessageReturned` among them: senders implement it, and no contract that is deployed has its function alone."""
    result = CliRunner().invoke(cli, ["export", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    written = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "out").iterdir()
    }
    registry = Registry.load(load_network())
    assert written.pop("registry") == json.loads(registry.text())
    shipped = repo_root() / "metalayer" / "artifacts" / "interfaces"
    expected = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in shipped.glob("*.json")}
    expected |= {name: artifact.abi for name, artifact in load_artifacts(ARTIFACTS).items()}
    assert written == expected
    assert [entry["name"] for entry in written["IMessageReturned"]] == ["onMessageReturned"]
    assert f"{len(expected)} ABIs" in result.output
