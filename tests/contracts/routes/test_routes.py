"""Routes: the owner opens and closes, owner and guardian price; the guardian holds up; ownership moves in two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from metalayer.protocol.facts import Tree
from metalayer.protocol.gateway import Route, Terms
from tests.kit.evm import ZERO_ADDRESS, Contract, call, error, now
from tests.kit.founding import Founding
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS, HIGHEST_FEE, HIGHEST_GAS_LIMIT, LARGEST_TERMS, OPEN_ROUTE, WHOLE_SHARE

REMOTE = 4_242
TERMS = Terms(100_000, 5_000_000, 200_000, 11, 12, 13, 14, 15)
UNSET = Route(False, False, Terms(0, 0)).fields
MAX_PAUSE = 21 * DAY
MAX_HUB_PAUSE = 3 * DAY
HOUR = 3_600
"""Shortest cool-down."""


@pytest.fixture
def gateway(hub: Stack) -> Contract:
    return hub.gateway


@pytest.fixture
def origin(arcade: Stack) -> int:
    """Chain id of the direction that is paused."""
    return arcade.chain.chain_id


@pytest.fixture
def start(gateway: Contract) -> int:
    """The second in which a test begins to pause."""
    return now(gateway.chain) + 100


@pytest.fixture
def probe(gateway: Contract, validators: Validators, hub: Stack, sender: str) -> Callable[..., Any]:
    """Arguments of `deliver` for one message to nobody that has not expired: refused while deliveries from its origin
    are, and passed by otherwise.
    """

    def probe(origin: int) -> Any:
        lane = PaperLane(hub.chain.chain_id, origin, gateway.chain.chain_id)
        lane.append(sender, sender, deliver_before=2**64 - 1)
        tree = Tree([lane.fact()])
        attestation = validators.sign(hub.chain.chain_id, gateway.address, tree.root).fields
        return attestation, [lane.batch(tree)]

    return probe


# Terms


def test_starts_closed(gateway: Contract) -> None:
    assert gateway.view("route", REMOTE) == UNSET


@pytest.mark.parametrize("caller", ["owner", "guardian"])
@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(TERMS, id="all-different"),
        pytest.param(Terms(1, 1), id="lowest"),
        pytest.param(LARGEST_TERMS, id="highest"),
        *(
            pytest.param(replace(Terms(1, 1), **{name: HIGHEST_FEE}), id=name)
            for name in ("base_fee", "gas_fee", "byte_fee", "return_gas_fee")
        ),
        pytest.param(Terms(1, 1, HIGHEST_GAS_LIMIT), id="return-gas"),
        pytest.param(Terms(1, 1, protocol_share=WHOLE_SHARE), id="share"),
    ],
)
def test_owner_or_guardian_set_terms(
    gateway: Contract, terms: Terms, caller: str, request: pytest.FixtureRequest
) -> None:
    """Every field comes back, whatever stands beside it in the word; nothing is opened."""
    account = request.getfixturevalue(caller)
    receipt = gateway.send("setTerms", REMOTE, terms.fields, sender=account)
    assert [event.values for event in receipt.events] == [(REMOTE, terms.fields)]
    assert receipt.named("TermsSet") == [(REMOTE, terms.fields)]
    assert gateway.view("route", REMOTE) == (False, False, terms.fields)


def test_terms_are_replaced(gateway: Contract, owner: str) -> None:
    gateway.send("setTerms", REMOTE, LARGEST_TERMS.fields, sender=owner)
    gateway.send("setTerms", REMOTE, Terms(1, 1).fields, sender=owner)
    assert gateway.view("route", REMOTE) == (False, False, Terms(1, 1).fields)


def test_terms_leave_what_is_open_and_other_routes(
    gateway: Contract, guardian: str, arcade: Stack, perps: Stack
) -> None:
    gateway.send("setTerms", arcade.chain.chain_id, TERMS.fields, sender=guardian)
    assert gateway.view("route", arcade.chain.chain_id) == (True, True, TERMS.fields)
    assert gateway.view("route", perps.chain.chain_id) == OPEN_ROUTE.fields


@pytest.mark.parametrize("caller", ["deployer", "sender", "relayer", "attacker", "successor", "recovery"])
def test_refuses_terms_from_others(
    gateway: Contract, owner: str, successor: str, caller: str, request: pytest.FixtureRequest
) -> None:
    """M5: nor from a pending owner."""
    gateway.send("transferOwnership", successor, sender=owner)
    account = request.getfixturevalue(caller)
    refusal = gateway.revert("setTerms", REMOTE, TERMS.fields, sender=account)
    assert refusal == error("NotGuardian", account)


def test_refuses_terms_of_this_chain(gateway: Contract, hub: Stack, owner: str) -> None:
    own = hub.chain.chain_id
    assert gateway.revert("setTerms", own, TERMS.fields, sender=owner) == error("InvalidRouteChain", own)


def test_refuses_terms_of_chain_zero(gateway: Contract, owner: str) -> None:
    assert gateway.revert("setTerms", 0, TERMS.fields, sender=owner) == error("InvalidRouteChain", 0)


def test_names_the_ceiling(gateway: Contract) -> None:
    assert gateway.view("MAX_GAS_LIMIT") == HIGHEST_GAS_LIMIT


@pytest.mark.parametrize(
    ("default", "maximum", "returning"),
    [
        pytest.param(0, 1, 0, id="default-zero"),
        pytest.param(0, 0, 0, id="all-zero"),
        pytest.param(2, 1, 0, id="default-above-maximum"),
        pytest.param(1, HIGHEST_GAS_LIMIT + 1, 0, id="maximum-above-ceiling"),
        pytest.param(1, 1, HIGHEST_GAS_LIMIT + 1, id="return-above-ceiling"),
        pytest.param(2**24 - 1, 2**24 - 1, 2**24 - 1, id="largest"),
    ],
)
def test_refuses_gas_limits(
    gateway: Contract, owner: str, default: int, maximum: int, returning: int
) -> None:
    refusal = error("InvalidRouteGas", default, maximum, returning, HIGHEST_GAS_LIMIT)
    terms = Terms(default, maximum, returning)
    assert gateway.revert("setTerms", REMOTE, terms.fields, sender=owner) == refusal


@pytest.mark.parametrize("share", [WHOLE_SHARE + 1, 2**16 - 1])
def test_refuses_a_protocol_share_above_the_whole(gateway: Contract, owner: str, share: int) -> None:
    refusal = error("InvalidProtocolShare", share, WHOLE_SHARE)
    terms = replace(TERMS, protocol_share=share)
    assert gateway.revert("setTerms", REMOTE, terms.fields, sender=owner) == refusal


# Open and closed


@pytest.mark.parametrize("inbound", [True, False], ids=["in", "not-in"])
@pytest.mark.parametrize("outbound", [True, False], ids=["out", "not-out"])
def test_owner_opens_each_direction(gateway: Contract, owner: str, outbound: bool, inbound: bool) -> None:
    """No terms change."""
    gateway.send("setTerms", REMOTE, TERMS.fields, sender=owner)
    receipt = gateway.send("setOpen", REMOTE, outbound, inbound, sender=owner)
    assert receipt.named("RouteOpened") == [(REMOTE, outbound, inbound)]
    assert len(receipt.events) == 1
    assert gateway.view("route", REMOTE) == (outbound, inbound, TERMS.fields)
    gateway.send("setOpen", REMOTE, not outbound, not inbound, sender=owner)
    assert gateway.view("route", REMOTE) == (not outbound, not inbound, TERMS.fields)


@pytest.mark.parametrize(
    "caller", ["deployer", "sender", "relayer", "attacker", "successor", "guardian", "recovery"]
)
def test_refuses_to_open_for_others(
    gateway: Contract, origin: int, caller: str, request: pytest.FixtureRequest
) -> None:
    """M5: the guardian, too, opens and closes nothing."""
    account = request.getfixturevalue(caller)
    for outbound in (True, False):
        refusal = gateway.revert("setOpen", origin, outbound, outbound, sender=account)
        assert refusal == error("OwnableUnauthorizedAccount", account)


def test_refuses_to_open_a_route_without_terms(gateway: Contract, owner: str) -> None:
    """Nor to close it: there is nothing to close."""
    for outbound in (True, False):
        refusal = gateway.revert("setOpen", REMOTE, outbound, True, sender=owner)
        assert refusal == error("NoTerms", REMOTE)
    gateway.send("setTerms", REMOTE, TERMS.fields, sender=owner)
    gateway.send("setOpen", REMOTE, True, True, sender=owner)


def test_knows_since_when_a_route_is_closed(gateway: Contract, owner: str, origin: int, start: int) -> None:
    """From the first of several closures in a row; opening it begins anew. What arrives is another matter."""
    assert gateway.view("closedSince", origin) == 0
    gateway.send("setOpen", origin, False, True, sender=owner, at=start)
    assert gateway.view("closedSince", origin) == start
    gateway.send("setOpen", origin, False, False, sender=owner, at=start + 7)
    assert gateway.view("closedSince", origin) == start
    gateway.send("setOpen", origin, True, False, sender=owner, at=start + 8)
    assert gateway.view("closedSince", origin) == 0
    gateway.send("setOpen", origin, False, False, sender=owner, at=start + 9)
    assert gateway.view("closedSince", origin) == start + 9


def test_what_was_never_open_was_never_closed(gateway: Contract, owner: str) -> None:
    gateway.send("setTerms", REMOTE, TERMS.fields, sender=owner)
    gateway.send("setOpen", REMOTE, False, True, sender=owner)
    assert gateway.view("closedSince", REMOTE) == 0


def test_terms_and_pauses_close_nothing(
    gateway: Contract, guardian: str, origin: int, perps: Stack, owner: str
) -> None:
    gateway.send("setTerms", origin, TERMS.fields, sender=guardian)
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    gateway.send("setOpen", perps.chain.chain_id, False, False, sender=owner)
    assert gateway.view("closedSince", origin) == 0


def test_deliveries_follow_the_route(
    gateway: Contract, owner: str, relayer: str, probe: Callable[..., Any]
) -> None:
    """What a delivery reads of a route is what was set last."""
    refusal = error("RouteClosed", REMOTE)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer) == refusal
    gateway.send("setTerms", REMOTE, TERMS.fields, sender=owner)
    gateway.send("setOpen", REMOTE, False, True, sender=owner)
    gateway.view("deliver", *probe(REMOTE), sender=relayer)
    gateway.send("setOpen", REMOTE, True, False, sender=owner)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer) == refusal


# The first block


def test_routes_of_the_constructor_stand(founding: Founding) -> None:
    """Terms and openness of each, and an event of each: no transaction has to follow."""
    other = 4_243
    fresh = founding.deploy(
        routes={REMOTE: Route(True, False, TERMS), other: Route(False, True, LARGEST_TERMS)}
    )
    assert fresh.view("route", REMOTE) == (True, False, TERMS.fields)
    assert fresh.view("route", other) == (False, True, LARGEST_TERMS.fields)
    assert [fresh.view("closedSince", chain_id) for chain_id in (REMOTE, other)] == [0, 0]


@pytest.mark.parametrize(
    ("chain_id", "terms", "refusal"),
    [
        pytest.param(0, TERMS, ("InvalidRouteChain", 0), id="chain-zero"),
        pytest.param(901, TERMS, ("InvalidRouteChain", 901), id="this-chain"),
        pytest.param(REMOTE, Terms(0, 0), ("InvalidRouteGas", 0, 0, 0, HIGHEST_GAS_LIMIT), id="no-terms"),
        pytest.param(
            REMOTE,
            replace(TERMS, protocol_share=WHOLE_SHARE + 1),
            ("InvalidProtocolShare", WHOLE_SHARE + 1, WHOLE_SHARE),
            id="share",
        ),
    ],
)
def test_routes_of_the_constructor_are_checked(
    founding: Founding, deployer: str, chain_id: int, terms: Terms, refusal: tuple[Any, ...]
) -> None:
    code = founding.code(routes={chain_id: Route(True, True, terms)})
    assert call(founding.chain, None, code, sender=deployer) == error(*refusal)


def test_names_the_network(stacks: dict[str, Stack], hub: Stack) -> None:
    """Every chain of the network commits to the hub's id."""
    assert {stack.gateway.view("NETWORK_ID") for stack in stacks.values()} == {hub.chain.chain_id}


