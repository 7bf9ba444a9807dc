"""Inbox: replaying lanes, first attempts, failures, retries, messages of other gateways and pauses."""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.gateway import Kind, Status
from metalayer.protocol.message import Fee, Message, extend, genesis_head, interoperable
from tests.kit.evm import (
    CODEC,
    MAX_TRANSACTION_GAS,
    Revert,
    call,
    code_of,
    deploy,
    error,
    now,
    set_code,
    slot,
)
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators, gateway_payload
from tests.kit.scripted import Behaviour
from tests.kit.strategies import words
from tests.kit.terms import FREE_ROUTE, OPEN_ROUTE

NOBODY = "0x00000000000000000000000000000000000Face7"
UNROUTED = 4_242
# What `messageStatus` says of a message of which no notice was sent.
ACCEPTED, FAILED, EXPIRED = ((status, 0) for status in Status)
# Enough for a recipient to return a megabyte, which would cost a careless caller two million gas to copy.
BOMB_GAS = 3_000_000
REFUSING = [
    Behaviour.REVERT,
    Behaviour.BURN_ALL_GAS,
    Behaviour.RETURN_BOMB,
    Behaviour.REVERT_BOMB,
    Behaviour.RETURN_NOTHING,
    Behaviour.RETURN_SHORT,
    Behaviour.RETURN_WRONG_VALUE,
    Behaviour.RETURN_DIRTY_VALUE,
]


@pytest.fixture
def gateway(arcade):
    return arcade.gateway


@pytest.fixture
def recipient(arcade):
    return arcade.recipient


@pytest.fixture
def deadline(arcade):
    return now(arcade.chain) + 14 * DAY


@pytest.fixture
def lane(hub, arcade):
    """The lane from the hub to arcade."""
    return PaperLane(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def other_lane(hub, perps, arcade):
    """The lane from perps to arcade."""
    return PaperLane(hub.chain.chain_id, perps.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def fill(lane, sender, recipient, deadline):
    """Appends messages to the lane, by default to the scripted recipient."""

    def fill(count=1, to=None, **fields):
        fields = {"deliver_before": deadline, **fields}
        return [
            lane.append(sender, to or recipient.address, **{"payload": b"message %d" % i, **fields})
            for i in range(count)
        ]

    return fill


@pytest.fixture
def paper(gateway, relayer, validators, hub):
    return PaperRelayer(gateway, relayer, validators, hub.chain.chain_id)


@pytest.fixture
def attest(paper):
    """Fields of an attestation by every validator."""
    return paper.attest


@pytest.fixture
def pack(lane, attest):
    """Arguments of `deliver` for one batch of the lane; `change` replaces fields of the batch by position."""

    def pack(change=None, **batch):
        tree = Tree([lane.fact(batch.get("signed"))])
        fields = list(lane.batch(tree, **batch))
        for position, value in (change or {}).items():
            fields[position] = value
        return attest(tree.root), [tuple(fields)]

    return pack


@pytest.fixture
def deliver(gateway, relayer, pack):
    def deliver(gas=16_777_216, at=None, **batch):
        return gateway.send("deliver", *pack(**batch), sender=relayer, gas=gas, at=at)

    return deliver


@pytest.fixture
def refusal(gateway, relayer, pack):
    def refusal(**batch):
        return gateway.revert("deliver", *pack(**batch), sender=relayer)

    return refusal


@pytest.fixture
def behave(recipient, sender):
    def behave(behaviour):
        recipient.send("setBehaviour", behaviour, sender=sender)

    return behave


MESSAGES, ORIGIN, FIRST, PROOF, IDS = range(5)


def retry_arguments(message: Message):
    return message.origin, message.nonce, message.fields


# Delivering


def test_lane_starts_at_its_genesis_head(gateway, hub, arcade):
    """M1: never zero, though nothing is stored."""
    genesis = genesis_head(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)
    assert gateway.view("inboxLane", hub.chain.chain_id) == (0, genesis)


def test_hands_over_id_sender_and_payload(gateway, recipient, lane, fill, deliver, sender):
    (message,) = fill()
    deliver()
    id_, caller, from_, payload, _ = recipient.view("accepted", 0)
    assert (id_, caller, payload) == (message.id, gateway.address, message.payload)
    assert from_ == interoperable(lane.origin, sender)


def test_emits_what_it_delivered(lane, fill, deliver):
    messages = fill(3)
    receipt = deliver()
    assert receipt.named("MessageDelivered") == [(m.id, lane.origin, m.nonce) for m in messages]
    assert len(receipt.events) == 3


def test_executes_in_lane_order(recipient, fill, deliver):
    """P2."""
    messages = fill(5)
    deliver()
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in messages)


def test_moves_the_head(gateway, lane, fill, deliver):
    """P2: the Inbox's head is the Outbox's at the same nonce."""
    fill(4)
    deliver(count=3)
    assert gateway.view("inboxLane", lane.origin) == (3, lane.heads[3])


def test_anyone_may_deliver(gateway, fill, pack, attacker):
    fill()
    gateway.send("deliver", *pack(), sender=attacker)


def test_delivers_several_lanes_under_one_attestation(
    gateway, relayer, attest, lane, other_lane, fill, sender, recipient, deadline
):
    fill(2)
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact(), other_lane.fact(), SetFact(2, keccak(text="set"))])
    batches = [lane.batch(tree), other_lane.batch(tree)]
    receipt = gateway.send("deliver", attest(tree.root), batches, sender=relayer)
    delivered = [(m.id, m.origin, m.nonce) for m in (*lane.messages, *other_lane.messages)]
    assert receipt.named("MessageDelivered") == delivered
    assert gateway.view("inboxLane", lane.origin) == (2, lane.heads[2])
    assert gateway.view("inboxLane", other_lane.origin) == (1, other_lane.heads[1])


def test_delivers_one_lane_in_two_batches_of_one_transaction(gateway, relayer, attest, lane, fill):
    fill(5)
    tree = Tree([lane.fact(3), lane.fact(5)])
    batches = [lane.batch(tree, signed=3), lane.batch(tree, first=4, signed=5)]
    receipt = gateway.send("deliver", attest(tree.root), batches, sender=relayer)
    assert [nonce for _, _, nonce in receipt.named("MessageDelivered")] == [1, 2, 3, 4, 5]


def test_one_bad_batch_undoes_all(
    gateway, relayer, attest, lane, other_lane, fill, sender, recipient, deadline
):
    fill()
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact(), other_lane.fact()])
    bad = list(other_lane.batch(tree))
    bad[FIRST] = 2
    arguments = (attest(tree.root), [lane.batch(tree), tuple(bad)])
    assert not gateway.attempt("deliver", *arguments, sender=relayer).succeeded
    assert gateway.view("inboxLane", lane.origin)[0] == 0
    assert recipient.view("acceptedCount") == 0


def test_no_batches_change_nothing(gateway, relayer, attest):
    assert gateway.send("deliver", attest(keccak(text="root")), [], sender=relayer).events == []


# `first`, suffixes and races


@pytest.mark.parametrize("stored", range(5))
def test_every_overlap_of_a_batch_with_the_lane(
    gateway, relayer, recipient, lane, fill, deliver, pack, stored
):
    """P1, P2: any `first`, number of messages and signed nonce against a lane that moved."""
    messages = fill(4)
    if stored:
        deliver(count=stored)
    chain = gateway.chain
    for signed in range(1, 5):
        for first in range(1, signed + 1):
            for count in range(signed - first + 2):
                before = chain.rpc("evm_snapshot")
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


