"""Settlement: how messages end on their origin, and who is paid for it.

The hub is the origin. What arcade and perps say to it are messages of their gateways under the validators'
signatures: a chain that lies says what it likes, an honest one does so for real.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Terms
from metalayer.protocol.message import Fee, interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, error
from tests.kit.paper import DAY
from tests.kit.scripted import Behaviour
from tests.kit.settlement import HIGHEST, Origin, fee, walk
from tests.kit.stack import Stack
from tests.kit.terms import OPEN_TERMS

CARRIAGE = OPEN_TERMS.carriage()


# For real, over both chains


def test_an_expired_message_comes_back_for_real(
    origin: Origin, arcade: Stack, sender: str, relayer: str, carrier: str, attacker: str
) -> None:
    """P1, P5: its passage is paid for, and each step of its return; the sender gets the rest, to the wei."""
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
    assert step.credit == {carrier: parts.step}
    step = origin.refund(sent, by=attacker)
    assert step.credit == {attacker: parts.step, sender: parts.relay - parts.base + parts.callback}
    assert origin.gateway.view("laneFees", message.destination)[0] == parts.base + parts.step
    assert arcade.gateway.view("earnings", message.origin, relayer) == (parts.base + parts.step, 0)


def test_a_failed_message_comes_back_for_real(
    origin: Origin, arcade: Stack, client: Contract, sender: str, relayer: str, carrier: str, attacker: str
) -> None:
    """P1, P5: it was tried, so its relayer keeps the relay part and the sender gets nothing back; who calls it is paid
    for that.
    """
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
    assert step.credit == {carrier: parts.step}
    step = origin.refund(sent, by=attacker)
    assert step.credit == {attacker: parts.step + parts.callback}
    told = (sent.id, message.destination, origin.gateway.address, b"refused", 0)
    assert client.view("returned", 0) == told
    assert origin.gateway.view("laneFees", message.destination)[0] == parts.relay + parts.step
    assert arcade.gateway.view("earnings", message.origin, relayer) == (parts.relay + parts.step, 0)


def test_a_relayer_is_paid_for_real(
    origin: Origin, arcade: Stack, sender: str, relayer: str, carrier: str
) -> None:
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


@pytest.mark.parametrize("kind", ["account", "contract"])
@pytest.mark.parametrize("expired", [True, False], ids=["expired", "failed"])
def test_gives_back_what_nobody_earned(
    origin: Origin, client: Contract, sender: str, carrier: str, attacker: str, expired: bool, kind: str
) -> None:
    """P5: anyone may call, for a step part, and the callback part if somebody is called; the carrier was paid with the
    notice.
    """
    by, account = (sender, sender) if kind == "account" else (client, client.address)
    sent = origin.send(by, b"lost")
    parts = fee(sent)
    heard = origin.notice(sent.id, expired=expired, carrier=carrier, step=parts.step)
    assert heard.credit == {carrier: parts.step}
    assert heard.escrow == {origin.arcade: -parts.step, origin.perps: 0}
    assert origin.returned(sent) == (carrier, expired, False, False, 0, 0)
    step = origin.refund(sent, by=attacker)
    unspent = parts.relay - parts.base if expired else 0
    earned = parts.step
    if kind == "account":
        unspent += parts.callback
    else:
        earned += parts.callback
    expected = {attacker: earned, account: unspent}
    assert step.credit == {account: amount for account, amount in expected.items() if amount}
    assert step.escrow == {origin.arcade: -unspent - earned, origin.perps: 0}
    returned = (sent.id, origin.arcade, 1, unspent * GWEI, attacker, earned * GWEI)
    assert step.receipt.named("MessageReturned") == [returned]
    assert len(step.receipt.events) == 1
    assert origin.returned(sent) == (carrier, expired, True, False, 0, unspent)


def test_a_notice_that_names_no_pay_moves_nothing(origin: Origin, sender: str, carrier: str) -> None:
    sent = origin.send(sender)
    step = origin.notice(sent.id, expired=True, carrier=carrier)
    assert (step.credit, step.escrow) == ({}, {origin.arcade: 0, origin.perps: 0})
    assert step.receipt.named("ReturnNoticed") == [(sent.id, origin.arcade, carrier, True)]


def test_the_sender_may_carry_the_notice(origin: Origin, sender: str) -> None:
    sent = origin.send(sender)
    parts = fee(sent)
    heard = origin.notice(sent.id, expired=True, carrier=sender, step=parts.step)
    assert heard.credit == {sender: parts.step}
    whole = parts.step + parts.callback + parts.relay - parts.base
    assert origin.refund(sent, by=sender).credit == {sender: whole}


def test_refuses_without_a_notice(origin: Origin, sender: str, carrier: str, attacker: str) -> None:
    """P1: nothing comes back of which its destination did not say so."""
    sent, other = origin.send(sender), origin.send(sender)
    origin.notice(other.id, expired=True, carrier=carrier)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("NotReturned", sent.id)


def test_a_notice_of_another_chain_does_nothing(
    origin: Origin, sender: str, carrier: str, attacker: str
) -> None:
    """M9: a chain speaks for itself alone."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=attacker, origin=origin.perps)
    assert origin.returned(sent) == (ZERO_ADDRESS, False, False, False, 0, 0)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("NotReturned", sent.id)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=attacker)


