"""`ape metalayer launch` is killed, refused, or done by two: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from metalayer.deploy.journal import Journal
from metalayer.governance.built import Built
from metalayer.network import edits
from metalayer.network.config import Chain, load_network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.locks import exclusive
from metalayer.network.registry import Registry, records_dir, registry_path
from metalayer.protocol.rpc import quantity
from metalayer.services import launch as phases
from metalayer.services import launch_joining, launch_words
from metalayer.services.launch_entry import read_preset
from metalayer.services.launch_state import Launch, Phase
from tests.kit.chains import revert
from tests.kit.coins import place_coin
from tests.kit.deployment import Deployment
from tests.kit.faults import Broken
from tests.kit.launching import FILES, Builder, building, foreign, node_of, without_places
from tests.kit.node import Node
from tests.kit.roles import DEPLOYER, VALIDATORS

FIFTH = ("chess", "--preset", "quick.yaml", "--chain-id", "905", "--port", "9705")
"""With a node that runs already."""
DEPLOYED = 4
"""Phases until the contracts stand."""


class Crash(BaseException):
    """The process dies here: not an Exception, so nothing can handle it."""


@pytest.fixture
def builder(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    with building(deployment, tmp_path / "workspace", monkeypatch) as found:
        yield found


@pytest.fixture
def until_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proposal, its vote and the transfer are none of these tests' business."""
    monkeypatch.setattr(phases, "_STEPS", phases._STEPS[:DEPLOYED])


def fifth(builder: Builder) -> Chain:
    """What an entry without options makes of `chess`."""
    hub = load_network().hub
    preset = read_preset(builder.folder / "quick.yaml")
    return replace(hub, name="chess", chain_id=905, base_port=9705, preset=preset)


def dying_after(monkeypatch: pytest.MonkeyPatch, events: list[str], most: int) -> None:
    """Each thing that is written down counts, and after so many the process dies. `events`: what was written."""

    def dying(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(function)
        def write(*arguments: Any, **named: Any) -> Any:
            done = function(*arguments, **named)
            events.append(name)
            if len(events) >= most:
                raise Crash
            return done

        return write

    for owner, name in (
        (edits, "write"),
        (Journal, "append"),
        (Registry, "save"),
        (launch_joining, "keep"),
        (Built, "save"),
    ):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name), f"{owner.__name__}.{name}"))


def nonce(connection: Connection) -> int:
    return connection.ask(quantity("eth_getTransactionCount", DEPLOYER.address, "latest"))


def reset(builder: Builder, before: dict[str, str]) -> None:
    """The workspace as it was before the chain."""
    for name in FILES:
        (builder.folder / name).write_text(before[name])
    folder = records_dir(load_network())
    (folder / "journal.jsonl").unlink(missing_ok=True)
    builder.deployment.registry.save(registry_path(load_network()))