def test_two_racing_relayers_both_succeed(gateway, relayer, attacker, recipient, fill, pack):
    """P1: the same transaction twice; the second finds nothing to do."""
    fill(3)
    arguments = pack()
    gateway.send("deliver", *arguments, sender=relayer)
    assert gateway.send("deliver", *arguments, sender=attacker).events == []
    assert recipient.view("acceptedCount") == 3


def test_slower_relayer_delivers_the_rest(gateway, relayer, attacker, fill, pack):
    messages = fill(5)
    gateway.send("deliver", *pack(count=3), sender=relayer)
    receipt = gateway.send("deliver", *pack(), sender=attacker)
    assert [id_ for id_, _, _ in receipt.named("MessageDelivered")] == [m.id for m in messages[3:]]


def test_ignores_what_the_lane_already_has(gateway, relayer, lane, fill, deliver, pack):
    """Known elements are not even read: their slots may hold anything."""
    messages = fill(3)
    deliver(count=2)
    garbage = (NOBODY, NOBODY, 1, 1, 1, b"garbage")
    arguments = pack(change={MESSAGES: [garbage, garbage, messages[2].fields]})
    receipt = gateway.send("deliver", *arguments, sender=relayer)
    assert receipt.named("MessageDelivered") == [(messages[2].id, lane.origin, 3)]


def test_a_signed_nonce_already_reached_is_no_error(gateway, relayer, fill, deliver, pack):
    fill(3)
    deliver()
    for stale in (pack(signed=1), pack(signed=3, first=3), pack(signed=2, count=0)):
        assert gateway.send("deliver", *stale, sender=relayer).events == []


def test_a_suffix_alone_executes_nothing(gateway, relayer, fill, pack, lane):
    fill(3)
    assert gateway.send("deliver", *pack(count=0), sender=relayer).events == []
    assert gateway.view("inboxLane", lane.origin)[0] == 0


def test_takes_a_suffix_of_255_ids(gateway, relayer, fill, pack, lane):
    """The longest that signed heads every 256 nonces leave."""
    fill(256)
    gateway.send("deliver", *pack(count=1), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (1, lane.heads[1])


# What a batch is refused for


def test_refuses_an_origin_without_route(gateway, relayer, attest, sender, recipient, hub, deadline):
    lane = PaperLane(hub.chain.chain_id, UNROUTED, gateway.chain.chain_id)
    lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact()])
    arguments = (attest(tree.root), [lane.batch(tree)])
    assert gateway.revert("deliver", *arguments, sender=relayer) == error("RouteClosed", UNROUTED)


def test_refuses_this_chain_as_origin(gateway, relayer, attest, sender, recipient, hub, deadline):
    own = gateway.chain.chain_id
    lane = PaperLane(hub.chain.chain_id, own, own)
    lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact()])
    arguments = (attest(tree.root), [lane.batch(tree)])
    assert gateway.revert("deliver", *arguments, sender=relayer) == error("RouteClosed", own)


def test_refuses_an_origin_whose_inbound_is_closed(gateway, owner, lane, fill, refusal):
    gateway.send("setRoute", lane.origin, (True, False, *OPEN_ROUTE[2:]), sender=owner)
    fill()
    assert refusal() == error("RouteClosed", lane.origin)


def test_delivers_while_outbound_is_closed(gateway, owner, lane, fill, deliver):
    gateway.send("setRoute", lane.origin, (False, True, *OPEN_ROUTE[2:]), sender=owner)
    fill()
    deliver()


@pytest.mark.parametrize("stored", [0, 1, 2])
def test_refuses_a_gap(lane, fill, deliver, refusal, stored):
    """P2: a lane cannot skip."""
    fill(5)
    if stored:
        deliver(count=stored)
    assert refusal(first=stored + 2) == error("LaneGap", lane.origin, stored + 2, stored + 1)


def test_refuses_first_zero(lane, fill, refusal):
    """M1."""
    fill(2)
    assert refusal(change={FIRST: 0}) == error("LaneGap", lane.origin, 0, 1)


def test_refuses_the_highest_first(lane, fill, refusal):
    fill(2)
    assert refusal(change={FIRST: 2**64 - 1}) == error("LaneGap", lane.origin, 2**64 - 1, 1)


def test_an_empty_batch_moves_nothing(lane, fill, pack, gateway, relayer):
    """M7: nothing leads nowhere."""
    fill(2)
    gateway.send("deliver", *pack(change={MESSAGES: [], IDS: []}), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (0, lane.heads[0])


@pytest.mark.parametrize("kind", ["message", "id"])
def test_refuses_one_element_too_few(lane, fill, refusal, kind):
    messages = fill(4)
    change = (
        {MESSAGES: [message.fields for message in messages[:3]]}
        if kind == "message"
        else {MESSAGES: [messages[0].fields], IDS: [messages[1].id, messages[2].id]}
    )
    assert refusal(change=change) == error("HeadNotProven", lane.origin, 3, lane.heads[3])


@pytest.mark.parametrize("kind", ["message", "id"])
def test_refuses_one_element_too_many(lane, fill, refusal, kind):
    messages = fill(4)
    fields = [message.fields for message in messages]
    fifth = replace(messages[0], nonce=5)
    change = {MESSAGES: [*fields, fields[0]]} if kind == "message" else {IDS: [fifth.id]}
    head = extend(lane.heads[4], fifth.id)
    assert refusal(change=change) == error("HeadNotProven", lane.origin, 5, head)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({0: "0x" + "11" * 20}, id="sender"),
        pytest.param({1: NOBODY}, id="recipient"),
        pytest.param({2: 200_001}, id="gasLimit"),
        pytest.param({3: 2**64 - 1}, id="deliverBefore"),
        pytest.param({4: 1}, id="fee"),
        pytest.param({5: b"another"}, id="payload"),
        pytest.param({5: b"message 0\x00"}, id="longer-payload"),
        pytest.param({5: b""}, id="no-payload"),
    ],
)
def test_refuses_a_message_with_a_change(lane, fill, refusal, change):
    """M9, M15: what is executed is what was sent, field by field."""
    (message,) = fill()
    fields: list[Any] = list(message.fields)
    for position, value in change.items():
        fields[position] = value
    changed = Message(lane.network_id, lane.origin, lane.destination, 1, *fields)
    expected = error("HeadNotProven", lane.origin, 1, extend(lane.heads[0], changed.id))
    assert refusal(change={MESSAGES: [tuple(fields)]}) == expected


def test_refuses_messages_in_another_order(lane, fill, refusal):
    """P2: the place is part of the id."""
    first, second = fill(2)
    head = lane.heads[0]
    for nonce, message in ((1, second), (2, first)):
        head = extend(head, replace(message, nonce=nonce).id)
    expected = error("HeadNotProven", lane.origin, 2, head)
    assert refusal(change={MESSAGES: [second.fields, first.fields]}) == expected


def test_refuses_another_id_in_the_suffix(lane, fill, refusal):
    messages = fill(3)
    wrong = keccak(text="wrong")
    head = extend(extend(lane.heads[1], wrong), messages[2].id)
    expected = error("HeadNotProven", lane.origin, 3, head)
    assert refusal(count=1, change={IDS: [wrong, messages[2].id]}) == expected


