"""What one node shows of the facts about its chain."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from metalayer.lanes.logs import extended_request, restarts_request
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer
from metalayer.protocol.abi import Logged
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.protocol.gateway import LaneExtended, LaneRestarted
from metalayer.protocol.rpc import Request
from metalayer.protocol.staking import SET_HASH, SET_VERSION

_NONCES = 256

Beside = TypeVar("Beside")

Place = LaneFact | RestartFact
"""A fact about a place of a lane."""


class Truth(Enum):
    """Whether a fact is true."""

    TRUE = "true"
    FALSE = "false"
    NOT_YET = "not yet"
    """It may still become true."""


@dataclass(frozen=True)
class Finding:
    """Whether a fact is true, why not, and since which block: two nodes agree if their findings are equal.

    `final`: nothing but a person can change it. `deadline`: of a message, as its origin shows it; `clock`: the time of
    the hub's final block, if the message is to the hub. Unix time, zero if there is none.
    """

    truth: Truth
    reason: str = ""
    block: int = 0
    final: bool = False
    deadline: int = 0
    clock: int = 0


_DOUBT = (Truth.TRUE, Truth.NOT_YET, Truth.FALSE)


def joined(one: Finding, other: Finding) -> Finding:
    """Of a fact that needs two chains: what keeps it from being signed, if anything does.

    Not that a message was not executed before the hub's own clock rules it out: an origin whose clock runs ahead would
    else make liars of who signed.
    """
    worst = max(one, other, key=lambda finding: (_DOUBT.index(finding.truth), finding.reason))
    clock, deadline = max(one.clock, other.clock), max(one.deadline, other.deadline)
    if worst.truth is Truth.TRUE and 0 < clock <= deadline:
        return Finding(
            Truth.NOT_YET, "the hub may still execute the message, whose deadline is not behind it"
        )
    return worst


def find_places(
    connection: Connection,
    gateway: str,
    facts: Sequence[Place],
    starts: Mapping[int, int],
    final: int,
    beside: Request[Beside],
) -> tuple[Beside, dict[Fact, Finding]]:
    """What a node's logs up to the block `final` say about lanes from its chain; and what it says `beside`, in the same
    round trip.

    starts: by destination, the block from which on the messages of these facts are expected; elsewhere the first.
    Raises what `Connection.batch` raises, and BadAnswer if the logs contradict each other.
    """
    places = {(fact.destination, fact.nonce) for fact in facts if isinstance(fact, LaneFact)}
    starts = {destination: block for destination, block in starts.items() if 0 < block <= final}
    asked = _chunks(places)
    said, *answers = connection.batch([beside, *_requests(gateway, asked, starts, final)])
    logs = _by_place(connection, asked, answers)
    # Not above the block where they were expected: they may be below, if that block was reorganised.
    missing = {place for place in places - logs.keys() if place[0] in starts}
    logs |= _extended(connection, gateway, missing, final)
    # Restarts are rare: they are asked for only if one is claimed, or may be why a message is not there.
    odd = [
        fact for fact in facts if isinstance(fact, RestartFact) or (fact.destination, fact.nonce) not in logs
    ]
    restarts = _restarts(connection, gateway, {fact.destination for fact in odd}, final)
    claimed = {(f.destination, f.nonce) for f in odd if isinstance(f, RestartFact)} - _standing(restarts)
    logs |= _extended(connection, gateway, claimed, final)
    found: dict[Fact, Finding] = {}
    for fact in facts:
        log = logs.get((fact.destination, fact.nonce))
        if isinstance(fact, LaneFact) and log is not None:
            found[fact] = _head(connection, fact, log)
        else:
            found[fact] = _place(connection, fact, restarts[fact.destination], log, final)
    return said, found


def find_sets(
    connection: Connection, staking: str, facts: Sequence[SetFact], final: int
) -> dict[Fact, Finding]:
    """What the hub's node says about set facts: the newest set in Staking's storage at the block `final` is true.

    Raises what `Connection.batch` raises: also if the node has no state of that block any more.
    """
    newest, *hashes = connection.batch(
        [
            # Staking may be younger than the final block.
            SET_VERSION.optional(staking, block=final),
            *(SET_HASH.optional(staking, fact.version, block=final) for fact in facts),
        ]
    )
    return {
        fact: _set(fact, newest or 0, said or b"", final) for fact, said in zip(facts, hashes, strict=True)
    }


def _set(fact: SetFact, newest: int, published: bytes, final: int) -> Finding:
    if fact.version > newest:
        return Finding(
            Truth.NOT_YET, f"{fact.key}: Staking published {newest} sets up to finalized block {final}"
        )
    if fact.set_hash != published:
        return Finding(
            Truth.FALSE, f"{fact.key}: Staking published 0x{published.hex()}, not 0x{fact.set_hash.hex()}"
        )
    if fact.version < newest:
        return Finding(Truth.FALSE, f"{fact.key}: the newest validator set is {newest}")
    return Finding(Truth.TRUE)


def _head(connection: Connection, fact: LaneFact, found: Logged[LaneExtended]) -> Finding:
    head = found.event.head
    if head == fact.head:
        return Finding(Truth.TRUE, block=found.log.block)
    return Finding(
        Truth.FALSE,
        f"{_lane(connection, fact)}: the head after message {fact.nonce} is 0x{head.hex()}, "
        f"not 0x{fact.head.hex()}",
    )


def _place(
    connection: Connection,
    fact: Place,
    restarts: Sequence[LaneRestarted],
    message: Logged[LaneExtended] | None,
    final: int,
) -> Finding:
    """Of a restart, or of a message that is not where it is said to be."""
    lane, nonce = _lane(connection, fact), fact.nonce
    is_restart = isinstance(fact, RestartFact)
    for restart in restarts:
        if is_restart and restart.nonce == nonce:
            return Finding(Truth.TRUE)
        if restart.last < nonce <= restart.nonce:
            what = "another restart" if is_restart else "a message"
            return Finding(
                Truth.FALSE,
                f"{lane}: {what} never stands at {nonce}: it was restarted at {restart.nonce} after message "
                f"{restart.last}",
            )
    if not is_restart:
        return Finding(Truth.NOT_YET, f"{lane}: there is no message {nonce} up to finalized block {final}")
    if message is not None:
        return Finding(Truth.FALSE, f"{lane}: it was not restarted at {nonce}: a message stands there")
    return Finding(Truth.NOT_YET, f"{lane}: it was not restarted at {nonce} up to finalized block {final}")


def _restarts(
    connection: Connection, gateway: str, destinations: Iterable[int], final: int
) -> dict[int, list[LaneRestarted]]:
    """All restarts of the lanes to these destinations."""
    wanted = sorted(destinations)
    answers = connection.batch(restarts_request(gateway, one, final) for one in wanted)
    return dict(zip(wanted, answers, strict=True))


def _standing(restarts: Mapping[int, Sequence[LaneRestarted]]) -> set[tuple[int, int]]:
    return {(destination, restart.nonce) for destination, found in restarts.items() for restart in found}


def _extended(
    connection: Connection, gateway: str, places: Iterable[tuple[int, int]], final: int
) -> dict[tuple[int, int], Logged[LaneExtended]]:
    """LaneExtended logs by destination and nonce, as far as there are any, from the first block on."""
    asked = _chunks(places)
    return _by_place(connection, asked, connection.batch(_requests(gateway, asked, {}, final)))


_Chunk = tuple[int, Sequence[int]]
"""A destination, and nonces that are asked for together."""


def _chunks(places: Iterable[tuple[int, int]]) -> list[_Chunk]:
    nonces: dict[int, list[int]] = {}
    for destination, nonce in sorted(places):
        nonces.setdefault(destination, []).append(nonce)
    return [
        (destination, wanted[begin : begin + _NONCES])
        for destination, wanted in nonces.items()
        for begin in range(0, len(wanted), _NONCES)
    ]


def _requests(
    gateway: str, asked: Sequence[_Chunk], starts: Mapping[int, int], final: int
) -> list[Request[list[Logged[LaneExtended]]]]:
    return [extended_request(gateway, d, nonces, starts.get(d, 0), final) for d, nonces in asked]


def _by_place(
    connection: Connection, asked: Sequence[_Chunk], answers: Sequence[Sequence[Logged[LaneExtended]]]
) -> dict[tuple[int, int], Logged[LaneExtended]]:
    found: dict[tuple[int, int], Logged[LaneExtended]] = {}
    for (destination, _), logs in zip(asked, answers, strict=True):
        for entry in logs:
            known = found.setdefault((destination, entry.event.nonce), entry)
            if known.event.head != entry.event.head:
                raise BadAnswer(f"{connection.name}: its node shows two messages at {entry.event.nonce}")
    return found


def _lane(connection: Connection, fact: Place) -> str:
    return f"lane {connection.name} to {fact.destination}"
