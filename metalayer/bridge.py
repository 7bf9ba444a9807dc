"""ERA between chains: sends a transfer and follows it through every hop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from metalayer import lane, reverts
from metalayer.calls import Function
from metalayer.chain import Connection, Receipt, Sender, Transaction, from_hex, to_hex
from metalayer.display import era
from metalayer.errors import MetalayerError
from metalayer.journey import Follower
from metalayer.lane import Sent
from metalayer.registry import Registry

SEND = Function("send(uint256,address,uint256)", "bytes32")
OUTSTANDING = Function("outstanding(uint256)", "uint256")
BALANCE_OF = Function("balanceOf(address)", "uint256")
TOTAL_SUPPLY = Function("totalSupply()", "uint256")
ALLOWANCE = Function("allowance(address,address)", "uint256")
APPROVE = Function("approve(address,uint256)", "bool")
FORWARDED = keccak(text="TransferForwarded(bytes32,bytes32,uint256,uint256)")

# The approval that `send` needs is not mined yet, so it cannot be estimated: four times what it uses on the
# hub.
_SEND_GAS = 600_000
# An estimate runs at the latest block's time. If ERA moved in that block, a vote checkpoint is updated
# there, where the transaction itself will write a new one: 17,100 gas more, for the supply and for the
# sender's delegate.
_SEND_MARGIN = 60_000

reverts.declare(
    "ZeroAmount()",
    "InvalidBeneficiary(address to)",
    "InvalidDestination(uint256 destination)",
    "OutstandingExceeded(uint256 chainId,uint256 amount,uint256 outstanding)",
    "UnauthorizedBridge(address caller)",
)


@dataclass(frozen=True)
class Outcome:
    """A finished transfer: its messages, and the receipts of the send and of each hop's delivery, in order."""

    hops: list[Sent]
    receipts: list[Receipt]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "ids": [to_hex(hop.id) for hop in self.hops],
            "transactions": [receipt["transactionHash"] for receipt in self.receipts],
            "gas": [receipt["gasUsed"] for receipt in self.receipts],
            "seconds": self.seconds,
        }


def balance(connection: Connection, registry: Registry, account: str) -> int:
    """ERA (wei) of an account on one chain."""
    answer = connection.call(registry.address("ERA"), BALANCE_OF.encode(account))
    return int(BALANCE_OF.decode(answer))


def send(
    connection: Connection, registry: Registry, sender: Sender, destination: int, to: str, amount: int
) -> tuple[Sent, Receipt]:
    """Starts a transfer of `amount` wei; approves the bridge first where that is needed (on the hub).

    The message of its first hop, and the receipt. MetalayerError if the sender has less, or if it is refused.
    """
    refused = {"the zero address": "0x" + "00" * 20} | {
        f"the {name}": registry.address(name) for name in ("Metalayer", "TokenBridge", "ERA")
    }
    for name, address in refused.items():
        if to.lower() == address.lower():
            raise MetalayerError(f"the recipient {to} is {name}: ERA sent there would be lost")
    held = balance(connection, registry, sender.address)
    name = connection.chain.name
    if held < amount:
        raise MetalayerError(f"{sender.address} has {era(held)} ERA on {name}, not {era(amount)}")
    bridge, token = registry.address("TokenBridge"), registry.address("ERA")
    call = SEND.encode(destination, to, amount)
    allowed = amount
    if connection.chain.chain_id == registry.network_id:
        allowed = ALLOWANCE.decode(connection.call(token, ALLOWANCE.encode(sender.address, bridge)))
    if allowed < amount:
        approval = Transaction(token, APPROVE.encode(bridge, amount))
        transactions = [approval, Transaction(bridge, call, _SEND_GAS)]
    else:
        gas = connection.estimate(sender.address, bridge, call) + _SEND_MARGIN
        transactions = [Transaction(bridge, call, gas)]
    receipt = connection.send_many(sender, transactions)[-1]
    return sent_in(receipt, registry, connection.chain.chain_id), receipt


def sent_in(receipt: Receipt, registry: Registry, origin: int, id_: bytes | None = None) -> Sent:
    """The message that a transaction sent: the one with this id, or the only one."""
    own = [log for log in receipt["logs"] if log["address"].lower() == registry.address("Metalayer").lower()]
    messages = lane.parse(own, registry.network_id, origin)
    found = [sent for sent in messages if id_ in (None, sent.id)]
    if len(found) != 1:
        raise MetalayerError(f"transaction {receipt['transactionHash']} sent {len(found)} such messages")
    return found[0]


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
        hops.append(sent_in(delivered, registry, hop.message.destination, _forwarded(delivered, hop.id)))
    return Outcome(hops, receipts, follower.emit("done", network.chain(destination).name).seconds)


def _forwarded(receipt: Receipt, id_: bytes) -> bytes:
    """Id of the message with which the hub sent a transfer on."""
    for log in receipt["logs"]:
        if log["topics"][:2] == [to_hex(FORWARDED), to_hex(id_)]:
            return from_hex(log["topics"][2])
    raise MetalayerError(f"transaction {receipt['transactionHash']} did not forward transfer {to_hex(id_)}")
