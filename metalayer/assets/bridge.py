"""ERA between chains: what a transfer costs, and how it goes, hop by hop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode

from metalayer.assets import credit
from metalayer.assets.credit import Payment
from metalayer.assets.tokens import ALLOWANCE, refuse_lost
from metalayer.assets.tokens import APPROVE as APPROVE
from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.lanes.logs import Sent
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.registry import Registry
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.amounts import era
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import Message
from metalayer.protocol.rpc import READ_FAULTS
from metalayer.tracking.follower import Follower


class Quote(NamedTuple):
    """Fee of a transfer's first hop (wei of ERA), and whether the hub sends it on."""

    fee: int
    forwarded: bool


class Payload(NamedTuple):
    """What a hop carries, from one bridge to another. Wei of ERA.

    `chain`: on the way to the hub, where the transfer shall end; on the way from it, where it goes if it comes back.
    `sent_at`: the second (Unix time) in which this hop was sent.
    """

    chain: int
    sent_at: int
    from_: str
    to: str
    amount: int

    @classmethod
    def read(cls, payload: bytes) -> Payload:
        """Raises like `decode` of eth_abi if it is none."""
        hop, from_, to, amount = decode(_PAYLOAD, payload)
        return cls(hop % (1 << _CHAIN_BITS), hop >> _CHAIN_BITS, from_, to, amount)

    @property
    def encoded(self) -> bytes:
        """As the bridge sends it."""
        hop = self.sent_at << _CHAIN_BITS | self.chain
        return encode(_PAYLOAD, [hop, self.from_, self.to, self.amount])


class Forwarded(NamedTuple):
    """The hub sent a transfer on: ids of the message that brought it and of the one that carries it on. Wei of ERA."""

    received: bytes
    sent: bytes
    destination: int
    amount: int
    fee: int


SEND = Function("send(uint256,address,uint256)", "bytes32", bytes)
QUOTE = Function("quote(uint256)", "uint256,bool", Quote)
OUTSTANDING = Function("outstanding(uint256)", "uint256", int)
PAST_OUTSTANDING = Function("pastOutstanding(uint256,uint48)", "uint256", int)
TOTAL_OUTSTANDING = Function("totalOutstanding()", "uint256", int)
PAST_TOTAL_OUTSTANDING = Function("pastTotalOutstanding(uint48)", "uint256", int)
TRANSFER_FORWARDED = Event(
    "TransferForwarded(bytes32 indexed,bytes32 indexed,uint256,uint256,uint256)", Forwarded
)

_PAYLOAD = ("uint256", "address", "address", "uint256")
_CHAIN_BITS = 208
# The transactions before `send` are not mined yet, so it cannot be estimated: four times what it uses on the
# hub.
_SEND_GAS = 600_000
_APPROVE_GAS = 100_000
# An estimate runs at the latest block's time. If ERA moved in that block, a vote checkpoint is updated
# there, where the transaction itself will write a new one: 17,100 gas more, for the supply and for the
# sender's delegate.
_SEND_MARGIN = 60_000


@dataclass(frozen=True)
class Transfer:
    """A transfer that may start: checked against what its sender has. Wei of ERA.

    `payment` is of the first hop. `forward_fee`: what the hub takes out of the amount to send it on, 0 if it does not.
    """

    origin: Chain
    destination: Chain
    to: str
    amount: int
    payment: Payment
    forward_fee: int

    @property
    def arrives(self) -> int:
        """What the recipient gets, if fees stay as they are until it is on the hub."""
        return self.amount - self.forward_fee


@dataclass(frozen=True)
class Outcome:
    """A finished transfer: its messages, and the receipts of the send and of each hop's delivery, in order."""

    hops: list[Sent]
    receipts: list[Receipt]
    seconds: float

    @property
    def amounts(self) -> list[int]:
        """ERA (wei) that each hop carried: what is missing in the next was its fee."""
        return [carried(hop.message) for hop in self.hops]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "ids": [to_hex(hop.id) for hop in self.hops],
            "amounts": [str(amount) for amount in self.amounts],
            "transactions": [receipt["transactionHash"] for receipt in self.receipts],
            "gas": [receipt["gasUsed"] for receipt in self.receipts],
            "seconds": self.seconds,
        }


