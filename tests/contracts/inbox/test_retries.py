"""Retry: a failed message is delivered later, by anyone, as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.gateway import Status
from metalayer.protocol.message import Message, interoperable
from tests.kit.evm import Contract, Receipt, error, set_code
from tests.kit.inbox import ACCEPTED, FAILED, NOBODY, REFUSING, altered, place
from tests.kit.paper import PaperLane
from tests.kit.scripted import Behaviour
from tests.kit.stack import Stack


def test_retry_executes_a_failed_message(
    gateway: Contract, recipient: Contract, attacker: str, failing: Message
) -> None:
    """P1: by anyone, once."""
    receipt = gateway.send("retry", *place(failing), sender=attacker)
    assert [event.name for event in receipt.events] == ["MessageDelivered"]
    assert receipt.named("MessageDelivered") == [(failing.id, failing.origin, 1)]
    assert gateway.view("messageStatus", failing.id) == ACCEPTED
    assert recipient.view("acceptedIds", 0) == (failing.id,)


def test_retry_hands_over_the_same_as_the_first_attempt(
    gateway: Contract, recipient: Contract, relayer: str, sender: str, failing: Message
) -> None:
    gateway.send("retry", *place(failing), sender=relayer)
    id_, caller, from_, payload, _ = recipient.view("accepted", 0)
    assert (id_, caller, payload) == (failing.id, gateway.address, failing.payload)
    assert from_ == interoperable(failing.origin, sender)


def test_retry_leaves_the_lane(gateway: Contract, relayer: str, lane: PaperLane, failing: Message) -> None:
    gateway.send("retry", *place(failing), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (1, lane.heads[1])


def test_refuses_to_retry_twice(gateway: Contract, relayer: str, failing: Message) -> None:
    """P1."""
    gateway.send("retry", *place(failing), sender=relayer)
    refusal = error("MessageNotFailed", failing.id, Status.NONE)
    assert gateway.revert("retry", *place(failing), sender=relayer) == refusal


def test_refuses_to_retry_what_was_delivered(
    gateway: Contract, relayer: str, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt]
) -> None:
    """P1."""
    (message,) = fill()
    deliver()
    refusal = error("MessageNotFailed", message.id, Status.NONE)
    assert gateway.revert("retry", *place(message), sender=relayer) == refusal


def test_refuses_to_retry_what_did_not_arrive(
    gateway: Contract, relayer: str, fill: Callable[..., list[Message]]
) -> None:
    """M1: nothing is executed that no quorum signed."""
    (message,) = fill()
    refusal = error("MessageNotFailed", message.id, Status.NONE)
    assert gateway.revert("retry", *place(message), sender=relayer) == refusal


def test_a_refused_retry_keeps_the_message_failed(
    gateway: Contract, recipient: Contract, relayer: str, behave: Callable[..., None], failing: Message
) -> None:
    behave(Behaviour.REVERT)
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *place(failing), sender=relayer) == refusal
    assert not gateway.attempt("retry", *place(failing), sender=relayer).succeeded
    assert gateway.view("messageStatus", failing.id) == FAILED
    behave(Behaviour.ACCEPT)
    gateway.send("retry", *place(failing), sender=relayer)
    assert recipient.view("executions", failing.id) == 1


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
def test_refuses_every_other_answer_at_a_retry(
    gateway: Contract, relayer: str, behave: Callable[..., None], failing: Message, behaviour: Behaviour
) -> None:
    """M20: also with all the gas that the caller has."""
    behave(behaviour)
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *place(failing), sender=relayer) == refusal


def test_refuses_to_retry_without_code(
    gateway: Contract, relayer: str, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt]
) -> None:
    (message,) = fill(to=NOBODY)
    deliver()
    refusal = error("RetryFailed", message.id)
    assert gateway.revert("retry", *place(message), sender=relayer) == refusal


def test_retries_once_the_recipient_was_deployed(
    arcade: Stack,
    gateway: Contract,
    relayer: str,
    recipient: Contract,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
) -> None:
    (message,) = fill(to=NOBODY)
    deliver()
    code = arcade.chain.rpc("eth_getCode", [recipient.address, "latest"])
    set_code(arcade.chain, NOBODY, bytes.fromhex(code[2:]))
    gateway.send("retry", *place(message), sender=relayer)


def test_retries_in_the_last_second(gateway: Contract, relayer: str, failing: Message, deadline: int) -> None:
    """M18."""
    gateway.send("retry", *place(failing), sender=relayer, at=deadline)


def test_refuses_to_retry_a_second_later(
    gateway: Contract, relayer: str, failing: Message, deadline: int
) -> None:
    """M18."""
    refusal = error("MessageExpired", failing.id, deadline)
    arguments = place(failing)
    assert gateway.revert("retry", *arguments, sender=relayer, at=deadline + 1) == refusal
    assert not gateway.attempt("retry", *arguments, sender=relayer, at=deadline + 1).succeeded
    assert gateway.view("messageStatus", failing.id) == FAILED


def test_refuses_to_retry_what_arrived_expired(
    gateway: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    deadline: int,
) -> None:
    (message,) = fill()
    deliver(at=deadline + 1)
    refusal = error("MessageNotFailed", message.id, Status.EXPIRED)
    assert gateway.revert("retry", *place(message), sender=relayer, at=deadline + 2) == refusal


@pytest.mark.parametrize("part", ["origin", "nonce", *range(6)])
def test_refuses_to_retry_with_a_change(gateway: Contract, relayer: str, failing: Message, part: Any) -> None:
    """P1, M2: the id commits to every field and to the place."""
    changed = altered(failing, part)
    refusal = error("MessageNotFailed", changed.id, Status.NONE)
    assert gateway.revert("retry", *place(changed), sender=relayer) == refusal


def test_retries_while_the_route_is_closed(
    gateway: Contract, owner: str, relayer: str, failing: Message
) -> None:
    """Retries are never paused: what arrived can always be executed."""
    gateway.send("setOpen", failing.origin, False, False, sender=owner)
    gateway.send("retry", *place(failing), sender=relayer)


def test_retries_in_any_order(
    gateway: Contract,
    recipient: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    behave: Callable[..., None],
) -> None:
    messages = fill(3)
    behave(Behaviour.REVERT)
    deliver()
    behave(Behaviour.ACCEPT)
    for message in reversed(messages):
        gateway.send("retry", *place(message), sender=relayer)
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in reversed(messages))


def test_retry_with_more_gas_than_the_limit(
    gateway: Contract,
    recipient: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
) -> None:
    """M19: a limit that became too low, because opcodes became dearer, does not strand the message."""
    (message,) = fill(gas_limit=30_000)
    assert len(deliver().named("MessageFailed")) == 1
    gateway.send("retry", *place(message), sender=relayer, gas=5_000_000)
    gas_at_entry = recipient.view("accepted", 0)[4]
    assert 4_700_000 < gas_at_entry < 5_000_000
