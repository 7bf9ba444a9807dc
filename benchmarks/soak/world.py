"""Four chains, each behind three hostile nodes, and a workspace for programs that know nothing but these nodes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from eth_account import Account

from benchmarks.processes import Process, refuse_taken, running, wait_for
from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.network.anvil import anvil_command
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.signers import address_of, load_sender, local_key
from metalayer.network.workspace import NETWORKS_FILE, OFFSET_VARIABLE, port_offset
from tests.kit.deployment import CREDIT, Deployment
from tests.kit.node import Node
from tests.kit.roles import SENDER
from tools.repository import repo_root

NODES = 3
"""Of each chain. Relayers use the first one, validators believe what two of the three say."""

_PORT_DISTANCE = 600
# Anvil keeps the state of every block on disk otherwise: gigabytes in an hour.
_KEPT_STATES = "256"
_PASSPHRASE = "what opens it 1!"  # noqa: S105


class CountingNode(Node):
    """A node that is asked for too long to remember it all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.requests = 0
        self._counting = threading.Lock()
        # Clients that are killed leave their answers behind.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    def reply(self, body: Any) -> tuple[int, Any, Any]:
        with self._counting:
            self.requests += len(body) if isinstance(body, list) else 1
            self.forget()
        return super().reply(body)


@dataclass(frozen=True)
class World:
    """What there is. `mesh` is connected to the chains themselves, past all faults."""

    mesh: Deployment
    nodes: dict[str, list[CountingNode]]
    anvils: dict[str, Process]
    workspace: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def exchange(self) -> Path:
        return self.workspace / "exchange"

    def pending(self) -> dict[str, int]:
        """Transactions that the chains have not mined, by chain. Empty if there are none."""
        found = {}
        for name, connection in self.mesh.connections.items():
            pool = connection.rpc("txpool_status")
            if waiting := int(pool["pending"], 16) + int(pool["queued"], 16):
                found[name] = waiting
        return found

    def mine_in_time(self) -> None:
        """From now on blocks come every so many whole seconds, as networks.yaml has them, and one at least."""
        for connection in self.mesh.connections.values():
            connection.rpc("evm_setIntervalMining", _seconds(connection.chain.preset.block_time))


@contextmanager
def world(folder: Path, accounts: dict[str, int], say: Callable[[str], None]) -> Iterator[World]:
    """Everything but the programs, with credit for the sender on every chain. Ended on leaving.

    accounts: test accounts by the aliases that the programs know them by.
    """
    os.environ[OFFSET_VARIABLE] = str(port_offset() + _PORT_DISTANCE)
    network = load_network(repo_root() / NETWORKS_FILE)
    with ExitStack() as stack:
        connections = connect(network)
        in_parallel(refuse_taken, connections.values())
        anvils = {
            name: stack.enter_context(
                running(
                    [*anvil_command(chain, interval=False), "--silent", "--prune-history", _KEPT_STATES],
                    folder / f"{name}.log",
                )
            )
            for name, chain in network.chains.items()
        }
        in_parallel(lambda name: wait_for(connections[name], anvils[name]), anvils)
        say("the chains are up: deploying")
        deployer = Deployer(
            network, connections, load_intent(), address_of, load_sender, folder / "deployment"
        )
        registry = deployer.apply(lambda chain, step, left: None)
        mesh = Deployment.of(registry, connections)
        say("deployed: placing recipients, and credit for senders")
        mesh.place_recipients()
        mesh.prepay(SENDER, CREDIT)
        nodes = {
            name: [stack.enter_context(CountingNode(connection.chain.url)) for _ in range(NODES)]
            for name, connection in connections.items()
        }
        workspace = folder / "workspace"
        environment = _furnish(workspace, registry, nodes, accounts)
        yield World(mesh, nodes, anvils, workspace, environment)


def _furnish(
    workspace: Path, registry: Registry, nodes: dict[str, list[CountingNode]], accounts: dict[str, int]
) -> dict[str, str]:
    """Writes the programs' networks.yaml, registry and keyfiles. Returns their environment."""
    content = yaml.safe_load((repo_root() / NETWORKS_FILE).read_text(encoding="utf-8"))
    for name, entry in content["chains"].items():
        del entry["port"]
        urls = [node.url for node in nodes[name]]
        entry |= {"url": urls[0], "nodes": urls}
    for preset in content["presets"].values():
        preset["block_time"] = _seconds(preset["block_time"])
    data = workspace / "ape"
    (data / "accounts").mkdir(parents=True)
    (workspace / NETWORKS_FILE).write_text(yaml.safe_dump(content), encoding="utf-8")
    registry.save(workspace / "deployments" / content["network"]["name"] / "registry.json")
    environment = {**os.environ, "APE_DATA_FOLDER": str(data), OFFSET_VARIABLE: "0"}
    for alias, index in accounts.items():
        keyfile = Account.encrypt(local_key(index).key, _PASSPHRASE, kdf="pbkdf2", iterations=1_000)
        (data / "accounts" / f"{alias}.json").write_text(json.dumps(keyfile), encoding="utf-8")
        environment[f"APE_ACCOUNTS_{alias}_PASSPHRASE"] = _PASSPHRASE
    return environment


def _seconds(block_time: float) -> int:
    return max(1, round(block_time))
