"""The gateways of all chains, for tests of validators and relayers."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.exchange import Exchange
from tests.kit.deployed import Deployment
from tests.kit.mesh import Mesh, mesh_of


@pytest.fixture(scope="session")
def mesh(deployment: Deployment) -> Mesh:
    return mesh_of(deployment)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path / "exchange")
