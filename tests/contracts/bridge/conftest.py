"""ERA that moves between the chains, with P4 checked after every step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.assets.bridge import Payload
from metalayer.protocol.message import Message
from tests.kit.evm import ZERO_ADDRESS, Receipt, Revert
from tests.kit.hops import AMOUNT, CREDIT, FUNDS, Courier, deposit
from tests.kit.paper import Validators
from tests.kit.stack import Stack


@pytest.fixture
def courier(stacks: dict[str, Stack], validators: Validators, relayer: str) -> Courier:
    return Courier(stacks, validators, relayer)


@pytest.fixture
def send(stacks: dict[str, Stack], courier: Courier, depositor: str, treasury: str) -> Callable[..., Receipt]:
    """Sends ERA from a chain and checks P4; the depositor owns some on the hub, approved the bridge, and has credit."""
    hub = stacks["hub"]
    hub.era.send("transfer", depositor, FUNDS + CREDIT, sender=treasury)
    hub.era.send("approve", hub.bridge.address, 2**256 - 1, sender=depositor)
    deposit(hub, depositor)

    def send(
        origin: str, destination: str, to: str, amount: int = AMOUNT, sender: str = depositor
    ) -> Receipt:
        chain_id = stacks[destination].chain.chain_id
        receipt = stacks[origin].bridge.send("send", chain_id, to, amount, sender=sender)
        courier.note(origin, receipt)
        courier.check_balances()
        return receipt

    return send


@pytest.fixture
def on_spoke(
    stacks: dict[str, Stack], send: Callable[..., Receipt], courier: Courier, depositor: str
) -> Callable[..., None]:
    """Gives the depositor ERA and credit on a spoke."""

    def on_spoke(name: str, amount: int = AMOUNT) -> None:
        send("hub", name, depositor, amount + CREDIT)
        courier.carry("hub", name)
        deposit(stacks[name], depositor)

    return on_spoke


@pytest.fixture
def on_arcade(on_spoke: Callable[..., None]) -> Callable[..., None]:
    """Gives the depositor ERA and credit on arcade."""

    def on_arcade(amount: int = AMOUNT) -> None:
        on_spoke("arcade", amount)

    return on_arcade


@pytest.fixture
def only_open(courier: Courier) -> Callable[..., Message]:
    """The one message that has not ended."""

    def only_open() -> Message:
        (message,) = courier.open.values()
        return message

    return only_open


@pytest.fixture
def gateway_call(stacks: dict[str, Stack]) -> Callable[..., Revert]:
    """What a bridge says to a message that its gateway brings, without any validator involved."""

    def gateway_call(
        name: str,
        sender: bytes,
        destination: int,
        to: str,
        amount: int,
        caller: str | None = None,
        from_: str = ZERO_ADDRESS,
        sent_at: int = 0,
        at: int | None = None,
    ) -> Revert:
        stack = stacks[name]
        payload = Payload(destination, sent_at, from_, to, amount).encoded
        caller = caller or stack.gateway.address
        return stack.bridge.revert("receiveMessage", bytes(32), sender, payload, sender=caller, at=at)

    return gateway_call


@pytest.fixture
def second_hop(
    on_arcade: Callable[..., None],
    send: Callable[..., Receipt],
    courier: Courier,
    beneficiary: str,
    only_open: Callable[..., Message],
) -> Callable[..., Message]:
    """A transfer from arcade to perps on its second hop."""

    def second_hop(amount: int = AMOUNT) -> Message:
        on_arcade()
        send("arcade", "perps", beneficiary, amount)
        courier.carry("arcade", "hub")
        return only_open()

    return second_hop
