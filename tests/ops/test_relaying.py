"""`ape metalayer relay` when something goes wrong: what it remembers, what it shows, and when it is an alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import relay
from metalayer.protocol.staking import TERM
from tests.kit.deployment import CREDIT, Deployment
from tests.kit.roles import RELAYER, SENDER
from tests.kit.strangers import deliver_junk


def run(command: Any, *arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(command.cli, list(arguments))


@pytest.fixture
def mesh(deployment: Deployment) -> Deployment:
    deployment.prepay(SENDER, CREDIT)
    return deployment


def test_what_can_never_end_is_shown_and_makes_no_alarm(mesh: Deployment, tmp_path: Path) -> None:
    """A notice of a message that nobody sent: `relay status` says so, with exit status 0, and so does `relay once`."""
    folder = tmp_path / "exchange"
    kept = ("--exchange", str(folder), "--memory", str(tmp_path / "relayer.sqlite"))
    deliver_junk(mesh, "perps", "hub", 1)
    mesh.send("hub", "arcade", recipient=RELAYER.address)
    with mesh.signing(DirectoryExchange(folder), tmp_path):
        mesh.finalize()
        for again in ((), (), ("--again",)):
            passed = run(relay, "once", *again, *kept)
            assert (passed.exit_code, passed.stderr) == (0, "")
        shown = run(relay, "status", "--json", *kept)
        assert shown.exit_code == 1, "perps never sent what the hub has"
        found = json.loads(shown.stdout)
        (put_off,) = found["put_off"]
        assert (put_off["kind"], put_off["failures"]) == ("refund", 2)
        assert put_off["reason"] == "hub sent no such message to perps"
        (book,) = found["books"]
        assert (book["account"], book["chain"]) == (RELAYER.address, mesh.id_of("arcade"))
        assert int(book["wei"]) > book["gas"] > 100_000
        assert book["earned"] > 0
        assert found["last_day"] == found["books"]
        table = run(relay, "status", *kept).stdout
        assert "Spent and earned" in table
        assert "Failed, and tried again later" in table


def test_a_relayer_without_ether_is_an_alarm(mesh: Deployment, tmp_path: Path) -> None:
    kept = ("--exchange", str(tmp_path / "exchange"), "--memory", str(tmp_path / "relayer.sqlite"))
    mesh.connections["arcade"].rpc("anvil_setBalance", RELAYER.address, "0x0")
    mesh.send("hub", "arcade", recipient=RELAYER.address)
    mesh.finalize()
    with mesh.signing(DirectoryExchange(tmp_path / "exchange"), tmp_path):
        poor = run(relay, "once", *kept)
    assert poor.exit_code == 1
    assert f"arcade: {RELAYER.address} has 0 ether" in poor.stderr


def test_a_pass_keeps_terms_and_says_so(mesh: Deployment, tmp_path: Path) -> None:
    """The table of a pass, its JSON, and what status says of the next set."""
    kept = ("--exchange", str(tmp_path / "exchange"), "--memory", str(tmp_path / "relayer.sqlite"))
    assert "validator set 2 follows from 20" in run(relay, "status", *kept).stdout
    mesh.pass_time(TERM)
    bounded = run(relay, "once", "--keeper-gas", "0", *kept)
    assert (bounded.exit_code, bounded.stdout) == (1, "nothing to deliver\n")
    assert "hub: for now it does not publish validator set 2: that takes" in bounded.stderr
    passed = run(relay, "once", "--json", *kept)
    assert passed.exit_code == 0, passed.stderr
    (hub,) = (one for one in json.loads(passed.stdout)["kept"] if one["done"])
    assert hub["done"] == ["publish validator set 2", "adopt validator set 2"]
    assert "hub: adopt validator set 2, " in passed.stderr
    mesh.finalize()
    with mesh.signing(DirectoryExchange(tmp_path / "exchange"), tmp_path):
        passed = run(relay, "once", *kept)
    assert passed.exit_code == 0, passed.stderr
    assert "Kept" in passed.stdout
    assert "social: bring validator set 2, " in passed.stdout
    found = json.loads(run(relay, "status", "--json", *kept).stdout)
    assert (found["term"]["version"], found["term"]["seated"]) == (2, 5)
    assert [one["version"] for one in found["sets"]] == [2, 2, 2, 2]


@pytest.mark.parametrize("command", ["once", "status"])
def test_a_memory_that_is_damaged_is_one_line(mesh: Deployment, tmp_path: Path, command: str) -> None:
    file = tmp_path / "relayer.sqlite"
    file.write_bytes(b"")
    refused = run(relay, command, "--exchange", str(tmp_path / "exchange"), "--memory", str(file))
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Error: the relayer's memory {file} cannot be read")
    assert file.read_bytes() == b""