@pytest.mark.parametrize("count", [0, 1], ids=["ids-only", "messages-that-it-has"])
def test_refuses_another_id_though_it_would_execute_nothing(lane, fill, deliver, refusal, count):
    messages = fill(2)
    deliver(count=count)
    wrong = keccak(text="wrong")
    ids = [messages[0].id, wrong][count:]
    expected = error("HeadNotProven", lane.origin, 2, extend(lane.heads[1], wrong))
    assert refusal(count=count, change={IDS: ids}) == expected


def test_refuses_zero_ids_in_the_suffix(lane, fill, refusal):
    """M1: a zero id is an id like any other, and leads elsewhere."""
    fill(2)
    expected = error("HeadNotProven", lane.origin, 2, extend(lane.heads[1], bytes(32)))
    assert refusal(count=1, change={IDS: [bytes(32)]}) == expected


def test_refuses_a_message_of_another_lane(
    gateway, relayer, attest, lane, other_lane, fill, sender, recipient, deadline
):
    """P1: the origin comes from the batch, so that nobody speaks for another chain."""
    fill()
    foreign = other_lane.append(sender, recipient.address, deliver_before=deadline, payload=b"from perps")
    tree = Tree([lane.fact(), other_lane.fact()])
    batch = list(lane.batch(tree))
    batch[MESSAGES] = [foreign.fields]
    moved = replace(foreign, origin=lane.origin)
    assert moved.id != foreign.id
    expected = error("HeadNotProven", lane.origin, 1, extend(lane.heads[0], moved.id))
    assert gateway.revert("deliver", attest(tree.root), [tuple(batch)], sender=relayer) == expected


# Proofs (M7)


def not_proven(lane):
    """The lane is replayed to its true head, which the proof does not lead from."""
    return error("HeadNotProven", lane.origin, lane.nonce, lane.heads[-1])


@pytest.fixture
def forest(lane, fill):
    """A tree of ten facts, with the lane's fact among them."""
    fill(3)
    others = [SetFact(i, keccak(text=f"set {i}")) for i in range(9)]
    return Tree([lane.fact(), *others])


@pytest.fixture
def refusal_of_proof(gateway, relayer, attest, lane, forest):
    def refusal_of_proof(proof):
        batch = list(lane.batch(forest))
        batch[PROOF] = proof
        return gateway.revert("deliver", attest(forest.root), [tuple(batch)], sender=relayer)

    return refusal_of_proof


def test_accepts_the_proof(gateway, relayer, attest, lane, forest):
    gateway.send("deliver", attest(forest.root), [lane.batch(forest)], sender=relayer)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(lambda proof, tree: [], id="empty"),
        pytest.param(lambda proof, tree: proof[:-1], id="truncated"),
        pytest.param(lambda proof, tree: proof[1:], id="beginning-missing"),
        pytest.param(lambda proof, tree: [*proof, bytes(32)], id="extended"),
        pytest.param(lambda proof, tree: [*proof, tree.root], id="extended-by-the-root"),
        pytest.param(lambda proof, tree: proof[::-1], id="reversed"),
        pytest.param(lambda proof, tree: [bytes(32)] * len(proof), id="zeros"),
        pytest.param(lambda proof, tree: tree.proof(SetFact(0, keccak(text="set 0"))), id="another-fact's"),
        pytest.param(lambda proof, tree: [tree.root], id="the-root"),
    ],
)
def test_refuses_a_proof(lane, forest, refusal_of_proof, defect):
    """M7."""
    proof = forest.proof(lane.fact())
    assert refusal_of_proof(defect(proof, forest)) == not_proven(lane)


def test_refuses_a_proof_where_none_is_needed(lane, fill, refusal):
    """M7: one fact is its own root."""
    fill()
    leaf = lane.fact().leaf
    assert refusal(change={PROOF: [leaf]}) == not_proven(lane)


@pytest.mark.parametrize("root", [bytes(32), b"\xff" * 32], ids=["zero", "ones"])
def test_refuses_a_signed_root_without_the_fact(gateway, relayer, attest, lane, fill, root):
    """M1: even a quorum's signature under a zero root proves nothing."""
    fill()
    batch = lane.batch(Tree([lane.fact()]))
    assert gateway.revert("deliver", attest(root), [batch], sender=relayer) == not_proven(lane)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(
            lambda f: LaneFact(f.origin, f.destination + 1, f.nonce, f.head), id="other-destination"
        ),
        pytest.param(lambda f: LaneFact(f.origin + 1, f.destination, f.nonce, f.head), id="other-origin"),
        pytest.param(lambda f: LaneFact(f.destination, f.origin, f.nonce, f.head), id="opposite-lane"),
        pytest.param(lambda f: LaneFact(f.origin, f.destination, f.nonce + 1, f.head), id="other-nonce"),
        pytest.param(lambda f: LaneFact(f.origin, f.destination, f.nonce, keccak(f.head)), id="other-head"),
        pytest.param(lambda f: SetFact(f.nonce, f.head), id="other-kind"),
    ],
)
def test_refuses_a_signed_fact_about_something_else(gateway, relayer, attest, lane, fill, forge):
    """M2, M17: only the fact about this lane at this nonce counts."""
    fill()
    signed = Tree([forge(lane.fact())])
    batch = lane.batch(Tree([lane.fact()]))
    assert gateway.revert("deliver", attest(signed.root), [batch], sender=relayer) == not_proven(lane)


def test_refuses_a_batch_made_for_another_chain(perps, fill, pack, relayer, lane):
    """M17: the destination is the chain that asks, whatever the relayer says."""
    fill()
    moved = replace(lane.messages[0], destination=perps.chain.chain_id)
    head = extend(genesis_head(lane.network_id, lane.origin, perps.chain.chain_id), moved.id)
    expected = error("HeadNotProven", lane.origin, 1, head)
    assert perps.gateway.revert("deliver", *pack(), sender=relayer) == expected


# Recipients that fail


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
def test_keeps_a_message_that_its_recipient_refuses(
    gateway, recipient, lane, fill, deliver, behave, behaviour
):
    """M12, M20: it stays open to retry, and is not executed."""
    (message,) = fill(gas_limit=BOMB_GAS)
    behave(behaviour)
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert receipt.named("MessageDelivered") == []
    assert gateway.view("messageStatus", message.id) == FAILED
    assert recipient.view("acceptedCount") == 0


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
def test_delivers_the_next_message_after_a_failure(
    arcade, gateway, lane, fill, deliver, behave, sender, deadline, deployer, behaviour
):
    """M13, P2: a failing message delays no other, in the same transaction."""
    healthy = deploy(arcade.chain, "ScriptedRecipient", sender=deployer)
    behave(behaviour)
    (before,) = fill(1, to=healthy.address)
    (failing,) = fill()
    (after,) = fill(1, to=healthy.address)
    receipt = deliver()
    assert [event.name for event in receipt.events] == [
        "MessageDelivered",
        "MessageFailed",
        "MessageDelivered",
    ]
    assert healthy.view("acceptedIds", 0) == (before.id, after.id)
    assert [gateway.view("messageStatus", m.id) for m in (before, failing, after)] == [
        ACCEPTED,
        FAILED,
        ACCEPTED,
    ]


