"""Where every lane stands: sent, final, signed, delivered, failed, on its way back, and how long the oldest waits; and
until when each chain's validator set signs."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metalayer.attesting.exchange import Exchange, MalformedFile
from metalayer.attesting.rotation import verified_signatures
from metalayer.attesting.sets import read_sets, set_status
from metalayer.lanes import logs as lane
from metalayer.lanes.survey import Ends, LaneState, Survey, survey
from metalayer.network.connection import Connection, call_request, logs_request
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.facts import LaneFact
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import genesis_head

_RESTART = "halted until the origin's owner restarts it (docs/incidents.md)"

SOON = 2 * 86_400
"""A validator set that expires within this many seconds is a warning: rotating takes a quorum, and time."""


@dataclass(frozen=True)
class LaneStatus:
    """One lane. `sent` to `delivered` are places. `failed`: messages that may be retried; `expired`: messages whose
    time has passed and of which no notice was sent; `returning`: with a notice, but not refunded yet.
    `escrow` is what waits on the origin for its relayers, in gwei of ERA.

    `oldest_pending` is the age in seconds of the oldest undelivered message, None if there is none. `problem` says why
    the lane stands still: it is empty for a lane that does not.
    """

    origin: str
    destination: str
    sent: int
    finalized: int
    signed: int
    delivered: int
    failed: int
    expired: int
    returning: int
    escrow: int
    oldest_pending: int | None
    problem: str

    def stuck(self, after: float) -> bool:
        """True if it is broken or its oldest message has waited for longer than `after` seconds."""
        return bool(self.problem) or (self.oldest_pending is not None and self.oldest_pending > after)


@dataclass(frozen=True)
class SetStatus:
    """The validator set of one chain, and the seconds that it still has by that chain's clock."""

    chain: str
    version: int
    expires: int
    seconds_left: int

    @property
    def problem(self) -> str:
        """What an operator should do about it; empty if nothing."""
        what = f"{self.chain}: validator set {self.version}"
        if self.seconds_left < 0:
            return f"{what} expired {-self.seconds_left} s ago: nothing can be delivered there, and no set rotated in"
        if self.seconds_left < SOON:
            return f"{what} expires in {self.seconds_left} s: rotate the next one in (`ape run relay rotate`)"
        return ""


@dataclass(frozen=True)
class NetworkStatus:
    """All lanes between the chains that answer, their validator sets, and one line per chain that does not."""

    lanes: list[LaneStatus]
    sets: list[SetStatus]
    problems: list[str]


def status(
    connections: Mapping[str, Connection], network_id: int, address: str, exchange: Exchange
) -> NetworkStatus:
    """Reads all lanes; all chains in parallel."""
    found = survey(connections, address, network_id)
    signed = signed_nonces(exchange, network_id, address, {s.ends: s.destination for s in found.lanes})
    by_origin: dict[int, list[LaneState]] = {}
    by_destination: dict[int, list[LaneState]] = {}
    for state in found.lanes:
        by_origin.setdefault(state.ends[0], []).append(state)
        by_destination.setdefault(state.ends[1], []).append(state)
    ages: dict[Ends, tuple[int | None, str]] = {}
    for part in in_parallel(lambda states: _ages(states, address, network_id), by_origin.values()):
        ages |= part
    endings: dict[Ends, Counter[str]] = {}
    for counts in in_parallel(lambda states: _unended(states, address, found), by_destination.values()):
        endings |= counts
    escrows = dict(
        pair for one in in_parallel(lambda s: _escrows(s, address), by_origin.values()) for pair in one
    )
    lanes = [
        LaneStatus(
            origin=state.origin.chain.name,
            destination=state.destination.chain.name,
            sent=state.sent,
            finalized=state.finalized,
            signed=max(state.delivered, signed.get(state.ends, 0)),
            delivered=state.delivered,
            **{kind: endings[state.ends][kind] for kind in ("failed", "expired", "returning")},
            escrow=escrows[state.ends],
            oldest_pending=ages[state.ends][0],
            problem=ages[state.ends][1] or (state.inbox.closed if state.is_pending else ""),
        )
        for state in found.lanes
    ]
    there = {state.ends[1]: state.destination for state in found.lanes}
    sets = in_parallel(lambda c: SetStatus(c.chain.name, *set_status(c, address)), there.values())
    return NetworkStatus(lanes, sets, found.problems)


def _escrows(states: list[LaneState], address: str) -> list[tuple[Ends, int]]:
    answers = states[0].origin.calls([(address, gateway.encode_lane_fees(s.ends[1])) for s in states])
    return [
        (state.ends, gateway.decode_pair(answer)[0]) for state, answer in zip(states, answers, strict=True)
    ]


