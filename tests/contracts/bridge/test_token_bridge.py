"""TokenBridge: ERA locked on the hub, minted elsewhere, and never more taken out of a chain than went in."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.gateway import Kind, Route
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message, interoperable
from tests.kit.evm import CODEC, ZERO_ADDRESS, Receipt, Revert, error, now, views
from tests.kit.paper import DAY, PaperLane
from tests.kit.terms import FREE_ROUTE, OPEN_ROUTE

SUPPLY = 10**27
AMOUNT = 5 * 10**18
FUNDS = 100 * 10**18
CREDIT = 10**18
RECEIVE_GAS_LIMIT = 200_000
FORWARD_GAS_LIMIT = 500_000
PAYLOAD_LENGTH = 128
TERMS = Route(*OPEN_ROUTE)
# What a hop costs, and what the hub takes for the second.
RECEIVE_FEE = TERMS.quote(RECEIVE_GAS_LIMIT, PAYLOAD_LENGTH)
FORWARD_FEE = TERMS.quote(FORWARD_GAS_LIMIT, PAYLOAD_LENGTH)
# What comes back of the fee of a hop whose time passed before anyone tried it.
UNSPENT = (TERMS.relay_part(RECEIVE_GAS_LIMIT, PAYLOAD_LENGTH) - TERMS.base_fee) * GWEI
UNROUTED = 4_242


class Carrier:
    """Takes messages between the chains' real gateways, and knows which have not ended."""

    def __init__(self, stacks, validators, relayer):
        self.stacks, self.validators, self.relayer = stacks, validators, relayer
        self.hub_id = stacks["hub"].chain.chain_id
        self.names = {stack.chain.chain_id: name for name, stack in stacks.items()}
        self.lanes: dict[tuple[str, str], PaperLane] = {}
        self.open: dict[bytes, Message] = {}
        self.given_to_bridge = 0

    def lane(self, origin, destination) -> PaperLane:
        ids = (self.stacks[origin].chain.chain_id, self.stacks[destination].chain.chain_id)
        return self.lanes.setdefault((origin, destination), PaperLane(self.hub_id, *ids))

    def note(self, origin: str, receipt: Receipt) -> list[Message]:
        """Puts the messages that a transaction sent on paper."""
        noted = []
        sent, extended = receipt.named("MessageSent"), receipt.named("LaneExtended")
        for (id_, from_, to, payload, _, _), (chain_id, _, gas_limit, deadline, fee, head) in zip(
            sent, extended, strict=True
        ):
            lane = self.lane(origin, self.names[chain_id])
            message = lane.append(
                "0x" + from_[-20:].hex(),
                "0x" + to[-20:].hex(),
                gas_limit=gas_limit,
                deliver_before=deadline,
                fee=fee,
                payload=payload,
            )
            assert (message.id, lane.heads[-1]) == (id_, head)
            self.open[id_] = message
            noted.append(message)
        return noted

    def arguments(self, origin, destination):
        """What delivers everything that this lane holds."""
        lane = self.lane(origin, destination)
        tree = Tree([lane.fact()])
        gateway = self.stacks[destination].gateway.address
        return self.validators.sign(self.hub_id, gateway, tree.root).fields, [lane.batch(tree)]

    def carry(self, origin, destination, at=None) -> Receipt:
        """Delivers the lane, and notes what its recipients sent on."""
        gateway = self.stacks[destination].gateway
        receipt = gateway.send("deliver", *self.arguments(origin, destination), sender=self.relayer, at=at)
        return self._executed(destination, receipt)

    def retry(self, message: Message, destination) -> Receipt:
        gateway = self.stacks[destination].gateway
        arguments = (message.origin, message.nonce, message.fields)
        return self._executed(destination, gateway.send("retry", *arguments, sender=self.relayer))

    def say_returned(self, message: Message) -> None:
        """Lets the destination of an expired or failed message say so, and its origin hear it."""
        origin, destination = self.names[message.origin], self.names[message.destination]
        gateway = self.stacks[destination].gateway
        at = max(message.deliver_before, now(gateway.chain)) + 1
        arguments = (message.origin, message.nonce, message.fields)
        self.note(destination, gateway.send("returnToSender", *arguments, sender=self.relayer, at=at))
        self.carry(destination, origin, at=max(at, now(self.stacks[origin].chain) + 1))

    def evidence(self, message: Message):
        """Arguments of `refund`."""
        lane = self.lane(self.names[message.origin], self.names[message.destination])
        ids = [later.id for later in lane.messages[message.nonce :]]
        return message.fields, (message.destination, message.nonce, lane.heads[message.nonce - 1], ids)

    def refund(self, message: Message) -> Receipt:
        """Ends a message that its destination returned, and notes what its sender sent on."""
        origin = self.names[message.origin]
        arguments = self.evidence(message)
        receipt = self.stacks[origin].gateway.send("refund", *arguments, sender=self.relayer)
        del self.open[message.id]
        self.note(origin, receipt)
        self.check_balances()
        return receipt

    def bring_back(self, message: Message) -> Receipt:
        """Lets a message expire at its destination, and takes it all the way back to its sender."""
        origin, destination = self.names[message.origin], self.names[message.destination]
        at = max(message.deliver_before, now(self.stacks[destination].chain)) + 1
        failed = self.carry(origin, destination, at=at).named("MessageFailed")
        assert failed[-1] == (message.id, message.origin, message.nonce, True)
        self.say_returned(message)
        return self.refund(message)

    def _executed(self, destination, receipt):
        for id_, _, _ in receipt.named("MessageDelivered"):
            del self.open[id_]
        self.note(destination, receipt)
        self.check_balances()
        return receipt

    def in_flight(self, chain_id: int) -> int:
        """ERA on its way to or from a chain, failed messages included."""
        moving = [m for m in self.open.values() if chain_id in (m.origin, m.destination)]
        bridges = {stack.bridge.address for stack in self.stacks.values()}
        return sum(
            transfer(message)[3] for message in moving if to_checksum_address(message.sender) in bridges
        )

    def check_balances(self) -> None:
        """P4: what is locked, outstanding, minted and in flight agree. After every step of every transfer. The bridge
        keeps no fee, and no credit.
        """
        hub = self.stacks["hub"]
        spokes = [stack for name, stack in self.stacks.items() if name != "hub"]
        supply, locked, credit, *accounts = views(
            [
                (hub.era, "totalSupply"),
                (hub.era, "balanceOf", hub.bridge.address),
                (hub.gateway, "credit", hub.bridge.address),
                *((hub.bridge, "outstanding", spoke.chain.chain_id) for spoke in spokes),
            ]
        )
        assert (supply, locked, credit) == (SUPPLY, sum(accounts), self.given_to_bridge)
        for spoke, outstanding in zip(spokes, accounts, strict=True):
            supply, *kept = views(
                [
                    (spoke.era, "totalSupply"),
                    (spoke.era, "balanceOf", spoke.bridge.address),
                    (spoke.gateway, "credit", spoke.bridge.address),
                ]
            )
            assert outstanding == supply + self.in_flight(spoke.chain.chain_id), spoke.chain
            assert kept == [0, 0]


