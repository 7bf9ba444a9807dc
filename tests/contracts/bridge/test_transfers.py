"""TokenBridge: any token locked on its home, minted elsewhere, in one hop or two, and what is refused."""

from __future__ import annotations

import pytest

from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import (
    DESCRIBE_GAS,
    FORWARD_GAS,
    RECEIVE_GAS,
    ClaimPayload,
    Description,
    Kind,
    Options,
    Payload,
)
from tests.kit.evm import ZERO_ADDRESS, Revert, error, now
from tests.kit.hops import AMOUNT, FUNDS, carried
from tests.kit.paper import DAY
from tests.kit.terms import FREE_TERMS
from tests.kit.world import ENDLESS, PREPAID, World

UNROUTED = 4_242
ROUTES = [
    pytest.param(token, origin, destination, id=f"{token}-{origin}-{destination}")
    for token in ("era", "gem", "coin")
    for origin in ("hub", "arcade", "perps")
    for destination in ("hub", "arcade", "perps")
    if origin != destination
]
"""Of tokens at home on the hub and elsewhere, all ways."""
ONE_HOP = [
    ("gem", "hub", "arcade"),
    ("gem", "arcade", "hub"),
    ("era", "hub", "perps"),
    ("coin", "perps", "arcade"),
]
OVER_THE_HUB = [("era", "arcade", "perps"), ("gem", "perps", "arcade")]
TWO_HOPS = [*OVER_THE_HUB, ("coin", "hub", "perps"), ("coin", "perps", "hub")]


