"""Limits: how much moves between two chains in which time, what waits, and what has no limit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.protocol.transfers import WAITING_TIME, Kind, Options
from tests.kit.evm import error
from tests.kit.hops import FUNDS
from tests.kit.paper import DAY
from tests.kit.world import PREPAID, World

CAPACITY, WINDOW = 1_000, 500
MOST = 2**104 - 1
YEAR = 365 * DAY
ENDS = [("hub", "arcade"), ("arcade", "hub")]
"""Where limits of gems are, and for which chain: at home, and of the representation."""


@pytest.fixture
def limited(world: World) -> World:
    """Gems have limits at both ends of the way between hub and arcade: 1,000 units each way, whole again in 500 s."""
    for name, other in ENDS:
        world.limit("gem", name, other, CAPACITY, CAPACITY, WINDOW)
    return world


# Setting


@pytest.mark.parametrize(("name", "other"), ENDS)
def test_the_owner_sets_and_removes_limits(world: World, owner: str, name: str, other: str) -> None:
    """P16: a token that it did not name has none."""
    bridge, token, chain_id = world.bridge(name), world.local("gem", name).address, world.id_of(other)
    assert bridge.view("limitsOf", token, chain_id) == (False, 0, 0, 0, 0, 0)
    receipt = bridge.send("setLimits", token, chain_id, 7, 8, 9, sender=owner)
    assert receipt.named("LimitsSet") == [(token, chain_id, 7, 8, 9)]
    assert bridge.view("limitsOf", token, chain_id) == (True, 7, 8, 9, 7, 8)
    assert world.refusal("gem", name, other, amount=8) == error("LimitExceeded", token, chain_id, 8, 7)
    receipt = bridge.send("removeLimits", token, chain_id, sender=owner)
    assert receipt.named("LimitsSet") == [(token, chain_id, 0, 0, 0)]
    assert bridge.view("limitsOf", token, chain_id) == (False, 0, 0, 0, 0, 0)
    world.arrive(world.send("gem", name, other, amount=8))


@pytest.mark.parametrize("caller", ["attacker", "guardian", "depositor", "deployer"])
@pytest.mark.parametrize("method", ["setLimits", "removeLimits"])
def test_nobody_else_sets_limits(
    world: World, request: pytest.FixtureRequest, caller: str, method: str
) -> None:
    account = request.getfixturevalue(caller)
    call = (world.address("gem"), world.id_of("arcade"), *((1, 1, 1) if method == "setLimits" else ()))
    refusal = world.bridge("hub").revert(method, *call, sender=account)
    assert refusal == error("NotBridgeOwner", account)


@pytest.mark.parametrize(
    ("out", "in_", "window"),
    [(1, 1, 0), (1, 1, YEAR + 1), (MOST + 1, 1, 1), (1, MOST + 1, 1), (2**256 - 1, 1, 1)],
)
def test_refuses_limits_beyond_their_bounds(
    world: World, owner: str, out: int, in_: int, window: int
) -> None:
    call = (world.address("gem"), world.id_of("arcade"))
    refusal = world.bridge("hub").revert("setLimits", *call, out, in_, window, sender=owner)
    assert refusal == error("InvalidLimits", *call)


def test_takes_limits_at_their_bounds(world: World) -> None:
    world.limit("gem", "hub", "arcade", MOST, MOST, YEAR)
    assert world.free("gem", "hub", "arcade") == (MOST, MOST)
    world.arrive(world.send("gem", "hub", "arcade", amount=FUNDS))
    assert world.free("gem", "hub", "arcade")[0] < MOST
    world.limit("gem", "hub", "arcade", MOST, MOST, 1)
    world.arrive(world.send("gem", "hub", "arcade", amount=FUNDS))


@pytest.mark.parametrize("chain", ["own", "none", "other"])
def test_refuses_limits_for_a_chain_that_nothing_goes_to(world: World, owner: str, chain: str) -> None:
    """A representation goes home, and nowhere else; so does ERA on spokes."""
    for token in ("gem", "era"):
        local = world.local(token, "arcade").address
        chain_id = {"own": world.id_of("arcade"), "none": 0, "other": world.id_of("perps")}[chain]
        refusal = world.bridge("arcade").revert("setLimits", local, chain_id, 1, 1, 1, sender=owner)
        assert refusal == error("InvalidLimits", local, chain_id)


def test_limits_that_were_set_before_a_token_was_known_hold(world: World, owner: str) -> None:
    """P16: also of what does not exist yet."""
    novel = world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    hub_id = world.id_of("hub")
    local = world.bridge("arcade").view("representationOf", hub_id, novel.address)
    world.bridge("arcade").send("setLimits", local, hub_id, 5, 5, WINDOW, sender=owner)
    message = world.send("novel", "hub", "arcade", world.depositor, amount=6)
    assert len(world.carry(message).named("TransferWaiting")) == 1
    world.carry(world.send("novel", "hub", "arcade", world.depositor, amount=5))
    world.local("novel", "arcade")
    assert world.free("novel", "arcade", "hub")[1] == 0
    world.bridge("arcade").send("removeLimits", local, hub_id, sender=owner)
    world.arrive(world.send("novel", "hub", "arcade", amount=7))


# What starts here


@pytest.mark.parametrize(("name", "other"), ENDS)
def test_what_exceeds_the_limit_does_not_start(limited: World, name: str, other: str) -> None:
    """P16: to the unit; split or whole."""
    token, chain_id = limited.local("gem", name).address, limited.id_of(other)
    refusal = error("LimitExceeded", token, chain_id, CAPACITY + 1, CAPACITY)
    assert limited.refusal("gem", name, other, amount=CAPACITY + 1) == refusal
    at = limited.now(name) + 10
    for part in (1, 399, 600):
        limited.send("gem", name, other, amount=part, at=at)
        at += 0 if part == 600 else 1
    free = limited.free("gem", name, other, at=at)[0]
    refusal = error("LimitExceeded", token, chain_id, free + 1, free)
    assert limited.refusal("gem", name, other, amount=free + 1, at=at) == refusal


def test_a_used_capacity_grows_back_evenly(limited: World) -> None:
    """P16, M18: two units a second; in the very second in which it is enough, it goes."""
    begun = limited.now("hub") + 10
    limited.send("gem", "hub", "arcade", amount=CAPACITY, at=begun)
    for seconds in (1, 2, 249, 250, 499, 500, 501, 10_000):
        free = limited.free("gem", "hub", "arcade", at=begun + seconds)[0]
        assert free == min(CAPACITY, CAPACITY * seconds // WINDOW)
    token, chain_id = limited.address("gem"), limited.id_of("arcade")
    refusal = error("LimitExceeded", token, chain_id, 600, 598)
    assert limited.refusal("gem", "hub", "arcade", amount=600, at=begun + 299) == refusal
    limited.send("gem", "hub", "arcade", amount=600, at=begun + 300)


def test_what_moves_the_other_way_is_given_back(limited: World) -> None:
    """P16: out and in, and no more than was used."""
    limited.arrive(limited.send("gem", "hub", "arcade", limited.depositor, 600))
    out, in_ = limited.free("gem", "hub", "arcade")
    assert 400 <= out <= 420
    assert in_ == CAPACITY
    limited.arrive(limited.send("gem", "arcade", "hub", limited.depositor, 500))
    out, in_ = limited.free("gem", "hub", "arcade")
    assert out >= 900
    assert 500 <= in_ <= 520
    limited.arrive(limited.send("gem", "arcade", "hub", limited.depositor, 400))
    assert limited.free("gem", "hub", "arcade")[0] == CAPACITY


def test_a_capacity_of_nothing_closes_a_way(world: World) -> None:
    world.limit("gem", "hub", "arcade", 0, 0, 1)
    token, chain_id = world.address("gem"), world.id_of("arcade")
    assert world.refusal("gem", "hub", "arcade", amount=1) == error("LimitExceeded", token, chain_id, 1, 0)
    message = world.send("gem", "arcade", "hub", amount=1)
    assert len(world.carry(message).named("TransferWaiting")) == 1


def test_limits_are_of_one_token_and_one_chain(limited: World) -> None:
    """P20: others have none."""
    limited.arrive(limited.send("gem", "hub", "perps", amount=CAPACITY + 1))
    limited.arrive(limited.send("era", "hub", "arcade", amount=CAPACITY + 1))
    limited.arrive(limited.send("coin", "arcade", "hub", amount=CAPACITY + 1))


# What arrives


def test_what_arrives_over_the_limit_waits_a_day(world: World, beneficiary: str, relayer: str) -> None:
    """P16, M18: at home and elsewhere, from its first attempt on; in the second in which a day is over, a retry passes
    whatever the limit, and uses nothing of it.
    """
    for name, other in ENDS:
        world.limit("gem", name, other, MOST, CAPACITY, WINDOW)
        amount = 5 * CAPACITY
        message = world.send("gem", other, name, amount=amount)
        receipt = world.carry(message)
        since = world.now(name)
        token = world.local("gem", name).address
        expected = (message.id, token, world.id_of(other), amount, since)
        assert receipt.named("TransferWaiting") == [expected]
        assert receipt.named("MessageFailed") == [(message.id, message.origin, message.nonce, False)]
        assert world.bridge(name).view("waitingSince", message.id) == since
        arguments = (message.origin, message.nonce, message.fields)
        at = since + WAITING_TIME - 1
        refusal = world.stacks[name].gateway.revert("retry", *arguments, sender=relayer, at=at)
        assert refusal == error("RetryFailed", message.id)
        held = world.balance("gem", name, beneficiary)
        world.courier.retry(message, name, at=since + WAITING_TIME)
        assert world.balance("gem", name, beneficiary) == held + amount
        assert world.free("gem", name, other) == (MOST, CAPACITY)


def test_what_waits_passes_as_soon_as_there_is_room(limited: World) -> None:
    """P16: then it uses it."""
    message = limited.send("gem", "arcade", "hub", amount=CAPACITY)
    limited.limit("gem", "hub", "arcade", CAPACITY, CAPACITY - 1, WINDOW)
    assert len(limited.carry(message).named("TransferWaiting")) == 1
    limited.limit("gem", "hub", "arcade", CAPACITY, CAPACITY, WINDOW)
    at = limited.now("hub") + 600
    limited.courier.retry(message, "hub", at=at)
    assert limited.free("gem", "hub", "arcade", at=at) == (CAPACITY, 0)


def test_what_waits_and_is_not_retried_comes_home(world: World, depositor: str) -> None:
    """P14, P16: whole, whatever the limits by then."""
    world.limit("gem", "hub", "arcade", CAPACITY, 0, WINDOW)
    before = world.balance("gem", "arcade", depositor)
    message = world.send("gem", "arcade", "hub", amount=CAPACITY)
    world.carry(message)
    world.limit("gem", "arcade", "hub", 0, 0, WINDOW)
    world.courier.say_returned(message)
    assert len(world.courier.refund(message).named("TransferReturned")) == 1
    assert world.balance("gem", "arcade", depositor) == before


@pytest.mark.parametrize("which", ["origin", "destination"])
def test_what_is_sent_on_over_either_limit_waits(world: World, beneficiary: str, which: str) -> None:
    """P16: at the home, of what comes in and of what goes out again."""
    name = "arcade" if which == "origin" else "perps"
    world.limit("gem", "hub", name, CAPACITY, CAPACITY, WINDOW)
    options = Options(fee=PREPAID)
    message = world.send("gem", "arcade", "perps", amount=CAPACITY + 1, options=options)
    receipt = world.carry(message)
    since = world.now("hub")
    expected = (message.id, world.address("gem"), world.id_of(name), CAPACITY + 1, since)
    assert receipt.named("TransferWaiting") == [expected]
    world.courier.retry(message, "hub", at=since + WAITING_TIME)
    assert world.free("gem", "hub", name) == (CAPACITY, CAPACITY)
    world.carry(world.only_open())
    assert world.balance("gem", "perps", beneficiary) == CAPACITY + 1


def test_what_is_sent_on_uses_both_limits(world: World) -> None:
    """P16: and gives both back, if it goes the other way."""
    for name in ("arcade", "perps"):
        world.limit("gem", "hub", name, CAPACITY, CAPACITY, YEAR)
    options = Options(fee=PREPAID)
    world.arrive(world.send("gem", "arcade", "perps", world.depositor, 600, options))
    assert world.free("gem", "hub", "arcade") == (CAPACITY, 400)
    assert world.free("gem", "hub", "perps") == (400, CAPACITY)
    world.arrive(world.send("gem", "perps", "arcade", world.depositor, 600, options))
    assert world.free("gem", "hub", "arcade") == (400, CAPACITY)
    assert world.free("gem", "hub", "perps") == (CAPACITY, 400)


@pytest.mark.parametrize("fits", [True, False])
def test_a_limit_does_not_hide_an_empty_account(world: World, fits: bool) -> None:
    """M9: what exceeds both its limit and its account is refused, and does not begin to wait."""
    world.limit("gem", "hub", "arcade", CAPACITY, MOST if fits else 0, WINDOW)
    held, origin = world.outstanding("gem", "arcade"), world.id_of("arcade")
    payload = world.payload("gem", Kind.BACK, "hub", amount=held + 1).encoded
    refusal = error("OutstandingExceeded", world.address("gem"), origin, held + 1, held)
    assert world.tell("hub", origin, payload) == refusal
    assert world.bridge("hub").view("waitingSince", b"\7" * 32) == 0


# What has no limit, and what pretends to have none


@pytest.mark.parametrize(("name", "other"), ENDS)
def test_what_comes_back_has_no_limit(world: World, depositor: str, name: str, other: str) -> None:
    """P16: it is proved to have been sent from here."""
    before = world.balance("gem", name, depositor)
    message = world.send("gem", name, other, amount=CAPACITY)
    world.limit("gem", name, other, 0, 0, WINDOW)
    world.courier.bring_back(message)
    assert world.balance("gem", name, depositor) == before


def test_a_second_hop_that_comes_back_has_no_limit_at_home_and_one_where_it_started(world: World) -> None:
    """M45, P16: the home saw it leave; for its start, the way back is an arrival as any other."""
    for name in ("arcade", "perps"):
        world.limit("gem", "hub", name, MOST, MOST, WINDOW)
    _, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=3 * PREPAID))
    for name in ("arcade", "perps"):
        world.limit("gem", "hub", name, 0, 0, WINDOW)
    world.limit("gem", "arcade", "hub", 0, 0, WINDOW)
    assert len(world.courier.bring_back(second).named("TransferSentBack")) == 1
    back = world.only_open()
    assert len(world.carry(back).named("TransferWaiting")) == 1
    world.courier.retry(back, "arcade", at=world.now("arcade") + WAITING_TIME)


def test_a_lie_that_says_it_comes_back_waits(world: World, attacker: str) -> None:
    """M3, M45: of whatever kind a forging quorum says that it is."""
    world.limit("gem", "arcade", "hub", MOST, CAPACITY, WINDOW)
    lies = [
        world.payload("gem", kind, "hub", to=attacker, amount=CAPACITY + 1)
        for kind in (Kind.RETURN, Kind.OUT)
    ]
    receipt = world.forge("hub", "arcade", *(lie.encoded for lie in lies))
    assert len(receipt.named("TransferWaiting")) == 2


# Against those who would use limits


def test_splitting_shortens_no_delay(world: World) -> None:
    """M14: each part waits its own day."""
    world.limit("gem", "hub", "arcade", MOST, 0, WINDOW)
    first = world.send("gem", "arcade", "hub", amount=1)
    world.carry(first)
    since = world.now("hub")
    second = world.send("gem", "arcade", "hub", amount=1)
    world.courier.carry("arcade", "hub", at=since + 1_000)
    world.courier.retry(first, "hub", at=since + WAITING_TIME)
    arguments = (second.origin, second.nonce, second.fields)
    refusal = world.stacks["hub"].gateway.revert(
        "retry", *arguments, sender=world.courier.relayer, at=since + WAITING_TIME + 999
    )
    assert refusal == error("RetryFailed", second.id)
    world.courier.retry(second, "hub", at=since + WAITING_TIME + 1_000)


def test_who_drains_a_limit_needs_its_capacity_and_gives_it_back_by_going(limited: World) -> None:
    """M14: to go round costs nobody anything."""
    for _ in range(3):
        limited.arrive(limited.send("gem", "hub", "arcade", limited.depositor, CAPACITY))
        limited.arrive(limited.send("gem", "arcade", "hub", limited.depositor, CAPACITY))
    out, _ = limited.free("gem", "hub", "arcade")
    assert out == CAPACITY


def test_frequent_uses_do_not_stop_it_from_growing_back(world: World) -> None:
    """M35: a capacity that grows back by one unit in 864 seconds, used every 100 by one unit each way."""
    world.limit("gem", "hub", "arcade", 100, 100, DAY)
    begun = world.now("hub") + 10
    world.send("gem", "hub", "arcade", amount=100, at=begun)
    origin = world.id_of("arcade")
    for step in range(1, 40):
        at = begun + 100 * step
        payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
        world.told("hub", origin, payload, id_=bytes([step]) * 32, at=at)
        world.send_unchecked("gem", "hub", "arcade", 1, at=at + 1)
    free = world.free("gem", "hub", "arcade", at=at + 1)[0]
    assert free in (4, 3), free
    assert (at + 1 - begun) // 864 == 4


def test_a_change_keeps_what_was_used(world: World) -> None:
    """P16: grown back at the old rate until then, at the new one from then on."""
    world.limit("gem", "hub", "arcade", 1_000, 1_000, 1_000)
    begun = world.now("hub") + 10
    world.send("gem", "hub", "arcade", amount=1_000, at=begun)
    world.limit("gem", "hub", "arcade", 2_000, 1_000, 100, at=begun + 400)
    assert world.free("gem", "hub", "arcade", at=begun + 400)[0] == 2_000 - 600
    assert world.free("gem", "hub", "arcade", at=begun + 410)[0] == 2_000 - 400
    world.limit("gem", "hub", "arcade", 300, 1_000, 100, at=begun + 410)
    assert world.free("gem", "hub", "arcade", at=begun + 410)[0] == 0
    assert world.free("gem", "hub", "arcade", at=begun + 510)[0] == 300


# The model


class Model:
    """Limits without rounding."""

    def __init__(self, out: int, in_: int, window: int) -> None:
        self.capacity = {"out": out, "in": in_}
        self.used = {"out": Fraction(0), "in": Fraction(0)}
        self.window, self.at = window, 0

    def grow(self, at: int) -> None:
        for way, capacity in self.capacity.items():
            grown = Fraction(capacity * (at - self.at), self.window)
            self.used[way] = max(Fraction(0), self.used[way] - grown)
        self.at = at

    def take(self, way: str, amount: int) -> None:
        other = "in" if way == "out" else "out"
        self.used[way] += amount
        self.used[other] = max(Fraction(0), self.used[other] - amount)

    def change(self, out: int, in_: int, window: int) -> None:
        self.capacity, self.window = {"out": out, "in": in_}, window
        self.used = {way: min(used, Fraction(self.capacity[way])) for way, used in self.used.items()}

    def free(self, way: str) -> Fraction:
        return max(Fraction(0), self.capacity[way] - self.used[way])


capacities = st.sampled_from([0, 1, 7, 1_000, 10**18]) | st.integers(0, 10**19)
windows = st.sampled_from([1, 60, DAY, YEAR]) | st.integers(1, YEAR)
limits = st.tuples(capacities, capacities, windows)
steps = st.tuples(
    st.sampled_from(["out", "in", "out", "in", "change"]),
    st.sampled_from([0, 1, 1, 60, 3_600, DAY]) | st.integers(0, 2 * DAY),
    st.floats(0, 1.2),
    limits,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=limits, plan=st.lists(steps, min_size=3, max_size=9))
def test_limits_are_the_models(
    founded_world: World,
    first: tuple[int, int, int],
    plan: list[tuple[str, int, float, tuple[int, int, int]]],
) -> None:
    """P16: whatever moves when, what is free is what the exact model says; where it cannot be, it is less, by one unit
    and what a second has of it in 64 binary digits.
    """
    chain = founded_world.stacks["hub"].chain
    before = chain.snapshot()
    try:
        _play(founded_world.fork(), first, plan)
    finally:
        chain.restore(before)


def _play(
    world: World, first: tuple[int, int, int], plan: list[tuple[str, int, float, tuple[int, int, int]]]
) -> None:
    origin, at = world.id_of("arcade"), world.now("hub") + 10
    world.limit("gem", "hub", "arcade", *first, at=at)
    model = Model(*first)
    model.at = at
    for number, (what, wait, part, change) in enumerate(plan, 1):
        at += wait
        model.grow(at)
        free = dict(zip(("out", "in"), world.free("gem", "hub", "arcade", at=at), strict=True))
        for way in ("out", "in"):
            slack = 2 + Fraction(number * model.capacity[way], model.window * 2**60)
            assert model.free(way) - slack <= free[way] <= model.free(way), (way, model.free(way))
        if what == "change":
            world.limit("gem", "hub", "arcade", *change, at=at)
            model.change(*change)
            continue
        amount = max(1, int(part * free[what]))
        fits = amount <= free[what]
        if what == "out":
            if fits:
                world.send_unchecked("gem", "hub", "arcade", amount, at=at)
            else:
                refusal = world.refusal("gem", "hub", "arcade", amount=amount, at=at)
                token = world.address("gem")
                assert refusal == error("LimitExceeded", token, origin, amount, free["out"])
        else:
            payload = world.payload("gem", Kind.BACK, "hub", amount=amount).encoded
            receipt = world.told("hub", origin, payload, id_=bytes([number]) * 32, at=at)
            assert bool(receipt.named("TransferReceived")) == fits
        if fits:
            model.take(what, amount)
