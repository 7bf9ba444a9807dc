"""Settlement: how messages end on their origin, and who is paid for it.

The hub is the origin. What arcade and perps say to it are messages of their gateways under the validators'
signatures: a chain that lies says what it likes, an honest one does so for real.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.lanes.logs import parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Route
from metalayer.protocol.message import Fee, Message, interoperable
from metalayer.protocol.rpc import Log
from tests.kit.evm import ZERO_ADDRESS, Revert, error
from tests.kit.paper import DAY, GATEWAY_GAS_LIMIT
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.settlement import FUNDS, batch, fee, walk
from tests.kit.terms import OPEN_ROUTE

CARRIAGE = Route(*OPEN_ROUTE).relay_part(GATEWAY_GAS_LIMIT, 128)
HIGHEST = 2**256 - 1


# For real, over both chains


def test_an_expired_message_comes_back_for_real(origin, arcade, sender, relayer, carrier):
    """P1, P5: its passage is paid for, its notice is, and the sender gets the rest, to the wei."""
    sent = origin.send(sender, b"late")
    parts, message = fee(sent), sent.message
    late = message.deliver_before + 1
    failed = origin.carry(arcade, [sent], relayer, at=late).named("MessageFailed")
    assert failed == [(sent.id, message.origin, 1, True)]
    returning = arcade.gateway.send(
        "returnToSender", message.origin, 1, message.fields, sender=relayer, at=late + 1
    )
    said = parse(returning.logs, message.network_id, message.destination)
    step = origin.hear(said, carrier)
    assert step.receipt.named("ReturnNoticed") == [(sent.id, message.destination, carrier, True)]
    assert step.credit == {carrier: parts.back}
    step = origin.refund(sent, by=relayer)
    assert step.credit == {sender: parts.relay - parts.base}
    assert origin.gateway.view("laneFees", message.destination)[0] == parts.base
    assert arcade.gateway.view("earnings", message.origin, relayer) == (parts.base, 0)


def test_a_failed_message_comes_back_for_real(origin, arcade, client, sender, relayer, carrier):
    """P1, P5: it was tried, so its relayer keeps the relay part and the sender gets nothing back."""
    arcade.recipient.send("setBehaviour", Behaviour.REVERT, sender=sender)
    sent = origin.send(client, b"refused")
    parts, message = fee(sent), sent.message
    failed = origin.carry(arcade, [sent], relayer).named("MessageFailed")
    assert failed == [(sent.id, message.origin, 1, False)]
    returning = arcade.gateway.send(
        "returnToSender",
        *(message.origin, 1, message.fields),
        sender=relayer,
        at=message.deliver_before + 1,
    )
    step = origin.hear(parse(returning.logs, message.network_id, message.destination), carrier)
    assert step.credit == {carrier: parts.back}
    step = origin.refund(sent, by=relayer)
    assert step.credit == {}
    told = (sent.id, message.destination, origin.gateway.address, b"refused", 0)
    assert client.view("returned", 0) == told
    assert origin.gateway.view("laneFees", message.destination)[0] == parts.relay
    assert arcade.gateway.view("earnings", message.origin, relayer) == (parts.relay, 0)


def test_a_relayer_is_paid_for_real(origin, arcade, sender, relayer, carrier):
    """P5: what was delivered empties the escrow, to the wei; who carries the claim has a part of it."""
    lane = [origin.send(sender, bytes(length)) for length in (0, 1, 40)]
    origin.carry(arcade, lane, relayer)
    earned = sum(fee(sent).relay + fee(sent).back for sent in lane)
    hub_id = origin.hub.chain.chain_id
    claiming = arcade.gateway.send("claim", hub_id, sender=relayer)
    assert claiming.named("ClaimSent") == [(hub_id, relayer, earned, 1)]
    step = origin.hear(parse(claiming.logs, hub_id, origin.arcade), carrier)
    assert step.credit == {relayer: earned - CARRIAGE, carrier: CARRIAGE}
    assert origin.gateway.view("laneFees", origin.arcade)[0] == 0


# Refunds: what a notice does


@pytest.mark.parametrize("expired", [True, False], ids=["expired", "failed"])
def test_gives_back_what_nobody_earned(origin, sender, carrier, attacker, expired):
    """P5: anyone may call, and gets nothing for it; the carrier was paid with the notice."""
    sent = origin.send(sender, b"lost")
    parts = fee(sent)
    heard = origin.notice(sent.id, expired=expired, carrier=carrier, returns=parts.back)
    assert heard.credit == {carrier: parts.back}
    assert heard.escrow == {origin.arcade: -parts.back, origin.perps: 0}
    assert origin.returned(sent) == (carrier, expired, False)
    step = origin.refund(sent, by=attacker)
    unspent = parts.relay - parts.base if expired else 0
    assert step.credit == ({sender: unspent} if expired else {})
    assert step.escrow == {origin.arcade: -unspent, origin.perps: 0}
    assert step.receipt.named("MessageReturned") == [(sent.id, origin.arcade, 1, unspent * GWEI)]
    assert len(step.receipt.events) == 1
    assert origin.returned(sent) == (carrier, expired, True)


def test_a_notice_that_names_no_pay_moves_nothing(origin, sender, carrier):
    sent = origin.send(sender)
    step = origin.notice(sent.id, expired=True, carrier=carrier)
    assert (step.credit, step.escrow) == ({}, {origin.arcade: 0, origin.perps: 0})
    assert step.receipt.named("ReturnNoticed") == [(sent.id, origin.arcade, carrier, True)]


def test_the_sender_may_carry_the_notice(origin, sender):
    sent = origin.send(sender)
    heard = origin.notice(sent.id, expired=True, carrier=sender, returns=fee(sent).back)
    assert heard.credit == {sender: fee(sent).back}
    assert origin.refund(sent, by=sender).credit == {sender: fee(sent).relay - fee(sent).base}


def test_refuses_without_a_notice(origin, sender, carrier, attacker):
    """P1: nothing comes back of which its destination did not say so."""
    sent, other = origin.send(sender), origin.send(sender)
    origin.notice(other.id, expired=True, carrier=carrier)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("NotReturned", sent.id)


def test_a_notice_of_another_chain_does_nothing(origin, sender, carrier, attacker):
    """M9: a chain speaks for itself alone."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=attacker, origin=origin.perps)
    assert origin.returned(sent) == (ZERO_ADDRESS, False, False)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("NotReturned", sent.id)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=attacker)


