"""Staking on the hub, with an account as its Slasher. Nobody is registered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.chains import BoundChain
from tests.kit.roles import (
    BENEFICIARY,
    DEPOSITOR,
    GUARDIAN,
    OWNER,
    PAUPER,
    PAYER,
    RELAYER,
    RIVAL,
    SENDER,
    acting,
)
from tests.kit.staking import FUNDS, GATEWAY, HOUR, MIN_OWN, PERIOD, Bond

operator = acting(OWNER)
rival = acting(RIVAL)
delegator = acting(DEPOSITOR)
other_delegator = acting(SENDER)
slasher = acting(GUARDIAN)
reporter = acting(RELAYER)
passer_by = acting(PAYER)
recipient = acting(BENEFICIARY)
delegatee = acting(PAUPER)


@pytest.fixture(scope="session")
def founded(chains: dict[str, BoundChain], treasury: str, slasher: str, deployer: str) -> Bond:
    """ERA, SetBuilder and Staking."""
    return Bond.found(chains["hub"], treasury=treasury, slasher=slasher, deployer=deployer, gateway=GATEWAY)


@pytest.fixture
def bond(founded: Bond, operator: str, rival: str, delegator: str, other_delegator: str) -> Iterator[Bond]:
    """The same, where those who stake have ERA that Staking may take. A period has begun an hour ago. After each test,
    S1 to S3 hold."""
    for account in (operator, rival, delegator, other_delegator):
        founded.endow(account, FUNDS)
    founded.reach((founded.period + 1) * PERIOD + HOUR)
    yield founded
    founded.check()


@pytest.fixture
def seated(bond: Bond, operator: str) -> list[int]:
    """Four validators of one operator with the least own stake. One of the five seats is free."""
    return bond.seat(operator, *[MIN_OWN] * 4)
