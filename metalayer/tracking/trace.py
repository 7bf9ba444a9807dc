"""One message: where it is, why it failed, what to do next."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection, Reverted, RpcError, Unreachable
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Fee, Message, interoperable
from metalayer.tracking.status import signed_nonces

_POLL = 0.1
# Intrinsic gas of the call with which a failure is looked into: 21,000, and at most 40 a byte (EIP-7623).
_CALL_GAS = 21_000
_GAS_PER_BYTE = 40


class State(Enum):
    """How far a message is."""

    SENT = "sent"
    FINAL = "final"
    SIGNED = "signed"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Refused by its recipient: may be retried until it expires."""
    EXPIRED = "expired"
    """Not delivered in time: goes back to its sender."""
    RETURNING = "returning"
    """The notice of its return is on its way, or waits for the refund."""
    RETURNED = "returned"
    """Refunded."""
    ABANDONED = "abandoned"
    """Left behind when its lane was restarted: goes back to its sender."""

    @property
    def ended(self) -> bool:
        """True if it will not be executed any more unless somebody mends its recipient."""
        return self not in (State.SENT, State.FINAL, State.SIGNED)


@dataclass(frozen=True)
class Trace:
    """One message and what happened to it. `executed_in` is the last transaction on the destination, `returned_in` the
    one that refunded its sender on the origin.
    """

    sent: Sent
    origin: str
    destination: str
    state: State
    executed_in: str = ""
    returned_in: str = ""
    reason: str = ""
    advice: str = ""


def find(
    connections: Mapping[str, Connection], network_id: int, address: str, message_id: bytes
) -> tuple[Connection, Sent]:
    """The origin and the message with this id. MetalayerError if no chain of the network sent it."""
    silent = []

    def search(connection: Connection) -> Sent | None:
        topics = [gateway.topic("MessageSent"), gateway.word(message_id)]
        try:
            logs = connection.logs(address, topics, 0, connection.height())
            if not logs:
                return None
            block = int(logs[0]["blockNumber"], 16)
            method, params = lane.sent_request(address, block, block)
            everything = lane.parse(connection.rpc(method, *params), network_id, connection.chain.chain_id)
        except Unreachable as error:
            silent.append(str(error))
            return None
        return next(sent for sent in everything if sent.id == message_id)

    for connection, sent in zip(connections.values(), in_parallel(search, connections.values()), strict=True):
        if sent is not None:
            return connection, sent
    where = f"it was not sent from {', '.join(connections)}"
    raise MetalayerError("; ".join([f"there is no message 0x{message_id.hex()}: {where}", *silent]))


def trace(
    connections: Mapping[str, Connection],
    network_id: int,
    address: str,
    exchange: Exchange,
    message_id: bytes,
) -> Trace:
    """Everything that is known about a message. MetalayerError if there is none with this id."""
    origin, sent = find(connections, network_id, address, message_id)
    return follow(connections, network_id, address, exchange, origin, sent)


