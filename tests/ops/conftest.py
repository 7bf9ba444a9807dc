"""Deployments of their own on the tests' chains, which the isolation takes back after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.intent import Intent, load_intent
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.signers import address_of, load_sender
from tests.kit import profiles
from tests.kit.chains import BoundChain
from tests.kit.deployment import Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import SECOND_DEPLOYER


@pytest.fixture(scope="session")
def network() -> Network:
    return load_network()


@pytest.fixture(scope="session")
def artifacts(chains: dict[str, BoundChain]) -> dict[str, Artifact]:
    return load_artifacts(ARTIFACTS)


@pytest.fixture(params=[profiles.local, profiles.production], ids=["local", "production"])
def profile(
    request: pytest.FixtureRequest, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Profile]:
    """A test with this runs twice: on a machine of one's own, and as in production."""
    with request.param(tmp_path, deployment.registry, monkeypatch) as opened:
        yield opened


@pytest.fixture
def intent() -> Intent:
    return load_intent().model_copy(update={"deployer": SECOND_DEPLOYER.alias})


@pytest.fixture
def connections(chains: dict[str, BoundChain], network: Network) -> dict[str, Connection]:
    return connect(network)


@pytest.fixture
def deployer(
    network: Network,
    connections: dict[str, Connection],
    intent: Intent,
    artifacts: dict[str, Artifact],
    tmp_path: Path,
) -> Deployer:
    return Deployer(network, connections, intent, address_of, load_sender, tmp_path / "records", artifacts)


@pytest.fixture
def with_intent(deployer: Deployer) -> Callable[..., Deployer]:
    """The same deployer with other values in its deploy.yaml."""
    return lambda **values: replace(deployer, intent=deployer.intent.model_copy(update=values))