# The guardian


def test_guardian_is_the_one_of_the_constructor(stacks: dict[str, Stack], guardian: str) -> None:
    assert {stack.gateway.view("guardian") for stack in stacks.values()} == {guardian}


def test_owner_names_a_guardian(gateway: Contract, owner: str, successor: str) -> None:
    receipt = gateway.send("setGuardian", successor, sender=owner)
    assert receipt.named("GuardianSet") == [(successor,)]
    assert gateway.view("guardian") == successor


@pytest.mark.parametrize("caller", ["guardian", "attacker", "deployer", "successor"])
def test_refuses_a_guardian_from_others(
    gateway: Contract, owner: str, successor: str, caller: str, request: pytest.FixtureRequest
) -> None:
    """Neither the guardian itself nor a pending owner names one."""
    gateway.send("transferOwnership", successor, sender=owner)
    account = request.getfixturevalue(caller)
    refusal = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert("setGuardian", account, sender=account) == refusal


def test_guardian_pauses_deliveries_from_a_chain(
    gateway: Contract, guardian: str, origin: int, start: int
) -> None:
    receipt = gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    assert receipt.named("InboundPaused") == [(origin, start + DAY)]
    assert gateway.view("pausedUntil", origin) == start + DAY


def test_nothing_is_paused_at_first(gateway: Contract, origin: int) -> None:
    assert gateway.view("pausedUntil", origin) == 0