# Sending and arriving


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
def test_arrives_whole(world: World, beneficiary: str, token: str, origin: str, destination: str) -> None:
    """P4: in one hop or two, the recipient gets exactly what was sent, and the sender has exactly that less."""
    before = world.balance(token, origin, world.depositor)
    first = world.send(token, origin, destination, options=world.prepaid(token, origin, destination))
    if len(world.path(token, origin, destination)) == 2 and world.home_of(token) != "hub":
        world.pay(world.home_of(token), first.id)
    receipt = world.arrive(first)
    local = world.local(token, destination).address
    expected = (first.id, beneficiary, local, world.id_of(origin), AMOUNT)
    assert receipt.named("TransferReceived") == [expected]
    assert world.balance(token, destination, beneficiary) == AMOUNT
    prepaid = (
        PREPAID * 10**9
        if world.assets[token].is_era and len(world.path(token, origin, destination)) == 2
        else 0
    )
    assert world.balance(token, origin, world.depositor) == before - AMOUNT - prepaid
    assert world.courier.open == {}


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
def test_every_first_hop_goes_home_or_comes_from_there(
    world: World, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """What the first message carries, with which gas, and until when."""
    options = world.prepaid(token, origin, destination)
    message = world.send(token, origin, destination, options=options)
    hop = world.path(token, origin, destination)[0][1]
    is_out = world.home_of(token) == origin
    sent_at = now(world.stacks[origin].chain)
    assert message.destination == world.id_of(hop)
    assert message.sender == message.recipient.lower() == world.bridge(hop).address.lower()
    assert message.gas_limit == (RECEIVE_GAS if hop == destination else FORWARD_GAS)
    assert message.deliver_before == sent_at + 14 * DAY
    assert carried(message) == Payload(
        kind=Kind.OUT if is_out else Kind.BACK,
        token=world.address(token),
        from_=world.depositor,
        to=beneficiary,
        chain=world.id_of(origin if is_out else destination),
        amount=AMOUNT,
        fee=options.fee if options else 0,
        sent_at=sent_at,
        hop_at=sent_at,
        deadline=sent_at + 14 * DAY,
    )


@pytest.mark.parametrize(("token", "origin", "destination"), TWO_HOPS)
def test_the_home_sends_on_what_it_was_sent(
    world: World, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """P4: one account lends to the other, without any action of the user; the second hop says when it all began, and
    ends when it was to end.
    """
    home = world.home_of(token)
    held = {name: world.outstanding(token, name) for name in (origin, destination)}
    first, second = world.second_hop(token, origin, destination)
    start, onward = Payload.read(first.payload), Payload.read(second.payload)
    prepaid = PREPAID * 10**9 if world.assets[token].is_era else 0
    assert world.outstanding(token, origin) == held[origin] - AMOUNT - prepaid
    assert world.outstanding(token, destination) == held[destination] + AMOUNT
    assert (second.gas_limit, second.deliver_before) == (RECEIVE_GAS, start.deadline)
    assert onward == Payload(
        kind=Kind.OUT,
        token=world.address(token),
        from_=world.depositor,
        to=beneficiary,
        chain=world.id_of(origin),
        amount=AMOUNT,
        sent_at=start.sent_at,
        hop_at=now(world.stacks[home].chain),
        deadline=start.deadline,
        id=first.id,
    )


def test_a_transfer_says_its_id(world: World, depositor: str, beneficiary: str) -> None:
    """Both `send` return the id of the first message, which the event has, too."""
    at = now(world.stacks["hub"].chain) + 10
    for options in (None, Options()):
        call = world.call("gem", "hub", "arcade", beneficiary, AMOUNT, options)
        returned = world.bridge("hub").view("send", *call, sender=depositor, at=at)
        receipt = world.bridge("hub").send("send", *call, sender=depositor, at=at)
        message = world.noted("hub", receipt)
        gem, arcade = world.address("gem"), world.id_of("arcade")
        expected = (returned, depositor, beneficiary, gem, arcade, AMOUNT)
        assert receipt.named("TransferSent") == [expected]
        assert message.id == returned
        at += 10


def test_several_transfers_arrive_in_one_delivery(world: World, beneficiary: str) -> None:
    for token, amount in (("gem", 1), ("era", 2), ("gem", 3)):
        last = world.send(token, "hub", "arcade", amount=amount)
    receipt = world.carry(last)
    assert [values[4] for values in receipt.named("TransferReceived")] == [1, 2, 3]
    assert world.balance("gem", "arcade", beneficiary) == 4


@pytest.mark.parametrize(("token", "origin", "destination"), ONE_HOP)
def test_a_delivery_repeated_pays_once(
    world: World, relayer: str, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """M11, P1."""
    world.send(token, origin, destination)
    arguments = world.courier.arguments(origin, destination)
    world.courier.carry(origin, destination)
    again = world.stacks[destination].gateway.send("deliver", *arguments, sender=relayer)
    assert again.events == []
    assert world.balance(token, destination, beneficiary) == AMOUNT


@pytest.mark.parametrize("amount", [1, 2**128 - 1])
def test_amounts_at_the_ends_of_their_range(
    world: World, developer: str, beneficiary: str, amount: int
) -> None:
    """Whatever its decimals: nothing is scaled, so there is no dust."""
    vast = world.issue("vast", "hub", "ScriptedToken", developer, supply=2**128 - 1)
    vast.send("transfer", world.depositor, 2**128 - 1, sender=developer)
    world.arrive(world.send("vast", "hub", "arcade", amount=amount))
    assert world.balance("vast", "arcade", beneficiary) == amount
    world.local("vast", "arcade").send("transfer", world.depositor, amount, sender=beneficiary)
    world.arrive(world.send("vast", "arcade", "hub", amount=amount))
    assert vast.view("balanceOf", beneficiary) == amount


# Refused at once


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("token", ["era", "gem", "coin"])
def test_refuses_nothing(world: World, origin: str, token: str) -> None:
    assert world.refusal(token, origin, "perps", amount=0) == error("ZeroAmount")


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("amount", [2**128, 2**256 - 1])
def test_refuses_more_than_a_message_carries(world: World, origin: str, amount: int) -> None:
    assert world.refusal("gem", origin, "perps", amount=amount) == error("AmountTooLarge", amount)


@pytest.mark.parametrize(
    ("token", "origin"), [("gem", "hub"), ("gem", "arcade"), ("era", "hub"), ("era", "arcade")]
)
def test_refuses_more_than_the_sender_has(
    world: World, attacker: str, treasury: str, token: str, origin: str
) -> None:
    """P4: neither locked nor burned; nothing is sent."""
    held = world.balance(token, origin, attacker)
    if origin == "hub":
        world.local(token, origin).send("approve", world.bridge("hub").address, ENDLESS, sender=attacker)
    refusal = world.refusal(token, origin, "perps", amount=held + 1, sender=attacker)
    assert refusal == error("ERC20InsufficientBalance", attacker, held, held + 1)


@pytest.mark.parametrize("token", ["gem", "era"])
def test_locks_nothing_without_an_allowance(world: World, treasury: str, depositor: str, token: str) -> None:
    local = world.local(token, "hub")
    local.send("approve", world.bridge("hub").address, AMOUNT - 1, sender=depositor)
    refusal = error("ERC20InsufficientAllowance", world.bridge("hub").address, AMOUNT - 1, AMOUNT)
    assert world.refusal(token, "hub", "arcade") == refusal


@pytest.mark.parametrize("token", ["gem", "era", "coin"])
def test_burns_without_an_allowance(world: World, token: str) -> None:
    """ERC-7802: the bridge alone may; and only what is the caller's own."""
    assert world.local(token, "perps").view("allowance", world.depositor, world.bridge("perps").address) == 0
    world.arrive(world.send(token, "perps", world.home_of(token)))


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("token", ["gem", "coin"])
def test_refuses_this_chain_and_no_chain(world: World, origin: str, token: str, beneficiary: str) -> None:
    bridge, own = world.bridge(origin), world.id_of(origin)
    for destination in (0, own, 2**64, 2**64 + world.id_of("perps"), 2**256 - 1):
        call = ("send", world.local(token, origin).address, destination, beneficiary, 1)
        assert bridge.revert(*call, sender=world.depositor) == error("InvalidDestination", destination)


@pytest.mark.parametrize(("token", "origin"), [("gem", "hub"), ("coin", "arcade")])
def test_home_refuses_a_destination_without_route(
    world: World, token: str, origin: str, beneficiary: str
) -> None:
    call = ("send", world.address(token), UNROUTED, beneficiary, 1)
    assert world.bridge(origin).revert(*call, sender=world.depositor) == error("RouteClosed", UNROUTED)


@pytest.mark.parametrize("token", ["gem", "era", "coin"])
def test_burns_nothing_while_the_way_home_is_closed(world: World, owner: str, token: str) -> None:
    home = world.home_of(token)
    closed = world.id_of(home)
    world.stacks["perps"].gateway.send("setOpen", closed, False, True, sender=owner)
    before = world.balance(token, "perps", world.depositor)
    assert world.refusal(token, "perps", home) == error("RouteClosed", closed)
    call = world.call(token, "perps", home, world.depositor, AMOUNT)
    assert not world.bridge("perps").attempt("send", *call, sender=world.depositor).succeeded
    assert world.balance(token, "perps", world.depositor) == before
    world.courier.check_balances()


def test_what_has_no_way_on_comes_home(world: World) -> None:
    """A spoke does not know which routes the home has: the first hop fails there, and goes back."""
    depositor = world.depositor
    before = world.balance("gem", "arcade", depositor)
    call = ("send", world.local("gem", "arcade").address, UNROUTED, depositor, AMOUNT)
    message = world.noted("arcade", world.bridge("arcade").send(*call, sender=depositor))
    receipt = world.carry(message)
    assert len(receipt.named("MessageFailed")) == 1
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("gem", "arcade", depositor) == before


@pytest.mark.parametrize(
    ("token", "origin"), [("gem", "hub"), ("gem", "arcade"), ("era", "arcade"), ("coin", "hub")]
)
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "token"])
@pytest.mark.parametrize("role", ["to", "from"])
def test_refuses_beneficiaries_that_nobody_owns(
    world: World, token: str, origin: str, kind: str, role: str
) -> None:
    """M6, M8: as recipient, and as who gets it back."""
    stack = world.stacks[origin]
    places = {"zero": ZERO_ADDRESS, "gateway": stack.gateway.address, "bridge": stack.bridge.address}
    account = places.get(kind) or world.local(token, origin).address
    if role == "to":
        assert world.refusal(token, origin, "perps", account) == error("InvalidBeneficiary", account)
    elif kind != "zero":
        refusal = world.refusal(token, origin, "perps", options=Options(return_to=account))
        assert refusal == error("InvalidBeneficiary", account)


def test_a_spoke_refuses_the_token_at_home_as_recipient_there(world: World) -> None:
    """M6: what would be locked in itself. On its way to another chain, that address may be anybody's."""
    gem = world.address("gem")
    assert world.refusal("gem", "arcade", "hub", gem) == error("InvalidBeneficiary", gem)
    options = world.prepaid("gem", "arcade", "perps")
    world.arrive(world.send("gem", "arcade", "perps", gem, options=options))
    assert world.balance("gem", "perps", gem) == AMOUNT


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_takes_no_ether(world: World, origin: str) -> None:
    call = world.call("gem", origin, "perps", world.depositor, 1)
    bridge = world.bridge(origin)
    assert bridge.revert("send", *call, sender=world.depositor, value=1) == Revert(b"")


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_a_token_without_code_is_none(world: World, attacker: str, name: str) -> None:
    """M8: it is no token of this chain, so its home is taken to be here."""
    call = ("send", attacker, world.id_of("perps"), world.depositor, 1)
    assert world.bridge(name).revert(*call, sender=world.depositor) == Revert(b"")


# Who gets it back


def test_returns_to_whom_the_sender_names(world: World, beneficiary: str) -> None:
    """M11: once, and to nobody else."""
    message = world.send("gem", "hub", "arcade", world.depositor, options=Options(return_to=beneficiary))
    held = world.balance("gem", "hub", world.depositor)
    receipt = world.courier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, beneficiary, world.address("gem"), AMOUNT)]
    assert world.balance("gem", "hub", beneficiary) == AMOUNT
    assert world.balance("gem", "hub", world.depositor) == held


