"""`ape metalayer relay` when something goes wrong: what it remembers, what it shows, and when it is an alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import message, relay
from tests.kit.deployment import CREDIT, Deployment
from tests.kit.roles import RELAYER, SENDER
from tests.kit.scripted import OnReturn
from tests.kit.strangers import SET_BEHAVIOUR, send_as, sending_contract

HOUR = 3_600


def run(command: Any, *arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(command.cli, list(arguments))


@pytest.fixture
def mesh(deployment: Deployment) -> Deployment:
    deployment.prepay(SENDER, CREDIT)
    return deployment


def test_a_dead_message_is_shown_and_makes_no_alarm(mesh: Deployment, tmp_path: Path) -> None:
    """Its refund fails: `relay once` and `status` say so with exit status 0, and `message` says why."""
    folder = tmp_path / "exchange"
    where = ("--exchange", str(folder))
    kept = (*where, "--memory", str(tmp_path / "relayer.sqlite"))
    contract = sending_contract(mesh, "ScriptedSender", SET_BEHAVIOUR.encode(OnReturn.REVERT))
    (dead,) = send_as(mesh, contract, "arcade", mesh.connections["hub"].block().time + 2 * HOUR)
    mesh.pass_time(3 * HOUR)
    with mesh.signing(DirectoryExchange(folder), tmp_path):
        for _ in range(2):
            mesh.finalize()
            passed = run(relay, "once", *kept)
            assert passed.exit_code == 0, passed.output
        assert f"hub: refunding message {dead}: " in passed.stderr
        mesh.finalize()
        idle = run(relay, "once", *kept)
        assert (idle.exit_code, idle.stderr) == (0, "")
        again = run(relay, "once", "--again", "--json", *kept)
        assert again.exit_code == 0
        (line,) = [line for one in json.loads(again.stdout)["settled"] for line in one["put_off"]]
        assert line.startswith(f"hub: refunding message {dead}: ")

        shown = run(relay, "status", "--json", *kept)
        assert shown.exit_code == 0
        found = json.loads(shown.stdout)
        (put_off,) = found["put_off"]
        assert (put_off["kind"], put_off["item"], put_off["failures"]) == ("refund", dead, 2)
        books = {book["chain"]: book for book in found["books"]}
        assert books[mesh.id_of("arcade")]["account"] == RELAYER.address
        assert int(books[mesh.id_of("arcade")]["wei"]) > books[mesh.id_of("arcade")]["gas"] > 100_000
        assert books[mesh.id_of("arcade")]["earned"] > 0
        assert found["last_day"] == found["books"]
        table = run(relay, "status", *kept)
        assert table.exit_code == 0
        assert "Spent and earned" in table.stdout
        assert "Failed, and tried again later" in table.stdout
        named = json.loads(run(message, dead, "--json", *where).stdout)
        assert named["state"] == "returning"
        assert f"its refund cannot succeed now: the sender {contract} refuses" in named["reason"]


def test_a_relayer_without_ether_is_an_alarm(mesh: Deployment, tmp_path: Path) -> None:
    kept = ("--exchange", str(tmp_path / "exchange"), "--memory", str(tmp_path / "relayer.sqlite"))
    mesh.connections["arcade"].rpc("anvil_setBalance", RELAYER.address, "0x0")
    mesh.send("hub", "arcade", recipient=RELAYER.address)
    mesh.finalize()
    with mesh.signing(DirectoryExchange(tmp_path / "exchange"), tmp_path):
        poor = run(relay, "once", *kept)
    assert poor.exit_code == 1
    assert f"arcade: {RELAYER.address} has 0 ether" in poor.stderr


@pytest.mark.parametrize("command", ["once", "status"])
def test_a_memory_that_is_damaged_is_one_line(mesh: Deployment, tmp_path: Path, command: str) -> None:
    file = tmp_path / "relayer.sqlite"
    file.write_bytes(b"")
    refused = run(relay, command, "--exchange", str(tmp_path / "exchange"), "--memory", str(file))
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Error: the relayer's memory {file} cannot be read")
    assert file.read_bytes() == b""
