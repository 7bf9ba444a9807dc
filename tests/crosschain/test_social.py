"""Handles on a real social chain, read on another one: told by whoever pays, asked for, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.relayer.results import PassResult
from tests.kit.chains import BoundChain
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import ZERO_ADDRESS, Contract, error, init_code, now
from tests.kit.paper import DAY
from tests.kit.passes import logged, relay
from tests.kit.roles import BENEFICIARY, PAYER, SENDER

NAME = "ada-1815"
SALT = b"handles".ljust(32, b"\0")
OWNER, FAN, READER = BENEFICIARY.address, PAYER.address, SENDER.address
"""The reader has credit everywhere."""


@dataclass(frozen=True)
class Net:
    """Handles on the social chain; mirrors at their address on all others."""

    mesh: Deployment
    exchange: DirectoryExchange
    folder: Path
    on: dict[str, Contract]

    @property
    def home(self) -> Contract:
        return self.on["social"]

    def allow(self, name: str, fee: int) -> None:
        self.mesh.on[name].gateway.send("setAllowance", self.home.address, fee, sender=READER)

    def publish(self, to: str, follower: str = ZERO_ADDRESS) -> None:
        chain_id = self.mesh.id_of(to)
        self.allow("social", self.home.view("quote", chain_id))
        self.home.send("publish", NAME, follower, chain_id, sender=READER)

    def ask(self, at: str) -> None:
        self.allow(at, self.on[at].view("quote"))
        self.on[at].send("ask", NAME, FAN, sender=READER)

    def relay(self, passes: int) -> list[PassResult]:
        return relay(self.mesh, self.exchange, self.folder, passes)

    def heard(self, result: PassResult) -> list[tuple[str, int]]:
        """Owners and versions that mirrors learned in a pass."""
        return [(owner, version) for _, owner, version, _ in logged("Heard", result, self.mesh.chains)]


@pytest.fixture
def net(mesh: Deployment, chains: dict[str, BoundChain], exchange: DirectoryExchange, tmp_path: Path) -> Net:
    on = {}
    for name, stack in mesh.on.items():
        contract = "Handles" if name == "social" else "HandlesMirror"
        arguments = (mesh.gateway,) if name == "social" else (mesh.gateway, mesh.id_of("social"))
        stack.factory.send("deploy", OWNER, SALT, init_code(contract, *arguments), sender=OWNER)
        on[name] = Contract(chains[name], contract, stack.factory.view("addressOf", OWNER, SALT))
    assert len({contract.address for contract in on.values()}) == 1
    made = Net(mesh, exchange, tmp_path, on)
    made.home.send("register", NAME, sender=OWNER)
    made.home.send("follow", 1, True, sender=FAN)
    return made


def test_names_and_follows_are_read_on_every_chain(net: Net) -> None:
    others = [name for name in net.on if name != "social"]
    for name in others:
        net.publish(name, FAN)
    (told,) = net.relay(1)
    assert sorted(net.heard(told)) == [(OWNER, 1), (OWNER, 2), (OWNER, 3)]
    for name in net.on:
        assert net.on[name].view("resolve", NAME, DAY) == (OWNER, 1)
        assert net.on[name].view("follows", FAN, NAME, DAY)
    net.home.send("transferFrom", OWNER, FAN, 1, sender=OWNER)
    net.publish("arcade")
    net.relay(1)
    # Perps was not told, and its answer gets old.
    owners = {name: net.on[name].view("resolve", NAME, DAY)[0] for name in net.on}
    assert owners == {"hub": OWNER, "arcade": FAN, "perps": OWNER, "social": FAN}
    net.mesh.pass_time(DAY + 3_600)
    refused = net.on["perps"].revert("resolve", NAME, DAY, sender=READER)
    assert refused.data[:4] == error("TooOld", 0, 0).data[:4]


def test_a_mirror_asks_and_is_answered(net: Net) -> None:
    """From credit that anyone deposits; without any, the question comes back, and what is left of its fee."""
    arcade, gateway = net.on["arcade"], net.mesh.on["social"].gateway
    net.ask("arcade")
    (asked,) = net.relay(1)
    assert (asked.delivered, asked.failed) == (0, 1)
    net.mesh.pass_time(DAY + 60)
    before = net.mesh.on["arcade"].era.view("balanceOf", READER)
    net.relay(2)
    assert net.mesh.on["arcade"].gateway.view("credit", arcade.address) == 0
    assert net.mesh.on["arcade"].era.view("balanceOf", READER) >= before

    net.mesh.prepay(SENDER, ERA, ["social"], account=net.home.address)
    net.ask("arcade")
    _, answered = net.relay(2)
    assert net.heard(answered) == [(OWNER, 1)]
    assert arcade.view("resolve", NAME, DAY) == (OWNER, 1)
    assert arcade.view("follows", FAN, NAME, DAY)
    price = net.home.view("quote", net.mesh.id_of("arcade"))
    assert gateway.view("credit", net.home.address) == ERA - price


def test_what_was_not_told_in_time_comes_home(net: Net) -> None:
    """Who paid for it gets what nobody earned; the mirror knows as much as before."""
    net.publish("arcade")
    net.mesh.pass_time(DAY + 60)
    era = net.mesh.on["social"].era
    before = era.view("balanceOf", READER)
    net.relay(2)
    assert era.view("balanceOf", READER) > before
    assert net.mesh.on["social"].gateway.view("credit", net.home.address) == 0
    entry = net.on["arcade"].view("entries", keccak(text=NAME))
    assert entry[0] == ZERO_ADDRESS
    assert now(net.home.chain) < net.home.view("handles", 1)[1]
