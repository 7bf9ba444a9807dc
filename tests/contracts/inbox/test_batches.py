"""What a batch is refused for: elements, heads and proofs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.facts import LaneFact, SetFact, Tree
from metalayer.protocol.message import Message, extend, genesis_head
from tests.kit.evm import Contract, Receipt, Revert, error
from tests.kit.inbox import FIRST, IDS, MESSAGES, NOBODY, PROOF
from tests.kit.paper import PaperLane
from tests.kit.stack import Stack

UNROUTED = 4_242


@pytest.fixture
def refusal(gateway: Contract, relayer: str, pack: Callable[..., tuple[Any, ...]]) -> Callable[..., Revert]:
    def refusal(**batch: Any) -> Revert:
        return gateway.revert("deliver", *pack(**batch), sender=relayer)

    return refusal


# What a batch is refused for


def test_refuses_an_origin_without_route(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    sender: str,
    recipient: Contract,
    hub: Stack,
    deadline: int,
) -> None:
    lane = PaperLane(hub.chain.chain_id, UNROUTED, gateway.chain.chain_id)
    lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact()])
    arguments = (attest(tree.root), [lane.batch(tree)])
    assert gateway.revert("deliver", *arguments, sender=relayer) == error("RouteClosed", UNROUTED)


def test_refuses_this_chain_as_origin(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    sender: str,
    recipient: Contract,
    hub: Stack,
    deadline: int,
) -> None:
    own = gateway.chain.chain_id
    lane = PaperLane(hub.chain.chain_id, own, own)
    lane.append(sender, recipient.address, deliver_before=deadline)
    tree = Tree([lane.fact()])
    arguments = (attest(tree.root), [lane.batch(tree)])
    assert gateway.revert("deliver", *arguments, sender=relayer) == error("RouteClosed", own)


def test_refuses_an_origin_whose_inbound_is_closed(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    refusal: Callable[..., Revert],
) -> None:
    gateway.send("setOpen", lane.origin, True, False, sender=owner)
    fill()
    assert refusal() == error("RouteClosed", lane.origin)


def test_delivers_while_outbound_is_closed(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
) -> None:
    gateway.send("setOpen", lane.origin, False, True, sender=owner)
    fill()
    deliver()


@pytest.mark.parametrize("stored", [0, 1, 2])
def test_refuses_a_gap(
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    refusal: Callable[..., Revert],
    stored: int,
) -> None:
    """P2: a lane cannot skip."""
    fill(5)
    if stored:
        deliver(count=stored)
    assert refusal(first=stored + 2) == error("LaneGap", lane.origin, stored + 2, stored + 1)


def test_refuses_first_zero(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    """M1."""
    fill(2)
    assert refusal(change={FIRST: 0}) == error("LaneGap", lane.origin, 0, 1)


def test_refuses_the_highest_first(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    fill(2)
    assert refusal(change={FIRST: 2**64 - 1}) == error("LaneGap", lane.origin, 2**64 - 1, 1)


def test_an_empty_batch_moves_nothing(
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    gateway: Contract,
    relayer: str,
) -> None:
    """M7: nothing leads nowhere."""
    fill(2)
    gateway.send("deliver", *pack(change={MESSAGES: [], IDS: []}), sender=relayer)
    assert gateway.view("inboxLane", lane.origin) == (0, lane.heads[0])


@pytest.mark.parametrize("kind", ["message", "id"])
def test_refuses_one_element_too_few(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert], kind: str
) -> None:
    messages = fill(4)
    change = (
        {MESSAGES: [message.fields for message in messages[:3]]}
        if kind == "message"
        else {MESSAGES: [messages[0].fields], IDS: [messages[1].id, messages[2].id]}
    )
    assert refusal(change=change) == error("HeadNotProven", lane.origin, 3, lane.heads[3])


@pytest.mark.parametrize("kind", ["message", "id"])
def test_refuses_one_element_too_many(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert], kind: str
) -> None:
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
def test_refuses_a_message_with_a_change(
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    refusal: Callable[..., Revert],
    change: dict[int, Any],
) -> None:
    """M9, M15: what is executed is what was sent, field by field."""
    (message,) = fill()
    fields: list[Any] = list(message.fields)
    for position, value in change.items():
        fields[position] = value
    changed = Message(lane.network_id, lane.origin, lane.destination, 1, *fields)
    expected = error("HeadNotProven", lane.origin, 1, extend(lane.heads[0], changed.id))
    assert refusal(change={MESSAGES: [tuple(fields)]}) == expected


def test_refuses_messages_in_another_order(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    """P2: the place is part of the id."""
    first, second = fill(2)
    head = lane.heads[0]
    for nonce, message in ((1, second), (2, first)):
        head = extend(head, replace(message, nonce=nonce).id)
    expected = error("HeadNotProven", lane.origin, 2, head)
    assert refusal(change={MESSAGES: [second.fields, first.fields]}) == expected


def test_refuses_another_id_in_the_suffix(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    messages = fill(3)
    wrong = keccak(text="wrong")
    head = extend(extend(lane.heads[1], wrong), messages[2].id)
    expected = error("HeadNotProven", lane.origin, 3, head)
    assert refusal(count=1, change={IDS: [wrong, messages[2].id]}) == expected


@pytest.mark.parametrize("count", [0, 1], ids=["ids-only", "messages-that-it-has"])
def test_refuses_another_id_though_it_would_execute_nothing(
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    refusal: Callable[..., Revert],
    count: int,
) -> None:
    messages = fill(2)
    deliver(count=count)
    wrong = keccak(text="wrong")
    ids = [messages[0].id, wrong][count:]
    expected = error("HeadNotProven", lane.origin, 2, extend(lane.heads[1], wrong))
    assert refusal(count=count, change={IDS: ids}) == expected


def test_refuses_zero_ids_in_the_suffix(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    """M1: a zero id is an id like any other, and leads elsewhere."""
    fill(2)
    expected = error("HeadNotProven", lane.origin, 2, extend(lane.heads[1], bytes(32)))
    assert refusal(count=1, change={IDS: [bytes(32)]}) == expected


def test_refuses_a_message_of_another_lane(
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


def not_proven(lane: PaperLane) -> Revert:
    """The lane is replayed to its true head, which the proof does not lead from."""
    return error("HeadNotProven", lane.origin, lane.nonce, lane.heads[-1])


@pytest.fixture
def forest(lane: PaperLane, fill: Callable[..., list[Message]]) -> Tree:
    """A tree of ten facts, with the lane's fact among them."""
    fill(3)
    others = [SetFact(i, keccak(text=f"set {i}")) for i in range(9)]
    return Tree([lane.fact(), *others])


