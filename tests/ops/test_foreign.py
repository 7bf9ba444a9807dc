"""A network on a fork of a chain that is nobody's: its tokens, its wrapped ether and its wallets are of use there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from metalayer.assets import transfers
from metalayer.assets.tokens import APPROVE, BALANCE_OF, resolve
from metalayer.assets.transfers import Wish
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import deploy, transfer
from metalayer.cli import localnet as localnet_command
from metalayer.deploy.artifacts import load_artifacts
from metalayer.network import localnet
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.workspace import OFFSET_VARIABLE, port_offset, state_dir
from metalayer.protocol.transfers import Options
from metalayer.services import crew
from metalayer.services.local import local_validators
from tests.kit.coins import place_coin
from tests.kit.faults import Broken
from tests.kit.gateways import TRANSFER
from tests.kit.launching import foreign
from tests.kit.node import Node
from tests.kit.passer import CODE, through
from tests.kit.roles import DEPOSITOR, RELAYER, SENDER, TREASURY
from tools.repository import repo_root

ETHER = 10**18
USDX = 10**6
_BESIDE = 400


@dataclass(frozen=True)
class Upstream:
    """What stood on the foreign chain before anybody thought of this network."""

    node: Connection
    coin: str
    wrapped_ether: str
    wallet: str
    block: int


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with foreign() as node:
        coin = place_coin(node, DEPOSITOR)
        wrapped_ether = node.send(DEPOSITOR, None, load_artifacts(["WrappedEther"])["WrappedEther"].creation)
        wallet = node.send(DEPOSITOR, None, _creation(CODE))["contractAddress"]
        address = wrapped_ether["contractAddress"]
        node.send(DEPOSITOR, address, bytes.fromhex("d0e30db0"), value=3 * ETHER)
        yield Upstream(node, coin, address, wallet, node.height())


def _creation(code: bytes) -> bytes:
    """PUSH1 size, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN: creates exactly this code."""
    return bytes([0x60, len(code), 0x80, 0x60, 0x09, 0x5F, 0x39, 0x5F, 0xF3]) + code


@pytest.fixture
def workspace(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two chains: a hub that begins empty, and arcade, which begins where the foreign chain was."""
    content = yaml.safe_load((repo_root() / "networks.yaml").read_text())
    chains = {name: content["chains"][name] for name in ("hub", "arcade")}
    monkeypatch.setenv("TESTS_UPSTREAM", upstream.node.url)
    chains["arcade"] |= {
        "fork": {"url": "${TESTS_UPSTREAM}", "block": upstream.block},
        "wrapped_ether": upstream.wrapped_ether,
    }
    content["chains"] = chains
    (tmp_path / "networks.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "deploy.yaml").write_text((repo_root() / "deploy.yaml").read_text())
    (tmp_path / "node_modules").symlink_to(repo_root() / "node_modules")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OFFSET_VARIABLE, str(port_offset() + _BESIDE))
    yield tmp_path
    localnet.down(load_network(), say=lambda line: None)


def run(command: Any, *arguments: str) -> str:
    done = CliRunner(mix_stderr=False).invoke(command.cli, list(arguments))
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout


def refusal(command: Any, *arguments: str) -> str:
    done = CliRunner(mix_stderr=False).invoke(command.cli, list(arguments))
    assert done.exit_code == 1, done.stdout
    (line,) = done.stderr.splitlines()
    return line


@contextmanager
def carried() -> Iterator[None]:
    """Validators and a relayer at work."""
    live = Live.open(passing=True)
    exchange = DirectoryExchange.of(live)
    relayer = crew.relayer(live.mesh, exchange, dict.fromkeys(live.mesh.connections, RELAYER), keeps=False)
    stop = threading.Event()

    def relay() -> None:
        while not stop.wait(0.2):
            relayer.relay_once(lambda line: None)

    thread = threading.Thread(target=relay)
    with local_validators(live, exchange):
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def has(connection: Connection, token: str, account: str) -> int:
    return connection.view(token, BALANCE_OF, account)


