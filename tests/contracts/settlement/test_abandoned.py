"""Restarts: messages that the destination left behind come home, and nothing else does.

The hub is the origin. A reorganisation is a real one: anvil forgets what was sent, arcade does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.gateway import Status
from metalayer.protocol.message import genesis_head
from tests.kit.evm import Contract, Revert, error, now
from tests.kit.paper import DAY, Validators
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.settlement import Origin, Step, fee, place, restart_notice, walk
from tests.kit.stack import Stack

RESTART = 10
ID = keccak(text="id")
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]


def evidence(
    origin: Origin, sent: Sent, nonce: int = RESTART, had: Sequence[Sent] = (), end: int | None = None
) -> tuple[Any, ...]:
    """Arguments of `refundAbandoned`: `had` is what the Inbox replayed before it followed the restart at `nonce`."""
    head, ids = bytes(32), []
    at_place = [other for other in had if other.message.nonce == sent.message.nonce]
    if at_place:
        way = walk(had, at_place[0])
        head, ids = way.previous_head, [at_place[0].id, *way.ids]
    return sent.message.fields, walk(origin.lane, sent, end).fields, nonce, head, ids


@pytest.fixture
def come_home(origin: Origin, relayer: str) -> Callable[..., Step]:
    """Ends an abandoned message."""

    def come_home(sent: Sent, nonce: int = RESTART, had: Sequence[Sent] = (), end: None = None) -> Step:
        arguments = evidence(origin, sent, nonce, had, end)
        return origin.step(origin.gateway, "refundAbandoned", *arguments, sender=relayer)

    return come_home


@pytest.fixture
def refusal(origin: Origin, attacker: str) -> Callable[..., Revert]:
    """Why a message does not come home."""

    def refusal(sent: Sent, nonce: int = RESTART, had: Sequence[Sent] = (), end: int | None = None) -> Revert:
        arguments = evidence(origin, sent, nonce, had, end)
        return origin.gateway.revert("refundAbandoned", *arguments, sender=attacker)

    return refusal


@pytest.fixture
def restart(origin: Origin, owner: str) -> Callable[..., Step]:
    """The owner restarts the lane to arcade."""

    def restart(nonce: int = RESTART) -> Step:
        return origin.step(origin.gateway, "restart", origin.arcade, nonce, sender=owner)

    return restart


@pytest.fixture
def follow(
    origin: Origin, arcade: Stack, validators: Validators, relayer: str, carrier: str
) -> Callable[..., Step]:
    """Arcade follows for real, and its notice reaches the hub."""

    def follow(nonce: int = RESTART) -> Step:
        hub_id = origin.hub.chain.chain_id
        fact = RestartFact(hub_id, origin.arcade, nonce)
        attestation = validators.sign(hub_id, arcade.gateway.address, Tree([fact]).root).fields
        receipt = arcade.gateway.send("followRestart", attestation, hub_id, nonce, [], sender=relayer)
        return origin.hear(parse(receipt.logs, hub_id, origin.arcade), carrier)

    return follow


@pytest.fixture
def left(origin: Origin, client: Contract, restart: Callable[..., Step], carrier: str) -> list[Sent]:
    """Three messages, and a restart of which arcade says that it left the lane after the first."""
    lane = [origin.send(client, bytes([i])) for i in range(3)]
    restart()
    origin.say(restart_notice(RESTART, 1, lane[0].head), carrier=carrier)
    return lane


@pytest.fixture
def deadline(hub: Stack) -> list[bytes]:
    """A time that both histories name: a message sent anew has the same id."""
    return [DELIVER_BEFORE + encode(["uint256"], [now(hub.chain) + 10 * DAY])]


@pytest.fixture
def reorganise(
    origin: Origin, arcade: Stack, client: Contract, deadline: list[bytes], relayer: str
) -> Callable[..., tuple[list[Sent], list[Sent]]]:
    """Sends the first payloads, delivers `delivered` of the messages to arcade, and makes the hub forget them and send
    the second payloads. Returns what arcade had, and what the hub has.
    """

    def reorganise(
        first: Sequence[bytes], delivered: int, second: Sequence[bytes]
    ) -> tuple[list[Sent], list[Sent]]:
        chain, common = origin.hub.chain, list(origin.lane)
        before = chain.snapshot()
        gone = [origin.send(client, payload, attributes=deadline) for payload in first]
        had = gone[:delivered]
        origin.carry(arcade, had, relayer)
        chain.restore(before)
        origin.lane = common
        origin.open_books()
        return had, [origin.send(client, payload, attributes=deadline) for payload in second]

    return reorganise


# Left behind


def test_what_arcade_did_not_reach_comes_home_for_real(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    relayer: str,
) -> None:
    """P1, P5: the fee of it but for what ending it pays; what was delivered stays delivered and paid for."""
    lane = [origin.send(client, bytes([i])) for i in range(3)]
    origin.carry(arcade, lane[:1], relayer)
    restart()
    heard = follow()
    notice = (origin.arcade, RESTART, 1, lane[0].head)
    assert heard.receipt.named("RestartNoticed") == [notice]
    assert origin.gateway.view("restartRecord", origin.arcade, RESTART) == (True, True, 0, 1, lane[0].head)
    for position, sent in enumerate(lane[1:]):
        parts = fee(sent)
        unspent, reward = parts.relay + 2 * parts.step, parts.step + parts.callback
        step = come_home(sent)
        assert step.credit == {client.address: unspent, relayer: reward}
        assert step.escrow == {origin.arcade: -parts.total, origin.perps: 0}
        place = (sent.id, origin.arcade, sent.message.nonce)
        assert step.receipt.named("MessageReturned") == [(*place, unspent * GWEI, relayer, reward * GWEI)]
        told = (sent.id, origin.arcade, origin.gateway.address, sent.message.payload, unspent * GWEI)
        assert client.view("returned", position) == told
    earned = fee(lane[0]).total
    assert origin.gateway.view("laneFees", origin.arcade)[0] == earned
    assert arcade.gateway.view("earnings", origin.hub.chain.chain_id, relayer) == (earned, 0)


def test_a_lane_goes_on_after_a_restart(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    relayer: str,
) -> None:
    """P2: from a new genesis head, and what is sent then comes back as ever."""
    origin.send(client)
    restart()
    sent = origin.send(client, b"after")
    follow()
    late = sent.message.deliver_before + 1
    assert len(origin.carry(arcade, [sent], relayer, at=late).named("MessageFailed")) == 1
    arguments = (origin.hub.chain.chain_id, RESTART + 1, sent.message.fields)
    receipt = arcade.gateway.send("returnToSender", *arguments, sender=relayer)
    origin.hear(parse(receipt.logs, origin.hub.chain.chain_id, origin.arcade), relayer)
    way = origin.evidence(sent)[1]
    hub_id = origin.hub.chain.chain_id
    assert way == (origin.arcade, RESTART + 1, genesis_head(hub_id, hub_id, origin.arcade, RESTART), [])
    origin.refund(sent, by=relayer)
    assert client.view("returnedIds", 0) == (sent.id,)


def test_all_comes_home_if_arcade_had_nothing(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
) -> None:
    """P1: it left the lane at its genesis."""
    sent = origin.send(client)
    restart()
    follow()
    hub_id = origin.hub.chain.chain_id
    genesis = genesis_head(hub_id, hub_id, origin.arcade)
    assert origin.gateway.view("restartRecord", origin.arcade, RESTART) == (True, True, 0, 0, genesis)
    come_home(sent)


def test_an_account_gets_its_fee_back(
    origin: Origin,
    sender: str,
    relayer: str,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
) -> None:
    sent = origin.send(sender)
    restart()
    follow()
    parts = fee(sent)
    assert come_home(sent).credit == {sender: parts.total - parts.step, relayer: parts.step}


@pytest.mark.parametrize("position", range(3))
def test_walks_to_the_head_before_the_restart(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    carrier: str,
    come_home: Callable[..., Step],
    position: int,
) -> None:
    """M7: it is stored for that."""
    lane = [origin.send(client, bytes([i])) for i in range(3)]
    restart()
    origin.send(client)
    origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=carrier)
    come_home(lane[position])


def test_refuses_a_walk_that_ends_between(
    origin: Origin, left: list[Sent], refusal: Callable[..., Revert]
) -> None:
    """M7."""
    expected = error("NotInLane", left[1].id, origin.arcade, 2)
    assert refusal(left[1], end=2) == expected


def test_refuses_what_was_never_sent(origin: Origin, left: list[Sent], attacker: str) -> None:
    """M9: a walk proves it here, too."""
    fields = list(left[2].message.fields)
    fields[0] = attacker
    arguments = (tuple(fields), *evidence(origin, left[2])[1:])
    refusal = origin.gateway.revert("refundAbandoned", *arguments, sender=attacker)
    assert repr(refusal).startswith("NotInLane(")


def test_ignores_what_the_inbox_had_for_what_it_did_not_reach(
    origin: Origin, left: list[Sent], relayer: str
) -> None:
    message, way, *_ = evidence(origin, left[1])
    arguments = (message, way, RESTART, ID, [ID] * 300)
    origin.step(origin.gateway, "refundAbandoned", *arguments, sender=relayer)


def test_what_is_left_of_the_escrow_comes_home(
    origin: Origin,
    client: Contract,
    left: list[Sent],
    attacker: str,
    relayer: str,
    come_home: Callable[..., Step],
) -> None:
    """P5: though the chain lied its claims up; who ends it is paid first."""
    held = origin.gateway.view("laneFees", origin.arcade)[0]
    earned = fee(left[1]).step + fee(left[1]).callback
    origin.claim(attacker, held - earned - 7, carrier=attacker)
    assert come_home(left[1]).credit == {client.address: 7, relayer: earned}
    assert come_home(left[2]).credit == {}
    assert [client.view("returned", i)[4] for i in range(2)] == [7 * GWEI, 0]


def test_a_sender_that_refuses_is_told_later(
    origin: Origin,
    client: Contract,
    left: list[Sent],
    attacker: str,
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
) -> None:
    """P24: the refund is final; the callback alone stays open."""
    parts = fee(left[1])
    client.send("setBehaviour", OnReturn.REVERT, sender=attacker)
    step = come_home(left[1])
    assert step.credit[client.address] == parts.relay + 2 * parts.step
    assert step.receipt.named("CallbackFailed") == [(left[1].id,)]
    assert refusal(left[1]) == error("AlreadyRefunded", left[1].id)
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    assert origin.call_back(left[1], by=attacker).receipt.named("CalledBack") == [(left[1].id,)]
    assert client.view("returned", 0)[4] == (parts.relay + 2 * parts.step) * GWEI


def test_refuses_reentrance(
    origin: Origin, client: Contract, left: list[Sent], attacker: str, come_home: Callable[..., Step]
) -> None:
    """M20: it only makes the callback fail."""
    call = origin.gateway.encode("refundAbandoned", *evidence(origin, left[2]))
    client.send("setCall", origin.gateway.address, call, sender=attacker)
    assert come_home(left[1]).receipt.named("CallbackFailed") == [(left[1].id,)]
    assert not origin.returned(left[2]).refunded
    reason = origin.gateway.revert("callBack", *place(left[1]), sender=attacker)
    assert reason == error("TargetRefused", error("ReentrancyGuardReentrantCall").data)


def test_what_gateways_say_does_not_come_home(
    origin: Origin,
    said_by_the_hub: Sent,
    restart: Callable[..., Step],
    carrier: str,
    refusal: Callable[..., Revert],
) -> None:
    """A notice that is lost is sent again, never returned."""
    restart()
    origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=carrier)
    assert refusal(said_by_the_hub) == error("NotReturned", said_by_the_hub.id)


# Not left behind


def test_refuses_an_unknown_restart(origin: Origin, left: list[Sent], refusal: Callable[..., Revert]) -> None:
    for nonce in (RESTART - 1, RESTART + 1, 3, 2**64 - 1):
        assert refusal(left[1], nonce) == error("RestartNotFollowed", origin.arcade, nonce)


def test_refuses_before_arcade_followed(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
) -> None:
    """P1: until then arcade may still deliver it."""
    sent = origin.send(client)
    expected = error("RestartNotFollowed", origin.arcade, RESTART)
    assert refusal(sent) == expected
    restart()
    assert refusal(sent) == expected
    follow()
    come_home(sent)


def test_refuses_what_was_sent_after_the_restart(
    origin: Origin, client: Contract, left: list[Sent], refusal: Callable[..., Revert]
) -> None:
    """P1."""
    young = origin.send(client, b"young")
    assert young.message.nonce == RESTART + 1
    assert refusal(young) == error("NotAbandoned", young.id, RESTART)


def test_what_is_said_of_a_restart_that_never_was_counts_for_nothing(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    carrier: str,
    refusal: Callable[..., Revert],
) -> None:
    """M9: until the owner restarts the lane there or above."""
    sent = origin.send(client)
    origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=carrier)
    assert origin.gateway.view("restartRecord", origin.arcade, RESTART) == (False, True, 0, 0, bytes(32))
    assert refusal(sent) == error("NotAbandoned", sent.id, RESTART)
    restart(RESTART - 1)
    assert refusal(sent) == error("NotAbandoned", sent.id, RESTART)


@pytest.mark.parametrize("place", [RESTART, 2 * RESTART], ids=["repeated there", "repeated above"])
@pytest.mark.parametrize("early", [True, False], ids=["notice first", "restart first"])
def test_a_restart_that_a_reorganisation_took_away_strands_nothing(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    validators: Validators,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    relayer: str,
    carrier: str,
    place: int,
    early: bool,
) -> None:
    """P1, M21: the destination followed a restart that its origin forgot. What it left behind comes home once the
    owner restarts the lane again, and what it had does not.
    """
    lane = [origin.send(client, bytes([i])) for i in range(2)]
    origin.carry(arcade, lane[:1], relayer)
    before = origin.hub.chain.snapshot()
    restart(RESTART)
    hub_id = origin.hub.chain.chain_id
    fact = RestartFact(hub_id, origin.arcade, RESTART)
    attestation = validators.sign(hub_id, arcade.gateway.address, Tree([fact]).root).fields
    receipt = arcade.gateway.send("followRestart", attestation, hub_id, RESTART, [], sender=relayer)
    said = parse(receipt.logs, hub_id, origin.arcade)
    origin.hub.chain.restore(before)
    origin.open_books()
    if early:
        origin.hear(said, carrier)
        assert refusal(lane[1], RESTART) == error("NotAbandoned", lane[1].id, RESTART)
    restart(place)
    if not early:
        origin.hear(said, carrier)
    if place != RESTART:
        follow(place)
    assert refusal(lane[0], RESTART, had=lane[:1]) == error("NotReplaced", lane[0].id)
    come_home(lane[1], RESTART)
    assert refusal(lane[1], RESTART) == error("AlreadyRefunded", lane[1].id)


def test_another_chain_does_not_follow_for_arcade(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    attacker: str,
    refusal: Callable[..., Revert],
) -> None:
    """M9: a chain speaks for its own lane alone."""
    sent = origin.send(client)
    restart()
    origin.say(restart_notice(RESTART, 0, bytes(32)), carrier=attacker, origin=origin.perps)
    assert refusal(sent) == error("RestartNotFollowed", origin.arcade, RESTART)


def test_the_first_notice_of_a_restart_counts(origin: Origin, left: list[Sent], carrier: str) -> None:
    """P1: where the lane was left is said once."""
    step = origin.say(restart_notice(RESTART, 3, left[2].head), carrier=carrier)
    assert step.receipt.named("RestartNoticed") == []
    record = origin.gateway.view("restartRecord", origin.arcade, RESTART)
    assert record == (True, True, 0, 1, left[0].head)


def test_what_arcade_handled_does_not_come_home(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    relayer: str,
    refusal: Callable[..., Revert],
) -> None:
    """P1: delivered, or failed and open to a retry: neither is abandoned."""
    lane = [origin.send(client, bytes([i])) for i in range(3)]
    origin.carry(arcade, lane[:1], relayer)
    arcade.recipient.send("setBehaviour", Behaviour.REVERT, sender=relayer)
    origin.carry(arcade, lane[1:2], relayer)
    restart()
    follow()
    for sent in lane[:2]:
        assert refusal(sent, had=lane[:2]) == error("NotReplaced", sent.id)
    arcade.recipient.send("setBehaviour", Behaviour.ACCEPT, sender=relayer)
    arguments = (origin.hub.chain.chain_id, 2, lane[1].message.fields)
    arcade.gateway.send("retry", *arguments, sender=relayer)
    assert arcade.recipient.view("executions", lane[1].id) == 1


def test_what_failed_before_the_restart_comes_back_by_its_notice(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    relayer: str,
    carrier: str,
) -> None:
    """P1: a restart takes no way home away."""
    sent = origin.send(client)
    arcade.recipient.send("setBehaviour", Behaviour.REVERT, sender=relayer)
    origin.carry(arcade, [sent], relayer)
    restart()
    follow()
    arguments = (origin.hub.chain.chain_id, 1, sent.message.fields)
    receipt = arcade.gateway.send(
        "returnToSender", *arguments, sender=relayer, at=sent.message.deliver_before + 1
    )
    heard = origin.hear(parse(receipt.logs, origin.hub.chain.chain_id, origin.arcade), carrier)
    assert heard.credit == {carrier: fee(sent).step}
    assert origin.refund(sent, by=relayer).credit == {relayer: fee(sent).step + fee(sent).callback}


# Sent anew after a reorganisation


def test_a_message_sent_anew_comes_home(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    reorganise: Callable[..., tuple[list[Sent], list[Sent]]],
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
) -> None:
    """P1, M21: arcade had another one at its place, or none; the one that both histories hold is arcade's."""
    had, lane = reorganise([b"a", b"b", b"c", b"d"], 3, [b"a", b"B", b"c", b"D", b"E"])
    assert [sent.id for sent in had] == list(arcade.recipient.view("acceptedIds", 0))
    same, other, again, beyond, further = lane
    assert (had[0].id, had[2].id) == (same.id, again.id)
    assert had[2].head != again.head
    restart()
    follow()
    assert origin.gateway.view("restartRecord", origin.arcade, RESTART) == (True, True, 0, 3, had[2].head)
    for sent in (same, again):
        assert refusal(sent, had=had) == error("NotReplaced", sent.id)
    unspent = fee(other).relay + 2 * fee(other).step
    assert come_home(other, had=had).credit[client.address] == unspent
    for sent in (beyond, further):
        come_home(sent)
    assert client.view("returnedIds", 0) == (other.id, beyond.id, further.id)


