"""A transfer under way: followed hop by hop, or looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.registry import Registry
from metalayer.network.transactions import Receipt
from metalayer.protocol import bridge
from metalayer.protocol.bridge import TransferForwarded, TransferFronted
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import Message
from metalayer.protocol.rpc import READ_FAULTS
from metalayer.protocol.transfers import WAITING_TIME, Kind, Payload
from metalayer.tracking.follower import Follower, NotDelivered
from metalayer.tracking.trace import State, Trace, find, look


class Fronted(NamedTuple):
    """What a solver paid the recipient before the transfer arrived, in which transaction, and how many seconds after
    the transfer was sent.
    """

    event: TransferFronted
    transaction: str
    seconds: float


class Waiting(NotDelivered):
    """A transfer exceeded a limit, and waits. `passes_at`: Unix time from which anyone can let it pass."""

    def __init__(self, message: str, receipt: Receipt, passes_at: int) -> None:
        super().__init__(message, receipt)
        self.passes_at = passes_at


@dataclass(frozen=True)
class Outcome:
    """A finished transfer: its messages, and the receipts of the send and of each hop's delivery, in order."""

    hops: list[Sent]
    receipts: list[Receipt]
    seconds: float
    fronted: Fronted | None = None

    @property
    def id(self) -> bytes:
        """Of the transfer: of its first message."""
        return self.hops[0].id

    @property
    def amount(self) -> int:
        """What arrived, in the token's smallest unit."""
        return carried(self.hops[-1].message).amount

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        fronted = self.fronted
        return {
            "id": to_hex(self.id),
            "ids": [to_hex(hop.id) for hop in self.hops],
            "arrived": str(self.amount),
            "transactions": [receipt["transactionHash"] for receipt in self.receipts],
            "gas": [receipt["gasUsed"] for receipt in self.receipts],
            "seconds": self.seconds,
            "fronted": None
            if fronted is None
            else {
                "solver": fronted.event.solver,
                "paid": str(fronted.event.paid),
                "transaction": fronted.transaction,
                "seconds": fronted.seconds,
            },
        }


def all_sent_in(receipt: Receipt, registry: Registry, origin: int) -> list[Sent]:
    """The messages that a transaction sent, in order."""
    own = [log for log in receipt["logs"] if log.address == registry.address("Metalayer").lower()]
    return logs.parse(own, registry.network_id, origin)


def sent_in(receipt: Receipt, registry: Registry, origin: int, id_: bytes | None = None) -> Sent:
    """The message that a transaction sent: the one with this id, or the only one."""
    messages = all_sent_in(receipt, registry, origin)
    found = [sent for sent in messages if id_ in (None, sent.id)]
    if len(found) != 1:
        raise MetalayerError(f"transaction {receipt['transactionHash']} sent {len(found)} such messages")
    return found[0]


def started_in(receipt: Receipt, registry: Registry, origin: int) -> Sent:
    """The message with which a transaction started a transfer: not the description that may go before it."""
    started = bridge.TRANSFER_SENT.found_in(receipt["logs"], registry.address("TokenBridge"))
    if len(started) != 1:
        raise MetalayerError(f"transaction {receipt['transactionHash']} started {len(started)} transfers")
    return sent_in(receipt, registry, origin, started[0].id)


def carried(message: Message) -> Payload:
    """What a message from bridge to bridge carries. MetalayerError if it is no transfer."""
    try:
        return Payload.read(message.payload)
    except READ_FAULTS as error:
        raise MetalayerError(f"message {to_hex(message.id)} of the bridge is no transfer") from error


def follow(
    follower: Follower, registry: Registry, first: Sent, receipt: Receipt, destination: int
) -> Outcome:
    """Waits for every hop of a transfer, and says if a solver pays its recipient meanwhile.

    Raises Waiting if it exceeds a limit, NotDelivered or StillWaiting as the Follower.
    """
    live = follower.live
    follower.emit("sent", live.network.chain(first.message.origin).name, receipt)
    solvers = _Solvers(follower, registry, live.connection(destination), first)
    hops, receipts = [first], [receipt]
    while True:
        hop = hops[-1]
        is_last = hop.message.destination == destination
        try:
            delivered = follower.follow(hop, "received" if is_last else "forwarded", solvers.look)
        except NotDelivered as failure:
            raise _explained(failure, registry, first, hop) from failure
        receipts.append(delivered)
        if is_last:
            break
        id_ = _forwarded(delivered, registry, first.id).send_id
        hops.append(sent_in(delivered, registry, hop.message.destination, id_))
    solvers.look()
    done = follower.emit("done", live.network.chain(destination).name)
    return Outcome(hops, receipts, done.seconds, solvers.fronted)