def test_a_forged_notice_returns_nothing_that_was_not_sent(origin, client, attacker):
    """M9: whatever a lying chain invents, it stands in no lane."""
    sent = origin.send(client, b"real")
    real = sent.message
    forged = replace(real, sender=client.address, fee=Fee(0, 2**63, 2**63).packed, payload=b"forged")
    origin.notice(forged.id, expired=True, carrier=attacker)
    arguments = (forged.fields, walk(origin.lane, sent).fields)
    refusal = origin.gateway.revert("refund", *arguments, sender=attacker)
    assert refusal == error("NotInLane", forged.id, origin.arcade, 1)


def test_refuses_a_second_time(origin, client, carrier, attacker):
    """M11, P1: once, whatever the destination says again."""
    sent = origin.send(client)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=attacker)
    again = origin.notice(sent.id, expired=True, carrier=attacker)
    assert again.receipt.named("ReturnNoticed") == []
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("AlreadyRefunded", sent.id)
    assert client.view("returnedCount") == 1


def test_the_first_notice_counts(origin, sender, carrier, attacker):
    """A later one takes the reward from nobody, and makes nothing of a message that had failed."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=False, carrier=carrier)
    assert origin.notice(sent.id, expired=True, carrier=attacker).receipt.named("ReturnNoticed") == []
    assert origin.returned(sent) == (carrier, False, False)
    assert origin.refund(sent, by=attacker).credit == {}


def test_each_message_comes_back_by_itself(origin, client, carrier):
    """P5: in any order, and the ones between stay."""
    lane = [origin.send(client, bytes([i])) for i in range(4)]
    for sent in (lane[2], lane[0]):
        origin.notice(sent.id, expired=True, carrier=carrier, returns=fee(sent).back)
        origin.refund(sent, by=carrier)
    assert client.view("returnedIds", 0) == (lane[2].id, lane[0].id)
    left = sum(fee(sent).relay + fee(sent).back for sent in (lane[1], lane[3]))
    assert origin.gateway.view("laneFees", origin.arcade)[0] == left + sum(
        fee(sent).base for sent in (lane[0], lane[2])
    )


def test_a_message_that_was_sent_free_comes_back_free(origin, owner, sender, carrier):
    """P5: the owner's, without credit: nobody is paid out of what others escrowed."""
    origin.send(sender)
    sent = origin.send(owner)
    assert sent.message.fee == 0
    origin.notice(sent.id, expired=True, carrier=carrier)
    step = origin.refund(sent, by=carrier)
    assert step.credit == {}
    assert step.receipt.named("MessageReturned") == [(sent.id, origin.arcade, 2, 0)]


