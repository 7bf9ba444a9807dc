"""Roles, and the contracts of three chains at the same addresses with known validator keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.facts import Tree
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, init_code, now, transact
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.roles import (
    ATTACKER,
    BENEFICIARY,
    DEPOSITOR,
    DEVELOPER,
    GUARDIAN,
    OWNER,
    PAUPER,
    RELAYER,
    RIVAL,
    SENDER,
    SUCCESSOR,
    TREASURY,
    Role,
)
from tests.kit.settlement import FUNDS, Origin
from tests.kit.stack import CHAINS, Stack
from tests.kit.terms import OPEN_ROUTE

ARACHNID_FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"


def acting(role: Role) -> Callable[[], str]:
    """A fixture: the address of a role."""

    @pytest.fixture(scope="session")
    def address() -> str:
        return role.address

    return address


owner = acting(OWNER)
guardian = acting(GUARDIAN)
treasury = acting(TREASURY)
relayer = acting(RELAYER)
carrier = acting(RIVAL)
sender = acting(SENDER)
depositor = acting(DEPOSITOR)
beneficiary = acting(BENEFICIARY)
delegatee = acting(PAUPER)
successor = acting(SUCCESSOR)
attacker = acting(ATTACKER)
# Deploys nothing else: its namespace of the factory is ours alone.
deployer = acting(DEVELOPER)


@pytest.fixture(scope="session")
def validators(chains: dict[str, BoundChain]) -> Validators:
    """Five validators of equal weight: four are a quorum."""
    return Validators([1] * 5, expires=now(chains["hub"]) + 1000 * DAY)


@pytest.fixture(scope="session")
def stacks(
    chains: dict[str, BoundChain],
    validators: Validators,
    deployer: str,
    owner: str,
    guardian: str,
    treasury: str,
) -> dict[str, Stack]:
    """Gateway, ERA, bridge and a scripted recipient on three chains; every route open."""
    deployed = {
        name: _deploy(chains, name, validators, deployer, owner, guardian, treasury) for name in CHAINS
    }
    for stack in deployed.values():
        for other in deployed.values():
            if other is not stack:
                stack.gateway.send("setRoute", other.chain.chain_id, OPEN_ROUTE, sender=owner)
    return deployed


@pytest.fixture(scope="session")
def hub(stacks: dict[str, Stack]) -> Stack:
    return stacks["hub"]


@pytest.fixture(scope="session")
def arcade(stacks: dict[str, Stack]) -> Stack:
    return stacks["arcade"]


@pytest.fixture(scope="session")
def perps(stacks: dict[str, Stack]) -> Stack:
    return stacks["perps"]


@pytest.fixture(scope="session")
def client(hub: Stack, deployer: str) -> Contract:
    """A contract on the hub that sends, and is told what comes back."""
    return deploy(hub.chain, "ScriptedSender", sender=deployer)


@pytest.fixture
def origin(
    hub: Stack,
    arcade: Stack,
    perps: Stack,
    validators: Validators,
    treasury: str,
    sender: str,
    relayer: str,
    carrier: str,
    attacker: str,
    owner: str,
    client: Contract,
) -> Origin:
    """The hub, where the sender and the client have credit."""
    hub.era.send("approve", hub.gateway.address, 2 * FUNDS, sender=treasury)
    for account in (sender, client.address):
        hub.gateway.send("depositFor", account, FUNDS, sender=treasury)
    contracts = (client, hub.gateway, hub.bridge, hub.recipient, arcade.recipient)
    accounts = [sender, relayer, carrier, attacker, owner, ZERO_ADDRESS]
    return Origin(hub, (arcade, perps), validators, accounts + [contract.address for contract in contracts])


@pytest.fixture
def said_by_the_hub(origin: Origin, attacker: str, carrier: str) -> Sent:
    """A message of the hub's gateway to arcade's: the notice of a message that came to the hub too late."""
    hub_id = origin.hub.chain.chain_id
    lane = origin.said[origin.arcade] = PaperLane(hub_id, origin.arcade, hub_id)
    expired = lane.append(attacker, origin.hub.recipient.address, deliver_before=1)
    tree = Tree([lane.fact()])
    attestation = origin.validators.sign(hub_id, origin.gateway.address, tree.root).fields
    origin.step(origin.gateway, "deliver", attestation, [lane.batch(tree)], sender=carrier)
    arguments = (origin.arcade, 1, expired.fields)
    returning = origin.step(origin.gateway, "returnToSender", *arguments, sender=carrier)
    (sent,) = parse(returning.receipt.logs, hub_id, hub_id)
    origin.lane.append(sent)
    return sent


def place_factory(chain: BoundChain, deployer: str) -> Contract:
    """The factory at its place on every chain, by the CREATE2 factory that anvil ships."""
    code = init_code("Create3Factory")
    origin = bytes.fromhex(ARACHNID_FACTORY[2:])
    address = "0x" + keccak(b"\xff" + origin + bytes(32) + keccak(code))[12:].hex()
    if chain.rpc("eth_getCode", [address, "latest"]) == "0x":
        receipt = transact(chain, ARACHNID_FACTORY, bytes(32) + code, deployer)
        assert receipt.succeeded
    return Contract(chain, "Create3Factory", address)


def _deploy(
    chains: dict[str, BoundChain],
    name: str,
    validators: Validators,
    deployer: str,
    owner: str,
    guardian: str,
    treasury: str,
) -> Stack:
    chain, hub_id = chains[name], chains["hub"].chain_id
    factory = place_factory(chain, deployer)
    salts = {contract: keccak(text=f"unit {contract}") for contract in ("Metalayer", "ERA", "TokenBridge")}
    gateway, era, bridge = (factory.view("addressOf", deployer, salt) for salt in salts.values())
    codes = {
        "Metalayer": init_code("Metalayer", hub_id, era, owner, guardian, validators.argument),
        "ERA": init_code("ERA", hub_id, bridge, treasury),
        "TokenBridge": init_code("TokenBridge", gateway, era, hub_id),
    }
    for contract, code in codes.items():
        factory.send("deploy", deployer, salts[contract], code, sender=deployer)
    return Stack(
        chain,
        factory,
        Contract(chain, "Metalayer", gateway),
        Contract(chain, "ERA", era),
        Contract(chain, "TokenBridge", bridge),
        deploy(chain, "ScriptedRecipient", sender=deployer),
    )
