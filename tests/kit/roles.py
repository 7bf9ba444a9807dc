"""Who acts in tests: every role is one of the accounts that each local chain funds and signs for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ape import accounts

from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender


@dataclass(frozen=True)
class Role(KeySender):
    """A test account: what it signs goes over any connection, and what it sends by itself every node signs."""

    index: int

    @property
    def alias(self) -> str:
        """The name that commands and deploy.yaml take."""
        return f"TEST::{self.index}"

    @property
    def ape(self) -> Any:
        """Ape's account."""
        return accounts.test_accounts[self.index]


def _role(index: int) -> Role:
    return Role(local_key(index), index)


def acting(role: Role) -> Callable[[], str]:
    """A fixture: the address of a role."""

    @pytest.fixture(scope="session")
    def address() -> str:
        return role.address

    return address


# As deploy.yaml and the defaults of the commands have them.
DEPLOYER = _role(0)
OWNER = _role(1)
"""Owns what tests deploy by themselves. The owner of the network is a timelock: `Deployment.as_owner`."""
RECOVERY = OWNER
"""Of the network."""
RELAYER = _role(2)
TREASURY = _role(3)
"""Has most ERA at genesis, and plays the user. The treasury of the network is the hub's timelock."""
GUARDIAN = _role(4)
VALIDATORS = tuple(_role(index) for index in range(5, 10))
"""The keys of the first set: four are a quorum."""
OPERATORS = tuple(_role(index) for index in range(20, 25))
"""Who bonded for them, in the same order."""
CANDIDATES = tuple(_role(index) for index in range(10, 13))
"""Validators of later sets. They send nothing: that others act with these keys is no matter."""

SUCCESSOR = _role(10)
"""Owner or guardian after the first one."""
SENDER = _role(11)
RIVAL = _role(12)
"""Another relayer."""
PAYER = _role(13)
ATTACKER = _role(14)
DEPOSITOR = _role(15)
BENEFICIARY = _role(16)
PAUPER = _role(17)
"""Has no ERA, and gets none."""
SECOND_DEPLOYER = _role(18)
"""Deploys the network once more: to it, other addresses belong."""
DEVELOPER = _role(19)
"""Deploys clients, scripted contracts and harnesses."""
