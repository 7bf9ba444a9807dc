"""Lanes rebuilt from logs alone: what was sent, and that it hashes to the lane's heads.

That a log is not there says nothing: another backend of the same node may have it a moment later. What must be there
follows from nonces and heads; what lacks is Incomplete, and is asked for again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import TooLarge
from metalayer.network.transactions import receipt_request
from metalayer.protocol.abi import Logged
from metalayer.protocol.attestation import Domain
from metalayer.protocol.gateway import (
    LANE_EXTENDED,
    LANE_RESTARTED,
    MESSAGE_SENT,
    OUTBOX_LANE,
    LaneExtended,
    LaneRestarted,
)
from metalayer.protocol.message import Message, extend, genesis_head, parse_interoperable
from metalayer.protocol.rpc import Log, Request, logs_request, word

# No reader has the memory for a whole chain: about so many logs are asked for at a time, in so many blocks at first.
_LOGS = 10_000
_FIRST_SPAN = 64
# Of one block with more logs than its node returns, so many messages are asked for at a time.
_NONCES = 500
_UINT64 = 1 << 64


class BrokenLane(MetalayerError):
    """Logs, heads or the two ends of a lane do not agree: a reorganised origin, or a node that lies."""


class Incomplete(BrokenLane):
    """Logs are missing that must be there: the node does not have all yet, or not any more. They may be there soon."""


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

    BrokenLane if a message does not have the id that its log names, Incomplete if a LaneExtended stands alone.
    """
    found = []
    before: Log | None = None
    for log in logs:
        if log.topics[:1] == (LANE_EXTENDED.topic,):
            if before is None or not _adjacent(before, log):
                raise Incomplete(f"chain {origin}: a LaneExtended log in {log.transaction} stands alone")
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
    """BrokenLane unless the messages continue a lane of that nonce and head, Incomplete if there is a gap."""
    for sent in messages:
        nonce += 1
        head = extend(head, sent.id)
        lane = f"lane {sent.message.origin} to {sent.message.destination}"
        if sent.message.nonce != nonce:
            raise Incomplete(f"{lane}: message {nonce} is missing, the next one is {sent.message.nonce}")
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
    return LANE_EXTENDED.logs_once(gateway, *topics, first=first, last=last)


def restarts_request(gateway: str, destination: int, last_block: int) -> Request[list[LaneRestarted]]:
    """All restarts of the lane to `destination`, in order."""
    found = LANE_RESTARTED.history(gateway, word(destination), last=last_block)
    return Request(
        found.method, found.params, lambda result: [event for event, _ in found.read(result)], rare=True
    )


def sent_request(gateway: str, first: int, last: int) -> Request[list[Log]]:
    """Everything sent from a chain in a range of blocks: what `parse` takes. TooLarge if one of them has too much."""
    wanted = logs_request(gateway, [[MESSAGE_SENT.topic, LANE_EXTENDED.topic]], first, last)
    return replace(wanted, finished=False)