def transfer(message: Message) -> tuple[int, str, str, int]:
    """Chain, from, to and amount of a transfer's message: the chain where it goes, or where it goes if it returns."""
    return CODEC.decode(["uint256", "address", "address", "uint256"], message.payload)


@pytest.fixture
def carrier(stacks, validators, relayer):
    return Carrier(stacks, validators, relayer)


@pytest.fixture
def send(stacks, carrier, depositor, treasury):
    """Sends ERA from a chain and checks P4; the depositor owns some on the hub, approved the bridge, and has credit."""
    hub = stacks["hub"]
    hub.era.send("transfer", depositor, FUNDS + CREDIT, sender=treasury)
    hub.era.send("approve", hub.bridge.address, 2**256 - 1, sender=depositor)
    deposit(hub, depositor)

    def send(origin, destination, to, amount=AMOUNT, sender=depositor):
        chain_id = stacks[destination].chain.chain_id
        receipt = stacks[origin].bridge.send("send", chain_id, to, amount, sender=sender)
        carrier.note(origin, receipt)
        carrier.check_balances()
        return receipt

    return send


def deposit(stack, account, amount=CREDIT):
    """Puts ERA of an account into its credit, and lets the bridge pay with it."""
    stack.era.send("approve", stack.gateway.address, amount, sender=account)
    stack.gateway.send("depositFor", account, amount, sender=account)
    stack.gateway.send("setAllowance", stack.bridge.address, 2**256 - 1, sender=account)


@pytest.fixture
def on_spoke(stacks, send, carrier, depositor):
    """Gives the depositor ERA and credit on a spoke."""

    def on_spoke(name, amount=AMOUNT):
        send("hub", name, depositor, amount + CREDIT)
        carrier.carry("hub", name)
        deposit(stacks[name], depositor)

    return on_spoke


@pytest.fixture
def on_arcade(on_spoke):
    """Gives the depositor ERA and credit on arcade."""

    def on_arcade(amount=AMOUNT):
        on_spoke("arcade", amount)

    return on_arcade


@pytest.fixture
def only_open(carrier):
    """The one message that has not ended."""

    def only_open():
        (message,) = carrier.open.values()
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


# Sending


def test_hub_locks(hub, arcade, send, depositor, beneficiary):
    """P4."""
    receipt = send("hub", "arcade", beneficiary)
    assert hub.era.view("balanceOf", depositor) == FUNDS - AMOUNT
    assert hub.era.view("balanceOf", hub.bridge.address) == AMOUNT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == AMOUNT
    id_ = receipt.named("MessageSent")[0][0]
    assert receipt.named("TransferSent") == [(id_, depositor, beneficiary, arcade.chain.chain_id, AMOUNT)]


def test_spoke_burns_without_an_approval(arcade, hub, on_arcade, send, depositor, beneficiary):
    """P4."""
    on_arcade()
    receipt = send("arcade", "hub", beneficiary, 1)
    assert arcade.era.view("balanceOf", depositor) == AMOUNT - 1
    assert arcade.era.view("totalSupply") == AMOUNT + CREDIT - 1
    id_ = receipt.named("MessageSent")[0][0]
    assert receipt.named("TransferSent") == [(id_, depositor, beneficiary, hub.chain.chain_id, 1)]


def test_returns_the_id_of_the_first_hop(hub, arcade, send, depositor, beneficiary):
    send("hub", "arcade", beneficiary)
    arguments = (arcade.chain.chain_id, beneficiary, AMOUNT)
    at = now(hub.chain) + 10
    returned = hub.bridge.view("send", *arguments, sender=depositor, at=at)
    receipt = hub.bridge.send("send", *arguments, sender=depositor, at=at)
    assert receipt.named("TransferSent")[0][0] == returned


@pytest.mark.parametrize(
    ("origin", "destination", "hop", "gas_limit"),
    [
        pytest.param("hub", "arcade", "arcade", RECEIVE_GAS_LIMIT, id="hub-to-spoke"),
        pytest.param("arcade", "hub", "hub", RECEIVE_GAS_LIMIT, id="spoke-to-hub"),
        pytest.param("arcade", "perps", "hub", FORWARD_GAS_LIMIT, id="spoke-to-spoke"),
    ],
)
def test_every_first_hop_goes_through_the_hub(
    stacks, carrier, on_arcade, send, depositor, beneficiary, origin, destination, hop, gas_limit
):
    on_arcade()
    send(origin, destination, beneficiary)
    (message,) = carrier.open.values()
    assert message.destination == stacks[hop].chain.chain_id
    assert message.sender == message.recipient.lower() == stacks[hop].bridge.address.lower()
    assert message.gas_limit == gas_limit
    chain = stacks[origin if origin == "hub" else destination].chain.chain_id
    assert transfer(message) == (chain, depositor, beneficiary, AMOUNT)


def test_a_transfer_has_the_gateways_default_time(hub, carrier, send, beneficiary):
    """If it is not delivered by then, what it carries comes back: no longer time is needed."""
    receipt = send("hub", "arcade", beneficiary)
    (message,) = carrier.open.values()
    block = hub.chain.rpc("eth_getBlockByNumber", [hex(receipt.logs[0].block), False])
    sent_at = int(block["timestamp"], 16)
    assert message.deliver_before == sent_at + hub.gateway.view("DEFAULT_DELIVERY_TIME")


def test_hub_refuses_without_an_allowance(hub, arcade, treasury, beneficiary):
    refusal = error("ERC20InsufficientAllowance", hub.bridge.address, 0, 1)
    assert hub.bridge.revert("send", arcade.chain.chain_id, beneficiary, 1, sender=treasury) == refusal


