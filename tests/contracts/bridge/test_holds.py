"""What stops value from a chain at once, and what stops one message for ever."""

from __future__ import annotations

import pytest

from metalayer.protocol.transfers import ClaimPayload, Description, Kind, Options
from tests.kit.evm import error
from tests.kit.hops import AMOUNT
from tests.kit.paper import DAY
from tests.kit.world import PREPAID, World

HOUR = 3_600
LONGEST = 21 * DAY
STRUCK = 2**256 - 1


def test_the_guardian_holds(world: World, guardian: str) -> None:
    bridge, chain_id = world.bridge("hub"), world.id_of("arcade")
    assert bridge.view("heldUntil", chain_id) == (0, 0)
    at = world.now("hub") + 10
    receipt = bridge.send("hold", chain_id, 2 * DAY, sender=guardian, at=at)
    assert receipt.named("Held") == [(chain_id, at + 2 * DAY)]
    assert bridge.view("heldUntil", chain_id) == (at + 2 * DAY, at + 4 * DAY)


@pytest.mark.parametrize("caller", ["attacker", "owner", "depositor", "relayer"])
def test_nobody_else_holds(world: World, request: pytest.FixtureRequest, caller: str) -> None:
    account = request.getfixturevalue(caller)
    refusal = world.bridge("hub").revert("hold", world.id_of("arcade"), DAY, sender=account)
    assert refusal == error("NotBridgeGuardian", account)


@pytest.mark.parametrize("duration", [0, LONGEST + 1, 2**255])
def test_refuses_holds_beyond_their_bounds(world: World, guardian: str, duration: int) -> None:
    refusal = world.bridge("hub").revert("hold", world.id_of("arcade"), duration, sender=guardian)
    assert refusal == error("InvalidHold", duration, LONGEST)


def test_a_hold_lasts_no_longer_than_three_weeks_from_its_beginning(world: World, guardian: str) -> None:
    """Nor is it made shorter by another: that is for `unhold`."""
    bridge, chain_id = world.bridge("hub"), world.id_of("arcade")
    begun = world.now("hub") + 10
    world.hold("hub", "arcade", 20 * DAY, at=begun)
    refusal = bridge.revert("hold", chain_id, 20 * DAY + 1, sender=guardian, at=begun + DAY)
    assert refusal == error("InvalidHold", 20 * DAY + 1, 20 * DAY)
    world.hold("hub", "arcade", 1, at=begun + DAY)
    assert bridge.view("heldUntil", chain_id)[0] == begun + 20 * DAY
    world.hold("hub", "arcade", 20 * DAY - 1, at=begun + DAY + 1)
    assert bridge.view("heldUntil", chain_id) == (begun + LONGEST, begun + 2 * LONGEST)


@pytest.mark.parametrize(("duration", "rest"), [(2 * DAY, 2 * DAY), (10, HOUR), (LONGEST, LONGEST)])
def test_no_hold_follows_another_at_once(world: World, guardian: str, duration: int, rest: int) -> None:
    """M18: not before as long as it was, and an hour at least, has passed; then it may, to the second."""
    bridge, chain_id = world.bridge("hub"), world.id_of("arcade")
    begun = world.now("hub") + 10
    world.hold("hub", "arcade", duration, at=begun)
    over = begun + duration
    for at in (over, over + rest - 1):
        refusal = bridge.revert("hold", chain_id, 1, sender=guardian, at=at)
        assert refusal == error("HoldCoolingDown", chain_id, over + rest)
    world.hold("hub", "arcade", LONGEST, at=over + rest)


@pytest.mark.parametrize("caller", ["guardian", "owner"])
def test_guardian_and_owner_end_a_hold(world: World, request: pytest.FixtureRequest, caller: str) -> None:
    """The next one waits for as long as it lasted."""
    bridge, chain_id = world.bridge("hub"), world.id_of("arcade")
    begun = world.now("hub") + 10
    world.hold("hub", "arcade", 10 * DAY, at=begun)
    account = request.getfixturevalue(caller)
    receipt = bridge.send("unhold", chain_id, sender=account, at=begun + DAY)
    assert receipt.named("Held") == [(chain_id, begun + DAY)]
    assert bridge.view("heldUntil", chain_id) == (begun + DAY, begun + 2 * DAY)
    world.arrive(world.send("gem", "arcade", "hub"))