# Refused on arrival


@pytest.mark.parametrize(("token", "name", "origin"), [("gem", "hub", "arcade"), ("gem", "arcade", "hub")])
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "token"])
def test_refuses_beneficiaries_on_arrival(
    world: World, token: str, name: str, origin: str, kind: str
) -> None:
    """M8: also if the other chain's bridge was another one."""
    stack = world.stacks[name]
    places = {"zero": ZERO_ADDRESS, "gateway": stack.gateway.address, "bridge": stack.bridge.address}
    to = places.get(kind) or world.local(token, name).address
    message_kind = Kind.BACK if name == "hub" else Kind.OUT
    payload = world.payload(token, message_kind, "hub", to=to)
    refusal = world.tell(name, world.id_of(origin), payload.encoded)
    assert refusal == error("InvalidBeneficiary", to)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("caller", ["attacker", "relayer", "owner", "guardian", "deployer", "depositor"])
def test_refuses_messages_that_no_gateway_brought(
    world: World, request: pytest.FixtureRequest, name: str, kind: Kind, caller: str
) -> None:
    """M10: even if everything else is right, of every kind."""
    account = request.getfixturevalue(caller)
    origin = world.id_of("hub" if name == "arcade" else "arcade")
    payload = _some_payload(world, kind)
    refusal = world.tell(name, origin, payload, caller=account)
    assert refusal == error("GatewayNotAccepted", account)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("who", ["attacker", "owner", "gateway", "era", "zero", "annex"])
