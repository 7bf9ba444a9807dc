"""`ape metalayer launch`: from nothing to a member, and again from wherever it stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.terms import read_term
from metalayer.cli import check
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.network.signers import load_sender
from metalayer.protocol import bridge, gateway, staking
from metalayer.protocol.abi import Function
from metalayer.relayer.passes import Relayer
from metalayer.relayer.results import PassResult
from metalayer.services import clock, launch_local
from tests.kit.coins import place_coin
from tests.kit.deployment import Deployment
from tests.kit.launching import QUICK, Builder, building, foreign

BALANCE_OF = Function("balanceOf(address)", "uint256", int)
AHEAD = 1_200
"""Seconds. More than the transfers have to arrive."""
STATES = ["entry", "node", "probe", "deploy", "proposal", "vote", "transfer", "check"]


@pytest.fixture
def builder(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    monkeypatch.setenv("COLUMNS", "160")
    with building(deployment, tmp_path / "workspace", monkeypatch) as found:
        yield found


def states(done: Any) -> dict[str, str]:
    return {phase["name"]: phase["state"] for phase in done["phases"]}


def test_a_fork_with_a_preset_of_its_own_becomes_a_member(builder: Builder) -> None:
    """The fifth chain: it keeps what it was forked with, ERA comes and goes, and all is as declared."""
    before = builder.files()
    holder = load_sender("TEST::11")
    with foreign() as origin:
        coin = place_coin(origin, holder)
        # As chains of the tests are behind others: their clocks go back after each test.
        clock.forward([origin], AHEAD)
        block = origin.height()
        other = place_coin(origin, holder, "LATE")
        planned = builder.run("chess", "--preset", "quick.yaml", "--fork", f"{origin.url}@{block}", "--plan")
        assert planned.exit_code == 3, planned.stderr
        assert "chess: { chain_id: 905, port: 9705, preset: quick, fork: {" in planned.stdout
        assert builder.files() == before, "a plan writes nothing"

        done = builder.launch("chess", "--preset", "quick.yaml", "--fork", f"{origin.url}@{block}", "--enact")
        assert states(done) == dict.fromkeys(STATES, "done") | {"probe": "already", "check": "already"}
        assert done["member"]
        node = next(phase["what"] for phase in done["phases"] if phase["name"] == "node")
        assert "and the network's clocks moved by " in node, "ERA would wait for as long on its way back"

        chess = builder.connection("chess")
        assert chess.view(coin, BALANCE_OF, holder.address) > 0, "what was there is there"
        assert chess.code(other) == b"", "what came later is not"

        after = builder.files()
        added = QUICK.splitlines()
        assert [
            line for line in after["networks.yaml"].splitlines() if line not in before["networks.yaml"]
        ] == [
            "  quick:",
            *(f"    {line}" for line in added if f"    {line}" not in before["networks.yaml"]),
            f'  chess: {{ chain_id: 905, port: 9705, preset: quick, fork: {{ url: "{origin.url}", block: {block} }} }}',
        ]
        assert after["deploy.yaml"].startswith(before["deploy.yaml"])

        picture = done["picture"]
        assert {lane["with"] for lane in picture["lanes"] if lane["out"] and lane["back"]} == builder.founders
        assert [leg["to"] for leg in picture["transfers"]] == ["chess", "hub"]
        assert picture["proposal"]["state"] == "executed"
        deployed = builder.deployment
        limits = deployed.connections["hub"].view(
            deployed.registry.address("TokenBridge"), bridge.LIMITS_OF, deployed.era, 905
        )
        assert (limits.out_capacity, limits.in_capacity) == (1_000_000 * 10**18, 500_000 * 10**18)
        for name in builder.founders:
            route = deployed.connections[name].view(deployed.gateway, gateway.ROUTE, 905)
            assert route.inbound, name
            assert route.outbound, name

        again = builder.launch("chess")
        assert set(states(again).values()) == {"already"}
        assert builder.files() == after
        said = builder.run("chess", "--preset", "quick.yaml", "--chain-id", "905")
        assert said.exit_code == 0
        assert said.stdout.endswith("chess is already a member of the network\n")
        assert builder.run("chess", "--plan").exit_code == 0


def test_a_chain_that_begins_gets_the_networks_time_or_the_network_gets_its(deployment: Deployment) -> None:
    network = list(deployment.connections.values())
    with foreign() as chess:
        chains = [*network, chess]
        # Chains of a long run are behind.
        launch_local.keep_time(network, chess)
        for ahead, said in ((network, "its clock moved by "), ([chess], "the network's clocks moved by ")):
            clock.forward(ahead, AHEAD)
            assert launch_local.keep_time(network, chess).startswith(said)
            times = [one.block("pending").time for one in chains]
            assert max(times) - min(times) < 60
            assert launch_local.keep_time(network, chess) == ""
        clock.forward([chess], 3 * 86_400)
        with pytest.raises(
            MetalayerError, match=r"^foreign is 3 days ahead of the network, and no clock goes"
        ):
            launch_local.keep_time(network, chess)


def test_carrying_goes_on_whatever_a_pass_fails_of(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    live, said, relay_once = Live.open(), list[str](), Relayer.relay_once
    passes = threading.Semaphore(0)

    def fails_first(relayer: Relayer, say: Callable[[str], None]) -> PassResult:
        if not said:
            raise RuntimeError("gone")
        passes.release()
        return relay_once(relayer, say)

    monkeypatch.setattr(Relayer, "relay_once", fails_first)
    with launch_local.carrying(live, DirectoryExchange.of(live), said.append):
        assert passes.acquire(timeout=60)
    assert said[0] == "RuntimeError: gone"


def test_carrying_ends_when_every_chain_has_the_newest_set(builder: Builder) -> None:
    """Else `check`, which comes next, finds the others behind the hub."""
    live = Live.open()
    clock.forward(live.mesh.connections.values(), staking.TERM)
    with launch_local.carrying(live, DirectoryExchange.of(live), lambda line: None):
        pass
    hub = live.mesh.hub
    assert hub is not None
    term = read_term(hub, live.mesh.staking)
    assert not term.is_over
    for one in live.mesh.connections.values():
        assert one.view(live.mesh.gateway, gateway.VALIDATOR_SET_HASH) == term.set_hash, one.name


def test_what_is_wanted_is_refused_in_one_line_and_changes_nothing(builder: Builder) -> None:
    before = builder.files()
    named = {
        "arcade --preset social": "arcade is there already, with game, not social",
        "arcade --chain-id 907": "arcade is there already, with 902, not 907",
        "arcade --fork http://127.0.0.1:1": "arcade is there already, with none",
        "hub": "hub is the hub, which other chains join",
        "chess": "a new chain needs a preset",
        "chess --preset gane": "no preset 'gane', did you mean 'game'?",
        "chess --preset none.yaml": "cannot read none.yaml: No such file or directory",
        "Chess --preset game": "chains.Chess: expected up to 32 lower-case letters",
        "chess --preset game --chain-id 902": "chain id 902 is arcade's: expected another one, 905 is free",
        "chess --preset game --port 9703": "port 9703 is perps's: expected another one",
        "chess --preset game --url http://127.0.0.1:1": "network 'local' runs on this machine",
        "chess --preset game --fork http://127.0.0.1:1": "what chess forks is unreachable",
        "chess --preset game --fork http://127.0.0.1:PORT@99999999": "what chess forks is at block",
    }
    port = str(load_network().chains["perps"].port)
    for arguments, expected in named.items():
        assert expected in builder.refused(*arguments.replace("PORT", port).split()), arguments
    assert builder.files() == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("block_time: 0.1", "", "quick.yaml:2: `block_time` is missing"),
        (
            "block_time: 0.1",
            "block_time: fast",
            "quick.yaml:3: block_time: expected a number from 0.01 to 3600",
        ),
        ("colour", "", "quick.yaml:12: colour: unknown name"),
        (
            "max_gas_limit: 2_000_000",
            "max_gas_limit: 200_000_000",
            "quick.yaml:8: max_gas_limit: a message with 200000000 gas could not be delivered",
        ),
        ("in: 500_000", "in: 0", "quick.yaml:11: bridge.in: expected a whole number from 1"),
    ],
)
def test_a_preset_that_is_wrong_is_refused_with_its_line(
    builder: Builder, old: str, new: str, expected: str
) -> None:
    before = builder.files()
    content = QUICK.replace(old, new) if old in QUICK else QUICK + f"{old}: red\n"
    (builder.folder / "quick.yaml").write_text(content)
    assert expected in builder.refused("chess", "--preset", "quick.yaml")
    assert builder.files() == before


def test_a_preset_of_a_name_that_is_taken_is_refused(builder: Builder) -> None:
    (builder.folder / "game.yaml").write_text(QUICK)
    assert builder.refused("chess", "--preset", "game.yaml").startswith(
        "game.yaml: networks.yaml has another preset"
    )


def test_a_port_with_a_node_of_another_chain_is_refused(builder: Builder) -> None:
    before = builder.files()
    with foreign(77) as other:
        port = other.chain.base_port
        said = builder.refused("chess", "--preset", "game", "--port", str(port))
        assert f"port {other.chain.port} is taken by another program (a node of chain 77)" in said
        assert builder.files() == before

        # Somebody wrote the entry by hand.
        path = builder.folder / "networks.yaml"
        path.write_text(
            before["networks.yaml"] + f"  chess: {{ chain_id: 905, port: {port}, preset: game }}\n"
        )
        assert "its node is of chain 77, expected 905" in builder.refused("chess")
        # A node that runs already is taken as it is.
        path.write_text(
            before["networks.yaml"] + f"  chess: {{ chain_id: 77, port: {port}, preset: game }}\n"
        )
        planned = json.loads(builder.run("chess", "--plan", "--json").stdout)
        assert states(planned)["node"] == "already"


def test_a_folder_that_cannot_be_written_is_one_line(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system says it: whoever runs these tests may be allowed everything."""
    before = builder.files()

    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied", ".networks.yaml.x")

    monkeypatch.setattr("metalayer.network.edits.tempfile.mkstemp", refuse)
    assert builder.refused("chess", "--preset", "game").startswith("cannot write ")
    assert builder.files() == before


def test_presets_explain_themselves(builder: Builder) -> None:
    shown = builder.run("--presets")
    assert shown.exit_code == 0
    for words in (
        "blocks of 240,000,000 gas every 1 s",
        "final after 1 block\n",
        "made for it: Arena",
        "within 1 hour",
    ):
        assert words in shown.stdout
    listed = json.loads(builder.run("--presets", "--json").stdout)
    assert listed["game"]["example"] == {"contract": "Arena", "page": "docs/examples/game.md"}
    assert all(one["about"] for one in listed.values())


def test_check_is_clean_before_anything_joins(builder: Builder) -> None:
    """What the tests' network is, so that `clean` above says something."""
    from click.testing import CliRunner

    assert CliRunner(mix_stderr=False).invoke(check.cli, []).exit_code == 0
