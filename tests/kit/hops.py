"""Transfers over the bridge: what they cost, and who carries their messages between the chains' real gateways."""

from __future__ import annotations

from typing import Any

from eth_utils.address import to_checksum_address

from metalayer.assets.bridge import Payload
from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message
from tests.kit.ages import outlive
from tests.kit.evm import CODEC, Receipt, now, views
from tests.kit.paper import PaperLane, Validators
from tests.kit.stack import Stack
from tests.kit.terms import OPEN_TERMS

SUPPLY = 10**27
AMOUNT = 5 * 10**18
FUNDS = 100 * 10**18
CREDIT = 10**18
RECEIVE_GAS_LIMIT = 200_000
FORWARD_GAS_LIMIT = 500_000
PAYLOAD_LENGTH = 128
RETURN_GAS_LIMIT = 300_000
TERMS = OPEN_TERMS
RECEIVE_FEE = TERMS.quote(RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH)
"""What a hop costs."""


class Courier:
    """Takes messages between the chains' real gateways, and knows which have not ended."""

    def __init__(self, stacks: dict[str, Stack], validators: Validators, relayer: str) -> None:
        self.stacks, self.validators, self.relayer = stacks, validators, relayer
        self.signers = dict.fromkeys(stacks, validators)
        self.hub_id = stacks["hub"].chain.chain_id
        self.names = {stack.chain.chain_id: name for name, stack in stacks.items()}
        self.lanes: dict[tuple[str, str], PaperLane] = {}
        self.open: dict[bytes, Message] = {}
        self.given_to_bridge = 0

    def lane(self, origin: str, destination: str) -> PaperLane:
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

    def arguments(self, origin: str, destination: str) -> tuple[Any, ...]:
        """What delivers everything that this lane holds."""
        lane = self.lane(origin, destination)
        tree = Tree([lane.fact()])
        gateway = self.stacks[destination].gateway.address
        return self.signers[destination].sign(self.hub_id, gateway, tree.root).fields, [lane.batch(tree)]

    def carry(self, origin: str, destination: str, at: int | None = None) -> Receipt:
        """Delivers the lane, and notes what its recipients sent on. Not before the destination's clock has come to
        where the origin's was: tests put them forward one by one.
        """
        gateway = self.stacks[destination].gateway
        if at is None:
            due = self.newest(origin, destination)
            at = due + 1 if due >= now(gateway.chain) else None
        if at is not None:
            present = self.signers[destination]
            self.signers[destination] = outlive(gateway, self.hub_id, present, at, self.relayer)
        receipt = gateway.send("deliver", *self.arguments(origin, destination), sender=self.relayer, at=at)
        return self.executed(destination, receipt)

    def newest(self, origin: str, destination: str) -> int:
        """Second in which the last transfer of a lane was sent, 0 if there is none."""
        hops = [message for message in self.lane(origin, destination).messages if self.is_transfer(message)]
        return max(map(sent_at, hops), default=0)

    def is_transfer(self, message: Message) -> bool:
        """Whether a bridge sent it."""
        return to_checksum_address(message.sender) == self.stacks["hub"].bridge.address

    def retry(self, message: Message, destination: str, at: int | None = None) -> Receipt:
        gateway = self.stacks[destination].gateway
        arguments = (message.origin, message.nonce, message.fields)
        return self.executed(destination, gateway.send("retry", *arguments, sender=self.relayer, at=at))

    def say_returned(self, message: Message) -> None:
        """Lets the destination of an expired or failed message say so, and its origin hear it."""
        origin, destination = self.names[message.origin], self.names[message.destination]
        gateway = self.stacks[destination].gateway
        at = max(message.deliver_before, now(gateway.chain)) + 1
        arguments = (message.origin, message.nonce, message.fields)
        self.note(destination, gateway.send("returnToSender", *arguments, sender=self.relayer, at=at))
        self.carry(destination, origin, at=max(at, now(self.stacks[origin].chain) + 1))

    def evidence(self, message: Message) -> tuple[Any, ...]:
        """Arguments of `refund`."""
        lane = self.lane(self.names[message.origin], self.names[message.destination])
        ids = [later.id for later in lane.messages[message.nonce :]]
        return message.fields, (message.destination, message.nonce, lane.heads[message.nonce - 1], ids)

    def refund(self, message: Message) -> Receipt:
        """Ends a message that its destination returned, and notes what its sender sent on. If its sender cannot take it
        back yet, it stays open: what is unspent waits as the sender's credit.
        """
        origin = self.names[message.origin]
        arguments = self.evidence(message)
        receipt = self.stacks[origin].gateway.send("refund", *arguments, sender=self.relayer)
        if receipt.named("CallbackFailed"):
            self.given_to_bridge += receipt.named("MessageReturned")[0][3]
        else:
            del self.open[message.id]
        self.note(origin, receipt)
        self.check_balances()
        return receipt

    def call_back(self, message: Message, unspent: int) -> Receipt:
        """Lets a bridge take back what it could not when its message was refunded."""
        origin = self.names[message.origin]
        receipt = self.stacks[origin].gateway.send("callBack", *place(message), sender=self.relayer)
        del self.open[message.id]
        self.given_to_bridge -= unspent
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

    def executed(self, destination: str, receipt: Receipt) -> Receipt:
        """Takes note of a delivery or retry, and of what its recipients sent on."""
        for id_, _, _ in receipt.named("MessageDelivered"):
            del self.open[id_]
        self.note(destination, receipt)
        self.check_balances()
        return receipt

    def in_flight(self, chain_id: int) -> int:
        """ERA on its way to or from a chain, failed messages included."""
        moving = [m for m in self.open.values() if chain_id in (m.origin, m.destination)]
        return sum(transfer(message)[3] for message in moving if self.is_transfer(message))

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
    hop, *rest = CODEC.decode(["uint256", "address", "address", "uint256"], message.payload)
    return hop % 2**208, *rest


def sent_at(message: Message) -> int:
    """Second in which a transfer's hop was sent, by the clock of its origin."""
    return Payload.read(message.payload).sent_at


def place(message: Message) -> tuple[Any, ...]:
    """Arguments of `callBack`."""
    return message.fields, message.destination, message.nonce


def deposit(stack: Stack, account: str, amount: int = CREDIT) -> None:
    """Puts ERA of an account into its credit, and lets the bridge pay with it."""
    stack.era.send("approve", stack.gateway.address, amount, sender=account)
    stack.gateway.send("depositFor", account, amount, sender=account)
    stack.gateway.send("setAllowance", stack.bridge.address, 2**256 - 1, sender=account)
