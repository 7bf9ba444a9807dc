"""The gateways of all chains, for tests of validators and relayers."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from tests.kit.deployed import Deployment
from tests.kit.mesh import Mesh, mesh_of


@pytest.fixture(scope="session")
def mesh(deployment: Deployment) -> Mesh:
    return mesh_of(deployment)


@pytest.fixture
def exchange(tmp_path: Path) -> DirectoryExchange:
    return DirectoryExchange(tmp_path / "exchange")
