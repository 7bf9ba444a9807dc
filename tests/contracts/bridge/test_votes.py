"""Whatever the bridge does with ERA, no chain has more votes than the hub knows it has ERA, and the bridge has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from metalayer.protocol.transfers import Options
from tests.kit.evm import views
from tests.kit.hops import AMOUNT, CREDIT
from tests.kit.roles import BENEFICIARY, DEPOSITOR, OWNER, PAUPER, RIVAL
from tests.kit.world import ENDLESS, PREPAID, World

SOLVER, RETURNEE = RIVAL.address, PAUPER.address
VOTERS = (DEPOSITOR.address, BENEFICIARY.address, SOLVER, RETURNEE)
FROM_BALANCE = Options(from_balance=True)
TIP = Options(tip=10**7, return_to=RETURNEE)
Steps = Iterator[object]


@pytest.fixture(scope="module")
def voting_world(founded_world: World) -> World:
    """Everybody votes with its own ERA, everywhere."""
    for stack in founded_world.stacks.values():
        for voter in VOTERS:
            stack.era.send("delegate", voter, sender=voter)
        stack.era.send("approve", stack.bridge.address, ENDLESS, sender=DEPOSITOR.address)
        stack.era.send("approve", stack.bridge.address, ENDLESS, sender=SOLVER)
    return founded_world


@pytest.fixture
def world(voting_world: World) -> World:
    return voting_world.fork()


def check(world: World) -> None:
    """P7b on spokes, P7a over all chains: what is locked, under way, prepaid or given to the bridge votes nowhere."""
    total = 0
    for name, stack in world.stacks.items():
        world.courier.check_balances()
        *votes, bridge, gateway, supply, held_by_bridge, held_by_gateway = views(
            [
                *((stack.era, "getVotes", voter) for voter in VOTERS),
                (stack.era, "getVotes", stack.bridge.address),
                (stack.era, "getVotes", stack.gateway.address),
                (stack.era, "totalSupply"),
                (stack.era, "balanceOf", stack.bridge.address),
                (stack.era, "balanceOf", stack.gateway.address),
            ]
        )
        assert (bridge, gateway) == (0, 0), f"P7a: {name}"
        assert sum(votes) <= supply - held_by_bridge - held_by_gateway, f"P7a: {name}"
        if name != "hub":
            assert sum(votes) <= world.outstanding("era", name), f"P7b: {name}"
        total += sum(votes)
    assert total <= world.stacks["hub"].era.view("totalSupply"), "P7a"


# One way for each thing that changes ERA's accounts or supply. Each yields after every step.


def prepay_and_arrive(world: World) -> Steps:
    for token in ("era", "gem"):
        first = world.send(token, "arcade", "perps", options=Options(fee=PREPAID))
        yield first
        yield world.arrive(first)


def prepay_and_come_back(world: World) -> Steps:
    """From where it never came to its second hop."""
    for token in ("era", "gem"):
        before = world.balance("era", "arcade", RETURNEE)
        first = world.send(token, "arcade", "perps", options=Options(fee=PREPAID, return_to=RETURNEE))
        yield first
        yield world.courier.bring_back(first)
        assert world.balance("era", "arcade", RETURNEE) > before, "what was prepaid"


def come_back_over_the_hub(world: World) -> Steps:
    for token in ("era", "gem"):
        options = Options(fee=2 * PREPAID, return_to=RETURNEE)
        _, second = world.second_hop(token, "arcade", "perps", options=options)
        yield second
        yield world.courier.bring_back(second)
        yield world.carry(world.only_open())
        assert world.balance(token, "arcade", RETURNEE) == AMOUNT


def come_back_to_the_hub(world: World) -> Steps:
    first = world.send("era", "hub", "arcade", options=Options(return_to=RETURNEE))
    yield first
    yield world.courier.bring_back(first)


def pay_from_the_balance(world: World) -> Steps:
    """Elsewhere than on the hub it is burned, and minted to the bridge."""
    for origin, destination in (("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")):
        options = world.prepaid("era", origin, destination) or FROM_BALANCE
        first = world.send("era", origin, destination, options=replace(options, from_balance=True))
        yield first
        yield world.arrive(first)


def pay_for_others(world: World) -> Steps:
    """Of any token; on the hub, and where else a token is at home."""
    for name in ("hub", "arcade"):
        world.pay(name, b"\5" * 32, CREDIT // 10**9)
        yield name
    first = world.send("coin", "perps", "hub")
    world.pay("arcade", first.id)
    yield world.arrive(first)


def describe_from_the_balance(world: World) -> Steps:
    bridge = world.bridge("arcade")
    call = ("describe", world.address("coin"), world.id_of("hub"), True)
    yield world.courier.note("arcade", bridge.send(*call, sender=DEPOSITOR.address))
    yield world.courier.carry("arcade", "hub")


def cover(world: World) -> Steps:
    """Who gives has fewer votes, and nobody more."""
    votes = world.stacks["hub"].era.view("getVotes", DEPOSITOR.address)
    owed = world.outstanding("era", "arcade")
    world.assets["era"].beside["arcade"] -= AMOUNT
    call = ("cover", world.address("era"), world.id_of("arcade"), AMOUNT)
    yield world.bridge("hub").send(*call, sender=DEPOSITOR.address)
    assert world.outstanding("era", "arcade") == owed + AMOUNT
    assert world.stacks["hub"].era.view("getVotes", DEPOSITOR.address) == votes - AMOUNT


def front_and_arrive(world: World) -> Steps:
    for origin, destination in (("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")):
        world.arrive(world.send("era", "hub", destination, SOLVER)) if destination != "hub" else None
        fee = PREPAID if "hub" not in (origin, destination) else 0
        first = world.send("era", origin, destination, options=replace(TIP, fee=fee))
        front = world.front_of(first)
        if destination == "hub":
            world.stacks["hub"].era.send("transfer", SOLVER, AMOUNT, sender=DEPOSITOR.address)
        yield world.bridge(destination).send("front", front.fields, SOLVER, sender=SOLVER)
        yield world.arrive(first)


def front_and_come_back(world: World) -> Steps:
    """Who claimed it has it where it began."""
    world.arrive(world.send("era", "hub", "arcade", SOLVER))
    first = world.send("era", "hub", "arcade", options=TIP)
    front = world.front_of(first)
    yield world.bridge("arcade").send("front", front.fields, SOLVER, sender=SOLVER)
    claimed = world.bridge("arcade").send("claim", front.fields, True, sender=DEPOSITOR.address)
    yield world.courier.note("arcade", claimed)
    yield world.courier.carry("arcade", "hub")
    before = world.balance("era", "hub", SOLVER)
    receipt = world.courier.bring_back(first)
    yield receipt
    if receipt.named("CallbackFailed"):
        # Two payees with delegates, and a new hour of history: that may take more than every return pays for.
        ((*_, unspent, _, _),) = receipt.named("MessageReturned")
        yield world.courier.call_back(first, unspent)
    assert world.balance("era", "hub", SOLVER) == before + AMOUNT


def empty_the_bridge(world: World) -> Steps:
    """What it has as credit is ERA that it owes: the owner takes it back, and everything leaves the spokes."""
    first = world.send("era", "arcade", "perps", options=Options(fee=PREPAID))
    yield world.arrive(first)
    hub = world.stacks["hub"]
    credit = hub.gateway.view("credit", hub.bridge.address)
    assert credit
    yield hub.bridge.send("recall", hub.gateway.address, credit // 2, sender=OWNER.address)
    for name in ("arcade", "perps"):
        for account in VOTERS:
            if account != DEPOSITOR.address and (held := world.balance("era", name, account)):
                world.local("era", name).send("transfer", DEPOSITOR.address, held, sender=account)
        held = world.balance("era", name, DEPOSITOR.address)
        yield world.arrive(world.send("era", name, "hub", amount=held))


WAYS = [
    prepay_and_arrive,
    prepay_and_come_back,
    come_back_over_the_hub,
    come_back_to_the_hub,
    pay_from_the_balance,
    pay_for_others,
    describe_from_the_balance,
    cover,
    front_and_arrive,
    front_and_come_back,
    empty_the_bridge,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_chain_has_more_votes_than_era(world: World, way: Callable[[World], Steps]) -> None:
    """P4, P7a, P7b: after every step."""
    check(world)
    for _ in way(world):
        check(world)
    check(world)
