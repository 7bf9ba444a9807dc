"""Delivery: messages of a lane arrive once, in order, and in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.facts import SetFact, Tree
from metalayer.protocol.message import Message, genesis_head, interoperable
from tests.kit.evm import Contract, Receipt
from tests.kit.inbox import EXPIRED, FIRST, MESSAGES, NOBODY
from tests.kit.paper import DAY, PaperLane
from tests.kit.stack import Stack

# Delivering


def test_lane_starts_at_its_genesis_head(gateway: Contract, hub: Stack, arcade: Stack) -> None:
    """M1: never zero, though nothing is stored."""
    genesis = genesis_head(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)
    assert gateway.view("inboxLane", hub.chain.chain_id) == (0, genesis)


def test_hands_over_id_sender_and_payload(
    gateway: Contract,
    recipient: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    sender: str,
) -> None:
    (message,) = fill()
    deliver()
    id_, caller, from_, payload, _ = recipient.view("accepted", 0)
    assert (id_, caller, payload) == (message.id, gateway.address, message.payload)
    assert from_ == interoperable(lane.origin, sender)


def test_emits_what_it_delivered(
    lane: PaperLane, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt]
) -> None:
    messages = fill(3)
    receipt = deliver()
    assert receipt.named("MessageDelivered") == [(m.id, lane.origin, m.nonce) for m in messages]
    assert len(receipt.events) == 3


def test_executes_in_lane_order(
    recipient: Contract, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt]
) -> None:
    """P2."""
    messages = fill(5)
    deliver()
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in messages)


def test_moves_the_head(
    gateway: Contract, lane: PaperLane, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt]
) -> None:
    """P2: the Inbox's head is the Outbox's at the same nonce."""
    fill(4)
    deliver(count=3)
    assert gateway.view("inboxLane", lane.origin) == (3, lane.heads[3])


def test_anyone_may_deliver(
    gateway: Contract, fill: Callable[..., list[Message]], pack: Callable[..., tuple[Any, ...]], attacker: str
) -> None:
    fill()
    gateway.send("deliver", *pack(), sender=attacker)


def test_delivers_several_lanes_under_one_attestation(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    lane: PaperLane,
    other_lane: PaperLane,
    fill: Callable[..., list[Message]],
    sender: str,
    recipient: Contract,
    deadline: int,
) -> None:
    fill(2)
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact(), other_lane.fact(), SetFact(2, keccak(text="set"))])
    batches = [lane.batch(tree), other_lane.batch(tree)]
    receipt = gateway.send("deliver", attest(tree.root), batches, sender=relayer)
    delivered = [(m.id, m.origin, m.nonce) for m in (*lane.messages, *other_lane.messages)]
    assert receipt.named("MessageDelivered") == delivered
    assert gateway.view("inboxLane", lane.origin) == (2, lane.heads[2])
    assert gateway.view("inboxLane", other_lane.origin) == (1, other_lane.heads[1])


def test_delivers_one_lane_in_two_batches_of_one_transaction(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    lane: PaperLane,
    fill: Callable[..., list[Message]],
) -> None:
    fill(5)
    tree = Tree([lane.fact(3), lane.fact(5)])
    batches = [lane.batch(tree, signed=3), lane.batch(tree, first=4, signed=5)]
    receipt = gateway.send("deliver", attest(tree.root), batches, sender=relayer)
    assert [nonce for _, _, nonce in receipt.named("MessageDelivered")] == [1, 2, 3, 4, 5]


def test_one_bad_batch_undoes_all(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    lane: PaperLane,
    other_lane: PaperLane,
    fill: Callable[..., list[Message]],
    sender: str,
    recipient: Contract,
    deadline: int,
) -> None:
    fill()
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact(), other_lane.fact()])
    bad = list(other_lane.batch(tree))
    bad[FIRST] = 2
    arguments = (attest(tree.root), [lane.batch(tree), tuple(bad)])
    assert not gateway.attempt("deliver", *arguments, sender=relayer).succeeded
    assert gateway.view("inboxLane", lane.origin)[0] == 0
    assert recipient.view("acceptedCount") == 0


def test_no_batches_change_nothing(gateway: Contract, relayer: str, attest: Callable[..., Any]) -> None:
    assert gateway.send("deliver", attest(keccak(text="root")), [], sender=relayer).events == []


# `first`, suffixes and races
@pytest.mark.parametrize("stored", range(5))
def test_every_overlap_of_a_batch_with_the_lane(
    gateway: Contract,
    relayer: str,
    recipient: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    pack: Callable[..., tuple[Any, ...]],
    stored: int,
) -> None:
    """P1, P2: any `first`, number of messages and signed nonce against a lane that moved."""
    messages = fill(4)
    if stored:
        deliver(count=stored)
    chain = gateway.chain
    for signed in range(1, 5):
        for first in range(1, signed + 1):
            for count in range(signed - first + 2):
                before = chain.snapshot()
                receipt = gateway.attempt(
                    "deliver", *pack(first=first, count=count, signed=signed), sender=relayer
                )
                reached = max(stored, first + count - 1)
                case = (first, count, signed)
                if signed > stored and first > stored + 1:
                    assert not receipt.succeeded, case
                    reached = stored
                else:
                    assert receipt.succeeded, case
                    executed = [nonce for _, _, nonce in receipt.named("MessageDelivered")]
                    reached = stored if signed <= stored else reached
                    assert executed == list(range(stored + 1, reached + 1)), case
                assert gateway.view("inboxLane", lane.origin) == (reached, lane.heads[reached]), case
                accepted = recipient.view("acceptedIds", 0)
                assert accepted == tuple(message.id for message in messages[:reached]), case
                chain.restore(before)


def test_two_racing_relayers_both_succeed(
    gateway: Contract,
    relayer: str,
    attacker: str,
    recipient: Contract,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
) -> None:
    """P1: the same transaction twice; the second finds nothing to do."""
    fill(3)
    arguments = pack()
    gateway.send("deliver", *arguments, sender=relayer)
    assert gateway.send("deliver", *arguments, sender=attacker).events == []
    assert recipient.view("acceptedCount") == 3


def test_slower_relayer_delivers_the_rest(
    gateway: Contract,
    relayer: str,
    attacker: str,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
) -> None:
    messages = fill(5)
    gateway.send("deliver", *pack(count=3), sender=relayer)
    receipt = gateway.send("deliver", *pack(), sender=attacker)
    assert [id_ for id_, _, _ in receipt.named("MessageDelivered")] == [m.id for m in messages[3:]]


def test_ignores_what_the_lane_already_has(
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    pack: Callable[..., tuple[Any, ...]],
) -> None:
    """Known elements are not even read: their slots may hold anything."""
    messages = fill(3)
    deliver(count=2)
    garbage = (NOBODY, NOBODY, 1, 1, 1, b"garbage")
    arguments = pack(change={MESSAGES: [garbage, garbage, messages[2].fields]})
    receipt = gateway.send("deliver", *arguments, sender=relayer)
    assert receipt.named("MessageDelivered") == [(messages[2].id, lane.origin, 3)]


def test_a_signed_nonce_already_reached_is_no_error(
    gateway: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    pack: Callable[..., tuple[Any, ...]],
) -> None:
    fill(3)
    deliver()
    for stale in (pack(signed=1), pack(signed=3, first=3), pack(signed=2, count=0)):
        assert gateway.send("deliver", *stale, sender=relayer).events == []


def test_a_suffix_alone_executes_nothing(
    gateway: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    lane: PaperLane,
) -> None:
    fill(3)
    assert gateway.send("deliver", *pack(count=0), sender=relayer).events == []
    assert gateway.view("inboxLane", lane.origin)[0] == 0


def test_takes_a_suffix_of_any_length(
    gateway: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    lane: PaperLane,
) -> None:
    """Four times as long as signed heads every 64 nonces leave."""
    fill(256)
    gateway.send("deliver", *pack(count=1), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (1, lane.heads[1])


# Time


def test_delivers_in_the_last_second(
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    deadline: int,
) -> None:
    (message,) = fill()
    assert deliver(at=deadline).named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_does_not_call_the_recipient_a_second_later(
    gateway: Contract,
    recipient: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    deadline: int,
) -> None:
    (message,) = fill()
    assert deliver(at=deadline + 1).named("MessageFailed") == [(message.id, lane.origin, 1, True)]
    assert gateway.view("messageStatus", message.id) == EXPIRED
    assert recipient.view("acceptedCount") == 0


def test_an_expired_message_delays_no_other(
    fill: Callable[..., list[Message]], deliver: Callable[..., Receipt], lane: PaperLane, deadline: int
) -> None:
    """P2: any stall ends by expiry."""
    (expired,) = fill(deliver_before=deadline - DAY)
    (alive,) = fill()
    receipt = deliver(at=deadline)
    assert receipt.named("MessageFailed") == [(expired.id, lane.origin, 1, True)]
    assert receipt.named("MessageDelivered") == [(alive.id, lane.origin, 2)]
