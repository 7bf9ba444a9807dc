"""`ape metalayer check` of the bridge: one setting at a time is not what deploy.yaml says, and is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from metalayer.deploy.apply import Deployer
from metalayer.deploy.check import Finding, check
from metalayer.deploy.names import (
    BRIDGE,
    BRIDGED_TOKEN,
    ERA,
    ETHER_DOOR,
    GATEWAY,
    GUARDIAN,
    SEND_DOOR,
    TOKEN_METADATA,
    WRAPPED_ETHER,
)
from metalayer.deploy.owned import BridgeEntry
from metalayer.errors import MetalayerError
from metalayer.network.config import PERMIT2, Network
from metalayer.network.connection import Connection, connect
from metalayer.network.registry import Registry
from metalayer.protocol import bridge, gateway
from metalayer.protocol.dates import DAY, utc
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import Description, representation
from tests.kit.owning import act_as
from tests.kit.roles import ATTACKER

Drift = Callable[..., dict[tuple[str, str], tuple[str, str]]]

COIN = to_checksum_address("0x" + "c0" * 20)
"""A token of perps, of which the other chains need to know no more."""
ID = "0x" + "1d" * 32
WANTED = {
    "tokens": {"COIN": {"home": "perps", "address": COIN, "decimals": 6}},
    "limits": [
        {"token": "ERA", "on": "hub", "with": "arcade", "out": "20_000_000", "in": "5", "window": "1 day"},
        {"token": "COIN", "on": "arcade", "with": "perps", "out": "1.5", "in": "0", "window": "2 hours"},
        {"token": "COIN", "on": "perps", "with": "arcade", "out": "1", "in": "1", "window": "90 seconds"},
    ],
    "struck": [{"on": "arcade", "from": "perps", "id": ID, "because": "perps never sent it"}],
}


@dataclass(frozen=True)
class Bench:
    """A deployment, its bridge, and what its owners do there."""

    deployer: Deployer
    registry: Registry
    connections: dict[str, Connection]
    network: Network

    @property
    def bridge(self) -> str:
        return self.registry.address(BRIDGE)

    def id_of(self, chain: str) -> int:
        return self.network.chain(chain).chain_id

    def owner(self, chain: str, data: bytes) -> None:
        act_as(self.connections[chain], self.registry.chains[chain].owner, self.bridge, data)

    def guardian(self, chain: str, data: bytes) -> None:
        act_as(self.connections[chain], self.registry.address(GUARDIAN), self.bridge, data)

    def create(self, chain: str, home: str, token: str) -> str:
        """What stands for a token, as the first message about it creates it."""
        payload = Description(token, 6, b"Coin", b"COIN").encoded
        sender = interoperable(self.id_of(home), self.bridge)
        data = gateway.RECEIVE_MESSAGE.encode(bytes(32), sender, payload)
        act_as(self.connections[chain], self.registry.address(GATEWAY), self.bridge, data)
        return representation(self.bridge, self.registry.address(BRIDGED_TOKEN), self.id_of(home), token)

    def findings(self, wanted: dict[str, Any] | None = None) -> list[Finding]:
        """With another block `bridge` in deploy.yaml, if given."""
        deployer = self.deployer
        if wanted is not None:
            intent = deployer.intent.model_copy(update={"bridge": BridgeEntry.model_validate(wanted)})
            deployer = replace(deployer, intent=intent)
        return check(deployer.plan().resolved, self.registry, deployer.connections, deployer.artifacts)

    def drift(self, wanted: dict[str, Any] | None = None) -> dict[tuple[str, str], tuple[str, str]]:
        """What differs: (chain, subject) -> (expected, found)."""
        return {(f.chain, f.subject): (f.expected, f.found) for f in self.findings(wanted) if f.is_drift}


@pytest.fixture
def bench(
    deployer: Deployer, deployment: object, connections: dict[str, Connection], network: Network
) -> Bench:
    registry = deployer.apply(lambda chain, what, left: None)
    return Bench(deployer, registry, connections, network)


def test_constants_are_read(bench: Bench) -> None:
    found = {f.subject: f.found for f in bench.findings() if f.chain == "perps"}
    addresses = bench.deployer.plan().resolved.addresses
    for subject, value in {
        "TokenBridge GATEWAY": addresses[GATEWAY],
        "TokenBridge ERA": addresses[ERA],
        "TokenBridge HUB_CHAIN_ID": "901",
        "TokenBridge BRIDGED_TOKEN": addresses[BRIDGED_TOKEN],
        "TokenBridge METADATA": addresses[TOKEN_METADATA],
        "BridgedToken BRIDGE": addresses[BRIDGE],
        "Guardian BRIDGE": addresses[BRIDGE],
        "EtherDoor BRIDGE": addresses[BRIDGE],
        "EtherDoor WRAPPED_ETHER": addresses[WRAPPED_ETHER],
        "SendDoor BRIDGE": addresses[BRIDGE],
        "SendDoor PERMIT2": PERMIT2,
        "TransferResolver BRIDGE": addresses[BRIDGE],
        "ERA of the bridge": addresses[ERA],
        "home of ERA": f"{addresses[ERA]} on chain 901",
        "gateway of the bridge to hub": addresses[GATEWAY],
        "gateways of the bridge": addresses[GATEWAY],
        "hold of hub": "none",
        "other limits": "none",
        "representations": "as created",
    }.items():
        assert found[subject] == value, subject


def test_finds_limits_that_deploy_yaml_does_not_name(bench: Bench) -> None:
    """Until they are removed, or named."""
    era, arcade = bench.registry.address(ERA), bench.id_of("arcade")
    bench.owner("hub", bridge.SET_LIMITS.encode(era, arcade, 7, 8, 2 * DAY))
    assert bench.drift() == {
        ("hub", "other limits"): ("none", f"{era} with arcade: out 7, in 8, within 2 days")
    }
    assert [finding.advice for finding in bench.findings() if finding.is_drift] == [
        "name it under `bridge` in deploy.yaml, or vote for TokenBridge.removeLimits"
    ]
    exactly = {"token": "ERA", "on": "hub", "with": "arcade", "window": "2 days"}
    small, smaller = "0.000000000000000008", "0.000000000000000007"
    assert bench.drift({"limits": [{**exactly, "out": smaller, "in": small}]}) == {}
    subject = ("hub", "limits of ERA with arcade")
    for other in (
        {**exactly, "out": small, "in": small},
        {**exactly, "out": smaller, "in": smaller},
        {**exactly, "out": smaller, "in": small, "window": "3 days"},
    ):
        assert set(bench.drift({"limits": [other]})) == {subject}
    bench.owner("hub", bridge.REMOVE_LIMITS.encode(era, arcade))
    assert bench.drift() == {}
    assert bench.drift({"limits": [{**exactly, "out": "1.5", "in": "0"}]}) == {
        subject: ("out 1.5, in 0, within 2 days", "none")
    }


def test_what_deploy_yaml_wants_is_something_to_vote_on(bench: Bench) -> None:
    """No step of `apply`, but calls of the timelocks; once these were made, nothing differs."""
    intent = bench.deployer.intent.model_copy(update={"bridge": BridgeEntry.model_validate(WANTED)})
    wanted = replace(bench.deployer, intent=intent)
    plan = wanted.plan()
    assert not plan.has_changes
    mends = {chain: [(one.contract, one.function.name) for one in some] for chain, some in plan.drift.items()}
    assert mends == {
        "hub": [(BRIDGE, "setLimits")],
        "arcade": [(BRIDGE, "setLimits"), (BRIDGE, "strike")],
        "perps": [(BRIDGE, "setLimits")],
        "social": [],
    }
    differing = [finding for finding in bench.findings(WANTED) if finding.is_drift]
    assert {finding.advice for finding in differing} == {
        "`ape metalayer propose from-drift` writes the proposal"
    }
    bench.create("arcade", "perps", COIN)
    for chain, some in plan.drift.items():
        for mend in some:
            assert mend.to == bench.bridge
            bench.owner(chain, mend.data)
    assert bench.drift(WANTED) == {}
    assert [some for some in wanted.plan().drift.values() if some] == []
    assert {subject for _, subject in bench.drift()} == {"other limits", "other struck messages"}


def test_finds_limits_in_other_decimals_than_the_token_s(bench: Bench) -> None:
    bench.create("arcade", "perps", COIN)
    wanted = {**WANTED, "tokens": {"COIN": {"home": "perps", "address": COIN, "decimals": 8}}}
    assert bench.drift(wanted)["arcade", "decimals of COIN"] == ("8", "6")
    assert ("arcade", "decimals of COIN") not in bench.drift(WANTED)


def test_finds_a_struck_message(bench: Bench) -> None:
    perps = bench.id_of("perps")
    struck = {"on": "arcade", "from": "perps", "id": ID, "because": "perps never sent it"}
    assert bench.drift({"struck": [struck]}) == {
        ("arcade", f"message {ID} from perps"): ("struck", "not struck")
    }
    bench.owner("arcade", bridge.STRIKE.encode(perps, from_hex(ID)))
    assert bench.drift() == {("arcade", "other struck messages"): ("none", f"{ID} from perps")}
    assert bench.drift({"struck": [struck]}) == {}


def test_finds_an_adopted_token(bench: Bench) -> None:
    """Nothing can end it: it is named in deploy.yaml from then on."""
    perps, local = bench.id_of("perps"), bench.registry.address(BRIDGED_TOKEN)
    named = {"home": "perps", "address": COIN, "decimals": 0, "adopted": {"arcade": local}}
    assert bench.drift({"tokens": {"COIN": named}}) == {("arcade", "COIN here"): (local, "none")}
    bench.owner("arcade", bridge.ADOPT.encode(perps, COIN, local))
    assert bench.drift() == {("arcade", "other adopted tokens"): ("none", f"{local} for {COIN} of perps")}
    assert bench.drift({"tokens": {"COIN": named}}) == {}
    other = {**named, "adopted": {"arcade": ATTACKER.address}}
    assert bench.drift({"tokens": {"COIN": other}})["arcade", "COIN here"] == (ATTACKER.address, local)


def test_finds_another_gateway_of_the_bridge(bench: Bench) -> None:
    """As soon as it is accepted, which is before it counts; and when it sends."""
    perps, arcade, first = bench.connections["perps"], bench.id_of("arcade"), bench.registry.address(GATEWAY)
    bench.owner("perps", bridge.ACCEPT_GATEWAY.encode(ATTACKER.address))
    since = perps.view(bench.bridge, bridge.ACCEPTED_FROM, ATTACKER.address)
    both = ", ".join(sorted((first, f"{ATTACKER.address} from {utc(since)}")))
    assert bench.drift() == {("perps", "gateways of the bridge"): (first, both)}
    perps.rpc("evm_increaseTime", hex(21 * DAY))
    perps.rpc("anvil_mine", "0x1")
    # It says yes to whatever it is asked, thus also that it supports what the bridge sends with.
    perps.rpc("anvil_setCode", ATTACKER.address, "0x60015f5260205ff3")
    bench.owner("perps", bridge.CHOOSE_GATEWAY.encode(arcade, ATTACKER.address))
    chosen = ("perps", "gateway of the bridge to arcade")
    assert bench.drift() == {
        ("perps", "gateways of the bridge"): (first, both),
        chosen: (first, ATTACKER.address),
    }
    (mend,) = bench.deployer.plan().drift["perps"]
    assert (mend.function.name, mend.arguments) == (
        "chooseGateway",
        {"chainId": arcade, "gateway": first},
    )
    bench.owner("perps", mend.data)
    bench.owner("perps", bridge.REFUSE_GATEWAY.encode(ATTACKER.address))
    assert bench.drift() == {}
    bench.owner("perps", bridge.REFUSE_GATEWAY.encode(first))
    assert bench.drift() == {("perps", "gateways of the bridge"): (first, "none")}


def test_finds_a_hold_while_it_lasts(bench: Bench) -> None:
    arcade, hub = bench.id_of("arcade"), bench.connections["hub"]
    bench.guardian("hub", bridge.HOLD.encode(arcade, DAY))
    until = hub.view(bench.bridge, bridge.HELD_UNTIL, arcade).until
    assert bench.drift() == {("hub", "hold of arcade"): ("none", f"until {utc(until)}")}
    bench.guardian("hub", bridge.UNHOLD.encode(arcade))
    assert bench.drift() == {}


def test_finds_a_representation_of_other_code(bench: Bench) -> None:
    arcade = bench.connections["arcade"]
    local = bench.create("arcade", "perps", COIN)
    assert arcade.code(local)
    assert bench.drift() == {}
    other = bytearray(arcade.code(local))
    other[12] ^= 1
    arcade.rpc("anvil_setCode", local, to_hex(bytes(other)))
    assert bench.drift() == {("arcade", "representations"): ("as created", f"{local} is no clone")}


def test_finds_a_representation_of_something_else(bench: Bench) -> None:
    """In storage, which nobody but the bridge writes: the word of `homeToken`, the first that changed."""
    arcade = bench.connections["arcade"]
    local = bench.create("arcade", "perps", COIN)
    words = [arcade.rpc("eth_getStorageAt", local, hex(slot), "latest") for slot in range(12)]
    (slot,) = [number for number, word in enumerate(words) if COIN[2:].lower() in word]
    arcade.rpc("anvil_setStorageAt", local, f"0x{slot:064x}", words[slot].replace("c0c0", "c1c1", 1))
    assert bench.drift() == {
        ("arcade", "representations"): ("as created", f"{local} does not stand for {COIN} of perps")
    }


def test_a_chain_s_own_wrapped_ether_is_taken(
    deployer: Deployer, deployment: object, network: Network, connections: dict[str, Connection]
) -> None:
    """networks.yaml names it: ours does not come to that chain. Without code it would be trusted for nothing."""
    place, permits = (str(to_checksum_address("0x" + byte * 20)) for byte in ("e0", "e2"))
    chain = replace(network.chain("social"), wrapped_ether=place, permit2=permits)
    there = replace(network, chains={**network.chains, "social": chain})
    named = replace(deployer, network=there, connections=connect(there))
    missing = "social: there is no code at {} (`{}` in networks.yaml)"
    with pytest.raises(MetalayerError) as refused:
        named.plan()
    first, second = missing.format(place, "wrapped_ether"), missing.format(permits, "permit2")
    assert str(refused.value) == f"{first}; {second.removeprefix('social: ')}"
    for address in (place, permits):
        connections["social"].rpc("anvil_setCode", address, "0x00")
    registry = named.apply(lambda chain, what, left: None)
    assert {name for name, on in registry.chains.items() if WRAPPED_ETHER not in on.contracts} == {"social"}
    assert registry.contract("social", ETHER_DOOR).arguments["wrappedEther"] == place
    assert registry.contract("social", SEND_DOOR).arguments["permit2"] == permits
    assert not named.plan().has_changes
    findings = check(named.plan().resolved, registry, named.connections, named.artifacts)
    assert [finding for finding in findings if finding.is_drift] == []
    values = {finding.subject: finding.found for finding in findings if finding.chain == "social"}
    assert (values["EtherDoor WRAPPED_ETHER"], values["SendDoor PERMIT2"]) == (place, permits)