@pytest.mark.parametrize("caller", ["owner", "relayer", "attacker", "deployer"])
def test_refuses_a_pause_from_others(
    gateway: Contract, origin: int, caller: str, request: pytest.FixtureRequest
) -> None:
    """M5: the owner closes a route; it does not pause."""
    account = request.getfixturevalue(caller)
    assert gateway.revert("pauseInbound", origin, DAY, sender=account) == error("NotGuardian", account)


def test_a_guardian_pauses_no_more_after_its_successor_is_named(
    gateway: Contract, owner: str, guardian: str, successor: str, origin: int
) -> None:
    gateway.send("setGuardian", successor, sender=owner)
    assert gateway.revert("pauseInbound", origin, DAY, sender=guardian) == error("NotGuardian", guardian)
    gateway.send("pauseInbound", origin, DAY, sender=successor)


def test_without_guardian_nobody_pauses(gateway: Contract, owner: str, guardian: str, origin: int) -> None:
    gateway.send("setGuardian", ZERO_ADDRESS, sender=owner)
    for caller in (owner, guardian):
        assert gateway.revert("pauseInbound", origin, DAY, sender=caller) == error("NotGuardian", caller)


@pytest.mark.parametrize("duration", [1, MAX_PAUSE])
def test_takes_the_shortest_and_the_longest_pause(
    gateway: Contract, guardian: str, origin: int, start: int, duration: int
) -> None:
    gateway.send("pauseInbound", origin, duration, sender=guardian, at=start)
    assert gateway.view("pausedUntil", origin) == start + duration


