"""Lanes rebuilt from logs alone: what was sent, and that it hashes to the lane's heads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import RpcError
from metalayer.protocol.abi import Logged
from metalayer.protocol.attestation import Domain
from metalayer.protocol.gateway import (
    LANE_EXTENDED,
    LANE_RESTARTED,
    MESSAGE_SENT,
    LaneExtended,
    LaneRestarted,
)
from metalayer.protocol.message import Message, extend, genesis_head, parse_interoperable
from metalayer.protocol.rpc import Log, Request, logs_request, word

# Nodes refuse answers that are too large, and no reader has the memory for them: about so many logs are asked for at a
# time, in so many blocks at first.
_LOGS = 10_000
_FIRST_SPAN = 64
_UINT64 = 1 << 64


class BrokenLane(MetalayerError):
    """Logs, heads or the two ends of a lane do not agree: a reorganised origin, or a node that lies."""


@dataclass(frozen=True)
class Sent:
    """One message as its origin logged it. `head` is the lane's head after it, `block` its block there."""

    message: Message
    id: bytes
    head: bytes
    block: int
    transaction: str

    @property
    def ends(self) -> tuple[int, int]:
        """Its lane: chain ids of origin and destination."""
        return self.message.origin, self.message.destination


def parse(logs: Iterable[Log], network_id: int, origin: int) -> list[Sent]:
    """Messages from a gateway's MessageSent and LaneExtended logs, in order; other logs are ignored.

    BrokenLane if a message does not have the id that its log names, or a LaneExtended stands alone.
    """
    found = []
    before: Log | None = None
    for log in logs:
        if log.topics[:1] == (LANE_EXTENDED.topic,):
            if before is None or not _adjacent(before, log):
                raise BrokenLane(f"chain {origin}: a LaneExtended log in {log.transaction} stands alone")
            found.append(_pair(before, log, network_id, origin))
        before = log if log.topics[:1] == (MESSAGE_SENT.topic,) else None
    return found


def _adjacent(sent: Log, extended: Log) -> bool:
    in_order = sent.transaction == extended.transaction and sent.index + 1 == extended.index
    return in_order and len(sent.topics) == 2 and len(extended.topics) == 3


def _pair(sent: Log, extended: Log, network_id: int, origin: int) -> Sent:
    # Not eth_abi, which takes ten times as long: what is read wrongly here does not hash to the id.
    said, terms = sent.data, extended.data
    destination, nonce = (int.from_bytes(topic, "big") for topic in extended.topics[1:])
    gas_limit, deliver_before, fee = (_number(terms, place) for place in (0, 32, 64))
    if not (0 < nonce < _UINT64 and gas_limit < _UINT64 and deliver_before < _UINT64):
        # Such a message can be in no call.
        raise BrokenLane(
            f"chain {origin}: the logs in {extended.transaction} have numbers beyond their types"
        )
    message = Message(
        network_id=network_id,
        origin=origin,
        destination=destination,
        nonce=nonce,
        sender=parse_interoperable(_bytes(said, 0))[1],
        recipient=parse_interoperable(_bytes(said, 1))[1],
        gas_limit=gas_limit,
        deliver_before=deliver_before,
        fee=fee,
        payload=_bytes(said, 2),
    )
    id_ = message.id
    if sent.topics[1] != id_:
        raise BrokenLane(
            f"chain {origin}: message {message.nonce} to {message.destination} hashes to 0x{id_.hex()}, "
            f"its log names 0x{sent.topics[1].hex()}"
        )
    return Sent(message, id_, terms[96:128], extended.block, extended.transaction)


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 32], "big")


def _bytes(data: bytes, argument: int) -> bytes:
    """An argument of type `bytes`: behind its length, at its offset."""
    start = _number(data, 32 * argument)
    return data[start + 32 : start + 32 + _number(data, start)]


