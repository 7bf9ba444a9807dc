"""Routes: the owner opens, closes, limits and prices; the guardian holds up; ownership moves in two steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.kit.evm import ZERO_ADDRESS, Contract, call, deploy, error, init_code, now
from tests.kit.paper import DAY, Validators
from tests.kit.stack import Stack
from tests.kit.terms import FREE_ROUTE, HIGHEST_FEE, HIGHEST_GAS_LIMIT, LARGEST_ROUTE, OPEN_ROUTE, WHOLE_SHARE

REMOTE = 4_242
ROUTE = (True, False, 100_000, 5_000_000, 11, 12, 13, 14, 15)
UNSET = (False, False, *[0] * 7)
MAX_PAUSE = 3 * DAY
COOL_DOWN = 3 * DAY


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
def probe(gateway: Contract, validators: Validators, hub: Stack) -> Callable[..., Any]:
    """Arguments of `deliver` that ask for nothing: refused while deliveries from an origin are, accepted otherwise."""
    root = keccak(text="root")
    attestation = validators.sign(hub.chain.chain_id, gateway.address, root).fields
    return lambda origin: (attestation, [([], origin, 1, [], [])])


# Routes


def test_starts_closed(gateway: Contract) -> None:
    assert gateway.view("route", REMOTE) == UNSET


@pytest.mark.parametrize(
    "route",
    [
        pytest.param(ROUTE, id="all-different"),
        pytest.param((False, True, 1, 1, 0, 0, 0, 0, 0), id="lowest"),
        pytest.param(LARGEST_ROUTE, id="highest"),
        *(
            pytest.param(
                (False, False, 1, 1, *[HIGHEST_FEE if i == term else 0 for i in range(4)], 0),
                id=f"term-{term}",
            )
            for term in range(4)
        ),
    ],
)
def test_owner_sets_a_route(gateway: Contract, owner: str, route: tuple[int, ...]) -> None:
    """Every field comes back, whatever stands beside it in the word."""
    receipt = gateway.send("setRoute", REMOTE, route, sender=owner)
    assert receipt.named("RouteSet") == [(REMOTE, route)]
    assert gateway.view("route", REMOTE) == route


def test_owner_replaces_a_route(gateway: Contract, owner: str) -> None:
    gateway.send("setRoute", REMOTE, LARGEST_ROUTE, sender=owner)
    closed = (False, False, 1, 1, 0, 0, 0, 0, 0)
    gateway.send("setRoute", REMOTE, closed, sender=owner)
    assert gateway.view("route", REMOTE) == closed


def test_a_route_leaves_the_others(gateway: Contract, owner: str, arcade: Stack) -> None:
    before = gateway.view("route", arcade.chain.chain_id)
    gateway.send("setRoute", REMOTE, ROUTE, sender=owner)
    assert gateway.view("route", arcade.chain.chain_id) == before == OPEN_ROUTE


@pytest.mark.parametrize("caller", ["deployer", "sender", "relayer", "attacker", "successor", "guardian"])
def test_refuses_a_route_from_others(gateway: Contract, caller: str, request: pytest.FixtureRequest) -> None:
    """M5: the guardian, too, opens, closes and prices nothing."""
    account = request.getfixturevalue(caller)
    refusal = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=account) == refusal


def test_refuses_a_route_to_this_chain(gateway: Contract, hub: Stack, owner: str) -> None:
    own = hub.chain.chain_id
    assert gateway.revert("setRoute", own, ROUTE, sender=owner) == error("InvalidRouteChain", own)


def test_refuses_a_route_to_chain_zero(gateway: Contract, owner: str) -> None:
    assert gateway.revert("setRoute", 0, ROUTE, sender=owner) == error("InvalidRouteChain", 0)


def test_names_the_ceiling(gateway: Contract) -> None:
    assert gateway.view("MAX_GAS_LIMIT") == HIGHEST_GAS_LIMIT


@pytest.mark.parametrize(
    ("default", "maximum"),
    [
        pytest.param(0, 1, id="default-zero"),
        pytest.param(0, 0, id="all-zero"),
        pytest.param(2, 1, id="default-above-maximum"),
        pytest.param(1, HIGHEST_GAS_LIMIT + 1, id="maximum-above-ceiling"),
        pytest.param(2**32 - 1, 2**32 - 1, id="largest"),
    ],
)
def test_refuses_gas_limits(gateway: Contract, owner: str, default: int, maximum: int) -> None:
    refusal = error("InvalidRouteGas", default, maximum, HIGHEST_GAS_LIMIT)
    route = (True, True, default, maximum, *ROUTE[4:])
    assert gateway.revert("setRoute", REMOTE, route, sender=owner) == refusal


@pytest.mark.parametrize("share", [WHOLE_SHARE + 1, 2**16 - 1])
def test_refuses_a_protocol_share_above_the_whole(gateway: Contract, owner: str, share: int) -> None:
    refusal = error("InvalidProtocolShare", share, WHOLE_SHARE)
    assert gateway.revert("setRoute", REMOTE, (*ROUTE[:8], share), sender=owner) == refusal


def test_deliveries_follow_the_route(
    gateway: Contract, owner: str, relayer: str, probe: Callable[..., Any]
) -> None:
    """What a delivery reads of a route is what was set last."""
    refusal = error("RouteClosed", REMOTE)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer) == refusal
    gateway.send("setRoute", REMOTE, (False, True, *ROUTE[2:]), sender=owner)
    gateway.view("deliver", *probe(REMOTE), sender=relayer)
    gateway.send("setRoute", REMOTE, (True, False, *ROUTE[2:]), sender=owner)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer) == refusal


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


@pytest.mark.parametrize("duration", [0, MAX_PAUSE + 1, 2**64 - 1])
def test_refuses_other_pauses(gateway: Contract, guardian: str, origin: int, duration: int) -> None:
    refusal = error("InvalidPause", duration, MAX_PAUSE)
    assert gateway.revert("pauseInbound", origin, duration, sender=guardian) == refusal


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
    gateway.send("setRoute", origin, FREE_ROUTE, sender=owner)
    gateway.send("pauseInbound", origin, DAY, sender=guardian)
    recipient = bytes.fromhex("00010000020386 14") + bytes.fromhex(sender[2:])
    gateway.send("sendMessage", recipient, b"", [], sender=sender)


def test_a_route_set_during_a_pause_does_not_end_it(
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
    gateway.send("setRoute", origin, FREE_ROUTE, sender=owner)
    refusal = error("RoutePaused", origin, start + DAY)
    assert gateway.revert("deliver", *probe(origin), sender=relayer) == refusal


def test_a_pause_of_a_closed_route_does_not_open_it(
    gateway: Contract, guardian: str, relayer: str, start: int, probe: Callable[..., Any]
) -> None:
    gateway.send("pauseInbound", REMOTE, DAY, sender=guardian, at=start)
    refusal = error("RouteClosed", REMOTE)
    assert gateway.revert("deliver", *probe(REMOTE), sender=relayer, at=start + DAY) == refusal


def test_a_running_pause_is_not_prolonged(gateway: Contract, guardian: str, origin: int, start: int) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    refusal = error("CoolingDown", origin, start + DAY + COOL_DOWN)
    assert gateway.revert("pauseInbound", origin, 1, sender=guardian, at=start + DAY - 1) == refusal


def test_a_direction_cools_down_from_the_end_of_its_pause(
    gateway: Contract, guardian: str, origin: int, start: int
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    earliest = start + DAY + COOL_DOWN
    refusal = error("CoolingDown", origin, earliest)
    for second in (start + DAY, earliest - 1):
        assert gateway.revert("pauseInbound", origin, 1, sender=guardian, at=second) == refusal
    gateway.send("pauseInbound", origin, 1, sender=guardian, at=earliest)


def test_a_new_guardian_waits_as_long(
    gateway: Contract, owner: str, guardian: str, successor: str, origin: int, start: int
) -> None:
    """Whoever the guardian is: naming others in turn holds up nothing for longer."""
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("setGuardian", successor, sender=owner)
    earliest = start + DAY + COOL_DOWN
    refusal = error("CoolingDown", origin, earliest)
    for second in (start + 1, earliest - 1):
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


@pytest.mark.parametrize("caller", ["guardian", "owner"])
def test_cools_down_from_the_early_end(
    gateway: Contract, guardian: str, origin: int, start: int, caller: str, request: pytest.FixtureRequest
) -> None:
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start)
    gateway.send("unpauseInbound", origin, sender=request.getfixturevalue(caller), at=start + 60)
    earliest = start + 60 + COOL_DOWN
    refusal = error("CoolingDown", origin, earliest)
    for second in (start + 60, earliest - 1):
        assert gateway.revert("pauseInbound", origin, DAY, sender=guardian, at=second) == refusal
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=earliest)


def test_ending_a_pause_leaves_the_others(
    gateway: Contract, guardian: str, origin: int, perps: Stack, start: int
) -> None:
    gateway.send("pauseInbound", perps.chain.chain_id, DAY, sender=guardian, at=start)
    gateway.send("pauseInbound", origin, DAY, sender=guardian, at=start + 1)
    gateway.send("unpauseInbound", origin, sender=guardian, at=start + 60)
    assert gateway.view("pausedUntil", perps.chain.chain_id) == start + DAY


def test_may_be_deployed_without_guardian(
    hub: Stack, owner: str, deployer: str, validators: Validators
) -> None:
    fresh = deploy(
        hub.chain,
        "Metalayer",
        901,
        hub.era.address,
        owner,
        ZERO_ADDRESS,
        validators.argument,
        sender=deployer,
    )
    assert fresh.view("guardian") == ZERO_ADDRESS


# Ownership


def test_owner_is_the_one_of_the_constructor(stacks: dict[str, Stack], owner: str) -> None:
    """P8: the deployer owns nothing, from the first block on."""
    assert {stack.gateway.view("owner") for stack in stacks.values()} == {owner}


PRIVILEGED = {
    "setRoute": (REMOTE, ROUTE),
    "setGuardian": (ZERO_ADDRESS,),
    "restart": (REMOTE, 1),
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


def test_refuses_to_be_deployed_without_owner(
    hub: Stack, guardian: str, validators: Validators, deployer: str
) -> None:
    code = init_code("Metalayer", 901, hub.era.address, ZERO_ADDRESS, guardian, validators.argument)
    assert call(hub.chain, None, code, sender=deployer) == error("OwnableInvalidOwner", ZERO_ADDRESS)


def test_ownership_waits_for_acceptance(gateway: Contract, owner: str, successor: str) -> None:
    receipt = gateway.send("transferOwnership", successor, sender=owner)
    assert receipt.named("OwnershipTransferStarted") == [(owner, successor)]
    assert gateway.view("owner") == owner
    assert gateway.view("pendingOwner") == successor


def test_successor_accepts_ownership(gateway: Contract, owner: str, successor: str) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    receipt = gateway.send("acceptOwnership", sender=successor)
    assert receipt.named("OwnershipTransferred") == [(owner, successor)]
    gateway.send("setRoute", REMOTE, ROUTE, sender=successor)


def test_pending_owner_sets_no_route_yet(gateway: Contract, owner: str, successor: str) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    refusal = error("OwnableUnauthorizedAccount", successor)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=successor) == refusal


def test_former_owner_sets_no_route_any_more(gateway: Contract, owner: str, successor: str) -> None:
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    refusal = error("OwnableUnauthorizedAccount", owner)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=owner) == refusal


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


def test_installs_the_set_of_the_constructor(
    hub: Stack, owner: str, guardian: str, deployer: str, validators: Validators
) -> None:
    """M4: the gateway is complete when it exists; there is nothing to initialise and nothing to repeat."""
    fresh = deploy(
        hub.chain, "Metalayer", 901, hub.era.address, owner, guardian, validators.argument, sender=deployer
    )
    assert fresh.view("validatorSetHash") == validators.set.hash
