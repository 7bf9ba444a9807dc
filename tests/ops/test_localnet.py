"""`ape metalayer localnet`: up, down and status, on ports and in a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from metalayer.cli.localnet import cli
from metalayer.cli.main import cli as metalayer
from metalayer.errors import MetalayerError
from metalayer.network import anvil, localnet
from metalayer.network.config import Chain, Network, load_network
from metalayer.network.connection import Connection
from metalayer.network.entries import Fork
from metalayer.network.workspace import port_offset
from tests.kit.ports import listener
from tools.repository import repo_root


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Two chains beside the tests' own; whatever a test leaves running is stopped."""
    monkeypatch.setenv("METALAYER_PORT_OFFSET", str(port_offset() + 1000))
    monkeypatch.setattr(localnet, "state_dir", lambda: tmp_path)
    monkeypatch.setattr(localnet, "_RPC_SECONDS", 0.5)
    monkeypatch.setattr(localnet, "_GRACE_SECONDS", 0.3)
    full = load_network()
    chains = {name: full.chains[name] for name in ("hub", "perps")}
    small = Network(full.name, full.hub, chains)
    yield small
    localnet.down(small, say=print)


@pytest.fixture
def said() -> list[str]:
    return []


def pids(net: Network) -> dict[str, int | None]:
    return {status.name: status.pid for status in localnet.status(net)}


