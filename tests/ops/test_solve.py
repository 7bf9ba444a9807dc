"""`ape metalayer solve` and `ape metalayer transfer front | claim`, as a solver runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import solve, transfer
from metalayer.network.locks import exclusive
from metalayer.protocol.hex import to_hex
from tests.kit import profiles
from tests.kit.deployment import ERA, Deployment
from tests.kit.passes import relay
from tests.kit.profiles import Profile
from tests.kit.roles import PAUPER
from tests.kit.solving import AMOUNT, FUNDS, HOUR, KEPT, RECIPIENT, SOLVER, USER, Solving

QUICK = "least_time: 30 minutes\nclaim_before: 20 minutes\n"
PATIENCE = 60


@pytest.fixture
def world(deployment: Deployment) -> Solving:
    return Solving.of(deployment)


@pytest.fixture
def here(world: Solving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Profile]:
    """On a machine of one's own, with a policy for short transfers."""
    with profiles.local(tmp_path, world.mesh.registry, monkeypatch) as opened:
        Path("solve.yaml").write_text(QUICK)
        yield opened


def once(profile: Profile, *arguments: str) -> Any:
    result = profile.run(
        solve, "once", "--policy", "solve.yaml", "--account", profile.account(SOLVER), "--json", *arguments
    )
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# Passes


def test_a_first_front(world: Solving, profile: Profile) -> None:
    """As on a machine of one's own and as in production: in words, as JSON, and from the chains alone."""
    account = profile.account(SOLVER)
    nothing = profile.run(solve, "once", "--account", account)
    assert (nothing.exit_code, nothing.stdout) == (0, "nothing to front\n"), nothing.stderr
    id_ = world.final("hub", "arcade")
    fronted = profile.run(solve, "once", "--account", account)
    assert fronted.exit_code == 0, fronted.stderr
    (line,) = fronted.stdout.splitlines()
    assert line.startswith(f"fronted {to_hex(id_)[:10]}…")
    assert f"hub to arcade: 99 ERA to {RECIPIENT.address}, 1 ERA kept, " in line
    shown = profile.run(solve, "status", "--account", account, "--json")
    assert shown.exit_code == 0, shown.stderr
    found = json.loads(shown.stdout)
    (era,) = found["tokens"]
    assert era == {
        "token": {"home": "hub", "address": world.mesh.era},
        "fronts": 1,
        "paid": str(AMOUNT - KEPT),
        "back": "0",
        "out": str(AMOUNT - KEPT),
        "lost": "0",
        "gain": "0",
    }
    (chain,) = found["chains"]
    assert (chain["chain"], chain["fronts"], chain["claims"]) == ("arcade", 1, 0)
    assert int(chain["wei"]) >= chain["gas"] > 0
    (out,) = found["out"]
    assert (out["id"], out["state"], out["claimed"]) == (to_hex(id_), "out", False)
    table = profile.run(solve, "status", "--account", account).stdout
    assert "99 ERA" in table
    assert "hub → arcade" in table


def test_what_is_left_is_said(world: Solving, here: Profile) -> None:
    token = world.wrap("hub", USER, ERA)
    world.send("hub", "arcade", ERA, token=token.address)
    Path("solve.yaml").write_text(QUICK + "tokens: { ERA: { least_profit: 2 % } }\n")
    id_ = world.final("hub", "arcade")
    found = once(here)
    assert found["fronted"] == []
    assert sorted(found["left"]) == [
        f"token {token.address} of chain 901 is not trusted: transfers of it are passed by",
        f"transfer {to_hex(id_)[:10]}…{to_hex(id_)[-4:]}: it brings {KEPT}, less than {2 * KEPT}",
    ]


def test_any_token_is_fronted_only_with_a_warning(world: Solving, here: Profile, tmp_path: Path) -> None:
    token = world.wrap("hub", USER, 3 * ERA)
    world.send("hub", "arcade", 2 * ERA, token=token.address, to=SOLVER.address, tip=0)
    relay(world.mesh, DirectoryExchange(tmp_path / "exchange"), tmp_path, 1)
    world.final("hub", "arcade", ERA, token=token.address)
    account = here.account(SOLVER)
    passed_by = here.run(solve, "once", "--policy", "solve.yaml", "--account", account)
    assert "is not trusted" in passed_by.stderr
    fronted = here.run(solve, "once", "--policy", "solve.yaml", "--account", account, "--any")
    assert "warning: every token is fronted, whoever made it (--any)\n" in fronted.stderr
    assert "fronted 0x" in fronted.stdout


def test_a_policy_that_is_wrong_is_one_line(world: Solving, here: Profile) -> None:
    Path("solve.yaml").write_text("tokens:\n  ERA: { least_profi: 1 }\n")
    refused = here.run(solve, "once", "--policy", "solve.yaml", "--account", here.account(SOLVER))
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        "Error: solve.yaml:2: tokens.ERA.least_profi: unknown name, did you mean"
    )