@pytest.mark.parametrize("duration", [0, MAX_PAUSE + 1, 2**32, 2**64 - 1])
def test_refuses_other_pauses(
    gateway: Contract, guardian: str, origin: int, start: int, duration: int
) -> None:
    refusal = error("InvalidPause", duration, MAX_PAUSE)
    assert gateway.revert("pauseInbound", origin, duration, sender=guardian, at=start) == refusal


def test_the_hub_is_paused_for_three_days(arcade: Stack, hub: Stack, perps: Stack, guardian: str) -> None:
    """Whoever may hold up every chain may not do so for long. Other spokes, 21 days, as on the hub."""
    gateway, start, hub_id = arcade.gateway, now(arcade.chain) + 100, hub.chain.chain_id
    refusal = error("InvalidPause", MAX_HUB_PAUSE + 1, MAX_HUB_PAUSE)
    arguments = (hub_id, MAX_HUB_PAUSE + 1)
    assert gateway.revert("pauseInbound", *arguments, sender=guardian, at=start) == refusal
    gateway.send("pauseInbound", hub_id, MAX_HUB_PAUSE, sender=guardian, at=start)
    assert gateway.view("pausedUntil", hub_id) == start + MAX_HUB_PAUSE
    gateway.send("pauseInbound", perps.chain.chain_id, MAX_PAUSE, sender=guardian, at=start + 1)