def test_accepts_an_answer_longer_than_a_word(fill, deliver, behave):
    """M20: only the first word is read."""
    fill()
    behave(Behaviour.RETURN_LONG)
    assert len(deliver().named("MessageDelivered")) == 1


@pytest.mark.parametrize(
    "behaviour", [Behaviour.RETURN_BOMB, Behaviour.REVERT_BOMB], ids=["return", "revert"]
)
def test_return_data_costs_the_relayer_nothing(fill, deliver, behave, behaviour):
    """M20: a bomb spends the message's gas limit and not more."""
    fill(gas_limit=BOMB_GAS)
    behave(behaviour)
    receipt = deliver()
    assert len(receipt.named("MessageFailed")) == 1
    assert receipt.gas_used < BOMB_GAS + 150_000


@pytest.mark.parametrize(
    "account", [NOBODY, "0x0000000000000000000000000000000000000004"], ids=["none", "precompile"]
)
def test_keeps_a_message_to_an_account_without_code(gateway, lane, fill, deliver, account):
    """M8: a call to nothing succeeds; it does not count as delivered."""
    (message,) = fill(to=account)
    assert deliver().named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert gateway.view("messageStatus", message.id) == FAILED


@pytest.mark.parametrize("contract", ["era", "bridge", "gateway", "factory"])
def test_contracts_of_the_network_do_nothing_for_a_stranger(gateway, arcade, lane, fill, deliver, contract):
    """M6, M10: as recipients they refuse what a stranger sent them, or know no such call."""
    (message,) = fill(to=getattr(arcade, contract).address, payload=b"\xff" * 128)
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert len(receipt.events) == 1


def test_a_recipient_without_enough_gas_fails_alone(gateway, fill, deliver, lane):
    """M12."""
    (starved,) = fill(gas_limit=0)
    (fed,) = fill()
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(starved.id, lane.origin, 1, False)]
    assert receipt.named("MessageDelivered") == [(fed.id, lane.origin, 2)]


# Time


def test_delivers_in_the_last_second(gateway, lane, fill, deliver, deadline):
    (message,) = fill()
    assert deliver(at=deadline).named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_does_not_call_the_recipient_a_second_later(gateway, recipient, lane, fill, deliver, deadline):
    (message,) = fill()
    assert deliver(at=deadline + 1).named("MessageFailed") == [(message.id, lane.origin, 1, True)]
    assert gateway.view("messageStatus", message.id) == EXPIRED
    assert recipient.view("acceptedCount") == 0


def test_an_expired_message_delays_no_other(fill, deliver, lane, deadline):
    """P2: any stall ends by expiry."""
    (expired,) = fill(deliver_before=deadline - DAY)
    (alive,) = fill()
    receipt = deliver(at=deadline)
    assert receipt.named("MessageFailed") == [(expired.id, lane.origin, 1, True)]
    assert receipt.named("MessageDelivered") == [(alive.id, lane.origin, 2)]


# Retry


@pytest.fixture
def failing(fill, deliver, behave):
    """A message that its recipient refused, and would accept now."""
    (message,) = fill()
    behave(Behaviour.REVERT)
    deliver()
    behave(Behaviour.ACCEPT)
    return message


def test_retry_executes_a_failed_message(gateway, recipient, attacker, failing):
    """P1: by anyone, once."""
    receipt = gateway.send("retry", *retry_arguments(failing), sender=attacker)
    assert [event.name for event in receipt.events] == ["MessageDelivered"]
    assert receipt.named("MessageDelivered") == [(failing.id, failing.origin, 1)]
    assert gateway.view("messageStatus", failing.id) == ACCEPTED
    assert recipient.view("acceptedIds", 0) == (failing.id,)


def test_retry_hands_over_the_same_as_the_first_attempt(gateway, recipient, relayer, sender, failing):
    gateway.send("retry", *retry_arguments(failing), sender=relayer)
    id_, caller, from_, payload, _ = recipient.view("accepted", 0)
    assert (id_, caller, payload) == (failing.id, gateway.address, failing.payload)
    assert from_ == interoperable(failing.origin, sender)


def test_retry_leaves_the_lane(gateway, relayer, lane, failing):
    gateway.send("retry", *retry_arguments(failing), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (1, lane.heads[1])


def test_refuses_to_retry_twice(gateway, relayer, failing):
    """P1."""
    gateway.send("retry", *retry_arguments(failing), sender=relayer)
    refusal = error("MessageNotFailed", failing.id, Status.NONE)
    assert gateway.revert("retry", *retry_arguments(failing), sender=relayer) == refusal


def test_refuses_to_retry_what_was_delivered(gateway, relayer, fill, deliver):
    """P1."""
    (message,) = fill()
    deliver()
    refusal = error("MessageNotFailed", message.id, Status.NONE)
    assert gateway.revert("retry", *retry_arguments(message), sender=relayer) == refusal


def test_refuses_to_retry_what_did_not_arrive(gateway, relayer, fill):
    """M1: nothing is executed that no quorum signed."""
    (message,) = fill()
    refusal = error("MessageNotFailed", message.id, Status.NONE)
    assert gateway.revert("retry", *retry_arguments(message), sender=relayer) == refusal


def test_a_refused_retry_keeps_the_message_failed(gateway, recipient, relayer, behave, failing):
    behave(Behaviour.REVERT)
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *retry_arguments(failing), sender=relayer) == refusal
    assert not gateway.attempt("retry", *retry_arguments(failing), sender=relayer).succeeded
    assert gateway.view("messageStatus", failing.id) == FAILED
    behave(Behaviour.ACCEPT)
    gateway.send("retry", *retry_arguments(failing), sender=relayer)
    assert recipient.view("executions", failing.id) == 1


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
def test_refuses_every_other_answer_at_a_retry(gateway, relayer, behave, failing, behaviour):
    """M20: also with all the gas that the caller has."""
    behave(behaviour)
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *retry_arguments(failing), sender=relayer) == refusal


def test_refuses_to_retry_without_code(gateway, relayer, fill, deliver):
    (message,) = fill(to=NOBODY)
    deliver()
    refusal = error("RetryFailed", message.id)
    assert gateway.revert("retry", *retry_arguments(message), sender=relayer) == refusal


def test_retries_once_the_recipient_was_deployed(arcade, gateway, relayer, recipient, fill, deliver):
    (message,) = fill(to=NOBODY)
    deliver()
    code = arcade.chain.rpc("eth_getCode", [recipient.address, "latest"])
    set_code(arcade.chain, NOBODY, bytes.fromhex(code[2:]))
    gateway.send("retry", *retry_arguments(message), sender=relayer)


def test_retries_in_the_last_second(gateway, relayer, failing, deadline):
    """M18."""
    gateway.send("retry", *retry_arguments(failing), sender=relayer, at=deadline)


def test_refuses_to_retry_a_second_later(gateway, relayer, failing, deadline):
    """M18."""
    refusal = error("MessageExpired", failing.id, deadline)
    arguments = retry_arguments(failing)
    assert gateway.revert("retry", *arguments, sender=relayer, at=deadline + 1) == refusal
    assert not gateway.attempt("retry", *arguments, sender=relayer, at=deadline + 1).succeeded
    assert gateway.view("messageStatus", failing.id) == FAILED


