"""The deployed gateways, spoken to in raw JSON-RPC; and those that validators with records watch."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.protocol.attestation import Domain
from tests.kit.chains import BoundChain
from tests.kit.deployment import Deployment
from tests.kit.evm import ZERO_ADDRESS, deploy, now
from tests.kit.founding import Founding
from tests.kit.gateways import Gateways
from tests.kit.paper import DAY, Validators
from tests.kit.roles import OWNER
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