def prepare(
    live: Live, origin: Connection, destination: Chain, sender: str, to: str, amount: int
) -> Transfer:
    """What a transfer of `amount` wei takes and costs. Sends nothing.

    MetalayerError if it would be lost or refused, or if the sender has less than the amount and what is missing of the
    fee in its credit.
    """
    registry, name = live.registry, origin.chain.name
    refuse_lost(registry, to)
    bridge = registry.address("TokenBridge")
    fee, forwarded = origin.view(bridge, QUOTE, destination.chain_id)
    forward_fee = 0
    if forwarded:
        hub = live.connection(live.network.hub.name)
        forward_fee = hub.view(bridge, QUOTE, destination.chain_id).fee
        if amount <= forward_fee:
            raise MetalayerError(
                f"from {name} to {destination.name} goes over {hub.chain.name}, which takes {era(forward_fee)} ERA "
                f"of the amount to send it on: expected more than that, not {era(amount)}"
            )
    due = credit.payment(origin, registry, sender, fee, bridge)
    due.refuse_too_poor(besides=amount)
    return Transfer(origin.chain, destination, to, amount, due, forward_fee)


def send(live: Live, sender: Sender, transfer: Transfer) -> tuple[Sent, Receipt]:
    """Starts a transfer. Before that, as far as it is needed: deposits what is missing in the credit, allows the bridge
    to spend the fee of it and, on the hub, to take the amount.

    The message of its first hop, and the receipt. MetalayerError if it is refused.
    """
    connection, registry = live.connection(transfer.origin.name), live.registry
    bridge, token = registry.address("TokenBridge"), registry.address("ERA")
    call = SEND.encode(transfer.destination.chain_id, transfer.to, transfer.amount)
    before = credit.preparation(registry, transfer.payment, bridge)
    is_hub = transfer.origin == live.network.hub
    if is_hub and connection.view(token, ALLOWANCE, sender.address, bridge) < transfer.amount:
        before.append(Transaction(token, APPROVE.encode(bridge, transfer.amount), _APPROVE_GAS))
    gas = _SEND_GAS if before else connection.estimate(sender.address, bridge, call) + _SEND_MARGIN
    receipt = connection.send_many(sender, [*before, Transaction(bridge, call, gas)])[-1]
    return sent_in(receipt, registry, transfer.origin.chain_id), receipt


def sent_in(receipt: Receipt, registry: Registry, origin: int, id_: bytes | None = None) -> Sent:
    """The message that a transaction sent: the one with this id, or the only one."""
    own = [log for log in receipt["logs"] if log.address == registry.address("Metalayer").lower()]
    messages = logs.parse(own, registry.network_id, origin)
    found = [sent for sent in messages if id_ in (None, sent.id)]
    if len(found) != 1:
        raise MetalayerError(f"transaction {receipt['transactionHash']} sent {len(found)} such messages")
    return found[0]


def carried(hop: Message) -> int:
    """ERA (wei) that a message from bridge to bridge carries. MetalayerError if it carries none."""
    try:
        return Payload.read(hop.payload).amount
    except READ_FAULTS as error:
        raise MetalayerError(f"message {to_hex(hop.id)} of the bridge is no transfer") from error


def follow(
    follower: Follower, registry: Registry, first: Sent, receipt: Receipt, destination: int
) -> Outcome:
    """Waits for every hop of a transfer. Raises NotDelivered or StillWaiting."""
    network = follower.live.network
    follower.emit("sent", network.chain(first.message.origin).name, receipt)
    hops, receipts = [first], [receipt]
    while True:
        hop = hops[-1]
        is_last = hop.message.destination == destination
        delivered = follower.follow(hop, "received" if is_last else "forwarded")
        receipts.append(delivered)
        if is_last:
            break
        hops.append(
            sent_in(delivered, registry, hop.message.destination, _forwarded(delivered, registry, hop.id))
        )
    return Outcome(hops, receipts, follower.emit("done", network.chain(destination).name).seconds)


def _forwarded(receipt: Receipt, registry: Registry, id_: bytes) -> bytes:
    """Id of the message with which the hub sent a transfer on."""
    for forwarded in TRANSFER_FORWARDED.found_in(receipt["logs"], registry.address("TokenBridge")):
        if forwarded.received == id_:
            return forwarded.sent
    raise MetalayerError(f"transaction {receipt['transactionHash']} did not forward transfer {to_hex(id_)}")