def test_a_forged_notice_returns_nothing_that_was_not_sent(
    origin: Origin, client: Contract, attacker: str
) -> None:
    """M9: whatever a lying chain invents, it stands in no lane."""
    sent = origin.send(client, b"real")
    real = sent.message
    forged = replace(real, sender=client.address, fee=Fee(0, 2**55, 2**55, 0, 0).packed, payload=b"forged")
    origin.notice(forged.id, expired=True, carrier=attacker)
    arguments = (forged.fields, walk(origin.lane, sent).fields)
    refusal = origin.gateway.revert("refund", *arguments, sender=attacker)
    assert refusal == error("NotInLane", forged.id, origin.arcade, 1)


def test_refuses_a_second_time(origin: Origin, client: Contract, carrier: str, attacker: str) -> None:
    """M11, P1: once, whatever the destination says again."""
    sent = origin.send(client)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=attacker)
    again = origin.notice(sent.id, expired=True, carrier=attacker)
    assert again.receipt.named("ReturnNoticed") == []
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("AlreadyRefunded", sent.id)
    assert client.view("returnedCount") == 1


def test_the_first_notice_counts(origin: Origin, sender: str, carrier: str, attacker: str) -> None:
    """A later one takes the reward from nobody, and makes nothing of a message that had failed."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=False, carrier=carrier)
    assert origin.notice(sent.id, expired=True, carrier=attacker).receipt.named("ReturnNoticed") == []
    assert origin.returned(sent) == (carrier, False, False, False, 0, 0)
    assert origin.refund(sent, by=attacker).credit == {attacker: fee(sent).step, sender: fee(sent).callback}


def test_each_message_comes_back_by_itself(origin: Origin, client: Contract, carrier: str) -> None:
    """P5: in any order, and the ones between stay."""
    lane = [origin.send(client, bytes([i])) for i in range(4)]
    for sent in (lane[2], lane[0]):
        origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
        origin.refund(sent, by=carrier)
    assert client.view("returnedIds", 0) == (lane[2].id, lane[0].id)
    left = sum(fee(sent).total for sent in (lane[1], lane[3]))
    assert origin.gateway.view("laneFees", origin.arcade)[0] == left + sum(
        fee(sent).base + fee(sent).step for sent in (lane[0], lane[2])
    )


def test_a_message_that_was_sent_free_comes_back_free(
    origin: Origin, owner: str, client: Contract, sender: str, carrier: str
) -> None:
    """P5: over a route that cost nothing: nobody is paid out of what others escrowed."""
    origin.send(sender)
    free = Terms(OPEN_TERMS.default_gas_limit, OPEN_TERMS.max_gas_limit, OPEN_TERMS.default_return_gas_limit)
    origin.gateway.send("setTerms", origin.arcade, free.fields, sender=owner)
    sent = origin.send(client)
    assert (fee(sent).total, fee(sent).return_gas_limit) == (0, free.default_return_gas_limit)
    origin.notice(sent.id, expired=True, carrier=carrier)
    step = origin.refund(sent, by=carrier)
    assert step.credit == {}
    assert step.receipt.named("MessageReturned") == [(sent.id, origin.arcade, 2, 0, carrier, 0)]
    assert client.view("returnedIds", 0) == (sent.id,)


def test_refunds_while_the_route_is_closed_and_paused(
    origin: Origin, owner: str, guardian: str, sender: str, carrier: str
) -> None:
    """What was sent comes back, whatever the owner or the guardian does."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.gateway.send("setOpen", origin.arcade, False, False, sender=owner)
    origin.gateway.send("pauseInbound", origin.arcade, DAY, sender=guardian)
    origin.refund(sent, by=carrier)