def test_hub_refuses_over_the_balance(hub, arcade, send, depositor, beneficiary):
    refusal = error("ERC20InsufficientBalance", depositor, FUNDS, FUNDS + 1)
    arguments = (arcade.chain.chain_id, beneficiary, FUNDS + 1)
    assert hub.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_spoke_refuses_over_the_balance(hub, arcade, on_arcade, depositor, beneficiary):
    on_arcade()
    refusal = error("ERC20InsufficientBalance", depositor, AMOUNT, AMOUNT + 1)
    arguments = (hub.chain.chain_id, beneficiary, AMOUNT + 1)
    assert arcade.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_spoke_burns_only_the_callers(hub, arcade, on_arcade, attacker):
    """Nobody sends somebody else's ERA."""
    on_arcade()
    refusal = error("ERC20InsufficientBalance", attacker, 0, 1)
    assert arcade.bridge.revert("send", hub.chain.chain_id, attacker, 1, sender=attacker) == refusal


def test_hub_takes_only_the_callers(hub, arcade, send, attacker):
    """The depositor's allowance to the bridge is nobody else's."""
    refusal = error("ERC20InsufficientAllowance", hub.bridge.address, 0, 1)
    assert hub.bridge.revert("send", arcade.chain.chain_id, attacker, 1, sender=attacker) == refusal


@pytest.mark.parametrize(("origin", "destination"), [("hub", "arcade"), ("arcade", "hub")])
def test_refuses_a_zero_amount(stacks, depositor, beneficiary, origin, destination):
    arguments = (stacks[destination].chain.chain_id, beneficiary, 0)
    assert stacks[origin].bridge.revert("send", *arguments, sender=depositor) == error("ZeroAmount")


@pytest.mark.parametrize(("origin", "destination"), [("hub", "arcade"), ("arcade", "hub")])
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "era"])
def test_refuses_beneficiaries(stacks, depositor, origin, destination, kind):
    """M8: ERA that nobody could move."""
    stack = stacks[origin]
    to = ZERO_ADDRESS if kind == "zero" else getattr(stack, kind).address
    refusal = error("InvalidBeneficiary", to)
    arguments = (stacks[destination].chain.chain_id, to, AMOUNT)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_refuses_this_chain_as_destination(stacks, depositor, beneficiary, origin):
    own = stacks[origin].chain.chain_id
    refusal = error("InvalidDestination", own)
    assert stacks[origin].bridge.revert("send", own, beneficiary, 1, sender=depositor) == refusal


@pytest.mark.parametrize("origin", ["hub", "arcade"])
@pytest.mark.parametrize("destination", [0, UNROUTED])
def test_refuses_a_destination_without_route(stacks, depositor, beneficiary, origin, destination):
    refusal = error("InvalidDestination", destination)
    assert stacks[origin].bridge.revert("send", destination, beneficiary, 1, sender=depositor) == refusal


def test_refuses_a_destination_whose_outbound_is_closed(hub, arcade, owner, depositor, beneficiary):
    destination = arcade.chain.chain_id
    hub.gateway.send("setRoute", destination, (False, *OPEN_ROUTE[1:]), sender=owner)
    refusal = error("InvalidDestination", destination)
    assert hub.bridge.revert("send", destination, beneficiary, 1, sender=depositor) == refusal


def test_spoke_burns_nothing_while_its_way_to_the_hub_is_closed(
    hub, arcade, perps, owner, on_arcade, depositor, beneficiary
):
    on_arcade()
    arcade.gateway.send("setRoute", hub.chain.chain_id, (False, *OPEN_ROUTE[1:]), sender=owner)
    refusal = error("RouteClosed", hub.chain.chain_id)
    arguments = (perps.chain.chain_id, beneficiary, 1)
    assert arcade.bridge.revert("send", *arguments, sender=depositor) == refusal


def test_takes_no_ether(hub, arcade, depositor, beneficiary):
    arguments = (arcade.chain.chain_id, beneficiary, 1)
    assert hub.bridge.revert("send", *arguments, sender=depositor, value=1) == Revert(b"")


# Arriving


def test_spoke_mints(arcade, hub, send, carrier, beneficiary):
    """P4."""
    send("hub", "arcade", beneficiary)
    (message,) = carrier.open.values()
    receipt = carrier.carry("hub", "arcade")
    assert receipt.named("TransferReceived") == [(message.id, beneficiary, hub.chain.chain_id, AMOUNT)]
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT


def test_hub_releases(arcade, hub, on_arcade, send, carrier, beneficiary):
    """P4."""
    on_arcade()
    send("arcade", "hub", beneficiary)
    (message,) = carrier.open.values()
    receipt = carrier.carry("arcade", "hub")
    assert receipt.named("TransferReceived") == [(message.id, beneficiary, arcade.chain.chain_id, AMOUNT)]
    assert hub.era.view("balanceOf", beneficiary) == AMOUNT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == CREDIT


