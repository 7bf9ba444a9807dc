"""Closed and paused lanes: what has expired is taken in, so that it can go home; notices are put aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.facts import RestartFact
from metalayer.protocol.gateway import Kind, Status
from metalayer.protocol.message import Message
from tests.kit.evm import Contract, Revert, error, now
from tests.kit.inbox import ACCEPTED, BASE, EXPIRED, FAILED, FEE, HIGHEST, STEP, place
from tests.kit.paper import DAY, PaperLane, PaperRelayer, gateway_payload

HOUR = 3_600
ID = keccak(text="returned")


@pytest.fixture
def refusal_of(gateway: Contract, request: pytest.FixtureRequest) -> Callable[..., Revert]:
    """What a halted lane says: closed comes before paused."""

    def refusal_of(origin: int) -> Revert:
        if not gateway.view("route", origin)[1]:
            return error("RouteClosed", origin)
        return error("RoutePaused", origin, gateway.view("pausedUntil", origin))

    return refusal_of


@pytest.fixture
def resumed(gateway: Contract, owner: str) -> Callable[..., None]:
    """Opens a lane, or ends its pause."""

    def resumed(origin: int) -> None:
        if gateway.view("route", origin)[1]:
            gateway.send("unpauseInbound", origin, sender=owner)
        else:
            gateway.send("setOpen", origin, True, True, sender=owner)

    return resumed


@pytest.fixture
def put_aside(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, halted: Callable[..., None]
) -> Callable[..., Message]:
    """A notice that came while its lane was halted."""

    def put_aside(*words: Any) -> Message:
        halted(lane.origin)
        notice = lane.append_notice(gateway.address, gateway_payload(*words))
        paper.deliver(lane)
        return notice

    return put_aside


# What has expired


def test_takes_in_what_has_expired_to_the_second(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
    refusal_of: Callable[..., Revert],
    earned: Callable[..., int],
    recipient: Contract,
) -> None:
    """M18, P1: until its last second it waits with its lane; a second later it is carried, and pays for that."""
    last = now(gateway.chain) + HOUR
    message = append(deliver_before=last)
    halted(lane.origin)
    refusal = refusal_of(lane.origin)
    assert paper.refusal(lane, at=last) == refusal
    assert not gateway.attempt("deliver", *paper.arguments(lane), sender=paper.account, at=last).succeeded
    receipt = paper.deliver(lane, at=last + 1)
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, True)]
    assert gateway.view("messageStatus", message.id) == EXPIRED
    assert earned(lane.origin) == BASE
    assert recipient.view("acceptedCount") == 0
    receipt = gateway.send("returnToSender", *place(message), sender=paper.account)
    assert len(receipt.named("ReturnSent")) == 1
    assert earned(lane.origin) == BASE + STEP


@pytest.mark.parametrize("young", [0, 1, 2])
def test_one_that_has_not_expired_stops_its_batch(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
    refusal_of: Callable[..., Revert],
    young: int,
) -> None:
    """P2: what stands before it can be taken in alone, what stands behind it waits."""
    for position in range(3):
        append(**({} if position == young else {"deliver_before": 1}))
    halted(lane.origin)
    assert paper.refusal(lane) == refusal_of(lane.origin)
    assert gateway.view("inboxLane", lane.origin)[0] == 0
    if young:
        paper.deliver(lane, count=young)
    assert gateway.view("inboxLane", lane.origin) == (young, lane.heads[young])
    assert paper.refusal(lane) == refusal_of(lane.origin)


def test_one_halted_lane_does_not_stop_what_has_expired_on_others(
    lane: PaperLane,
    other_lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
) -> None:
    append(deliver_before=1)
    append(on=other_lane)
    halted(lane.origin)
    receipt = paper.deliver(lane, other_lane)
    assert len(receipt.named("MessageFailed")) == len(receipt.named("MessageDelivered")) == 1


def test_goes_on_where_it_was(
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
    resumed: Callable[..., None],
    recipient: Contract,
) -> None:
    """P2."""
    append(deliver_before=1)
    young = append()
    halted(lane.origin)
    paper.deliver(lane, count=1)
    resumed(lane.origin)
    paper.deliver(lane)
    assert recipient.view("acceptedIds", 0) == (young.id,)


@pytest.mark.parametrize("of", ["recipient", "gateway"])
def test_what_a_user_says_to_the_gateway_is_no_notice(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
    refusal_of: Callable[..., Revert],
    sender: str,
    recipient: Contract,
    deadline: int,
    of: str,
) -> None:
    """M6: nor what the gateway says to a user; only a lying quorum can sign either."""
    payload = gateway_payload(Kind.RETURN, ID, 1, 0)
    if of == "gateway":
        lane.append(gateway.address, recipient.address, deliver_before=deadline, payload=payload)
    else:
        lane.append(sender, gateway.address, deliver_before=deadline, payload=payload)
    halted(lane.origin)
    assert paper.refusal(lane) == refusal_of(lane.origin)


# Notices


@pytest.mark.parametrize(
    "words",
    [(Kind.RETURN, ID, 1, 7), (Kind.CLAIM, 1, 2, 3), (Kind.RESTART, 4, 5, ID)],
    ids=["return", "claim", "restart"],
)
def test_a_notice_is_put_aside(
    gateway: Contract,
    lane: PaperLane,
    put_aside: Callable[..., Message],
    earned: Callable[..., int],
    words: tuple[Any, ...],
) -> None:
    """M3: nothing that its origin says is done; the lane goes on."""
    notice = put_aside(*words)
    assert gateway.view("inboxLane", lane.origin)[0] == 1
    assert gateway.view("messageStatus", notice.id) == FAILED
    assert gateway.view("returnNotice", lane.origin, ID)[0] == "0x" + "00" * 20
    assert gateway.view("restartRecord", lane.origin, 4) == (False, False, 0, 0, bytes(32))
    assert gateway.view("paid", lane.origin, "0x" + "00" * 19 + "01") == 0
    assert earned(lane.origin) == 0


def test_a_notice_that_was_put_aside_says_so(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, halted: Callable[..., None]
) -> None:
    halted(lane.origin)
    notice = lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, ID, 1, 0))
    receipt = paper.deliver(lane)
    assert [event.name for event in receipt.events] == ["MessageFailed"]
    assert receipt.named("MessageFailed") == [(notice.id, lane.origin, 1, False)]


def test_a_notice_is_retried_once_its_lane_is_open(
    gateway: Contract,
    lane: PaperLane,
    attacker: str,
    relayer: str,
    put_aside: Callable[..., Message],
    resumed: Callable[..., None],
    refusal_of: Callable[..., Revert],
) -> None:
    """P1, M11: by anyone, who is then its carrier; exactly once; and not while the lane is halted."""
    notice = put_aside(Kind.RETURN, ID, 1, 0)
    assert gateway.revert("retry", *place(notice), sender=attacker) == refusal_of(lane.origin)
    assert not gateway.attempt("retry", *place(notice), sender=attacker).succeeded
    assert gateway.view("messageStatus", notice.id) == FAILED
    resumed(lane.origin)
    receipt = gateway.send("retry", *place(notice), sender=attacker)
    assert receipt.named("ReturnNoticed") == [(ID, lane.origin, attacker, True)]
    assert receipt.named("MessageDelivered") == [(notice.id, lane.origin, 1)]
    assert len(receipt.events) == 2
    assert gateway.view("messageStatus", notice.id) == ACCEPTED
    refusal = error("MessageNotFailed", notice.id, Status.NONE)
    assert gateway.revert("retry", *place(notice), sender=relayer) == refusal


def test_a_pause_ends_for_notices_at_the_second(
    gateway: Contract, guardian: str, relayer: str, lane: PaperLane, paper: PaperRelayer
) -> None:
    gateway.send("pauseInbound", lane.origin, DAY, sender=guardian)
    until = gateway.view("pausedUntil", lane.origin)
    notice = lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, ID, 1, 0))
    paper.deliver(lane, at=until - 2)
    refusal = error("RoutePaused", lane.origin, until)
    assert gateway.revert("retry", *place(notice), sender=relayer, at=until - 1) == refusal
    gateway.send("retry", *place(notice), sender=relayer, at=until)


def test_notices_are_retried_in_any_order(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    paper: PaperRelayer,
    halted: Callable[..., None],
    resumed: Callable[..., None],
) -> None:
    halted(lane.origin)
    ids = [keccak(bytes([i])) for i in range(3)]
    said = [
        lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, id_, i % 2, 0))
        for i, id_ in enumerate(ids)
    ]
    paper.deliver(lane)
    resumed(lane.origin)
    for notice in reversed(said):
        gateway.send("retry", *place(notice), sender=relayer)
    assert [gateway.view("returnNotice", lane.origin, id_)[1] for id_ in ids] == [False, True, False]


def test_a_notice_that_was_put_aside_never_goes_back(
    gateway: Contract, relayer: str, put_aside: Callable[..., Message]
) -> None:
    """It does not expire."""
    notice = put_aside(Kind.RETURN, ID, 1, 0)
    refusal = error("MessageNotExpired", notice.id, HIGHEST)
    late = now(gateway.chain) + 10_000 * DAY
    assert gateway.revert("returnToSender", *place(notice), sender=relayer, at=late) == refusal


@pytest.mark.parametrize("part", ["origin", "nonce", *range(6)])
def test_refuses_to_retry_a_notice_with_a_change(
    gateway: Contract,
    relayer: str,
    sender: str,
    lane: PaperLane,
    put_aside: Callable[..., Message],
    resumed: Callable[..., None],
    part: Any,
) -> None:
    """P1, M9: what the gateway hears is what was signed."""
    notice = put_aside(Kind.RETURN, ID, 1, 0)
    resumed(lane.origin)
    origin, nonce, message = place(notice)
    fields: list[Any] = list(message)
    if part == "origin":
        origin = 903
    elif part == "nonce":
        nonce += 1
    else:
        fields[part] = {0: sender, 1: sender, 3: 5, 5: b"changed"}.get(part, 1)
    refusal = gateway.revert("retry", origin, nonce, tuple(fields), sender=relayer)
    assert repr(refusal).startswith("MessageNotFailed(")
    gateway.send("retry", *place(notice), sender=relayer)


def test_what_a_lying_chain_pays_for_a_notice_stays_its_own_affair(
    gateway: Contract,
    lane: PaperLane,
    paper: PaperRelayer,
    halted: Callable[..., None],
    earned: Callable[..., int],
) -> None:
    """M3: with a fee and a deadline, it is put aside as any notice, and nobody earns from it."""
    halted(lane.origin)
    payload = gateway_payload(Kind.RETURN, ID, 1, 0)
    for deadline in (HIGHEST, 1):
        before = earned(lane.origin)
        notice = lane.append(
            gateway.address, gateway.address, deliver_before=deadline, fee=FEE, payload=payload
        )
        paper.deliver(lane)
        assert gateway.view("messageStatus", notice.id) == FAILED
        assert earned(lane.origin) == before


def test_what_may_be_sent_while_a_lane_is_halted(
    gateway: Contract,
    lane: PaperLane,
    lane_back: PaperLane,
    relayer: str,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
    expired: Message,
) -> None:
    """P1: everything that leads home: returns and claims."""
    halted(lane.origin)
    receipts: Sequence[Any] = [gateway.send("returnToSender", *place(expired), sender=relayer)]
    assert receipts[0].named("ReturnSent") == [(expired.id, lane.origin, expired.nonce, 1)]


def test_what_was_put_aside_before_a_restart_does_not_count(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    paper: PaperRelayer,
    put_aside: Callable[..., Message],
    resumed: Callable[..., None],
) -> None:
    """A chain lied, its lane was paused, and restarted and opened once it was mended: nobody brings the lies up
    again. What it says from then on counts, also if it was put aside meanwhile.
    """
    lie = put_aside(Kind.RETURN, ID, 0, 0)
    restart = RestartFact(lane.origin, lane.destination, 100)
    gateway.send("followRestart", paper.attest(restart.leaf), lane.origin, 100, [], sender=relayer)
    restarted = PaperLane(lane.network_id, lane.origin, lane.destination, 100)
    truth = restarted.append_notice(gateway.address, gateway_payload(Kind.RETURN, ID, 1, 0))
    paper.deliver(restarted)
    assert gateway.view("messageStatus", truth.id) == FAILED
    resumed(lane.origin)
    refusal = error("NoticeOutdated", lie.id, 100)
    assert gateway.revert("retry", *place(lie), sender=relayer) == refusal
    assert not gateway.attempt("retry", *place(lie), sender=relayer).succeeded
    receipt = gateway.send("retry", *place(truth), sender=relayer)
    assert receipt.named("ReturnNoticed") == [(ID, lane.origin, relayer, True)]
    assert gateway.revert("retry", *place(lie), sender=relayer) == refusal


def test_a_restart_outdates_no_message_of_a_user(
    gateway: Contract, lane: PaperLane, relayer: str, paper: PaperRelayer, failed: Message
) -> None:
    """P1: what arrived can always be executed."""
    restart = RestartFact(lane.origin, lane.destination, 100)
    gateway.send("followRestart", paper.attest(restart.leaf), lane.origin, 100, [], sender=relayer)
    receipt = gateway.send("retry", *place(failed), sender=relayer)
    assert receipt.named("MessageDelivered") == [(failed.id, lane.origin, failed.nonce)]