@pytest.mark.usefixtures("until_deployed")
def test_killed_after_every_record_of_a_deployment_it_ends_the_same(
    builder: Builder, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """With --deep after each, else after every fourth."""
    is_deep = request.config.option.deep
    before = builder.files()
    with node_of(fifth(builder)) as chess:
        snapshot = chess.rpc("evm_snapshot")
        builder.launch(*FIFTH)
        files, registry = builder.files(), Registry.load(load_network())
        sent = nonce(chess)
        assert sent > 0
        crashed: list[str] = []
        for most in itertools.count(1, 1 if is_deep else 4):
            revert(chess.rpc, snapshot)
            snapshot = chess.rpc("evm_snapshot")
            reset(builder, before)
            events: list[str] = []
            with monkeypatch.context() as patch:
                dying_after(patch, events, most)
                try:
                    assert builder.run(*FIFTH).exit_code == 0
                    break
                except Crash:
                    crashed.append(events[-1])
            # Without the options: whatever was chosen is in the file, or was not chosen yet.
            known = "chess" in load_network().chains
            builder.launch(*(FIFTH[:1] if known else FIFTH))
            assert builder.files() == files, f"after {crashed}"
            assert without_places(Registry.load(load_network())) == without_places(registry), (
                f"after {crashed}"
            )
            assert nonce(chess) == sent, f"after {crashed}"
            text = builder.registry()
            builder.launch("chess")
            assert builder.registry() == text
        if is_deep:
            assert crashed.count("metalayer.network.edits.write") == 2
            assert crashed.count("Journal.append") > 5
            assert crashed.count("Registry.save") == 1
        assert len(crashed) > (8 if is_deep else 2)


@pytest.mark.usefixtures("until_deployed")
def test_a_deployer_without_ether_there_is_one_line_and_goes_on_once_it_has_some(builder: Builder) -> None:
    with node_of(fifth(builder)) as chess:
        chess.rpc("anvil_setBalance", DEPLOYER.address, "0x0")
        said = builder.refused(*FIFTH)
        assert DEPLOYER.address in said
        assert "ether" in said
        assert nonce(chess) == 0
        registry = builder.registry()
        assert "chess" not in Registry.load(load_network()).chains
        assert builder.refused("chess") == said, "it says so again, and nothing else changed"
        assert builder.registry() == registry
        chess.rpc("anvil_setBalance", DEPLOYER.address, hex(10**20))
        assert builder.launch("chess")["phases"][DEPLOYED - 1]["state"] == "done"


@pytest.mark.usefixtures("until_deployed")
def test_two_at_once(builder: Builder) -> None:
    before = builder.files()
    with exclusive(records_dir(load_network()) / "launch.lock"):
        said = builder.refused("chess", "--preset", "quick.yaml")
    assert said.startswith("a launch in network 'local' is already running: pid ")
    assert builder.files() == before


def test_a_chain_that_is_no_member_yet_comes_first(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could bring it the decision to open its lane to another one."""
    with monkeypatch.context() as patch:
        patch.setattr(phases, "_STEPS", phases._STEPS[:DEPLOYED])
        builder.launch("chess", "--preset", "quick.yaml")
    said = builder.refused("go", "--preset", "quick.yaml")
    assert said == (
        "chess would have to open its lane to go, and is no member yet: `ape metalayer launch chess` first"
    )
    assert not (builder.folder / "proposals").exists()


def test_validators_that_began_before_are_named(
    builder: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Live, "folder", lambda live: tmp_path)
    live = Live.open()
    lock = tmp_path / "records" / "0xabc.sqlite.0x1.lock"
    with exclusive(lock):
        text = lock.read_text()
        lock.write_text(text.replace("since", "before"))
        assert launch_words.stale(live) == "", "whoever does not say since when is not known"
        lock.write_text(text.replace('"since": "20', '"since": "19'))
        assert launch_words.stale(live).startswith("the validators with pid ")
        lock.write_text(text.replace('"since": "20', '"since": "30'))
        assert launch_words.stale(live) == "", "it began after the chain was there"
    lock.write_text(text.replace('"pid": ', '"pid": 99999999'))
    assert launch_words.stale(live) == "", "it is gone"


@pytest.mark.deep
def test_a_validator_that_runs_is_named_and_the_next_one_signs_for_the_new_chain(builder: Builder) -> None:
    """A real process, which read networks.yaml before the chain was in it."""
    code = "from metalayer.cli.validate import cli; cli()"

    def start(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-c", code, "--key", VALIDATORS[0].alias, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        assert "reads" in process.stdout.readline()
        return process

    runs = start("--new-record")
    try:
        done = builder.launch("chess", "--preset", "quick.yaml", "--enact")
        waits = done["phases"][-1]
        assert (waits["name"], waits["state"]) == ("transfer", "waits")
        assert waits["what"] == f"the validators with pid {runs.pid} began before chess was there"
        assert not done["member"]
        runs.terminate()
        runs.wait(60)
        runs = start()
        assert builder.launch("chess")["member"]
    finally:
        runs.kill()
        runs.communicate()


def test_what_a_chain_forks_goes_in_the_middle(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, in which its address is hidden, each time. When it is there again, the same command goes on."""
    entry, node_phase, *rest = phases._STEPS[:DEPLOYED]
    with foreign() as origin, Node(origin.url) as node:
        place_coin(origin, DEPLOYER)

        def starting(launch: Launch) -> Phase:
            done = node_phase(launch)
            node.faults = [Broken(body=None)]
            return done

        monkeypatch.setattr(phases, "_STEPS", (entry, starting, *rest))
        fork = f"{node.url}/k3y-of-the-provider@{origin.height()}"
        for arguments in (("chess", "--preset", "quick.yaml", "--fork", fork), ("chess",)):
            said = builder.refused(*arguments)
            assert said.startswith(("chess", "chain 'chess' did not start: ")), said
            assert "k3y" not in said
        monkeypatch.setattr(phases, "_STEPS", (entry, node_phase, *rest))
        node.faults = []
        assert builder.launch("chess")["phases"][-1]["state"] == "done"


@pytest.mark.deep
def test_killed_at_every_step_of_proposal_vote_and_transfer_it_becomes_a_member_and_so_does_the_next(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after every single thing that it says or writes."""
    arguments: tuple[str, ...] = ("chess", "--preset", "quick.yaml", "--enact")
    said: set[str] = set()
    quiet = ("time passes", "waiting for", "days pass")

    def dying(way: Any, as_json: bool) -> Any:
        hands = real(way, as_json)

        class Dying:
            def __enter__(self) -> Any:
                opened = hands.__enter__()

                def say(line: str) -> None:
                    key = re.sub(r"0x\w+|\d+", "", line)
                    if key not in said and not line.startswith(quiet):
                        said.add(key)
                        raise Crash

                return replace(opened, say=say)

            def __exit__(self, *error: Any) -> Any:
                return hands.__exit__(*error)

        return Dying()

    from metalayer.cli import launch as command

    real = command._hands
    monkeypatch.setattr(command, "_hands", dying)
    for run in range(80):
        with monkeypatch.context() as patch:
            if run < 5:
                dying_after(patch, [], run + 1)
            try:
                done = builder.run(*arguments)
            except Crash:
                arguments = ("chess", "--enact") if "chess" in load_network().chains else arguments
                continue
        assert done.exit_code == 0, done.stderr
        break
    assert len(said) > 12, said
    assert done.stdout.endswith(" a member of the network\n")
    assert len(list(builder.folder.glob("proposals/*"))) == 1
    assert {phase["state"] for phase in builder.launch("chess")["phases"]} == {"already"}
    monkeypatch.setattr(command, "_hands", real)
    sixth = builder.launch("go", "--preset", "social", "--enact")
    assert sixth["member"]
    assert {lane["with"] for lane in sixth["picture"]["lanes"] if lane["out"] and lane["back"]} == {
        *builder.founders,
        "chess",
    }