def test_every_message_ends_once_after_a_reorganisation(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    reorganise: Callable[..., tuple[list[Sent], list[Sent]]],
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    relayer: str,
) -> None:
    """P1: of all that the chain holds in the end, arcade executed one part and the other came home."""
    shared = [origin.send(client, bytes([100 + i])) for i in range(2)]
    origin.carry(arcade, shared, relayer)
    had, lane = reorganise(
        [bytes([i]) for i in range(7)], 5, [bytes([i if i % 2 else 50 + i]) for i in range(7)]
    )
    restart()
    follow()
    executed = set(arcade.recipient.view("acceptedIds", 0))
    for sent in (*shared, *lane):
        if sent.id in executed:
            assert refusal(sent, had=(*shared, *had)) == error("NotReplaced", sent.id)
        else:
            come_home(sent, had=(*shared, *had))
    returned = set(client.view("returnedIds", 0))
    assert returned | executed >= {sent.id for sent in (*shared, *lane)}
    assert not returned & executed
    assert len(returned) == 5


def test_a_message_comes_home_though_arcade_had_more(
    reorganise: Callable[..., tuple[list[Sent], list[Sent]]],
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
) -> None:
    """P1: the ids that prove it go on beyond what the chain holds now."""
    had, lane = reorganise([b"a", b"b", b"c", b"d"], 4, [b"A", b"b"])
    restart()
    follow()
    come_home(lane[0], had=had)
    assert refusal(lane[1], had=had) == error("NotReplaced", lane[1].id)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda head, ids: (ID, ids), id="other-head"),
        pytest.param(lambda head, ids: (bytes(32), ids), id="zero-head"),
        pytest.param(lambda head, ids: (head, []), id="no-ids"),
        pytest.param(lambda head, ids: (head, ids[:-1]), id="last-missing"),
        pytest.param(lambda head, ids: (head, ids[1:]), id="first-missing"),
        pytest.param(lambda head, ids: (keccak(head + ids[0]), ids[1:]), id="from-one-later"),
        pytest.param(lambda head, ids: (head, [*ids, ID]), id="one-more"),
        pytest.param(lambda head, ids: (head, [ID, *ids]), id="one-more-first"),
        pytest.param(lambda head, ids: (head, ids[::-1]), id="permuted"),
        pytest.param(lambda head, ids: (head, [ID, *ids[1:]]), id="other-first"),
        pytest.param(lambda head, ids: (head, [ids[0], ids[0], ids[2]]), id="other-second"),
        pytest.param(lambda head, ids: (head, [bytes(32)] * 3), id="zeros"),
    ],
)
def test_refuses_what_the_inbox_did_not_have(
    origin: Origin,
    reorganise: Callable[..., tuple[list[Sent], list[Sent]]],
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    relayer: str,
    change: Callable[..., Any],
) -> None:
    """P1, M7: only what leads to the head at which it left the lane, in all its length."""
    had, lane = reorganise([b"a", b"b", b"c", b"d"], 4, [b"A", b"B", b"C", b"D"])
    restart()
    follow()
    sent = lane[1]
    message, way, nonce, head, ids = evidence(origin, sent, had=had)
    assert len(ids) == 3
    arguments = (message, way, nonce, *change(head, ids))
    refusal = origin.gateway.revert("refundAbandoned", *arguments, sender=relayer)
    assert refusal == error("NotReplaced", sent.id)
    come_home(sent, had=had)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda head, ids: (head, [ID, *ids[1:]]), id="other-first"),
        pytest.param(lambda head, ids: (keccak(head + ids[0]), ids[1:]), id="from-one-later"),
        pytest.param(lambda head, ids: (keccak(head + ids[0]), [ids[1], ids[1]]), id="from-one-later-padded"),
        pytest.param(lambda head, ids: (head, [ids[1], ids[0]]), id="permuted"),
        pytest.param(lambda head, ids: (ID, [ID, ids[1]]), id="other-head"),
    ],
)
def test_nothing_makes_a_handled_message_come_home(
    origin: Origin,
    reorganise: Callable[..., tuple[list[Sent], list[Sent]]],
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    attacker: str,
    change: Callable[..., Any],
) -> None:
    """P1, M11: arcade had this id at this place."""
    had, lane = reorganise([b"a", b"b"], 2, [b"a", b"B"])
    restart()
    follow()
    message, way, nonce, head, ids = evidence(origin, lane[0], had=had)
    arguments = (message, way, nonce, *change(head, ids))
    refusal = origin.gateway.revert("refundAbandoned", *arguments, sender=attacker)
    assert refusal == error("NotReplaced", lane[0].id)


