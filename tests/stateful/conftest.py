"""The deployed gateways, spoken to in raw JSON-RPC."""

from __future__ import annotations

import pytest

from tests.kit.deployment import Deployment
from tests.kit.gateways import Gateways


@pytest.fixture
def gateways(deployment: Deployment, isolation: None) -> Gateways:
    """Set up anew for each test, after its snapshot: what is changed here, no other test sees."""
    return Gateways.prepared(deployment)