def test_what_stood_there_crosses_and_comes_back(workspace: Path, upstream: Upstream) -> None:
    """And nobody else on the machine reads in a command line where, which may have a key in it."""
    run(localnet_command, "up")
    command = localnet._command_line(int((state_dir() / "arcade.pid").read_text()))
    assert "--fork-url" in command
    assert upstream.node.url not in command
    run(deploy, "apply")
    live = Live.open()
    arcade = live.mesh.connections["arcade"]
    assert arcade.code(upstream.coin) == upstream.node.code(upstream.coin)
    assert "WrappedEther" not in live.registry.chain("arcade").contracts
    depositor, wallet = DEPOSITOR.address, upstream.wallet
    live.connection("hub").send(
        TREASURY, live.registry.address("ERA"), TRANSFER.encode(depositor, 10 * ETHER)
    )
    with carried():
        # ERA for fees first.
        for to in (depositor, wallet):
            run(transfer, "ERA", "50", "--from", "hub", "--to", "arcade", "--recipient", to)
        # A token that knew nothing of us, to a contract wallet's address on the hub and back to the wallet.
        before = has(arcade, upstream.coin, depositor)
        away = ("--from", "arcade", "--to", "hub", "--account", "TEST::15")
        run(transfer, upstream.coin, "100", *away)
        assert before - has(arcade, upstream.coin, depositor) == 100 * USDX
        token = resolve(live, arcade, upstream.coin)
        run(
            transfer,
            "USDX",
            "40",
            "--from",
            "hub",
            "--to",
            "arcade",
            "--account",
            "TEST::15",
            "--recipient",
            wallet,
        )
        assert has(arcade, upstream.coin, wallet) == 40 * USDX
        # The wallet sends by itself: it has no key.
        wish = Wish(token, live.network.chain("hub"), depositor, 15 * USDX, Options(from_balance=True))
        prepared = transfers.prepare(live, arcade, wallet, wish)
        for one in prepared.allowances:
            approve = APPROVE.encode(live.registry.address("TokenBridge"), one.takes)
            arcade.send(SENDER, wallet, through(one.token, approve))
        data = transfers._call(prepared, [])
        arcade.send(SENDER, wallet, through(live.registry.address("TokenBridge"), data))
        assert has(arcade, upstream.coin, wallet) == 25 * USDX
        # Ether, as the foreign chain wraps it.
        held = has(arcade, upstream.wrapped_ether, live.registry.address("TokenBridge"))
        run(transfer, "ETH", "1", *away)
        locked = has(arcade, upstream.wrapped_ether, live.registry.address("TokenBridge"))
        assert locked - held == ETHER


def test_an_upstream_that_is_wrong_or_goes_is_one_line(
    workspace: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workspace / "networks.yaml"
    good = file.read_text()
    secret = "k3y-of-the-provider"  # noqa: S105
    monkeypatch.setenv("TESTS_UPSTREAM", f"http://127.0.0.1:9/{secret}")
    said = refusal(localnet_command, "up")
    assert said.startswith("Error: chain 'arcade' did not start: "), said
    assert secret not in said
    monkeypatch.delenv("TESTS_UPSTREAM")
    assert refusal(localnet_command, "up") == (
        f"Error: networks.yaml:{_line(good, 'url:')}: chains.arcade.fork.url: "
        "the environment variable TESTS_UPSTREAM is not set"
    )
    monkeypatch.setenv("TESTS_UPSTREAM", upstream.node.url)
    file.write_text(good.replace(f"block: {upstream.block}", "block: 99999999"))
    said = refusal(localnet_command, "up")
    assert said.startswith("Error: chain 'arcade' did not start: "), said


def test_an_upstream_that_goes_under_a_running_network_is_one_line(
    workspace: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, with its address hidden, until it is there again: then the network starts, and is deployed."""
    secret = "k3y-of-the-provider"  # noqa: S105
    with Node(upstream.node.url) as node:
        monkeypatch.setenv("TESTS_UPSTREAM", f"{node.url}/{secret}")
        run(localnet_command, "up")
        node.faults = [Broken(body=None)]
        said = refusal(deploy, "apply")
        assert said.startswith("Error: arcade"), said
        assert secret not in said
        # A fork that cannot read ends with its next block, sooner or later.
        run(localnet_command, "down")
        said = refusal(localnet_command, "up")
        assert said.startswith("Error: chain 'arcade' did not start: failed to get fork block"), said
        assert secret not in said
        node.faults = []
        run(localnet_command, "up")
        run(deploy, "apply")


def _line(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(start))
