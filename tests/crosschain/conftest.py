"""The gateways of all chains, for tests of validators and relayers."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from tests.kit.deployment import CREDIT, Deployment
from tests.kit.roles import SENDER


@pytest.fixture(scope="session")
def mesh(deployment: Deployment) -> Deployment:
    """The deployment with recipients in their places, and credit for the sender."""
    deployment.place_recipients()
    deployment.prepay(SENDER, CREDIT)
    return deployment


@pytest.fixture
def exchange(tmp_path: Path) -> DirectoryExchange:
    return DirectoryExchange(tmp_path / "exchange")
