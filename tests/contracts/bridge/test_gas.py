"""The gas limits of hops: the worst case of each kind fits its limit, with a margin."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.protocol.message import Message
from metalayer.protocol.transfers import (
    CLAIM_GAS,
    DESCRIBE_GAS,
    FORWARD_GAS,
    FORWARD_RETURN_GAS,
    RECEIVE_GAS,
    RETURN_GAS,
    ClaimPayload,
    Description,
    Kind,
    Options,
)
from tests.kit.evm import Contract, call
from tests.kit.hops import AMOUNT
from tests.kit.roles import ATTACKER, OWNER, PAUPER
from tests.kit.stack import Stack
from tests.kit.world import PREPAID, World, impersonate

NOTE_RETURN_GAS = 60_000
MARGIN = 25
"""Of each limit, one part in so many is left at least."""
SOLVER = ATTACKER.address
FRESH = "0x00000000000000000000000000000000000f4e54"
"""Never had anything."""
DELEGATES = (PAUPER.address, "0x000000000000000000000000000000000de1e9a7")
NAME, SYMBOL = bytes.fromhex("06fdde03"), bytes.fromhex("95d89b41")
HOUR = 3_600


def needed(stack: Stack, to: Contract, data: bytes, at: int) -> int:
    """Least gas with which the gateway's call succeeds, to 500: less is no help if an inner call is starved."""
    low, high = 21_000, 2_000_000

    def succeeds(gas: int) -> bool:
        extra = 21_000 + sum(16 if byte else 4 for byte in data)
        result = call(stack.chain, to.address, data, sender=stack.gateway.address, gas=gas + extra, at=at)
        return isinstance(result, bytes)

    assert succeeds(high)
    while high - low > 500:
        middle = (low + high) // 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return high


def arrival(world: World, name: str, origin: str, payload: bytes, at: int) -> int:
    stack = world.stacks[name]
    data = stack.bridge.encode(*world.brought(name, world.id_of(origin), payload, b"\7" * 32))
    return needed(stack, stack.bridge, data, at)


def returned(world: World, name: str, message: Message, unspent: int, at: int) -> int:
    stack = world.stacks[name]
    call_ = ("onMessageReturned", message.id, message.destination, message.fields, unspent)
    return needed(stack, stack.bridge, stack.bridge.encode(*call_), at)


def delegate(world: World, name: str, account: str, to: str) -> None:
    """Its first votes are its delegate's first, too."""
    stack = world.stacks[name]
    impersonate(stack, account)
    stack.era.send("delegate", to, sender=account)


def limit_everything(world: World) -> None:
    """All limits are on, and used both ways: nothing of a bucket is zero."""
    for name, others in (("hub", ("arcade", "perps")), ("arcade", ("hub",)), ("perps", ("hub",))):
        for other in others:
            for token in ("era", "gem"):
                world.limit(token, name, other, 2**100, 2**100, 365 * 86_400)


@pytest.fixture
def later(world: World) -> int:
    """An hour in which ERA's accounts have not changed yet."""
    limit_everything(world)
    # A strike makes arrivals from there read one word more.
    for name in ("arcade", "hub"):
        other = world.id_of("arcade" if name == "hub" else "hub")
        world.bridge(name).send("strike", other, b"\1" * 32, sender=OWNER.address)
    return max(world.now(name) for name in world.stacks) + 3 * HOUR


def check(found: int, limit: int, margin: int = MARGIN) -> None:
    assert found * margin <= limit * (margin - 1), f"{found} of {limit}"


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("fronted", [True, False])
def test_an_arrival_of_era(world: World, later: int, name: str, fronted: bool) -> None:
    """M12, M19: on the hub with a new entry of history; to a first holder with a delegate, with a limit, and a tip that
    nobody took, or somebody did.
    """
    delegate(world, name, FRESH, DELEGATES[1])
    kind, origin = (Kind.BACK, "arcade") if name == "hub" else (Kind.OUT, "hub")
    payload = world.payload("era", kind, "hub", to=FRESH, tip=1, ramp=1, sent_at=1, deadline=2**40 - 1)
    if fronted:
        terms = payload.front(b"\7" * 32, world.id_of(origin), world.id_of("hub"))
        local, bridge = world.local("era", name), world.bridge(name)
        local.send("transfer", SOLVER, AMOUNT, sender=world.depositor)
        local.send("approve", bridge.address, AMOUNT, sender=SOLVER)
        delegate(world, name, SOLVER, DELEGATES[0])
        bridge.send("front", terms.fields, SOLVER, sender=SOLVER)
    check(arrival(world, name, origin, payload.encoded, later), RECEIVE_GAS)


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_an_arrival_of_another_token(world: World, later: int, name: str) -> None:
    kind, origin = (Kind.BACK, "arcade") if name == "hub" else (Kind.OUT, "hub")
    payload = world.payload("gem", kind, "hub", to=FRESH, tip=1, ramp=1, sent_at=1, deadline=2**40 - 1)
    check(arrival(world, name, origin, payload.encoded, later), RECEIVE_GAS)


def test_the_last_era_of_the_hub(world: World, later: int) -> None:
    """Whose release takes credit out of the gateway, too."""
    world.arrive(world.send("gem", "arcade", "perps", world.depositor, options=Options(fee=PREPAID)))
    delegate(world, "hub", FRESH, DELEGATES[1])
    amount = world.outstanding("era", "arcade")
    era, bridge = world.stacks["hub"].era, world.bridge("hub").address
    # All that is locked but a wei is credit.
    _move_to_credit(world, era.view("balanceOf", bridge) - 1)
    payload = world.payload("era", Kind.BACK, "hub", to=FRESH, amount=amount, tip=1, deadline=2**40 - 1)
    check(arrival(world, "hub", "arcade", payload.encoded, later), RECEIVE_GAS)