def test_deliveries_wait_until_the_exact_second(
    gateway: Contract, guardian: str, relayer: str, origin: int, start: int, probe: Callable[..., Any]
) -> None:
    gateway.view("deliver", *probe(origin), sender=relayer)
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    refusal = error("RoutePaused", origin, start + DAY)
    for second in (start, start + 1, start + DAY - 1):
        assert gateway.revert("deliver", *probe(origin), sender=relayer, at=second) == refusal
    gateway.view("deliver", *probe(origin), sender=relayer, at=start + DAY)


def test_a_pause_holds_up_one_direction_only(
    gateway: Contract,
    guardian: str,
    relayer: str,
    origin: int,
    perps: Stack,
    start: int,
    probe: Callable[..., Any],
) -> None:
    other = perps.chain.chain_id
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.view("deliver", *probe(other), sender=relayer, at=start + 1)
    assert gateway.view("pausedUntil", other) == 0


def test_a_pause_leaves_sending_open(
    gateway: Contract, owner: str, guardian: str, sender: str, origin: int
) -> None:
    gateway.send("setTerms", origin, FREE_TERMS.fields, sender=owner)
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    recipient = bytes.fromhex("00010000020386 14") + bytes.fromhex(sender[2:])
    gateway.send("sendMessage", recipient, b"", [], sender=sender)


def test_a_route_opened_during_a_pause_does_not_end_it(
    gateway: Contract,
    owner: str,
    guardian: str,
    relayer: str,
    origin: int,
    start: int,
    probe: Callable[..., Any],
) -> None:
    """Both stand in one word."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("setOpen", origin, False, False, sender=owner)
    gateway.send("setOpen", origin, True, True, sender=owner)
    refusal = error("RoutePaused", origin, start + DAY)
    assert gateway.revert("deliver", *probe(origin), sender=relayer) == refusal


def test_a_pause_of_a_closed_route_does_not_open_it(
    gateway: Contract, guardian: str, relayer: str, start: int, probe: Callable[..., Any]
) -> None:
    gateway.send("pauseInbound", REMOTE, DAY, sender=guardian, at=start)
    refusal = error("RouteClosed", REMOTE)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer, at=start + DAY) == refusal


def test_a_running_pause_is_extended(gateway: Contract, guardian: str, origin: int, start: int) -> None:
    """To the longest pause from its beginning, to the second; the cool-down is as long as all of it."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    middle = start + DAY - 1
    left = MAX_PAUSE - (DAY - 1)
    for duration in (0, left + 1, 2**64 - 1):
        refusal = error("InvalidPause", duration, left)
        assert gateway.revert("pauseInbound", origin, duration, sender=guardian, at=middle) == refusal
    receipt = gateway.send("pauseInbound", origin, left, sender=guardian, at=middle)
    assert receipt.named("InboundPaused") == [(origin, start + MAX_PAUSE)]
    last = start + MAX_PAUSE - 1
    refusal = error("InvalidPause", 2, 1)
    assert gateway.revert("pauseInbound", origin, 2, sender=guardian, at=last) == refusal
    earliest = start + 2 * MAX_PAUSE
    refusal = error("CoolingDown", origin, earliest)
    for second in (start + MAX_PAUSE, earliest - 1):
        assert gateway.revert("pauseInbound", origin, 1, sender=guardian, at=second) == refusal
    gateway.send("pauseInbound", origin, MAX_PAUSE, sender=guardian, at=earliest)


def test_extending_in_small_steps_gains_nothing(
    gateway: Contract, guardian: str, origin: int, start: int
) -> None:
    for day in range(21):
        gateway.send("pauseInbound", origin, DAY + (day < 20), sender=guardian, at=start + day * DAY)
    assert gateway.view("pausedUntil", origin) == start + MAX_PAUSE
    refusal = error("CoolingDown", origin, start + 2 * MAX_PAUSE)
    for second in (start + MAX_PAUSE, start + 2 * MAX_PAUSE - 1):
        assert gateway.revert("pauseInbound", origin, 1, sender=guardian, at=second) == refusal


