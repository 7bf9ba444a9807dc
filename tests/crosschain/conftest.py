"""The gateways of all chains, for tests of validators and relayers."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.relayer.memory import Memory
from tests.kit.deployment import CREDIT, ERA, Deployment
from tests.kit.roles import SENDER
from tests.kit.trade import HOLDER, MOST, Trade


@pytest.fixture(scope="session")
def mesh(deployment: Deployment) -> Deployment:
    """The deployment with recipients in their places, and credit for the sender."""
    deployment.place_recipients()
    deployment.prepay(SENDER, CREDIT)
    return deployment


@pytest.fixture
def exchange(tmp_path: Path) -> DirectoryExchange:
    return DirectoryExchange(tmp_path / "exchange")


@pytest.fixture
def clock() -> list[float]:
    """Unix seconds of a relayer's memory."""
    return [1_800_000_000.0]


@pytest.fixture
def memory(clock: list[float]) -> Memory:
    return Memory.fleeting(lambda: clock[0])


@pytest.fixture
def trade(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Trade:
    mesh.bring(HOLDER, 50 * ERA)
    mesh.on["hub"].era.send("approve", mesh.bridge, MOST, sender=HOLDER)
    return Trade(mesh, exchange, tmp_path)
