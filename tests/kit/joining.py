"""A fifth chain, `chess`, in a workspace of its own: everything is deployed to it, others have no routes to it yet."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.network.anvil import anvil_command
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.registry import records_dir, registry_path
from metalayer.network.rpc import Unreachable
from metalayer.network.signers import address_of, load_sender
from metalayer.network.workspace import NETWORKS_FILE
from tests.kit.deployment import Deployment
from tests.kit.owning import possess
from tools.repository import repo_root

CHESS = {"chain_id": 905, "port": 9705, "preset": "game"}


@contextmanager
def joined(deployment: Deployment, folder: Path, environment: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The network with it. It ends with the block."""
    content = yaml.safe_load((repo_root() / NETWORKS_FILE).read_text(encoding="utf-8"))
    content["chains"]["chess"] = CHESS
    (folder / NETWORKS_FILE).write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copy(repo_root() / "deploy.yaml", folder)
    # Where anvil is.
    (folder / "node_modules").symlink_to(repo_root() / "node_modules")
    environment.chdir(folder)
    network = load_network()
    deployment.registry.save(registry_path(network))
    with _running(Connection(network.chains["chess"])) as chess:
        connections = {**deployment.connections, "chess": chess}
        deployer = Deployer(
            network, connections, load_intent(), address_of, load_sender, records_dir(network)
        )
        registry = deployer.apply(lambda chain, step, left: None)
        possess(chess, deployment.owner)
        yield Deployment.of(registry, connections, deployment.chains)


@contextmanager
def _running(connection: Connection) -> Iterator[Connection]:
    command = anvil_command(connection.chain, interval=False)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection.height()
                break
            except Unreachable:
                assert process.poll() is None, "anvil did not start"
                assert time.monotonic() < deadline, "anvil does not answer"
                time.sleep(0.02)
        yield connection
    finally:
        process.kill()
        process.wait()