def test_refuses_to_retry_what_arrived_expired(gateway, relayer, fill, deliver, deadline):
    (message,) = fill()
    deliver(at=deadline + 1)
    refusal = error("MessageNotFailed", message.id, Status.EXPIRED)
    assert gateway.revert("retry", *retry_arguments(message), sender=relayer, at=deadline + 2) == refusal


@pytest.mark.parametrize("part", ["origin", "nonce", *range(6)])
def test_refuses_to_retry_with_a_change(gateway, relayer, failing, part):
    """P1, M2: the id commits to every field and to the place."""
    origin, nonce = failing.origin, failing.nonce
    fields: list[Any] = list(failing.fields)
    if part == "origin":
        origin = 903
    elif part == "nonce":
        nonce += 1
    else:
        changes: dict[Any, Any] = {0: NOBODY, 1: NOBODY, 5: b"changed"}
        fields[part] = changes.get(part) or fields[part] + 1
    changed = Message(901, origin, 902, nonce, *fields)
    refusal = error("MessageNotFailed", changed.id, Status.NONE)
    assert gateway.revert("retry", origin, nonce, tuple(fields), sender=relayer) == refusal


def test_retries_while_the_route_is_closed(gateway, owner, relayer, failing):
    """Retries are never paused: what arrived can always be executed."""
    gateway.send("setRoute", failing.origin, (False, False, *OPEN_ROUTE[2:]), sender=owner)
    gateway.send("retry", *retry_arguments(failing), sender=relayer)


def test_retries_in_any_order(gateway, recipient, relayer, fill, deliver, behave):
    messages = fill(3)
    behave(Behaviour.REVERT)
    deliver()
    behave(Behaviour.ACCEPT)
    for message in reversed(messages):
        gateway.send("retry", *retry_arguments(message), sender=relayer)
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in reversed(messages))


def test_retry_with_more_gas_than_the_limit(gateway, recipient, relayer, fill, deliver):
    """M19: a limit that became too low, because opcodes became dearer, does not strand the message."""
    (message,) = fill(gas_limit=30_000)
    assert len(deliver().named("MessageFailed")) == 1
    gateway.send("retry", *retry_arguments(message), sender=relayer, gas=5_000_000)
    gas_at_entry = recipient.view("accepted", 0)[4]
    assert 4_700_000 < gas_at_entry < 5_000_000


# Reentrancy (M20)


@pytest.fixture
def calls_gateway(arcade, gateway, recipient, sender):
    """Makes the recipient call the gateway whenever it receives."""

    def calls_gateway(method, *arguments):
        recipient.send("setCall", gateway.address, gateway.encode(method, *arguments), sender=sender)

    return calls_gateway


@pytest.fixture
def healthy(arcade, deployer):
    """Another recipient, which accepts everything."""
    return deploy(arcade.chain, "ScriptedRecipient", sender=deployer)


@pytest.fixture
def forbidden(
    arcade, gateway, recipient, healthy, paper, lane, other_lane, fill, owner, relayer, sender, deadline
):
    """Prepares what a recipient could do if it were not being called; gives the arguments by method.

    The lane from perps holds one message, which pays well, and the lane from the hub the notices that it takes.
    """
    network_id, hub_id, here = lane.network_id, lane.origin, lane.destination

    def append_paid():
        fee = Fee(0, 10**9, 10**9).packed
        return other_lane.append(sender, healthy.address, deliver_before=deadline, fee=fee)

    def send_back():
        """A message from here to the hub, and the walk to it."""
        gateway.send("setRoute", hub_id, FREE_ROUTE, sender=owner)
        receipt = gateway.send("sendMessage", interoperable(hub_id, NOBODY), b"", [], sender=sender)
        ((_, nonce, gas_limit, deliver_before, fee, _),) = receipt.named("LaneExtended")
        fields = (sender, NOBODY, gas_limit, deliver_before, fee, b"")
        message = Message(network_id, here, hub_id, nonce, *fields)
        return message, (hub_id, nonce, genesis_head(network_id, here, hub_id), [])

    def deliver():
        append_paid()
        return paper.arguments(other_lane)

    def retry():
        message = other_lane.append(sender, NOBODY, deliver_before=deadline)
        paper.deliver(other_lane)
        set_code(arcade.chain, NOBODY, code_of(arcade.chain, recipient.address))
        return retry_arguments(message)

    def return_to_sender():
        message = other_lane.append(sender, NOBODY, deliver_before=1)
        paper.deliver(other_lane)
        return retry_arguments(message)

    def claim():
        append_paid()
        recipient.send(
            "setCall", gateway.address, gateway.encode("deliver", *paper.arguments(other_lane)), sender=sender
        )
        recipient.send("receiveMessage", bytes(32), b"", b"", sender=sender)
        return (other_lane.origin,)

    def refund():
        message, walk = send_back()
        lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, message.id, 0, 0))
        paper.deliver(lane)
        return message.fields, walk

    def refund_abandoned():
        message, walk = send_back()
        gateway.send("restart", hub_id, 7, sender=owner)
        lane.append_notice(gateway.address, gateway_payload(Kind.RESTART, 7, 0, walk[2]))
        paper.deliver(lane)
        return message.fields, walk, 7, bytes(32), []

    def follow_restart():
        fact = RestartFact(other_lane.origin, here, 7)
        return paper.attest(fact.leaf), other_lane.origin, 7, []

    def notice_restart():
        gateway.send("followRestart", *follow_restart(), sender=owner)
        gateway.send("restart", other_lane.origin, 7, sender=owner)
        return other_lane.origin, 7

    return {
        "deliver": deliver,
        "retry": retry,
        "returnToSender": return_to_sender,
        "claim": claim,
        "refund": refund,
        "refundAbandoned": refund_abandoned,
        "followRestart": follow_restart,
        "noticeRestart": notice_restart,
    }


@pytest.mark.parametrize(
    "method",
    [
        "deliver",
        "retry",
        "returnToSender",
        "claim",
        "refund",
        "refundAbandoned",
        "followRestart",
        "noticeRestart",
    ],
)
def test_a_recipient_may_not_while_it_is_called(
    arcade, gateway, lane, recipient, healthy, paper, fill, sender, forbidden, calls_gateway, method
):
    """M20, M13: its message fails by the guard, and the next one is delivered. Outside of a delivery the same call
    works, so that nothing but the reentrancy was refused.
    """
    arguments = forbidden[method]()
    calls_gateway(method, *arguments)
    (refused,) = fill(gas_limit=3_000_000)
    (next_one,) = fill(to=healthy.address)
    receipt = paper.deliver(lane)
    assert receipt.named("MessageFailed") == [(refused.id, lane.origin, refused.nonce, False)]
    assert receipt.named("MessageDelivered") == [(next_one.id, lane.origin, next_one.nonce)]
    assert len(receipt.events) == 2
    trace = arcade.chain.rpc("debug_traceTransaction", [receipt.hash, {"tracer": "callTracer"}])
    assert error("ReentrancyGuardReentrantCall").data in outputs(trace)
    assert recipient.send("receiveMessage", bytes(32), b"", b"", sender=sender).events


def test_refuses_to_retry_while_retrying(gateway, recipient, relayer, failing, calls_gateway):
    """M20, P1: a message does not execute inside itself."""
    calls_gateway("retry", *retry_arguments(failing))
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *retry_arguments(failing), sender=relayer) == refusal


