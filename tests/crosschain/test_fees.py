"""The protocol's share of fees, from a spoke to who stakes on the hub: collector, bridge, relayers, Staking."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.transactions import KeySender
from metalayer.protocol.amounts import GWEI
from tests.kit.collecting import MIN_OWN, seat, staking_arguments
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import Contract, created_address, init_code
from tests.kit.paper import DAY
from tests.kit.passes import relay
from tests.kit.roles import BENEFICIARY, GUARDIAN, OWNER, RIVAL

_PLACER = KeySender(Account.from_key(keccak(text="who places the collectors")))
_FOUNDER = KeySender(Account.from_key(keccak(text="who places Staking")))
WEEK = 7 * DAY


@pytest.fixture
def staking(mesh: Deployment) -> Contract:
    """On the hub."""
    domain = mesh.domain.signable(bytes(32)).header
    builder = created_address(_FOUNDER.address, 0)
    arguments = staking_arguments(mesh.era, builder, domain)
    codes = (init_code("SetBuilder"), init_code("Staking", *arguments))
    _, address = mesh.place(_FOUNDER, *codes, chains=["hub"])
    return Contract(mesh.chains["hub"], "Staking", address)


@pytest.fixture
def collectors(mesh: Deployment, staking: Contract) -> dict[str, Contract]:
    """At one address, which every gateway pays."""
    code = init_code("FeeCollector", mesh.gateway, mesh.bridge, mesh.era, mesh.network_id, staking.address)
    (address,) = mesh.place(_PLACER, code)
    first = mesh.validator_set
    offices = (OWNER.address, mesh.guardian, OWNER.address, address)
    gateway = init_code(
        "Metalayer",
        *(mesh.network_id, mesh.era, mesh.annex, offices, []),
        (first.version, first.expires, first.words),
    )
    for name in mesh.chains:
        mesh.recode(name, mesh.gateway, gateway)
    return {name: Contract(chain, "FeeCollector", address) for name, chain in mesh.chains.items()}


def test_fees_of_a_spoke_reach_who_is_seated(
    mesh: Deployment,
    collectors: dict[str, Contract],
    staking: Contract,
    exchange: DirectoryExchange,
    tmp_path: Path,
) -> None:
    """P4, P5: swept on arcade, burned there, released on the hub to Staking, and streamed to a validator in a week."""
    arcade, hub, collector = mesh.on["arcade"], mesh.on["hub"], collectors["arcade"]
    id_ = seat(hub.era, staking, BENEFICIARY.address)
    mesh.send("arcade", "perps", count=3)
    _, share = arcade.gateway.view("laneFees", mesh.id_of("perps"))
    # What three messages leave does not pay for a fourth: the rest is a gift.
    assert 0 < share * GWEI < ERA // 1_000
    mesh.bring(collector.address, ERA, ["arcade"])
    supply, outstanding = arcade.era.view("totalSupply"), hub.bridge.view("outstanding", mesh.id_of("arcade"))

    fee, _ = arcade.bridge.view("quote", mesh.network_id)
    assert 0 < fee < ERA // 20
    receipt = collector.send("forward", [mesh.id_of("perps")], sender=RIVAL.address)
    bounty = (ERA + share * GWEI - fee) // 100
    amount = ERA + share * GWEI - fee - bounty
    assert receipt.named("Forwarded") == [(RIVAL.address, amount, fee, bounty)]
    assert arcade.era.view("totalSupply") == supply - amount

    relay(mesh, exchange, tmp_path, 1)
    assert hub.era.view("balanceOf", staking.address) == amount
    assert hub.bridge.view("outstanding", mesh.id_of("arcade")) == outstanding - amount
    assert staking.send("fund", sender=GUARDIAN.address).named("Funded") == [(amount,)]
    mesh.pass_time(WEEK, "hub")
    dust = MIN_OWN >> 80
    assert 0 <= amount - staking.view("earnings", id_) <= dust + 1


def test_fees_of_the_hub_are_rewards_at_once(
    mesh: Deployment, collectors: dict[str, Contract], staking: Contract
) -> None:
    """P5: the same contract at the same address, without a message."""
    hub, collector = mesh.on["hub"], collectors["hub"]
    destinations = [mesh.id_of(name) for name in mesh.chains if name != "hub"]
    mesh.send("hub", "arcade", count=2)
    mesh.send("hub", "perps")
    share = sum(hub.gateway.view("laneFees", to)[1] for to in destinations) * GWEI
    receipt = collector.send("forward", destinations, sender=RIVAL.address)
    assert receipt.named("Forwarded") == [(RIVAL.address, share - share // 100, 0, share // 100)]
    assert receipt.named("Funded") == [(share - share // 100,)]
    assert hub.era.view("balanceOf", staking.address) == share - share // 100
    assert [hub.gateway.view("laneFees", to)[1] for to in destinations] == [0] * len(destinations)
