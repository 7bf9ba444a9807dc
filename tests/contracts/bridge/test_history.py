"""What of ERA was outstanding at every full hour, and that nothing arrives before the second it was sent in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import Kind, Options, Payload
from tests.kit.evm import error, now
from tests.kit.hops import AMOUNT, sent_at
from tests.kit.stack import Stack
from tests.kit.world import PREPAID, World

HOUR = 3_600


@pytest.fixture
def start(world: World) -> int:
    """A full hour to come."""
    return (world.now("hub") // HOUR + 2) * HOUR


@pytest.fixture
def lock(world: World) -> Callable[..., None]:
    """Sends ERA of the depositor to a spoke in a given second."""

    def lock(name: str, amount: int, at: int) -> None:
        world.send("era", "hub", name, amount=amount, at=at)

    return lock


@pytest.fixture
def held(world: World) -> dict[str, int]:
    """What is outstanding before."""
    return {name: world.outstanding("era", name) for name in ("arcade", "perps")}


def past(world: World, name: str, hours: range, at: int) -> list[int]:
    """What was outstanding on a chain at these hours, as it is known in the second `at`."""
    return [world.bridge("hub").view("pastOutstanding", world.id_of(name), hour, at=at) for hour in hours]


def plus(before: int, changes: list[int]) -> list[int]:
    return [before + change for change in changes]


# The history


def test_every_full_hour_is_known(
    world: World, lock: Callable[..., None], start: int, held: dict[str, int]
) -> None:
    """P19, P7b: also those in which nothing changed; one change an hour, or many."""
    for second, amount in {0: 1, HOUR: 2, HOUR + 1: 3, 2 * HOUR: 4, 5 * HOUR - 1: 5}.items():
        lock("arcade", amount, start + second)
    hours = range(start - HOUR, start + 7 * HOUR, HOUR)
    found = past(world, "arcade", hours, start + 7 * HOUR)
    assert found == plus(held["arcade"], [0, 1, 3, 10, 10, 10, 15, 15])


def test_before_anything_there_was_nothing(arcade: Stack, hub: Stack) -> None:
    """P19: of a chain that ERA never went to."""
    hour = now(hub.chain) // HOUR * HOUR - HOUR
    assert hub.bridge.view("pastOutstanding", 4_242, hour) == 0
    assert arcade.bridge.view("pastOutstanding", hub.chain.chain_id, hour) == 0


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_change_in_the_second_of_a_full_hour_belongs_to_it(
    world: World, lock: Callable[..., None], start: int, held: dict[str, int], shift: int
) -> None:
    """M18, M47, P19: as a change of votes in that second does."""
    lock("arcade", 7, start + shift)
    hours = range(start, start + 2 * HOUR, HOUR)
    found = past(world, "arcade", hours, start + 2 * HOUR)
    assert found == plus(held["arcade"], [0 if shift > 0 else 7, 7])


def test_chains_have_histories_of_their_own(
    world: World, lock: Callable[..., None], start: int, held: dict[str, int]
) -> None:
    """P19: and all together are their sum."""
    lock("arcade", 5, start)
    lock("perps", 7, start + 1)
    lock("arcade", 11, start + HOUR + 1)
    hours, at = range(start, start + 3 * HOUR, HOUR), start + 3 * HOUR
    assert past(world, "arcade", hours, at) == plus(held["arcade"], [5, 5, 16])
    assert past(world, "perps", hours, at) == plus(held["perps"], [0, 7, 7])
    bridge, both = world.bridge("hub"), sum(held.values())
    found = [bridge.view("pastTotalOutstanding", hour, at=at) for hour in hours]
    assert found == plus(both, [5, 12, 23])
    assert bridge.view("totalOutstanding") == both + 23


def test_what_comes_back_is_taken_out(world: World, start: int, held: dict[str, int]) -> None:
    """P19: released, forwarded, and burned for a second hop: out of one account, into another, in the same second."""
    world.send("era", "arcade", "hub", amount=3, at=start - 12)
    world.send("era", "arcade", "perps", amount=AMOUNT, options=Options(fee=PREPAID), at=start - 10)
    world.courier.carry("arcade", "hub", at=start)
    hours, at = range(start - HOUR, start + HOUR, HOUR), start + HOUR
    left = -3 - AMOUNT - PREPAID * GWEI
    assert past(world, "arcade", hours, at) == plus(held["arcade"], [0, left])
    assert past(world, "perps", hours, at) == plus(held["perps"], [0, AMOUNT])
    total = world.bridge("hub").view("pastTotalOutstanding", start, at=at)
    assert total == sum(held.values()) + left + AMOUNT


@pytest.mark.parametrize("seed", range(3))
def test_the_history_is_the_models(
    world: World, lock: Callable[..., None], start: int, held: dict[str, int], seed: int
) -> None:
    """P19: any amounts at any times, often about a full hour."""
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
        assert past(world, name, hours, end) == plus(held[name], model)


@pytest.mark.parametrize("shift", [1, -1, HOUR // 2])
@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_refuses_what_is_no_full_hour(world: World, owner: str, name: str, shift: int) -> None:
    hour = world.now(name) // HOUR * HOUR - HOUR + shift
    for call in (("pastOutstanding", 902, hour), ("pastTotalOutstanding", hour)):
        assert world.bridge(name).revert(*call, sender=owner) == error("InvalidHour", hour)


def test_refuses_an_hour_that_is_not_over(world: World, owner: str, start: int) -> None:
    """M18, M23: in its very second it may still change."""
    for call in (("pastOutstanding", world.id_of("arcade"), start), ("pastTotalOutstanding", start)):
        for at in (start - 1, start):
            assert world.bridge("hub").revert(*call, sender=owner, at=at) == error("InvalidHour", start)
        assert world.bridge("hub").view(*call, at=start + 1) > 0


def test_spokes_have_no_history_of_era(world: World, start: int) -> None:
    world.send("coin", "arcade", "perps")
    bridge = world.bridge("arcade")
    for call in (
        ("pastOutstanding", world.id_of("perps"), start),
        ("pastTotalOutstanding", start),
        ("totalOutstanding",),
    ):
        assert bridge.view(*call, at=start + 1) == 0


def test_other_tokens_have_no_history(world: World, start: int, held: dict[str, int]) -> None:
    """P19, P20: nor do they change ERA's."""
    world.send("gem", "hub", "arcade", at=start)
    assert past(world, "arcade", range(start, start + HOUR, HOUR), start + 1) == [held["arcade"]]


