"""The deployed gateways, spoken to in raw JSON-RPC."""

from __future__ import annotations

import pytest

from metalayer.chain import connect
from metalayer.network import load_network
from tests.gateways import Gateways
from tests.paper import Validators
from tests.unit.conftest import *  # noqa: F403


@pytest.fixture(scope="session")
def gateways(stacks, validators: Validators, sender: str, relayer: str, attacker: str) -> Gateways:
    connections = connect(load_network())
    return Gateways(
        {name: connections[name] for name in stacks},
        {name: stack.recipient.address for name, stack in stacks.items()},
        stacks["hub"].gateway.address,
        validators,
        roles={"sender": sender, "relayer": relayer, "rival": attacker},
    )
