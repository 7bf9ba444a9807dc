"""Chains, isolation and profiles for all tests. Session fixtures that deploy are welcome: see `isolation`."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ape import project

from ape_metalayer.provider import AnvilChain
from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.registry import records_dir
from metalayer.network.signers import address_of, load_sender
from metalayer.network.workspace import OFFSET_VARIABLE, port_offset
from metalayer.services.clock import set_to
from tests.kit import exploring
from tests.kit.chains import BoundChain
from tests.kit.deployment import Deployment
from tests.kit.failures import ShortFailures
from tests.kit.owning import possess

_BESIDE_A_LOCALNET = 100
_STATES = 12_000
"""Enough for the longest module: each begins with final blocks of its own (`fresh`)."""
_WORKER_DISTANCE = 20
"""From the ports of one worker of pytest-xdist to the next one's. Tests use offsets from 200 to 1,000 besides."""


def pytest_addoption(parser: pytest.Parser) -> None:
    exploring.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Ports before anything connects, examples before Hypothesis looks for them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        # It inherits the offset of the process that started it.
        os.environ[OFFSET_VARIABLE] = str(port_offset() + _WORKER_DISTANCE * int(worker.removeprefix("gw")))
    else:
        # Ape's handler exits, which pytest-xdist takes for an error of its own; pytest's says how far the run got.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not worker and port_offset() == 0:
        os.environ[OFFSET_VARIABLE] = str(_BESIDE_A_LOCALNET)
    AnvilChain.states = _STATES
    config.pluginmanager.register(ShortFailures(config, exploring.configure(config)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.deep:
        deep = [item for item in items if item.get_closest_marker("deep")]
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if item not in deep]
    # A node forgets the states of old blocks in a long run.
    items.sort(key=lambda item: item.get_closest_marker("old_states") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist, for each worker: they get the arguments, and what was chosen since."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if config.option.collectonly or hasattr(config, "workerinput"):
        return
    if config.option.deep:
        seed = config.option.seed
        config.get_terminal_writer().line(
            f"random examples, seed {seed}: the same again with --deep --seed {seed}"
        )
    workers = len(getattr(config.option, "tx", None) or [""])
    for chain in load_network().chains.values():
        for port in range(chain.port, chain.port + workers * _WORKER_DISTANCE, _WORKER_DISTANCE):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    pytest.exit(
                        f"port {port} (chain '{chain.name}' of the tests) is taken: another test run, or a localnet? "
                        "Wait for it, or set METALAYER_PORT_OFFSET",
                        returncode=2,
                    )
    # Asking for one contract later would notice changes of its own file only, not of what that imports.
    project.load_contracts()


@pytest.fixture(scope="session")
def chains() -> dict[str, BoundChain]:
    """Every chain of networks.yaml by name, the hub first, connected once. The hub is active outside `use()`.

    Ape starts them on the first connection and stops them when the run ends, however it ends.
    """
    connected = {chain.name: BoundChain(chain) for chain in load_network().chains.values()}
    hub = next(iter(connected.values()))
    hub.provider.network_manager.active_provider = hub.provider
    return connected


@pytest.fixture(scope="session")
def deployment(chains: dict[str, BoundChain]) -> Deployment:
    """All contracts on every chain, by the code of `ape metalayer deploy apply`, and the registry."""
    network = load_network()
    connections = connect(network)
    deployer = Deployer(network, connections, load_intent(), address_of, load_sender, records_dir(network))
    registry = deployer.apply(lambda chain, step, left: None)
    deployed = Deployment.of(registry, connections, chains)
    for connection in connections.values():
        possess(connection, deployed.owner)
    _level(deployed)
    return deployed


def _level(deployment: Deployment) -> None:
    """What is sent on a chain whose clock is ahead has to wait for the others'."""
    connections = deployment.connections.values()
    set_to(connections, max(connection.block().time for connection in connections) + 1)


@pytest.fixture(scope="module")
def fresh(deployment: Deployment) -> None:
    """Final blocks that are new: a node forgets the states of old ones in a long run, and programs read them."""
    for chain in deployment.chains.values():
        chain.rpc("anvil_mine", ["0x4"])
    _level(deployment)


@pytest.fixture(autouse=True)
def isolation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every chain is as before after each test that uses one, not only the active one.

    What session fixtures deploy stays: pytest sets them up before this.
    Ape's own isolation is off (pyproject.toml): it knows one chain only.
    """
    if "chains" not in request.fixturenames:
        yield
        return
    if "deployment" in request.fixturenames:
        request.getfixturevalue("fresh")
    chains: dict[str, BoundChain] = request.getfixturevalue("chains")
    before = {name: chain.snapshot() for name, chain in chains.items()}
    yield
    for name, chain in chains.items():
        chain.restore(before[name])
