"""The Slasher, over a Staking of its own beside the hub's gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from metalayer.protocol.attestation import ValidatorSet
from tests.kit.court import LIAR, Charge, Court, Prosecution
from tests.kit.evm import Receipt
from tests.kit.paper import PaperLane, PaperRelayer, Validators
from tests.kit.stack import Stack
from tests.kit.staking import ERA, MIN_OWN
from tests.kit.terms import FREE_TERMS

FUNDS = 20_000_000 * ERA


@pytest.fixture(scope="session")
def court_founded(hub: Stack, treasury: str, owner: str, deployer: str) -> Court:
    """Staking and the Slasher, whose owner is the gateway's."""
    return Court.found(hub.gateway, deployer=deployer, treasury=treasury, owner=owner)


@pytest.fixture
def court(court_founded: Court, operator: str, delegator: str) -> Iterator[Court]:
    """Five validators of equal stake are seated. After each test, S1 to S3 hold."""
    for account in (operator, delegator):
        court_founded.bond.endow(account, FUNDS)
    court_founded.keys.clear()
    assert court_founded.seat(operator, *[2 * MIN_OWN] * LIAR) == [1, 2, 3, 4, LIAR]
    yield court_founded
    court_founded.bond.check()


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