def test_refunds_while_the_route_is_closed_and_paused(origin, owner, guardian, sender, carrier):
    """What was sent comes back, whatever the owner or the guardian does."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.gateway.send("setRoute", origin.arcade, (False, False, *OPEN_ROUTE[2:]), sender=owner)
    origin.gateway.send("pauseInbound", origin.arcade, DAY, sender=guardian)
    origin.refund(sent, by=carrier)


def test_what_gateways_say_is_never_returned(origin, said_by_the_hub, attacker):
    """A lying destination cannot hand the gateway its own message back."""
    origin.notice(said_by_the_hub.id, expired=True, carrier=attacker)
    refusal = origin.gateway.revert("refund", *origin.evidence(said_by_the_hub), sender=attacker)
    assert refusal == Revert(b"")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(127), id="short"),
        pytest.param(bytes(129), id="long"),
        pytest.param(bytes(8_192), id="longest"),
        pytest.param(encode(["uint256"] * 4, [3, 1, 1, 1]), id="unknown-kind"),
        pytest.param(encode(["uint256"] * 4, [2**255, 1, 1, 1]), id="huge-kind"),
        pytest.param(b"\xff" * 128, id="ones"),
        pytest.param(bytes(128), id="notice-of-nothing"),
        pytest.param(encode(["uint256"] * 4, [1, 0, HIGHEST, HIGHEST]), id="claim-of-nobody"),
        pytest.param(encode(["uint256"] * 4, [2, HIGHEST, HIGHEST, HIGHEST]), id="restart-of-nothing"),
        pytest.param(encode(["uint256"] * 4, [2, 0, 0, 0]), id="restart-of-zeros"),
    ],
)
def test_nothing_that_a_chain_says_halts_its_lane(origin, sender, carrier, payload):
    """M12, M13: the next notice arrives."""
    sent = origin.send(sender)
    assert len(origin.say(payload, carrier=carrier).receipt.named("MessageDelivered")) == 1
    step = origin.notice(sent.id, expired=False, carrier=carrier)
    assert len(step.receipt.named("ReturnNoticed")) == 1


# Refunds: who is told what


def test_a_contract_is_told_what_came_back(origin, client, carrier):
    """Id, destination, payload and unspent wei, by the gateway, once the money is there."""
    payload = bytes(range(100))
    sent = origin.send(client, payload)
    origin.notice(sent.id, expired=True, carrier=carrier)
    step = origin.refund(sent, by=carrier)
    unspent = (fee(sent).relay - fee(sent).base) * GWEI
    told = (sent.id, origin.arcade, origin.gateway.address, payload, unspent)
    assert client.view("returned", 0) == told
    assert step.credit[client.address] * GWEI == unspent


def test_a_contract_may_use_at_once_what_came_back(origin, hub, client, carrier):
    """The credit is its own while it is told."""
    sent = origin.send(client)
    parts = fee(sent)
    origin.notice(sent.id, expired=True, carrier=carrier)
    held = origin.gateway.view("credit", client.address) + (parts.relay - parts.base) * GWEI
    client.send(
        "setCall",
        origin.gateway.address,
        origin.gateway.encode("withdraw", client.address, held),
        sender=carrier,
    )
    origin.refund(sent, by=carrier)
    assert origin.gateway.view("credit", client.address) == 0
    assert hub.era.view("balanceOf", client.address) == held


def test_a_contract_may_send_again_at_once(origin, client, carrier):
    """M20: sending is the one thing that is open while the gateway calls."""
    sent = origin.send(client, b"again")
    origin.notice(sent.id, expired=True, carrier=carrier)
    recipient = interoperable(origin.arcade, origin.recipient)
    sending = origin.gateway.encode("sendMessage", recipient, b"again", [])
    client.send("setCall", origin.gateway.address, sending, sender=carrier)
    step = origin.refund(sent, by=carrier)
    assert step.receipt.named("LaneExtended")[0][:2] == (origin.arcade, 2)
    assert step.escrow[origin.arcade] == fee(sent).base + fee(sent).back


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param(OnReturn.REVERT, None, id="reverts"),
        pytest.param(OnReturn.BURN_ALL_GAS, b"", id="burns-all-gas"),
        pytest.param(OnReturn.REVERT_BOMB, bytes(95) + b"\x80" + bytes(999_904), id="revert-bomb"),
    ],
)
def test_a_sender_that_refuses_keeps_its_refund(origin, client, sender, carrier, behaviour, reason):
    """M12, M20: everything stays as it was, others are not held up, and later the same call succeeds."""
    sent, other = origin.send(client), origin.send(sender)
    for each in (sent, other):
        origin.notice(each.id, expired=True, carrier=carrier)
    client.send("setBehaviour", behaviour, sender=carrier)
    expected = error("Refused", sent.id) if reason is None else Revert(reason)
    assert origin.gateway.revert("refund", *origin.evidence(sent), sender=carrier) == expected
    assert not origin.gateway.attempt("refund", *origin.evidence(sent), sender=carrier).succeeded
    assert origin.returned(sent) == (carrier, True, False)
    unspent = fee(sent).relay - fee(sent).base
    assert origin.refund(other, by=carrier).credit == {sender: unspent}
    client.send("setBehaviour", OnReturn.ACCEPT, sender=carrier)
    assert origin.refund(sent, by=carrier).credit == {client.address: unspent}


def test_a_contract_that_cannot_be_told_is_not_refunded(origin, hub, sender, carrier, treasury):
    """It sent without wanting anything back: its refund waits, and takes from nobody."""
    hub.era.send("approve", hub.gateway.address, FUNDS, sender=treasury)
    origin.step(hub.gateway, "depositFor", hub.recipient.address, FUNDS, sender=treasury)
    recipient = interoperable(origin.arcade, origin.recipient)
    sending = hub.gateway.encode("sendMessage", recipient, b"", [])
    hub.recipient.send("setCall", hub.gateway.address, sending, sender=sender)
    step = origin.step(hub.recipient, "receiveMessage", bytes(32), b"", b"", sender=sender)
    (sent,) = parse(step.receipt.logs, hub.chain.chain_id, hub.chain.chain_id)
    origin.lane.append(sent)
    origin.notice(sent.id, expired=True, carrier=carrier)
    assert origin.gateway.revert("refund", *origin.evidence(sent), sender=carrier) == Revert(b"")


def test_too_little_gas_changes_nothing(origin, client, carrier):
    """M12: who calls with too little to tell the sender burns only its own gas."""
    sent = origin.send(client)
    origin.notice(sent.id, expired=True, carrier=carrier)
    failures = 0
    for gas in range(60_000, 500_000, 10_000):
        arguments = origin.evidence(sent)
        succeeded = origin.gateway.attempt("refund", *arguments, sender=carrier, gas=gas).succeeded
        assert (client.view("returnedCount"), origin.returned(sent)[2]) == (int(succeeded), succeeded), gas
        if succeeded:
            break
        failures += 1
    assert succeeded
    assert failures


REENTRIES = {
    "refund": lambda sent, evidence, arguments: evidence,
    "refundAbandoned": lambda sent, evidence, arguments: (*evidence, 5, bytes(32), []),
    "deliver": lambda sent, evidence, arguments: arguments,
    "retry": lambda sent, evidence, arguments: (902, 1, sent.message.fields),
    "returnToSender": lambda sent, evidence, arguments: (902, 1, sent.message.fields),
    "claim": lambda sent, evidence, arguments: (902,),
    "followRestart": lambda sent, evidence, arguments: (arguments[0], 902, 5, []),
    "noticeRestart": lambda sent, evidence, arguments: (902, 5),
}


@pytest.mark.parametrize("method", REENTRIES)
def test_refuses_reentrance(origin, client, carrier, attacker, method):
    """M20: while a sender is told, nothing ends and nothing is paid."""
    sent, other = origin.send(client), origin.send(client)
    for each in (sent, other):
        origin.notice(each.id, expired=True, carrier=carrier)
    arguments = REENTRIES[method](sent, origin.evidence(other), batch(origin.validators, origin.hub, [sent]))
    call = origin.gateway.encode(method, *arguments)
    client.send("setCall", origin.gateway.address, call, sender=attacker)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("TargetRefused", error("ReentrancyGuardReentrantCall").data)
    assert origin.returned(sent)[2] is origin.returned(other)[2] is False
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    origin.refund(sent, by=attacker)
    origin.refund(other, by=attacker)


# Refunds: what is left in the escrow


@pytest.mark.parametrize("left", ["nothing", "half-the-return", "the-return", "half-the-rest", "all"])
def test_refunds_what_a_lying_chain_left(origin, client, carrier, attacker, left):
    """P5: claims can drain a lane's escrow; the message still comes back, with what is there."""
    sent = origin.send(client)
    parts = fee(sent)
    unspent = parts.relay - parts.base
    remaining = {
        "nothing": 0,
        "half-the-return": parts.back // 2,
        "the-return": parts.back,
        "half-the-rest": parts.back + unspent // 2,
        "all": parts.back + unspent,
    }[left]
    origin.claim(attacker, parts.relay + parts.back - remaining, carrier=attacker)
    to_carrier = min(remaining, parts.back)
    heard = origin.notice(sent.id, expired=True, carrier=carrier, returns=parts.back)
    assert heard.credit == ({carrier: to_carrier} if to_carrier else {})
    step = origin.refund(sent, by=carrier)
    left_over = remaining - to_carrier
    assert step.credit == ({client.address: left_over} if left_over else {})
    assert origin.gateway.view("laneFees", origin.arcade)[0] == 0
    given = (remaining - to_carrier) * GWEI
    assert step.receipt.named("MessageReturned") == [(sent.id, origin.arcade, 1, given)]
    assert client.view("returned", 0)[4] == given