def follow(
    connections: Mapping[str, Connection],
    network_id: int,
    address: str,
    exchange: Exchange,
    origin: Connection,
    sent: Sent,
) -> Trace:
    """The same for a message that was found already."""
    message = sent.message
    by_id = {connection.chain.chain_id: connection for connection in connections.values()}
    if message.destination not in by_id:
        raise MetalayerError(
            f"message 0x{sent.id.hex()} goes to chain {message.destination}, which is unknown"
        )
    destination = by_id[message.destination]
    names = (origin.chain.name, destination.chain.name)
    # Before the logs: a message that arrives meanwhile must not look as if it had been passed by.
    inbox = gateway.decode_lane(destination.call(address, gateway.encode_inbox_lane(message.origin)))[0]
    events = [gateway.topic("MessageDelivered"), gateway.topic("MessageFailed")]
    logs = destination.logs(address, [events, gateway.word(sent.id)], 0, destination.height())
    executed = str(logs[-1]["transactionHash"]) if logs else ""
    if logs and logs[-1]["topics"][0] == events[0]:
        return Trace(sent, *names, State.DELIVERED, executed)
    refunds = origin.logs(
        address, [gateway.topic("MessageReturned"), gateway.word(sent.id)], 0, origin.height()
    )
    if refunds:
        return Trace(sent, *names, State.RETURNED, executed, str(refunds[-1]["transactionHash"]))
    if logs:
        return _undelivered(destination, address, sent, names, executed, bool(int(logs[-1]["data"], 16)))
    if inbox >= message.nonce and not message.is_of_gateways:
        why = f"its lane was restarted: {names[1]} has no message {message.nonce} of it, or another one"
        advice = "its sender is refunded by `ape run relay once` when the restart's notice is there"
        return Trace(sent, *names, State.ABANDONED, reason=why, advice=advice)
    data = origin.call(address, gateway.encode_outbox_lane(message.destination), origin.finalized())
    if not data or gateway.decode_lane(data)[0] < message.nonce:
        depth = origin.chain.preset.finality_depth
        advice = f"wait until block {sent.block + depth} of {names[0]}: it is at {origin.height()}"
        return Trace(sent, *names, State.SENT, advice=advice)
    ends = (message.origin, message.destination)
    signed = signed_nonces(exchange, network_id, address, {ends: destination})
    if signed.get(ends, 0) < message.nonce:
        if destination.timestamp() > message.deliver_before:
            late = f"it expired at {_utc(message.deliver_before)}: its relayer passes it by, and it goes back"
            return Trace(sent, *names, State.FINAL, reason=late, advice="start validators, and a relayer")
        return Trace(
            sent, *names, State.FINAL, advice="start validators, and a relayer: `ape run relay once`"
        )
    return Trace(sent, *names, State.SIGNED, advice="deliver it with `ape run relay once`")


def _undelivered(
    destination: Connection, address: str, sent: Sent, names: tuple[str, str], executed: str, expired: bool
) -> Trace:
    """A message whose first attempt did not succeed, and that was not refunded yet."""
    message = sent.message
    status = gateway.decode_status(destination.call(address, gateway.encode_message_status(sent.id)))
    if status[1]:
        advice = (
            "`ape run relay once` carries its notice and refunds its sender, once that is final and signed"
        )
        why = f"it goes back: its notice is message {status[1]} from {names[1]} to {names[0]}"
        return Trace(sent, *names, State.RETURNING, executed, reason=why, advice=advice)
    if expired or destination.timestamp() > message.deliver_before:
        why = f"it was not executed by {_utc(message.deliver_before)}, its deliverBefore"
        advice = "it can no longer be retried: `ape run relay once` sends it back to its sender"
        return Trace(sent, *names, State.EXPIRED, executed, reason=why, advice=advice)
    why = failure_reason(destination, address, message)
    advice = (
        f"retry it with `ape run message 0x{sent.id.hex()} --retry`, until {_utc(message.deliver_before)}"
    )
    return Trace(sent, *names, State.FAILED, executed, reason=why, advice=advice)


