"""The gateways of all chains, for tests of validators and relayers."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.exchange import Exchange
from tests.chains import BoundChain
from tests.mesh import Mesh, deploy_mesh


@pytest.fixture(scope="session")
def mesh(chains: dict[str, BoundChain]) -> Mesh:
    return deploy_mesh()


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path / "exchange")
