"""`ape metalayer launch` on a real network, until the chain is a member: what it prints is typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import launch
from metalayer.governance import progress
from metalayer.governance.motions import Desk
from metalayer.governance.progress import Progress, Vote
from metalayer.network.config import Chain, load_network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.mesh import Mesh
from metalayer.protocol import staking
from metalayer.protocol.governor import ProposalState
from metalayer.relayer.passes import Relayer
from metalayer.services import clock, crew, launch_local
from metalayer.services.launch_entry import read_preset
from metalayer.validator.process import Validator
from tests.kit import profiles
from tests.kit.deployment import Deployment
from tests.kit.faults import Every, LogRange, Refuses
from tests.kit.launching import QUICK, node_of
from tests.kit.node import Node
from tests.kit.profiles import Profile
from tests.kit.roles import RELAYER, TREASURY, VALIDATORS
from tools.repository import repo_root

NOT_STANDARD = ("anvil_*", "evm_*", "hardhat_*", "debug_*", "txpool_*", "eth_sendTransaction")
NUMBER = "001"
_BETWEEN_PASSES = 0.5


@dataclass
class World:
    """Everybody else, at nodes of their own: validators, a relayer, blocks, and time. Programs cannot move it."""

    mesh: Mesh
    relayer: Relayer
    exchange: DirectoryExchange

    @property
    def now(self) -> int:
        """Of the chain that is furthest behind."""
        return min(one.block().time for one in self.mesh.connections.values())

    def reach(self, moment: int) -> None:
        """Weeks pass."""
        connections = self.mesh.connections.values()
        while (left := moment - self.now) > 0:
            clock.forward(connections, min(left, staking.TERM))
            self.settle()

    def settle(self) -> None:
        clock.settle(self.mesh, self.relayer)

    def around(self, work: Callable[[], Any]) -> Any:
        """What comes of work while blocks come and messages are carried. What goes wrong with these is raised."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(work)
            while not done.done():
                clock.finalize(self.mesh.connections.values())
                self.relayer.relay_once(lambda line: None)
                # Each block is one more to read the logs of.
                wait([done], _BETWEEN_PASSES)
        return done.result()


@contextmanager
def world(deployment: Deployment, chess: Connection, folder: Path) -> Iterator[World]:
    """Who was told of the new chain, as `launch` says that they have to be."""
    live = Live.open(passing=True)
    mesh = replace(live.mesh, connections={**deployment.connections, "chess": chess})
    exchange = DirectoryExchange.of(live)
    validators = [
        Validator.open(one.account, mesh, exchange, folder / f"{one.index}.sqlite", begin=True)
        for one in VALIDATORS
    ]
    relayer = crew.relayer(mesh, exchange, dict.fromkeys(mesh.connections, RELAYER))
    try:
        with crew.at_work(validators):
            yield World(mesh, relayer, exchange)
    finally:
        for one in validators:
            one.record.close()


@dataclass
class Person:
    """Types what is printed."""

    profile: Profile
    account: str

    def launch(self, *arguments: str) -> Any:
        done = self.profile.run(launch, "chess", "--account", self.account, "--json", *arguments)
        assert done.exit_code == (3 if "--plan" in arguments else 0), (
            done.stderr[-1500:],
            done.stdout[-2000:],
            done.exception,
        )
        return json.loads(done.stdout)

    def types(self, line: str) -> Result:
        """A line of `next`, with this account for what people have to fill in."""
        command = line.partition("   (")[0].replace("ACCOUNT", self.account)
        ape, metalayer, name, *arguments = shlex.split(command)
        assert (ape, metalayer) == ("ape", "metalayer"), line
        done = self.profile.run(import_module(f"metalayer.cli.{name}"), *arguments)
        assert done.exit_code == 0, (line, done.stderr, done.exception)
        return done


def followed() -> Progress:
    """How far the proposal is."""
    live = Live.open()
    desk = Desk.of(live)
    return progress.read(desk, desk.motion(NUMBER), DirectoryExchange.of(live))


def states(done: Any) -> dict[str, str]:
    return {phase["name"]: phase["state"] for phase in done["phases"]}