def wait(
    connections: Mapping[str, Connection],
    network_id: int,
    address: str,
    exchange: Exchange,
    message_id: bytes,
    timeout: float,
) -> Trace:
    """Follows a message until it is delivered, failed or expired. MetalayerError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    origin, sent = find(connections, network_id, address, message_id)
    while True:
        now = follow(connections, network_id, address, exchange, origin, sent)
        if now.state.ended:
            return now
        if time.monotonic() > deadline:
            raise MetalayerError(
                f"message 0x{message_id.hex()} is {now.state.value} after {timeout:g} s: {now.advice}"
            )
        time.sleep(_POLL)


def send(
    connection: Connection,
    sender: Sender,
    address: str,
    destination: int,
    recipient: str,
    payload: bytes,
    gas_limit: int | None = None,
    deliver_before: int | None = None,
) -> tuple[Receipt, bytes]:
    """Sends one message from the connection's chain. Its receipt and the message's id. Raises Reverted."""
    data = gateway.encode_send(interoperable(destination, recipient), payload, gas_limit, deliver_before)
    receipt = connection.send(sender, address, data)
    sent = gateway.topic("MessageSent")
    ids = [entry["topics"][1] for entry in receipt["logs"] if entry["topics"][0] == sent]
    return receipt, from_hex(ids[0])


def retry(connection: Connection, sender: Sender, address: str, message: Message) -> Receipt:
    """Calls the recipient of a failed message again. `connection` is the destination.

    MetalayerError with what the recipient says if it refuses again, Reverted if the gateway does.
    """
    try:
        return connection.send(sender, address, gateway.encode_retry(message))
    except Reverted as error:
        if not error.reason.startswith("RetryFailed"):
            raise
        why = failure_reason(connection, address, message)
        raise MetalayerError(f"{connection.chain.name}: the message still fails: {why}") from error


def failure_reason(connection: Connection, address: str, message: Message) -> str:
    """What the recipient says to the message now, at the latest block, with the message's own gas limit."""
    name = connection.chain.name
    if not connection.code(message.recipient):
        return f"the recipient {message.recipient} has no code on {name}"
    data = gateway.encode_receive(message)
    gas = message.gas_limit + _CALL_GAS + _GAS_PER_BYTE * len(data)
    try:
        answer = connection.call(message.recipient, data, sender=address, gas=gas)
    except Reverted as error:
        return f"the recipient refuses: {error.reason}"
    except RpcError as error:
        return f"the recipient fails within {message.gas_limit} gas: {error}"
    if answer[:32] == gateway.RECEIVE_MESSAGE.ljust(32, b"\0"):
        return "the recipient would accept it now"
    return f"the recipient returns 0x{answer[:32].hex()}, not the selector of receiveMessage"


def parse_id(text: str) -> bytes:
    """The id that a person typed. MetalayerError unless it is 32 bytes in hexadecimal."""
    digits = text.lower().removeprefix("0x")
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise MetalayerError(f"'{text}' is not a message id: expected 0x and 64 hexadecimal digits")
    return from_hex("0x" + digits)


def parse_payload(payload: str | None, text: str | None) -> bytes:
    """The payload that a person gave in one of two forms, empty if in neither."""
    if payload is not None and text is not None:
        raise MetalayerError("give the payload as --payload or as --text, not both")
    if payload is None:
        data = (text or "").encode()
    else:
        try:
            data = bytes.fromhex(payload.lower().removeprefix("0x"))
        except ValueError as error:
            raise MetalayerError(
                f"'{payload}' is not hexadecimal: expected 0x and pairs of digits"
            ) from error
    if len(data) > MAX_PAYLOAD_LENGTH:
        raise MetalayerError(f"the payload has {len(data)} bytes: at most {MAX_PAYLOAD_LENGTH} are accepted")
    return data


def parse_recipient(text: str) -> str:
    """A checksummed address. MetalayerError if the text is none."""
    if not is_address(text):
        raise MetalayerError(f"'{text}' is not an address: expected 0x and 40 hexadecimal digits")
    return to_checksum_address(text)


def as_dict(trace: Trace) -> dict[str, Any]:
    """A trace as JSON."""
    message = trace.sent.message
    return {
        "id": "0x" + trace.sent.id.hex(),
        "origin": trace.origin,
        "destination": trace.destination,
        "nonce": message.nonce,
        "sender": message.sender,
        "recipient": message.recipient,
        "gas_limit": message.gas_limit,
        "deliver_before": message.deliver_before,
        "fee": asdict(Fee.unpack(message.fee)),
        "payload": "0x" + message.payload.hex(),
        "state": trace.state.value,
        "sent_in": trace.sent.transaction,
        "executed_in": trace.executed_in,
        "returned_in": trace.returned_in,
        "reason": trace.reason,
        "advice": trace.advice,
    }


def describe(trace: Trace) -> str:
    """A trace for people, one fact per line."""
    message = trace.sent.message
    fee = Fee.unpack(message.fee)
    facts = as_dict(trace) | {
        "deliver_before": "never" if message.is_of_gateways else _utc(message.deliver_before),
        "fee": f"{era(fee.relay * GWEI)} ERA to deliver it, {era(fee.back * GWEI)} for its end",
    }
    return "\n".join(f"{key.replace('_', ' '):<15}{value}" for key, value in facts.items() if value != "")


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