# Walks


@pytest.mark.parametrize("position", range(3))
def test_walks_to_the_present_head(origin, sender, carrier, position):
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
def test_refuses_a_walk_that_leads_elsewhere(origin, sender, carrier, attacker, change):
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
        pytest.param(4, Fee(0, 2**40, 2**40).packed, id="fee"),
        pytest.param(5, b"another", id="payload"),
    ],
)
def test_refuses_a_message_with_a_change(origin, sender, carrier, attacker, field, value):
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


def test_a_message_to_one_chain_does_not_come_back_from_another(origin, sender, carrier, attacker):
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
    paid = fee(other).relay - fee(other).base
    assert step.escrow == {origin.arcade: 0, origin.perps: -paid}


def test_an_old_walk_does_not_reach_a_lane_that_moved_on(origin, sender, carrier, attacker):
    """M7: only the present head and stored ones are known; a walk is simply made anew."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier)
    old = origin.evidence(sent)
    origin.send(sender)
    refusal = origin.gateway.revert("refund", *old, sender=attacker)
    assert refusal == error("NotInLane", sent.id, origin.arcade, 1)
    origin.refund(sent, by=attacker)


@pytest.fixture
def long_lane(origin, sender):
    """300 messages, mined in one block."""
    chain, gateway = origin.hub.chain, origin.gateway
    data = "0x" + gateway.encode("sendMessage", interoperable(origin.arcade, origin.recipient), b"", []).hex()
    first = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    transaction = {"from": sender, "to": gateway.address, "data": data, "gas": hex(120_000)}
    chain.rpc("evm_setAutomine", [False])
    chain.provider.web3.provider.make_batch_request(
        [("eth_sendTransaction", [transaction | {"nonce": hex(first + i)}]) for i in range(300)]
    )
    chain.rpc("evm_mine")
    chain.rpc("evm_setAutomine", [True])
    logs = chain.rpc("eth_getLogs", [{"address": gateway.address, "fromBlock": "latest"}])
    origin.lane = parse(map(Log.read, logs), chain.chain_id, chain.chain_id)
    assert [sent.message.nonce for sent in origin.lane] == list(range(1, 301))
    origin.open_books()
    return origin.lane


def test_walks_to_a_stored_head(origin, long_lane, carrier):
    """M7: with 255 ids, with none, and past it to the present head."""
    for nonce, end in ((1, 256), (2, 256), (255, 256), (256, 256), (257, 300), (300, 300), (200, 256)):
        sent = long_lane[nonce - 1]
        origin.notice(sent.id, expired=True, carrier=carrier)
        arguments = origin.evidence(sent, end)
        assert len(arguments[1][3]) == end - nonce
        step = origin.step(origin.gateway, "refund", *arguments, sender=carrier)
        assert step.receipt.named("MessageReturned")[0][2] == nonce


def test_walks_across_a_stored_head(origin, long_lane, carrier):
    """M7: to the present head, if it is near enough, is as good."""
    sent = long_lane[99]
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.step(origin.gateway, "refund", *origin.evidence(sent, 300), sender=carrier)


def test_refuses_a_walk_of_256_ids(origin, long_lane, carrier):
    """M7: though it is true: 255 lead from any message to a stored head."""
    sent = long_lane[43]
    origin.notice(sent.id, expired=True, carrier=carrier)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent, 300), sender=carrier)
    assert refusal == error("WalkTooLong", 256, 255)


def test_refuses_a_walk_that_ends_between(origin, long_lane, carrier):
    """M7: a head that the lane had, but that nobody keeps."""
    sent = long_lane[49]
    origin.notice(sent.id, expired=True, carrier=carrier)
    for end in (50, 255, 257, 299):
        refusal = origin.gateway.revert("refund", *origin.evidence(sent, end), sender=carrier)
        assert refusal == error("NotInLane", sent.id, origin.arcade, 50), end


# Claims


@pytest.fixture
def escrow(origin, sender):
    """Gwei in the escrow of the lane to arcade; the lane to perps holds some, too."""
    for _ in range(3):
        origin.send(sender)
    origin.send(sender, to=origin.perps)
    return origin.gateway.view("laneFees", origin.arcade)[0]


def test_pays_a_claim(origin, escrow, relayer, carrier):
    """P5: the carrier's part comes out of what is due, all of it out of the lane's escrow."""
    step = origin.claim(relayer, 1_000, carriage=300, carrier=carrier)
    assert step.credit == {relayer: 700, carrier: 300}
    assert step.escrow == {origin.arcade: -1_000, origin.perps: 0}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, carrier, 1_000, 300)]
    assert origin.gateway.view("paid", origin.arcade, relayer) == 1_000


def test_claims_are_cumulative(origin, escrow, relayer, carrier):
    """P5: each pays the difference."""
    paid = [origin.claim(relayer, total, carrier=carrier).credit for total in (10, 25, 26, 1_026)]
    assert paid == [{relayer: 10}, {relayer: 15}, {relayer: 1}, {relayer: 1_000}]
    assert origin.gateway.view("paid", origin.arcade, relayer) == 1_026


@pytest.mark.parametrize("total", [0, 1, 24, 25], ids=lambda total: f"total-{total}")
def test_a_total_that_is_not_higher_pays_nothing(origin, escrow, relayer, carrier, total):
    """P5: also out of order: an older claim after a newer one."""
    origin.claim(relayer, 25, carrier=carrier)
    step = origin.claim(relayer, total, carriage=10, carrier=carrier)
    assert step.credit == {}
    assert step.receipt.named("ClaimPaid") == []
    assert origin.gateway.view("paid", origin.arcade, relayer) == 25
    assert origin.claim(relayer, 26, carrier=carrier).credit == {relayer: 1}


def test_claims_of_relayers_do_not_mix(origin, escrow, relayer, attacker, carrier):
    """P5."""
    origin.claim(relayer, 50, carrier=carrier)
    assert origin.claim(attacker, 20, carrier=carrier).credit == {attacker: 20}
    assert origin.claim(relayer, 60, carrier=carrier).credit == {relayer: 10}


def test_claims_from_two_chains_do_not_mix(origin, escrow, relayer, carrier):
    """P5: each lane pays its own, and remembers its own."""
    origin.claim(relayer, 50, carrier=carrier)
    step = origin.claim(relayer, 50, carrier=carrier, origin=origin.perps)
    assert step.credit == {relayer: 50}
    assert step.escrow == {origin.arcade: 0, origin.perps: -50}
    paid = [origin.gateway.view("paid", chain_id, relayer) for chain_id in (origin.arcade, origin.perps)]
    assert paid == [50, 50]


@pytest.mark.parametrize("excess", [1, 2**64, HIGHEST], ids=["one", "over-uint64", "highest"])
def test_a_lying_chain_takes_no_more_than_its_lanes_escrow(origin, escrow, attacker, carrier, excess):
    """P5, M3: and touches no other lane, no credit and no protocol's part."""
    fees = origin.gateway.view("laneFees", origin.arcade)[1]
    step = origin.claim(attacker, min(escrow + excess, HIGHEST), carrier=carrier)
    assert step.credit == {attacker: escrow}
    assert step.escrow == {origin.arcade: -escrow, origin.perps: 0}
    assert origin.gateway.view("laneFees", origin.arcade) == (0, fees)
    assert origin.claim(attacker, HIGHEST, carrier=carrier).credit == {}


