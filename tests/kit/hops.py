"""Transfers over the bridge: what they cost, who carries their messages between the chains' real gateways, and whether
the books of every token hold after every step.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils.address import to_checksum_address

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import (
    FORWARD_GAS,
    FORWARD_RETURN_GAS,
    RECEIVE_GAS,
    RETURN_GAS,
    ClaimPayload,
    Description,
    Kind,
    Payload,
    read,
)
from tests.kit.ages import outlive
from tests.kit.evm import Contract, Receipt, now, views
from tests.kit.paper import PaperLane, Validators
from tests.kit.stack import Stack
from tests.kit.terms import OPEN_TERMS

SUPPLY = 10**27
AMOUNT = 5 * 10**18
FUNDS = 100 * 10**18
CREDIT = 10**18
TERMS = OPEN_TERMS
PAYLOAD_LENGTH = 128
"""Of a first hop without data."""
ID_LENGTH = 32
RECEIVE_FEE = TERMS.quote(RECEIVE_GAS, RETURN_GAS, PAYLOAD_LENGTH)
"""What a first hop costs that is the only one."""
FORWARD_FEE = TERMS.quote(FORWARD_GAS, RETURN_GAS, PAYLOAD_LENGTH)
"""What a first hop costs that is sent on."""
SECOND_FEE = TERMS.quote(RECEIVE_GAS, FORWARD_RETURN_GAS, PAYLOAD_LENGTH + ID_LENGTH)
"""What the second hop costs, and one that goes back over the home."""


@dataclass
class Asset:
    """A token at home on one of the chains, whose books are checked. `beside`: what of its representations' supply the
    bridge did not mint, by chain: an issuer's own. `taken`: what it lacks of what is outstanding, if it cheats.
    """

    home: str
    token: Contract
    beside: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    @property
    def is_era(self) -> bool:
        return self.token.name == "ERA"


class Courier:
    """Takes messages between the chains' real gateways, and knows which have not ended."""

    def __init__(self, stacks: dict[str, Stack], validators: Validators, relayer: str) -> None:
        self.stacks, self.validators, self.relayer = stacks, validators, relayer
        self.signers = dict.fromkeys(stacks, validators)
        self.hub_id = stacks["hub"].chain.chain_id
        self.names = {stack.chain.chain_id: name for name, stack in stacks.items()}
        self.lanes: dict[tuple[str, str], PaperLane] = {}
        self.open: dict[bytes, Message] = {}
        self.sent: dict[bytes, Message] = {}
        self.assets = [Asset("hub", stacks["hub"].era)]
        self.left_over: Counter[str] = Counter()
        """ERA (wei) that the bridge of a chain has and owes nobody: of passages, descriptions, claims, and gifts."""

    def fork(self) -> Courier:
        """The same, for one test: what is on its way is another's."""
        forked = copy.copy(self)
        for name in ("signers", "open", "sent", "left_over"):
            setattr(forked, name, copy.copy(getattr(self, name)))
        forked.lanes = copy.deepcopy(self.lanes)
        forked.assets = [replace(asset, beside=Counter(asset.beside)) for asset in self.assets]
        return forked

    def watch(self, home: str, token: Contract) -> Asset:
        """From now on, this token's books are checked, too."""
        asset = Asset(home, token)
        self.assets.append(asset)
        return asset

    def id_of(self, name: str) -> int:
        return self.stacks[name].chain.chain_id

    def lane(self, origin: str, destination: str) -> PaperLane:
        ids = (self.id_of(origin), self.id_of(destination))
        return self.lanes.setdefault((origin, destination), PaperLane(self.hub_id, *ids))

    def note(self, origin: str, receipt: Receipt) -> list[Message]:
        """Puts the messages that a transaction sent on paper, and what it gave to the bridge or took from it."""
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
            self.open[id_] = self.sent[id_] = message
            noted.append(message)
        self._settle(origin, receipt)
        return noted

    def _settle(self, name: str, receipt: Receipt) -> None:
        """What a transaction changed of what is left over on a chain."""
        left = self.left_over
        left[name] += sum(amount * GWEI for _, _, amount in receipt.named("PassagePaid"))
        for id_, *_, cost in receipt.named("TransferForwarded"):
            left[name] += Payload.read(self.sent[id_].payload).fee * GWEI - cost
        for *_, cost in receipt.named("TransferSentBack"):
            left[name] -= cost
        for id_, _, _, unspent, _, _ in receipt.named("MessageReturned"):
            if self._is_of_bridge(self.sent[id_]):
                left[name] += unspent
        self._pay_out(name, receipt)

    def _pay_out(self, name: str, receipt: Receipt) -> None:
        """What is unspent of the only hop, or of the first, goes to whoever gets the amount back by default."""
        unspent = {id_: amount for id_, _, _, amount, _, _ in receipt.named("MessageReturned")}
        returned = {id_ for id_, *_ in receipt.named("TransferReturned")}
        for id_ in returned & unspent.keys():
            self.left_over[name] -= unspent[id_]

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
        """Whether a bridge sent it, and it carries an amount."""
        return self._is_of_bridge(message) and carried(message) is not None

    def _is_of_bridge(self, message: Message) -> bool:
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
        if not receipt.named("CallbackFailed"):
            del self.open[message.id]
        self.note(origin, receipt)
        self.check_balances()
        return receipt

    def call_back(self, message: Message, unspent: int) -> Receipt:
        """Lets a bridge take back what it could not when its message was refunded. `unspent`: what of its fee was then
        left.
        """
        origin = self.names[message.origin]
        receipt = self.stacks[origin].gateway.send("callBack", *place(message), sender=self.relayer)
        del self.open[message.id]
        if receipt.named("TransferReturned"):
            self.left_over[origin] -= unspent
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

    def in_flight(self, asset: Asset, name: str) -> int:
        """What of a token is on its way between its home and a chain, failed messages included."""
        home, other = self.id_of(asset.home), self.id_of(name)
        total = 0
        for message in self.open.values():
            payload = carried(message) if self._is_of_bridge(message) else None
            if payload is None:
                continue
            back = payload.kind is Kind.BACK
            ends = (message.origin, message.destination) if back else (message.destination, message.origin)
            if ends == (other, home) and payload.token == asset.token.address:
                total += payload.amount
            if back and ends == (other, self.hub_id) and asset.is_era:
                # Burned with the amount, for the second hop.
                total += payload.fee * GWEI
        return total

    def check_balances(self) -> None:
        """P4: of every token, what is locked, outstanding, minted and in flight agree. After every step of every
        transfer. Of ERA, the bridge has what is left over of fees, to the wei, and no more.
        """
        for asset in self.assets:
            self._check_home(asset)
            for name in self.stacks:
                if name != asset.home:
                    self._check_other(asset, name)
        for name in self.stacks:
            if name != "hub":
                self._check_left_over(name, 0)

    def _check_home(self, asset: Asset) -> None:
        stack = self.stacks[asset.home]
        locked, *accounts = views(
            [
                (asset.token, "balanceOf", stack.bridge.address),
                *(
                    (stack.bridge, "outstanding", asset.token.address, self.id_of(name))
                    for name in self.stacks
                    if name != asset.home
                ),
            ]
        )
        if asset.is_era:
            assert asset.token.view("totalSupply") == SUPPLY
            self._check_left_over("hub", sum(accounts))
        else:
            assert locked == sum(accounts) - asset.taken, f"P4: {asset.token} locked"

    def _check_other(self, asset: Asset, name: str) -> None:
        home, stack = self.stacks[asset.home], self.stacks[name]
        token, home_id = asset.token.address, self.id_of(asset.home)
        outstanding = home.bridge.view("outstanding", token, self.id_of(name))
        local = stack.bridge.view("localOf", home_id, token)
        code = stack.chain.rpc("eth_getCode", [local, "latest"])
        supply = 0 if code == "0x" else Contract(stack.chain, "BridgedToken", local).view("totalSupply")
        expected = supply - asset.beside[name] + self.in_flight(asset, name)
        assert outstanding == expected, f"P4: {asset.token} on {name}"

    def _check_left_over(self, name: str, owed: int) -> None:
        stack = self.stacks[name]
        balance, credit = views(
            [
                (stack.era, "balanceOf", stack.bridge.address),
                (stack.gateway, "credit", stack.bridge.address),
            ]
        )
        assert balance + credit == owed + self.left_over[name], f"P4: ERA of the bridge on {name}"


def carried(message: Message) -> Payload | None:
    """What a message of a bridge carries; None if that is no amount."""
    payload = read(message.payload)
    return None if isinstance(payload, Description | ClaimPayload) else payload


def sent_at(message: Message) -> int:
    """Second in which a transfer's hop was sent, by the clock of its origin."""
    return Payload.read(message.payload).hop_at


def place(message: Message) -> tuple[Any, ...]:
    """Arguments of `callBack`."""
    return message.fields, message.destination, message.nonce


def deposit(stack: Stack, account: str, amount: int = CREDIT) -> None:
    """Puts ERA of an account into its credit, and lets the bridge pay with it."""
    stack.era.send("approve", stack.gateway.address, amount, sender=account)
    stack.gateway.send("depositFor", account, amount, sender=account)
    stack.gateway.send("setAllowance", stack.bridge.address, 2**256 - 1, sender=account)
