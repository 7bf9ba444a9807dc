"""Returns: how a message ends at its destination that was not accepted there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.gateway import Kind, Status
from metalayer.protocol.message import Fee, Message
from tests.kit.evm import Contract, error
from tests.kit.inbox import altered, notices, place
from tests.kit.paper import PaperLane, PaperRelayer, gateway_payload


def test_a_failed_message_goes_back(
    gateway: Contract, lane: PaperLane, lane_back: PaperLane, attacker: str, failed: Message, deadline: int
) -> None:
    """Anyone sends it back."""
    receipt = gateway.send("returnToSender", *place(failed), sender=attacker, at=deadline + 1)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended", "ReturnSent"]
    assert receipt.named("ReturnSent") == [(failed.id, lane.origin, failed.nonce, 1)]
    payload = gateway_payload(Kind.RETURN, failed.id, 0, Fee.unpack(failed.fee).step)
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_an_expired_message_goes_back_as_such(gateway: Contract, relayer: str, expired: Message) -> None:
    """Its sender gets more of the fee back."""
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert notices(receipt, gateway) == [
        (1, gateway_payload(Kind.RETURN, expired.id, 1, Fee.unpack(expired.fee).step))
    ]


def test_a_message_keeps_its_status_when_it_goes_back(
    gateway: Contract, relayer: str, failed: Message, deadline: int
) -> None:
    gateway.send("returnToSender", *place(failed), sender=relayer, at=deadline + 1)
    assert gateway.view("messageStatus", failed.id) == (Status.FAILED, 1)


def test_every_notice_takes_the_next_place(
    gateway: Contract, lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, relayer: str
) -> None:
    first, second = append(deliver_before=1), append(deliver_before=1)
    paper.deliver(lane)
    gateway.send("returnToSender", *place(second), sender=relayer)
    gateway.send("returnToSender", *place(first), sender=relayer)
    assert gateway.view("messageStatus", second.id) == (Status.EXPIRED, 1)
    assert gateway.view("messageStatus", first.id) == (Status.EXPIRED, 2)


def test_in_the_last_second_a_message_is_retried_alone(
    gateway: Contract, relayer: str, failed: Message, deadline: int
) -> None:
    """M18, P1."""
    refusal = error("MessageNotExpired", failed.id, deadline)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer, at=deadline) == refusal
    gateway.send("retry", *place(failed), sender=relayer, at=deadline)
    gone = error("MessageNotReturnable", failed.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer, at=deadline + 1) == gone


def test_a_second_later_it_is_returned_alone(
    gateway: Contract, recipient: Contract, relayer: str, failed: Message, deadline: int
) -> None:
    """M18, P1."""
    refusal = error("MessageExpired", failed.id, deadline)
    assert gateway.revert("retry", *place(failed), sender=relayer, at=deadline + 1) == refusal
    gateway.send("returnToSender", *place(failed), sender=relayer, at=deadline + 1)
    assert gateway.revert("retry", *place(failed), sender=relayer) == refusal
    assert recipient.view("acceptedCount") == 0


def test_refuses_to_return_what_is_not_due(
    gateway: Contract, relayer: str, failed: Message, deadline: int
) -> None:
    """Also long before its time, and in a transaction."""
    refusal = error("MessageNotExpired", failed.id, deadline)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer) == refusal
    assert not gateway.attempt("returnToSender", *place(failed), sender=relayer).succeeded
    assert gateway.view("messageStatus", failed.id) == (Status.FAILED, 0)


def test_refuses_to_return_what_was_delivered(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    relayer: str,
    deadline: int,
) -> None:
    """P1."""
    message = append()
    paper.deliver(lane)
    refusal = error("MessageNotReturnable", message.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(message), sender=relayer, at=deadline + 1) == refusal


def test_refuses_to_return_what_did_not_arrive(
    gateway: Contract, append: Callable[..., Message], relayer: str, deadline: int
) -> None:
    """P1: before its first attempt a message is not over."""
    message = append()
    refusal = error("MessageNotReturnable", message.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(message), sender=relayer, at=deadline + 1) == refusal


def test_refuses_to_return_twice(gateway: Contract, relayer: str, expired: Message) -> None:
    """M11."""
    gateway.send("returnToSender", *place(expired), sender=relayer)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 1)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal
    assert not gateway.attempt("returnToSender", *place(expired), sender=relayer).succeeded


def test_refuses_to_return_what_another_gateway_says(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, relayer: str
) -> None:
    """Gateway messages end where they arrive, whatever time a lying chain names."""
    payload = gateway_payload(Kind.RETURN, bytes(32), 0, 0)
    notice = lane.append(gateway.address, gateway.address, deliver_before=1, payload=payload)
    paper.deliver(lane)
    refusal = error("MessageNotReturnable", notice.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(notice), sender=relayer) == refusal


@pytest.mark.parametrize("part", ["origin", "nonce", *range(6)])
def test_refuses_to_return_with_a_change(
    gateway: Contract, relayer: str, expired: Message, part: Any
) -> None:
    """P1, M2: the id commits to every field and to the place."""
    changed = altered(expired, part)
    refusal = error("MessageNotReturnable", changed.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(changed), sender=relayer) == refusal


def test_returns_are_never_paused(
    gateway: Contract, relayer: str, expired: Message, halted: Callable[..., None]
) -> None:
    halted(expired.origin)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert len(receipt.named("ReturnSent")) == 1


def test_a_notice_that_a_restart_may_have_lost_is_sent_again(
    gateway: Contract, owner: str, relayer: str, expired: Message
) -> None:
    gateway.send("returnToSender", *place(expired), sender=relayer)
    gateway.send("restart", expired.origin, 40, sender=owner)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert notices(receipt, gateway) == [
        (41, gateway_payload(Kind.RETURN, expired.id, 1, Fee.unpack(expired.fee).step))
    ]
    assert gateway.view("messageStatus", expired.id) == (Status.EXPIRED, 41)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 41)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal


def test_a_restart_of_another_lane_loses_no_notice(
    gateway: Contract, owner: str, relayer: str, expired: Message, other_lane: PaperLane
) -> None:
    gateway.send("returnToSender", *place(expired), sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 1)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal
