"""Who holds which office of a Guardian, who names them, and that nobody else can do anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.evm import ZERO_ADDRESS, Contract, call, deploy, error, init_code
from tests.kit.offices import COUNCIL, KEEPER, OTHER_WATCHER, TERMS, WATCHER
from tests.kit.paper import DAY

OF_WATCHERS = ("emergencyPause", "emergencyHold")
NOBODY = "0x000000000000000000000000000000000000bEEF"


# At deployment


def test_offices_are_filled_at_deployment(guard: Contract) -> None:
    assert guard.view("council") == COUNCIL
    assert guard.view("feeKeeper") == KEEPER
    assert [guard.view("isWatcher", account) for account in (WATCHER, OTHER_WATCHER)] == [True, True]
    assert [guard.view("isWatcher", account) for account in (COUNCIL, KEEPER, ZERO_ADDRESS)] == [False] * 3


def test_is_not_deployed_without_a_council(guard: Contract, deployer: str) -> None:
    def deployed(council: str) -> Any:
        places = (guard.view("GATEWAY"), guard.view("BRIDGE"), ZERO_ADDRESS)
        code = init_code("Guardian", *places, council, KEEPER, [])
        return call(guard.chain, None, code, sender=deployer)

    assert deployed(ZERO_ADDRESS) == error("ZeroCouncil")
    assert isinstance(deployed(COUNCIL), bytes)


def test_is_deployed_without_keeper_and_watchers(guard: Contract, deployer: str) -> None:
    places = (guard.view("GATEWAY"), guard.view("BRIDGE"), ZERO_ADDRESS)
    bare = deploy(guard.chain, "Guardian", *places, COUNCIL, ZERO_ADDRESS, [], sender=deployer)
    assert bare.view("feeKeeper") == ZERO_ADDRESS


# The council


def test_the_gateways_owner_names_the_council(guard: Contract, owner: str, successor: str) -> None:
    receipt = guard.send("setCouncil", successor, sender=owner)
    assert receipt.named("CouncilSet") == [(successor,)]
    assert guard.view("council") == successor


def test_a_replaced_council_can_do_nothing(
    guard: Contract, owner: str, successor: str, spoke: int, hub_id: int
) -> None:
    guard.send("pauseInbound", spoke, DAY, sender=COUNCIL)
    guard.send("hold", spoke, DAY, sender=COUNCIL)
    guard.send("setCouncil", successor, sender=owner)
    for method, arguments in _of_the_council(spoke, hub_id):
        refusal = error("NotCouncil", COUNCIL)
        assert guard.revert(method, *arguments, sender=COUNCIL) == refusal, method
        guard.send(method, *arguments, sender=successor)


def test_watchers_and_keeper_stay_under_another_council(
    guard: Contract, owner: str, successor: str, spoke: int
) -> None:
    guard.send("setCouncil", successor, sender=owner)
    for method in OF_WATCHERS:
        guard.send(method, spoke, sender=WATCHER)
    guard.send("setTerms", spoke, TERMS, sender=KEEPER)
    guard.send("setWatcher", WATCHER, False, sender=successor)
    for method in OF_WATCHERS:
        assert guard.revert(method, spoke, sender=WATCHER) == error("NotWatcher", WATCHER)


@pytest.mark.parametrize("caller", ["council", "keeper", "watcher", "successor", "deployer", "attacker"])
def test_refuses_a_council_of_others(guard: Contract, caller: str, request: pytest.FixtureRequest) -> None:
    account = request.getfixturevalue(caller)
    assert guard.revert("setCouncil", account, sender=account) == error("NotOwner", account)


def test_refuses_the_zero_council(guard: Contract, owner: str) -> None:
    assert guard.revert("setCouncil", ZERO_ADDRESS, sender=owner) == error("ZeroCouncil")


def test_the_council_follows_the_ownership_of_the_gateway(
    guard: Contract, gateway: Contract, owner: str, successor: str, attacker: str
) -> None:
    """From the second in which it is accepted, not from that in which it is offered."""
    gateway.send("transferOwnership", successor, sender=owner)
    assert guard.revert("setCouncil", attacker, sender=successor) == error("NotOwner", successor)
    guard.send("setCouncil", owner, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    assert guard.revert("setCouncil", attacker, sender=owner) == error("NotOwner", owner)
    guard.send("setCouncil", COUNCIL, sender=successor)


# Watchers and the fee keeper


def test_the_council_names_a_watcher(guard: Contract, successor: str, spoke: int) -> None:
    for method in OF_WATCHERS:
        assert guard.revert(method, spoke, sender=successor) == error("NotWatcher", successor)
    receipt = guard.send("setWatcher", successor, True, sender=COUNCIL)
    assert receipt.named("WatcherSet") == [(successor, True)]
    for method in OF_WATCHERS:
        guard.send(method, spoke, sender=successor)


def test_the_council_removes_a_watcher(guard: Contract, spoke: int) -> None:
    receipt = guard.send("setWatcher", WATCHER, False, sender=COUNCIL)
    assert receipt.named("WatcherSet") == [(WATCHER, False)]
    for method in OF_WATCHERS:
        assert guard.revert(method, spoke, sender=WATCHER) == error("NotWatcher", WATCHER)
        guard.send(method, spoke, sender=OTHER_WATCHER)


def test_the_council_replaces_the_keeper(guard: Contract, successor: str, spoke: int) -> None:
    receipt = guard.send("setFeeKeeper", successor, sender=COUNCIL)
    assert receipt.named("FeeKeeperSet") == [(successor,)]
    assert guard.revert("setTerms", spoke, TERMS, sender=KEEPER) == error("NotFeeKeeper", KEEPER)
    guard.send("setTerms", spoke, TERMS, sender=successor)


def test_without_a_keeper_nobody_sets_terms(guard: Contract, owner: str, spoke: int) -> None:
    guard.send("setFeeKeeper", ZERO_ADDRESS, sender=COUNCIL)
    for account in (KEEPER, COUNCIL, owner):
        assert guard.revert("setTerms", spoke, TERMS, sender=account) == error("NotFeeKeeper", account)


# Everything that a Guardian does, and who is refused


def _of_the_council(spoke: int, hub_id: int) -> list[tuple[str, tuple[Any, ...]]]:
    """Calls that all succeed, in this order, where deliveries and value from the spoke are held up."""
    return [
        ("hold", (spoke, 2 * DAY)),
        ("unhold", (spoke,)),
        ("pauseInbound", (spoke, 2 * DAY)),
        ("unpauseInbound", (spoke,)),
        ("restart", (hub_id, 1)),
        ("setWatcher", (NOBODY, True)),
        ("setFeeKeeper", (NOBODY,)),
    ]


@pytest.mark.parametrize("caller", ["owner", "keeper", "watcher", "successor", "deployer", "attacker"])
def test_the_council_alone_does_what_is_the_councils(
    guard: Contract, spoke: int, hub_id: int, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    guard.send("pauseInbound", spoke, DAY, sender=COUNCIL)
    guard.send("hold", spoke, DAY, sender=COUNCIL)
    for method, arguments in _of_the_council(spoke, hub_id):
        assert guard.revert(method, *arguments, sender=account) == error("NotCouncil", account), method
        guard.send(method, *arguments, sender=COUNCIL)


@pytest.mark.parametrize("caller", ["owner", "council", "keeper", "successor", "deployer", "attacker"])
@pytest.mark.parametrize("method", OF_WATCHERS)
def test_watchers_alone_pause_and_hold_as_watchers(
    guard: Contract, spoke: int, method: str, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    assert guard.revert(method, spoke, sender=account) == error("NotWatcher", account)
    guard.send(method, spoke, sender=WATCHER)


@pytest.mark.parametrize("caller", ["owner", "council", "watcher", "successor", "deployer", "attacker"])
def test_the_keeper_alone_sets_terms(
    guard: Contract, spoke: int, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    assert guard.revert("setTerms", spoke, TERMS, sender=account) == error("NotFeeKeeper", account)
    guard.send("setTerms", spoke, TERMS, sender=KEEPER)


@pytest.mark.parametrize("account", [COUNCIL, WATCHER, KEEPER], ids=["council", "watcher", "keeper"])
def test_gateway_and_bridge_hear_no_officer_directly(
    gateway: Contract, bridge: Contract, account: str, spoke: int, hub_id: int
) -> None:
    """They have no more than what the Guardian passes on."""
    refusal = error("NotGuardian", account)
    assert gateway.revert("pauseInbound", spoke, DAY, sender=account) == refusal
    assert gateway.revert("unpauseInbound", spoke, sender=account) == refusal
    assert gateway.revert("restart", hub_id, 1, sender=account) == refusal
    assert gateway.revert("setTerms", spoke, TERMS, sender=account) == refusal
    for method, arguments in (("hold", (spoke, DAY)), ("unhold", (spoke,))):
        assert bridge.revert(method, *arguments, sender=account) == error("NotBridgeGuardian", account)


def test_when_the_owner_names_another_guardian_this_one_has_no_rights(
    guard: Contract,
    gateway: Contract,
    place_guardian: Callable[..., Contract],
    owner: str,
    spoke: int,
    hub_id: int,
) -> None:
    other = place_guardian(gateway.address, guard.chain, bridge=guard.view("BRIDGE"))
    guard.send("pauseInbound", spoke, DAY, sender=COUNCIL)
    guard.send("hold", spoke, DAY, sender=COUNCIL)
    gateway.send("setGuardian", other.address, sender=owner)
    refusal = error("NotGuardian", guard.address)
    of_bridge = error("NotBridgeGuardian", guard.address)
    assert guard.revert("emergencyPause", hub_id, sender=WATCHER) == refusal
    assert guard.revert("emergencyHold", hub_id, sender=WATCHER) == of_bridge
    assert guard.revert("setTerms", spoke, TERMS, sender=KEEPER) == refusal
    for method, arguments in _of_the_council(spoke, hub_id)[:5]:
        refused = of_bridge if method in ("hold", "unhold") else refusal
        assert guard.revert(method, *arguments, sender=COUNCIL) == refused, method
        other.send(method, *arguments, sender=COUNCIL)
    for method in OF_WATCHERS:
        other.send(method, hub_id, sender=WATCHER)
    other.send("setTerms", spoke, TERMS, sender=KEEPER)
