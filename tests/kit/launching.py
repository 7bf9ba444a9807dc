"""A builder's workspace, in which `ape metalayer launch` brings chains to the network of the tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.cli import launch
from metalayer.network import localnet
from metalayer.network.anvil import anvil_binary, anvil_command
from metalayer.network.config import Chain, Network, load_network
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry, registry_path
from metalayer.network.rpc import Unreachable
from metalayer.network.workspace import NETWORKS_FILE, port_offset
from tests.kit.deployment import Deployment
from tools.repository import repo_root

QUICK = """# Blocks as fast as a test wants them.
about: "quick: ten blocks a second"
block_time: 0.1
gas_limit: 60_000_000
base_fee: 1_000_000 # wei
finality: 1
default_gas_limit: 200_000
max_gas_limit: 2_000_000
default_return_gas_limit: 200_000
fees: { base: 50_000, gas: 200, byte: 20, protocol_share: 1_000 }
bridge: { out: 1_000_000, in: 500_000, window: 12 hours }
"""
FILES = (NETWORKS_FILE, "deploy.yaml")
_FROM_NEXT = 13
"""Between the port of the first chain of the tests and that of a chain that others fork: within a worker's twenty."""


@dataclass
class Builder:
    """Runs the command, and remembers which chains are the tests' own."""

    folder: Path
    deployment: Deployment
    founders: frozenset[str] = field(default_factory=frozenset)

    def run(self, *arguments: str) -> Result:
        return CliRunner(mix_stderr=False).invoke(launch.cli, arguments)

    def launch(self, *arguments: str) -> Any:
        """What --json says of a run that ends well."""
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        """The one line of a run that does not."""
        done = self.run(*arguments)
        assert done.exit_code == 1, done.output
        lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
        assert len(lines) == 1, done.stderr
        return lines[0].removeprefix("Error: ")

    def files(self) -> dict[str, str]:
        """What people wrote, and what launches add to it: names and contents."""
        proposals = sorted(self.folder.glob("proposals/*/*"))
        written = [one for one in proposals if one.name in ("proposal.yml", "README.md")]
        paths = [*(self.folder / name for name in FILES), *written]
        return {str(path.relative_to(self.folder)): path.read_text() for path in paths}

    def registry(self) -> str:
        return registry_path(load_network()).read_text()

    def joined(self) -> Network:
        """The network with the chains alone that are not the tests' own."""
        network = load_network()
        others = {name: chain for name, chain in network.chains.items() if name not in self.founders}
        return replace(network, chains=others)

    def connection(self, name: str) -> Connection:
        return Connection(load_network().chains[name])


@contextmanager
def building(deployment: Deployment, folder: Path, environment: pytest.MonkeyPatch) -> Iterator[Builder]:
    """The workspace, with the chains of the tests deployed. What was started here ends with the block."""
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copy(repo_root() / name, folder)
    (folder / "quick.yaml").write_text(QUICK)
    # Where anvil is.
    (folder / "node_modules").symlink_to(repo_root() / "node_modules")
    environment.chdir(folder)
    network = load_network()
    deployment.registry.save(registry_path(network))
    builder = Builder(folder, deployment, frozenset(network.chains))
    try:
        yield builder
    finally:
        if (joined := builder.joined()).chains:
            localnet.down(joined, say=lambda line: None)


@contextmanager
def foreign(chain_id: int = 1) -> Iterator[Connection]:
    """A chain that is nobody's, mining on demand: something to fork, or to mistake for another."""
    network = load_network()
    port = network.hub.port + _FROM_NEXT
    chain: Chain = replace(network.hub, name="foreign", chain_id=chain_id, base_port=port - port_offset())
    command = [
        str(anvil_binary()),
        "--port",
        str(port),
        "--chain-id",
        str(chain_id),
        "--accounts",
        "25",
        "--silent",
    ]
    with _running(command, chain) as connection:
        yield connection


def without_places(registry: Registry) -> str:
    """Its text without what depends on which transactions shared a block: blocks, and hashes through their fees."""
    content = json.loads(registry.text())
    for chain in content["chains"].values():
        for contract in chain["contracts"].values():
            contract.pop("block", None)
            contract.pop("txHash", None)
    return json.dumps(content, indent=2, sort_keys=True)


@contextmanager
def node_of(chain: Chain, *, interval: bool = False) -> Iterator[Connection]:
    """A node of a chain that nobody's `up` started, mining on demand unless it is said otherwise."""
    command = anvil_command(chain, interval=interval)
    with _running(command, chain) as connection:
        yield connection


@contextmanager
def _running(command: list[str], chain: Chain) -> Iterator[Connection]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = Connection(chain)
    try:
        wait_for(connection)
        yield connection
    finally:
        process.kill()
        process.wait()


def wait_for(connection: Connection) -> None:
    """Until its node answers."""
    deadline = time.monotonic() + 20
    while True:
        try:
            connection.height()
            return
        except Unreachable:
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.02)