def _move_to_credit(world: World, amount: int) -> None:
    hub = world.stacks["hub"]
    impersonate(hub, hub.bridge.address)
    hub.era.send("approve", hub.gateway.address, amount, sender=hub.bridge.address)
    hub.gateway.send("depositFor", hub.bridge.address, amount, sender=hub.bridge.address)


def test_a_way_back_that_arrives(world: World, later: int) -> None:
    delegate(world, "arcade", FRESH, DELEGATES[1])
    payload = world.payload("era", Kind.RETURN, "perps", from_=FRESH, tip=1, deadline=2**40 - 1)
    check(arrival(world, "arcade", "hub", payload.encoded, later), RECEIVE_GAS)


@pytest.mark.parametrize("kind", ["era", "prepaid gem", "first token"])
def test_what_is_sent_on(world: World, later: int, developer: str, kind: str) -> None:
    """With the first deposit of the bridge, new entries of both histories, limits, and a description of the longest."""
    members: dict[str, Any] = {"to": FRESH, "fee": 9 * PREPAID, "tip": 1, "deadline": later + 86_400}
    token = {"era": "era", "first token": "wordy"}.get(kind, "gem")
    if kind == "first token":
        wordy = _wordy(world, developer)
        world.carry(world.send("wordy", "hub", "arcade", world.depositor))
        world.limit("wordy", "hub", "arcade", 2**100, 2**100, 1)
        world.limit("wordy", "hub", "perps", 2**100, 2**100, 1)
        assert not world.bridge("hub").view("isDescribed", wordy.address, world.id_of("perps"))
    payload = world.payload(token, Kind.BACK, "perps", **members)
    check(arrival(world, "hub", "arcade", payload.encoded, later), FORWARD_GAS)


def _wordy(world: World, developer: str) -> Contract:
    """A token with the longest name and symbol."""
    wordy = world.issue("wordy", "hub", "ScriptedToken", world.depositor)
    for selector, length in ((NAME, 64), (SYMBOL, 32)):
        wordy.send("setAnswer", selector, encode(["string"], ["W" * length]), sender=developer)
    return wordy


def test_a_description(world: World, later: int) -> None:
    """P21: with the longest name and symbol."""
    payload = Description(FRESH, 255, b"N" * 64, b"S" * 32).encoded
    check(arrival(world, "arcade", "hub", payload, later), DESCRIBE_GAS)


def test_a_claim(world: World, later: int) -> None:
    check(arrival(world, "arcade", "hub", ClaimPayload(b"\1" * 32, FRESH).encoded, later), CLAIM_GAS)


# What comes back


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize(
    ("origin", "destination"), [("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")]
)
def test_a_first_hop_of_era_that_comes_back(
    world: World, later: int, origin: str, destination: str, claimed: bool
) -> None:
    """M12, M19: with what is unspent and what was prepaid to one that never had any, and the amount to another one."""
    fee = PREPAID if destination == "perps" else 0
    options = Options(return_to=FRESH, tip=1, fee=fee)
    message = world.send("era", origin, destination, options=options)
    delegate(world, origin, FRESH, DELEGATES[1])
    if claimed:
        delegate(world, origin, SOLVER, DELEGATES[0])
        terms = world.front_of(message)
        claim = ClaimPayload(terms.key, SOLVER).encoded
        world.told(origin, world.id_of(destination), claim, id_=b"\3" * 32)
        stack = world.stacks[origin]
        held = stack.era.view("balanceOf", SOLVER)
        if held:
            stack.era.send("transfer", world.depositor, held, sender=SOLVER)
    _move_unspent(world, origin)
    # Where it does not suffice one day, anyone may call back with more.
    check(returned(world, origin, message, 10**15, later), RETURN_GAS, margin=60)


def _move_unspent(world: World, name: str) -> None:
    """The gateway has put it into the bridge's credit."""
    stack = world.stacks[name]
    stack.era.send("approve", stack.gateway.address, 10**15, sender=world.depositor)
    stack.gateway.send("depositFor", stack.bridge.address, 10**15, sender=world.depositor)


@pytest.mark.parametrize("token", ["era", "gem"])
def test_a_second_hop_that_comes_back(world: World, later: int, token: str) -> None:
    """It goes on to where it started: with entries of both histories, and a deposit of the bridge."""
    options = Options(fee=9 * PREPAID)
    _, second = world.second_hop(token, "arcade", "perps", options=options)
    hub = world.stacks["hub"]
    credit = hub.gateway.view("credit", hub.bridge.address)
    hub.bridge.send("recall", hub.gateway.address, credit, sender=OWNER.address)
    _move_unspent(world, "hub")
    check(returned(world, "hub", second, 10**15, later), FORWARD_RETURN_GAS)


@pytest.mark.parametrize("kind", ["description", "claim"])
def test_a_note_that_comes_back(world: World, later: int, kind: str) -> None:
    payload = (
        Description(world.address("gem"), 255, b"N" * 64, b"S" * 32).encoded
        if kind == "description"
        else ClaimPayload(b"\1" * 32, FRESH).encoded
    )
    message = world.courier.lane("hub", "arcade").append(
        world.bridge("hub").address, world.bridge("hub").address, deliver_before=later, payload=payload
    )
    check(returned(world, "hub", message, 0, later), NOTE_RETURN_GAS)