@pytest.mark.parametrize("last_nonce", [4, 5, 2**63, 2**64 - 1])
def test_a_lying_notice_of_a_far_place_returns_nothing(
    origin: Origin,
    client: Contract,
    restart: Callable[..., Step],
    carrier: str,
    refusal: Callable[..., Revert],
    last_nonce: int,
) -> None:
    """M9: nobody can show what leads there; the sender loses to its chain, as to one that never answers."""
    lane = [origin.send(client, bytes([i])) for i in range(3)]
    restart()
    origin.say(restart_notice(RESTART, last_nonce, lane[2].head), carrier=carrier)
    for sent in lane:
        assert refusal(sent, had=lane) == error("NotReplaced", sent.id)


# Once


def test_refuses_a_second_time(
    client: Contract, left: list[Sent], come_home: Callable[..., Step], refusal: Callable[..., Revert]
) -> None:
    """M11, P1."""
    come_home(left[1])
    assert refusal(left[1]) == error("AlreadyRefunded", left[1].id)
    assert client.view("returnedCount") == 1


def test_a_notice_after_it_came_home_pays_nothing(
    origin: Origin,
    client: Contract,
    left: list[Sent],
    come_home: Callable[..., Step],
    carrier: str,
    attacker: str,
) -> None:
    """M11, P5: both ways home are one, and all of the fee was paid out on the first."""
    come_home(left[1])
    said = origin.notice(left[1].id, expired=True, carrier=carrier, step=fee(left[1]).step)
    assert (said.credit, said.receipt.named("ReturnNoticed")) == ({}, [])
    refusal = origin.gateway.revert("refund", *origin.evidence(left[1]), sender=attacker)
    assert refusal == error("NotReturned", left[1].id)
    assert client.view("returnedCount") == 1


