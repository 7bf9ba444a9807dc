"""`ape run demo`: everything real, with faster blocks; and whatever happens, no process stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo import story as demo
from demo.stakes import Forwarded, Stakes, ValidatorBooks
from demo.summary import as_dict, print_summary
from demo.terms import DELEGATED
from metalayer.cli.display import console
from metalayer.errors import MetalayerError
from metalayer.network.config import Network, load_network
from metalayer.network.workspace import OFFSET_VARIABLE, port_offset, state_dir
from tools.repository import repo_root

FAST = 0.1
ERA = 10**18


@pytest.fixture
def fast() -> Network:
    """The chains of networks.yaml, only faster."""
    network = load_network()
    chains = {
        name: replace(chain, preset=chain.preset.model_copy(update={"block_time": FAST}))
        for name, chain in network.chains.items()
    }
    return replace(network, chains=chains, hub=chains[network.hub.name])


@pytest.fixture
def own_offset() -> Iterator[None]:
    """The demo moves this process to its own ports: back again."""
    before = os.environ[OFFSET_VARIABLE]
    yield
    os.environ[OFFSET_VARIABLE] = before


def children() -> list[str]:
    """Command lines of processes that belong to the demo of these tests: its chains and its validators."""
    ports = [str(chain.port + demo.PORT_DISTANCE) for chain in load_network().chains.values()]
    offset = f"{OFFSET_VARIABLE}={port_offset() + demo.PORT_DISTANCE}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            ours = offset in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_chain = "anvil" in line and any(f"--port {port} " in line for port in ports)
        if is_chain or (ours and " run validate " in line):
            found.append(line)
    return found


@pytest.mark.usefixtures("own_offset")
def test_everything_reconciles_and_nothing_stays(fast: Network, chains: object) -> None:
    """P1, P4, P5: every message ended exactly once; the books balance; relayer and stake earned."""
    before = port_offset()
    summary = demo.run(console(quiet=True), fast)
    assert [sentence for sentence, holds in summary.checks if not holds] == []
    assert summary.reconciles
    assert summary.books.chains["arcade"].credit(summary.relayer) > 0
    assert all(chain.credit(summary.user) > 0 for chain in summary.books.chains.values())
    stakes = summary.stakes
    # A set for every three days: the proposal takes 16.
    assert (stakes.version, stakes.behind) == (6, [])
    assert summary.enacted.weights["arcade"] > 0
    assert [one.weight for one in stakes.validators.values()] == [
        200_000 * ERA + DELEGATED,
        *[200_000 * ERA] * 4,
    ]
    assert all(one.earned > 0 for one in stakes.validators.values())
    assert [id_ for id_, one in stakes.validators.items() if one.delegator_earned] == [1]
    data = as_dict(summary)
    assert data["reconciles"] is True
    assert {step["kind"] for step in data["steps"]} == {
        "send 32 bytes",
        "deliver them",
        "fail",
        "retry",
        "lock ERA and send",
        "burn ERA and send",
        "mint ERA on arrival",
        "release ERA on arrival",
        "forward ERA",
        "front ERA",
        "mint ERA that was fronted, on arrival",
        "lock a coin and send",
        "burn a coin and send",
        "mint a coin on arrival",
        "release a coin on arrival",
        "forward a coin",
    }
    assert (data["proposal"]["fees_before"], data["proposal"]["fees_after"]) == (
        [200_000, 1_000],
        [100_000, 500],
    )
    fronted = data["fronted"]
    assert (fronted["start"], fronted["end"]) == ("arcade", "perps")
    assert 0 < fronted["paid_after"] < fronted["arrived_after"]
    assert int(fronted["gained"]) == int(fronted["amount"]) - int(fronted["paid"]) > 0
    assert data["stakes"]["validators"]["1"]["delegated"] == str(DELEGATED)
    print_summary(summary, console(quiet=True))
    os.environ[OFFSET_VARIABLE] = str(before)
    assert children() == []


STAKES = Stakes(
    now=1_000 + 3 * 86_400,
    version=2,
    validators={
        1: ValidatorBooks(own=300, delegated=100, weight=400, earned=150 * ERA, delegator_earned=50 * ERA),
        2: ValidatorBooks(own=200, delegated=0, weight=200, earned=100 * ERA, delegator_earned=0),
    },
    held=600,
    accounted=700 * ERA,
    balance=700 * ERA,
    behind=[],
)


@pytest.mark.parametrize(
    ("change", "false"),
    [
        ({}, []),
        ({"behind": ["perps"]}, [0]),
        ({"held": 599}, [1]),
        ({"balance": 700 * ERA - 1}, [2]),
        ({"accounted": 700 * ERA + 1}, [2]),
        ({"now": STAKES.now - 1}, [3]),
        ({"now": STAKES.now + 1}, [3]),
    ],
)
def test_a_wei_of_stake_or_rewards_that_is_elsewhere_is_seen(
    change: dict[str, Any], false: list[int]
) -> None:
    """700 ERA stream in seven days: in three, 300 are earned."""
    checks = replace(STAKES, **change).checks(600, Forwarded(swept=707 * ERA, amount=700 * ERA, at=1_000))
    assert [place for place, (_, holds) in enumerate(checks) if not holds] == false


def test_interrupted_it_leaves_no_process() -> None:
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("ape")), "run", "demo"],
        cwd=repo_root(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "validators" in line:
                break
        assert children(), "the demo was running"
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(30) != 0
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    assert "Traceback" not in rest
    assert children() == []


@pytest.mark.usefixtures("own_offset")
def test_a_failure_in_the_middle_leaves_no_process(
    fast: Network, chains: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = port_offset()

    def kill_a_chain(*_: object) -> None:
        pid = int((state_dir() / "perps.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        while "anvil" in Path(f"/proc/{pid}/cmdline").read_text():
            time.sleep(0.01)

    monkeypatch.setattr(demo._Demo, "_start_validators", kill_a_chain)
    with pytest.raises(MetalayerError, match="perps is unreachable"):
        demo.run(console(quiet=True), fast)
    os.environ[OFFSET_VARIABLE] = str(before)
    assert children() == []
    assert not [thread for thread in threading.enumerate() if "watch" in thread.name]