def test_extending_never_shortens(gateway: Contract, guardian: str, origin: int, start: int) -> None:
    """What ends no later changes nothing, and says nothing."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    for later, duration in ((60, 1), (61, DAY - 61)):
        receipt = gateway.send("pauseInbound", origin, duration, sender=guardian, at=start + later)
        assert (receipt.events, gateway.view("pausedUntil", origin)) == ([], start + DAY)
    receipt = gateway.send("pauseInbound", origin, DAY - 61, sender=guardian, at=start + 62)
    assert receipt.named("InboundPaused") == [(origin, start + DAY + 1)]


@pytest.mark.parametrize("duration", [1, HOUR, HOUR + 1, DAY, MAX_PAUSE])
def test_a_direction_cools_down_as_long_as_it_was_paused(
    gateway: Contract, guardian: str, origin: int, start: int, duration: int
) -> None:
    """From the end on."""
    gateway.send("pauseInbound", origin, duration, sender=guardian, at=start)
    earliest = start + duration + max(duration, HOUR)
    assert gateway.view("pausableFrom", origin) == earliest
    refusal = error("CoolingDown", origin, earliest)
    for second in {start + duration, earliest - 1}:
        assert gateway.revert("pauseInbound", origin, 1, sender=guardian, at=second) == refusal
    gateway.send("pauseInbound", origin, 1, sender=guardian, at=earliest)


def test_a_new_guardian_waits_as_long(
    gateway: Contract, owner: str, guardian: str, successor: str, origin: int, start: int
) -> None:
    """Whoever the guardian is: naming others in turn holds up nothing for longer."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("setGuardian", successor, sender=owner)
    earliest = start + 2 * DAY
    refusal = error("CoolingDown", origin, earliest)
    for second in (start + DAY, earliest - 1):
        assert gateway.revert("pauseInbound", origin, 1, sender=successor, at=second) == refusal
    gateway.send("pauseInbound", origin, 1, sender=successor, at=earliest)


