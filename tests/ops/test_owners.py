"""P8a: from the first block on, what is owned is owned by timelocks, and these obey their governors alone.

Asserted at every block since genesis, of every contract of the deployment, and of every transaction by its logs: an
owner is the chain's timelock, which stood before; nobody waits to be the next one; each role of a timelock is held by
its governor, or by itself. What is not asserted: until it is sealed, the deployer controls its namespace of the
factory, and may place contracts there. That ends in the deployment's last transaction; `check` compares every byte of
what was placed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.check import check
from metalayer.deploy.names import (
    FACTORY,
    GATEWAY,
    GOVERNOR,
    REMOTE_GOVERNOR,
    SLASHER,
    TIMELOCK,
    VESTING,
    artifact_of,
)
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import code_request, word
from tests.kit import roles
from tests.kit.deployment import Deployment
from tests.kit.evm import ZERO_ADDRESS
from tests.kit.owning import act_as
from tests.kit.roles import ATTACKER, SUCCESSOR, TREASURY, Role

CONTROLLER_OF = Function("controllerOf(address)", "address")
GUARDIAN = Function("guardian()", "address")
HAS_ROLE = Function("hasRole(bytes32,address)", "bool")
OWNER = Function("owner()", "address")
PENDING_OWNER = Function("pendingOwner()", "address")
GRANT_ROLE = Function("grantRole(bytes32,address)")
REVOKE_ROLE = Function("revokeRole(bytes32,address)")
SET_GATEWAY = Function("setGateway(address,bool)")
GATEWAY_ACCEPTED = Event("GatewayAccepted(address indexed,bool)")
OWNERSHIP_TRANSFERRED = Event("OwnershipTransferred(address indexed,address indexed)")
ROLE_GRANTED = Event("RoleGranted(bytes32 indexed,address indexed,address indexed)")
ROLE_REVOKED = Event("RoleRevoked(bytes32 indexed,address indexed,address indexed)")
SEALED = Event("Sealed(address indexed,address indexed)")

ADMIN = bytes(32)
PROPOSER, CANCELLER, EXECUTOR = (
    keccak(text=f"{role}_ROLE") for role in ("PROPOSER", "CANCELLER", "EXECUTOR")
)
PEOPLE = [role.address for role in vars(roles).values() if isinstance(role, Role)]
"""Externally owned accounts, those that deploy and hold offices among them."""

Drift = Callable[[], dict[tuple[str, str], tuple[str, str]]]


def having(artifacts: dict[str, Artifact], registry: Registry, chain: str, name: str) -> list[str]:
    """Addresses of the contracts on a chain that have such a function; not those whose owner is the beneficiary of what
    they hold.
    """
    return [
        contract.address
        for title, contract in registry.chain(chain).contracts.items()
        if artifact_of(title) != VESTING
        and any(item.get("name") == name for item in artifacts[title].abi if item["type"] == "function")
    ]


def governor_on(registry: Registry, chain: str) -> str:
    return registry.contract(chain, GOVERNOR if chain == "hub" else REMOTE_GOVERNOR).address


@pytest.mark.old_states
def test_at_no_block_did_an_account_own_anything(
    deployment: Deployment, artifacts: dict[str, Artifact]
) -> None:
    registry, timelock = deployment.registry, deployment.owner
    factory, deployer = registry.address(FACTORY), registry.deployer
    owned_by_somebody = 0
    for name, connection in deployment.connections.items():
        ownable = having(artifacts, registry, name, "owner")
        guarded = having(artifacts, registry, name, "guardian")
        governor = governor_on(registry, name)
        assert connection.code(governor), "what the timelock obeys is a contract, not somebody's address"
        sealed = False
        for block in range(connection.height() + 1):
            code, controller, *answers = connection.batch(
                [
                    code_request(timelock, block),
                    CONTROLLER_OF.optional(factory, deployer, block=block),
                    *(OWNER.optional(address, block=block) for address in ownable),
                    *(PENDING_OWNER.optional(address, block=block) for address in ownable),
                    *(GUARDIAN.optional(address, block=block) for address in guarded),
                    *(
                        HAS_ROLE.optional(timelock, role, account, block=block)
                        for role in (ADMIN, PROPOSER, CANCELLER, EXECUTOR)
                        for account in (*PEOPLE, deployer, ZERO_ADDRESS)
                    ),
                ]
            )
            owners = {answer for answer in answers[: len(ownable)] if answer is not None}
            pending = set(answers[len(ownable) : 2 * len(ownable)])
            guardians = set(answers[2 * len(ownable) :][: len(guarded)])
            has_role = set(answers[2 * len(ownable) + len(guarded) :])
            assert owners <= {timelock}, f"{name}, block {block}"
            assert code or not owners, f"{name}, block {block}: an owner that does not stand yet"
            assert pending <= {None, ZERO_ADDRESS}
            assert guardians <= {None, deployment.guardian}
            assert has_role <= ({False} if code else {None})
            assert controller in ((timelock,) if sealed else (None, deployer, timelock))
            sealed = controller == timelock
            owned_by_somebody += bool(owners)
        assert sealed
    assert owned_by_somebody > len(deployment.connections)


def test_in_no_transaction_did_an_account_get_anything(
    deployment: Deployment, artifacts: dict[str, Artifact]
) -> None:
    """Not for a moment within a block either: what logs of the whole history say of owners, roles and the namespace."""
    registry, timelock = deployment.registry, deployment.owner
    for name, connection in deployment.connections.items():
        ownable = having(artifacts, registry, name, "owner")
        assert set(ownable) == {
            registry.address(one) for one in ((GATEWAY, SLASHER) if name == "hub" else (GATEWAY,))
        }
        for address in ownable:
            transfers = [event for event, _ in connection.ask(OWNERSHIP_TRANSFERRED.history(address))]
            assert transfers == [(ZERO_ADDRESS, timelock)]
        assert having(artifacts, registry, name, "hasRole") == [timelock]
        granted = {event[:2] for event, _ in connection.ask(ROLE_GRANTED.history(timelock))}
        governor = governor_on(registry, name)
        assert granted == {(ADMIN, timelock)} | {(role, governor) for role in (PROPOSER, CANCELLER, EXECUTOR)}
        assert connection.ask(ROLE_REVOKED.history(timelock)) == []
        seals = [event for event, _ in connection.ask(SEALED.history(registry.address(FACTORY)))]
        assert [to for namespace, to in seals if namespace == registry.deployer] == [timelock]


@pytest.fixture
def registry(deployer: Deployer, deployment: object) -> Registry:
    return deployer.apply(lambda chain, what, left: None)


@pytest.fixture
def drift(deployer: Deployer, registry: Registry) -> Drift:
    """What `check` finds: (chain, subject) -> (expected, found)."""
    resolved = deployer.plan().resolved

    def found() -> dict[tuple[str, str], tuple[str, str]]:
        findings = check(resolved, registry, deployer.connections, deployer.artifacts)
        return {(f.chain, f.subject): (f.expected, f.found) for f in findings if f.is_drift}

    return found


@pytest.mark.parametrize("chain", ["hub", "social"])
@pytest.mark.parametrize("role", ["admin", "proposer", "canceller", "executor"])
def test_check_finds_a_role_of_somebody_else(
    drift: Drift, registry: Registry, connections: dict[str, Connection], chain: str, role: str
) -> None:
    """M27: until it is taken back. The zero address is everybody."""
    timelock, governor = registry.address(TIMELOCK), governor_on(registry, chain)
    holder = timelock if role == "admin" else governor
    id_ = ADMIN if role == "admin" else keccak(text=f"{role.upper()}_ROLE")
    for other in (ATTACKER.address, ZERO_ADDRESS):
        act_as(connections[chain], timelock, timelock, GRANT_ROLE.encode(id_, other))
        assert drift() == {(chain, f"Timelock {role}"): (holder, ", ".join(sorted((holder, other))))}
        act_as(connections[chain], timelock, timelock, REVOKE_ROLE.encode(id_, other))
        assert drift() == {}
    act_as(connections[chain], timelock, timelock, REVOKE_ROLE.encode(id_, holder))
    assert drift() == {(chain, f"Timelock {role}"): (holder, "none")}


def test_check_finds_a_role_that_no_release_knows(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    timelock, id_ = registry.address(TIMELOCK), b"\1" * 32
    act_as(connections["perps"], timelock, timelock, GRANT_ROLE.encode(id_, ATTACKER.address))
    assert drift() == {("perps", f"Timelock role {to_hex(id_)}"): ("none", ATTACKER.address)}


def test_check_finds_a_role_that_no_log_gave(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """Of an account that no log names it cannot know; of one that had the role, it can."""
    hub, timelock = connections["hub"], registry.address(TIMELOCK)
    for call in (GRANT_ROLE, REVOKE_ROLE):
        act_as(hub, timelock, timelock, call.encode(EXECUTOR, SUCCESSOR.address))
    # `_roles`, the timelock's first word of storage: a mapping of roles to (members, admin).
    members = keccak(EXECUTOR + word(0))
    place = keccak(bytes(12) + bytes.fromhex(SUCCESSOR.address[2:]) + members)
    hub.rpc("anvil_setStorageAt", timelock, to_hex(place), to_hex(word(1)))
    governor = governor_on(registry, "hub")
    assert drift() == {
        ("hub", "Timelock executor"): (governor, ", ".join(sorted((governor, SUCCESSOR.address)))),
        ("hub", "Timelock roles"): ("as its logs say", f"executor {SUCCESSOR.address}"),
    }


def test_check_finds_another_gateway_of_decisions(
    drift: Drift, registry: Registry, connections: dict[str, Connection]
) -> None:
    """A view asks for the right one only."""
    timelock, remote = (registry.address(one) for one in (TIMELOCK, REMOTE_GOVERNOR))
    other = registry.address("TokenBridge")
    act_as(connections["arcade"], timelock, remote, SET_GATEWAY.encode(other, True))
    assert drift() == {("arcade", "other gateways of decisions"): ("none", other)}


def test_check_finds_other_first_holders(deployer: Deployer, registry: Registry, drift: Drift) -> None:
    """P8a: what deploy.yaml says of allocations is what the hub minted, to the wei."""
    assert drift() == {}
    genesis = deployer.intent.genesis.model_copy(deep=True)
    genesis.shares.foundation.holders.update({TREASURY.alias: 149_399_999, ATTACKER.address: 1})
    other = deployer.intent.model_copy(update={"genesis": genesis})
    resolved = replace(deployer, intent=other).plan().resolved
    findings = check(resolved, registry, deployer.connections, deployer.artifacts)
    (found,) = [finding for finding in findings if finding.is_drift]
    assert (found.chain, found.subject) == ("hub", "first holders of ERA")
    assert f"{ATTACKER.address} 1" in found.expected.split(", ")
    assert f"{TREASURY.address} 250,749,876" in found.expected
    assert f"{TREASURY.address} 250,749,877" in found.found
    assert f"{registry.address(TIMELOCK)} 210,000,000" in found.found