def test_refuses_to_deliver_while_retrying(
    gateway, relayer, lane, failing, fill, pack, recipient, sender, calls_gateway
):
    """M20."""
    fill(gas_limit=1_000_000)
    calls_gateway("deliver", *pack(first=2))
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *retry_arguments(failing), sender=relayer) == refusal
    assert recipient.view("receiveMessage", bytes(32), b"", b"", sender=sender)


def outputs(frame: dict[str, Any]) -> list[bytes]:
    """Return data of every call in a trace."""
    own = bytes.fromhex(frame.get("output", "0x")[2:])
    return [own, *(output for inner in frame.get("calls", []) for output in outputs(inner))]


def test_a_recipient_may_send_while_it_receives(
    gateway, owner, lane, fill, deliver, recipient, calls_gateway
):
    gateway.send("setRoute", lane.origin, FREE_ROUTE, sender=owner)
    fill(gas_limit=1_000_000)
    calls_gateway("sendMessage", interoperable(lane.origin, NOBODY), b"answer", [])
    receipt = deliver()
    assert [event.name for event in receipt.events] == [
        "MessageSent",
        "LaneExtended",
        "MessageDelivered",
    ]
    assert receipt.named("MessageSent")[0][1] == interoperable(lane.destination, recipient.address)


def test_a_recipient_pays_for_what_it_sends(gateway, lane, fill, deliver, calls_gateway):
    """The relayer, who calls, does not: without credit of the recipient's own its message fails."""
    fill(gas_limit=1_000_000)
    calls_gateway("sendMessage", interoperable(lane.origin, NOBODY), b"answer", [])
    assert [event.name for event in deliver().events] == ["MessageFailed"]
    assert gateway.view("outboxLane", lane.origin)[0] == 0


def test_a_recipient_sees_the_lane_moved(gateway, lane, fill, deliver, recipient, calls_gateway, arcade):
    """M20: the whole state moves before the first recipient is called."""
    fill(3, gas_limit=1_000_000)
    calls_gateway("inboxLane", lane.origin)
    receipt = deliver()
    trace = arcade.chain.rpc("debug_traceTransaction", [receipt.hash, {"tracer": "callTracer"}])
    moved = CODEC.encode(["uint64", "bytes32"], (3, lane.heads[3]))
    assert outputs(trace).count(moved) == 3


# What gateways tell each other

WORD = 2**256 - 1
FORGED = st.one_of(
    st.sampled_from(["id", "relayer", "restart", 0, 1, 2**64 - 1, 2**64, 2**160, 2**255, WORD]),
    words,
)
PAYLOADS = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.one_of(st.sampled_from([*Kind, len(Kind), WORD]), FORGED), FORGED, FORGED, FORGED),
)


@pytest.fixture
def lies(hub, arcade, relayer, sender, owner, treasury, validators):
    """Delivers to the hub what arcade's gateway says there, a message behind it; everything is undone after.

    The hub has escrow for a message to arcade, and restarted that lane: "id", "relayer" and "restart" stand for
    what is true in what is said.
    """
    gateway, destination = hub.gateway, arcade.chain.chain_id
    paper = PaperRelayer(gateway, relayer, validators, hub.chain.chain_id)
    hub.era.send("approve", gateway.address, 10**18, sender=treasury)
    gateway.send("depositFor", sender, 10**18, sender=treasury)
    receipt = gateway.send("sendMessage", interoperable(destination, NOBODY), b"", [], sender=sender)
    gateway.send("restart", destination, 7, sender=owner)
    known = {"id": receipt.named("MessageSent")[0][0], "relayer": int(relayer, 16), "restart": 7}

    def lies(said, behind):
        lane = PaperLane(hub.chain.chain_id, destination, hub.chain.chain_id)
        for payload in said:
            if not isinstance(payload, bytes):
                payload = gateway_payload(*(known.get(word, word) for word in payload))
            lane.append_notice(gateway.address, payload)
        lane.append(sender, hub.recipient.address, **behind)
        before = hub.chain.snapshot()
        try:
            escrow = gateway.view("laneFees", destination)[0]
            receipt = paper.deliver(lane)
            taken = escrow - gateway.view("laneFees", destination)[0]
            # A notice pays its carrier, a claim also whom it names.
            earners = {relayer, *(one for _, one, *_ in receipt.named("ClaimPaid"))}
            paid = sum(gateway.view("credit", one) for one in earners)
            assert gateway.view("inboxLane", destination) == (lane.nonce, lane.heads[-1])
            assert gateway.view("earnings", destination, relayer) == (0, 0)
            assert hub.recipient.view("acceptedIds", 0) == (lane.messages[-1].id,)
        finally:
            hub.chain.restore(before)
        return receipt, lane.messages, taken, paid

    return lies


@example(said=[(kind, "relayer", WORD, WORD) for kind in (*Kind, len(Kind), WORD)])
@example(said=[(Kind.CLAIM, "relayer", 1, WORD), (Kind.CLAIM, WORD, WORD, 0), (Kind.CLAIM, 0, WORD, WORD)])
@example(said=[(Kind.RETURN, "id", WORD, WORD), (Kind.RETURN, "id", 0, 0), (Kind.RETURN, 0, 0, 0)])
@example(
    said=[(Kind.RESTART, "restart", WORD, WORD), (Kind.RESTART, 2**64 + 7, 0, 0), (Kind.RESTART, 0, 0, 0)]
)
@example(said=[b"", b"\x01" * 31, bytes(127), bytes(129), b"\xff" * 8_192])
@given(said=st.lists(PAYLOADS, min_size=1, max_size=4))
def test_a_lane_goes_on_whatever_a_gateway_says(lies, deadline, said):
    """M3, M13, P5: a quorum that lies about a chain neither halts its lane, nor makes it pay more than its escrow."""
    receipt, messages, taken, paid = lies(said, {"deliver_before": deadline})
    assert [id_ for id_, _, _ in receipt.named("MessageDelivered")] == [message.id for message in messages]
    assert receipt.named("MessageFailed") == []
    assert paid == taken * GWEI


def test_hears_what_another_gateway_says(gateway, lane, relayer, deliver):
    """A notice is acted upon before it counts as delivered; it pays its carrier nothing here."""
    returned = keccak(text="returned")
    notice = lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, returned, 1, 0))
    receipt = deliver()
    assert [event.name for event in receipt.events] == ["ReturnNoticed", "MessageDelivered"]
    assert receipt.named("ReturnNoticed") == [(returned, lane.origin, relayer, True)]
    assert receipt.named("MessageDelivered") == [(notice.id, lane.origin, 1)]
    assert gateway.view("messageStatus", notice.id) == ACCEPTED


