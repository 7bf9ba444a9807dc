"""Walks: how a refund shows that its message stands in the lane (M7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.message import Fee, Message, interoperable
from metalayer.protocol.rpc import Log
from tests.kit.evm import error
from tests.kit.settlement import Origin, fee, walk


@pytest.mark.parametrize("position", range(3))
def test_walks_to_the_present_head(origin: Origin, sender: str, carrier: str, position: int) -> None:
    """M7: first, middle and last."""
    for i in range(3):
        origin.send(sender, bytes([i]))
    sent = origin.lane[position]
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=carrier)


ID = keccak(text="id")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda w: (w[0], w[1], keccak(text="head"), w[3]), id="previous-head"),
        pytest.param(lambda w: (w[0], w[1], bytes(32), w[3]), id="zero-head"),
        pytest.param(lambda w: (w[0], w[1], w[2], w[3][:-1]), id="last-id-missing"),
        pytest.param(lambda w: (w[0], w[1], w[2], w[3][1:]), id="first-id-missing"),
        pytest.param(lambda w: (w[0], w[1], w[2], []), id="no-ids"),
        pytest.param(lambda w: (w[0], w[1], w[2], [*w[3], ID]), id="extra-id"),
        pytest.param(lambda w: (w[0], w[1], w[2], [*w[3], bytes(32)]), id="extra-zero"),
        pytest.param(lambda w: (w[0], w[1], w[2], [ID, *w[3]]), id="extra-first-id"),
        pytest.param(lambda w: (w[0], w[1], w[2], w[3][::-1]), id="permuted"),
        pytest.param(lambda w: (w[0], w[1], w[2], [ID, w[3][1]]), id="other-id"),
        pytest.param(lambda w: (w[0], 1, w[2], w[3]), id="lower-nonce"),
        pytest.param(lambda w: (w[0], 3, w[2], w[3]), id="higher-nonce"),
        pytest.param(lambda w: (w[0], 0, w[2], w[3]), id="nonce-zero"),
        pytest.param(lambda w: (w[0], 2**64 - 1, w[2], w[3]), id="highest-nonce"),
        pytest.param(lambda w: (903, w[1], w[2], w[3]), id="other-destination"),
        pytest.param(lambda w: (901, w[1], w[2], w[3]), id="this-chain"),
        pytest.param(lambda w: (0, w[1], w[2], w[3]), id="no-chain"),
    ],
)
def test_refuses_a_walk_that_leads_elsewhere(
    origin: Origin, sender: str, carrier: str, attacker: str, change: Callable[..., Any]
) -> None:
    """M7, M11: every wrong walk names the id that it would have been."""
    for i in range(4):
        origin.send(sender, bytes([i]))
    sent = origin.lane[1]
    message = sent.message
    changed = change(walk(origin.lane, sent).fields)
    id_ = replace(message, destination=changed[0], nonce=changed[1]).id
    origin.notice(sent.id, expired=True, carrier=carrier)
    refusal = origin.gateway.revert("refund", message.fields, changed, sender=attacker)
    assert refusal == error("NotInLane", id_, changed[0], changed[1])
    origin.refund(sent, by=attacker)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(0, "0x" + "11" * 20, id="sender"),
        pytest.param(1, "0x" + "22" * 20, id="recipient"),
        pytest.param(2, 200_001, id="gasLimit"),
        pytest.param(3, 1, id="deliverBefore"),
        pytest.param(4, Fee(0, 2**40, 2**40, 0, 0).packed, id="fee"),
        pytest.param(5, b"another", id="payload"),
    ],
)
def test_refuses_a_message_with_a_change(
    origin: Origin, sender: str, carrier: str, attacker: str, field: int, value: Any
) -> None:
    """M9, M15: what comes back is what was sent, field by field, even if the destination says otherwise."""
    sent = origin.send(sender, b"payload")
    fields: list[Any] = list(sent.message.fields)
    fields[field] = value
    place = (sent.message.network_id, sent.message.origin, sent.message.destination, 1)
    changed = Message(*place, *fields)
    origin.notice(changed.id, expired=True, carrier=carrier)
    arguments = (changed.fields, walk(origin.lane, sent).fields)
    refusal = origin.gateway.revert("refund", *arguments, sender=attacker)
    assert refusal == error("NotInLane", changed.id, origin.arcade, 1)


def test_a_message_to_one_chain_does_not_come_back_from_another(
    origin: Origin, sender: str, carrier: str, attacker: str
) -> None:
    """P1: equal messages, equal places, two lanes."""
    sent = origin.send(sender, b"same")
    other = origin.send(sender, b"same", to=origin.perps)
    origin.notice(other.id, expired=True, carrier=carrier, origin=origin.perps)
    arguments = (sent.message.fields, (origin.arcade, *walk([other], other).fields[1:]))
    refusal = origin.gateway.revert("refund", *arguments, sender=attacker)
    assert refusal == error("NotInLane", sent.id, origin.arcade, 1)
    assert origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker) == error(
        "NotReturned", sent.id
    )
    step = origin.step(
        origin.gateway, "refund", other.message.fields, walk([other], other).fields, sender=attacker
    )
    paid = fee(other).relay - fee(other).base + fee(other).step + fee(other).callback
    assert step.escrow == {origin.arcade: 0, origin.perps: -paid}


def test_an_old_walk_does_not_reach_a_lane_that_moved_on(
    origin: Origin, sender: str, carrier: str, attacker: str
) -> None:
    """M7: only the present head and stored ones are known; a walk is simply made anew."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier)
    old = origin.evidence(sent)
    origin.send(sender)
    refusal = origin.gateway.revert("refund", *old, sender=attacker)
    assert refusal == error("NotInLane", sent.id, origin.arcade, 1)
    origin.refund(sent, by=attacker)


