"""Staking on the hub, with an account as its Slasher. Nobody is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from metalayer.protocol.attestation import ValidatorSet
from tests.contracts.conftest import acting
from tests.kit.chains import BoundChain
from tests.kit.court import LIAR, Charge, Court, Prosecution
from tests.kit.evm import Receipt
from tests.kit.paper import PaperLane, PaperRelayer, Validators
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
)
from tests.kit.stack import Stack
from tests.kit.staking import ERA, MIN_OWN, PERIOD, Bond
from tests.kit.terms import FREE_TERMS

operator = acting(OWNER)
rival = acting(RIVAL)
delegator = acting(DEPOSITOR)
other_delegator = acting(SENDER)
slasher = acting(GUARDIAN)
reporter = acting(RELAYER)
passer_by = acting(PAYER)
recipient = acting(BENEFICIARY)
delegatee = acting(PAUPER)

GATEWAY = "0x00000000000000000000000000000000006a7e0A"
HOUR = 3_600
FUNDS = 20_000_000 * ERA


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


# The Slasher, over a Staking of its own beside the hub's gateway.


@pytest.fixture(scope="session")
def court_founded(hub: Stack, treasury: str, owner: str, deployer: str) -> Court:
    """Staking and the Slasher, whose owner is the gateway's."""
    return Court.found(hub.gateway, deployer=deployer, treasury=treasury, owner=owner)


@pytest.fixture
def court(court_founded: Court, operator: str, delegator: str) -> Court:
    """Five validators of equal stake are seated."""
    for account in (operator, delegator):
        court_founded.bond.endow(account, FUNDS)
    court_founded.keys.clear()
    assert court_founded.seat(operator, *[2 * MIN_OWN] * LIAR) == [1, 2, 3, 4, LIAR]
    return court_founded


@pytest.fixture
def first_set(court: Court) -> ValidatorSet:
    return court.bond.snapshot()


@pytest.fixture
def inbound(hub: Stack, arcade: Stack) -> PaperLane:
    """The lane from arcade to the hub."""
    return PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)


@pytest.fixture
def prosecution(
    court: Court,
    first_set: ValidatorSet,
    hub: Stack,
    arcade: Stack,
    inbound: PaperLane,
    validators: Validators,
    owner: str,
    relayer: str,
    sender: str,
) -> Prosecution:
    """The hub's lane to arcade costs nothing."""
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    paper = PaperRelayer(hub.gateway, relayer, validators, hub.chain.chain_id)
    return Prosecution(court, first_set, arcade, sender, paper, hub.recipient.address, inbound)


@pytest.fixture
def charge(prosecution: Prosecution) -> Callable[..., Charge]:
    return prosecution.charge


@pytest.fixture
def deliver(prosecution: Prosecution) -> Callable[[int], Receipt]:
    return prosecution.deliver