def test_what_a_gateway_says_never_expires(gateway, lane, deadline, deliver):
    """Whatever time a lying chain names, and whatever fee."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    terms: dict[str, Any] = {"deliver_before": 1, "fee": Fee(1, 2, 3).packed, "gas_limit": 0}
    lane.append(gateway.address, gateway.address, payload=payload, **terms)
    receipt = deliver()
    assert [event.name for event in receipt.events] == ["ReturnNoticed", "MessageDelivered"]


def test_what_a_gateway_says_is_not_lost_for_want_of_gas(gateway, lane, relayer, pack):
    """M12: with too little gas the whole transaction fails."""
    lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0))
    arguments = pack()
    data = gateway.encode("deliver", *arguments)
    chain, outcomes = gateway.chain, []
    for gas in range(calldata_floor(data), 250_000, 2_500):
        before = chain.snapshot()
        receipt = gateway.attempt("deliver", *arguments, sender=relayer, gas=gas)
        outcomes.append(receipt.succeeded)
        heard = [event.name for event in receipt.events]
        assert heard == (["ReturnNoticed", "MessageDelivered"] if receipt.succeeded else []), gas
        chain.restore(before)
    assert outcomes == sorted(outcomes)
    assert {*outcomes} == {False, True}


def test_nobody_speaks_as_a_gateway(gateway, lane, fill, deliver, sender):
    """M6: what a user says to the gateway, which only a lying quorum can deliver, is heard by nobody."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    (forged,) = fill(to=gateway.address, payload=payload)
    (behind,) = fill()
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(forged.id, lane.origin, 1, False)]
    assert receipt.named("MessageDelivered") == [(behind.id, lane.origin, 2)]
    assert len(receipt.events) == 2
    assert gateway.view("returnNotice", lane.origin, keccak(text="returned"))[0] == "0x" + "00" * 20


@pytest.mark.parametrize("contract", ["era", "bridge", "factory"])
def test_contracts_of_the_network_do_nothing_for_a_gateway(
    gateway, arcade, lane, deadline, deliver, contract
):
    """M6: what a lying quorum sends in the name of the gateway to others has no power over them."""
    to = getattr(arcade, contract).address
    message = lane.append(gateway.address, to, deliver_before=deadline, payload=b"\xff" * 128)
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert len(receipt.events) == 1


# Pauses


@pytest.fixture
def pause(gateway, guardian):
    """Pauses what arrives from a chain; gives the second in which it goes on."""

    def pause(origin):
        gateway.send("pauseInbound", origin, DAY, sender=guardian)
        return gateway.view("pausedUntil", origin)

    return pause


def test_a_paused_lane_goes_on_at_the_second(gateway, relayer, lane, fill, pack, deliver, pause):
    (message,) = fill()
    until = pause(lane.origin)
    refusal = error("RoutePaused", lane.origin, until)
    assert gateway.revert("deliver", *pack(), sender=relayer, at=until - 1) == refusal
    assert not gateway.attempt("deliver", *pack(), sender=relayer, at=until - 1).succeeded
    assert deliver(at=until).named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_a_paused_lane_goes_on_when_the_pause_is_ended(gateway, guardian, lane, fill, deliver, pause):
    fill()
    pause(lane.origin)
    gateway.send("unpauseInbound", lane.origin, sender=guardian)
    assert len(deliver().named("MessageDelivered")) == 1


def test_a_pause_leaves_the_other_lanes(lane, other_lane, paper, sender, recipient, deadline, pause):
    pause(lane.origin)
    message = other_lane.append(sender, recipient.address, deliver_before=deadline)
    assert paper.deliver(other_lane).named("MessageDelivered") == [(message.id, other_lane.origin, 1)]


def test_a_paused_lane_stops_the_whole_transaction(
    lane, other_lane, fill, paper, sender, recipient, deadline, pause
):
    """Relayers leave it out."""
    fill()
    other_lane.append(sender, recipient.address, deliver_before=deadline)
    until = pause(lane.origin)
    assert paper.refusal(other_lane, lane) == error("RoutePaused", lane.origin, until)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_refuses_what_the_lane_has_too(gateway, owner, lane, fill, paper, pause, state):
    """A batch that would change nothing is refused as well while its lane is paused or closed."""
    fill()
    paper.deliver(lane)
    assert paper.deliver(lane).events == []
    if state == "paused":
        refusal = error("RoutePaused", lane.origin, pause(lane.origin))
    else:
        gateway.send("setRoute", lane.origin, (True, False, *OPEN_ROUTE[2:]), sender=owner)
        refusal = error("RouteClosed", lane.origin)
    assert paper.refusal(lane) == refusal


def test_a_closed_lane_that_is_paused_stays_closed(gateway, owner, lane, fill, paper, pause):
    """The end of a pause opens nothing that the owner closed."""
    fill()
    until = pause(lane.origin)
    gateway.send("setRoute", lane.origin, (True, False, *OPEN_ROUTE[2:]), sender=owner)
    assert paper.refusal(lane, at=until) == error("RouteClosed", lane.origin)


def test_retries_while_the_lane_is_paused(gateway, relayer, failing, pause):
    """Retries are never paused: what arrived can always be executed."""
    pause(failing.origin)
    receipt = gateway.send("retry", *retry_arguments(failing), sender=relayer)
    assert receipt.named("MessageDelivered") == [(failing.id, failing.origin, 1)]


# Gas (M12, M19)

MAGIC = keccak(text="receiveMessage(bytes32,bytes,bytes)")[:4]
# GAS is the first opcode and costs 2: slot 0 keeps the gas limit less 2. Then comes the magic value.
PROBE = bytes.fromhex("5a5f55" + "63" + MAGIC.hex() + "60e01b5f5260205ff3")
GAS_OPCODE = 2
PROBE_ADDRESS = "0x000000000000000000000000000000000000Be9C"
DELEGATED_ADDRESS = "0x000000000000000000000000000000000000De1E"


@pytest.fixture
def probe(arcade):
    """A recipient that records with how much gas it was called."""
    set_code(arcade.chain, PROBE_ADDRESS, PROBE)
    return PROBE_ADDRESS


@pytest.fixture
def delegated(arcade, probe):
    """An account that delegates to the probe (EIP-7702): calling it loads a second, cold account."""
    set_code(arcade.chain, DELEGATED_ADDRESS, bytes.fromhex("ef0100" + probe[2:]))
    return DELEGATED_ADDRESS


def required_gas(gas_limit: int) -> int:
    """What must be left right before the call; `RecipientCall.required`."""
    return 5_000 + gas_limit + max(gas_limit // 63, 55_000)


@pytest.mark.parametrize("kind", ["probe", "delegated"])
@pytest.mark.parametrize(
    ("gas_limit", "size"),
    [
        pytest.param(25_000, 0, id="25000"),
        pytest.param(200_000, 0, id="200000"),
        pytest.param(10_000_000, 0, id="10000000"),
        pytest.param(200_000, 8_192, id="200000-longest-payload"),
        pytest.param(2_000_000, 8_192, id="2000000-longest-payload"),
        pytest.param(10_000_000, 8_192, id="10000000-longest-payload"),
    ],
)
def test_recipient_gets_its_whole_gas_or_the_transaction_reverts(
    arcade, gateway, relayer, lane, fill, pack, request, kind, size, gas_limit
):
    """M12: a relayer cannot burn a message by under-funding it, whatever gas the transaction has.

    Finds the least gas with which the transaction succeeds, then looks at both sides of it.
    """
    recipient = request.getfixturevalue(kind)
    (message,) = fill(to=recipient, gas_limit=gas_limit, payload=b"\xff" * size)
    arguments = pack()
    data = gateway.encode("deliver", *arguments)
    chain = arcade.chain

    def succeeds(gas):
        return not isinstance(call(chain, gateway.address, data, sender=relayer, gas=gas), Revert)

    low, high = gas_limit, gas_limit + 1_500_000
    assert succeeds(high)
    assert not succeeds(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)

    below = [high - 1, high - 2, high - 100, high - 2_700, high - 55_000, high - gas_limit // 64]
    above = [high, high + 1, high + 63, high + 2_700, high + 100_000]
    for gas in [*(gas for gas in below if gas >= calldata_floor(data)), *above]:
        before = chain.rpc("evm_snapshot")
        receipt = gateway.attempt("deliver", *arguments, sender=relayer, gas=gas)
        assert receipt.succeeded == (gas >= high), gas
        if receipt.succeeded:
            assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 1)], gas
            assert slot(chain, recipient) == gas_limit - GAS_OPCODE, gas
        else:
            assert gateway.view("inboxLane", lane.origin)[0] == 0, gas
        chain.restore(before)

    id_, available, required = insufficient_gas(gateway, relayer, arguments, high - 1)
    assert (id_, required) == (message.id, required_gas(gas_limit))
    assert available < required