def test_only_one_solver_of_an_account_runs(world: Solving, here: Profile) -> None:
    from metalayer.network.live import Live

    lock = Live.open().folder() / f"solver-{SOLVER.address.lower()}.lock"
    with exclusive(lock, "taken"):
        refused = here.run(solve, "once", "--account", here.account(SOLVER))
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: a solver with {SOLVER.address} is running already: pid ")


# A process


@contextmanager
def watching(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A real `solve watch`, which prints JSON. Killed at the end, if it still runs."""
    program = "from metalayer.cli.solve import cli; cli()"
    options = ["--policy", "solve.yaml", "--account", SOLVER.alias, "--every", "0.1", "--json", *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "watch", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"solving for {SOLVER.address} on hub, arcade, ")
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_a_process_that_is_killed_is_followed_by_one_that_goes_on(
    world: Solving, here: Profile, tmp_path: Path
) -> None:
    """The first fronts and is killed. The second fronts nothing twice, sees the arrival, and says what it brought."""
    with watching() as first:
        world.final("hub", "arcade")
        fronted = line_of(first)
        assert (fronted["event"], fronted["paid"]) == ("fronted", str(AMOUNT - KEPT))
        first.send_signal(signal.SIGKILL)
        first.wait(PATIENCE)
    with watching() as second:
        world.final("hub", "perps")
        assert (line_of(second)["end"], world.held("arcade", RECIPIENT)) == ("perps", AMOUNT - KEPT)
        relay(world.mesh, DirectoryExchange(tmp_path / "exchange"), tmp_path, 1)
        ended = [line_of(second), line_of(second)]
        assert sorted((one["state"], one["end"]) for one in ended) == [
            ("arrived", "arcade"),
            ("arrived", "perps"),
        ]
        second.send_signal(signal.SIGTERM)
        summary = line_of(second)
        assert second.wait(PATIENCE) == 0
    assert summary["event"] == "summary"
    assert [one["gain"] for one in summary["tokens"]] == [str(2 * KEPT)]
    assert world.held("arcade", SOLVER) == FUNDS + KEPT


# One transfer by hand


def test_one_transfer_is_fronted_and_claimed_by_hand(world: Solving, here: Profile, tmp_path: Path) -> None:
    id_ = to_hex(world.final("arcade", "perps", deadline=world.deadline("arcade", 2 * HOUR)))
    account = here.account(SOLVER)
    fronted = here.run(transfer, "front", id_, "--account", account)
    assert fronted.exit_code == 0, fronted.stderr
    assert "way       arcade → hub → perps\n" in fronted.stdout
    assert f"pays      99 ERA on perps to {RECIPIENT.address}\n" in fronted.stdout
    assert "keeps     1 ERA, before gas\n" in fronted.stdout
    assert world.held("perps", RECIPIENT) == AMOUNT - KEPT
    again = here.run(transfer, "front", id_, "--account", account)
    assert (again.exit_code, f"{SOLVER.address} fronted it" in again.stderr) == (1, True)
    claimed = here.run(transfer, "claim", id_, "--account", account, "--json")
    assert claimed.exit_code == 0, claimed.stderr
    found = json.loads(claimed.stdout)
    assert (found["start"], found["end"]) == ("arcade", "perps")
    early = here.run(transfer, "claim", id_, "--account", account)
    assert "a claim of it was sent, and has not arrived" in early.stderr
    relay(world.mesh, DirectoryExchange(tmp_path / "exchange"), tmp_path, 2)
    late = here.run(transfer, "claim", id_, "--account", account)
    assert "has ended (arrived): nothing can be claimed" in late.stderr


def test_what_cannot_be_fronted_by_hand_is_one_line(world: Solving, here: Profile) -> None:
    account = here.account(SOLVER)
    unknown = here.run(transfer, "front", "0x" + "11" * 32, "--account", account)
    assert unknown.stderr.startswith("Error: no chain shows a transfer 0x1111")
    plain = world.final("hub", "arcade", tip=0)
    refused = here.run(transfer, "front", to_hex(plain), "--account", account)
    assert "is no transfer with a tip: nobody can front it" in refused.stderr
    early = world.send("hub", "arcade")
    refused = here.run(transfer, "front", to_hex(early), "--account", account)
    assert refused.exit_code == 1
    assert "its start does not show it" in refused.stderr
    poor = here.run(transfer, "front", to_hex(early), "--account", here.account(PAUPER))
    assert f"{AMOUNT - KEPT} are needed, 0 are free" in poor.stderr
    assert world.held("arcade", RECIPIENT) == 0
