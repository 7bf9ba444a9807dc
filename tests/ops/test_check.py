"""`ape metalayer check`: every kind of drift is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.deploy.apply import Deployer
from metalayer.deploy.check import Finding, check, describe_set
from metalayer.deploy.contracts import DEPLOY, SET_GUARDIAN, contracts_of
from metalayer.deploy.drift import HINT
from metalayer.deploy.intent import route_between
from metalayer.deploy.names import AIRDROP, ERA, FACTORY, GATEWAY, SLASHER, STAKING, VESTING
from metalayer.deploy.routes import describe_terms
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol import gateway, slasher, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import to_hex
from tests.kit.deployment import Deployment
from tests.kit.owning import act_as
from tests.kit.roles import ATTACKER, OPERATORS, PAYER, SUCCESSOR

APPROVE = Function("approve(address,uint256)", "bool")
TRANSFER = Function("transfer(address,uint256)", "bool")
PAUSE_INBOUND = Function("pauseInbound(uint256,uint64)")
UNPAUSE_INBOUND = Function("unpauseInbound(uint256)")
SET_WATCHER = Function("setWatcher(address,bool)")
TRANSFER_OWNERSHIP = Function("transferOwnership(address)")
ACCEPT_OWNERSHIP = Function("acceptOwnership()")

Drift = Callable[[], dict[tuple[str, str], tuple[str, str]]]

SETS_SLOT = (
    int.from_bytes(
        keccak((int.from_bytes(keccak(text="metalayer.sets"), "big") - 1).to_bytes(32, "big")), "big"
    )
    & ~0xFF
)


@pytest.fixture
def registry(deployer: Deployer, deployment: object) -> Registry:
    return deployer.apply(lambda chain, what, left: None)


@pytest.fixture
def drift(findings: Callable[[], list[Finding]]) -> Drift:
    """What differs: (chain, subject) -> (expected, found)."""

    return lambda: {(f.chain, f.subject): (f.expected, f.found) for f in findings() if f.is_drift}


@pytest.fixture
def findings(deployer: Deployer, registry: Registry) -> Callable[[], list[Finding]]:
    resolved = deployer.plan().resolved
    return lambda: check(resolved, registry, deployer.connections, deployer.artifacts)


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
    successor, gateway = SUCCESSOR, registry.address("Metalayer")
    owner = registry.chains["hub"].owner
    act_as(connections["hub"], owner, gateway, TRANSFER_OWNERSHIP.encode(successor.address))
    assert drift() == {("hub", "Metalayer pending owner"): ("none", successor.address)}
    connections["hub"].send(successor, gateway, ACCEPT_OWNERSHIP.encode())
    assert drift() == {("hub", "Metalayer owner"): (owner, successor.address)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"default_gas_limit": 200_001}, "gas 200001/2000000/200000, fees "),
        ({"default_return_gas_limit": 1}, "gas 200000/2000000/1, fees "),
        ({"base_fee": 1}, "fees 1/10000/1000/200 + 10 %"),
        ({"gas_fee": 1}, "fees 1000000/1/1000/200 + 10 %"),
        ({"byte_fee": 1}, "fees 1000000/10000/1/200 + 10 %"),
        ({"return_gas_fee": 1}, "fees 1000000/10000/1000/1 + 10 %"),
        ({"protocol_share": 1}, "fees 1000000/10000/1000/200 + 0.01 %"),
    ],
)
def test_finds_changed_terms(
    drift: Drift,
    registry: Registry,
    connections: dict[str, Connection],
    network: Network,
    change: dict[str, Any],
    words: str,
) -> None:
    hub, social = network.hub, network.chains["social"]
    intended = route_between(social, hub).terms
    data = gateway.SET_TERMS.encode(hub.chain_id, replace(intended, **change))
    act_as(connections["social"], registry.chains["social"].owner, registry.address(GATEWAY), data)
    ((subject, (expected, found)),) = drift().items()
    assert subject == ("social", "terms to hub")
    assert expected == describe_terms(intended)
    assert words in found


@pytest.mark.parametrize(
    ("outbound", "inbound", "words", "ends"),
    [
        (False, True, "inbound only", ["hub takes from social, which sends nothing to it"]),
        (True, False, "outbound only", ["hub sends to social, which takes nothing from it"]),
        (
            False,
            False,
            "closed",
            [
                "hub sends to social, which takes nothing from it",
                "hub takes from social, which sends nothing to it",
            ],
        ),
    ],
)
def test_finds_a_closed_route(
    findings: Callable[[], list[Finding]],
    registry: Registry,
    connections: dict[str, Connection],
    network: Network,
    outbound: bool,
    inbound: bool,
    words: str,
    ends: list[str],
) -> None:
    """And what that makes of the lanes: each has two ends."""
    data = gateway.SET_OPEN.encode(network.hub.chain_id, outbound, inbound)
    act_as(connections["social"], registry.chains["social"].owner, registry.address(GATEWAY), data)
    (found,) = [finding for finding in findings() if finding.is_drift]
    assert (found.chain, found.subject) == ("social", "route to and from hub")
    assert (found.expected, found.found) == ("both ways", words)
    hint, *said = found.advice.splitlines()
    assert hint == HINT
    assert said == ends


def test_finds_routes_to_chains_that_networks_yaml_does_not_name(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """Once it is closed again, nothing is left but its terms."""
    social, owner, address = connections["social"], registry.chains["social"].owner, registry.address(GATEWAY)
    terms = gateway.Terms(200_000, 2_000_000)
    act_as(social, owner, address, gateway.SET_TERMS.encode(77, terms))
    assert drift() == {}
    act_as(social, owner, address, gateway.SET_OPEN.encode(77, False, True))
    words = f"chain 77: inbound only, {describe_terms(terms)}"
    assert drift() == {("social", "other routes"): ("none", words)}
    act_as(social, owner, address, gateway.SET_OPEN.encode(77, False, False))
    assert drift() == {}


def test_finds_what_is_in_force_until_it_ends(
    drift: Drift, registry: Registry, connections: dict[str, Connection], network: Network
) -> None:
    perps, guardian, hub = connections["perps"], registry.address("Guardian"), network.hub.chain_id
    council, address = registry.chains["perps"].contracts["Guardian"].arguments["initialCouncil"], guardian
    act_as(perps, council, address, PAUSE_INBOUND.encode(hub, 3_600))
    ((subject, (expected, found)),) = drift().items()
    assert (subject, expected) == (("perps", "pause of hub"), "none")
    assert found.startswith("until 20")
    act_as(perps, council, address, UNPAUSE_INBOUND.encode(hub))
    assert drift() == {}


def test_finds_watchers_that_deploy_yaml_does_not_name(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """Until the council removes them."""
    arcade, guardian = connections["arcade"], registry.address("Guardian")
    council = registry.chains["arcade"].contracts["Guardian"].arguments["initialCouncil"]
    act_as(arcade, council, guardian, SET_WATCHER.encode(SUCCESSOR.address, True))
    assert drift() == {("arcade", "other watchers"): ("none", SUCCESSOR.address)}
    act_as(arcade, council, guardian, SET_WATCHER.encode(SUCCESSOR.address, False))
    assert drift() == {}


def test_a_pardon_and_a_stake_that_grows_are_no_drift(
    drift: Drift, registry: Registry, connections: dict[str, Connection], network: Network
) -> None:
    """Logs say so: nothing of it is deploy.yaml's business."""
    hub, owner = connections["hub"], registry.chains["hub"].owner
    lane = network.hub.chain_id, network.chains["arcade"].chain_id
    act_as(hub, owner, registry.address(SLASHER), slasher.PARDON.encode(*lane, 3))
    act_as(hub, owner, registry.address(SLASHER), slasher.PARDON_SETS.encode(1))
    act_as(hub, owner, registry.address(ERA), TRANSFER.encode(OPERATORS[0].address, 10**18))
    hub.send(OPERATORS[0], registry.address(ERA), APPROVE.encode(registry.address(STAKING), 10**18))
    hub.send(OPERATORS[0], registry.address(STAKING), staking.ADD_OWN.encode(1, 10**18))
    assert drift() == {}


