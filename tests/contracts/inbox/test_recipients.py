"""Recipients that fail, in every way, and what reaches them when they are called inside a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.facts import RestartFact
from metalayer.protocol.gateway import Kind
from metalayer.protocol.message import Fee, Message, genesis_head, interoperable
from tests.kit.evm import CODEC, Contract, Receipt, code_of, deploy, error, set_code
from tests.kit.inbox import ACCEPTED, FAILED, NOBODY, REFUSING, place
from tests.kit.paper import PaperLane, PaperRelayer, gateway_payload
from tests.kit.scripted import Behaviour
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

# Enough for a recipient to return a megabyte, which would cost a careless caller two million gas to copy.
BOMB_GAS = 3_000_000


# Recipients that fail


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
def test_keeps_a_message_that_its_recipient_refuses(
    gateway: Contract,
    recipient: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    behave: Callable[..., None],
    behaviour: Behaviour,
) -> None:
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
    arcade: Stack,
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    behave: Callable[..., None],
    sender: str,
    deadline: int,
    deployer: str,
    behaviour: Behaviour,
) -> None:
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


def test_accepts_an_answer_longer_than_a_word(
    fill: Callable[..., list[Message]], deliver: Callable[..., Receipt], behave: Callable[..., None]
) -> None:
    """M20: only the first word is read."""
    fill()
    behave(Behaviour.RETURN_LONG)
    assert len(deliver().named("MessageDelivered")) == 1


@pytest.mark.parametrize(
    "behaviour", [Behaviour.RETURN_BOMB, Behaviour.REVERT_BOMB], ids=["return", "revert"]
)
def test_return_data_costs_the_relayer_nothing(
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    behave: Callable[..., None],
    behaviour: Behaviour,
) -> None:
    """M20: a bomb spends the message's gas limit and not more."""
    fill(gas_limit=BOMB_GAS)
    behave(behaviour)
    receipt = deliver()
    assert len(receipt.named("MessageFailed")) == 1
    assert receipt.gas_used < BOMB_GAS + 150_000


@pytest.mark.parametrize(
    "account", [NOBODY, "0x0000000000000000000000000000000000000004"], ids=["none", "precompile"]
)
def test_keeps_a_message_to_an_account_without_code(
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    account: str,
) -> None:
    """M8: a call to nothing succeeds; it does not count as delivered."""
    (message,) = fill(to=account)
    assert deliver().named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert gateway.view("messageStatus", message.id) == FAILED


@pytest.mark.parametrize("contract", ["era", "bridge", "gateway", "factory"])
def test_contracts_of_the_network_do_nothing_for_a_stranger(
    gateway: Contract,
    arcade: Stack,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    contract: str,
) -> None:
    """M6, M10: as recipients they refuse what a stranger sent them, or know no such call."""
    (message,) = fill(to=getattr(arcade, contract).address, payload=b"\xff" * 128)
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]
    assert len(receipt.events) == 1


def test_a_recipient_without_enough_gas_fails_alone(
    gateway: Contract, fill: Callable[..., list[Message]], deliver: Callable[..., Receipt], lane: PaperLane
) -> None:
    """M12."""
    (starved,) = fill(gas_limit=0)
    (fed,) = fill()
    receipt = deliver()
    assert receipt.named("MessageFailed") == [(starved.id, lane.origin, 1, False)]
    assert receipt.named("MessageDelivered") == [(fed.id, lane.origin, 2)]


# Reentrancy (M20)


@pytest.fixture
def calls_gateway(arcade: Stack, gateway: Contract, recipient: Contract, sender: str) -> Callable[..., None]:
    """Makes the recipient call the gateway whenever it receives."""

    def calls_gateway(method: str, *arguments: Any) -> None:
        recipient.send("setCall", gateway.address, gateway.encode(method, *arguments), sender=sender)

    return calls_gateway


@pytest.fixture
def healthy(arcade: Stack, deployer: str) -> Contract:
    """Another recipient, which accepts everything."""
    return deploy(arcade.chain, "ScriptedRecipient", sender=deployer)