def test_refuses_messages_of_other_senders(
    world: World, request: pytest.FixtureRequest, name: str, kind: Kind, who: str
) -> None:
    """M10: through the gateway, but not from the bridge of the other chain."""
    stack = world.stacks[name]
    places = {
        "gateway": stack.gateway.address,
        "era": stack.era.address,
        "zero": ZERO_ADDRESS,
        "annex": stack.bridge.view("ANNEX"),
    }
    account = places.get(who) or request.getfixturevalue(who)
    origin = world.id_of("hub" if name == "arcade" else "arcade")
    refusal = world.tell(name, origin, _some_payload(world, kind), sender=account)
    assert refusal == error("NotABridge", origin, account)


def _some_payload(world: World, kind: Kind) -> bytes:
    if kind is Kind.DESCRIBE:
        return Description(world.depositor, 18, b"Gem", b"GEM").encoded
    if kind is Kind.CLAIM:
        return ClaimPayload(b"\1" * 32, world.depositor).encoded
    return world.payload("gem", kind, "hub").encoded


@pytest.mark.parametrize("caller", ["attacker", "owner", "guardian", "bridge", "era"])
@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_only_a_gateway_says_what_came_back(
    world: World, request: pytest.FixtureRequest, name: str, caller: str
) -> None:
    """M10, M45: even if everything else is right."""
    stack = world.stacks[name]
    account = getattr(stack, caller).address if hasattr(stack, caller) else request.getfixturevalue(caller)
    for kind in (Kind.OUT, Kind.BACK, Kind.RETURN, Kind.DESCRIBE, Kind.CLAIM):
        fields = (stack.bridge.address, stack.bridge.address, 1, 1, 0, _some_payload(world, kind))
        call = ("onMessageReturned", bytes(32), world.id_of("perps"), fields, AMOUNT)
        assert stack.bridge.revert(*call, sender=account) == error("GatewayNotAccepted", account)


