"""TokenBridge: ERA locked on the hub, minted elsewhere, and never more taken out of a chain than went in."""

import pytest
from eth_abi.abi import encode
from eth_utils import to_checksum_address

from metalayer.attestation import Tree
from metalayer.message import Message, interoperable
from tests.evm import CODEC, Receipt, Revert, error, now
from tests.paper import DAY, PaperLane

SUPPLY = 10**27
AMOUNT = 5 * 10**18
FUNDS = 100 * 10**18
RECEIVE_GAS_LIMIT = 200_000
FORWARD_GAS_LIMIT = 350_000
UNROUTED = 4_242
ZERO_ADDRESS = "0x" + "00" * 20


class Carrier:
    """Takes messages between the chains' real gateways, and knows which have not been executed."""

    def __init__(self, stacks, validators, relayer):
        self.stacks, self.validators, self.relayer = stacks, validators, relayer
        self.hub_id = stacks["hub"].chain.chain_id
        self.lanes = {}
        self.open = {}

    def lane(self, origin, destination) -> PaperLane:
        ids = (self.stacks[origin].chain.chain_id, self.stacks[destination].chain.chain_id)
        return self.lanes.setdefault((origin, destination), PaperLane(self.hub_id, *ids))

    def note(self, origin: str, receipt: Receipt) -> list[Message]:
        """Puts the messages that a transaction sent on paper."""
        names = {stack.chain.chain_id: name for name, stack in self.stacks.items()}
        noted = []
        sent, extended = receipt.named("MessageSent"), receipt.named("LaneExtended")
        for (id_, from_, to, payload, _, _), (chain_id, _, gas_limit, deadline, fee, head) in zip(
            sent, extended, strict=True
        ):
            lane = self.lane(origin, names[chain_id])
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
        """P4: what is locked, outstanding, minted and in flight agree. After every step of every transfer."""
        hub = self.stacks["hub"]
        spokes = [stack for name, stack in self.stacks.items() if name != "hub"]
        accounts = {
            spoke.chain.chain_id: hub.bridge.view("outstanding", spoke.chain.chain_id) for spoke in spokes
        }
        assert hub.era.view("totalSupply") == SUPPLY
        assert hub.era.view("balanceOf", hub.bridge.address) == sum(accounts.values())
        for spoke in spokes:
            chain_id = spoke.chain.chain_id
            assert accounts[chain_id] == spoke.era.view("totalSupply") + self.in_flight(chain_id), chain_id


def transfer(message: Message) -> tuple[int, str, str, int]:
    """Destination, from, to and amount of a transfer's message."""
    return CODEC.decode(["uint256", "address", "address", "uint256"], message.payload)


@pytest.fixture
def carrier(stacks, validators, relayer):
    return Carrier(stacks, validators, relayer)


@pytest.fixture
def send(stacks, carrier, depositor, treasury):
    """Sends ERA from a chain and checks P4; the depositor owns some on the hub and approved the bridge."""
    hub = stacks["hub"]
    hub.era.send("transfer", depositor, FUNDS, sender=treasury)
    hub.era.send("approve", hub.bridge.address, 2**256 - 1, sender=depositor)

    def send(origin, destination, to, amount=AMOUNT, sender=depositor):
        chain_id = stacks[destination].chain.chain_id
        receipt = stacks[origin].bridge.send("send", chain_id, to, amount, sender=sender)
        carrier.note(origin, receipt)
        carrier.check_balances()
        return receipt

    return send


@pytest.fixture
def on_arcade(send, carrier, depositor):
    """Gives the depositor ERA on arcade."""

    def on_arcade(amount=AMOUNT):
        send("hub", "arcade", depositor, amount)
        carrier.carry("hub", "arcade")

    return on_arcade


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
    assert arcade.era.view("balanceOf", depositor) == AMOUNT - 1 == arcade.era.view("totalSupply")
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
    target = stacks[destination].chain.chain_id
    assert transfer(message) == (target, depositor, beneficiary, AMOUNT)


def test_a_transfer_expires_no_sooner_than_what_is_ahead_of_it(hub, carrier, send, beneficiary):
    """Messages that nobody wants to pay for cannot hold up a lane until a transfer behind them expires."""
    receipt = send("hub", "arcade", beneficiary)
    (message,) = carrier.open.values()
    sent_at = int(
        hub.chain.rpc("eth_getBlockByNumber", [receipt.logs[0]["blockNumber"], False])["timestamp"], 16
    )
    assert message.deliver_before == sent_at + hub.gateway.view("MAX_DELIVERY_TIME")


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
    hub.gateway.send("setRoute", destination, (False, True, 1, 1), sender=owner)
    refusal = error("InvalidDestination", destination)
    assert hub.bridge.revert("send", destination, beneficiary, 1, sender=depositor) == refusal


def test_spoke_burns_nothing_while_its_way_to_the_hub_is_closed(
    hub, arcade, perps, owner, on_arcade, depositor, beneficiary
):
    on_arcade()
    arcade.gateway.send("setRoute", hub.chain.chain_id, (False, True, 1, 1), sender=owner)
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
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == 0