def exists(pid: int) -> bool:
    """A process that ended but was not waited for does not count."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip() != "" and not done.stdout.strip().startswith("Z")


def test_up_status_and_down(net: Network, said: list[str]) -> None:
    assert localnet.up(net, said.append) == ["hub", "perps"]
    statuses = localnet.status(net)
    assert [(status.name, status.chain_id, status.state) for status in statuses] == [
        ("hub", 901, "up"),
        ("perps", 903, "up"),
    ]
    running = pids(net)
    assert all(running.values())
    assert any("hub: up at" in line for line in said)

    assert localnet.up(net, said.append) == [], "a second up is harmless"
    assert pids(net) == running

    assert localnet.down(net, said.append) == ["hub", "perps"]
    assert not any(exists(pid) for pid in running.values() if pid)
    assert [status.state for status in localnet.status(net)] == ["down", "down"]
    assert localnet.down(net, said.append) == [], "a second down is harmless"


def test_whoever_started_the_chains_leaves_nothing_in_the_process_table(
    net: Network, said: list[str]
) -> None:
    localnet.up(net, said.append)
    running = pids(net)
    localnet.down(net, said.append)
    for pid in running.values():
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_blocks_come_by_themselves_at_the_presets_pace(net: Network, said: list[str]) -> None:
    localnet.up(net, said.append)
    perps = net.chains["perps"]
    time.sleep(perps.preset.block_time * 3)
    height = localnet.status(net)[1].height
    assert height is not None
    assert height >= 2


def test_up_starts_only_what_is_missing(net: Network, said: list[str]) -> None:
    localnet.up(net, said.append)
    before = pids(net)
    assert before["perps"]
    os.kill(before["perps"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while exists(before["perps"]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert localnet.up(net, said.append) == ["perps"]
    after = pids(net)
    assert after["hub"] == before["hub"]
    assert after["perps"] not in (None, before["perps"])


def test_a_taken_port_is_one_line_and_nothing_is_started(net: Network, said: list[str]) -> None:
    port = net.chains["perps"].port
    with listener(port):
        with pytest.raises(MetalayerError) as raised:
            localnet.up(net, said.append)
        assert f"port {port} of chain 'perps' is taken" in str(raised.value)
        assert "\n" not in str(raised.value)
        assert pids(net) == {"hub": None, "perps": None}
        hub, perps = localnet.status(net)
        assert (hub.state, perps.state) == ("down", "foreign")
        assert perps.problem == f"port {port} is taken by another program"


def test_a_start_that_crashes_leaves_no_process(
    net: Network, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = anvil.anvil_command
    started: list[subprocess.Popen[bytes]] = []

    def broken(chain: Chain, *, interval: bool) -> list[str]:
        command = real(chain, interval=interval)
        return command if chain.name == "hub" else [*command, "--no-such-option"]

    start = localnet._start

    def remembering(chain: Chain) -> subprocess.Popen[bytes]:
        started.append(start(chain))
        return started[-1]

    monkeypatch.setattr(localnet, "anvil_command", broken)
    monkeypatch.setattr(localnet, "_start", remembering)
    with pytest.raises(MetalayerError, match=r"chain 'perps' did not start"):
        localnet.up(net, said.append)
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
    assert pids(net) == {"hub": None, "perps": None}


def test_down_spares_a_process_that_took_the_number(net: Network, said: list[str], tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "30"])
    try:
        (tmp_path / "hub.pid").write_text(f"{bystander.pid}\n")
        assert localnet.down(net, said.append) == []
        assert bystander.poll() is None
        assert not (tmp_path / "hub.pid").exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_running_localnet_survives_who_started_it(net: Network, said: list[str]) -> None:
    localnet.up(net, said.append)
    pid = pids(net)["hub"]
    assert pid is not None
    assert os.getsid(pid) == pid, "a session of its own: the terminal's Ctrl-C does not reach it"


def test_the_nodes_answer_for_their_own_chain_id(net: Network, said: list[str]) -> None:
    localnet.up(net, said.append)
    for chain in net.chains.values():
        assert int(Connection(chain).rpc("eth_chainId"), 16) == chain.chain_id


def test_the_command_speaks_json_and_fails_while_a_chain_is_down(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.cli.localnet.load_network", lambda: net)
    down = CliRunner().invoke(cli, ["status", "--json"])
    assert down.exit_code == 1
    assert [chain["state"] for chain in json.loads(down.stdout)] == ["down", "down"]
    assert CliRunner().invoke(cli, ["up"]).exit_code == 0
    up = CliRunner().invoke(cli, ["status", "--json"])
    assert up.exit_code == 0
    assert [chain["state"] for chain in json.loads(up.stdout)] == ["up", "up"]
    assert CliRunner().invoke(cli, ["down"]).exit_code == 0


def test_the_command_turns_an_error_into_one_line(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metalayer.cli.localnet.load_network", lambda: net)
    with listener(net.chains["hub"].port):
        result = CliRunner(mix_stderr=False).invoke(cli, ["up"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: port ")
    assert result.stderr.count("\n") == 1


def test_outside_a_workspace_every_command_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner(mix_stderr=False).invoke(metalayer, ["localnet", "status"])
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: there is no networks.yaml in {tmp_path}: run it in the folder that has one\n"
    )


def test_all_commands_have_one_name_more() -> None:
    """`ape metalayer X` is `ape run X`: the scripts that are no tools of the repository."""
    scripts = {path.stem for path in (repo_root() / "scripts").glob("*.py")} - {"bench", "demo"}
    context = Context(metalayer)
    assert set(metalayer.list_commands(context)) == scripts
    for name in scripts:
        assert metalayer.get_command(context, name) is not None
    assert metalayer.get_command(context, "command") is None, "a module, and no command"


def test_a_fork_starts_from_another_chains_state_under_its_own_id(net: Network, said: list[str]) -> None:
    hub = net.chains["hub"]
    upstream = Network(net.name, net.hub, {"hub": hub})
    localnet.up(upstream, said.append)
    account = "0x" + "f0" * 20
    upper = Connection(hub)
    upper.rpc("anvil_setBalance", account, hex(12_345))
    block = upper.height() + 1
    while upper.height() < block:
        time.sleep(0.1)

    forked = replace(net.chains["perps"], fork=Fork(url=hub.url, block=block))
    net.chains["perps"] = forked
    assert localnet.up(net, said.append) == ["perps"]
    lower = Connection(forked)
    assert int(lower.rpc("eth_chainId"), 16) == 903
    assert int(lower.rpc("eth_getBalance", account, "latest"), 16) == 12_345


def test_a_network_without_a_local_chain_is_not_started(net: Network) -> None:
    chains = {
        name: replace(chain, base_port=None, remote_url="http://127.0.0.1:9")
        for name, chain in net.chains.items()
    }
    there = replace(net, hub=chains["hub"], chains=chains)
    for act in (localnet.up, localnet.down):
        with pytest.raises(
            MetalayerError, match=r"^no chain of network 'local' is a local one: each has the `url`"
        ):
            act(there)
