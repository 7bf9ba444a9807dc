"""One message: where it is, why it failed, what to do next."""

import time
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.dates import utc
from metalayer.protocol.message import Fee
from metalayer.tracking.closures import way_home
from metalayer.tracking.messages import callback_obstacle, failure_reason
from metalayer.tracking.status import signed_nonces

_POLL = 0.1


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


def find(mesh: Mesh, message_id: bytes) -> tuple[Connection, Sent]:
    """The origin and the message with this id. MetalayerError if no chain of the network sent it."""
    silent = []

    def search(connection: Connection) -> Sent | None:
        try:
            return logs.find(connection, mesh.domain, [message_id]).get(message_id)
        except MetalayerError as error:
            silent.append(fault(connection, error))
            return None

    everywhere = mesh.connections.values()
    for connection, sent in zip(everywhere, in_parallel(search, everywhere), strict=True):
        if sent is not None:
            return connection, sent
    where = f"it was not sent from {', '.join(mesh.connections)}"
    raise MetalayerError("; ".join([f"there is no message 0x{message_id.hex()}: {where}", *silent]))


def trace(mesh: Mesh, exchange: Exchange, message_id: bytes) -> Trace:
    """Everything that is known about a message. MetalayerError if there is none with this id."""
    return look(mesh, exchange, *find(mesh, message_id))


def look(mesh: Mesh, exchange: Exchange, origin: Connection, sent: Sent) -> Trace:
    """The same for a message that was found already."""
    found = _look(mesh, exchange, origin, sent)
    if found.state in (State.DELIVERED, State.RETURNED) or not (home := way_home(mesh, origin, sent)):
        return found
    return replace(found, advice=f"{found.advice}; {home}")


def _look(mesh: Mesh, exchange: Exchange, origin: Connection, sent: Sent) -> Trace:
    message, address = sent.message, mesh.gateway
    if message.destination not in mesh.by_id:
        raise MetalayerError(
            f"message 0x{sent.id.hex()} goes to chain {message.destination}, which is unknown"
        )
    destination = mesh.by_id[message.destination]
    names = (origin.name, destination.name)
    # Before the logs: a message that arrives meanwhile must not look as if it had been passed by.
    inbox = destination.view(address, gateway.INBOX_LANE, message.origin)
    delivered, failed = destination.batch(
        event.logs_once(address, sent.id) for event in (gateway.MESSAGE_DELIVERED, gateway.MESSAGE_FAILED)
    )
    if delivered:
        return Trace(sent, *names, State.DELIVERED, delivered[-1].log.transaction)
    executed = failed[-1].log.transaction if failed else ""
    refunds = origin.ask(gateway.MESSAGE_RETURNED.logs_once(address, sent.id))
    if refunds:
        return _returned(
            origin, address, Trace(sent, *names, State.RETURNED, executed, refunds[-1].log.transaction)
        )
    if failed:
        return _undelivered((origin, destination), address, sent, executed, failed[-1].event.expired)
    if inbox.nonce >= message.nonce and not message.is_of_gateways:
        why = f"its lane was restarted: {names[1]} has no message {message.nonce} of it, or another one"
        advice = "its sender is refunded by `ape metalayer relay once` when the restart's notice is there"
        return Trace(sent, *names, State.ABANDONED, reason=why, advice=advice)
    final = origin.ask(gateway.OUTBOX_LANE.optional(address, message.destination, block=origin.finalized()))
    if final is None or final.nonce < message.nonce:
        preset = origin.chain.preset
        about = "" if isinstance(preset.finality, int) else "about "
        due = sent.block + preset.finality_depth
        advice = f"wait until {about}block {due} of {names[0]}: it is at {origin.height()}"
        return Trace(sent, *names, State.SENT, advice=advice)
    sets = {destination.chain_id: read_sets(destination, address).installed}
    if signed_nonces(mesh, exchange, {sent.ends}, sets).get(sent.ends, 0) < message.nonce:
        if destination.block().time > message.deliver_before:
            late = f"it expired at {utc(message.deliver_before)}: its relayer passes it by, and it goes back"
            return Trace(sent, *names, State.FINAL, reason=late, advice="start validators, and a relayer")
        return Trace(
            sent, *names, State.FINAL, advice="start validators, and a relayer: `ape metalayer relay once`"
        )
    return Trace(sent, *names, State.SIGNED, advice="deliver it with `ape metalayer relay once`")


def _returned(origin: Connection, address: str, trace: Trace) -> Trace:
    """A refunded message. Its sender may have failed to take it back."""
    message, id_ = trace.sent.message, trace.sent.id
    if not origin.view(address, gateway.RETURN_NOTICE, message.destination, id_).callback_open:
        return trace
    why = "its sender was refunded, and failed to take it back"
    advice = f"`ape metalayer message 0x{id_.hex()} --call-back` calls it again"
    if obstacle := callback_obstacle(origin, address, message):
        why, advice = f"{why}: {obstacle}", f"{advice}, once it would take it"
    if "PassageUnpaid" in why:
        advice = f"pay for its way back with `ape metalayer transfer pay 0x{id_.hex()}`; then {advice}"
    return replace(trace, reason=why, advice=advice)


def _undelivered(
    ends: tuple[Connection, Connection], address: str, sent: Sent, executed: str, expired: bool
) -> Trace:
    """A message whose first attempt did not succeed, and that was not refunded yet."""
    message, (origin, destination) = sent.message, ends
    names = (origin.name, destination.name)
    standing = destination.view(address, gateway.MESSAGE_STATUS, sent.id)
    if standing.notice:
        advice = "`ape metalayer relay once` carries its notice and refunds its sender, once that is final and signed"
        why = f"it goes back: its notice is message {standing.notice} from {names[1]} to {names[0]}"
        known, epoch = origin.batch(
            (
                gateway.RETURN_NOTICE.request(address, destination.chain_id, sent.id),
                gateway.LANE_EPOCH.request(address, destination.chain_id),
            )
        )
        if known.carrier is not None and known.epoch == epoch:
            advice = "`ape metalayer relay once` refunds its sender"
            why = f"it goes back: its notice, message {standing.notice} from {names[1]}, is on {names[0]}"
        return Trace(sent, *names, State.RETURNING, executed, reason=why, advice=advice)
    if expired or destination.block().time > message.deliver_before:
        why = f"it was not executed by {utc(message.deliver_before)}, its deliverBefore"
        advice = "it can no longer be retried: `ape metalayer relay once` sends it back to its sender"
        return Trace(sent, *names, State.EXPIRED, executed, reason=why, advice=advice)
    why = failure_reason(destination, address, message)
    advice = f"retry it with `ape metalayer message 0x{sent.id.hex()} --retry`, until {utc(message.deliver_before)}"
    if "PassageUnpaid" in why:
        advice = f"pay for its next hop with `ape metalayer transfer pay 0x{sent.id.hex()}`; then {advice}"
    return Trace(sent, *names, State.FAILED, executed, reason=why, advice=advice)


def wait(mesh: Mesh, exchange: Exchange, message_id: bytes, timeout: float) -> Trace:
    """Watches a message until it is delivered, failed or expired. MetalayerError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    origin, sent = find(mesh, message_id)
    while True:
        now = look(mesh, exchange, origin, sent)
        if now.state.ended:
            return now
        if time.monotonic() > deadline:
            raise MetalayerError(
                f"message 0x{message_id.hex()} is {now.state.value} after {timeout:g} s: {now.advice}"
            )
        time.sleep(_POLL)


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