def test_what_came_back_by_its_notice_does_not_come_home(
    origin: Origin, client: Contract, left: list[Sent], refusal: Callable[..., Revert], carrier: str
) -> None:
    """M11: nor the other way round."""
    origin.notice(left[1].id, expired=True, carrier=carrier)
    origin.refund(left[1], by=carrier)
    assert refusal(left[1]) == error("AlreadyRefunded", left[1].id)
    assert client.view("returnedCount") == 1


def test_two_restarts_in_a_row(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    relayer: str,
) -> None:
    """P1: each ends what was left at it."""
    before = [origin.send(client, b"before %d" % i) for i in range(2)]
    origin.carry(arcade, before[:1], relayer)
    restart(RESTART)
    between = [origin.send(client, b"between %d" % i) for i in range(2)]
    follow(RESTART)
    origin.carry(arcade, between[:1], relayer)
    restart(2 * RESTART)
    after = origin.send(client, b"after")
    follow(2 * RESTART)
    record = (True, True, 0, RESTART + 1, between[0].head)
    assert origin.gateway.view("restartRecord", origin.arcade, 2 * RESTART) == record
    assert refusal(between[1], RESTART) == error("NotAbandoned", between[1].id, RESTART)
    come_home(between[1], 2 * RESTART)
    had = (before[0], between[0])
    for sent in had:
        for nonce in (RESTART, 2 * RESTART):
            name = "NotAbandoned" if sent.message.nonce > nonce else "NotReplaced"
            arguments = (sent.id, nonce) if name == "NotAbandoned" else (sent.id,)
            assert refusal(sent, nonce, had=had) == error(name, *arguments)
    assert refusal(before[1], 2 * RESTART) == error("NotReplaced", before[1].id)
    come_home(before[1], RESTART)
    assert refusal(after, 2 * RESTART) == error("NotAbandoned", after.id, 2 * RESTART)
    assert len(origin.carry(arcade, [after], relayer).named("MessageDelivered")) == 1