@pytest.mark.parametrize("caller", ["attacker", "depositor", "relayer"])
def test_nobody_else_ends_a_hold(world: World, request: pytest.FixtureRequest, caller: str) -> None:
    world.hold("hub", "arcade", DAY)
    account = request.getfixturevalue(caller)
    refusal = world.bridge("hub").revert("unhold", world.id_of("arcade"), sender=account)
    assert refusal == error("NotBridgeGuardian", account)


def test_ends_no_hold_that_is_not_on(world: World, guardian: str) -> None:
    bridge, chain_id = world.bridge("hub"), world.id_of("arcade")
    assert bridge.revert("unhold", chain_id, sender=guardian) == error("NotHeld", chain_id)
    begun = world.now("hub") + 10
    world.hold("hub", "arcade", 5, at=begun)
    refusal = bridge.revert("unhold", chain_id, sender=guardian, at=begun + 5)
    assert refusal == error("NotHeld", chain_id)
    bridge.send("unhold", chain_id, sender=guardian, at=begun + 4)


# What a hold stops


@pytest.mark.parametrize(
    ("token", "origin", "destination", "kind"),
    [
        ("gem", "hub", "arcade", Kind.OUT),
        ("gem", "hub", "arcade", Kind.RETURN),
        ("gem", "arcade", "hub", Kind.BACK),
        ("era", "arcade", "hub", Kind.BACK),
        ("era", "hub", "arcade", Kind.OUT),
    ],
)
def test_a_hold_stops_value(world: World, token: str, origin: str, destination: str, kind: Kind) -> None:
    """P18, M18: of every kind, to the second before its end."""
    begun, chain_id = world.now(destination) + 10, world.id_of(origin)
    world.hold(destination, origin, DAY, at=begun)
    chain = "perps" if kind is Kind.RETURN else "hub"
    payload = world.payload(token, kind, chain).encoded
    refusal = error("ChainHeld", chain_id, begun + DAY)
    assert world.tell(destination, chain_id, payload, at=begun + DAY - 1) == refusal
    assert world.told(destination, chain_id, payload, at=begun + DAY).named(
        "TransferReturned" if kind is Kind.RETURN else "TransferReceived"
    )


def test_a_hold_stops_what_would_go_on(world: World) -> None:
    """P18: from the chain that it comes from, not from the one that it goes to."""
    message = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    world.hold("hub", "arcade", DAY)
    assert len(world.carry(message).named("MessageFailed")) == 1
    world.courier.retry(message, "hub", at=world.now("hub") + DAY)
    world.hold("hub", "perps", DAY)
    world.carry(world.send("gem", "arcade", "perps", options=Options(fee=PREPAID)))


def test_a_hold_stops_neither_claims_nor_descriptions(world: World, attacker: str) -> None:
    """P18: a solver that waits for the end of a hold would lose what it fronted."""
    world.hold("hub", "arcade", DAY)
    claim, description = ClaimPayload(b"\1" * 32, attacker), Description(attacker, 1, b"N", b"S")
    assert world.told("hub", world.id_of("arcade"), claim.encoded).named("ClaimReceived")
    assert world.told("hub", world.id_of("arcade"), description.encoded).named("RepresentationCreated")


def test_a_hold_stops_neither_what_leaves_nor_what_comes_back(world: World, depositor: str) -> None:
    """P18."""
    world.hold("hub", "arcade", LONGEST)
    before = world.balance("gem", "hub", depositor)
    message = world.send("gem", "hub", "arcade")
    world.courier.bring_back(message)
    assert world.balance("gem", "hub", depositor) == before


def test_what_is_held_too_long_goes_home(world: World, depositor: str) -> None:
    """P14: a hold can last longer than a transfer."""
    before = world.balance("gem", "arcade", depositor)
    world.hold("hub", "arcade", LONGEST)
    message = world.send("gem", "arcade", "hub")
    assert len(world.carry(message).named("MessageFailed")) == 1
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("gem", "arcade", depositor) == before


# Strikes


@pytest.mark.parametrize("caller", ["attacker", "guardian", "depositor"])
def test_only_the_owner_strikes(world: World, request: pytest.FixtureRequest, caller: str) -> None:
    account = request.getfixturevalue(caller)
    call = ("strike", world.id_of("arcade"), b"\1" * 32)
    assert world.bridge("hub").revert(*call, sender=account) == error("NotBridgeOwner", account)