def test_a_stranger_sends_the_bridge_nothing(world: World, owner: str, attacker: str) -> None:
    """M10: whoever sends a message that reads like a transfer moves nothing."""
    hub, arcade = world.stacks["hub"], world.stacks["arcade"]
    payload = world.payload("gem", Kind.OUT, "hub", to=attacker).encoded
    recipient = interoperable(arcade.chain.chain_id, arcade.bridge.address)
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    receipt = hub.gateway.send("sendMessage", recipient, payload, [], sender=attacker)
    (message,) = world.courier.note("hub", receipt)
    assert len(world.courier.carry("hub", "arcade").named("MessageFailed")) == 1
    assert world.balance("gem", "arcade", attacker) == 0
    assert message.id in world.courier.open


@pytest.mark.parametrize("sender", [b"", b"\x00\x01", bytes(64)], ids=["empty", "short", "zeros"])
def test_refuses_senders_that_are_no_address(world: World, sender: bytes) -> None:
    """M16."""
    stack = world.stacks["arcade"]
    payload = world.payload("gem", Kind.OUT, "hub").encoded
    refusal = stack.bridge.revert("receiveMessage", bytes(32), sender, payload, sender=stack.gateway.address)
    assert refusal == error("NotABridge", 0, ZERO_ADDRESS)


# What a chain that lies, or a quorum, can take


@pytest.mark.parametrize("token", ["era", "gem"])
def test_home_refuses_more_than_went_out(world: World, token: str) -> None:
    """M9, P4: a forged message cannot exceed what its origin holds: neither to end at the home, nor to go on."""
    held, origin = world.outstanding(token, "arcade"), world.id_of("arcade")
    for chain in ("hub", "perps"):
        payload = world.payload(token, Kind.BACK, chain, amount=held + 1)
        refusal = error("OutstandingExceeded", world.address(token), origin, held + 1, held)
        assert world.tell("hub", origin, payload.encoded) == refusal


def test_one_chain_cannot_take_what_another_holds(world: World, attacker: str) -> None:
    """M9: per chain and token, not in total."""
    arcade, perps = world.id_of("arcade"), world.id_of("perps")
    world.send("gem", "perps", "hub", amount=FUNDS)
    world.courier.carry("perps", "hub")
    payload = world.payload("gem", Kind.BACK, "hub", amount=1)
    refusal = error("OutstandingExceeded", world.address("gem"), perps, 1, 0)
    assert world.tell("hub", perps, payload.encoded) == refusal
    assert world.outstanding("gem", "arcade") == FUNDS
    payload = world.payload("coin", Kind.BACK, "hub", amount=1)
    refusal = error("OutstandingExceeded", world.address("coin"), arcade, 1, 0)
    assert world.tell("hub", arcade, payload.encoded) == refusal