def test_spoke_to_spoke_makes_two_hops(hub, arcade, perps, on_arcade, send, carrier, depositor, beneficiary):
    """P4: the hub moves the amount, less its fee, from one account to the other, without any action of the user."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    (first,) = carrier.open.values()
    forwarded = carrier.carry("arcade", "hub")
    (second,) = carrier.open.values()
    onward = AMOUNT - RECEIVE_FEE
    expected = (first.id, second.id, perps.chain.chain_id, onward, RECEIVE_FEE)
    assert forwarded.named("TransferForwarded") == [expected]
    assert forwarded.named("TransferReceived") == []
    assert transfer(second) == (arcade.chain.chain_id, depositor, beneficiary, onward)
    assert second.gas_limit == RECEIVE_GAS_LIMIT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == CREDIT
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == onward
    received = carrier.carry("hub", "perps")
    assert received.named("TransferReceived") == [(second.id, beneficiary, hub.chain.chain_id, onward)]
    assert perps.era.view("balanceOf", beneficiary) == onward


def test_comes_back_but_for_the_second_hops_fee(hub, arcade, perps, on_spoke, send, carrier, depositor):
    """P4: hub, arcade, perps, hub; what is left elsewhere is what users paid in."""
    on_spoke("perps", 0)
    on_spoke("arcade")
    send("arcade", "perps", depositor)
    carrier.carry("arcade", "hub")
    carrier.carry("hub", "perps")
    send("perps", "hub", depositor, AMOUNT - RECEIVE_FEE)
    carrier.carry("perps", "hub")
    assert hub.era.view("balanceOf", depositor) == FUNDS - 2 * CREDIT - RECEIVE_FEE
    assert hub.era.view("balanceOf", hub.bridge.address) == 2 * CREDIT
    for spoke in (arcade, perps):
        assert spoke.era.view("balanceOf", spoke.gateway.address) == spoke.era.view("totalSupply") == CREDIT


def test_several_transfers_arrive_in_one_delivery(arcade, send, carrier, beneficiary):
    for amount in (1, 2, 3):
        send("hub", "arcade", beneficiary, amount)
    receipt = carrier.carry("hub", "arcade")
    assert [values[3] for values in receipt.named("TransferReceived")] == [1, 2, 3]
    assert arcade.era.view("balanceOf", beneficiary) == 6


def test_gas_limits_suffice_with_everything_cold(
    hub, arcade, perps, send, carrier, depositor, beneficiary, delegatee
):
    """First mint, first checkpoint of a delegate, first entry of a lane: no hop fails for gas."""
    for stack in (hub, arcade, perps):
        stack.era.send("delegate", delegatee, sender=beneficiary)
        stack.era.send("delegate", delegatee, sender=depositor)
    send("hub", "arcade", depositor, AMOUNT + CREDIT)
    assert carrier.carry("hub", "arcade").named("MessageFailed") == []
    deposit(arcade, depositor)
    send("arcade", "perps", beneficiary)
    assert carrier.carry("arcade", "hub").named("MessageFailed") == []
    assert carrier.carry("hub", "perps").named("MessageFailed") == []
    deposit(perps, beneficiary)
    send("perps", "hub", beneficiary, 1, sender=beneficiary)
    assert carrier.carry("perps", "hub").named("MessageFailed") == []


def test_a_delivery_repeated_pays_once(arcade, send, carrier, relayer, beneficiary):
    """M11, P1."""
    send("hub", "arcade", beneficiary)
    arguments = carrier.arguments("hub", "arcade")
    carrier.carry("hub", "arcade")
    assert arcade.gateway.send("deliver", *arguments, sender=relayer).events == []
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT


# What the hub lets a chain take out


def test_hub_refuses_more_than_went_out(hub, arcade, on_arcade, gateway_call, attacker):
    """M9, P4: a forged message cannot exceed what its origin holds."""
    on_arcade()
    origin = arcade.chain.chain_id
    sender = interoperable(origin, hub.bridge.address)
    held = AMOUNT + CREDIT
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, held + 1)
    assert refusal == error("OutstandingExceeded", origin, held + 1, held)


def test_one_chain_cannot_take_what_another_holds(hub, perps, on_arcade, gateway_call, attacker):
    """M9: per chain, not in total."""
    on_arcade()
    sender = interoperable(perps.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, 1)
    assert refusal == error("OutstandingExceeded", perps.chain.chain_id, 1, 0)


def test_hub_refuses_to_forward_more_than_went_out(hub, arcade, perps, on_arcade, gateway_call, attacker):
    """M9: nor by the second hop."""
    on_arcade()
    sender = interoperable(arcade.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, perps.chain.chain_id, attacker, 2**256 - 1)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, 2**256 - 1, AMOUNT + CREDIT)


def test_a_lying_quorum_takes_no_more_than_the_chain_holds(
    hub, arcade, on_arcade, carrier, relayer, attacker
):
    """M3, M9: what a forging quorum can take out of a chain is what was sent to it."""
    on_arcade()
    hub_id, bridge = hub.chain.chain_id, hub.bridge.address
    types = ["uint256", "address", "address", "uint256"]
    held = AMOUNT + CREDIT
    for name, amounts in {"perps": [held], "arcade": [held + 1, held, 1]}.items():
        lane = carrier.lane(name, "hub")
        for amount in amounts:
            payload = encode(types, [hub_id, attacker, attacker, amount])
            deadline = now(hub.chain) + DAY
            lane.append(bridge, bridge, deliver_before=deadline, payload=payload)
        arguments = carrier.arguments(name, "hub")
        receipt = hub.gateway.send("deliver", *arguments, sender=relayer)
        taken = [values[3] for values in receipt.named("TransferReceived")]
        assert taken == ([] if name == "perps" else [held])
        carrier.lanes.clear()
    assert hub.era.view("balanceOf", attacker) == held
    assert hub.era.view("balanceOf", bridge) == hub.bridge.view("outstanding", arcade.chain.chain_id) == 0


# Who may bring a message


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("caller", ["attacker", "relayer", "owner", "deployer", "depositor"])
def test_refuses_messages_that_the_gateway_did_not_bring(
    stacks, gateway_call, request, name, caller, attacker
):
    """M10: even if everything else is right."""
    account = request.getfixturevalue(caller)
    origin = "arcade" if name == "hub" else "hub"
    sender = interoperable(stacks[origin].chain.chain_id, stacks[name].bridge.address)
    refusal = gateway_call(name, sender, stacks[name].chain.chain_id, attacker, 1, caller=account)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", account, sender)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", ["attacker", "owner", "gateway", "era", "zero"])
def test_refuses_messages_of_other_senders(stacks, gateway_call, request, name, kind, attacker):
    """M10: through the gateway, but not from the bridge of the other chain."""
    stack = stacks[name]
    if kind == "zero":
        account = ZERO_ADDRESS
    else:
        account = getattr(stack, kind).address if hasattr(stack, kind) else request.getfixturevalue(kind)
    origin = "arcade" if name == "hub" else "hub"
    sender = interoperable(stacks[origin].chain.chain_id, account)
    refusal = gateway_call(name, sender, stack.chain.chain_id, attacker, 1)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", stack.gateway.address, sender)


@pytest.mark.parametrize("origin", [903, UNROUTED, 902, 0])
def test_spoke_refuses_bridges_of_chains_other_than_the_hub(arcade, gateway_call, attacker, origin):
    """P4: a spoke mints only on a message from the token's home."""
    sender = interoperable(origin, arcade.bridge.address)
    refusal = gateway_call("arcade", sender, arcade.chain.chain_id, attacker, 1)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", arcade.gateway.address, sender)


def test_spoke_mints_nothing_for_another_spoke(carrier, arcade, relayer, attacker):
    """P4, M9: also if a whole quorum signs that the message was sent."""
    payload = encode(
        ["uint256", "address", "address", "uint256"], [arcade.chain.chain_id, attacker, attacker, AMOUNT]
    )
    bridge = arcade.bridge.address
    lane = carrier.lane("perps", "arcade")
    lane.append(bridge, bridge, deliver_before=now(arcade.chain) + DAY, payload=payload)
    receipt = arcade.gateway.send("deliver", *carrier.arguments("perps", "arcade"), sender=relayer)
    assert len(receipt.named("MessageFailed")) == 1
    assert arcade.era.view("totalSupply") == 0


