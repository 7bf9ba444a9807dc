"""Chains, isolation and profiles for all tests. Session fixtures that deploy are welcome: see `isolation`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

# Before anything connects: the tests' chains run beside a localnet (offset 0), never on it.
if os.environ.get("METALAYER_PORT_OFFSET", "0") == "0":
    os.environ["METALAYER_PORT_OFFSET"] = "100"

import pytest
from ape import project
from hypothesis import HealthCheck, settings

from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.registry import records_dir
from metalayer.network.signers import address_of, load_sender
from tests.kit.chains import BoundChain
from tests.kit.deployment import Deployment

# Snapshots make a fixture per test safe for all its examples; chains are slower than Hypothesis expects.
_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_SAME = os.environ.get("CI") == "true"
for _profile, _examples, _steps in (("quick", 20, 20), ("deep", 500, 60)):
    settings.register_profile(
        _profile,
        max_examples=_examples,
        stateful_step_count=_steps,
        deadline=None,
        suppress_health_check=_CHECKS,
        derandomize=_SAME,
        database=None if _SAME or settings.default is None else settings.default.database,
        print_blob=True,
    )
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="many more Hypothesis examples and longer machines")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("deep" if config.getoption("--deep") else "quick")


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("collectonly"):
        return
    for chain in load_network().chains.values():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", chain.port)) == 0:
                pytest.exit(
                    f"port {chain.port} (chain '{chain.name}' of the tests) is taken: another test run, or a localnet? "
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
    """All contracts on every chain, by the code of `ape run deploy apply`, and the registry."""
    network = load_network()
    connections = connect(network)
    deployer = Deployer(network, connections, load_intent(), address_of, load_sender, records_dir(network))
    registry = deployer.apply(lambda chain, step, left: None)
    return Deployment.of(registry, connections, chains)


@pytest.fixture(autouse=True)
def isolation(chains: dict[str, BoundChain]) -> Iterator[None]:
    """Every chain is as before after each test, not only the active one.

    What session fixtures deploy stays: pytest sets them up before this.
    Ape's own isolation is off (pyproject.toml): it knows one chain only.
    """
    before = {name: chain.snapshot() for name, chain in chains.items()}
    yield
    for name, chain in chains.items():
        chain.restore(before[name])
