"""Epochs: what a chain said before its lane was restarted and followed here does not count.

Arcade lies; then the lane from it to the hub is restarted and the restart followed. What it says from then on counts,
also what it says again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.facts import RestartFact, Tree
from tests.kit.evm import Contract, Receipt, Revert, error, now
from tests.kit.paper import PaperLane, Validators
from tests.kit.settlement import Origin, fee, restart_notice, walk
from tests.kit.stack import Stack

PLACE = 50
"""Of the restart of the lane from arcade to the hub."""
RESTART = 10
"""Of the restart of the lane from the hub to arcade."""


@pytest.fixture
def begin(origin: Origin, validators: Validators, relayer: str) -> Callable[..., Receipt]:
    """Follows a restart of the lane from a chain to the hub: a new epoch. What it says stands behind that then."""

    def begin(place: int = PLACE, chain_id: int | None = None) -> Receipt:
        chain_id = chain_id or origin.arcade
        hub_id = origin.hub.chain.chain_id
        fact = RestartFact(chain_id, hub_id, place)
        attestation = validators.sign(hub_id, origin.gateway.address, Tree([fact]).root).fields
        receipt = origin.gateway.send("followRestart", attestation, chain_id, place, [], sender=relayer)
        origin.said[chain_id] = PaperLane(hub_id, chain_id, hub_id, place)
        # The answer of the hub stands in the lane to that chain.
        (answer,) = parse(receipt.logs, hub_id, hub_id)
        if chain_id == origin.arcade:
            origin.lane.append(answer)
        return receipt

    return begin


@pytest.fixture
def refusal(origin: Origin, attacker: str) -> Callable[..., Revert]:
    """Why a message is not refunded."""

    def refusal(sent: Sent) -> Revert:
        return origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)

    return refusal


def test_each_restart_that_is_followed_begins_an_epoch(origin: Origin, begin: Callable[..., Receipt]) -> None:
    """Of that chain alone."""
    assert origin.gateway.view("laneEpoch", origin.arcade) == 0
    for epoch, place in enumerate((7, 8, 2**33), 1):
        begin(place)
        assert origin.gateway.view("laneEpoch", origin.arcade) == epoch
    assert origin.gateway.view("laneEpoch", origin.perps) == 0


def test_no_chain_uses_the_epochs_up(origin: Origin, begin: Callable[..., Receipt]) -> None:
    """M3: after 65,536 restarts its lane still goes on."""
    begin(7)
    state = int.from_bytes(keccak(text="metalayer.origin"), "big") - 1
    epochs = (int.from_bytes(keccak(state.to_bytes(32, "big")), "big") & ~0xFF) + 5
    slot_ = keccak(encode(["uint256", "uint256"], [origin.arcade, epochs]))
    last = (7 << 16 | 2**16 - 1).to_bytes(32, "big")
    gateway = origin.gateway
    gateway.chain.rpc("anvil_setStorageAt", [gateway.address, "0x" + slot_.hex(), "0x" + last.hex()])
    assert gateway.view("laneEpoch", origin.arcade) == 2**16 - 1
    begin(8)
    assert gateway.view("laneEpoch", origin.arcade) == 0


def test_a_notice_of_an_earlier_epoch_does_not_count(
    origin: Origin,
    sender: str,
    carrier: str,
    attacker: str,
    begin: Callable[..., Receipt],
    refusal: Callable[..., Revert],
) -> None:
    """A chain that lied says again what is true. Its carrier is paid once."""
    sent = origin.send(sender)
    parts = fee(sent)
    lied = origin.notice(sent.id, expired=False, carrier=attacker, step=parts.step)
    assert lied.credit == {attacker: parts.step}
    begin()
    assert refusal(sent) == error("NotReturned", sent.id)
    said = origin.notice(sent.id, expired=True, carrier=carrier, step=parts.step)
    assert said.credit == {}
    assert said.receipt.named("ReturnNoticed") == [(sent.id, origin.arcade, carrier, True)]
    assert origin.returned(sent) == (attacker, True, False, False, 1, 0)
    step = origin.refund(sent, by=carrier)
    given = parts.relay - parts.base + parts.callback
    assert step.credit == {carrier: parts.step, sender: given}


def test_within_an_epoch_the_first_notice_counts(
    origin: Origin, sender: str, carrier: str, attacker: str, begin: Callable[..., Receipt]
) -> None:
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=attacker)
    begin()
    origin.notice(sent.id, expired=False, carrier=carrier)
    again = origin.notice(sent.id, expired=True, carrier=carrier)
    assert again.receipt.named("ReturnNoticed") == []
    assert not origin.returned(sent).expired


def test_a_notice_that_first_comes_in_a_later_epoch_pays(
    origin: Origin, sender: str, carrier: str, begin: Callable[..., Receipt]
) -> None:
    sent = origin.send(sender)
    begin()
    said = origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    assert said.credit == {carrier: fee(sent).step}
    assert origin.returned(sent).epoch == 1
    origin.refund(sent, by=carrier)


def test_a_notice_counts_in_its_own_epoch_alone(
    origin: Origin,
    sender: str,
    carrier: str,
    begin: Callable[..., Receipt],
    refusal: Callable[..., Revert],
) -> None:
    """Nor in one after the next."""
    sent = origin.send(sender)
    for place in (PLACE, 2 * PLACE, 3 * PLACE):
        origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
        begin(place)
        assert refusal(sent) == error("NotReturned", sent.id)
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    origin.refund(sent, by=carrier)


def test_what_was_refunded_stays_refunded(
    origin: Origin,
    client: Contract,
    carrier: str,
    attacker: str,
    begin: Callable[..., Receipt],
    refusal: Callable[..., Revert],
) -> None:
    """P1, M11: a new epoch brings nothing back; a notice of it pays nobody and changes nothing."""
    sent = origin.send(client)
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    origin.refund(sent, by=carrier)
    begin()
    known = origin.returned(sent)
    said = origin.notice(sent.id, expired=False, carrier=attacker, step=fee(sent).step)
    assert (said.credit, said.receipt.named("ReturnNoticed")) == ({}, [])
    assert origin.returned(sent) == known
    assert refusal(sent) == error("NotReturned", sent.id)
    assert client.view("returnedCount") == 1


def test_an_epoch_of_one_chain_leaves_what_others_said(
    origin: Origin, sender: str, carrier: str, begin: Callable[..., Receipt]
) -> None:
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier)
    begin(chain_id=origin.perps)
    origin.refund(sent, by=carrier)


def test_claims_of_all_epochs_are_one_sum(
    origin: Origin, sender: str, relayer: str, carrier: str, begin: Callable[..., Receipt]
) -> None:
    """P5: what was paid stays paid, and what was earned stays earned."""
    for _ in range(3):
        origin.send(sender)
    origin.claim(relayer, 1_000, carrier=carrier)
    begin()
    assert origin.claim(relayer, 1_000, carrier=carrier).credit == {}
    assert origin.claim(relayer, 1_500, carrier=carrier).credit == {relayer: 500}


def abandoned(origin: Origin, sent: Sent) -> tuple[Any, ...]:
    """Arguments of `refundAbandoned` for what the Inbox did not reach."""
    return (sent.message.fields, walk(origin.lane, sent, sent.message.nonce).fields, RESTART, bytes(32), [])


def test_a_restart_notice_of_an_earlier_epoch_does_not_count(
    origin: Origin,
    client: Contract,
    owner: str,
    carrier: str,
    attacker: str,
    begin: Callable[..., Receipt],
) -> None:
    """A chain said that it left its lane at the beginning, though it had executed what stood there. Once it is
    trusted again, that is not refunded.
    """
    executed, left = origin.send(client, b"executed"), origin.send(client, b"left")
    hub = origin.gateway
    hub.send("restart", origin.arcade, RESTART, sender=owner)
    origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=attacker)
    assert hub.view("restartRecord", origin.arcade, RESTART) == (True, True, 0, 0, bytes(32))
    begin()
    for sent in (executed, left):
        arguments: tuple[Any, ...] = (
            sent.message.fields,
            walk([executed, left], sent).fields,
            RESTART,
            bytes(32),
            [],
        )
        refusal = hub.revert("refundAbandoned", *arguments, sender=attacker)
        assert refusal == error("RestartNotFollowed", origin.arcade, RESTART)
    refusal = hub.revert("recordInboxHead", origin.arcade, RESTART, 0, bytes(32), [], sender=attacker)
    assert refusal == error("RestartNotFollowed", origin.arcade, RESTART)

    said = origin.say(restart_notice(RESTART, 1, executed.head), carrier=carrier)
    assert said.receipt.named("RestartNoticed") == [(origin.arcade, RESTART, 1, executed.head)]
    assert hub.view("restartRecord", origin.arcade, RESTART) == (True, True, 1, 1, executed.head)
    again = origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=attacker)
    assert again.receipt.named("RestartNoticed") == []
    way = walk([executed, left], executed).fields
    evidence = (executed.message.fields, way, RESTART, way[2], [executed.id])
    refusal = hub.revert("refundAbandoned", *evidence, sender=attacker)
    assert refusal == error("NotReplaced", executed.id)
    arguments = (left.message.fields, walk([executed, left], left).fields, RESTART, bytes(32), [])
    origin.step(hub, "refundAbandoned", *arguments, sender=carrier)
    assert client.view("returnedIds", 0) == (left.id,)


def test_honest_notices_that_a_restart_lost_are_sent_again_for_real(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    owner: str,
    validators: Validators,
    relayer: str,
    carrier: str,
    attacker: str,
    begin: Callable[..., Receipt],
    refusal: Callable[..., Revert],
) -> None:
    """P1, P5: arcade's notice was heard, then its lane was restarted: sent again for nothing, it counts again, and
    its carrier is paid once.
    """
    sent = origin.send(client)
    hub_id, parts = origin.hub.chain.chain_id, fee(sent)
    late = max(sent.message.deliver_before, now(arcade.chain)) + 1
    origin.carry(arcade, [sent], relayer, at=late)
    place = (hub_id, 1, sent.message.fields)
    returning = arcade.gateway.send("returnToSender", *place, sender=attacker)
    heard = origin.hear(parse(returning.logs, hub_id, origin.arcade), carrier)
    assert heard.credit == {carrier: parts.step}
    arcade.gateway.send("restart", hub_id, PLACE, sender=owner)
    begin(PLACE)
    assert refusal(sent) == error("NotReturned", sent.id)
    earned = arcade.gateway.view("earnings", hub_id, relayer)
    again = arcade.gateway.send("returnToSender", *place, sender=relayer)
    assert arcade.gateway.view("earnings", hub_id, relayer) == earned
    said = parse(again.logs, hub_id, origin.arcade)
    assert said[0].message.nonce == PLACE + 1
    assert origin.hear(said, attacker).credit == {}
    step = origin.refund(sent, by=relayer)
    assert step.credit == {
        relayer: parts.step + parts.callback,
        client.address: parts.relay - parts.base,
    }
