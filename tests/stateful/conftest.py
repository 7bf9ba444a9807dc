"""The deployed gateways, spoken to in raw JSON-RPC; and those that validators with records watch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.protocol.attestation import Domain
from tests.kit.chains import BoundChain
from tests.kit.court import Court
from tests.kit.deployment import Deployment
from tests.kit.evm import ZERO_ADDRESS, deploy, now
from tests.kit.founding import Founding
from tests.kit.gateways import Gateways
from tests.kit.paper import DAY, Validators
from tests.kit.roles import OWNER
from tests.kit.staking import PERIOD
from tests.stateful.electorate import Electorate
from tests.stateful.exchange import Exchange
from tests.stateful.opening import opening
from tests.stateful.stakers import DONOR, EVERYBODY, FUNDS, SEATS, STAKERS, Arena
from tests.stateful.traders import Scene
from tests.stateful.trial import ACCOUNT, FREE_ROUTE, HONEST, LANES, ORIGINS, ZERO, Network


@pytest.fixture
def gateways(deployment: Deployment, isolation: None) -> Gateways:
    """Set up anew for each test, after its snapshot: what is changed here, no other test sees."""
    return Gateways.prepared(deployment)


@pytest.fixture(scope="session")
def network(chains: dict[str, BoundChain], tmp_path_factory: pytest.TempPathFactory) -> Network:
    deployer = Account.from_key(keccak(text="deployer of the evidence")).address
    hub_id = chains["hub"].chain_id
    validators = Validators([1] * 5, expires=min(now(chains[name]) for name in ORIGINS) + 29 * DAY)
    gateways = {}
    for name in ORIGINS:
        chains[name].rpc("anvil_impersonateAccount", [deployer])
        chains[name].rpc("anvil_setBalance", [deployer, hex(10**20)])
        annex = deploy(chains[name], "Annex", hub_id, ZERO_ADDRESS, sender=deployer).address
        routes = {chains[to].chain_id: FREE_ROUTE for origin, to in LANES if origin == name}
        gateways[name] = Founding(
            chain=chains[name],
            network_id=hub_id,
            era=ACCOUNT,
            annex=annex,
            owner=OWNER.address,
            guardian=ACCOUNT,
            recovery=ACCOUNT,
            collector=ACCOUNT,
            validator_set=validators.argument,
            deployer=deployer,
            routes=routes,
        ).deploy()
    assert gateways["hub"].address == gateways["arcade"].address
    domain = Domain(hub_id, gateways["hub"].address).signable(ZERO).header
    evidence = deploy(chains["hub"], "EvidenceHarness", domain, gateways["hub"].address, sender=deployer)
    recipient = deploy(chains["hub"], "ScriptedRecipient", sender=deployer).address
    records = tmp_path_factory.mktemp("records")
    network = Network(chains, connect(load_network()), gateways, evidence, recipient, validators, records)
    for position in HONEST:
        network.validator(position, DirectoryExchange(records / "exchange"), records).record.close()
    return network


@pytest.fixture(scope="session")
def built(chains: dict[str, BoundChain]) -> Arena:
    """Staking, the Slasher and a gateway with a lane to nowhere, at a time when a period and a week begin."""
    chain = chains["hub"]
    deployer, treasury = (
        Account.from_key(keccak(text=f"{who} of the bond")).address for who in ("deployer", "treasury")
    )
    for who in (deployer, treasury, *EVERYBODY):
        chain.rpc("anvil_impersonateAccount", [who])
        chain.rpc("anvil_setBalance", [who, hex(10**20)])
    annex = deploy(chain, "Annex", chain.chain_id, ZERO_ADDRESS, sender=deployer).address
    spoke = chains["arcade"].chain_id
    gateway = Founding(
        chain=chain,
        network_id=chain.chain_id,
        era=ACCOUNT,
        annex=annex,
        owner=OWNER.address,
        guardian=ACCOUNT,
        recovery=ACCOUNT,
        collector=ACCOUNT,
        validator_set=Validators([1] * 5, expires=now(chain) + 29 * DAY).argument,
        deployer=deployer,
        routes={spoke: FREE_ROUTE},
    ).deploy()
    court = Court.found(gateway, deployer=deployer, treasury=treasury, owner=OWNER.address, seats=SEATS)
    for who in STAKERS:
        court.bond.endow(who, FUNDS)
    court.bond.era.send("transfer", DONOR, FUNDS, sender=treasury)
    return Arena(court, spoke, begins=0)


@pytest.fixture
def arena(built: Arena, isolation: None) -> Arena:
    """Each test begins when a period and a week do."""
    both = 7 * PERIOD
    return replace(built, begins=(now(built.court.chain) // both + 1) * both)


@pytest.fixture(scope="session")
def elected(chains: dict[str, BoundChain]) -> Electorate:
    return Electorate.found(chains)


@pytest.fixture
def electorate(elected: Electorate, isolation: None) -> Electorate:
    """After each test, its chains are as before."""
    return elected


@pytest.fixture(scope="session")
def opened(chains: dict[str, BoundChain]) -> tuple[Exchange, Scene]:
    exchange = Exchange.found(chains)
    return exchange, opening(exchange)


@pytest.fixture
def market(opened: tuple[Exchange, Scene], isolation: None) -> tuple[Exchange, Scene]:
    """After each test, its chains are as before."""
    return opened
