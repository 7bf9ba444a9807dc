"""`ape metalayer watch`, as a reporter runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import watch
from metalayer.protocol import slasher
from metalayer.protocol.attestation import compact
from metalayer.protocol.facts import Fact, LaneFact
from tests.kit import profiles
from tests.kit.deployment import Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import RIVAL, VALIDATORS

HEADS = [bytes([n]) * 32 for n in (1, 2)]
LIAR = 4


@pytest.fixture
def here(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Profile]:
    """On a machine of one's own."""
    with profiles.local(tmp_path, deployment.registry, monkeypatch) as opened:
        yield opened


def sign(mesh: Deployment, exchange: DirectoryExchange, *facts: Fact) -> None:
    root = exchange.propose(facts)
    key = VALIDATORS[LIAR]
    exchange.sign(root, key.address, compact(key.account.unsafe_sign_hash(mesh.domain.digest(root))))


def cases(mesh: Deployment) -> int:
    court = mesh.registry.address("Slasher")
    return len(mesh.connections["hub"].ask(slasher.CASE_OPENED.logs(court)))


def test_a_reporters_first_case(deployment: Deployment, profile: Profile) -> None:
    exchange = DirectoryExchange(Path("exchange"))
    arguments = ("--once", "--exchange", "exchange", "--account", profile.account(RIVAL))
    nothing = profile.run(watch, *arguments)
    assert (nothing.exit_code, nothing.stderr) == (0, "")
    assert nothing.stdout == "0 new signatures of 0, under them 0 facts: 0 cases opened\n"
    for head in HEADS:
        sign(deployment, exchange, LaneFact(902, 903, 900_000, head))
    sign(deployment, exchange, LaneFact(901, 903, 900_000, HEADS[0]))
    found = profile.run(watch, *arguments)
    assert (found.exit_code, found.stderr) == (0, "")
    line, total = found.stdout.splitlines()
    assert line.startswith("case 0x")
    about = "opened against validator 5: (a) two facts of one place: arcade → perps, place 900000, "
    assert about in line
    assert total == "3 new signatures of 3, under them 3 facts: 1 cases opened"
    again = profile.run(watch, *arguments, "--json")
    assert (again.exit_code, again.stderr) == (0, "")
    assert json.loads(again.stdout) == {
        "signatures": {"new": 0, "known": 3},
        "facts": 3,
        "opened": [],
        "problems": [],
    }
    assert cases(deployment) == 1


def test_it_runs_until_it_is_told_to_end(deployment: Deployment, here: Profile) -> None:
    """A real process: a line for the case, as JSON, once."""
    exchange = DirectoryExchange(Path("exchange"))
    program = "from metalayer.cli.watch import cli; cli()"
    arguments = ["--exchange", "exchange", "--account", RIVAL.alias, "--every", "0.1", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith("watching exchange and hub, arcade, perps, social")
        sign(deployment, exchange, LaneFact(901, 903, 900_000, HEADS[0]))
        case = json.loads(process.stdout.readline())
        assert (case["validator"], case["kind"], case["nonce"]) == (5, "false_place", 900_000)
        sign(deployment, exchange, LaneFact(901, 903, 900_001, HEADS[0]))
        assert json.loads(process.stdout.readline())["nonce"] == 900_001
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, "")
    assert err == "the watch ended\n"
    assert cases(deployment) == 2


def test_an_account_without_ether_is_a_problem_of_one_line(deployment: Deployment, here: Profile) -> None:
    exchange = DirectoryExchange(Path("exchange"))
    sign(deployment, exchange, LaneFact(901, 903, 900_000, HEADS[0]))
    deployment.connections["hub"].rpc("anvil_setBalance", RIVAL.address, "0x0")
    result = here.run(watch, "--once", "--exchange", "exchange", "--account", RIVAL.alias)
    assert result.exit_code == 1
    (problem,) = result.stderr.splitlines()
    assert problem.startswith(f"hub: {RIVAL.address} has 0 ether, and a transaction needs up to ")
    assert cases(deployment) == 0
