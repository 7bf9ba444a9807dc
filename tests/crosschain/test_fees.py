"""The protocol's share of fees, from a spoke to who stakes on the hub: collector, bridge, relayers, Staking."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.names import FEE_COLLECTOR, STAKING
from metalayer.protocol.amounts import GWEI
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import Contract
from tests.kit.paper import DAY
from tests.kit.passes import relay
from tests.kit.roles import GUARDIAN, RIVAL

WEEK = 7 * DAY


@pytest.fixture
def staking(mesh: Deployment) -> Contract:
    """On the hub, where five validators are seated."""
    return mesh.on["hub"].contracts[STAKING]


@pytest.fixture
def collectors(mesh: Deployment) -> dict[str, Contract]:
    return {name: stack.contracts[FEE_COLLECTOR] for name, stack in mesh.on.items()}


def test_fees_of_a_spoke_reach_who_is_seated(
    mesh: Deployment,
    collectors: dict[str, Contract],
    staking: Contract,
    exchange: DirectoryExchange,
    tmp_path: Path,
) -> None:
    """P4, P5: swept on arcade, burned there, released on the hub to Staking, and streamed to validators in a week."""
    arcade, hub, collector = mesh.on["arcade"], mesh.on["hub"], collectors["arcade"]
    bonded = hub.era.view("balanceOf", staking.address)
    ids = staking.view("seats")
    mesh.send("arcade", "perps", count=3)
    _, share = arcade.gateway.view("laneFees", mesh.id_of("perps"))
    # What three messages leave does not pay for a fourth: the rest is a gift.
    assert 0 < share * GWEI < ERA // 1_000
    mesh.bring(collector.address, ERA, ["arcade"])
    account = ("outstanding", hub.era.address, mesh.id_of("arcade"))
    supply, outstanding = arcade.era.view("totalSupply"), hub.bridge.view(*account)

    fee, _ = arcade.bridge.view("quoteSend", arcade.era.address, mesh.network_id, 0, 0)
    assert 0 < fee < ERA // 20
    receipt = collector.send("forward", [mesh.id_of("perps")], sender=RIVAL.address)
    bounty = (ERA + share * GWEI - fee) // 100
    amount = ERA + share * GWEI - fee - bounty
    assert receipt.named("Forwarded") == [(RIVAL.address, amount, fee, bounty)]
    assert arcade.era.view("totalSupply") == supply - amount

    relay(mesh, exchange, tmp_path, 1)
    assert hub.era.view("balanceOf", staking.address) == bonded + amount
    assert hub.bridge.view(*account) == outstanding - amount
    assert staking.send("fund", sender=GUARDIAN.address).named("Funded") == [(amount,)]
    mesh.pass_time(WEEK, "hub")
    # Each loses less than a wei, and what a wei of all stake is.
    dust = len(ids) + (staking.view("seatedStake") >> 80)
    assert 0 <= amount - sum(staking.view("earnings", id_) for id_ in ids) <= dust + 1


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
