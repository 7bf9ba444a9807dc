"""The deployed gateways, spoken to in raw JSON-RPC."""

from __future__ import annotations

import pytest

from metalayer.accounts import local_key
from metalayer.chain import KeySender
from tests.deployed import Deployment
from tests.evm import init_code
from tests.gateways import CHAINS, Gateways


@pytest.fixture(scope="session")
def gateways(deployment: Deployment) -> Gateways:
    connections = {name: deployment.connections[name] for name in CHAINS}
    deployer = KeySender(local_key(15))
    recipients = {
        name: str(connection.send(deployer, None, init_code("ScriptedRecipient"))["contractAddress"])
        for name, connection in connections.items()
    }
    return Gateways(connections, recipients, deployment.registry)