def test_arcade_may_skip_a_restart(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    relayer: str,
) -> None:
    """P1: all that stood between comes home at the one that it followed, once."""
    before = [origin.send(client, b"before %d" % i) for i in range(2)]
    origin.carry(arcade, before[:1], relayer)
    restart(RESTART)
    between = origin.send(client, b"between")
    restart(2 * RESTART)
    follow(2 * RESTART)
    assert refusal(before[1], RESTART) == error("RestartNotFollowed", origin.arcade, RESTART)
    for sent in (before[1], between):
        come_home(sent, 2 * RESTART)
        assert refusal(sent, 2 * RESTART) == error("AlreadyRefunded", sent.id)
    assert refusal(before[0], 2 * RESTART, had=before[:1]) == error("NotReplaced", before[0].id)


def test_a_lost_notice_of_a_restart_is_said_again(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    owner: str,
    restart: Callable[..., Step],
    come_home: Callable[..., Step],
    validators: Validators,
    relayer: str,
    carrier: str,
) -> None:
    """P1: arcade's own lane was restarted, too, before the hub heard; nothing stays behind for ever."""
    sent, hub_id = origin.send(client), origin.hub.chain.chain_id
    restart()

    def follow(stack: Stack, fact: RestartFact) -> None:
        attestation = validators.sign(hub_id, stack.gateway.address, Tree([fact]).root).fields
        stack.gateway.send("followRestart", attestation, fact.origin, fact.nonce, [], sender=relayer)

    follow(arcade, RestartFact(hub_id, origin.arcade, RESTART))
    arcade.gateway.send("restart", hub_id, 7, sender=owner)
    follow(origin.hub, RestartFact(origin.arcade, hub_id, 7))
    logs = arcade.gateway.send("noticeRestart", hub_id, RESTART, sender=relayer).logs
    said = parse(logs, hub_id, origin.arcade)
    assert said[0].message.nonce == 8
    origin.hear(said, carrier)
    come_home(sent)


def test_arcade_refuses_what_was_left_behind(
    origin: Origin,
    arcade: Stack,
    client: Contract,
    restart: Callable[..., Step],
    follow: Callable[..., Step],
    relayer: str,
) -> None:
    """P1: the other half of it: it can never be delivered any more."""
    lane = [origin.send(client, bytes([i])) for i in range(2)]
    restart()
    follow()
    receipt = origin.carry(arcade, lane, relayer)
    assert receipt.events == []
    status = arcade.gateway.view("messageStatus", lane[0].id)
    assert status == (Status.NONE, 0)
    assert arcade.recipient.view("acceptedCount") == 0