def test_finds_another_guardian(drift: Drift, registry: Registry, connections: dict[str, Connection]) -> None:
    successor, guardian = SUCCESSOR.address, registry.address("Guardian")
    data = SET_GUARDIAN.encode(successor)
    act_as(connections["perps"], registry.chains["perps"].owner, registry.address(GATEWAY), data)
    assert drift() == {("perps", "guardian"): (guardian, successor)}


def test_finds_another_validator_set(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """The set is in storage, at the place that its name gives (ERC-7201)."""
    arcade, gateway = connections["arcade"], registry.address("Metalayer")
    expected = registry.first_validator_set().hash
    slots = [
        slot
        for slot in [SETS_SLOT]
        if arcade.rpc("eth_getStorageAt", gateway, hex(slot), "latest") == to_hex(expected)
    ]
    assert len(slots) == 1
    other = "0x" + "11" * 32
    arcade.rpc("anvil_setStorageAt", gateway, hex(slots[0]), other)
    assert drift() == {("arcade", "installed validator set"): ("one that Staking published", other)}


@pytest.fixture
def published(registry: Registry, connections: dict[str, Connection]) -> ValidatorSet:
    """The second set, which no gateway has."""
    for connection in connections.values():
        connection.rpc("evm_increaseTime", hex(staking.TERM))
        connection.rpc("anvil_mine", "0x1")
    receipt = connections["hub"].send(PAYER, registry.address(STAKING), staking.SNAPSHOT.encode())
    (second,) = staking.SET_PUBLISHED.found_in(receipt["logs"], registry.address(STAKING))
    return second


def test_finds_the_chains_that_are_behind(
    deployer: Deployer, registry: Registry, connections: dict[str, Connection], published: ValidatorSet
) -> None:
    """Another set that Staking published is no fault of a chain; it lacks a rotation."""
    adopting = gateway.ADOPT.encode(published)
    connections["hub"].send(PAYER, registry.address(GATEWAY), adopting)
    deployed = Deployment.of(registry, connections)
    deployed.rotate("arcade", published)
    resolved = deployer.plan().resolved
    findings = check(resolved, registry, deployer.connections, deployer.artifacts)
    differing = {(f.chain, f.subject): f for f in findings if f.is_drift}
    assert set(differing) == {("perps", "validator set"), ("social", "validator set")}
    behind = differing["perps", "validator set"]
    assert behind.expected == describe_set(published)
    assert behind.found == describe_set(registry.first_validator_set())
    assert behind.found.startswith("version 1, expires 20")
    assert behind.advice == "perps is behind: `ape metalayer relay once` brings version 2"
    for name in ("perps", "social"):
        deployed.rotate(name, published)
    assert not any(f.is_drift for f in check(resolved, registry, deployer.connections, deployer.artifacts))


def test_finds_sets_that_staking_never_published(
    deployer: Deployer, registry: Registry, connections: dict[str, Connection]
) -> None:
    """A quorum can install one, on any chain but the hub: the first set may be right nevertheless."""
    deployed = Deployment.of(registry, connections)
    forged = deployed.next_set(2)
    deployed.rotate("arcade", forged)
    resolved = deployer.plan().resolved
    findings = check(resolved, registry, deployer.connections, deployer.artifacts)
    assert {(f.chain, f.subject): (f.expected, f.found) for f in findings if f.is_drift} == {
        ("arcade", "installed validator set"): ("one that Staking published", to_hex(forged.hash))
    }
    other = replace(resolved.sets, published=(forged,))
    found = check(resolved.starting_from(other), registry, deployer.connections, deployer.artifacts)
    firsts = {f.chain for f in found if f.is_drift and f.subject == "first validator set"}
    assert firsts == set(connections)


def test_finds_that_too_few_seats_are_taken(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    hub, contract = connections["hub"], registry.address(STAKING)
    hub.send(OPERATORS[0], contract, staking.LEAVE.encode(1))
    assert drift() == {}, "four are enough for a set"
    hub.send(OPERATORS[1], contract, staking.LEAVE.encode(2))
    assert drift() == {("hub", "seats"): ("enough for a set", "3 taken")}


def test_reads_what_staking_and_slasher_keep_for_ever(
    deployer: Deployer, registry: Registry, findings: Callable[[], list[Finding]]
) -> None:
    found = {finding.subject: finding.found for finding in findings() if finding.chain == "hub"}
    domain = to_hex(registry.domain.separator)
    addresses = deployer.plan().resolved.addresses
    for subject, value in {
        "Staking ERA": addresses["ERA"],
        "Staking SET_BUILDER": addresses["SetBuilder"],
        "Staking SLASHER": addresses["Slasher"],
        "Staking TREASURY": addresses["Timelock"],
        "ERA TREASURY": addresses["Timelock"],
        "Staking ATTESTATION_DOMAIN": domain,
        "Staking MIN_OWN": str(100_000 * 10**18),
        "Staking SEATS": "16",
        "Slasher ATTESTATION_DOMAIN": domain,
        "Slasher GATEWAY": addresses["Metalayer"],
        "Slasher STAKING": addresses["Staking"],
        "Slasher owner": addresses["Timelock"],
        "Metalayer collector": addresses["FeeCollector"],
        "FeeCollector STAKING": addresses["Staking"],
    }.items():
        assert found[subject] == value, subject


def test_finds_a_namespace_that_was_passed_on(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    seal = Function("seal(address,address)")
    successor = SUCCESSOR.address
    data = seal.encode(registry.deployer, successor)
    owner = registry.chains["hub"].owner
    act_as(connections["hub"], owner, registry.address("Create3Factory"), data)
    subject = ("hub", "factory namespace controller")
    assert drift() == {subject: (owner, successor)}


def test_finds_a_registry_of_something_else(deployer: Deployer, registry: Registry) -> None:
    chains = {name: chain for name, chain in registry.chains.items() if name != "perps"}
    other = registry.model_copy(update={"chains": chains})
    resolved = deployer.plan().resolved
    findings = check(resolved, other, deployer.connections, deployer.artifacts)
    found = {(f.chain, f.found) for f in findings if f.is_drift}
    assert found == {("perps", "nothing")}


def test_finds_code_where_this_network_has_a_contract_on_other_chains_alone(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """The deployer placed it there: to people it is `Airdrop`, and calls come from its address."""
    address = registry.contract("hub", AIRDROP).address
    connections["arcade"].rpc("anvil_setCode", address, "0x00")
    assert drift() == {("arcade", "contracts of other chains"): ("none", f"{AIRDROP} {address}")}


def test_finds_another_deployment_proxy(drift: Drift, connections: dict[str, Connection]) -> None:
    """Then the factory's address says nothing about the code that created it."""
    connections["perps"].rpc("anvil_setCode", ARACHNID, "0x00")
    found = f"other code at {ARACHNID}"
    assert drift() == {("perps", "deterministic deployment proxy"): ("as everywhere", found)}


@pytest.mark.parametrize("name", ["VestingTeam1", AIRDROP])
def test_finds_locked_era_that_somebody_else_may_spend(
    drift: Drift, registry: Registry, connections: dict[str, Connection], name: str
) -> None:
    """As other creation code could leave it, and that behind it the right code."""
    address = registry.contract("hub", name).address
    act_as(connections["hub"], address, registry.address(ERA), APPROVE.encode(ATTACKER.address, 2**256 - 1))
    assert drift() == {("hub", f"{name} lets others spend"): ("none", ATTACKER.address)}


def test_finds_another_first_beneficiary(
    deployer: Deployer, deployment: object, connections: dict[str, Connection]
) -> None:
    """Of a contract at the address that belongs to somebody's ERA. The code and the
    terms are right: in storage alone is whose it is.
    """
    desired = deployer.plan().resolved.chains["hub"]
    declared = next(one for one in contracts_of(desired) if one.name == "VestingTeam1")
    arguments = {**declared.arguments(desired), "beneficiary": ATTACKER.address}
    lying = replace(declared, arguments=lambda desired: arguments)
    code = lying.init_code(desired, deployer.artifacts[VESTING])
    placing = DEPLOY.encode(desired.deployer, declared.salt, code)
    act_as(connections["hub"], desired.deployer, desired.addresses[FACTORY], placing)
    registry = deployer.apply(lambda chain, what, left: None)
    found = check(deployer.plan().resolved, registry, deployer.connections, deployer.artifacts)
    beneficiary = next(one.beneficiary for one in desired.genesis.wallets if one.name == "VestingTeam1")
    assert {(f.chain, f.subject): (f.expected, f.found) for f in found if f.is_drift} == {
        ("hub", "VestingTeam1 first beneficiary"): (beneficiary, ATTACKER.address)
    }
