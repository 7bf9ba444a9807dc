"""Arcade's gateway, which is shown lanes that exist on paper; a relayer and a recipient there."""

from __future__ import annotations

import pytest

from metalayer.protocol.facts import Tree
from tests.kit.evm import now
from tests.kit.inbox import FEE
from tests.kit.paper import DAY, PaperLane, PaperRelayer
from tests.kit.scripted import Behaviour
from tests.kit.terms import OPEN_ROUTE


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
def behave(recipient, sender):
    def behave(behaviour):
        recipient.send("setBehaviour", behaviour, sender=sender)

    return behave


@pytest.fixture
def failing(fill, deliver, behave):
    """A message that its recipient refused, and would accept now."""
    (message,) = fill()
    behave(Behaviour.REVERT)
    deliver()
    behave(Behaviour.ACCEPT)
    return message


@pytest.fixture
def lane_back(hub, arcade):
    """The lane from arcade to the hub, on which notices and claims go."""
    return PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)


@pytest.fixture
def append(lane, sender, recipient, deadline):
    """Appends a message that pays FEE, by default to the scripted recipient and to the lane from the hub."""

    def append(on=lane, to=None, **fields):
        fields = {"deliver_before": deadline, "fee": FEE, **fields}
        return on.append(sender, to or recipient.address, **fields)

    return append


@pytest.fixture
def earned(gateway, relayer):
    """What a relayer ever earned from an origin, in gwei."""

    def earned(origin, account=relayer):
        return gateway.view("earnings", origin, account)[0]

    return earned


@pytest.fixture
def failed(lane, append, paper, behave):
    """A message that its recipient refused, and would accept now."""
    message = append()
    behave(Behaviour.REVERT)
    paper.deliver(lane)
    behave(Behaviour.ACCEPT)
    return message


@pytest.fixture
def expired(lane, append, paper):
    """A message whose time had passed when it was delivered."""
    message = append(deliver_before=1)
    paper.deliver(lane)
    return message


@pytest.fixture(params=["closed", "paused"])
def halted(request, gateway, owner, guardian):
    """Closes or pauses a direction."""

    def halted(origin):
        if request.param == "closed":
            gateway.send("setRoute", origin, (False, False, *OPEN_ROUTE[2:]), sender=owner)
        else:
            gateway.send("pauseInbound", origin, DAY, sender=guardian)

    return halted
