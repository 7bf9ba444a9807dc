"""Arcade's gateway, which is shown lanes that exist on paper; a relayer and a recipient there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message
from tests.kit.evm import Contract, Receipt, now
from tests.kit.inbox import FEE
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators
from tests.kit.scripted import Behaviour
from tests.kit.stack import Stack


@pytest.fixture
def gateway(arcade: Stack) -> Contract:
    return arcade.gateway


@pytest.fixture
def recipient(arcade: Stack) -> Contract:
    return arcade.recipient


@pytest.fixture
def deadline(arcade: Stack) -> int:
    return now(arcade.chain) + 14 * DAY


@pytest.fixture
def lane(hub: Stack, arcade: Stack) -> PaperLane:
    """The lane from the hub to arcade."""
    return PaperLane(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def other_lane(hub: Stack, perps: Stack, arcade: Stack) -> PaperLane:
    """The lane from perps to arcade."""
    return PaperLane(hub.chain.chain_id, perps.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def fill(lane: PaperLane, sender: str, recipient: Contract, deadline: int) -> Callable[..., list[Message]]:
    """Appends messages to the lane, by default to the scripted recipient."""

    def fill(count: int = 1, to: str | None = None, **fields: Any) -> list[Message]:
        fields = {"deliver_before": deadline, **fields}
        return [
            lane.append(sender, to or recipient.address, **{"payload": b"message %d" % i, **fields})
            for i in range(count)
        ]

    return fill


@pytest.fixture
def paper(gateway: Contract, relayer: str, validators: Validators, hub: Stack) -> PaperRelayer:
    return PaperRelayer(gateway, relayer, validators, hub.chain.chain_id)


@pytest.fixture
def attest(paper: PaperRelayer) -> Callable[..., Any]:
    """Fields of an attestation by every validator."""
    return paper.attest


@pytest.fixture
def pack(lane: PaperLane, attest: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Arguments of `deliver` for one batch of the lane; `change` replaces fields of the batch by position."""

    def pack(change: dict[int, Any] | None = None, **batch: Any) -> tuple[Any, ...]:
        tree = Tree([lane.fact(batch.get("signed"))])
        fields = list(lane.batch(tree, **batch))
        for position, value in (change or {}).items():
            fields[position] = value
        return attest(tree.root), [tuple(fields)]

    return pack


@pytest.fixture
def deliver(gateway: Contract, relayer: str, pack: Callable[..., tuple[Any, ...]]) -> Callable[..., Receipt]:
    def deliver(gas: int = 16_777_216, at: int | None = None, **batch: Any) -> Receipt:
        return gateway.send("deliver", *pack(**batch), sender=relayer, gas=gas, at=at)

    return deliver


@pytest.fixture
def behave(recipient: Contract, sender: str) -> Callable[..., None]:
    def behave(behaviour: Behaviour) -> None:
        recipient.send("setBehaviour", behaviour, sender=sender)

    return behave


@pytest.fixture
def failing(
    fill: Callable[..., list[Message]], deliver: Callable[..., Receipt], behave: Callable[..., None]
) -> Message:
    """A message that its recipient refused, and would accept now."""
    (message,) = fill()
    behave(Behaviour.REVERT)
    deliver()
    behave(Behaviour.ACCEPT)
    return message


@pytest.fixture
def lane_back(hub: Stack, arcade: Stack) -> PaperLane:
    """The lane from arcade to the hub, on which notices and claims go."""
    return PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)


@pytest.fixture
def append(lane: PaperLane, sender: str, recipient: Contract, deadline: int) -> Callable[..., Message]:
    """Appends a message that pays FEE, by default to the scripted recipient and to the lane from the hub."""

    def append(on: PaperLane = lane, to: str | None = None, **fields: Any) -> Message:
        fields = {"deliver_before": deadline, "fee": FEE, **fields}
        return on.append(sender, to or recipient.address, **fields)

    return append


@pytest.fixture
def earned(gateway: Contract, relayer: str) -> Callable[..., int]:
    """What a relayer ever earned from an origin, in gwei."""

    def earned(origin: int, account: str = relayer) -> int:
        return gateway.view("earnings", origin, account)[0]

    return earned


@pytest.fixture
def failed(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, behave: Callable[..., None]
) -> Message:
    """A message that its recipient refused, and would accept now."""
    message = append()
    behave(Behaviour.REVERT)
    paper.deliver(lane)
    behave(Behaviour.ACCEPT)
    return message


@pytest.fixture
def expired(lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer) -> Message:
    """A message whose time had passed when it was delivered."""
    message = append(deliver_before=1)
    paper.deliver(lane)
    return message


@pytest.fixture(params=["closed", "paused"])
def halted(
    request: pytest.FixtureRequest, gateway: Contract, owner: str, guardian: str
) -> Callable[..., None]:
    """Closes or pauses a direction."""

    def halted(origin: int) -> None:
        if request.param == "closed":
            gateway.send("setOpen", origin, False, False, sender=owner)
        else:
            gateway.send("pauseInbound", origin, DAY, sender=guardian)

    return halted
