"""TokenBridge: what was outstanding at every full hour, and that nothing arrives before the second it was sent in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from metalayer.assets.bridge import Payload
from metalayer.protocol.message import Message, interoperable
from tests.kit.evm import Receipt, Revert, error, now
from tests.kit.hops import AMOUNT, CREDIT, Courier, sent_at
from tests.kit.stack import Stack

HOUR = 3_600


@pytest.fixture
def start(hub: Stack) -> int:
    """A full hour to come."""
    return (now(hub.chain) // HOUR + 2) * HOUR


@pytest.fixture
def lock(
    stacks: dict[str, Stack], hub: Stack, send: Callable[..., Receipt], depositor: str, beneficiary: str
) -> Callable[..., None]:
    """Sends ERA of the depositor to a spoke in a given second."""

    def lock(name: str, amount: int, at: int) -> None:
        hub.chain.rpc("evm_setNextBlockTimestamp", [hex(at)])
        send("hub", name, beneficiary, amount)

    return lock


def past(hub: Stack, other: Stack, hours: range, at: int) -> list[int]:
    """What was outstanding on a chain at these hours, as it is known in the second `at`."""
    return [hub.bridge.view("pastOutstanding", other.chain.chain_id, hour, at=at) for hour in hours]


# The history


def test_every_full_hour_is_known(hub: Stack, arcade: Stack, lock: Callable[..., None], start: int) -> None:
    """P7b: also those in which nothing changed, and before anything did; one change an hour, or many."""
    for second, amount in {0: 1, HOUR: 2, HOUR + 1: 3, 2 * HOUR: 4, 5 * HOUR - 1: 5}.items():
        lock("arcade", amount, start + second)
    hours = range(start - HOUR, start + 7 * HOUR, HOUR)
    assert past(hub, arcade, hours, start + 7 * HOUR) == [0, 1, 3, 10, 10, 10, 15, 15]


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_change_in_the_second_of_a_full_hour_belongs_to_it(
    hub: Stack, arcade: Stack, lock: Callable[..., None], start: int, shift: int
) -> None:
    """M47, P7b: as a change of votes in that second does."""
    lock("arcade", 7, start + shift)
    hours = range(start, start + 2 * HOUR, HOUR)
    assert past(hub, arcade, hours, start + 2 * HOUR) == [0 if shift > 0 else 7, 7]


def test_chains_have_histories_of_their_own(
    hub: Stack, arcade: Stack, perps: Stack, lock: Callable[..., None], start: int
) -> None:
    """P7b: and all together are their sum."""
    lock("arcade", 5, start)
    lock("perps", 7, start + 1)
    lock("arcade", 11, start + HOUR + 1)
    hours, at = range(start, start + 3 * HOUR, HOUR), start + 3 * HOUR
    assert past(hub, arcade, hours, at) == [5, 5, 16]
    assert past(hub, perps, hours, at) == [0, 7, 7]
    assert [hub.bridge.view("pastTotalOutstanding", hour, at=at) for hour in hours] == [5, 12, 23]
    assert hub.bridge.view("totalOutstanding") == 23


def test_what_comes_back_is_taken_out(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    beneficiary: str,
) -> None:
    """P7b: released, and forwarded: out of one account and into the other in the same second."""
    on_arcade()
    held = AMOUNT + CREDIT
    start = (now(hub.chain) // HOUR + 2) * HOUR
    arcade.chain.rpc("evm_setNextBlockTimestamp", [hex(start - 10)])
    send("arcade", "hub", beneficiary, 3)
    send("arcade", "perps", beneficiary, AMOUNT - 3)
    courier.carry("arcade", "hub", at=start)
    onward = hub.bridge.view("outstanding", perps.chain.chain_id)
    hours, at = range(start - HOUR, start + HOUR, HOUR), start + HOUR
    assert past(hub, arcade, hours, at) == [held, held - AMOUNT]
    assert past(hub, perps, hours, at) == [0, onward]
    assert hub.bridge.view("pastTotalOutstanding", start, at=at) == held - AMOUNT + onward


@pytest.mark.parametrize("seed", range(3))
def test_the_history_is_the_models(
    stacks: dict[str, Stack], hub: Stack, lock: Callable[..., None], start: int, seed: int
) -> None:
    """P7b: any amounts at any times, often about a full hour."""
    random, at = Random(seed), start
    changes: list[tuple[int, str, int]] = []
    for _ in range(25):
        at += random.choice([1, 2, 600, HOUR, HOUR - at % HOUR, HOUR - at % HOUR + 1, 3 * HOUR])
        changes.append((at, random.choice(["arcade", "perps"]), random.randint(1, 9)))
        lock(changes[-1][1], changes[-1][2], at)
    end = (at // HOUR + 2) * HOUR
    hours = range(start, end, HOUR)
    for name in ("arcade", "perps"):
        model = [
            sum(amount for second, to, amount in changes if to == name and second <= hour) for hour in hours
        ]
        assert past(hub, stacks[name], hours, end) == model


@pytest.mark.parametrize("shift", [1, -1, HOUR // 2])
@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_refuses_what_is_no_full_hour(stacks: dict[str, Stack], owner: str, name: str, shift: int) -> None:
    bridge = stacks[name].bridge
    hour = now(stacks[name].chain) // HOUR * HOUR - HOUR + shift
    for call in (("pastOutstanding", 902, hour), ("pastTotalOutstanding", hour)):
        assert bridge.revert(*call, sender=owner) == error("InvalidHour", hour)


def test_refuses_an_hour_that_is_not_over(hub: Stack, arcade: Stack, owner: str, start: int) -> None:
    """M23: in its very second it may still change."""
    calls = (("pastOutstanding", arcade.chain.chain_id, start), ("pastTotalOutstanding", start))
    for call in calls:
        for at in (start - 1, start):
            assert hub.bridge.revert(*call, sender=owner, at=at) == error("InvalidHour", start)
        assert hub.bridge.view(*call, at=start + 1) == 0


def test_spokes_have_no_history(
    arcade: Stack, perps: Stack, on_arcade: Callable[..., None], start: int
) -> None:
    on_arcade()
    for call in (
        ("pastOutstanding", perps.chain.chain_id, start),
        ("pastTotalOutstanding", start),
        ("totalOutstanding",),
    ):
        assert arcade.bridge.view(*call, at=start + 1) == 0


# The clock


def test_each_hop_carries_its_own_second(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    only_open: Callable[..., Message],
    beneficiary: str,
) -> None:
    """M47: of the block that sent it, on its origin."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    for origin, destination in (("arcade", "hub"), ("hub", "perps")):
        message = only_open()
        assert sent_at(message) == now(stacks[origin].chain)
        at = max(now(stacks[name].chain) for name in stacks) + 100
        courier.carry(origin, destination, at=at)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("early", [1, 120, 2**47])