def told(done: Any, name: str) -> str:
    """What it says of a phase."""
    return str(next(phase["what"] for phase in done["phases"] if phase["name"] == name))


@dataclass
class There:
    person: Person
    chess: Connection
    node: Node
    wanted: tuple[str, ...]


@pytest.fixture
def there(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    """A workspace as in production, and a node of a chain that is nobody's yet: with blocks of its own, and strict."""
    deployment.finalize()
    with profiles.production(tmp_path, deployment.registry, monkeypatch) as profile:
        Path("quick.yaml").write_text(QUICK)
        Path("node_modules").symlink_to(repo_root() / "node_modules")
        hub = load_network().hub
        chain: Chain = replace(
            hub,
            name="chess",
            chain_id=905,
            base_port=9705,
            remote_url=None,
            preset=read_preset(Path("quick.yaml")),
        )
        for one in profile.nodes.values():
            # What haste costs is another test's business.
            one.faults = [fault for fault in one.faults if not isinstance(fault, Every)]
        faults = [Refuses(*NOT_STANDARD), LogRange(200)]
        with node_of(chain, interval=True) as chess, Node(chess.url, faults) as node:
            # Clocks of real networks agree; those of the tests go back after each test.
            launch_local.keep_time(list(deployment.connections.values()), chess)
            person = Person(profile, profile.account(TREASURY))
            yield There(person, chess, node, ("--preset", "quick.yaml", "--url", node.url))


def propose(there: There, outside: World) -> Any:
    """What is printed, typed until it is proposed. What `launch` says then."""
    for line in there.person.launch()["next"]:
        there.person.types(line)
        # Votes count as they were in the block before.
        outside.reach(outside.now + 2)
        if " propose submit " in line:
            break
    return there.person.launch()


def vote_of(found: Progress) -> Vote:
    assert found.vote is not None
    return found.vote


def test_what_is_printed_can_be_typed(there: There, deployment: Deployment, tmp_path: Path) -> None:
    """Who deploys need not be who proposes; and without an account it still says what it waits for."""
    person = there.person
    first = person.launch(*there.wanted)
    assert [states(first)[name] for name in ("deploy", "proposal", "vote")] == ["done", "done", "waits"]
    assert first["notes"] == [
        "validators, relayers, solvers and reporters read networks.yaml when they start: restart those that run, "
        "with its entry in their networks.yaml"
    ]
    assert told(first, "vote") == "proposal 001-join-chess is not proposed yet"
    with world(deployment, there.chess, tmp_path) as outside:
        proposed = propose(there, outside)
        assert told(proposed, "vote").startswith("proposal 001-join-chess is pending: voting begins on ")
        assert told(person.launch("--plan"), "vote") == told(proposed, "vote")
        done = person.profile.run(launch, "chess", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["next"] == proposed["next"]
        assert all("--account" in line for line in proposed["next"])


@pytest.mark.deep
def test_a_chain_becomes_a_member_by_what_is_printed(
    there: There, deployment: Deployment, tmp_path: Path
) -> None:
    person = there.person
    person.launch(*there.wanted)
    with world(deployment, there.chess, tmp_path) as outside:
        propose(there, outside)
        outside.reach(vote_of(followed()).snapshot + 1)
        for _ in range(6):
            last = person.launch()
            if states(last)["vote"] != "waits":
                break
            assert told(person.launch("--plan"), "vote") == told(last, "vote")
            person.types(last["next"][0])
            found = followed()
            match vote_of(found).state:
                case ProposalState.ACTIVE:
                    outside.reach(vote_of(found).deadline + 1)
                case ProposalState.QUEUED:
                    outside.reach(vote_of(found).eta)
                case ProposalState.EXECUTED:
                    outside.settle()
                    outside.reach(max(step.ready_at for step in followed().steps))
            if found.done:
                break
        assert followed().done
        alone = json.loads(person.profile.run(launch, "chess", "--json").stdout)
        assert states(alone)["transfer"] == "waits"
        done = outside.around(lambda: person.launch("--timeout", "120"))
        assert done["member"]
        assert [leg["to"] for leg in done["picture"]["transfers"]] == ["chess", "hub"]
    assert not [call.method for call in there.node.asked if call.method.startswith(("anvil_", "evm_"))]