def test_what_the_escrow_did_not_hold_is_paid_later(origin, escrow, sender, relayer, carrier):
    """P5: the same claim again, once more was sent."""
    assert origin.claim(relayer, escrow + 5, carrier=carrier).credit == {relayer: escrow}
    assert origin.gateway.view("paid", origin.arcade, relayer) == escrow
    origin.send(sender)
    step = origin.claim(relayer, escrow + 5, carrier=carrier)
    assert step.credit == {relayer: 5}
    assert origin.gateway.view("paid", origin.arcade, relayer) == escrow + 5


@pytest.mark.parametrize("carriage", [999, 1_000, 1_001, 2**64, HIGHEST])
def test_carriage_is_bounded_by_what_is_due(origin, escrow, relayer, carrier, carriage):
    """P5: a lying chain that names too much only moves it from its relayer to who carries."""
    step = origin.claim(relayer, 1_000, carriage=carriage, carrier=carrier)
    part = min(carriage, 1_000)
    expected = {carrier: part, relayer: 1_000 - part}
    assert step.credit == {account: amount for account, amount in expected.items() if amount}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, carrier, 1_000, part)]


def test_carriage_is_bounded_by_what_the_escrow_holds(origin, escrow, relayer, carrier):
    """P5."""
    step = origin.claim(relayer, HIGHEST, carriage=escrow + 1, carrier=carrier)
    assert step.credit == {carrier: escrow}