def test_refuses_what_was_sent_later(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    gateway_call: Callable[..., Revert],
    attacker: str,
    name: str,
    early: int,
) -> None:
    """M47: on the hub and on spokes, by a second or for ever."""
    on_arcade()
    at = now(stacks[name].chain) + 1_000
    origin = stacks["arcade" if name == "hub" else "hub"].chain.chain_id
    sender = interoperable(origin, stacks[name].bridge.address)
    arguments = (name, sender, stacks[name].chain.chain_id, attacker, 1)
    assert gateway_call(*arguments, sent_at=at + early, at=at) == error("ClockBehind", at + early)


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_takes_what_was_sent_in_the_same_second(
    stacks: dict[str, Stack], on_arcade: Callable[..., None], attacker: str, name: str
) -> None:
    on_arcade()
    stack, at = stacks[name], now(stacks[name].chain) + 1_000
    origin = stacks["arcade" if name == "hub" else "hub"].chain.chain_id
    sender = interoperable(origin, stack.bridge.address)
    payload = Payload(stack.chain.chain_id, at, attacker, attacker, 1).encoded
    gateway = stack.gateway.address
    stack.chain.rpc("anvil_impersonateAccount", [gateway])
    stack.chain.rpc("anvil_setBalance", [gateway, hex(10**20)])
    stack.bridge.send("receiveMessage", bytes(32), sender, payload, sender=gateway, at=at)
    assert stack.era.view("balanceOf", attacker) == 1


# Chain ids


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("destination", [2**208, 2**208 + 902, 2**256 - 1])
def test_refuses_chain_ids_that_do_not_fit(
    stacks: dict[str, Stack],
    on_arcade: Callable[..., None],
    depositor: str,
    owner: str,
    origin: str,
    destination: int,
) -> None:
    """One word holds a chain id and a second: a longer one would be read as another chain. Also with a route."""
    on_arcade()
    stack = stacks[origin]
    terms = stack.gateway.view("route", stacks["perps"].chain.chain_id)[2]
    stack.gateway.send("setTerms", destination, terms, sender=owner)
    stack.gateway.send("setOpen", destination, True, True, sender=owner)
    refusal = stack.bridge.revert("send", destination, depositor, 1, sender=depositor)
    assert refusal == error("InvalidDestination", destination)


def test_the_longest_chain_id_fits(
    hub: Stack, send: Callable[..., Receipt], owner: str, depositor: str
) -> None:
    destination, near = 2**208 - 1, 902
    hub.gateway.send("setTerms", destination, hub.gateway.view("route", near)[2], sender=owner)
    hub.gateway.send("setOpen", destination, True, True, sender=owner)
    hub.bridge.send("send", destination, depositor, 1, sender=depositor)
    assert hub.bridge.view("outstanding", destination) == 1
    assert hub.bridge.view("pastOutstanding", destination, now(hub.chain) // HOUR * HOUR) == 0
