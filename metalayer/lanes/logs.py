"""Lanes rebuilt from logs alone: what was sent, and that it hashes to the lane's heads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, RpcError, logs_request
from metalayer.protocol import gateway
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import Message, extend, genesis_head, parse_interoperable

# Nodes refuse answers that are too large, and no reader has the memory for them: about so many logs are asked for at a
# time, in so many blocks at first.
_LOGS = 10_000
_FIRST_SPAN = 64


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


def parse(logs: Iterable[Mapping[str, Any]], network_id: int, origin: int) -> list[Sent]:
    """Messages from a gateway's MessageSent and LaneExtended logs, in order; other logs are ignored.

    BrokenLane if a message does not have the id that its log names, or a LaneExtended stands alone.
    """
    sent_topic, extended_topic = gateway.topic("MessageSent"), gateway.topic("LaneExtended")
    found = []
    before: Mapping[str, Any] | None = None
    for log in logs:
        if log["topics"][0] == extended_topic:
            if before is None or not _adjacent(before, log):
                raise BrokenLane(
                    f"chain {origin}: a LaneExtended log in {log['transactionHash']} stands alone"
                )
            found.append(_pair(before, log, network_id, origin))
        before = log if log["topics"][0] == sent_topic else None
    return found


def _adjacent(sent: Mapping[str, Any], extended: Mapping[str, Any]) -> bool:
    same = sent["transactionHash"] == extended["transactionHash"]
    return same and int(sent["logIndex"], 16) + 1 == int(extended["logIndex"], 16)


def _pair(sent: Mapping[str, Any], extended: Mapping[str, Any], network_id: int, origin: int) -> Sent:
    # Not eth_abi, which takes ten times as long: what is read wrongly here does not hash to the id.
    said, terms = from_hex(sent["data"]), from_hex(extended["data"])
    gas_limit, deliver_before, fee = (_word(terms, place) for place in (0, 32, 64))
    message = Message(
        network_id=network_id,
        origin=origin,
        destination=int(extended["topics"][1], 16),
        nonce=int(extended["topics"][2], 16),
        sender=parse_interoperable(_bytes(said, 0))[1],
        recipient=parse_interoperable(_bytes(said, 1))[1],
        gas_limit=gas_limit,
        deliver_before=deliver_before,
        fee=fee,
        payload=_bytes(said, 2),
    )
    id_ = message.id
    if from_hex(sent["topics"][1]) != id_:
        raise BrokenLane(
            f"chain {origin}: message {message.nonce} to {message.destination} hashes to 0x{id_.hex()}, "
            f"its log names {sent['topics'][1]}"
        )
    return Sent(message, id_, terms[96:128], int(extended["blockNumber"], 16), extended["transactionHash"])


def _word(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 32], "big")


def _bytes(data: bytes, argument: int) -> bytes:
    """An argument of type `bytes`: behind its length, at its offset."""
    start = _word(data, 32 * argument)
    return data[start + 32 : start + 32 + _word(data, start)]


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
    address: str, destination: int, nonces: int | Sequence[int], first: int, last: int
) -> tuple[str, Sequence[Any]]:
    """`eth_getLogs` for the LaneExtended logs of one destination and these nonces, by indexed topics."""
    wanted = [nonces] if isinstance(nonces, int) else nonces
    topics = [
        gateway.topic("LaneExtended"),
        gateway.word(destination),
        [gateway.word(nonce) for nonce in wanted],
    ]
    return logs_request(address, topics, first, last)


def sent_request(address: str, first: int, last: int) -> tuple[str, Sequence[Any]]:
    """`eth_getLogs` for everything sent from a chain in a range of blocks: what `parse` takes."""
    return logs_request(address, [[gateway.topic("MessageSent"), gateway.topic("LaneExtended")]], first, last)


def sent_logs(connection: Connection, address: str, first: int, last: int) -> Iterator[list[dict[str, Any]]]:
    """Logs of everything sent from a chain in a range of blocks, in order: a list of them for some blocks at a time,
    fewer if the node refuses that many. RpcError if it refuses those of a single block.
    """
    span = _FIRST_SPAN
    while first <= last:
        until = min(last, first + span - 1)
        method, params = sent_request(address, first, until)
        try:
            logs = connection.rpc(method, *params)
        except RpcError:
            if first == until:
                raise
            span = (until - first + 1) // 2
            continue
        yield logs
        first = until + 1
        span = max(1, min(2 * span, span * _LOGS // max(1, len(logs))))


@dataclass(frozen=True)
class Restart:
    """One restart of a lane: messages after `last` stand behind `nonce`."""

    nonce: int
    last: int


def restarts_request(address: str, destination: int, last_block: int) -> tuple[str, Sequence[Any]]:
    """`eth_getLogs` for all restarts of the lane to `destination`: what `parse_restarts` takes."""
    topics = [gateway.topic("LaneRestarted"), gateway.word(destination)]
    return logs_request(address, topics, 0, last_block)


def parse_restarts(logs: Iterable[Mapping[str, Any]]) -> list[Restart]:
    """Restarts from a gateway's LaneRestarted logs of one lane, in order."""
    return [Restart(int(entry["topics"][2], 16), int(entry["data"], 16)) for entry in logs]


def find(connection: Connection, address: str, network_id: int, ids: Sequence[bytes]) -> dict[bytes, Sent]:
    """Messages by id, as far as this chain sent them."""
    if not ids:
        return {}
    topics = [gateway.topic("MessageSent"), [gateway.word(id_) for id_ in ids]]
    logs = connection.logs(address, topics, 0, connection.height())
    blocks = dict.fromkeys(int(entry["blockNumber"], 16) for entry in logs)
    wanted = set(ids)
    return {
        sent.id: sent
        for everything in connection.batch(sent_request(address, block, block) for block in blocks)
        for sent in parse(everything, network_id, connection.chain.chain_id)
        if sent.id in wanted
    }


def rebuild(
    connection: Connection, address: str, network_id: int, destination: int, first: int, last: int
) -> list[Sent]:
    """Messages `first` to `last` (nonces) of the lane to `destination`, from logs alone, hash chain checked.

    BrokenLane if one is missing or the chain of hashes does not hold.
    """
    if last < first:
        return []
    origin = connection.chain.chain_id
    height = connection.height()
    before, *ends = connection.batch(
        extended_request(address, destination, nonce, 0, height) for nonce in (first - 1, first, last)
    )
    blocks = [int(log["blockNumber"], 16) for logs in ends for log in logs]
    if not all(ends):
        raise BrokenLane(f"lane {origin} to {destination}: not all of messages {first} to {last} were sent")
    # Nothing stands before the first message, or before the first one behind a restart.
    head = (
        from_hex(before[0]["data"])[-32:]
        if before
        else genesis_head(network_id, origin, destination, first - 1)
    )
    messages = [
        sent
        for logs in sent_logs(connection, address, min(blocks), max(blocks))
        for sent in parse(logs, network_id, origin)
        if sent.message.destination == destination and first <= sent.message.nonce <= last
    ]
    check(messages, first - 1, head)
    if len(messages) != last - first + 1:
        raise BrokenLane(f"lane {origin} to {destination}: not all of messages {first} to {last} were sent")
    return messages