def calldata_floor(data: bytes) -> int:
    """Least gas of a transaction with this calldata (EIP-7623)."""
    return 21_000 + 10 * data.count(0) + 40 * (len(data) - data.count(0))


def insufficient_gas(gateway, relayer, arguments, gas, method="deliver"):
    """Arguments of InsufficientGas, which must be what the gateway says."""
    refusal = gateway.revert(method, *arguments, sender=relayer, gas=gas)
    assert refusal.data[:4] == keccak(text="InsufficientGas(bytes32,uint256,uint256)")[:4], refusal
    return CODEC.decode(["bytes32", "uint256", "uint256"], refusal.data[4:])


@pytest.mark.parametrize("kind", ["probe", "delegated"])
def test_the_second_message_gets_its_whole_gas_too(arcade, gateway, relayer, lane, fill, pack, request, kind):
    """M12: what the first one burned is not taken from the second."""
    set_code(arcade.chain, NOBODY, b"\xfe")
    fill(to=NOBODY, gas_limit=1_000_000)
    recipient = request.getfixturevalue(kind)
    (message,) = fill(to=recipient, gas_limit=500_000)
    arguments = pack()
    for gas in range(1_400_000, 1_800_000, 10_000):
        before = arcade.chain.rpc("evm_snapshot")
        receipt = gateway.attempt("deliver", *arguments, sender=relayer, gas=gas)
        if receipt.succeeded:
            assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 2)], gas
            assert slot(arcade.chain, recipient) == 500_000 - GAS_OPCODE, gas
        arcade.chain.restore(before)
    assert receipt.succeeded


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
@pytest.mark.parametrize("gas_limit", [50_000, 1_000_000, 10_000_000])
def test_the_gateway_goes_on_with_the_least_gas(
    gateway, relayer, lane, fill, pack, behave, gas_limit, behaviour
):
    """M12: with one gas more than at InsufficientGas enough is left to book any failure, and what a relayer earns
    for the first time.
    """
    (message,) = fill(gas_limit=gas_limit, fee=Fee(1, 2, 3).packed)
    behave(behaviour)
    arguments = pack()
    low, high = gas_limit, gas_limit + 1_500_000
    name = keccak(text="InsufficientGas(bytes32,uint256,uint256)")[:4]
    data = gateway.encode("deliver", *arguments)

    def starved(gas):
        result = call(gateway.chain, gateway.address, data, sender=relayer, gas=gas)
        return isinstance(result, Revert) and result.data[:4] in (name, b"")

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if starved(middle) else (low, middle)
    assert insufficient_gas(gateway, relayer, arguments, low)[0] == message.id
    receipt = gateway.send("deliver", *arguments, sender=relayer, gas=high)
    assert [id_ for id_, _, _, _ in receipt.named("MessageFailed")] == [message.id]
    assert gateway.view("earnings", lane.origin, relayer) == (2, 0)


@pytest.mark.parametrize("kind", ["probe", "delegated"])
def test_retry_gives_at_least_the_gas_limit(arcade, gateway, relayer, fill, deliver, request, kind):
    """M12, M19: a retry with too little gas is refused and keeps the message open."""
    gas_limit = 300_000
    (message,) = fill(to=NOBODY, gas_limit=gas_limit)
    deliver()
    recipient = request.getfixturevalue(kind)
    set_code(arcade.chain, NOBODY, bytes.fromhex(arcade.chain.rpc("eth_getCode", [recipient, "latest"])[2:]))
    arguments = retry_arguments(message)
    data = gateway.encode("retry", *arguments)

    low, high = gas_limit, gas_limit + 500_000
    while high - low > 1:
        middle = (low + high) // 2
        refused = isinstance(call(arcade.chain, gateway.address, data, sender=relayer, gas=middle), Revert)
        low, high = (middle, high) if refused else (low, middle)
    id_, available, required = insufficient_gas(gateway, relayer, arguments, low, method="retry")
    assert (id_, required) == (message.id, required_gas(gas_limit))
    assert available < required
    assert not gateway.attempt("retry", *arguments, sender=relayer, gas=low).succeeded
    assert gateway.view("messageStatus", message.id) == FAILED
    gateway.send("retry", *arguments, sender=relayer, gas=high)
    assert slot(arcade.chain, NOBODY) >= gas_limit - GAS_OPCODE


MAX_GAS_LIMIT = 15_000_000
PROOF_DEPTH = 10


def test_the_largest_delivery_fits_a_transaction(
    arcade, hub, owner, guardian, deployer, relayer, sender, lane, deadline
):
    """M12: 32 signatures, a proof of depth 10, 255 ids, the longest payload, and all of the highest gas limit burned.

    `Routes.MAX_GAS_LIMIT` leaves 1,500,000 for what surrounds the call. A lane with a message that fits no
    transaction (EIP-7825) would be stuck.
    """
    validators = Validators([1] * 32, expires=2**64 - 1)
    parties = hub.chain.chain_id, arcade.era.address, owner, guardian
    gateway = deploy(arcade.chain, "Metalayer", *parties, validators.argument, sender=deployer)
    gateway.send("setRoute", lane.origin, OPEN_ROUTE, sender=owner)
    assert gateway.view("MAX_GAS_LIMIT") == MAX_GAS_LIMIT
    set_code(arcade.chain, NOBODY, b"\xfe")
    largest: dict[str, Any] = {"gas_limit": MAX_GAS_LIMIT, "fee": 2**256 - 1, "payload": b"\xff" * 8_192}
    message = lane.append(sender, NOBODY, deliver_before=deadline, **largest)
    for _ in range(255):
        lane.append(sender, NOBODY, deliver_before=deadline)
    tree = Tree([lane.fact(), *(SetFact(i, keccak(text=f"set {i}")) for i in range(2**PROOF_DEPTH - 1))])
    assert len(tree.proof(lane.fact())) == PROOF_DEPTH
    attestation = validators.sign(hub.chain.chain_id, gateway.address, tree.root).fields
    arguments = attestation, [lane.batch(tree, count=1)]
    receipt = gateway.send("deliver", *arguments, sender=relayer, gas=MAX_TRANSACTION_GAS)
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]

    low, high = MAX_GAS_LIMIT, MAX_TRANSACTION_GAS
    data = gateway.encode("deliver", *arguments)
    chain = arcade.chain
    chain.rpc("anvil_rollback", [1])
    while high - low > 1:
        middle = (low + high) // 2
        refused = isinstance(call(chain, gateway.address, data, sender=relayer, gas=middle), Revert)
        low, high = (middle, high) if refused else (low, middle)
    assert high - required_gas(MAX_GAS_LIMIT) < 1_500_000
