"""What gateways tell each other: nothing that one says stops its lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Kind
from metalayer.protocol.message import Fee, Message, interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt
from tests.kit.inbox import ACCEPTED, NOBODY, calldata_floor
from tests.kit.paper import PaperLane, PaperRelayer, Validators, gateway_payload
from tests.kit.stack import Stack
from tests.kit.strategies import words

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
def lies(
    hub: Stack, arcade: Stack, relayer: str, sender: str, owner: str, treasury: str, validators: Validators
) -> Callable[..., tuple[Any, ...]]:
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

    def lies(
        said: Sequence[bytes | tuple[Any, ...]], behind: dict[str, Any]
    ) -> tuple[Receipt, list[Message], int, int]:
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
def test_a_lane_goes_on_whatever_a_gateway_says(
    lies: Callable[..., tuple[Any, ...]], deadline: int, said: list[bytes | tuple[Any, ...]]
) -> None:
    """M3, M13, P5: a quorum that lies about a chain neither halts its lane, nor makes it pay more than its escrow."""
    receipt, messages, taken, paid = lies(said, {"deliver_before": deadline})
    assert [id_ for id_, _, _ in receipt.named("MessageDelivered")] == [message.id for message in messages]
    assert receipt.named("MessageFailed") == []
    assert paid == taken * GWEI


def test_hears_what_another_gateway_says(
    gateway: Contract, lane: PaperLane, relayer: str, deliver: Callable[..., Receipt]
) -> None:
    """A notice is acted upon before it counts as delivered; it pays its carrier nothing here."""
    returned = keccak(text="returned")
    notice = lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, returned, 1, 0))
    receipt = deliver()
    assert [event.name for event in receipt.events] == ["ReturnNoticed", "MessageDelivered"]
    assert receipt.named("ReturnNoticed") == [(returned, lane.origin, relayer, True)]
    assert receipt.named("MessageDelivered") == [(notice.id, lane.origin, 1)]
    assert gateway.view("messageStatus", notice.id) == ACCEPTED


def test_what_a_gateway_says_never_expires(
    gateway: Contract, lane: PaperLane, deadline: int, deliver: Callable[..., Receipt]
) -> None:
    """Whatever time a lying chain names, and whatever fee."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    terms: dict[str, Any] = {"deliver_before": 1, "fee": Fee(1, 2, 3, 4, 5).packed, "gas_limit": 0}
    lane.append(gateway.address, gateway.address, payload=payload, **terms)
    receipt = deliver()
    assert [event.name for event in receipt.events] == ["ReturnNoticed", "MessageDelivered"]


def test_what_a_gateway_says_is_not_lost_for_want_of_gas(
    gateway: Contract, lane: PaperLane, relayer: str, pack: Callable[..., tuple[Any, ...]]
) -> None:
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


def test_nobody_speaks_as_a_gateway(
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    sender: str,
) -> None:
    """M6: what a user says to the gateway, which only a lying quorum can deliver, is heard by nobody."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    (forged,) = fill(to=gateway.address, payload=payload)
    (behind,) = fill()
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(forged.id, lane.origin, 1, False)]
    assert receipt.named("MessageDelivered") == [(behind.id, lane.origin, 2)]
    assert len(receipt.events) == 2
    assert gateway.view("returnNotice", lane.origin, keccak(text="returned"))[0] == ZERO_ADDRESS


@pytest.mark.parametrize("contract", ["era", "bridge", "factory"])
def test_contracts_of_the_network_do_nothing_for_a_gateway(
    gateway: Contract,
    arcade: Stack,
    lane: PaperLane,
    deadline: int,
    deliver: Callable[..., Receipt],
    contract: str,
) -> None:
    """M6: what a lying quorum sends in the name of the gateway to others has no power over them."""
    to = getattr(arcade, contract).address
    message = lane.append(gateway.address, to, deliver_before=deadline, payload=b"\xff" * 128)
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert len(receipt.events) == 1