def signed_nonces(
    exchange: Exchange, network_id: int, address: str, lanes: Mapping[Ends, Connection]
) -> dict[Ends, int]:
    """Highest nonce per lane that a quorum signed, as far as the exchange still has it."""
    sets = {}
    for connection in {id(c): c for c in lanes.values()}.values():
        sets[connection.chain.chain_id] = read_sets(connection, address).installed
    highest: dict[Ends, int] = {}
    for root in exchange.roots():
        try:
            facts = exchange.facts(root)
        except MalformedFile:
            continue
        members = {signer for one in sets.values() for signer, _ in one.members}
        signatures = verified_signatures(exchange, network_id, address, root, members)
        for fact in facts or ():
            if not isinstance(fact, LaneFact) or fact.destination not in sets:
                continue
            if sets[fact.destination].quorum(signatures):
                ends = (fact.origin, fact.destination)
                highest[ends] = max(fact.nonce, highest.get(ends, 0))
    return highest


def _ages(states: list[LaneState], address: str, network_id: int) -> dict[Ends, tuple[int | None, str]]:
    """Age of the oldest undelivered message of each lane of one origin, and what is wrong with its hashes."""
    connection = states[0].origin
    height = connection.height()
    latest = connection.timestamp(height)
    logs = connection.batch(
        lane.extended_request(
            address, state.ends[1], [max(1, state.delivered), state.delivered + 1], 0, height
        )
        for state in states
    )
    oldest: dict[Ends, int] = {}
    result: dict[Ends, tuple[int | None, str]] = {}
    for state, found in zip(states, logs, strict=True):
        entries = {int(entry["topics"][2], 16): entry for entry in found}
        result[state.ends] = (None, _broken(state, entries.get(state.delivered), network_id))
        following = entries.get(state.delivered + 1)
        if following is not None:
            oldest[state.ends] = int(following["blockNumber"], 16)
    blocks = connection.batch(("eth_getBlockByNumber", (hex(number), False)) for number in oldest.values())
    # A halted chain's clock stands still, and a test's may be ahead of ours.
    now = max(latest, int(time.time()))
    for ends, block in zip(oldest, blocks, strict=True):
        result[ends] = (now - int(block["timestamp"], 16), result[ends][1])
    return result


def _broken(state: LaneState, at_delivered: Mapping[str, Any] | None, network_id: int) -> str:
    """Why the Inbox cannot go on with what the Outbox has; empty if it can."""
    if state.is_restarted:
        return f"restarted at {state.final.restarted_at}: the destination has not followed (`ape run relay once`)"
    if state.delivered in (0, state.latest.restarted_at):
        head = genesis_head(network_id, *state.ends, state.delivered)
    elif at_delivered is None:
        return f"the Inbox has message {state.delivered}, which the Outbox never sent: {_RESTART}"
    else:
        head = from_hex(at_delivered["data"])[-32:]
    if head == state.inbox.head:
        return ""
    return f"the two ends have different heads at {state.delivered}: {_RESTART}"


def _unended(states: list[LaneState], address: str, found: Survey) -> dict[Ends, Counter[str]]:
    """Per lane of one destination, how many messages wait for a retry, for a notice, for a refund."""
    connection = states[0].destination
    counts: dict[Ends, Counter[str]] = {state.ends: Counter() for state in states}
    lanes = {state.ends[0]: state for state in states}
    method, params = logs_request(address, [gateway.topic("MessageFailed")], 0, connection.height())
    failed = {
        from_hex(entry["topics"][1]): (int(entry["topics"][2], 16), int(entry["topics"][3], 16))
        for entry in connection.rpc(method, *params)
    }
    answers = connection.batch(call_request(address, gateway.encode_message_status(id_)) for id_ in failed)
    open_: dict[int, list[tuple[bytes, int]]] = {}
    noticed: dict[int, list[bytes]] = {}
    for (id_, (origin, nonce)), answer in zip(failed.items(), answers, strict=True):
        standing, notice = gateway.decode_status(from_hex(answer))
        if standing is gateway.Status.NONE or origin not in lanes:
            continue
        if notice:
            noticed.setdefault(origin, []).append(id_)
        elif standing is gateway.Status.EXPIRED:
            counts[lanes[origin].ends]["expired"] += 1
        else:
            open_.setdefault(origin, []).append((id_, nonce))
    now = found.times[connection.chain.chain_id]
    for origin, messages in open_.items():
        state = lanes[origin]
        nonces = [nonce for _, nonce in messages]
        (logs,) = state.origin.batch(
            [lane.extended_request(address, state.ends[1], nonces, 0, state.origin.height())]
        )
        deadlines = {int(entry["topics"][2], 16): int(entry["data"][66:130], 16) for entry in logs}
        for _, nonce in messages:
            late = deadlines.get(nonce, now) < now
            counts[state.ends]["expired" if late else "failed"] += 1
    for origin, ids in noticed.items():
        state = lanes[origin]
        answers = state.origin.batch(
            call_request(address, gateway.encode_return_notice(state.ends[1], id_)) for id_ in ids
        )
        counts[state.ends]["returning"] += sum(
            not gateway.decode_return_notice(from_hex(answer)).refunded for answer in answers
        )
    return counts
