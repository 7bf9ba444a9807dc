"""Through which gateways the bridge speaks, and to which it listens: how a faulty one is left."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import Kind, Options, transfer_id
from tests.kit.evm import Contract, Receipt, error, set_code
from tests.kit.founding import Founding
from tests.kit.hops import AMOUNT, RECEIVE_FEE
from tests.kit.paper import DAY
from tests.kit.terms import OPEN_ROUTE
from tests.kit.world import PREPAID, World, impersonate

DELAY = 21 * DAY
ID = b"\7" * 32
COMPACT = keccak(text="compact(uint256)")[:4]
FIRST = 1
"""Since when the first gateway is accepted."""


@pytest.fixture
def second(world: World, founding: Founding) -> Contract:
    """Another gateway on the hub, with a route to arcade and one to perps."""
    return founding.deploy(routes={world.id_of(name): OPEN_ROUTE for name in ("arcade", "perps")})


def bring(world: World, gateway: str, payload: bytes, at: int | None = None) -> Receipt:
    """What a gateway brings from arcade."""
    impersonate(world.stacks["hub"], gateway)
    bridge = world.bridge("hub")
    sender = interoperable(world.id_of("arcade"), bridge.address)
    return bridge.send("receiveMessage", ID, sender, payload, sender=gateway, at=at)


def accept(world: World, gateway: str, owner: str) -> int:
    """Accepts a gateway, and says from when on."""
    receipt = world.bridge("hub").send("acceptGateway", gateway, sender=owner)
    ((named, since),) = receipt.named("GatewayAccepted")
    assert named == gateway
    return int(since)


def choose(world: World, gateway: str, owner: str, name: str = "arcade", at: int | None = None) -> None:
    receipt = world.bridge("hub").send("chooseGateway", world.id_of(name), gateway, sender=owner, at=at)
    assert receipt.named("GatewayChosen") == [(world.id_of(name), gateway)]


@pytest.mark.parametrize("caller", ["attacker", "guardian", "deployer", "depositor"])
@pytest.mark.parametrize("method", ["acceptGateway", "refuseGateway", "chooseGateway", "recall"])
def test_only_the_owner_decides(
    world: World, request: pytest.FixtureRequest, caller: str, method: str
) -> None:
    account, gateway = request.getfixturevalue(caller), world.stacks["hub"].gateway.address
    arguments = {"chooseGateway": (world.id_of("arcade"), gateway), "recall": (gateway, 1)}
    call = (method, *arguments.get(method, (gateway,)))
    assert world.bridge("hub").revert(*call, sender=account) == error("NotBridgeOwner", account)


def test_at_first_there_is_one(world: World, second: Contract) -> None:
    for stack in world.stacks.values():
        assert stack.bridge.view("acceptedFrom", stack.gateway.address) == FIRST
        assert stack.bridge.view("gatewayOf", world.id_of("perps")) == stack.gateway.address
        assert stack.bridge.view("ACCEPTANCE_DELAY") == DELAY
    assert world.bridge("hub").view("acceptedFrom", second.address) == 0


def test_another_is_heard_after_three_weeks(
    world: World, second: Contract, owner: str, beneficiary: str
) -> None:
    """M10, M18: to the second; so users can leave before."""
    payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
    since = accept(world, second.address, owner)
    assert since == world.now("hub") + DELAY
    assert world.bridge("hub").view("acceptedFrom", second.address) == since
    bridge, arcade = world.bridge("hub"), world.id_of("arcade")
    for at in (since - DELAY + 1, since - 1):
        refusal = world.tell("hub", arcade, payload, caller=second.address, at=at)
        assert refusal == error("GatewayNotAccepted", second.address)
        refusal = bridge.revert("chooseGateway", arcade, second.address, sender=owner, at=at)
        assert refusal == error("GatewayNotAccepted", second.address)
    assert bring(world, second.address, payload, at=since).named("TransferReceived")
    assert world.balance("gem", "hub", beneficiary) == 1
    choose(world, second.address, owner)
    assert world.bridge("hub").view("gatewayOf", arcade) == second.address
    assert world.bridge("hub").view("gatewayOf", world.id_of("perps")) != second.address


@pytest.mark.parametrize(
    "code",
    ["", "5f5ffd", "00", "5f60015360015ff3", "5f5f5260205ff3", "60025f5260205ff3", "60205ffd"],
    ids=["no-code", "reverts", "says-nothing", "says-a-byte", "says-no", "says-two", "reverts-with-a-word"],
)
def test_what_cannot_carry_what_is_sent_is_not_chosen(world: World, owner: str, code: str) -> None:
    """But it may be accepted: then it is heard, and sends nothing."""
    hub, gateway = world.stacks["hub"], "0x" + "67" * 20
    set_code(hub.chain, gateway, bytes.fromhex(code))
    since = accept(world, gateway, owner)
    choice = ("chooseGateway", world.id_of("arcade"), gateway)
    refusal = hub.bridge.revert(*choice, sender=owner, at=since)
    assert refusal == error("AttributeNotSupported", gateway, COMPACT)
    bring(world, gateway, world.payload("gem", Kind.BACK, "hub", amount=1).encoded, at=since)
    assert hub.bridge.view("gatewayOf", world.id_of("arcade")) == hub.gateway.address
    set_code(hub.chain, gateway, bytes.fromhex("60015f5260205ff3"))
    choose(world, gateway, owner)


def test_one_that_is_refused_is_heard_no_more(world: World, second: Contract, owner: str) -> None:
    """But for the chains that it is chosen for: what it carries now must not be lost."""
    since = accept(world, second.address, owner)
    choose(world, second.address, owner, at=since)
    receipt = world.bridge("hub").send("refuseGateway", second.address, sender=owner)
    assert receipt.named("GatewayRefused") == [(second.address,)]
    payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
    bring(world, second.address, payload)
    lie = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
    bridge = world.bridge("hub")
    sender = interoperable(world.id_of("perps"), bridge.address)
    refusal = bridge.revert("receiveMessage", ID, sender, lie, sender=second.address)
    assert refusal == error("GatewayNotAccepted", second.address)
    first = world.stacks["hub"].gateway.address
    choose(world, first, owner)
    refusal = world.tell("hub", world.id_of("arcade"), payload, caller=second.address)
    assert refusal == error("GatewayNotAccepted", second.address)


def test_the_first_one_can_be_left(world: World, second: Contract, owner: str) -> None:
    """Once another one is chosen for all chains, it is refused as any other."""
    since, first = accept(world, second.address, owner), world.stacks["hub"].gateway
    bridge = world.bridge("hub")
    payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
    choose(world, second.address, owner, at=since)
    bring(world, first.address, payload)
    bridge.send("refuseGateway", first.address, sender=owner)
    refusal = world.tell("hub", world.id_of("arcade"), payload)
    assert refusal == error("GatewayNotAccepted", first.address)
    refusal = bridge.revert("chooseGateway", world.id_of("perps"), first.address, sender=owner)
    assert refusal == error("GatewayNotAccepted", first.address)


def test_what_is_chosen_sends(world: World, second: Contract, owner: str, depositor: str) -> None:
    """P23: for its own price, from credit in it; ids of its messages do not stand for themselves."""
    since = accept(world, second.address, owner)
    choose(world, second.address, owner, at=since)
    hub, arcade = world.stacks["hub"], world.id_of("arcade")
    assert hub.bridge.view("quoteSend", world.address("gem"), arcade, 0, 0)[0] == RECEIVE_FEE
    assert world.refusal("gem", "hub", "arcade") == error("InsufficientCredit", depositor, 0, RECEIVE_FEE)
    call = world.call("gem", "hub", "arcade", depositor, AMOUNT, Options(from_balance=True))
    receipt = hub.bridge.send("send", *call, sender=depositor)
    ((message_id, *_),) = receipt.named("MessageSent")
    ((id_, *_),) = receipt.named("TransferSent")
    expected = keccak(encode(["address", "bytes32"], [second.address, message_id]))
    assert id_ == expected == transfer_id(hub.gateway.address, second.address, message_id)
    assert {event.address for event in receipt.events if event.name == "MessageSent"} == {second.address}


def test_equal_ids_of_two_gateways_are_two(world: World, second: Contract, owner: str) -> None:
    """P17: what waits, or is struck, of one is neither of the other."""
    world.limit("gem", "hub", "arcade", 0, 0, 1)
    since = accept(world, second.address, owner)
    payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
    bring(world, second.address, payload, at=since)
    bridge = world.bridge("hub")
    other = transfer_id(world.stacks["hub"].gateway.address, second.address, ID)
    assert bridge.view("waitingSince", other) == since
    assert bridge.view("waitingSince", ID) == 0
    bridge.send("strike", world.id_of("arcade"), ID, sender=owner)
    assert bring(world, world.stacks["hub"].gateway.address, payload, at=since + DAY).events == []
    assert bring(world, second.address, payload, at=since + 2 * DAY).named("TransferReceived")


def test_what_comes_back_comes_through_its_gateway(
    world: World, second: Contract, owner: str, attacker: str
) -> None:
    """M10, M45: only one that is listened to says what came back."""
    payload = world.payload("gem", Kind.OUT, "hub", amount=1).encoded
    bridge, arcade = world.bridge("hub"), world.id_of("arcade")
    fields = (bridge.address, bridge.address, 1, 1, 0, payload)
    call = ("onMessageReturned", ID, arcade, fields, 0)
    since = accept(world, second.address, owner)
    refusal = bridge.revert(*call, sender=second.address, at=since - 1)
    assert refusal == error("GatewayNotAccepted", second.address)
    impersonate(world.stacks["hub"], second.address)
    receipt = bridge.send(*call, sender=second.address, at=since)
    ((id_, payee, _, amount),) = receipt.named("TransferReturned")
    assert (payee, amount) == (world.depositor, 1)
    assert id_ == transfer_id(world.stacks["hub"].gateway.address, second.address, ID)


def test_credit_in_a_gateway_that_is_left_is_taken_out(world: World, owner: str, second: Contract) -> None:
    """P4: what the bridge holds there is locked ERA: it comes back to the bridge, and goes nowhere else."""
    world.arrive(world.send("gem", "arcade", "perps", options=Options(fee=PREPAID)))
    hub = world.stacks["hub"]
    credit = hub.gateway.view("credit", hub.bridge.address)
    locked = hub.era.view("balanceOf", hub.bridge.address)
    assert credit > 0
    hub.bridge.send("recall", hub.gateway.address, credit, sender=owner)
    assert hub.era.view("balanceOf", hub.bridge.address) == locked + credit
    world.courier.check_balances()
    assert second.view("credit", hub.bridge.address) == 0