def test_spoke_to_spoke_makes_two_hops(hub, arcade, perps, on_arcade, send, carrier, depositor, beneficiary):
    """P4: the hub moves the amount from one account to the other, without any action of the user."""
    on_arcade()
    send("arcade", "perps", beneficiary, 3)
    (first,) = carrier.open.values()
    forwarded = carrier.carry("arcade", "hub")
    (second,) = carrier.open.values()
    assert forwarded.named("TransferForwarded") == [(first.id, second.id, perps.chain.chain_id, 3)]
    assert forwarded.named("TransferReceived") == []
    assert transfer(second) == (perps.chain.chain_id, depositor, beneficiary, 3)
    assert second.gas_limit == RECEIVE_GAS_LIMIT
    assert hub.bridge.view("outstanding", arcade.chain.chain_id) == AMOUNT - 3
    assert hub.bridge.view("outstanding", perps.chain.chain_id) == 3
    received = carrier.carry("hub", "perps")
    assert received.named("TransferReceived") == [(second.id, beneficiary, hub.chain.chain_id, 3)]
    assert perps.era.view("balanceOf", beneficiary) == 3


def test_comes_back_whole(hub, arcade, perps, send, carrier, depositor):
    """P4: hub, arcade, perps, hub; nothing is left anywhere."""
    send("hub", "arcade", depositor)
    carrier.carry("hub", "arcade")
    send("arcade", "perps", depositor)
    carrier.carry("arcade", "hub")
    carrier.carry("hub", "perps")
    send("perps", "hub", depositor)
    carrier.carry("perps", "hub")
    assert hub.era.view("balanceOf", depositor) == FUNDS
    assert hub.era.view("balanceOf", hub.bridge.address) == 0
    assert arcade.era.view("totalSupply") == perps.era.view("totalSupply") == 0


def test_several_transfers_arrive_in_one_delivery(arcade, send, carrier, depositor, beneficiary):
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
    send("hub", "arcade", depositor)
    assert carrier.carry("hub", "arcade").named("MessageFailed") == []
    send("arcade", "perps", beneficiary)
    assert carrier.carry("arcade", "hub").named("MessageFailed") == []
    assert carrier.carry("hub", "perps").named("MessageFailed") == []
    send("perps", "hub", beneficiary, sender=beneficiary)
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
    refusal = gateway_call("hub", sender, hub.chain.chain_id, attacker, AMOUNT + 1)
    assert refusal == error("OutstandingExceeded", origin, AMOUNT + 1, AMOUNT)


def test_one_chain_cannot_take_what_another_holds(hub, arcade, perps, on_arcade, gateway_call, attacker):
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
    assert refusal == error("OutstandingExceeded", arcade.chain.chain_id, 2**256 - 1, AMOUNT)


def test_a_lying_quorum_takes_no_more_than_the_chain_holds(
    hub, perps, arcade, on_arcade, carrier, relayer, attacker
):
    """M3, M9: what a forging quorum can take out of a chain is what was sent to it."""
    on_arcade()
    hub_id, bridge = hub.chain.chain_id, hub.bridge.address
    types = ["uint256", "address", "address", "uint256"]
    for name, amounts in {"perps": [AMOUNT], "arcade": [AMOUNT + 1, AMOUNT, 1]}.items():
        lane = carrier.lane(name, "hub")
        for amount in amounts:
            payload = encode(types, [hub_id, attacker, attacker, amount])
            deadline = now(hub.chain) + DAY
            lane.append(bridge, bridge, deliver_before=deadline, payload=payload)
        arguments = carrier.arguments(name, "hub")
        receipt = hub.gateway.send("deliver", *arguments, sender=relayer)
        taken = [values[3] for values in receipt.named("TransferReceived")]
        assert taken == ([] if name == "perps" else [AMOUNT])
        carrier.lanes.clear()
    assert hub.era.view("balanceOf", attacker) == AMOUNT
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


def test_spoke_mints_nothing_for_another_spoke(stacks, carrier, arcade, relayer, attacker):
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


def test_a_stranger_sends_the_bridge_nothing(hub, arcade, carrier, attacker):
    """M10: whoever sends a message that reads like a transfer moves nothing."""
    payload = encode(
        ["uint256", "address", "address", "uint256"], [arcade.chain.chain_id, attacker, attacker, AMOUNT]
    )
    recipient = interoperable(arcade.chain.chain_id, arcade.bridge.address)
    carrier.note("hub", hub.gateway.send("sendMessage", recipient, payload, [], sender=attacker))
    assert len(carrier.carry("hub", "arcade").named("MessageFailed")) == 1
    assert arcade.era.view("totalSupply") == 0


def test_spoke_refuses_a_transfer_that_ends_elsewhere(hub, arcade, perps, gateway_call, beneficiary):
    sender = interoperable(hub.chain.chain_id, arcade.bridge.address)
    refusal = gateway_call("arcade", sender, perps.chain.chain_id, beneficiary, 1)
    assert refusal == error("InvalidDestination", perps.chain.chain_id)


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
    assert refusal == error("InteroperableAddressParsingError", sender)


# When a hop fails


def test_second_hop_waits_until_its_route_opens(
    hub, arcade, perps, owner, on_arcade, send, carrier, beneficiary
):
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
    assert perps.era.view("balanceOf", beneficiary) == AMOUNT
    again = (first.origin, first.nonce, first.fields)
    refusal = error("MessageNotFailed", first.id)
    assert hub.gateway.revert("retry", *again, sender=beneficiary) == refusal


def test_an_expired_hop_keeps_its_amount_in_the_account(hub, arcade, send, carrier, beneficiary):
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


def test_spokes_keep_no_accounts(stacks, on_arcade, send, carrier, beneficiary):
    """`outstanding` is the hub's alone."""
    on_arcade()
    send("arcade", "hub", beneficiary, 1)
    for name in ("arcade", "perps"):
        for stack in stacks.values():
            assert stacks[name].bridge.view("outstanding", stack.chain.chain_id) == 0