def sent_between(
    connection: Connection, domain: Domain, lanes: Mapping[int, range], first: int, last: int
) -> Iterator[list[Sent]]:
    """Messages that a chain sent in a range of blocks, in order: a list of them for some blocks at a time.

    lanes: the wanted nonces by destination. The others are not among the messages.
    """
    span, left = _FIRST_SPAN, dict(lanes)
    while first <= last:
        until = min(last, first + span - 1)
        try:
            logs = connection.ask(sent_request(domain.gateway, first, until))
        except TooLarge as error:
            if error.block is None:
                raise
            if error.block > first:
                span = error.block - first
                continue
            until = first
            messages = _block(connection, domain, left, first)
        else:
            messages = parse(logs, domain.network_id, connection.chain_id)
            span = max(1, min(2 * span, span * _LOGS // max(1, len(logs))))
        wanted = [one for one in messages if one.message.nonce in lanes.get(one.message.destination, ())]
        for one in wanted:
            left[one.message.destination] = range(one.message.nonce + 1, lanes[one.message.destination].stop)
        yield wanted
        first = until + 1


def _block(connection: Connection, domain: Domain, lanes: Mapping[int, range], block: int) -> list[Sent]:
    """Messages in a block of which the node does not return all logs: where these lanes were extended, and what else
    those transactions did.
    """
    extended = [
        log
        for destination, nonces in lanes.items()
        for log in _extended_in(connection, domain.gateway, destination, nonces, block)
    ]
    return _of_transactions(connection, domain, list(dict.fromkeys(log.transaction for log in extended)))


def _extended_in(
    connection: Connection, gateway: str, destination: int, nonces: range, block: int
) -> list[Log]:
    """The LaneExtended logs of one lane in one block: all, or if there are too many, those of the next nonces."""
    try:
        whole = connection.ask(LANE_EXTENDED.logs(gateway, word(destination), first=block, last=block))
        return [log for _, log in whole]
    except TooLarge:
        found: list[Log] = []
        for start in range(0, len(nonces), _NONCES):
            some = nonces[start : start + _NONCES]
            logged = connection.ask(extended_request(gateway, destination, some, block, block))
            found += [log for _, log in logged]
            if found and len(logged) < len(some):
                break
        return found


def _of_transactions(connection: Connection, domain: Domain, hashes: Sequence[str]) -> list[Sent]:
    receipts = connection.batch(receipt_request(hash_) for hash_ in hashes)
    if None in receipts:
        raise Incomplete(f"{connection.name}: its node has the logs of a transaction, but not its receipt")
    source = domain.gateway.lower()
    logs = [log for receipt in receipts for log in receipt["logs"] if log.address == source]
    return parse(logs, domain.network_id, connection.chain_id)


def find(connection: Connection, domain: Domain, ids: Sequence[bytes]) -> dict[bytes, Sent]:
    """Messages by id, as far as this chain sent them, and its node knows of it: more of them may be found later."""
    if not ids:
        return {}
    wanted = logs_request(domain.gateway, [MESSAGE_SENT.topic, ids], 0, connection.height())
    logs = connection.ask(replace(wanted, once=True))
    try:
        everything = connection.batch(
            sent_request(domain.gateway, block, block) for block in dict.fromkeys(log.block for log in logs)
        )
        found = [sent for some in everything for sent in parse(some, domain.network_id, connection.chain_id)]
    except TooLarge:
        found = _of_transactions(connection, domain, list(dict.fromkeys(log.transaction for log in logs)))
    return {sent.id: sent for sent in found if sent.id in set(ids)}


def rebuild(connection: Connection, domain: Domain, destination: int, first: int, last: int) -> list[Sent]:
    """Messages `first` to `last` (nonces) of the lane to `destination`, from logs alone, hash chain checked.

    BrokenLane if they were not all sent or the chain of hashes does not hold, Incomplete if the node lacks their logs.
    """
    if last < first:
        return []
    try:
        return _rebuild(connection, domain, destination, first, last)
    except Incomplete:
        sent = connection.view(domain.gateway, OUTBOX_LANE, destination).nonce
        if sent < last:
            raise BrokenLane(
                f"lane {connection.chain_id} to {destination}: not all of messages {first} to {last} were sent: it "
                f"ends at {sent}"
            ) from None
        return _rebuild(connection, domain, destination, first, last)


def _rebuild(connection: Connection, domain: Domain, destination: int, first: int, last: int) -> list[Sent]:
    origin, gateway = connection.chain_id, domain.gateway
    nonces = sorted({first - 1, first, last} - {0})
    logged = connection.ask(extended_request(gateway, destination, nonces, 0, connection.height()))
    found = {event.nonce: (event.head, log.block) for event, log in logged}
    if not {first, last} <= found.keys():
        raise _lacking(connection, destination, first, last)
    # Nothing stands before the first message, or before the first one behind a restart.
    genesis = genesis_head(domain.network_id, origin, destination, first - 1)
    head = found[first - 1][0] if first - 1 in found else genesis
    lanes = {destination: range(first, last + 1)}
    blocks = found[first][1], found[last][1]
    messages = [
        sent for some in sent_between(connection, domain, lanes, min(blocks), max(blocks)) for sent in some
    ]
    check(messages, first - 1, head)
    if len(messages) != last - first + 1:
        raise _lacking(connection, destination, first, last)
    return messages


def _lacking(connection: Connection, destination: int, first: int, last: int) -> Incomplete:
    lane = f"lane {connection.chain_id} to {destination}"
    return Incomplete(
        f"{lane}: its node does not have all logs of messages {first} to {last} yet, or any more"
    )
