"""`ape run check`: every kind of drift is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.accounts import load_sender
from metalayer.calls import Function
from metalayer.chain import Connection, to_hex
from metalayer.check import check
from metalayer.deployment import Deployer
from metalayer.gateway import Route, encode_set_route
from metalayer.registry import Registry

TRANSFER_OWNERSHIP = Function("transferOwnership(address)")
ACCEPT_OWNERSHIP = Function("acceptOwnership()")
OWNER = "TEST::1"

Drift = Callable[[], dict[tuple[str, str], tuple[str, str]]]


@pytest.fixture
def registry(deployer: Deployer, deployment: object) -> Registry:
    return deployer.apply(lambda chain, what, left: None)


@pytest.fixture
def drift(deployer: Deployer, registry: Registry) -> Drift:
    """What differs: (chain, subject) -> (expected, found)."""

    def find() -> dict[tuple[str, str], tuple[str, str]]:
        resolved = resolved_before
        findings = check(resolved, registry, deployer.connections, deployer.artifacts)
        return {(f.chain, f.subject): (f.expected, f.found) for f in findings if f.is_drift}

    resolved_before = deployer.plan().resolved
    return find


def test_a_fresh_deployment_is_clean(drift: Drift) -> None:
    assert drift() == {}


def test_finds_a_single_byte_of_other_code(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    address = registry.address("ERA")
    code = bytearray(connections["arcade"].code(address))
    code[-1] ^= 1
    connections["arcade"].rpc("anvil_setCode", address, to_hex(bytes(code)))
    assert set(drift()) == {("arcade", "ERA code")}


def test_finds_missing_code(drift: Drift, registry: Registry, connections: dict[str, Connection]) -> None:
    connections["perps"].rpc("anvil_setCode", registry.address("TokenBridge"), "0x")
    assert {subject: found for (_, subject), (_, found) in drift().items()} == {"TokenBridge code": "no code"}


def test_finds_a_pending_and_then_another_owner(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    successor, gateway = load_sender("TEST::7"), registry.address("Metalayer")
    connections["hub"].send(load_sender(OWNER), gateway, TRANSFER_OWNERSHIP.encode(successor.address))
    assert drift() == {("hub", "Metalayer pending owner"): ("none", successor.address)}
    connections["hub"].send(successor, gateway, ACCEPT_OWNERSHIP.encode())
    assert drift() == {("hub", "Metalayer owner"): (load_sender(OWNER).address, successor.address)}


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (Route(False, True, 200_000, 2_000_000), "inbound only, gas 200000/2000000"),
        (Route(True, False, 200_000, 2_000_000), "outbound only, gas 200000/2000000"),
        (Route(False, False, 200_000, 2_000_000), "closed, gas 200000/2000000"),
        (Route(True, True, 200_001, 2_000_000), "both ways, gas 200001/2000000"),
    ],
)
def test_finds_a_changed_route(
    drift: Drift, registry: Registry, connections: dict[str, Connection], route: Route, words: str
) -> None:
    data = encode_set_route(connections["hub"].chain.chain_id, route)
    connections["social"].send(load_sender(OWNER), registry.address("Metalayer"), data)
    assert drift() == {("social", "route to and from hub"): ("both ways, gas 200000/2000000", words)}


def test_finds_another_validator_set(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """The set is in storage: found by its value, wherever the compiler put it."""
    arcade, gateway = connections["arcade"], registry.address("Metalayer")
    expected = registry.first_validator_set().hash
    slots = [
        slot
        for slot in range(16)
        if arcade.rpc("eth_getStorageAt", gateway, hex(slot), "latest") == to_hex(expected)
    ]
    assert len(slots) == 1
    other = "0x" + "11" * 32
    arcade.rpc("anvil_setStorageAt", gateway, hex(slots[0]), other)
    assert drift() == {("arcade", "validator set"): (to_hex(expected), other)}


def test_finds_a_namespace_that_was_passed_on(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    seal = Function("seal(address,address)")
    successor = load_sender("TEST::7").address
    data = seal.encode(registry.deployer, successor)
    connections["hub"].send(load_sender(OWNER), registry.address("Create3Factory"), data)
    subject = ("hub", "factory namespace controller")
    assert drift() == {subject: (load_sender(OWNER).address, successor)}


def test_finds_a_registry_of_something_else(deployer: Deployer, registry: Registry) -> None:
    chains = {name: chain for name, chain in registry.chains.items() if name != "perps"}
    other = registry.model_copy(update={"chains": chains})
    resolved = deployer.plan().resolved
    findings = check(resolved, other, deployer.connections, deployer.artifacts)
    found = {(f.chain, f.found) for f in findings if f.is_drift}
    assert found == {("perps", "nothing")}
