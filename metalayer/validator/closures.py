"""What one node of either end shows of messages that were sent over a route closed since, and not executed."""

from collections.abc import Sequence

from metalayer.lanes.logs import Sent, find
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Domain
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import Fact, UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, MESSAGE_DELIVERED, MESSAGE_FAILED, Status
from metalayer.protocol.rpc import logs_request
from metalayer.validator.record import Anchor
from metalayer.validator.sight import Finding, Truth

# Nodes take 1,000 topics in one place of a filter.
_MOST_TOPICS = 500


def find_unexecuted(
    connection: Connection, domain: Domain, facts: Sequence[UnexecutedFact], final: Anchor
) -> dict[Fact, Finding]:
    """What a node says about messages from its chain, and about messages to it. Each fact needs both of its ends.

    final: the newest final block. State is read at the latest one, which every node has: what was closed for so long,
    or not executed, there, was so there, too. Raises what `Connection.batch` and `find` raise.
    """
    own = [fact for fact in facts if fact.origin == connection.chain_id]
    others = [fact for fact in facts if fact.destination == connection.chain_id]
    return _sent(connection, domain, own, final) | _left(connection, domain, others, final)


def _sent(
    connection: Connection, domain: Domain, facts: Sequence[UnexecutedFact], final: Anchor
) -> dict[Fact, Finding]:
    """Of the origin: whether the route was closed long enough ago, and the message stands where it is said to be."""
    destinations = sorted({fact.destination for fact in facts})
    answers = connection.batch(gateway.CLOSED_SINCE.request(domain.gateway, one) for one in destinations)
    since = dict(zip(destinations, answers, strict=True))
    is_closed = {one: bool(at) and at + CLOSURE_DELAY <= final.time for one, at in since.items()}
    ids = sorted({fact.id for fact in facts if is_closed[fact.destination]})
    sent: dict[bytes, Sent] = {}
    for begin in range(0, len(ids), _MOST_TOPICS):
        sent |= find(connection, domain, ids[begin : begin + _MOST_TOPICS])
    found: dict[Fact, Finding] = {}
    for fact in facts:
        if is_closed[fact.destination]:
            found[fact] = _standing(connection, fact, sent.get(fact.id), final)
        else:
            found[fact] = _open(connection, fact, since[fact.destination])
    return found


def _open(connection: Connection, fact: UnexecutedFact, since: int) -> Finding:
    route = f"{fact.key}: the route from {connection.name}"
    if not since:
        return Finding(Truth.NOT_YET, f"{route} is open")
    return Finding(
        Truth.NOT_YET,
        f"{route} has been closed since {utc(since)} only, not before {utc(since + CLOSURE_DELAY)}",
    )


def _standing(connection: Connection, fact: UnexecutedFact, sent: Sent | None, final: Anchor) -> Finding:
    if sent is None or sent.block > final.height:
        return Finding(
            Truth.NOT_YET,
            f"{fact.key}: {connection.name} sent no message 0x{fact.id.hex()} up to finalized block {final.height}",
        )
    # The id commits to both.
    message = sent.message
    if (message.destination, message.nonce) != (fact.destination, fact.nonce):
        return Finding(
            Truth.FALSE,
            f"{fact.key}: 0x{fact.id.hex()} is message {message.nonce} from {connection.name} to "
            f"{message.destination}",
        )
    return Finding(Truth.TRUE, deadline=message.deliver_before)


def _left(
    connection: Connection, domain: Domain, facts: Sequence[UnexecutedFact], final: Anchor
) -> dict[Fact, Finding]:
    """Of the destination: how it left the messages."""
    address = domain.gateway
    # Of others, the clock may have stopped for ever; what the hub executed after all convicts who denied it.
    clock = final.time if connection.chain_id == domain.network_id else 0
    origins, ids = sorted({fact.origin for fact in facts}), sorted({fact.id for fact in facts})
    ends = dict(
        zip(
            origins,
            connection.batch(gateway.INBOX_LANE.request(address, one) for one in origins),
            strict=True,
        )
    )
    events = [MESSAGE_DELIVERED.topic, MESSAGE_FAILED.topic]
    logs = connection.batch(
        logs_request(address, [events, ids[begin : begin + _MOST_TOPICS]], 0, final.height)
        for begin in range(0, len(ids), _MOST_TOPICS)
    )
    logged = {(log.topics[0], log.topics[1]) for some in logs for log in some}
    delivered = {id_ for event, id_ in logged if event == MESSAGE_DELIVERED.topic}
    failed = {id_ for event, id_ in logged if event == MESSAGE_FAILED.topic}
    tried = sorted(failed & {fact.id for fact in facts if fact.status})
    statuses = dict(
        zip(
            tried,
            connection.batch(gateway.MESSAGE_STATUS.request(address, id_) for id_ in tried),
            strict=True,
        )
    )
    found: dict[Fact, Finding] = {}
    for fact in facts:
        if fact.id in delivered:
            found[fact] = Finding(Truth.FALSE, f"{fact.key}: {connection.name} executed it")
        elif fact.status:
            is_true = fact.id in statuses and statuses[fact.id].status == fact.status
            found[fact] = _as_said(connection, fact, final, clock, is_true=is_true)
        elif fact.id in failed:
            found[fact] = Finding(Truth.FALSE, f"{fact.key}: {connection.name} tried it")
        else:
            is_true = ends[fact.origin].nonce < fact.nonce
            found[fact] = _as_said(connection, fact, final, clock, is_true=is_true)
    return found


def _as_said(
    connection: Connection, fact: UnexecutedFact, final: Anchor, clock: int, *, is_true: bool
) -> Finding:
    if is_true:
        return Finding(Truth.TRUE, clock=clock)
    how = Status(fact.status).name.lower() if fact.status else "untried"
    return Finding(
        Truth.NOT_YET,
        f"{fact.key}: {connection.name} did not leave it {how} up to finalized block {final.height}",
    )