def test_who_carries_its_own_claim_gets_both(origin, escrow, relayer):
    step = origin.claim(relayer, 1_000, carriage=300, carrier=relayer)
    assert step.credit == {relayer: 1_000}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, relayer, 1_000, 300)]


def test_a_claim_in_somebody_elses_name_pays_that_somebody(origin, escrow, relayer, attacker):
    """Who carries it gets the carriage, and no more."""
    assert origin.claim(relayer, 1_000, carriage=100, carrier=attacker).credit == {
        relayer: 900,
        attacker: 100,
    }


def test_reads_a_dirty_relayer_as_the_address(origin, escrow, relayer, carrier):
    """The upper bits make no second account of one."""
    origin.claim(relayer, 10, carrier=carrier)
    dirty = hex(int(relayer, 16) + (0xDEAD << 160))
    assert origin.claim(dirty, 15, carrier=carrier).credit == {relayer: 5}


def test_sweeping_leaves_the_escrow(origin, escrow, hub, owner, relayer, carrier):
    """P5: the protocol's part is the owner's, the rest is not."""
    fees = origin.gateway.view("laneFees", origin.arcade)[1]
    step = origin.step(origin.gateway, "sweep", origin.arcade, sender=carrier)
    assert (step.credit, step.escrow[origin.arcade]) == ({}, 0)
    assert hub.era.view("balanceOf", owner) == fees * GWEI
    assert origin.claim(relayer, HIGHEST, carrier=carrier).credit == {relayer: escrow}


