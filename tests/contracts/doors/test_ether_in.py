"""Ether that comes home by the EtherDoor: what stands for arcade's ether on the hub is sent to arcade's door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from metalayer.protocol.message import Message
from metalayer.protocol.transfers import Options
from tests.kit.doors import MAX, Fund, ether_door, wrapped_ether
from tests.kit.ether import balance, pay
from tests.kit.evm import CODEC, ZERO_ADDRESS, Contract, Receipt, error, set_code
from tests.kit.hops import Courier
from tests.kit.stack import Stack

AMOUNT = 3 * 10**18
BENEFICIARY_GAS = 30_000
SOMEBODY = to_checksum_address("0x" + "be" * 20)
"""An account that was never used."""


def push(value: int) -> bytes:
    """PUSH4."""
    return b"\x63" + value.to_bytes(4, "big")


# GAS PUSH4 gas GT PUSH1 place JUMPI STOP JUMPDEST INVALID: takes ether only with so much gas, of which the first
# instruction has taken 2.
NEEDS_ALL = push(BENEFICIARY_GAS - 2) + b"\x5a\x10\x60\x0b\x57\x00\x5b\xfe"
# Memory of 100,000 bytes costs 28,000 gas.
_BIG = push(100_000)
TAKES = {
    "no code": b"",
    "stops": b"\x00",
    "needs all of its gas": NEEDS_ALL,
    "returns much": _BIG + b"\x5f\xf3",
    "sends it back": b"\x5f\x5f\x5f\x5f\x34\x33\x5a\xf1\x50\x00",
}
REFUSES = {
    "reverts": b"\x5f\x5f\xfd",
    "invalid": b"\xfe",
    "burns all": b"\x5b\x5f\x56",
    "reverts with much": _BIG + b"\x5f\xfd",
    "burns by memory": b"\x63\xff\xff\xff\xff\x5f\xf3",
}


@dataclass
class Home:
    """Where ether comes home, and who has some of it elsewhere."""

    arcade: Stack
    hub: Stack
    courier: Courier
    holder: str
    token: Contract
    """What stands for it on the hub."""

    @property
    def door(self) -> Contract:
        return ether_door(self.arcade)

    @property
    def ether(self) -> Contract:
        return wrapped_ether(self.arcade)

    def send(self, data: bytes, extra_gas: int | None = None, token: Contract | None = None) -> Message:
        """Sends the token to the door."""
        extra = self.door.view("EXTRA_GAS") if extra_gas is None else extra_gas
        options = Options(from_balance=True, extra_gas=extra, data=data).fields
        to = (self.arcade.chain.chain_id, self.door.address, AMOUNT, options)
        receipt = self.hub.bridge.send("send", (token or self.token).address, *to, sender=self.holder)
        (message,) = self.courier.note("hub", receipt)
        return message

    def bring(self, beneficiary: str = SOMEBODY, extra_gas: int | None = None) -> Receipt:
        """Sends it, and carries it to the door."""
        self.send(CODEC.encode(["address"], [beneficiary]), extra_gas)
        return self.courier.carry("hub", "arcade")

    def paid(self, beneficiary: str = SOMEBODY) -> tuple[int, int]:
        """Ether and wrapped ether of who should get it. The door and the bridge have none."""
        kept = [
            self.ether.view("balanceOf", account)
            for account in (self.door.address, self.arcade.bridge.address)
        ]
        assert [balance(self.arcade.chain, self.door.address), *kept] == [0, 0, 0]
        return balance(self.arcade.chain, beneficiary), self.ether.view("balanceOf", beneficiary)


@pytest.fixture
def home(
    stacks: dict[str, Stack],
    fund: Fund,
    courier: Courier,
    on_bridge: Callable[..., Contract],
    depositor: str,
) -> Home:
    """The depositor has sent ether of arcade to the hub, and pays fees on both."""
    arcade, hub = stacks["arcade"], stacks["hub"]
    for stack in (arcade, hub):
        fund("arcade" if stack is arcade else "hub", depositor)
    door = ether_door(arcade)
    arcade.era.send("approve", door.address, MAX, sender=depositor)
    hub.era.send("approve", hub.bridge.address, MAX, sender=depositor)
    courier.watch("arcade", wrapped_ether(arcade))
    sent = pay(door, AMOUNT, depositor, "send", hub.chain.chain_id, depositor, Options().fields)
    courier.note("arcade", sent)
    courier.carry("arcade", "hub")
    return Home(arcade, hub, courier, depositor, on_bridge("hub", "arcade", wrapped_ether(arcade)))


def test_names_what_it_gives(home: Home) -> None:
    assert home.door.view("BENEFICIARY_GAS") == BENEFICIARY_GAS
    assert home.door.view("WRAPPED_ETHER") == home.ether.address
    assert home.door.view("BRIDGE") == home.arcade.bridge.address


@pytest.mark.parametrize("code", TAKES)
def test_ether_comes_home(home: Home, code: str) -> None:
    """With the gas that the door asks for: to a new account, or a contract with all that it is promised."""
    set_code(home.arcade.chain, SOMEBODY, TAKES[code])
    receipt = home.bring()
    ((id_, *event),) = receipt.named("EtherPaid")
    assert receipt.named("TransferReceived")[0][0] == id_
    assert event == [SOMEBODY, AMOUNT, False]
    assert home.paid() == (AMOUNT, 0)


@pytest.mark.parametrize("code", REFUSES)
def test_who_refuses_ether_gets_it_wrapped(home: Home, code: str) -> None:
    """M12, M20: whatever it does with all the gas that it gets, and whatever it returns."""
    set_code(home.arcade.chain, SOMEBODY, REFUSES[code])
    receipt = home.bring()
    assert receipt.named("EtherPaid")[0][1:] == (SOMEBODY, AMOUNT, True)
    assert receipt.named("MessageFailed") == []
    assert home.paid() == (0, AMOUNT)


def test_an_account_that_delegates_is_paid(home: Home) -> None:
    """EIP-7702, to code that refuses."""
    delegate = "0x" + "7d" * 20
    set_code(home.arcade.chain, delegate, REFUSES["burns all"])
    set_code(home.arcade.chain, SOMEBODY, bytes.fromhex("ef0100" + delegate[2:]))
    assert home.bring().named("EtherPaid")[0][3] is True
    assert home.paid() == (0, AMOUNT)


@pytest.mark.parametrize("code", [NEEDS_ALL, REFUSES["burns all"]], ids=["needs all", "burns all"])
def test_whatever_the_gas_it_pays_as_it_should_or_not_at_all(home: Home, code: bytes) -> None:
    """M12: of any limit, what is ordered is done whole or fails: no stingy relayer makes ether wrapped."""
    set_code(home.arcade.chain, SOMEBODY, code)
    data = CODEC.encode(["address"], [SOMEBODY])
    chain, wrapped = home.arcade.chain, code != NEEDS_ALL
    arguments = (bytes(32), 1, ZERO_ADDRESS, home.ether.address, 1, data)
    pay(home.ether, 1, home.holder, "deposit")
    home.ether.send("transfer", home.door.address, 1, sender=home.holder)
    bridge = home.arcade.bridge.address
    chain.rpc("anvil_impersonateAccount", [bridge])
    chain.rpc("anvil_setBalance", [bridge, hex(10**18)])
    done = []
    for gas in range(60_000, 260_000, 3_989):
        state = chain.snapshot()
        receipt = home.door.attempt("onTransferReceived", *arguments, sender=bridge, gas=gas)
        assert [event[3] for event in receipt.named("EtherPaid")] == ([wrapped] if receipt.succeeded else [])
        done.append(receipt.succeeded)
        chain.restore(state)
    assert done == sorted(done)
    assert set(done) == {False, True}


# What it refuses


def test_refuses_another_token(home: Home, fund: Fund) -> None:
    """It goes back whole."""
    before = home.hub.era.view("balanceOf", home.holder)
    message = home.send(CODEC.encode(["address"], [SOMEBODY]), token=home.hub.era)
    receipt = home.courier.carry("hub", "arcade")
    assert receipt.named("MessageFailed")[0][0] == message.id
    home.courier.say_returned(message)
    returned = home.courier.refund(message)
    assert returned.named("TransferReturned") == [(message.id, home.holder, home.hub.era.address, AMOUNT)]
    assert home.arcade.era.view("balanceOf", home.door.address) == 0
    assert before - home.hub.era.view("balanceOf", home.holder) < 10**18


def call_of(home: Home, data: bytes, token: str | None = None) -> tuple[Any, ...]:
    return "onTransferReceived", bytes(32), 1, ZERO_ADDRESS, token or home.ether.address, 1, data


def test_believes_the_bridge_alone(home: Home, attacker: str) -> None:
    """M10."""
    data = CODEC.encode(["address"], [attacker])
    for caller in (attacker, home.holder, home.ether.address, home.arcade.gateway.address):
        assert home.door.revert(*call_of(home, data), sender=caller) == error("NotTheBridge", caller)


def test_takes_wrapped_ether_alone(home: Home, attacker: str) -> None:
    data = CODEC.encode(["address"], [attacker])
    for token in (home.arcade.era.address, ZERO_ADDRESS, attacker):
        refused = home.door.revert(*call_of(home, data, token), sender=home.arcade.bridge.address)
        assert refused == error("NotWrappedEther", token)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(31),
        bytes(32),
        bytes(64),
        bytes(12) + b"\x11" * 19,
        bytes(12) + b"\x11" * 21,
        b"\x01" + bytes(11) + b"\x11" * 20,
        b"\xff" * 32,
        bytes(12) + b"\x11" * 20 + bytes(32),
    ],
    ids=lambda data: data.hex()[:70] or "none",
)
def test_refuses_data_that_are_no_address(home: Home, data: bytes) -> None:
    refused = home.door.revert(*call_of(home, data), sender=home.arcade.bridge.address)
    assert refused == error("InvalidBeneficiary", ZERO_ADDRESS)


@pytest.mark.parametrize("who", ["door", "bridge", "ether"])
def test_refuses_beneficiaries_that_would_lose_it(home: Home, who: str) -> None:
    places = {"door": home.door, "bridge": home.arcade.bridge, "ether": home.ether}
    account = places[who].address
    data = CODEC.encode(["address"], [account])
    refused = home.door.revert(*call_of(home, data), sender=home.arcade.bridge.address)
    assert refused == error("InvalidBeneficiary", account)


def test_the_door_alone_unwraps(home: Home, attacker: str) -> None:
    for caller in (attacker, home.arcade.bridge.address, home.ether.address):
        assert home.door.revert("payEther", attacker, 1, sender=caller) == error("NotTheDoor", caller)
