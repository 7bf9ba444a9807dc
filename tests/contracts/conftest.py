"""Roles, and the contracts of three chains at the same addresses with known validator keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import predict
from metalayer.deploy.desired import Bonding, Desired, FirstSets, Offices
from metalayer.deploy.names import FACTORY, FEE_COLLECTOR
from metalayer.lanes.logs import Sent, parse
from metalayer.network.config import load_network
from metalayer.protocol.facts import Tree
from tests.kit.chains import BoundChain
from tests.kit.collecting import Collecting
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, now
from tests.kit.founding import Founding
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.placing import GOVERNANCE, place
from tests.kit.roles import (
    ATTACKER,
    BENEFICIARY,
    DEPOSITOR,
    DEVELOPER,
    GUARDIAN,
    OWNER,
    PAUPER,
    PAYER,
    RELAYER,
    RIVAL,
    SENDER,
    SUCCESSOR,
    TREASURY,
    acting,
)
from tests.kit.settlement import FUNDS, Origin
from tests.kit.stack import CHAINS, Stack, taken_back
from tests.kit.terms import OPEN_ROUTE
from tests.kit.voting import Poll
from tests.kit.world import World

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
recovery = acting(PAYER)
# Deploys nothing else: its namespace of the factory is ours alone.
deployer = acting(DEVELOPER)
developer = deployer


@pytest.fixture(scope="session")
def addresses(deployer: str) -> dict[str, str]:
    """Of the declared contracts."""
    return predict(deployer, load_artifacts([FACTORY])[FACTORY].creation)


@pytest.fixture(scope="session")
def collector(addresses: dict[str, str]) -> str:
    """What gets the protocol's fees."""
    return addresses[FEE_COLLECTOR]


@pytest.fixture(scope="session")
def validators(chains: dict[str, BoundChain]) -> Validators:
    """Five validators of equal weight: four are a quorum. A day less than a set may live, so that others can follow."""
    return Validators([1] * 5, expires=now(chains["hub"]) + 29 * DAY)


@pytest.fixture(scope="session")
def stacks(
    chains: dict[str, BoundChain],
    validators: Validators,
    deployer: str,
    owner: str,
    guardian: str,
    recovery: str,
    treasury: str,
    addresses: dict[str, str],
) -> dict[str, Stack]:
    """Every declared contract and a scripted recipient on three chains; every route open. The gateway's guardian is an
    account, where a network has a contract: what the gateway lets it do is tested here.
    """
    bound = {name: chains[name] for name in CHAINS}
    network = replace(load_network(), chains={name: chain.chain for name, chain in bound.items()})

    def stack(chain: BoundChain) -> Stack:
        desired = Desired(
            chain=chain.chain,
            network=network,
            deployer=deployer,
            offices=Offices(owner, guardian, (), guardian, recovery),
            treasury=treasury,
            allocations={},
            governance=GOVERNANCE,
            bonding=Bonding(seats=16, minimum_own=100_000 * 10**18),
            sets=FirstSets(published=(validators.set,), is_due=False),
            routes={other.chain_id: OPEN_ROUTE for other in bound.values() if other is not chain},
            addresses=addresses,
        )
        recipient = deploy(chain, "ScriptedRecipient", sender=deployer)
        made = Stack(chain, place(chain, desired), recipient)
        made.gateway.send("setGuardian", guardian, sender=owner)
        return made

    return {name: stack(chain) for name, chain in bound.items()}


@pytest.fixture(scope="session")
def collecting(chains: dict[str, BoundChain], validators: Validators) -> Collecting:
    """Another network, with Staking on its hub."""
    return Collecting.place(chains, validators)


@pytest.fixture(scope="session")
def hub(stacks: dict[str, Stack]) -> Stack:
    return stacks["hub"]


@pytest.fixture(scope="session")
def arcade(stacks: dict[str, Stack]) -> Stack:
    return stacks["arcade"]


@pytest.fixture(scope="session")
def perps(stacks: dict[str, Stack]) -> Stack:
    return stacks["perps"]


@pytest.fixture
def founding(
    hub: Stack,
    owner: str,
    guardian: str,
    recovery: str,
    collector: str,
    validators: Validators,
    deployer: str,
) -> Founding:
    """Another gateway on the hub, of the same offices, without routes."""
    return Founding(
        chain=hub.chain,
        network_id=hub.chain.chain_id,
        era=hub.era.address,
        annex=hub.gateway.view("ANNEX"),
        owner=owner,
        guardian=guardian,
        recovery=recovery,
        collector=collector,
        validator_set=validators.argument,
        deployer=deployer,
        routes={},
    )


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


@pytest.fixture(scope="module")
def founded_poll(stacks: dict[str, Stack], validators: Validators, treasury: str) -> Iterator[Poll]:
    """A proposal about which three chains vote. Two days pass for it, and are taken back."""
    with taken_back(stacks):
        yield Poll.found(stacks, validators, treasury)


@pytest.fixture
def poll(founded_poll: Poll) -> Poll:
    return founded_poll.fork()


@pytest.fixture(scope="module")
def founded_world(stacks: dict[str, Stack], validators: Validators, treasury: str) -> Iterator[World]:
    """Tokens that move between the chains, with P4 checked for each after every step. Taken back after the tests of a
    module.
    """
    with taken_back(stacks):
        yield World.found(stacks, validators, treasury)


@pytest.fixture
def world(founded_world: World) -> World:
    return founded_world.fork()
