"""Arcade's RemoteGovernor, and a contract that its timelock commands."""

from __future__ import annotations

import pytest

from tests.kit.chains import BoundChain
from tests.kit.decisions import Decision, Remote, act
from tests.kit.evm import Contract, deploy


@pytest.fixture(scope="session")
def remote(chains: dict[str, BoundChain], deployer: str) -> Remote:
    return Remote.place(chains["arcade"], chains["hub"].chain_id, deployer)


@pytest.fixture(scope="session")
def target(remote: Remote, deployer: str) -> Contract:
    """Does what it is told, by anyone."""
    return deploy(remote.chain, "ScriptedSender", sender=deployer)


@pytest.fixture
def decision(target: Contract) -> Decision:
    """Sets the target's behaviour."""
    return Decision([act(target, "setBehaviour", 1)])


@pytest.fixture
def offices(remote: Remote, successor: str, attacker: str) -> Decision:
    """Names other offices, and nothing else: protected."""
    return Decision([act(remote.governor, "setOffices", successor, attacker)])