@dataclass(frozen=True)
class Journey:
    """A transfer as it stands. `first` is what its first hop carried; `home` and `end` are chains by name; `hops` all
    that were sent so far, those back included; `came_back`: whether it was sent back to where it started.
    """

    id: bytes
    first: Payload
    home: str
    end: str
    hops: list[Trace]
    came_back: bool
    fronted: TransferFronted | None

    @property
    def ending(self) -> str:
        """In one sentence."""
        last, start = self.hops[-1], self.hops[0].origin
        if last.state is State.RETURNED and last.origin == start:
            return f"it ended on {start}, where it started: it did not arrive"
        if last.state is State.DELIVERED and last.destination == (start if self.came_back else self.end):
            return f"it ended on {last.destination}" + (", where it started" if self.came_back else "")
        return "it has not ended"

    def as_dict(self) -> dict[str, Any]:
        """For --json, without its hops."""
        return {
            "id": to_hex(self.id),
            "token": self.first.token,
            "home": self.home,
            "destination": self.end,
            "to": self.first.to,
            "amount": str(self.first.amount),
            "fronted_by": None if self.fronted is None else self.fronted.solver,
            "ending": self.ending,
        }


def read(live: Live, exchange: Exchange, id_: bytes) -> Journey:
    """The transfer of this id, or of which a message of this id is a hop. MetalayerError if there is none."""
    start, sent = find(live.mesh, id_)
    if (whole := carried(sent.message).id) is not None:
        start, sent = find(live.mesh, whole)
    payload, address = carried(sent.message), live.registry.address("TokenBridge")
    is_out = payload.kind is Kind.OUT
    home = start if is_out else live.connection(sent.message.destination)
    end = live.connection(sent.message.destination if is_out else payload.chain)
    onward, back = home.batch(
        event.logs(address, sent.id) for event in (bridge.TRANSFER_FORWARDED, bridge.TRANSFER_SENT_BACK)
    )
    fronts = end.ask(bridge.TRANSFER_FRONTED.logs(address, sent.id)) if payload.tip else []
    key = payload.front(sent.id, start.chain_id, home.chain_id).key
    later = [log.event.send_id for log in [*onward, *back]]
    hops = logs.find(home, live.mesh.domain, later)
    return Journey(
        id=sent.id,
        first=payload,
        home=home.name,
        end=end.name,
        hops=[
            look(live.mesh, exchange, start, sent),
            *(look(live.mesh, exchange, home, hops[one]) for one in later if one in hops),
        ],
        came_back=bool(back),
        fronted=next((event for event, _ in fronts if event.key == key), None),
    )


@dataclass
class _Solvers:
    """Looks whether somebody pays the recipient before the transfer is there."""

    follower: Follower
    registry: Registry
    end: Connection
    first: Sent
    fronted: Fronted | None = None

    def look(self) -> None:
        message, payload = self.first.message, carried(self.first.message)
        if self.fronted is not None or not payload.tip:
            return
        home = message.origin if payload.kind is Kind.OUT else message.destination
        key = payload.front(self.first.id, message.origin, home).key
        address = self.registry.address("TokenBridge")
        found = self.end.ask(bridge.TRANSFER_FRONTED.logs(address, self.first.id))
        # Anybody can front other terms under the same id.
        for event, log in found:
            if event.key == key:
                seconds = round(time.monotonic() - self.follower.started, 2)
                self.fronted = Fronted(event, log.transaction, seconds)
                self.follower.emit("fronted", self.end.name, self.end.receipts([log.transaction])[0])


def _forwarded(receipt: Receipt, registry: Registry, id_: bytes) -> TransferForwarded:
    """How the token's home sent a transfer on."""
    for forwarded in bridge.TRANSFER_FORWARDED.found_in(receipt["logs"], registry.address("TokenBridge")):
        if forwarded.id == id_:
            return forwarded
    raise MetalayerError(f"transaction {receipt['transactionHash']} did not forward transfer {to_hex(id_)}")


def _explained(failure: NotDelivered, registry: Registry, first: Sent, hop: Sent) -> NotDelivered:
    """The same failure, or that the transfer waits."""
    waiting = bridge.TRANSFER_WAITING.found_in(failure.receipt["logs"], registry.address("TokenBridge"))
    mine = [one for one in waiting if one.id == hop.id]
    if not mine:
        return failure
    passes_at = mine[0].since + WAITING_TIME
    return Waiting(
        f"transfer {to_hex(first.id)} exceeds a limit and waits: from {utc(passes_at)} on, or when there is room, "
        f"anyone lets it pass with `ape metalayer message {to_hex(hop.id)} --retry`",
        failure.receipt,
        passes_at,
    )
