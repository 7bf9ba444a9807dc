"""Conservation: however a message ends, what everybody got is what its sender was charged, less the protocol's part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree, UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Status, Terms
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH
from tests.kit.ages import outlive
from tests.kit.evm import Contract, now
from tests.kit.outbox import return_gas_limit
from tests.kit.paper import DAY, Validators
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.settlement import Origin, fee
from tests.kit.stack import Stack
from tests.kit.strategies import payload_lengths, up_to
from tests.kit.terms import HIGHEST_FEE, WHOLE_SHARE

RESTART = 10
GAS_LIMIT = 10_000_000
"""Enough for the scripted recipient, which keeps the payload."""
FUNDS = 100_000_000 * 10**18


@dataclass(frozen=True)
class World:
    """The hub and arcade for real, and who does what there: each is paid for one thing alone."""

    origin: Origin
    arcade: Stack
    client: Contract
    validators: Validators
    owner: str
    account: str
    deliverer: str
    returner: str
    carrier: str
    refunder: str

    @property
    def hub_id(self) -> int:
        return self.origin.hub.chain.chain_id

    def earned(self, account: str) -> int:
        """On arcade, in gwei."""
        return int(self.arcade.gateway.view("earnings", self.hub_id, account)[0])

    def behave(self, behaviour: Behaviour) -> None:
        self.arcade.recipient.send("setBehaviour", behaviour, sender=self.deliverer)

    def deliver(self, sent: Sent, late: bool = False) -> None:
        at = max(sent.message.deliver_before, now(self.arcade.chain)) + 1 if late else None
        self.origin.carry(self.arcade, [sent], self.deliverer, at=at)

    def announce(self, sent: Sent) -> list[Sent]:
        """Its notice is sent."""
        place = (self.hub_id, 1, sent.message.fields)
        at = max(sent.message.deliver_before, now(self.arcade.chain)) + 1
        receipt = self.arcade.gateway.send("returnToSender", *place, sender=self.returner, at=at)
        return parse(receipt.logs, self.hub_id, self.origin.arcade)

    def bring_back(self, sent: Sent) -> None:
        """Its notice is sent, carried, and acted upon."""
        self.origin.hear(self.announce(sent), self.carrier)
        self.origin.refund(sent, by=self.refunder)


def delivered(world: World, sent: Sent) -> None:
    world.deliver(sent)


def retried(world: World, sent: Sent) -> None:
    world.behave(Behaviour.REVERT)
    world.deliver(sent)
    world.behave(Behaviour.ACCEPT)
    place = (world.hub_id, 1, sent.message.fields)
    world.arcade.gateway.send("retry", *place, sender=world.returner)


def failed(world: World, sent: Sent) -> None:
    world.behave(Behaviour.REVERT)
    world.deliver(sent)
    world.bring_back(sent)


def expired(world: World, sent: Sent) -> None:
    world.deliver(sent, late=True)
    world.bring_back(sent)


def abandoned(world: World, sent: Sent) -> None:
    origin, arcade = world.origin, world.arcade.gateway
    origin.step(origin.gateway, "restart", origin.arcade, RESTART, sender=world.owner)
    fact = RestartFact(world.hub_id, origin.arcade, RESTART)
    attestation = world.validators.sign(world.hub_id, arcade.address, Tree([fact]).root).fields
    receipt = arcade.send("followRestart", attestation, world.hub_id, RESTART, [], sender=world.deliverer)
    origin.hear(parse(receipt.logs, world.hub_id, origin.arcade), world.carrier)
    arguments = (*origin.evidence(sent), RESTART, bytes(32), [])
    origin.step(origin.gateway, "refundAbandoned", *arguments, sender=world.refunder)


def closed(world: World, sent: Sent, status: Status) -> None:
    origin, since = world.origin, now(world.origin.hub.chain) + 10
    origin.gateway.send("setOpen", origin.arcade, False, False, sender=world.owner, at=since)
    until = since + CLOSURE_DELAY
    by = outlive(origin.gateway, world.hub_id, world.validators, until + DAY, world.deliverer)
    fact = UnexecutedFact(world.hub_id, origin.arcade, 1, sent.id, status)
    attestation = by.sign(world.hub_id, origin.gateway.address, fact.leaf).fields
    arguments = (*origin.evidence(sent), status, attestation, [])
    origin.step(origin.gateway, "refundClosed", *arguments, sender=world.refunder, at=until)


def closed_untried(world: World, sent: Sent) -> None:
    closed(world, sent, Status.NONE)
    world.deliver(sent, late=True)
    world.announce(sent)


def closed_failed(world: World, sent: Sent) -> None:
    world.behave(Behaviour.REVERT)
    world.deliver(sent)
    closed(world, sent, Status.FAILED)
    world.announce(sent)


def closed_expired(world: World, sent: Sent) -> None:
    world.deliver(sent, late=True)
    closed(world, sent, Status.EXPIRED)
    world.announce(sent)


def closed_before_it_expired_there(world: World, sent: Sent) -> None:
    """Signed before it was tried, shown when all the others have come."""
    world.deliver(sent, late=True)
    world.origin.hear(world.announce(sent), world.carrier)
    closed(world, sent, Status.NONE)


def closed_after_its_notice(world: World, sent: Sent) -> None:
    world.deliver(sent, late=True)
    world.origin.hear(world.announce(sent), world.carrier)
    closed(world, sent, Status.EXPIRED)


ENDINGS: list[Callable[[World, Sent], None]] = [
    delivered,
    retried,
    failed,
    expired,
    abandoned,
    closed_untried,
    closed_failed,
    closed_expired,
    closed_before_it_expired_there,
    closed_after_its_notice,
]


@pytest.fixture
def world(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    validators: Validators,
    owner: str,
    sender: str,
    relayer: str,
    carrier: str,
    attacker: str,
    depositor: str,
    treasury: str,
) -> World:
    """With credit for the dearest message."""
    origin.accounts = [*origin.accounts, depositor]
    hub = origin.hub
    hub.era.send("approve", hub.gateway.address, 2 * FUNDS, sender=treasury)
    for account in (sender, client.address):
        hub.gateway.send("depositFor", account, FUNDS, sender=treasury)
    origin.open_books()
    roles = (owner, sender, relayer, attacker, carrier, depositor)
    return World(origin, arcade, client, validators, *roles)


fees = up_to(HIGHEST_FEE)


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
@given(
    terms=st.builds(
        Terms,
        default_gas_limit=st.just(GAS_LIMIT),
        max_gas_limit=st.just(GAS_LIMIT),
        default_return_gas_limit=st.just(0),
        base_fee=fees,
        gas_fee=fees,
        byte_fee=fees,
        return_gas_fee=fees,
        protocol_share=up_to(WHOLE_SHARE),
    ),
    length=payload_lengths,
    limit=st.integers(0, 1_000_000),
    by_contract=st.booleans(),
    refuses=st.booleans(),
)
@example(
    terms=Terms(GAS_LIMIT, GAS_LIMIT, 0, HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, HIGHEST_FEE, WHOLE_SHARE),
    length=MAX_PAYLOAD_LENGTH,
    limit=1_000_000,
    by_contract=True,
    refuses=False,
)
@example(
    terms=Terms(GAS_LIMIT, GAS_LIMIT, 0, 7, 5, 3, 2, 1),
    length=1,
    limit=400_001,
    by_contract=False,
    refuses=False,
)
def test_everything_that_was_charged_is_somebodys(
    world: World,
    end: Callable[[World, Sent], None],
    terms: Terms,
    length: int,
    limit: int,
    by_contract: bool,
    refuses: bool,
) -> None:
    """P5: to the wei, for all terms: the sum of what deliverer, returner, carrier, refunder and sender got is the fee
    without the protocol's part; and what then lies in the lane's escrow is what was earned on the other chain, if need
    be after the message came home without it.
    """
    origin, chains = world.origin, (world.origin.hub.chain, world.arcade.chain)
    before = [chain.snapshot() for chain in chains]
    origin.lane.clear()
    origin.open_books()
    try:
        origin.gateway.send("setTerms", origin.arcade, terms.fields, sender=world.owner)
        behaviour = OnReturn.BURN_ALL_GAS if refuses else OnReturn.ACCEPT
        world.client.send("setBehaviour", behaviour, sender=world.deliverer)
        by, account = (world.client, world.client.address) if by_contract else (world.account, world.account)
        people = (world.deliverer, world.returner, world.carrier, world.refunder, account)
        held = {who: origin.gateway.view("credit", who) for who in people}
        sent = origin.send(by, b"\xff" * length, attributes=[return_gas_limit(limit)])
        charged = held[account] - origin.gateway.view("credit", account)
        escrow, protocol = origin.gateway.view("laneFees", origin.arcade)
        assert charged == (escrow + protocol) * GWEI
        assert escrow == fee(sent).total

        end(world, sent)

        earned = world.earned(world.deliverer) + world.earned(world.returner)
        got = sum(origin.gateway.view("credit", who) - held[who] for who in people) + charged
        assert got + earned * GWEI == charged - protocol * GWEI
        assert origin.gateway.view("laneFees", origin.arcade) == (earned, protocol)
    finally:
        for chain, snapshot in zip(chains, before, strict=True):
            chain.restore(snapshot)