@pytest.fixture
def forbidden(
    arcade: Stack,
    gateway: Contract,
    recipient: Contract,
    healthy: Contract,
    paper: PaperRelayer,
    lane: PaperLane,
    other_lane: PaperLane,
    fill: Callable[..., list[Message]],
    owner: str,
    relayer: str,
    sender: str,
    deadline: int,
) -> dict[str, Callable[..., tuple[Any, ...]]]:
    """Prepares what a recipient could do if it were not being called; gives the arguments by method.

    The lane from perps holds one message, which pays well, and the lane from the hub the notices that it takes.
    """
    network_id, hub_id, here = lane.network_id, lane.origin, lane.destination

    def append_paid() -> Message:
        fee = Fee(0, 10**9, 10**8, 10**9, 0).packed
        return other_lane.append(sender, healthy.address, deliver_before=deadline, fee=fee)

    def send_back() -> tuple[Any, ...]:
        """A message from here to the hub, and the walk to it."""
        gateway.send("setTerms", hub_id, FREE_TERMS.fields, sender=owner)
        receipt = gateway.send("sendMessage", interoperable(hub_id, NOBODY), b"", [], sender=sender)
        ((_, nonce, gas_limit, deliver_before, fee, _),) = receipt.named("LaneExtended")
        fields = (sender, NOBODY, gas_limit, deliver_before, fee, b"")
        message = Message(network_id, here, hub_id, nonce, *fields)
        return message, (hub_id, nonce, genesis_head(network_id, here, hub_id), [])

    def deliver() -> tuple[Any, ...]:
        append_paid()
        return paper.arguments(other_lane)

    def retry() -> tuple[int, int, tuple[Any, ...]]:
        message = other_lane.append(sender, NOBODY, deliver_before=deadline)
        paper.deliver(other_lane)
        set_code(arcade.chain, NOBODY, code_of(arcade.chain, recipient.address))
        return place(message)

    def return_to_sender() -> tuple[int, int, tuple[Any, ...]]:
        message = other_lane.append(sender, NOBODY, deliver_before=1)
        paper.deliver(other_lane)
        return place(message)

    def claim() -> tuple[int]:
        append_paid()
        recipient.send(
            "setCall", gateway.address, gateway.encode("deliver", *paper.arguments(other_lane)), sender=sender
        )
        recipient.send("receiveMessage", bytes(32), b"", b"", sender=sender)
        return (other_lane.origin,)

    def refund() -> tuple[Any, ...]:
        message, walk = send_back()
        lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, message.id, 0, 0))
        paper.deliver(lane)
        return message.fields, walk

    def refund_abandoned() -> tuple[Any, ...]:
        message, walk = send_back()
        gateway.send("restart", hub_id, 7, sender=owner)
        lane.append_notice(gateway.address, gateway_payload(Kind.RESTART, 7, 0, walk[2]))
        paper.deliver(lane)
        return message.fields, walk, 7, bytes(32), []

    def follow_restart() -> tuple[Any, ...]:
        fact = RestartFact(other_lane.origin, here, 7)
        return paper.attest(fact.leaf), other_lane.origin, 7, []

    def notice_restart() -> tuple[int, int]:
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
    arcade: Stack,
    gateway: Contract,
    lane: PaperLane,
    recipient: Contract,
    healthy: Contract,
    paper: PaperRelayer,
    fill: Callable[..., list[Message]],
    sender: str,
    forbidden: dict[str, Callable[..., tuple[Any, ...]]],
    calls_gateway: Callable[..., None],
    method: str,
) -> None:
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


def test_refuses_to_retry_while_retrying(
    gateway: Contract, recipient: Contract, relayer: str, failing: Message, calls_gateway: Callable[..., None]
) -> None:
    """M20, P1: a message does not execute inside itself."""
    calls_gateway("retry", *place(failing))
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *place(failing), sender=relayer) == refusal


def test_refuses_to_deliver_while_retrying(
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    failing: Message,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    recipient: Contract,
    sender: str,
    calls_gateway: Callable[..., None],
) -> None:
    """M20."""
    fill(gas_limit=1_000_000)
    calls_gateway("deliver", *pack(first=2))
    refusal = error("RetryFailed", failing.id)
    assert gateway.revert("retry", *place(failing), sender=relayer) == refusal
    assert recipient.view("receiveMessage", bytes(32), b"", b"", sender=sender)


def outputs(frame: dict[str, Any]) -> list[bytes]:
    """Return data of every call in a trace."""
    own = bytes.fromhex(frame.get("output", "0x")[2:])
    return [own, *(output for inner in frame.get("calls", []) for output in outputs(inner))]


def test_a_recipient_may_send_while_it_receives(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    recipient: Contract,
    calls_gateway: Callable[..., None],
) -> None:
    gateway.send("setTerms", lane.origin, FREE_TERMS.fields, sender=owner)
    fill(gas_limit=1_000_000)
    calls_gateway("sendMessage", interoperable(lane.origin, NOBODY), b"answer", [])
    receipt = deliver()
    assert [event.name for event in receipt.events] == [
        "MessageSent",
        "LaneExtended",
        "MessageDelivered",
    ]
    assert receipt.named("MessageSent")[0][1] == interoperable(lane.destination, recipient.address)


def test_a_recipient_pays_for_what_it_sends(
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    calls_gateway: Callable[..., None],
) -> None:
    """The relayer, who calls, does not: without credit of the recipient's own its message fails."""
    fill(gas_limit=1_000_000)
    calls_gateway("sendMessage", interoperable(lane.origin, NOBODY), b"answer", [])
    assert [event.name for event in deliver().events] == ["MessageFailed"]
    assert gateway.view("outboxLane", lane.origin)[0] == 0


def test_a_recipient_sees_the_lane_moved(
    gateway: Contract,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    recipient: Contract,
    calls_gateway: Callable[..., None],
    arcade: Stack,
) -> None:
    """M20: the whole state moves before the first recipient is called."""
    fill(3, gas_limit=1_000_000)
    calls_gateway("inboxLane", lane.origin)
    receipt = deliver()
    trace = arcade.chain.rpc("debug_traceTransaction", [receipt.hash, {"tracer": "callTracer"}])
    moved = CODEC.encode(["uint64", "bytes32"], (3, lane.heads[3]))
    assert outputs(trace).count(moved) == 3