@pytest.mark.parametrize("when", ["before", "failed", "waiting"])
def test_a_struck_message_that_was_sent_comes_home(
    world: World, owner: str, depositor: str, when: str
) -> None:
    """P17: it is never executed, and returns when it has expired."""
    hub, before = world.bridge("hub"), world.balance("gem", "arcade", depositor)
    if when == "waiting":
        world.limit("gem", "hub", "arcade", 0, 0, 1)
    message = world.send("gem", "arcade", "hub")
    if when == "failed":
        world.hold("hub", "arcade", HOUR)
    if when != "before":
        world.carry(message)
    receipt = hub.send("strike", message.origin, message.id, sender=owner)
    assert receipt.named("Struck") == [(message.origin, message.id)]
    assert hub.view("waitingSince", message.id) == STRUCK
    if when == "before":
        assert len(world.carry(message).named("MessageFailed")) == 1
    if when == "waiting":
        hub.send("removeLimits", world.address("gem"), message.origin, sender=owner)
    gateway = world.stacks["hub"].gateway
    arguments = (message.origin, message.nonce, message.fields)
    at = world.now("hub") + 2 * DAY
    assert gateway.revert("retry", *arguments, sender=owner, at=at) == error("RetryFailed", message.id)
    assert world.tell("hub", message.origin, message.payload, id_=message.id, at=at) == error(
        "MessageStruck", message.id
    )
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("gem", "arcade", depositor) == before


def test_a_struck_message_that_exceeds_its_limit_does_not_pass(world: World, owner: str) -> None:
    """P17: however long it waits."""
    world.limit("gem", "hub", "arcade", 0, 0, 1)
    message = world.send("gem", "arcade", "hub")
    world.bridge("hub").send("strike", message.origin, message.id, sender=owner)
    receipt = world.carry(message)
    assert len(receipt.named("MessageFailed")) == 1
    assert receipt.named("TransferWaiting") == []
    at = world.now("hub") + 2 * DAY
    world.told("hub", message.origin, message.payload, id_=message.id, at=at)
    assert world.bridge("hub").view("waitingSince", message.id) == STRUCK
    assert world.outstanding("gem", "arcade") >= AMOUNT


def test_a_struck_lie_pays_nobody(world: World, owner: str, attacker: str) -> None:
    """P17, M3: what nobody sent has nowhere to go back to."""
    world.hold("hub", "arcade", HOUR)
    held = world.outstanding("gem", "arcade")
    receipt = world.forge("arcade", "hub", world.payload("gem", Kind.BACK, "hub", to=attacker).encoded)
    ((id_, *_),) = receipt.named("MessageFailed")
    message = world.courier.lane("arcade", "hub").messages[-1]
    world.bridge("hub").send("strike", message.origin, id_, sender=owner)
    arguments = (message.origin, message.nonce, message.fields)
    at = world.now("hub") + 2 * HOUR
    refusal = world.stacks["hub"].gateway.revert("retry", *arguments, sender=attacker, at=at)
    assert refusal == error("RetryFailed", id_)
    assert (world.balance("gem", "hub", attacker), world.outstanding("gem", "arcade")) == (0, held)


def test_a_strike_touches_no_other_message(world: World, owner: str, beneficiary: str) -> None:
    first, second = (world.send("gem", "arcade", "hub") for _ in range(2))
    world.bridge("hub").send("strike", first.origin, first.id, sender=owner)
    assert len(world.carry(second).named("TransferReceived")) == 1
    assert world.balance("gem", "hub", beneficiary) == AMOUNT


def test_a_strike_of_what_arrived_changes_nothing(world: World, owner: str, beneficiary: str) -> None:
    """P17: it does not come home, too."""
    message = world.send("gem", "arcade", "hub")
    world.carry(message)
    world.bridge("hub").send("strike", message.origin, message.id, sender=owner)
    arguments = (message.origin, message.nonce, message.fields)
    gateway = world.stacks["hub"].gateway
    refusal = gateway.revert("returnToSender", *arguments, sender=owner, at=message.deliver_before + 1)
    assert refusal == error("MessageNotReturnable", message.id, 0, 0)
    assert world.balance("gem", "hub", beneficiary) == AMOUNT
