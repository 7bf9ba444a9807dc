"""`ape metalayer check` names whatever did not come from our creation code and arguments, however it was placed.

Constructors write storage, approve, and call: the right runtime code alone says nothing about that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.deploy.apply import Deployer
from metalayer.deploy.check import Finding, check
from metalayer.deploy.contracts import DEPLOY, contracts_of
from metalayer.deploy.creations import creations
from metalayer.deploy.desired import Desired
from metalayer.deploy.inspection import inspect
from metalayer.deploy.names import AIRDROP, FACTORY, FEE_COLLECTOR, TIMELOCK
from metalayer.network.connection import Connection
from metalayer.protocol import airdrop
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import word
from tests.kit.faults import Refuses
from tests.kit.node import Node
from tests.kit.owning import act_as
from tests.kit.roles import ATTACKER, PAYER, SUCCESSOR

APPROVE = Function("approve(address,bytes32,bytes32)")
GRANT_ROLE = Function("grantRole(bytes32,address)")
REVOKE_ROLE = Function("revokeRole(bytes32,address)")
SALT = keccak(text=AIRDROP)
CLEAN = ("of the artifacts", "of the artifacts")

Drift = dict[tuple[str, str], tuple[str, str]]


@pytest.fixture
def hub(connections: dict[str, Connection], deployment: object) -> Connection:
    return connections["hub"]


@pytest.fixture
def desired(deployer: Deployer, hub: Connection) -> Desired:
    return deployer.plan().resolved.chains["hub"]


@pytest.fixture
def honest(deployer: Deployer, desired: Desired) -> bytes:
    """What should create the airdrop."""
    declared = next(one for one in contracts_of(desired) if one.name == AIRDROP)
    return declared.init_code(desired, deployer.artifacts[AIRDROP])


@pytest.fixture
def other(deployer: Deployer, hub: Connection, desired: Desired) -> bytes:
    """What leaves the same code, and an airdrop in which somebody has claimed already: no log, no view tells."""
    runtime = inspect(hub, desired, deployer.artifacts).expected[AIRDROP]
    claimed = keccak(word(int(PAYER.address, 16)) + word(0))
    # SSTORE, CODECOPY, RETURN.
    head = (
        b"\x60\x01\x7f" + claimed + b"\x55\x61" + len(runtime).to_bytes(2) + b"\x80\x60\x2e\x5f\x39\x5f\xf3"
    )
    assert len(head) == 0x2E
    return head + runtime


@pytest.fixture
def drift(deployer: Deployer, hub: Connection) -> Callable[[], Drift]:
    """What differs once the rest is deployed."""

    def read() -> Drift:
        return {(f.chain, f.subject): (f.expected, f.found) for f in findings(deployer) if f.is_drift}

    return read


def findings(deployer: Deployer, connections: dict[str, Connection] | None = None) -> list[Finding]:
    registry = deployer.apply(lambda chain, what, left: None)
    resolved = deployer.plan().resolved
    return check(resolved, registry, connections or deployer.connections, deployer.artifacts)


def calling(to: str, data: bytes, gas: int = 3_000_000) -> bytes:
    """Runtime code that calls with this data, whatever it is told, and returns true."""
    call = b"\x5f\x5f\x61" + len(data).to_bytes(2) + b"\x5f\x5f\x73" + bytes.fromhex(to[2:])
    call += b"\x63" + gas.to_bytes(4) + b"\xf1"
    # MSTORE of 1, RETURN.
    call += b"\x50\x60\x01\x5f\x52\x60\x20\x5f\xf3"
    return b"\x61" + len(data).to_bytes(2) + b"\x60" + bytes([7 + len(call)]) + b"\x5f\x39" + call + data


def approve(hub: Connection, desired: Desired, code: bytes) -> None:
    data = APPROVE.encode(desired.deployer, SALT, keccak(code))
    act_as(hub, desired.deployer, desired.addresses[FACTORY], data)


def place_through_another(hub: Connection, desired: Desired, code: bytes, told: bytes) -> str:
    """The hash of a transaction that tells a contract one thing, which it does not do."""
    placing = DEPLOY.encode(desired.deployer, SALT, code)
    hub.rpc("anvil_setCode", SUCCESSOR.address, to_hex(calling(desired.addresses[FACTORY], placing)))
    data = DEPLOY.encode(desired.deployer, SALT, told)
    return str(act_as(hub, ATTACKER.address, SUCCESSOR.address, data)["transactionHash"])


def test_finds_the_right_code_that_other_creation_code_left(
    drift: Callable[[], Drift], hub: Connection, desired: Desired, other: bytes
) -> None:
    placing = DEPLOY.encode(desired.deployer, SALT, other)
    sent = act_as(hub, desired.deployer, desired.addresses[FACTORY], placing)
    assert hub.view(desired.addresses[AIRDROP], airdrop.IS_CLAIMED, PAYER.address)
    found = f"other code, in {sent['transactionHash']}"
    assert drift() == {("hub", f"{AIRDROP} creation code"): ("of the artifacts", found)}


@pytest.mark.parametrize("is_ours", [False, True])
def test_calldata_is_read_as_the_factory_reads_it(
    drift: Callable[[], Drift], hub: Connection, desired: Desired, honest: bytes, other: bytes, is_ours: bool
) -> None:
    """Not as it is usually encoded: the code behind a gap, and more behind the code."""
    code = honest if is_ours else other
    placing = DEPLOY.encode(desired.deployer, SALT, code)
    assert placing[68:100] == word(96)
    placing = placing[:68] + word(128) + bytes(32) + placing[100:] + b"\xff" * 32
    sent = act_as(hub, desired.deployer, desired.addresses[FACTORY], placing)
    found = f"other code, in {sent['transactionHash']}"
    wrong = {("hub", f"{AIRDROP} creation code"): ("of the artifacts", found)}
    assert drift() == ({} if is_ours else wrong)


def test_what_others_than_the_factory_were_told_is_no_word_of_it(
    drift: Callable[[], Drift], hub: Connection, desired: Desired, honest: bytes, other: bytes
) -> None:
    """Approved creation code, which a contract brings whatever it is told: its calldata names an honest one."""
    approve(hub, desired, other)
    sent = place_through_another(hub, desired, other, told=honest)
    found = f"other code, in {sent}"
    assert drift() == {("hub", f"{AIRDROP} creation code"): ("of the artifacts", found)}


def test_an_approved_hash_is_no_word_of_what_its_controller_placed(
    drift: Callable[[], Drift], hub: Connection, desired: Desired, honest: bytes, other: bytes
) -> None:
    """A controller that is a contract, or delegates to one, needs no approval: it approves one thing, and places
    another.
    """
    approve(hub, desired, honest)
    placing = DEPLOY.encode(desired.deployer, SALT, other)
    hub.rpc("anvil_setCode", desired.deployer, to_hex(calling(desired.addresses[FACTORY], placing)))
    sent = act_as(hub, ATTACKER.address, desired.deployer, b"")
    hub.rpc("anvil_setCode", desired.deployer, "0x")
    found = f"other code, in {sent['transactionHash']}"
    assert drift() == {("hub", f"{AIRDROP} creation code"): ("of the artifacts", found)}


def test_honest_code_through_another_contract_is_clean_where_the_node_traces_it(
    deployer: Deployer, hub: Connection, desired: Desired, honest: bytes, other: bytes
) -> None:
    """As through a Safe. Where it does not, nobody says so."""
    approve(hub, desired, honest)
    sent = place_through_another(hub, desired, honest, told=other)
    found = {f.subject: (f.expected, f.found) for f in findings(deployer) if f.chain == "hub"}
    assert found[f"{AIRDROP} creation code"] == CLEAN
    with untraced(hub) as deaf:
        differing = [f for f in findings(deployer, {**deployer.connections, "hub": deaf}) if f.is_drift]
    (finding,) = differing
    assert finding.subject == f"{AIRDROP} creation code"
    assert finding.found.startswith(
        f"not known: {sent} placed it through {SUCCESSOR.address}: its node does not trace it "
        "(debug_traceTransaction: "
    )
    assert finding.advice == "hub: a node that has debug_traceTransaction tells (`--rpc hub=URL`)"


@contextmanager
def untraced(connection: Connection) -> Iterator[Connection]:
    with Node(connection.url, [Refuses("debug_*")]) as node:
        yield Connection(replace(connection.chain, base_port=None, remote_url=node.url))


def test_what_a_constructor_places_is_not_what_its_transaction_brought(
    deployer: Deployer, connections: dict[str, Connection], desired: Desired
) -> None:
    """Honest code for a namespace of the attacker, in calldata for the factory: its constructor calls a contract that
    places other code under the same salt of ours.
    """
    on_arcade = deployer.plan().resolved.chains["arcade"]
    arcade, factory, salt = connections["arcade"], desired.addresses[FACTORY], keccak(text=FEE_COLLECTOR)
    other = bytes.fromhex("60015ff3")
    approving = APPROVE.encode(desired.deployer, salt, keccak(other))
    act_as(arcade, desired.deployer, factory, approving)
    # Each call of the constructor tries it again, and loses all the gas of that.
    inner = calling(factory, DEPLOY.encode(desired.deployer, salt, other), gas=300_000)
    arcade.rpc("anvil_setCode", SUCCESSOR.address, to_hex(inner))
    said = [SUCCESSOR.address] * 3 + [desired.network_id, SUCCESSOR.address]
    outer = deployer.artifacts[FEE_COLLECTOR].creation + encode(
        ["address", "address", "address", "uint256", "address"], said
    )
    sent = act_as(arcade, ATTACKER.address, factory, DEPLOY.encode(ATTACKER.address, salt, outer))
    assert arcade.code(on_arcade.addresses[FEE_COLLECTOR]) == bytes(1)
    creation = creations(arcade, on_arcade, deployer.artifacts, [FEE_COLLECTOR])[FEE_COLLECTOR]
    assert (creation.hash, creation.arguments, creation.is_ours) == (sent["transactionHash"], None, False)


def test_finds_a_timelock_that_somebody_else_governed_first(
    drift: Callable[[], Drift], deployer: Deployer, hub: Connection, desired: Desired
) -> None:
    """Its roles are right again, as its logs say: but it may have approved, or sent, whatever that one wanted."""
    declared = next(one for one in contracts_of(desired) if one.name == TIMELOCK)
    arguments = {**declared.arguments(desired), "governor": ATTACKER.address}
    lying = replace(declared, arguments=lambda desired: arguments)
    code = lying.init_code(desired, deployer.artifacts[TIMELOCK])
    place, timelock = desired.addresses[FACTORY], desired.addresses[TIMELOCK]
    act_as(hub, desired.deployer, place, DEPLOY.encode(desired.deployer, declared.salt, code))
    for role in ("PROPOSER", "CANCELLER", "EXECUTOR"):
        id_ = keccak(text=f"{role}_ROLE")
        # What the attacker has it do.
        act_as(hub, timelock, timelock, GRANT_ROLE.encode(id_, desired.governor))
        act_as(hub, timelock, timelock, REVOKE_ROLE.encode(id_, ATTACKER.address))
    wrong = (f"governor {desired.governor}", f"governor {ATTACKER.address}")
    assert drift() == {("hub", f"{TIMELOCK} created with"): wrong}
