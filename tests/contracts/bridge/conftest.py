"""ERA that moves between the chains, with P4 checked after every step."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from tests.kit.evm import ZERO_ADDRESS
from tests.kit.hops import AMOUNT, CREDIT, FUNDS, Courier, deposit


@pytest.fixture
def courier(stacks, validators, relayer):
    return Courier(stacks, validators, relayer)


@pytest.fixture
def send(stacks, courier, depositor, treasury):
    """Sends ERA from a chain and checks P4; the depositor owns some on the hub, approved the bridge, and has credit."""
    hub = stacks["hub"]
    hub.era.send("transfer", depositor, FUNDS + CREDIT, sender=treasury)
    hub.era.send("approve", hub.bridge.address, 2**256 - 1, sender=depositor)
    deposit(hub, depositor)

    def send(origin, destination, to, amount=AMOUNT, sender=depositor):
        chain_id = stacks[destination].chain.chain_id
        receipt = stacks[origin].bridge.send("send", chain_id, to, amount, sender=sender)
        courier.note(origin, receipt)
        courier.check_balances()
        return receipt

    return send


@pytest.fixture
def on_spoke(stacks, send, courier, depositor):
    """Gives the depositor ERA and credit on a spoke."""

    def on_spoke(name, amount=AMOUNT):
        send("hub", name, depositor, amount + CREDIT)
        courier.carry("hub", name)
        deposit(stacks[name], depositor)

    return on_spoke


@pytest.fixture
def on_arcade(on_spoke):
    """Gives the depositor ERA and credit on arcade."""

    def on_arcade(amount=AMOUNT):
        on_spoke("arcade", amount)

    return on_arcade


@pytest.fixture
def only_open(courier):
    """The one message that has not ended."""

    def only_open():
        (message,) = courier.open.values()
        return message

    return only_open


@pytest.fixture
def gateway_call(stacks):
    """What a bridge says to a message that its gateway brings, without any validator involved."""

    def gateway_call(name, sender, destination, to, amount, caller=None, from_=ZERO_ADDRESS):
        stack = stacks[name]
        payload = encode(["uint256", "address", "address", "uint256"], [destination, from_, to, amount])
        caller = caller or stack.gateway.address
        return stack.bridge.revert("receiveMessage", bytes(32), sender, payload, sender=caller)

    return gateway_call


@pytest.fixture
def second_hop(on_arcade, send, courier, beneficiary, only_open):
    """A transfer from arcade to perps on its second hop."""

    def second_hop(amount=AMOUNT):
        on_arcade()
        send("arcade", "perps", beneficiary, amount)
        courier.carry("arcade", "hub")
        return only_open()

    return second_hop
