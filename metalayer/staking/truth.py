"""What the hub itself knows of what was signed about it, and what shows the Slasher that it is false."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from metalayer.errors import MetalayerError
from metalayer.lanes.logs import extended_request, rebuild
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import gateway, slasher, staking
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, UnexecutedFact
from metalayer.protocol.gateway import OutboxLane, Status
from metalayer.protocol.message import STORED_HEAD_INTERVAL, genesis_head
from metalayer.protocol.slasher import Kind
from metalayer.staking.evidence import Falsehood

_NONCES = 256
_UINT64 = 1 << 64


class Sight(Enum):
    """What one node of the hub says of a fact."""

    TRUE = "true"
    """Or nothing that convicts."""
    UNKNOWN = "unknown"
    """Of a message that was never tried: it may still be executed. Or the node lacks a log."""
    BEYOND_LANE = "the hub's lane is not that long"
    OTHER_HEAD = "the hub's lane has another head there"
    NO_RESTART = "the hub's lane was not restarted there"
    BEYOND_SETS = "Staking has published no such set"
    OTHER_SET = "Staking has published another set of that version"
    EXECUTED = "the hub executed the message"


def look(node: Connection, mesh: Mesh, facts: Sequence[Fact]) -> dict[Fact, Sight]:
    """At the node's latest block, in two round trips. Raises what `Connection.batch` raises."""
    address = mesh.gateway
    places = [fact for fact in facts if isinstance(fact, LaneFact | RestartFact)]
    sets = [fact for fact in facts if isinstance(fact, SetFact) and fact.version < _UINT64]
    unexecuted = [fact for fact in facts if isinstance(fact, UnexecutedFact)]
    destinations = sorted({fact.destination for fact in places})
    newest, *answers = node.batch(
        [
            staking.SET_VERSION.request(mesh.staking),
            *(gateway.OUTBOX_LANE.request(address, one) for one in destinations),
            *(staking.SET_HASH.request(mesh.staking, fact.version) for fact in sets),
            *(gateway.INBOX_LANE.request(address, fact.origin) for fact in unexecuted),
            *(gateway.MESSAGE_STATUS.request(address, fact.id) for fact in unexecuted),
        ]
    )
    lanes: dict[int, OutboxLane] = dict(zip(destinations, answers, strict=False))
    answers = answers[len(lanes) :]
    hashes, answers = dict(zip(sets, answers, strict=False)), answers[len(sets) :]
    heads = _heads(node, address, places, lanes)
    found: dict[Fact, Sight] = {}
    for place in places:
        head = heads.get((place.destination, place.nonce))
        found[place] = _place(place, lanes[place.destination], head)
    for fact in facts:
        if isinstance(fact, SetFact):
            found[fact] = _set(fact, newest, hashes.get(fact, b""))
    for one, lane, status in zip(unexecuted, answers, answers[len(unexecuted) :], strict=False):
        if status.status is not Status.NONE:
            found[one] = Sight.TRUE
        else:
            found[one] = Sight.EXECUTED if one.nonce <= lane.nonce else Sight.UNKNOWN
    return found


def _heads(
    node: Connection, address: str, places: Iterable[Fact], lanes: dict[int, OutboxLane]
) -> dict[tuple[int, int], bytes]:
    """By destination and nonce, as far as the lanes go."""
    wanted: dict[int, set[int]] = {}
    for fact in places:
        if isinstance(fact, LaneFact) and fact.nonce <= lanes[fact.destination].nonce:
            wanted.setdefault(fact.destination, set()).add(fact.nonce)
    asked = [
        (destination, sorted(nonces)[begin : begin + _NONCES])
        for destination, nonces in wanted.items()
        for begin in range(0, len(nonces), _NONCES)
    ]
    latest = node.height()
    logged = node.batch(extended_request(address, d, nonces, 0, latest) for d, nonces in asked)
    return {(e.destination, e.nonce): e.head for logs in logged for e, _ in logs}


def _place(fact: LaneFact | RestartFact, lane: OutboxLane, head: bytes | None) -> Sight:
    if fact.nonce <= lane.restarted_at:
        # It may have been true in a history that is gone.
        return Sight.TRUE
    if isinstance(fact, RestartFact):
        return Sight.NO_RESTART
    if fact.nonce > lane.nonce:
        return Sight.BEYOND_LANE
    if head is None:
        return Sight.UNKNOWN
    return Sight.TRUE if head == fact.head else Sight.OTHER_HEAD


def _set(fact: SetFact, newest: int, published: bytes) -> Sight:
    if newest and fact.version > newest:
        return Sight.BEYOND_SETS
    if not any(published):
        return Sight.TRUE
    return Sight.TRUE if published == fact.set_hash else Sight.OTHER_SET


def falsehood(mesh: Mesh, hub: Connection, fact: Fact, sight: Sight) -> Falsehood | None:
    """What shows the Slasher that a fact is false. None if nothing does: it is about no message of that lane.

    MetalayerError if what is needed for it cannot be read.
    """
    match sight:
        case Sight.BEYOND_LANE:
            return Falsehood(Kind.FALSE_PLACE, slasher.BEYOND_LANE)
        case Sight.NO_RESTART:
            return Falsehood(Kind.FALSE_PLACE, slasher.FALSE_RESTART)
        case Sight.BEYOND_SETS:
            return Falsehood(Kind.FALSE_SET, slasher.BEYOND_SETS)
        case Sight.OTHER_SET:
            return Falsehood(Kind.FALSE_SET, slasher.FALSE_SET)
        case Sight.OTHER_HEAD if isinstance(fact, LaneFact):
            lane = hub.view(mesh.gateway, gateway.OUTBOX_LANE, fact.destination)
            # The first head at or after it that the Outbox keeps.
            kept = -(-fact.nonce // STORED_HEAD_INTERVAL) * STORED_HEAD_INTERVAL
            end = min(kept, lane.nonce)
            sent = rebuild(hub, mesh.domain, fact.destination, fact.nonce, end)
            return Falsehood(Kind.FALSE_PLACE, slasher.FALSE_HEAD, (sent[0].head, [s.id for s in sent[1:]]))
        case Sight.EXECUTED if isinstance(fact, UnexecutedFact):
            return _executed(mesh, hub, fact)
    return None


def _executed(mesh: Mesh, hub: Connection, fact: UnexecutedFact) -> Falsehood | None:
    origin, destination, domain = mesh.by_id.get(fact.origin), fact.destination, mesh.domain
    if origin is None:
        raise MetalayerError(f"{fact.key}: there is no chain {fact.origin} in the network")
    last = hub.view(mesh.gateway, gateway.INBOX_LANE, fact.origin).nonce
    sent = rebuild(origin, domain, destination, fact.nonce, last)
    if not sent or sent[0].id != fact.id:
        return None
    before = genesis_head(domain.network_id, fact.origin, destination, fact.nonce - 1)
    if fact.nonce > 1:
        before = rebuild(origin, domain, destination, fact.nonce - 1, fact.nonce - 1)[0].head
    return Falsehood(Kind.FALSE_UNEXECUTED, slasher.FALSE_UNEXECUTED, (before, [s.id for s in sent[1:]]))
