"""The way home that needs no destination: of messages whose route has been closed for long."""

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.quorum import QUORUM_TIMEOUT, Proposal, await_quorums, missing
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.lanes.walks import walk_of
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Status

_DAYS = CLOSURE_DELAY // 86_400


def bring_home(
    mesh: Mesh,
    exchange: Exchange,
    origin: Connection,
    sender: Sender,
    sent: Sent,
    timeout: float = QUORUM_TIMEOUT,
) -> Receipt:
    """Refunds a message without its destination: a quorum of the origin's validators signs that it was not executed.

    timeout: seconds to wait for them. MetalayerError with what stands in the way, Reverted if the gateway refuses.
    """
    _check_closed(mesh, origin, sent)
    message = sent.message
    status = _left_as(mesh, sent)
    walk = walk_of(origin, mesh.domain, sent)
    fact = UnexecutedFact(message.origin, message.destination, message.nonce, sent.id, status)
    installed = read_sets(origin, mesh.gateway).installed
    proposal = Proposal([fact], [installed], timeout)
    await_quorums(exchange, mesh.domain, [proposal])
    if not proposal.is_signed:
        raise MetalayerError(f"no quorum of {origin.name}: {missing(exchange, proposal, installed)}")
    attestation, proof = proposal.attestation(installed), proposal.tree.proof(fact)
    data = gateway.REFUND_CLOSED.encode(message, walk, status, attestation, proof)
    receipt = origin.send(sender, mesh.gateway, data)
    exchange.remove(proposal.root)
    return receipt


def way_home(mesh: Mesh, origin: Connection, sent: Sent) -> str:
    """When and how a message that has not ended may come home without its destination; empty if its route is open."""
    message = sent.message
    since = origin.view(mesh.gateway, gateway.CLOSED_SINCE, message.destination)
    if not since or message.is_of_gateways:
        return ""
    return (
        f"the route from {origin.name} to {_name(mesh, sent)} has been closed since {utc(since)}: from "
        f"{utc(since + CLOSURE_DELAY)} on, `ape metalayer message 0x{sent.id.hex()} --bring-home` refunds its sender"
    )


def _check_closed(mesh: Mesh, origin: Connection, sent: Sent) -> None:
    message = sent.message
    if message.is_of_gateways:
        raise MetalayerError("it is a gateway's own message: nobody is refunded for it")
    since, notice = origin.batch(
        (
            gateway.CLOSED_SINCE.request(mesh.gateway, message.destination),
            gateway.RETURN_NOTICE.request(mesh.gateway, message.destination, sent.id),
        )
    )
    if notice.refunded:
        raise MetalayerError("its sender was refunded already")
    route = f"the route from {origin.name} to {_name(mesh, sent)}"
    if not since:
        raise MetalayerError(
            f"{route} is open: only what was sent over a route that has been closed for {_DAYS} days comes home "
            "without its destination"
        )
    # Validators go by the final block, too.
    if origin.block(origin.finalized()).time < since + CLOSURE_DELAY:
        raise MetalayerError(
            f"{route} has been closed since {utc(since)}: its sender can be refunded from "
            f"{utc(since + CLOSURE_DELAY)} on"
        )


def _left_as(mesh: Mesh, sent: Sent) -> Status:
    """How the destination left the message. MetalayerError if it executed it, or cannot be read."""
    message, address = sent.message, mesh.gateway
    name = _name(mesh, sent)
    if message.destination not in mesh.by_id:
        raise MetalayerError(
            f"{name} is unknown: networks.yaml has to name a node of it that shows its last state"
        )
    destination = mesh.by_id[message.destination]
    try:
        inbox, standing, delivered = destination.batch(
            (
                gateway.INBOX_LANE.request(address, message.origin),
                gateway.MESSAGE_STATUS.request(address, sent.id),
                gateway.MESSAGE_DELIVERED.logs_once(address, sent.id),
            )
        )
    except MetalayerError as error:
        raise MetalayerError(
            f"{fault(destination, error)}: validators must see how it left the message, in any node that shows its "
            "last state"
        ) from error
    if delivered:
        raise MetalayerError(f"{name} executed it in transaction {delivered[-1].log.transaction}")
    status: Status = standing.status
    if status is Status.NONE and inbox.nonce >= message.nonce:
        raise MetalayerError(
            f"{name} has passed its place, {message.nonce}, without trying it: `ape metalayer relay once` refunds "
            "it when the notice of the lane's restart is there"
        )
    return status


def _name(mesh: Mesh, sent: Sent) -> str:
    known = mesh.by_id.get(sent.message.destination)
    return f"chain {sent.message.destination}" if known is None else known.name
