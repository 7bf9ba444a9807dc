"""Carriers that come late: a message that came home without its destination is still carried there, and earns."""

from __future__ import annotations

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.facts import UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Status
from tests.kit.ages import outlive
from tests.kit.evm import Contract, now
from tests.kit.paper import DAY, Validators
from tests.kit.settlement import Origin, batch, fee
from tests.kit.stack import Stack


def test_no_part_of_a_fee_is_paid_twice(
    origin: Origin,
    arcade: Stack,
    validators: Validators,
    client: Contract,
    sender: str,
    relayer: str,
    carrier: str,
    owner: str,
) -> None:
    """P5, M11: the destination is honest all the time, and takes in what has expired; the lane's escrow holds what
    others are owed.
    """
    hub_id = origin.hub.chain.chain_id
    sent, other = origin.send(sender), origin.send(client)
    since = now(origin.hub.chain) + 100
    origin.gateway.send("setOpen", origin.arcade, False, True, sender=owner, at=since)
    by = outlive(origin.gateway, hub_id, validators, since + CLOSURE_DELAY + DAY, relayer)
    fact = UnexecutedFact(hub_id, origin.arcade, 1, sent.id, Status.NONE)
    attestation = by.sign(hub_id, origin.gateway.address, fact.leaf).fields
    arguments = (*origin.evidence(sent), Status.NONE, attestation, [])
    origin.step(origin.gateway, "refundClosed", *arguments, sender=relayer, at=since + CLOSURE_DELAY)

    there = outlive(arcade.gateway, hub_id, validators, since + CLOSURE_DELAY + DAY, relayer)
    assert there.set.expires > now(arcade.chain)
    arcade.gateway.send("deliver", *batch(there, arcade, [sent]), sender=carrier)
    place = (hub_id, 1, sent.message.fields)
    said: list[Sent] = []
    for receipt in (
        arcade.gateway.send("returnToSender", *place, sender=carrier),
        arcade.gateway.send("claim", hub_id, sender=carrier),
    ):
        said += parse(receipt.logs, hub_id, origin.arcade)
    origin.validators = by
    origin.hear(said, sender=carrier)
    assert origin.gateway.view("laneFees", origin.arcade)[0] >= fee(other).total, fee(other)