def test_a_running_pause_outlives_its_guardian(
    gateway: Contract,
    owner: str,
    guardian: str,
    relayer: str,
    origin: int,
    start: int,
    probe: Callable[..., Any],
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("setGuardian", ZERO_ADDRESS, sender=owner)
    refusal = error("RoutePaused", origin, start + DAY)
    assert gateway.revert("deliver", *probe(origin), sender=relayer) == refusal


def test_another_direction_does_not_cool_down(
    gateway: Contract, guardian: str, origin: int, perps: Stack, start: int
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    receipt = gateway.send("pauseInbound", perps.chain.chain_id, DAY, sender=guardian, at=start + 1)
    assert receipt.named("InboundPaused") == [(perps.chain.chain_id, start + 1 + DAY)]
    assert gateway.view("pausedUntil", origin) == start + DAY


@pytest.mark.parametrize("caller", ["guardian", "owner"])
def test_guardian_or_owner_end_a_pause(
    gateway: Contract,
    guardian: str,
    relayer: str,
    origin: int,
    start: int,
    probe: Callable[..., Any],
    caller: str,
    request: pytest.FixtureRequest,
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    receipt = gateway.send("unpauseInbound", origin, sender=request.getfixturevalue(caller), at=start + 60)
    assert receipt.named("InboundPaused") == [(origin, start + 60)]
    assert gateway.view("pausedUntil", origin) == start + 60
    gateway.view("deliver", *probe(origin), sender=relayer, at=start + 60)


@pytest.mark.parametrize("caller", ["relayer", "attacker", "deployer", "successor"])
def test_refuses_others_who_end_a_pause(
    gateway: Contract,
    owner: str,
    guardian: str,
    successor: str,
    origin: int,
    caller: str,
    request: pytest.FixtureRequest,
) -> None:
    """Nor does a pending owner."""
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    account = request.getfixturevalue(caller)
    assert gateway.revert("unpauseInbound", origin, sender=account) == error("NotGuardian", account)


def test_a_former_guardian_does_not_end_its_pause(
    gateway: Contract, owner: str, guardian: str, successor: str, origin: int
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    gateway.send("setGuardian", successor, sender=owner)
    assert gateway.revert("unpauseInbound", origin, sender=guardian) == error("NotGuardian", guardian)
    gateway.send("unpauseInbound", origin, sender=successor)


def test_a_pause_that_never_was_is_not_ended(
    gateway: Contract, guardian: str, owner: str, origin: int
) -> None:
    for caller in (guardian, owner):
        assert gateway.revert("unpauseInbound", origin, sender=caller) == error("NotPaused", origin)


def test_a_pause_that_is_over_is_not_ended(gateway: Contract, guardian: str, origin: int, start: int) -> None:
    """Ending it later would begin the cool-down anew."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.view("unpauseInbound", origin, sender=guardian, at=start + DAY - 1)
    refusal = error("NotPaused", origin)
    assert gateway.revert("unpauseInbound", origin, sender=guardian, at=start + DAY) == refusal


def test_a_pause_is_ended_once(gateway: Contract, guardian: str, owner: str, origin: int, start: int) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("unpauseInbound", origin, sender=guardian, at=start + 60)
    assert gateway.revert("unpauseInbound", origin, sender=owner, at=start + 60) == error("NotPaused", origin)


@pytest.mark.parametrize("lasted", [60, 2 * HOUR])
@pytest.mark.parametrize("caller", ["guardian", "owner"])
def test_cools_down_from_the_early_end(
    gateway: Contract,
    guardian: str,
    origin: int,
    start: int,
    caller: str,
    lasted: int,
    request: pytest.FixtureRequest,
) -> None:
    """As long as it lasted, an hour at least."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    end = start + lasted
    gateway.send("unpauseInbound", origin, sender=request.getfixturevalue(caller), at=end)
    earliest = end + max(lasted, HOUR)
    refusal = error("CoolingDown", origin, earliest)
    for second in (end, earliest - 1):
        assert gateway.revert("pauseInbound", origin, DAY, sender=guardian, at=second) == refusal
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=earliest)


def test_ending_a_pause_leaves_the_others(
    gateway: Contract, guardian: str, origin: int, perps: Stack, start: int
) -> None:
    gateway.send("pauseInbound", perps.chain.chain_id, DAY, sender=guardian, at=start)
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start + 1)
    gateway.send("unpauseInbound", origin, sender=guardian, at=start + 60)
    assert gateway.view("pausedUntil", perps.chain.chain_id) == start + DAY


def test_may_be_deployed_without_guardian_and_recovery(founding: Founding) -> None:
    fresh = founding.deploy(guardian=ZERO_ADDRESS, recovery=ZERO_ADDRESS)
    assert (fresh.view("guardian"), fresh.view("recovery")) == (ZERO_ADDRESS, ZERO_ADDRESS)


@pytest.mark.parametrize("which", ["zero", "gateway"])
def test_refuses_to_be_deployed_without_collector(founding: Founding, deployer: str, which: str) -> None:
    """Fees that nobody gets would be lost."""
    collector = ZERO_ADDRESS if which == "zero" else founding.next_address()
    refusal = call(founding.chain, None, founding.code(collector=collector), sender=deployer)
    assert refusal == error("InvalidCollector", collector)


def test_refuses_to_be_deployed_without_annex(founding: Founding, deployer: str) -> None:
    refusal = call(founding.chain, None, founding.code(annex=ZERO_ADDRESS), sender=deployer)
    assert refusal == error("InvalidAnnex", ZERO_ADDRESS)


# The recovery


def test_recovery_is_the_one_of_the_constructor(stacks: dict[str, Stack], recovery: str) -> None:
    assert {stack.gateway.view("recovery") for stack in stacks.values()} == {recovery}


def test_owner_names_a_recovery(gateway: Contract, owner: str, successor: str) -> None:
    receipt = gateway.send("setRecovery", successor, sender=owner)
    assert receipt.named("RecoverySet") == [(successor,)]
    assert gateway.view("recovery") == successor


@pytest.mark.parametrize("caller", ["guardian", "recovery", "attacker", "deployer", "successor"])
def test_refuses_a_recovery_from_others(
    gateway: Contract, owner: str, successor: str, caller: str, request: pytest.FixtureRequest
) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    account = request.getfixturevalue(caller)
    refusal = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert("setRecovery", account, sender=account) == refusal


# Ownership


def test_owner_is_the_one_of_the_constructor(stacks: dict[str, Stack], owner: str) -> None:
    """P8: the deployer owns nothing, from the first block on."""
    assert {stack.gateway.view("owner") for stack in stacks.values()} == {owner}


PRIVILEGED = {
    "setOpen": (902, True, True),
    "setGuardian": (ZERO_ADDRESS,),
    "setRecovery": (ZERO_ADDRESS,),
    "transferOwnership": (ZERO_ADDRESS,),
}


@pytest.mark.parametrize("method", PRIVILEGED)
@pytest.mark.parametrize("caller", ["guardian", "deployer", "attacker"])
def test_only_the_owner_is_privileged(
    gateway: Contract, owner: str, method: str, caller: str, request: pytest.FixtureRequest
) -> None:
    """P8: neither the deployer nor the guardian."""
    account = request.getfixturevalue(caller)
    refusal = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert(method, *PRIVILEGED[method], sender=account) == refusal
    gateway.view(method, *PRIVILEGED[method], sender=owner)


def test_refuses_to_be_deployed_without_owner(founding: Founding, deployer: str) -> None:
    refusal = call(founding.chain, None, founding.code(owner=ZERO_ADDRESS), sender=deployer)
    assert refusal == error("OwnableInvalidOwner", ZERO_ADDRESS)


def test_ownership_waits_for_acceptance(gateway: Contract, owner: str, successor: str) -> None:
    receipt = gateway.send("transferOwnership", successor, sender=owner)
    assert receipt.named("OwnershipTransferStarted") == [(owner, successor)]
    assert gateway.view("owner") == owner
    assert gateway.view("pendingOwner") == successor


def test_successor_accepts_ownership(gateway: Contract, owner: str, successor: str, origin: int) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    receipt = gateway.send("acceptOwnership", sender=successor)
    assert receipt.named("OwnershipTransferred") == [(owner, successor)]
    gateway.send("setOpen", origin, False, False, sender=successor)


def test_pending_owner_sets_no_route_yet(gateway: Contract, owner: str, successor: str, origin: int) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    refusal = error("OwnableUnauthorizedAccount", successor)
    assert gateway.revert("setOpen", origin, False, False, sender=successor) == refusal


def test_former_owner_sets_no_route_any_more(
    gateway: Contract, owner: str, successor: str, origin: int
) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    refusal = error("OwnableUnauthorizedAccount", owner)
    assert gateway.revert("setOpen", origin, False, False, sender=owner) == refusal


def test_former_owner_ends_no_pause_any_more(
    gateway: Contract, owner: str, guardian: str, successor: str, origin: int
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    assert gateway.revert("unpauseInbound", origin, sender=owner) == error("NotGuardian", owner)
    gateway.send("unpauseInbound", origin, sender=successor)


def test_refuses_acceptance_by_others(gateway: Contract, owner: str, successor: str, attacker: str) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    assert gateway.revert("acceptOwnership", sender=attacker) == error("OwnableUnauthorizedAccount", attacker)


def test_refuses_a_transfer_by_others(gateway: Contract, attacker: str) -> None:
    refusal = error("OwnableUnauthorizedAccount", attacker)
    assert gateway.revert("transferOwnership", attacker, sender=attacker) == refusal


def test_nobody_renounces_ownership(gateway: Contract, owner: str, attacker: str) -> None:
    for caller in (owner, attacker):
        assert gateway.revert("renounceOwnership", sender=caller) == error("OwnershipNotRenounceable")


def test_owner_withdraws_a_transfer(gateway: Contract, owner: str, successor: str) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("transferOwnership", ZERO_ADDRESS, sender=owner)
    refusal = error("OwnableUnauthorizedAccount", successor)
    assert gateway.revert("acceptOwnership", sender=successor) == refusal


def test_installs_the_set_of_the_constructor(founding: Founding, validators: Validators) -> None:
    """M4: the gateway is complete when it exists; there is nothing to initialise and nothing to repeat."""
    assert founding.deploy().view("validatorSetHash") == validators.set.hash
