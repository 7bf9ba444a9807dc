"""Transfers with data: a recipient that is a contract is called once it is paid, and hears the truth or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.transfers import MAX_DATA_LENGTH, RECEIVE_GAS, Kind, Options, Payload
from tests.kit.evm import CODEC, Contract, deploy, error
from tests.kit.hops import AMOUNT
from tests.kit.roles import ATTACKER
from tests.kit.world import PREPAID, World

ACCEPT, REFUSE, ANSWER_OTHER, WANT_GAS, CALL_TARGET = range(5)
GAS = 120_000
ROUTES = [
    pytest.param("gem", "hub", "arcade", id="gem-out"),
    pytest.param("gem", "arcade", "hub", id="gem-back"),
    pytest.param("era", "arcade", "hub", id="era-back"),
    pytest.param("gem", "arcade", "perps", id="gem-two-hops"),
    pytest.param("coin", "hub", "perps", id="coin-two-hops"),
]
_HEARD = ["bytes32", "address", "bytes32", "uint256", "address", "address", "uint256", "uint256", "bytes"]


@pytest.fixture
def receivers(world: World) -> dict[str, Contract]:
    """One on each chain, at one address."""
    made = {}
    for name, stack in world.stacks.items():
        stack.chain.rpc("anvil_setNonce", [ATTACKER.address, hex(1_000)])
        made[name] = deploy(stack.chain, "ScriptedReceiver", sender=ATTACKER.address)
    assert len({receiver.address for receiver in made.values()}) == 1
    return made


def heard(bridge: str, *call: Any) -> bytes:
    """What a receiver keeps of its first call."""
    return bytes(keccak(CODEC.encode(_HEARD, [bytes(32), bridge, *call])))


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
@pytest.mark.parametrize("data", [b"\1", b"act" * 20, b"\xa5" * MAX_DATA_LENGTH], ids=len)
def test_the_recipient_is_called_when_it_is_paid(
    world: World, receivers: dict[str, Contract], token: str, origin: str, destination: str, data: bytes
) -> None:
    """P22: with the transfer's id, where it started and by whom, the local token, and what it has got already."""
    receiver = receivers[destination]
    options = world.prepaid(token, origin, destination) or Options()
    fee = options.fee
    if fee:
        call = ("quoteForward", world.address(token), world.id_of(destination), len(data), GAS)
        fee = world.bridge("hub").view(*call) // 10**9
    wish = Options(fee=fee, data=data, extra_gas=GAS, return_to=world.stacks["hub"].recipient.address)
    first = world.send(token, origin, destination, receiver.address, options=wish)
    if len(world.path(token, origin, destination)) == 2 and not fee:
        world.pay(world.home_of(token), first.id, 20 * PREPAID)
    world.arrive(first)
    local, bridge = world.local(token, destination).address, world.bridge(destination).address
    said = (first.id, world.id_of(origin), world.depositor, local, AMOUNT, AMOUNT, data)
    assert receiver.view("count") == 1
    assert receiver.view("heard") == heard(bridge, *said)


def test_whoever_sends_is_who_called(world: World, receivers: dict[str, Contract], attacker: str) -> None:
    """P22: neither who gets it back, nor who started the transaction: M55."""
    agent = deploy(world.stacks["hub"].chain, "ScriptedSender", sender=attacker)
    gem = world.local("gem", "hub")
    gem.send("transfer", agent.address, AMOUNT, sender=world.depositor)
    bridge = world.bridge("hub")
    approval = gem.encode("approve", bridge.address, AMOUNT)
    agent.send("execute", gem.address, approval, sender=attacker)
    era = world.stacks["hub"].era
    era.send("transfer", agent.address, AMOUNT, sender=world.depositor)
    agent.send("execute", era.address, era.encode("approve", bridge.address, AMOUNT), sender=attacker)
    options = Options(return_to=world.depositor, data=b"act", extra_gas=GAS, from_balance=True)
    call = world.call("gem", "hub", "arcade", receivers["arcade"].address, AMOUNT, options)
    receipt = agent.send("execute", bridge.address, bridge.encode("send", *call), sender=attacker)
    message = world.noted("hub", receipt)
    assert Payload.read(message.payload).sender == agent.address
    world.carry(message)
    local = world.local("gem", "arcade").address
    said = (message.id, world.id_of("hub"), agent.address, local, AMOUNT, AMOUNT, b"act")
    assert receivers["arcade"].view("heard") == heard(bridge.address, *said)


