"""VaultDepositor: arcade's coins go into a vault on the hub, in the transaction in which they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from metalayer.protocol.message import Message
from metalayer.protocol.transfers import Options
from tests.kit.doors import MAX, Fund
from tests.kit.evm import CODEC, ZERO_ADDRESS, Contract, Receipt, Revert, deploy, error
from tests.kit.hops import Courier
from tests.kit.stack import Stack

AMOUNT = 7 * 10**18
EXTRA_GAS = 150_000


@dataclass
class Way:
    """From who has coins on arcade to the vault on the hub."""

    arcade: Stack
    hub: Stack
    courier: Courier
    sender: str
    coin: Contract
    asset: Contract
    """What stands for the coin on the hub."""
    vault: Contract
    depositor: Contract

    def send(
        self, beneficiary: str, min_shares: int, to: str | None = None, token: Contract | None = None
    ) -> Message:
        data = CODEC.encode(["address", "uint256"], [beneficiary, min_shares])
        options = Options(from_balance=True, extra_gas=EXTRA_GAS, data=data).fields
        token = token or self.coin
        arguments = (token.address, self.hub.chain.chain_id, to or self.depositor.address, AMOUNT, options)
        sent = self.arcade.bridge.send("send", *arguments, sender=self.sender)
        return self.courier.note("arcade", sent)[-1]

    def carry(self) -> Receipt:
        return self.courier.carry("arcade", "hub")

    def refusal(self, caller: str, token: str, data: bytes) -> Revert:
        arguments = (bytes(32), 1, ZERO_ADDRESS, token, 1, data)
        return self.depositor.revert("onTransferReceived", *arguments, sender=caller)


@pytest.fixture
def way(arcade: Stack, hub: Stack, courier: Courier, fund: Fund, depositor: str, deployer: str) -> Way:
    """One coin has arrived before."""
    coin = deploy(arcade.chain, "PlainToken", depositor, 10 * AMOUNT, sender=deployer)
    coin.send("approve", arcade.bridge.address, MAX, sender=depositor)
    courier.watch("arcade", coin)
    fund("arcade", depositor)
    hub_id, plain = hub.chain.chain_id, Options(from_balance=True).fields
    sent = arcade.bridge.send("send", coin.address, hub_id, depositor, 1, plain, sender=depositor)
    courier.note("arcade", sent)
    courier.carry("arcade", "hub")
    local = hub.bridge.view("localOf", arcade.chain.chain_id, coin.address)
    vault = deploy(hub.chain, "PlainVault", local, sender=deployer)
    made = deploy(hub.chain, "VaultDepositor", hub.bridge.address, vault.address, sender=deployer)
    return Way(arcade, hub, courier, depositor, coin, Contract(hub.chain, "BridgedToken", local), vault, made)


def test_what_arrives_goes_into_the_vault(way: Way, beneficiary: str) -> None:
    way.send(beneficiary, AMOUNT)
    receipt = way.carry()
    assert receipt.named("Deposit") == [(way.depositor.address, beneficiary, AMOUNT, AMOUNT)]
    assert way.vault.view("balanceOf", beneficiary) == AMOUNT
    assert way.asset.view("balanceOf", way.vault.address) == AMOUNT
    assert way.asset.view("balanceOf", way.depositor.address) == 0
    assert way.asset.view("allowance", way.depositor.address, way.vault.address) == 0


def test_what_gives_too_few_shares_goes_back(way: Way, beneficiary: str) -> None:
    message = way.send(beneficiary, AMOUNT + 1)
    receipt = way.carry()
    assert receipt.named("MessageFailed")[0][0] == message.id
    assert way.vault.view("totalSupply") == 0
    way.courier.say_returned(message)
    receipt = way.courier.refund(message)
    assert receipt.named("TransferReturned") == [(message.id, way.sender, way.coin.address, AMOUNT)]


def test_what_another_token_brings_goes_back(way: Way, beneficiary: str, fund: Fund) -> None:
    message = way.send(beneficiary, 0, token=way.arcade.era)
    receipt = way.carry()
    assert receipt.named("MessageFailed")[0][0] == message.id
    assert way.hub.era.view("balanceOf", way.depositor.address) == 0


def test_believes_the_bridge_alone(way: Way, attacker: str) -> None:
    """M10."""
    data = CODEC.encode(["address", "uint256"], [attacker, 0])
    for caller in (attacker, way.vault.address, way.hub.gateway.address):
        assert way.refusal(caller, way.asset.address, data) == error("NotTheBridge", caller)


def test_refuses_other_tokens(way: Way, attacker: str) -> None:
    data = CODEC.encode(["address", "uint256"], [attacker, 0])
    for token in (way.hub.era.address, way.vault.address, ZERO_ADDRESS):
        assert way.refusal(way.hub.bridge.address, token, data) == error("NotTheAsset", token)


def test_refuses_too_few_shares(way: Way, beneficiary: str) -> None:
    way.send(beneficiary, AMOUNT)
    way.carry()
    way.asset.send("transfer", way.depositor.address, 1, sender=way.sender)
    data = CODEC.encode(["address", "uint256"], [beneficiary, 2])
    refused = way.refusal(way.hub.bridge.address, way.asset.address, data)
    assert refused == error("TooFewShares", 1, 2)


@pytest.mark.parametrize("data", [b"", bytes(63), b"\xff" * 64])
def test_refuses_data_that_say_nothing(way: Way, data: bytes) -> None:
    assert way.refusal(way.hub.bridge.address, way.asset.address, data) == Revert(b"")