def test_a_stranger_sends_the_bridge_nothing(hub, arcade, carrier, owner, attacker):
    """M10: whoever sends a message that reads like a transfer moves nothing."""
    payload = encode(
        ["uint256", "address", "address", "uint256"], [arcade.chain.chain_id, attacker, attacker, AMOUNT]
    )
    recipient = interoperable(arcade.chain.chain_id, arcade.bridge.address)
    hub.gateway.send("setRoute", arcade.chain.chain_id, FREE_ROUTE, sender=owner)
    carrier.note("hub", hub.gateway.send("sendMessage", recipient, payload, [], sender=attacker))
    assert len(carrier.carry("hub", "arcade").named("MessageFailed")) == 1
    assert arcade.era.view("totalSupply") == 0


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("kind", ["zero", "gateway", "bridge", "era"])
def test_refuses_beneficiaries_on_arrival(stacks, gateway_call, name, kind):
    """M8: also if the other chain's bridge was another one."""
    stack = stacks[name]
    to = ZERO_ADDRESS if kind == "zero" else getattr(stack, kind).address
    origin = stacks["arcade" if name == "hub" else "hub"].chain.chain_id
    sender = interoperable(origin, stack.bridge.address)
    assert gateway_call(name, sender, stack.chain.chain_id, to, 1) == error("InvalidBeneficiary", to)


@pytest.mark.parametrize("payload", [b"", bytes(127), b"\xff" * 128], ids=["empty", "short", "dirty"])
def test_refuses_payloads_that_are_no_transfer(hub, arcade, payload):
    sender = interoperable(hub.chain.chain_id, arcade.bridge.address)
    arguments = (bytes(32), sender, payload)
    refusal = arcade.bridge.revert("receiveMessage", *arguments, sender=arcade.gateway.address)
    assert not refusal.is_panic


@pytest.mark.parametrize("sender", [b"", b"\x00\x01", bytes(64)], ids=["empty", "short", "zeros"])
def test_refuses_senders_that_are_no_address(arcade, attacker, sender):
    """M16."""
    refusal = arcade.bridge.revert("receiveMessage", bytes(32), sender, b"", sender=attacker)
    assert refusal == error("ERC7786RecipientUnauthorizedGateway", attacker, sender)


# When a hop fails


def test_second_hop_waits_until_its_route_opens(hub, perps, owner, on_arcade, send, carrier, beneficiary):
    """P4, M11: the first hop stays failed, nothing moves on the hub, and a retry completes it once."""
    on_arcade()
    destination = perps.chain.chain_id
    terms = hub.gateway.view("route", destination)
    hub.gateway.send("setRoute", destination, (False, *terms[1:]), sender=owner)
    send("arcade", "perps", beneficiary)
    (first,) = carrier.open.values()
    assert len(carrier.carry("arcade", "hub").named("MessageFailed")) == 1
    assert hub.bridge.view("outstanding", destination) == 0
    hub.gateway.send("setRoute", destination, terms, sender=owner)
    assert len(carrier.retry(first, "hub").named("TransferForwarded")) == 1
    carrier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == AMOUNT - RECEIVE_FEE
    again = (first.origin, first.nonce, first.fields)
    refusal = error("MessageNotFailed", first.id, 0)
    assert hub.gateway.revert("retry", *again, sender=beneficiary) == refusal


def test_an_expired_hop_keeps_its_amount_in_the_account(arcade, send, carrier, beneficiary):
    """P4: not delivered, not lost from the books."""
    send("hub", "arcade", beneficiary)
    (message,) = carrier.open.values()
    receipt = carrier.carry("hub", "arcade", at=message.deliver_before + 1)
    assert receipt.named("MessageFailed")[0][3] is True
    assert arcade.era.view("totalSupply") == 0


def test_a_donation_to_the_bridge_is_nobodys(hub, arcade, treasury, gateway_call, attacker):
    """M22: only the accounts count, not the balance."""
    hub.era.send("transfer", hub.bridge.address, AMOUNT, sender=treasury)
    sender = interoperable(arcade.chain.chain_id, hub.bridge.address)
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, 1)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, 1, 0)


def test_knows_gateway_token_and_hub(stacks, hub):
    for stack in stacks.values():
        assert stack.bridge.view("GATEWAY") == stack.gateway.address
        assert stack.bridge.view("TOKEN") == stack.era.address
        assert stack.bridge.view("HUB_CHAIN_ID") == hub.chain.chain_id


def test_spokes_keep_no_accounts(stacks, on_arcade, send, beneficiary):
    """`outstanding` is the hub's alone."""
    on_arcade()
    send("arcade", "hub", beneficiary, 1)
    for name in ("arcade", "perps"):
        for stack in stacks.values():
            assert stacks[name].bridge.view("outstanding", stack.chain.chain_id) == 0


# Fees of the first hop