def test_what_gateways_say_is_never_returned(origin: Origin, said_by_the_hub: Sent, attacker: str) -> None:
    """A lying destination cannot hand the gateway its own message back."""
    origin.notice(said_by_the_hub.id, expired=True, carrier=attacker)
    refusal = origin.gateway.revert("refund", *origin.evidence(said_by_the_hub), sender=attacker)
    assert refusal == error("NotReturned", said_by_the_hub.id)


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
def test_nothing_that_a_chain_says_halts_its_lane(
    origin: Origin, sender: str, carrier: str, payload: bytes
) -> None:
    """M12, M13: the next notice arrives."""
    sent = origin.send(sender)
    assert len(origin.say(payload, carrier=carrier).receipt.named("MessageDelivered")) == 1
    step = origin.notice(sent.id, expired=False, carrier=carrier)
    assert len(step.receipt.named("ReturnNoticed")) == 1


# Refunds: who is told what


def test_a_contract_is_told_what_came_back(origin: Origin, client: Contract, carrier: str) -> None:
    """Id, destination, payload and unspent wei, by the gateway, once the money is there."""
    payload = bytes(range(100))
    sent = origin.send(client, payload)
    origin.notice(sent.id, expired=True, carrier=carrier)
    step = origin.refund(sent, by=carrier)
    unspent = (fee(sent).relay - fee(sent).base) * GWEI
    told = (sent.id, origin.arcade, origin.gateway.address, payload, unspent)
    assert client.view("returned", 0) == told
    assert step.credit[client.address] * GWEI == unspent


def test_a_contract_may_use_at_once_what_came_back(
    origin: Origin, hub: Stack, client: Contract, carrier: str
) -> None:
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


def test_a_contract_may_send_again_at_once(origin: Origin, client: Contract, carrier: str) -> None:
    """M20: sending is the one thing that is open while the gateway calls."""
    sent = origin.send(client, b"again")
    origin.notice(sent.id, expired=True, carrier=carrier)
    recipient = interoperable(origin.arcade, origin.recipient)
    sending = origin.gateway.encode("sendMessage", recipient, b"again", [])
    client.send("setCall", origin.gateway.address, sending, sender=carrier)
    step = origin.refund(sent, by=carrier)
    assert step.receipt.named("LaneExtended")[0][:2] == (origin.arcade, 2)
    again = Fee.unpack(step.receipt.named("LaneExtended")[0][4])
    given = fee(sent).relay - fee(sent).base + fee(sent).step + fee(sent).callback
    assert step.escrow[origin.arcade] == again.total - given


# Refunds: what is left in the escrow


@pytest.mark.parametrize(
    "remaining",
    ["nothing", "half-a-step", "a-step", "half-of-what-the-caller-gets", "a-step-less", "all"],
)
def test_refunds_what_a_lying_chain_left(
    origin: Origin, client: Contract, carrier: str, attacker: str, relayer: str, remaining: str
) -> None:
    """P5: claims can drain a lane's escrow; the message comes back with what is there. First its carrier is paid,
    then its caller, then its sender.
    """
    sent = origin.send(client)
    parts = fee(sent)
    unspent, earned = parts.relay - parts.base, parts.step + parts.callback
    left = {
        "nothing": 0,
        "half-a-step": parts.step // 2,
        "a-step": parts.step,
        "half-of-what-the-caller-gets": parts.step + earned // 2,
        "a-step-less": earned + unspent,
        "all": parts.step + earned + unspent,
    }[remaining]
    origin.claim(attacker, parts.total - left, carrier=attacker)
    to_carrier = min(left, parts.step)
    heard = origin.notice(sent.id, expired=True, carrier=carrier, step=parts.step)
    assert heard.credit == ({carrier: to_carrier} if to_carrier else {})
    step = origin.refund(sent, by=relayer)
    to_caller = min(left - to_carrier, earned)
    given = min(left - to_carrier - to_caller, unspent)
    expected = {relayer: to_caller, client.address: given}
    assert step.credit == {account: amount for account, amount in expected.items() if amount}
    assert origin.gateway.view("laneFees", origin.arcade)[0] == 0
    returned = (sent.id, origin.arcade, 1, given * GWEI, relayer, to_caller * GWEI)
    assert step.receipt.named("MessageReturned") == [returned]
    assert client.view("returned", 0)[4] == given * GWEI
    assert origin.returned(sent).unspent == given