@pytest.fixture
def refusal_of_proof(
    gateway: Contract, relayer: str, attest: Callable[..., Any], lane: PaperLane, forest: Tree
) -> Callable[..., Revert]:
    def refusal_of_proof(proof: Sequence[bytes]) -> Revert:
        batch = list(lane.batch(forest))
        batch[PROOF] = proof
        return gateway.revert("deliver", attest(forest.root), [tuple(batch)], sender=relayer)

    return refusal_of_proof


def test_accepts_the_proof(
    gateway: Contract, relayer: str, attest: Callable[..., Any], lane: PaperLane, forest: Tree
) -> None:
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
def test_refuses_a_proof(
    lane: PaperLane, forest: Tree, refusal_of_proof: Callable[..., Revert], defect: Callable[..., Any]
) -> None:
    """M7."""
    proof = forest.proof(lane.fact())
    assert refusal_of_proof(defect(proof, forest)) == not_proven(lane)


def test_refuses_a_proof_where_none_is_needed(
    lane: PaperLane, fill: Callable[..., list[Message]], refusal: Callable[..., Revert]
) -> None:
    """M7: one fact is its own root."""
    fill()
    leaf = lane.fact().leaf
    assert refusal(change={PROOF: [leaf]}) == not_proven(lane)


@pytest.mark.parametrize("root", [bytes(32), b"\xff" * 32], ids=["zero", "ones"])
def test_refuses_a_signed_root_without_the_fact(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    root: bytes,
) -> None:
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
def test_refuses_a_signed_fact_about_something_else(
    gateway: Contract,
    relayer: str,
    attest: Callable[..., Any],
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    forge: Callable[..., Any],
) -> None:
    """M2, M17: only the fact about this lane at this nonce counts."""
    fill()
    signed = Tree([forge(lane.fact())])
    batch = lane.batch(Tree([lane.fact()]))
    assert gateway.revert("deliver", attest(signed.root), [batch], sender=relayer) == not_proven(lane)


def test_refuses_a_batch_made_for_another_chain(
    perps: Stack,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    relayer: str,
    lane: PaperLane,
) -> None:
    """M17: the destination is the chain that asks, whatever the relayer says."""
    fill()
    moved = replace(lane.messages[0], destination=perps.chain.chain_id)
    head = extend(genesis_head(lane.network_id, lane.origin, perps.chain.chain_id), moved.id)
    expected = error("HeadNotProven", lane.origin, 1, head)
    assert perps.gateway.revert("deliver", *pack(), sender=relayer) == expected