DIRECTIONS = [
    pytest.param("hub", "arcade", RECEIVE_FEE, id="hub-to-spoke"),
    pytest.param("arcade", "hub", RECEIVE_FEE, id="spoke-to-hub"),
    pytest.param("arcade", "perps", FORWARD_FEE, id="spoke-to-spoke"),
]


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_the_callers_credit_pays_what_was_quoted(
    stacks, on_arcade, send, depositor, beneficiary, origin, destination, fee
):
    """M15, P5: to the wei, out of the credit and not of the amount."""
    on_arcade()
    stack = stacks[origin]
    quoted = stack.bridge.view("quote", stacks[destination].chain.chain_id)
    assert quoted == (fee, destination == "perps")
    before = stack.gateway.view("credit", depositor)
    balance = stack.era.view("balanceOf", depositor)
    send(origin, destination, beneficiary)
    assert stack.gateway.view("credit", depositor) == before - fee
    assert stack.era.view("balanceOf", depositor) == balance - AMOUNT


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_an_allowance_of_the_fee_is_enough_once(
    stacks, on_arcade, send, depositor, beneficiary, origin, destination, fee
):
    """The bridge spends what it needs, and the next transfer is refused."""
    on_arcade()
    stack = stacks[origin]
    stack.gateway.send("setAllowance", stack.bridge.address, fee, sender=depositor)
    send(origin, destination, beneficiary, 1)
    assert stack.gateway.view("allowance", depositor, stack.bridge.address) == 0
    arguments = (stacks[destination].chain.chain_id, beneficiary, 1)
    refusal = error("InsufficientAllowance", depositor, stack.bridge.address, 0, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_moves_nothing_without_an_allowance(
    stacks, carrier, on_arcade, depositor, beneficiary, origin, destination, fee
):
    """P4: one wei short is not enough."""
    on_arcade()
    stack = stacks[origin]
    stack.gateway.send("setAllowance", stack.bridge.address, fee - 1, sender=depositor)
    before = stack.era.view("balanceOf", depositor)
    arguments = (stacks[destination].chain.chain_id, beneficiary, AMOUNT)
    refusal = error("InsufficientAllowance", depositor, stack.bridge.address, fee - 1, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal
    assert not stack.bridge.attempt("send", *arguments, sender=depositor).succeeded
    assert stack.era.view("balanceOf", depositor) == before
    carrier.check_balances()


@pytest.mark.parametrize(("origin", "destination", "fee"), DIRECTIONS)
def test_moves_nothing_without_credit(
    stacks, carrier, on_arcade, depositor, beneficiary, origin, destination, fee
):
    """P4: one wei short is not enough, however much ERA the caller holds."""
    on_arcade()
    stack = stacks[origin]
    held = stack.gateway.view("credit", depositor)
    stack.gateway.send("withdraw", beneficiary, held - fee + 1, sender=depositor)
    before = stack.era.view("balanceOf", depositor)
    arguments = (stacks[destination].chain.chain_id, beneficiary, AMOUNT)
    refusal = error("InsufficientCredit", depositor, fee - 1, fee)
    assert stack.bridge.revert("send", *arguments, sender=depositor) == refusal
    assert not stack.bridge.attempt("send", *arguments, sender=depositor).succeeded
    assert stack.era.view("balanceOf", depositor) == before
    carrier.check_balances()


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_nobody_spends_somebody_elses_credit(stacks, on_arcade, depositor, attacker, origin):
    """M10: what the depositor allowed the bridge pays for the depositor's transfers alone."""
    on_arcade()
    stack = stacks[origin]
    stack.era.send("transfer", attacker, 2, sender=depositor)
    stack.era.send("approve", stack.bridge.address, 2, sender=attacker)
    destination = "arcade" if origin == "hub" else "hub"
    arguments = (stacks[destination].chain.chain_id, attacker, 1)
    refusal = error("InsufficientCredit", attacker, 0, RECEIVE_FEE)
    assert stack.bridge.revert("send", *arguments, sender=attacker) == refusal


def test_sends_without_credit_where_it_costs_nothing(hub, arcade, owner, treasury, beneficiary):
    hub.gateway.send("setRoute", arcade.chain.chain_id, FREE_ROUTE, sender=owner)
    hub.era.send("approve", hub.bridge.address, 1, sender=treasury)
    assert hub.bridge.view("quote", arcade.chain.chain_id) == (0, False)
    hub.bridge.send("send", arcade.chain.chain_id, beneficiary, 1, sender=treasury)


def test_quotes_no_way_that_is_closed(hub, arcade, owner):
    """M15: it reverts as sending does."""
    for stack, other in ((hub, arcade), (arcade, hub)):
        chain_id = other.chain.chain_id
        stack.gateway.send("setRoute", chain_id, (False, *OPEN_ROUTE[1:]), sender=owner)
        refusal = stack.bridge.revert("quote", chain_id, sender=owner)
        assert refusal == error("RouteClosed", chain_id)


# The fee of the second hop


@pytest.fixture
def second_hop(on_arcade, send, carrier, beneficiary, only_open):
    """A transfer from arcade to perps on its second hop."""

    def second_hop(amount=AMOUNT):
        on_arcade()
        send("arcade", "perps", beneficiary, amount)
        carrier.carry("arcade", "hub")
        return only_open()

    return second_hop


def test_the_second_hops_fee_is_the_hubs_quote(hub, perps, second_hop):
    """M15, P5: out of the amount, into the lane to perps."""
    quoted = hub.gateway.view("quote", perps.chain.chain_id, RECEIVE_GAS_LIMIT, PAYLOAD_LENGTH)
    message = second_hop()
    assert quoted == RECEIVE_FEE == AMOUNT - transfer(message)[3]
    escrow, protocol_part = hub.gateway.view("laneFees", perps.chain.chain_id)
    assert (escrow + protocol_part) * GWEI == quoted
    parts = Fee.unpack(message.fee)
    assert (parts.relay + parts.back) == escrow


def test_the_second_hop_costs_the_amount_nothing_where_it_is_free(hub, perps, owner, second_hop):
    hub.gateway.send("setRoute", perps.chain.chain_id, FREE_ROUTE, sender=owner)
    assert transfer(second_hop())[3] == AMOUNT


def test_credit_given_to_the_bridge_pays_nobodys_hop(hub, on_arcade, send, carrier, treasury, beneficiary):
    """M22, P5: it stays, and the amount pays as ever."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    hub.era.send("approve", hub.gateway.address, AMOUNT, sender=treasury)
    hub.gateway.send("depositFor", hub.bridge.address, AMOUNT, sender=treasury)
    carrier.given_to_bridge = AMOUNT
    receipt = carrier.carry("arcade", "hub")
    assert receipt.named("TransferForwarded")[0][3:] == (AMOUNT - RECEIVE_FEE, RECEIVE_FEE)


@pytest.mark.parametrize("amount", [1, RECEIVE_FEE - 1, RECEIVE_FEE])
def test_a_transfer_that_cannot_pay_its_second_hop_fails(
    hub, perps, on_arcade, send, carrier, only_open, beneficiary, amount
):
    """P4: nothing moves on the hub; what the retry says is why."""
    on_arcade()
    send("arcade", "perps", beneficiary, amount)
    message = only_open()
    failed = carrier.carry("arcade", "hub").named("MessageFailed")
    assert failed == [(message.id, message.origin, message.nonce, False)]
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == 0
    sender = interoperable(message.origin, hub.bridge.address)
    arguments = (message.id, sender, message.payload)
    refusal = hub.bridge.revert("receiveMessage", *arguments, sender=hub.gateway.address)
    assert refusal == error("AmountBelowFee", amount, RECEIVE_FEE)


def test_one_wei_more_than_the_fee_arrives(perps, second_hop, carrier, beneficiary):
    """P4: to the wei."""
    second_hop(RECEIVE_FEE + 1)
    carrier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == 1


def test_a_transfer_that_could_not_pay_goes_on_once_it_can(
    hub, perps, owner, on_arcade, send, carrier, only_open, beneficiary
):
    """P4, M11: by a retry."""
    on_arcade()
    send("arcade", "perps", beneficiary, RECEIVE_FEE)
    message = only_open()
    carrier.carry("arcade", "hub")
    hub.gateway.send("setRoute", perps.chain.chain_id, FREE_ROUTE, sender=owner)
    forwarded = carrier.retry(message, "hub").named("TransferForwarded")
    assert forwarded == [(message.id, only_open().id, perps.chain.chain_id, RECEIVE_FEE, 0)]
    carrier.carry("hub", "perps")
    assert perps.era.view("balanceOf", beneficiary) == RECEIVE_FEE


def test_a_transfer_that_could_not_pay_comes_back(
    arcade, on_arcade, send, carrier, only_open, depositor, beneficiary
):
    """P4, P1: minted to its sender again, whole; the hop was tried, so its fee is spent."""
    on_arcade()
    send("arcade", "perps", beneficiary, RECEIVE_FEE)
    message = only_open()
    carrier.carry("arcade", "hub")
    carrier.say_returned(message)
    receipt = carrier.refund(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, RECEIVE_FEE)]
    assert arcade.era.view("balanceOf", depositor) == AMOUNT
    assert carrier.open == {}


# Hops that come back


def test_a_hop_to_the_hub_comes_back(arcade, on_arcade, send, carrier, only_open, depositor, beneficiary):
    """P4, P5: minted to its sender again, with what nobody earned of its fee."""
    on_arcade()
    send("arcade", "hub", beneficiary)
    message = only_open()
    receipt = carrier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert arcade.era.view("balanceOf", depositor) == AMOUNT + UNSPENT
    assert carrier.open == {}


def test_a_first_hop_of_two_comes_back(arcade, on_arcade, send, carrier, only_open, depositor, beneficiary):
    """P4, P5: it cost more gas, and what is left of that is the sender's, too."""
    on_arcade()
    send("arcade", "perps", beneficiary)
    message = only_open()
    receipt = carrier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    parts = Fee.unpack(message.fee)
    unspent = (parts.relay - parts.base) * GWEI
    assert unspent > UNSPENT
    assert arcade.era.view("balanceOf", depositor) == AMOUNT + unspent


def test_a_hop_from_the_hub_comes_back(hub, arcade, send, carrier, only_open, depositor, beneficiary):
    """P4, P5: released to its sender again, with what nobody earned of its fee."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    receipt = carrier.bring_back(message)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert hub.era.view("balanceOf", depositor) == FUNDS + UNSPENT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == 0


def test_a_second_hop_goes_back_where_it_started(
    hub, arcade, perps, second_hop, carrier, only_open, depositor, beneficiary
):
    """P4, P5: to its sender on arcade; what nobody earned is part of the amount again, and the way back costs a fee."""
    second = second_hop()
    receipt = carrier.bring_back(second)
    back = only_open()
    amount = AMOUNT - RECEIVE_FEE + UNSPENT - RECEIVE_FEE
    expected = (second.id, back.id, arcade.chain.chain_id, amount, RECEIVE_FEE)
    assert receipt.named("TransferForwarded") == [expected]
    assert receipt.named("TransferReturned") == []
    assert transfer(back) == (arcade.chain.chain_id, depositor, depositor, amount)
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == 0
    received = carrier.carry("hub", "arcade")
    assert received.named("TransferReceived") == [(back.id, depositor, hub.chain.chain_id, amount)]
    assert arcade.era.view("balanceOf", depositor) == amount
    assert perps.era.view("balanceOf", beneficiary) == 0
    assert carrier.open == {}


def test_a_way_back_that_comes_back_starts_again(arcade, second_hop, carrier, only_open, depositor):
    """P4, P1: as often as it must, for a fee each time, until arcade takes it."""
    amount = AMOUNT - RECEIVE_FEE
    carrier.bring_back(second_hop())
    for _ in range(2):
        amount += UNSPENT - RECEIVE_FEE
        back = only_open()
        assert transfer(back) == (arcade.chain.chain_id, depositor, depositor, amount)
        carrier.bring_back(back)
    amount += UNSPENT - RECEIVE_FEE
    carrier.carry("hub", "arcade")
    assert arcade.era.view("balanceOf", depositor) == amount


def test_a_way_back_that_the_amount_cannot_pay_waits(hub, arcade, owner, second_hop, carrier, depositor):
    """P4: nothing moves until the way costs less; then all that is there goes home."""
    second = second_hop(RECEIVE_FEE + 1)
    carrier.carry("hub", "perps", at=second.deliver_before + 1)
    carrier.say_returned(second)
    arguments = carrier.evidence(second)
    refusal = hub.gateway.revert("refund", *arguments, sender=owner)
    assert refusal == error("AmountBelowFee", 1 + UNSPENT, RECEIVE_FEE)
    hub.gateway.send("setRoute", arcade.chain.chain_id, FREE_ROUTE, sender=owner)
    carrier.refund(second)
    carrier.carry("hub", "arcade")
    assert arcade.era.view("balanceOf", depositor) == AMOUNT - (RECEIVE_FEE + 1) + (1 + UNSPENT)


def test_a_way_back_waits_until_its_route_opens(hub, arcade, owner, second_hop, carrier):
    """P4."""
    second = second_hop()
    carrier.carry("hub", "perps", at=second.deliver_before + 1)
    carrier.say_returned(second)
    destination = arcade.chain.chain_id
    hub.gateway.send("setRoute", destination, (False, *OPEN_ROUTE[1:]), sender=owner)
    refusal = hub.gateway.revert("refund", *carrier.evidence(second), sender=owner)
    assert refusal == error("RouteClosed", destination)
    hub.gateway.send("setRoute", destination, OPEN_ROUTE, sender=owner)
    carrier.refund(second)


@pytest.mark.parametrize(
    ("origin", "destination"), [("hub", "arcade"), ("arcade", "hub"), ("arcade", "perps")]
)
def test_a_hop_comes_back_once(
    stacks, on_arcade, send, carrier, only_open, attacker, beneficiary, origin, destination
):
    """M11, P1."""
    on_arcade()
    send(origin, destination, beneficiary)
    message = only_open()
    carrier.bring_back(message)
    refusal = stacks[origin].gateway.revert("refund", *carrier.evidence(message), sender=attacker)
    assert refusal == error("AlreadyRefunded", message.id)
    hop = carrier.names[message.destination]
    arguments = (message.origin, message.nonce, message.fields)
    refusal = stacks[hop].gateway.revert("retry", *arguments, sender=attacker)
    assert refusal == error("MessageNotFailed", message.id, 2)
    refusal = stacks[hop].gateway.revert("returnToSender", *arguments, sender=attacker)
    lane = carrier.lane(hop, origin)
    assert refusal == error("MessageNotReturnable", message.id, 2, lane.messages[-1].nonce)


def test_a_second_hop_comes_back_once(hub, second_hop, carrier, attacker):
    """M11: it is on its way home, and nothing sends it a second time."""
    second = second_hop()
    carrier.bring_back(second)
    refusal = hub.gateway.revert("refund", *carrier.evidence(second), sender=attacker)
    assert refusal == error("AlreadyRefunded", second.id)


def test_a_delivered_hop_does_not_come_back(stacks, send, carrier, only_open, attacker, beneficiary):
    """M11, P1: neither end says so."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    carrier.carry("hub", "arcade")
    at = message.deliver_before + 1
    arguments = (message.origin, message.nonce, message.fields)
    refusal = stacks["arcade"].gateway.revert("returnToSender", *arguments, sender=attacker, at=at)
    assert refusal == error("MessageNotReturnable", message.id, 0, 0)
    refusal = stacks["hub"].gateway.revert("refund", *carrier.evidence(message), sender=attacker)
    assert refusal == error("NotReturned", message.id)


def test_a_lying_chain_brings_back_no_more_than_it_holds(
    hub, arcade, send, carrier, only_open, attacker, beneficiary, on_arcade
):
    """M9, P4: a hop that was delivered, and of which nothing is out any more."""
    on_arcade()
    send("hub", "arcade", beneficiary, CREDIT)
    delivered = only_open()
    carrier.carry("hub", "arcade")
    held = AMOUNT + 2 * CREDIT
    lane, gateway = carrier.lane("arcade", "hub"), hub.gateway.address
    fields = {"deliver_before": NEVER_EXPIRES, "gas_limit": RECEIVE_GAS_LIMIT}
    taking = encode(
        ["uint256", "address", "address", "uint256"], [carrier.hub_id, attacker, attacker, held - 1]
    )
    lane.append(hub.bridge.address, hub.bridge.address, payload=taking, **fields)
    saying = encode(["uint256", "bytes32", "uint256", "uint256"], [Kind.RETURN, delivered.id, 1, 0])
    lane.append(gateway, gateway, payload=saying, **fields)
    arguments = carrier.arguments("arcade", "hub")
    receipt = hub.gateway.send("deliver", *arguments, sender=attacker)
    assert len(receipt.named("MessageDelivered")) == 2
    refusal = hub.gateway.revert("refund", *carrier.evidence(delivered), sender=attacker)
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, CREDIT, 1)


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("caller", ["attacker", "relayer", "owner", "guardian", "depositor", "bridge", "era"])
def test_only_the_gateway_says_what_came_back(stacks, request, name, caller, attacker):
    """M10: even if everything else is right."""
    stack = stacks[name]
    account = getattr(stack, caller).address if hasattr(stack, caller) else request.getfixturevalue(caller)
    payload = encode(
        ["uint256", "address", "address", "uint256"], [stack.chain.chain_id, attacker, attacker, AMOUNT]
    )
    message = (stack.bridge.address, stack.bridge.address, RECEIVE_GAS_LIMIT, 1, 0, payload)
    arguments = (bytes(32), stacks["perps"].chain.chain_id, message, AMOUNT)
    refusal = stack.bridge.revert("onMessageReturned", *arguments, sender=account)
    assert refusal == error("NotGateway", account)


@pytest.fixture
def left_behind(stacks, hub, carrier, owner, relayer):
    """Restarts the hub's lane to a spoke, which follows it and says so: what `refundAbandoned` wants of a message."""

    def left_behind(message, name):
        hub_id, spoke = hub.chain.chain_id, stacks[name]
        hub.gateway.send("restart", spoke.chain.chain_id, 7, sender=owner)
        fact = RestartFact(hub_id, spoke.chain.chain_id, 7)
        attestation = carrier.validators.sign(hub_id, spoke.gateway.address, Tree([fact]).root).fields
        following = spoke.gateway.send("followRestart", attestation, hub_id, 7, [], sender=relayer)
        carrier.note(name, following)
        carrier.carry(name, "hub")
        return (*carrier.evidence(message), 7, bytes(32), [])

    return left_behind


def test_a_transfer_that_a_restart_left_behind_comes_home(
    hub, send, carrier, only_open, left_behind, depositor, beneficiary, relayer
):
    """P4, P5: with everything that relayers would have got."""
    send("hub", "arcade", beneficiary)
    message = only_open()
    arguments = left_behind(message, "arcade")
    receipt = hub.gateway.send("refundAbandoned", *arguments, sender=relayer)
    del carrier.open[message.id]
    carrier.check_balances()
    parts = Fee.unpack(message.fee)
    assert receipt.named("TransferReturned") == [(message.id, depositor, AMOUNT)]
    assert hub.era.view("balanceOf", depositor) == FUNDS + (parts.relay + parts.back) * GWEI
    refusal = hub.gateway.revert("refundAbandoned", *arguments, sender=relayer)
    assert refusal == error("AlreadyRefunded", message.id)


def test_the_last_transfer_out_pays_its_way_back(
    stacks, hub, perps, send, carrier, only_open, left_behind, owner, relayer, depositor, beneficiary
):
    """P4: with what is unspent, which is its own, and nobody else's ERA in the bridge."""
    for name in ("arcade", "perps"):
        hub.gateway.send("setRoute", stacks[name].chain.chain_id, (*OPEN_ROUTE[:8], 0), sender=owner)
        stacks[name].gateway.send("setRoute", hub.chain.chain_id, FREE_ROUTE, sender=owner)
    fee = hub.gateway.view("quote", perps.chain.chain_id, 200_000, 128)
    send("hub", "arcade", depositor, fee + GWEI)
    carrier.carry("hub", "arcade")
    send("arcade", "perps", beneficiary, fee + GWEI)
    carrier.carry("arcade", "hub")
    message = only_open()
    arguments = left_behind(message, "perps")
    receipt = hub.gateway.send("refundAbandoned", *arguments, sender=relayer)
    assert [id_ for id_, *_ in receipt.named("MessageReturned")] == [message.id]
    del carrier.open[message.id]
    carrier.note("hub", receipt)
    carrier.check_balances()