@pytest.mark.parametrize("behaviour", [REFUSE, ANSWER_OTHER, WANT_GAS])
def test_what_its_recipient_refuses_is_not_paid(
    world: World, receivers: dict[str, Contract], attacker: str, behaviour: int
) -> None:
    """P14, P22: neither paid nor called; a retry pays and calls once."""
    receiver = receivers["arcade"]
    receiver.send("setBehaviour", behaviour, sender=attacker)
    options = Options(data=b"act", extra_gas=GAS)
    message = world.send("gem", "hub", "arcade", receiver.address, options=options)
    assert len(world.carry(message).named("MessageFailed")) == 1
    assert world.balance("gem", "arcade", receiver.address) == 0
    if behaviour == ANSWER_OTHER:
        refusal = world.tell("arcade", message.origin, message.payload)
        assert refusal == error("CallRefused", receiver.address)
    if behaviour != WANT_GAS:
        receiver.send("setBehaviour", ACCEPT, sender=attacker)
    # What wants gas gets more with a retry.
    world.courier.retry(message, "arcade")
    assert (receiver.view("count"), world.balance("gem", "arcade", receiver.address)) == (1, AMOUNT)


def test_what_its_recipient_never_takes_comes_home(
    world: World, receivers: dict[str, Contract], attacker: str, depositor: str
) -> None:
    """P14."""
    receivers["arcade"].send("setBehaviour", REFUSE, sender=attacker)
    before = world.balance("gem", "hub", depositor)
    options = Options(data=b"act", extra_gas=GAS)
    message = world.send("gem", "hub", "arcade", receivers["arcade"].address, options=options)
    world.carry(message)
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("gem", "hub", depositor) == before


@pytest.mark.parametrize("destination", ["hub", "arcade"])
def test_an_account_without_code_takes_no_call(world: World, beneficiary: str, destination: str) -> None:
    """P22: it could not have heard it."""
    origin = "arcade" if destination == "hub" else "hub"
    message = world.send("gem", origin, destination, options=Options(data=b"act"))
    assert len(world.carry(message).named("MessageFailed")) == 1
    assert world.balance("gem", destination, beneficiary) == 0


def test_without_data_nobody_is_called(world: World, receivers: dict[str, Contract]) -> None:
    world.carry(
        world.send("gem", "hub", "arcade", receivers["arcade"].address, options=Options(extra_gas=GAS))
    )
    assert receivers["arcade"].view("count") == 0


def test_extra_gas_is_the_callees(world: World) -> None:
    """On both hops: the second one cannot have more than the first one said."""
    options = Options(data=b"act", extra_gas=GAS, fee=20 * PREPAID)
    first, second = world.second_hop("gem", "arcade", "perps", options=options)
    assert (first.gas_limit, second.gas_limit) == (400_000 + GAS, RECEIVE_GAS + GAS)


def test_a_recipient_may_send_on_at_once(
    world: World, receivers: dict[str, Contract], owner: str, attacker: str
) -> None:
    """M20: what it has just got; from within the bridge's call."""
    arcade = world.stacks["arcade"]
    receiver, local = receivers["arcade"], world.local("gem", "arcade")
    call = (local.address, world.id_of("hub"), world.depositor, AMOUNT, Options(from_balance=True).fields)
    arcade.era.send("transfer", receiver.address, AMOUNT, sender=world.depositor)
    receiver.send("setCall", arcade.bridge.address, arcade.bridge.encode("send", *call), sender=attacker)
    options = Options(data=b"act", extra_gas=1_000_000)
    message = world.send("gem", "hub", "arcade", receiver.address, options=options)
    before = world.balance("gem", "hub", world.depositor)
    world.carry(message)
    world.carry(world.only_open())
    assert world.balance("gem", "hub", world.depositor) == before + AMOUNT


def test_a_recipient_that_comes_back_is_not_paid_twice(
    world: World, receivers: dict[str, Contract], relayer: str, attacker: str
) -> None:
    """M11, M20: it retries the very message that calls it."""
    receiver, gateway = receivers["arcade"], world.stacks["arcade"].gateway
    receiver.send("setBehaviour", REFUSE, sender=attacker)
    options = Options(data=b"act", extra_gas=1_000_000)
    message = world.send("gem", "hub", "arcade", receiver.address, options=options)
    world.carry(message)
    again = gateway.encode("retry", message.origin, message.nonce, message.fields)
    receiver.send("setCall", gateway.address, again, sender=attacker)
    arguments = (message.origin, message.nonce, message.fields)
    refusal = gateway.revert("retry", *arguments, sender=relayer)
    assert refusal == error("RetryFailed", message.id)
    receiver.send("setBehaviour", ACCEPT, sender=attacker)
    world.courier.retry(message, "arcade")
    assert world.balance("gem", "arcade", receiver.address) == AMOUNT


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_data_and_tip_do_not_go_together(world: World, name: str) -> None:
    """P22: no message says so, either."""
    kind = Kind.BACK if name == "hub" else Kind.OUT
    origin = world.id_of("arcade" if name == "hub" else "hub")
    payload = world.payload("gem", kind, "hub", tip=1, sender=world.depositor, data=b"act")
    assert world.tell(name, origin, payload.encoded) == error("InvalidPayload")