def check(messages: Sequence[Sent], nonce: int, head: bytes) -> None:
    """BrokenLane unless the messages continue a lane of that nonce and head without a gap."""
    for sent in messages:
        nonce += 1
        head = extend(head, sent.id)
        lane = f"lane {sent.message.origin} to {sent.message.destination}"
        if sent.message.nonce != nonce:
            raise BrokenLane(f"{lane}: message {nonce} is missing, the next one is {sent.message.nonce}")
        if sent.head != head:
            raise BrokenLane(
                f"{lane}: the head after message {nonce} is 0x{sent.head.hex()}, "
                f"its messages hash to 0x{head.hex()}"
            )


def extended_request(
    gateway: str, destination: int, nonces: int | Sequence[int], first: int, last: int
) -> Request[list[Logged[LaneExtended]]]:
    """The LaneExtended logs of one destination and these nonces, by indexed topics."""
    wanted = [nonces] if isinstance(nonces, int) else nonces
    topics = (word(destination), [word(nonce) for nonce in wanted])
    return LANE_EXTENDED.logs(gateway, *topics, first=first, last=last)


def sent_request(gateway: str, first: int, last: int) -> Request[list[Log]]:
    """Everything sent from a chain in a range of blocks: what `parse` takes."""
    return logs_request(gateway, [[MESSAGE_SENT.topic, LANE_EXTENDED.topic]], first, last)


def sent_logs(connection: Connection, gateway: str, first: int, last: int) -> Iterator[list[Log]]:
    """Logs of everything sent from a chain in a range of blocks, in order: a list of them for some blocks at a time,
    fewer if the node refuses that many. RpcError if it refuses those of a single block.
    """
    span = _FIRST_SPAN
    while first <= last:
        until = min(last, first + span - 1)
        try:
            logs = connection.ask(sent_request(gateway, first, until))
        except RpcError:
            if first == until:
                raise
            span = (until - first + 1) // 2
            continue
        yield logs
        first = until + 1
        span = max(1, min(2 * span, span * _LOGS // max(1, len(logs))))


def restarts_request(gateway: str, destination: int, last_block: int) -> Request[list[LaneRestarted]]:
    """All restarts of the lane to `destination`, in order."""
    found = LANE_RESTARTED.logs(gateway, word(destination), last=last_block)
    return Request(found.method, found.params, lambda result: [event for event, _ in found.read(result)])


def find(connection: Connection, domain: Domain, ids: Sequence[bytes]) -> dict[bytes, Sent]:
    """Messages by id, as far as this chain sent them."""
    if not ids:
        return {}
    logs = connection.logs(domain.gateway, [MESSAGE_SENT.topic, ids], 0, connection.height())
    blocks = dict.fromkeys(log.block for log in logs)
    wanted = set(ids)
    return {
        sent.id: sent
        for everything in connection.batch(sent_request(domain.gateway, block, block) for block in blocks)
        for sent in parse(everything, domain.network_id, connection.chain_id)
        if sent.id in wanted
    }


def rebuild(connection: Connection, domain: Domain, destination: int, first: int, last: int) -> list[Sent]:
    """Messages `first` to `last` (nonces) of the lane to `destination`, from logs alone, hash chain checked.

    BrokenLane if one is missing or the chain of hashes does not hold.
    """
    if last < first:
        return []
    origin, gateway = connection.chain_id, domain.gateway
    height = connection.height()
    before, *ends = connection.batch(
        extended_request(gateway, destination, nonce, 0, height) for nonce in (first - 1, first, last)
    )
    if not all(ends):
        raise BrokenLane(f"lane {origin} to {destination}: not all of messages {first} to {last} were sent")
    blocks = [log.block for logs in ends for _, log in logs]
    # Nothing stands before the first message, or before the first one behind a restart.
    genesis = genesis_head(domain.network_id, origin, destination, first - 1)
    head = before[0].event.head if before else genesis
    messages = [
        sent
        for logs in sent_logs(connection, gateway, min(blocks), max(blocks))
        for sent in parse(logs, domain.network_id, origin)
        if sent.message.destination == destination and first <= sent.message.nonce <= last
    ]
    check(messages, first - 1, head)
    if len(messages) != last - first + 1:
        raise BrokenLane(f"lane {origin} to {destination}: not all of messages {first} to {last} were sent")
    return messages