def test_a_lying_quorum_takes_no_more_than_a_chain_holds(world: World, attacker: str) -> None:
    """M3, M9: what a forging quorum can take out of a chain is what was sent to it: of each token."""
    for token in ("era", "gem"):
        held = world.outstanding(token, "arcade")
        amounts = [held + 1, held, 1]
        lies = [world.payload(token, Kind.BACK, "hub", to=attacker, amount=each).encoded for each in amounts]
        receipt = world.forge("arcade", "hub", *lies)
        assert [values[4] for values in receipt.named("TransferReceived")] == [held]
        assert world.balance(token, "hub", attacker) == held
        assert world.outstanding(token, "arcade") == 0


@pytest.mark.parametrize("kind", [Kind.OUT, Kind.RETURN])
@pytest.mark.parametrize("token", ["gem", "era", "coin"])
def test_mints_on_a_message_from_home_alone(world: World, attacker: str, token: str, kind: Kind) -> None:
    """P4, M9: whatever a whole quorum signs, no chain mints another one's token, nor releases its own as minted."""
    for destination in ("hub", "arcade", "perps"):
        for origin in ("hub", "arcade", "perps"):
            if origin in (destination, world.home_of(token)):
                continue
            lie = world.payload(token, kind, origin, to=attacker, from_=attacker).encoded
            receipt = world.forge(origin, destination, lie)
            assert len(receipt.named("MessageFailed")) == 1
            assert world.balance(token, destination, attacker) == 0
            world.courier.check_balances()


@pytest.mark.parametrize("origin", ["arcade", "perps"])
def test_era_is_at_home_on_the_hub(world: World, attacker: str, origin: str) -> None:
    """A13: a token at ERA's address on a spoke stands for nothing, anywhere."""
    destination = "perps" if origin == "arcade" else "arcade"
    era, refusal = world.address("era"), error("NotHomeOfEra", world.id_of(origin))
    for name in ("hub", destination):
        for payload in (
            world.payload("era", Kind.OUT, origin, to=attacker).encoded,
            world.payload("era", Kind.RETURN, origin, from_=attacker).encoded,
            Description(era, 18, b"ERA", b"ERA").encoded,
        ):
            assert world.tell(name, world.id_of(origin), payload) == refusal


@pytest.mark.parametrize("kind", [Kind.OUT, Kind.RETURN])
def test_a_token_that_nobody_described_is_unknown(world: World, attacker: str, kind: Kind) -> None:
    payload = world.payload("coin", kind, "hub", to=attacker)
    # At home on arcade, said to be on perps.
    refusal = error("TokenUnknown", world.id_of("perps"), world.address("coin"))
    assert world.tell("hub", world.id_of("perps"), payload.encoded) == refusal


def test_back_of_what_is_no_token_here(world: World, attacker: str) -> None:
    """M9: a representation is no token of this chain: nothing of it was ever lent."""
    origin, local = world.id_of("perps"), world.local("coin", "hub").address
    payload = Payload(Kind.BACK, local, attacker, attacker, world.id_of("hub"), 1)
    refusal = error("OutstandingExceeded", local, origin, 1, 0)
    assert world.tell("hub", origin, payload.encoded) == refusal


def test_describe_gas_is_its_own(world: World) -> None:
    """A first transfer has a description before it, in the same lane."""
    world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    call = world.call("novel", "hub", "arcade", world.depositor, AMOUNT)
    receipt = world.bridge("hub").send("send", *call, sender=world.depositor)
    description, transfer = world.courier.note("hub", receipt)
    assert (description.gas_limit, transfer.gas_limit) == (DESCRIBE_GAS, RECEIVE_GAS)
    assert Description.read(description.payload) == Description(world.address("novel"), 18, b"Novel", b"NVL")
    assert world.courier.carry("hub", "arcade").named("MessageFailed") == []
    assert world.balance("novel", "arcade", world.depositor) == AMOUNT