@pytest.fixture
def long_lane(origin: Origin, sender: str) -> list[Sent]:
    """130 messages, mined in one block: heads are stored behind 64 and 128 of them."""
    chain, gateway = origin.hub.chain, origin.gateway
    data = "0x" + gateway.encode("sendMessage", interoperable(origin.arcade, origin.recipient), b"", []).hex()
    first = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    transaction = {"from": sender, "to": gateway.address, "data": data, "gas": hex(120_000)}
    chain.rpc("evm_setAutomine", [False])
    chain.batch([("eth_sendTransaction", [transaction | {"nonce": hex(first + i)}]) for i in range(130)])
    chain.rpc("evm_mine")
    chain.rpc("evm_setAutomine", [True])
    logs = chain.rpc("eth_getLogs", [{"address": gateway.address, "fromBlock": "latest"}])
    origin.lane = parse(map(Log.read, logs), chain.chain_id, chain.chain_id)
    assert [sent.message.nonce for sent in origin.lane] == list(range(1, 131))
    origin.open_books()
    return origin.lane


def test_walks_to_a_stored_head(origin: Origin, long_lane: list[Sent], carrier: str) -> None:
    """M7: with 63 ids, with none, and past it to the present head."""
    for nonce, end in ((1, 64), (2, 64), (63, 64), (64, 64), (65, 128), (129, 130), (130, 130), (100, 128)):
        sent = long_lane[nonce - 1]
        origin.notice(sent.id, expired=True, carrier=carrier)
        arguments = origin.evidence(sent, end)
        assert len(arguments[1][3]) == end - nonce
        step = origin.step(origin.gateway, "refund", *arguments, sender=carrier)
        assert step.receipt.named("MessageReturned")[0][2] == nonce


def test_walks_across_a_stored_head(origin: Origin, long_lane: list[Sent], carrier: str) -> None:
    """M7: to the present head, if it is near enough, is as good."""
    sent = long_lane[99]
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.step(origin.gateway, "refund", *origin.evidence(sent, 130), sender=carrier)


def test_refuses_a_walk_of_64_ids(origin: Origin, long_lane: list[Sent], carrier: str) -> None:
    """M7: though it is true: 63 lead from any message to a stored head."""
    sent = long_lane[65]
    origin.notice(sent.id, expired=True, carrier=carrier)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent, 130), sender=carrier)
    assert refusal == error("WalkTooLong", 64, 63)


def test_refuses_a_walk_that_ends_between(origin: Origin, long_lane: list[Sent], carrier: str) -> None:
    """M7: a head that the lane had, but that nobody keeps."""
    sent = long_lane[49]
    origin.notice(sent.id, expired=True, carrier=carrier)
    for end in (50, 63, 65, 113):
        refusal = origin.gateway.revert("refund", *origin.evidence(sent, end), sender=carrier)
        assert refusal == error("NotInLane", sent.id, origin.arcade, 50), end