# The clock


def test_each_hop_carries_its_own_second(world: World) -> None:
    """M47: of the block that sent it, on its origin; the start's goes along, too."""
    first, second = world.second_hop("era", "arcade", "perps", at=world.now("arcade") + 50)
    assert sent_at(first) == world.now("arcade")
    assert sent_at(second) == world.now("hub") != sent_at(first)
    assert Payload.read(second.payload).sent_at == sent_at(first)


@pytest.mark.parametrize("early", [1, 120, 2**38])
@pytest.mark.parametrize(
    ("token", "name", "kind", "members"),
    [
        ("era", "hub", Kind.BACK, {}),
        ("era", "arcade", Kind.OUT, {}),
        ("era", "arcade", Kind.RETURN, {}),
        ("gem", "hub", Kind.BACK, {"fee": PREPAID}),
    ],
)
def test_refuses_era_that_was_sent_later(
    world: World, token: str, name: str, kind: Kind, members: dict[str, int], early: int
) -> None:
    """M47: on the hub and on spokes, by a second or for ever; ERA that is prepaid with another token, too. In the
    second itself it is taken.
    """
    at = world.now(name) + 1_000
    origin = world.id_of("arcade" if name == "hub" else "hub")
    chain = "perps" if kind is Kind.RETURN or members else "hub"
    payload = world.payload(token, kind, chain, hop_at=at + early, **members)
    assert world.tell(name, origin, payload.encoded, at=at) == error("ClockBehind", at + early)
    on_time = world.payload(token, kind, chain, hop_at=at, **members)
    assert world.told(name, origin, on_time.encoded, at=at).events


def test_other_tokens_need_no_clock(world: World) -> None:
    """They have no votes."""
    at = world.now("hub") + 1_000
    payload = world.payload("gem", Kind.BACK, "hub", hop_at=at + 120)
    assert world.told("hub", world.id_of("arcade"), payload.encoded, at=at).named("TransferReceived")


# Chain ids


@pytest.mark.parametrize("token", ["gem", "era"])
def test_the_longest_chain_id_fits(world: World, owner: str, depositor: str, token: str) -> None:
    destination = 2**64 - 1
    hub = world.stacks["hub"]
    hub.gateway.send("setTerms", destination, hub.gateway.view("route", 902)[2], sender=owner)
    hub.gateway.send("setOpen", destination, True, True, sender=owner)
    local = world.address(token)
    hub.bridge.send("send", local, destination, depositor, 1, sender=depositor)
    assert hub.bridge.view("outstanding", local, destination) == 1
    hour = world.now("hub") // HOUR * HOUR
    assert hub.bridge.view("pastOutstanding", destination, hour, at=hour + HOUR) == 0