def test_credit_that_was_earned_can_be_withdrawn(origin, escrow, hub, relayer, carrier):
    """P5: it is ERA."""
    origin.claim(relayer, escrow, carrier=carrier)
    step = origin.step(origin.gateway, "withdraw", relayer, escrow * GWEI, sender=relayer)
    assert step.credit == {relayer: -escrow}
    assert hub.era.view("balanceOf", relayer) == escrow * GWEI


def test_a_carrier_is_paid_whatever_the_sender_does(origin, client, carrier, attacker):
    """P5: a sender that refuses what comes back cannot make anyone carry its notices for nothing."""
    sent = origin.send(client)
    client.send("setBehaviour", OnReturn.REVERT, sender=attacker)
    assert origin.notice(sent.id, expired=True, carrier=carrier, returns=fee(sent).back).credit == {
        carrier: fee(sent).back
    }
    again = origin.notice(sent.id, expired=True, carrier=attacker, returns=fee(sent).back)
    assert (again.credit, again.escrow[origin.arcade]) == ({}, 0)


def test_a_lying_notice_costs_no_more_than_its_lane(origin, sender, carrier):
    """P5, M9: a chain may name any pay, for anything: it empties the escrow towards itself, and no other."""
    escrowed = sum(fee(origin.send(sender)).relay + fee(origin.send(sender)).back for _ in range(2))
    held = origin.gateway.view("laneFees", origin.arcade)[0]
    assert 0 < escrowed <= held
    step = origin.notice(b"\1" * 32, expired=True, carrier=carrier, returns=2**255)
    assert step.credit == {carrier: held}
    assert step.escrow == {origin.arcade: -held, origin.perps: 0}
