"""Where every lane stands: sent, final, signed, delivered, failed, and how long the oldest has waited."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metalayer import gateway, lane
from metalayer.attestation import LaneFact
from metalayer.chain import Connection, call_request, from_hex, in_parallel, logs_request
from metalayer.exchange import Exchange, MalformedFile
from metalayer.message import genesis_head
from metalayer.relayer import Ends, LaneState, installed_set, survey, verified_signatures


@dataclass(frozen=True)
class LaneStatus:
    """One lane. Numbers are nonces, except `failed`: messages that failed and were not executed since.

    `oldest_pending` is the age in seconds of the oldest undelivered message, None if there is none.
    """

    origin: str
    destination: str
    sent: int
    finalized: int
    signed: int
    delivered: int
    failed: int
    oldest_pending: int | None
    problem: str

    def stuck(self, after: float) -> bool:
        """True if it is broken or its oldest message has waited for longer than `after` seconds."""
        return bool(self.problem) or (self.oldest_pending is not None and self.oldest_pending > after)


@dataclass(frozen=True)
class NetworkStatus:
    """All lanes between the chains that answer, and one line per chain that does not."""

    lanes: list[LaneStatus]
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
    failures: dict[Ends, int] = {}
    for counts in in_parallel(lambda states: _failures(states, address), by_destination.values()):
        failures |= counts
    lanes = [
        LaneStatus(
            origin=state.origin.chain.name,
            destination=state.destination.chain.name,
            sent=state.sent,
            finalized=state.finalized,
            signed=max(state.delivered, signed.get(state.ends, 0)),
            delivered=state.delivered,
            failed=failures.get(state.ends, 0),
            oldest_pending=ages[state.ends][0],
            problem=ages[state.ends][1],
        )
        for state in found.lanes
    ]
    return NetworkStatus(lanes, found.problems)


def signed_nonces(
    exchange: Exchange, network_id: int, address: str, lanes: Mapping[Ends, Connection]
) -> dict[Ends, int]:
    """Highest nonce per lane that a quorum signed, as far as the exchange still has it."""
    sets = {}
    for connection in {id(c): c for c in lanes.values()}.values():
        sets[connection.chain.chain_id] = installed_set(connection, address)
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
    if state.delivered == 0:
        head = genesis_head(network_id, *state.ends)
    elif at_delivered is None:
        return f"the Inbox has message {state.delivered}, which the Outbox never sent"
    else:
        head = from_hex(at_delivered["data"])[-32:]
    return "" if head == state.delivered_head else f"the two ends have different heads at {state.delivered}"


def _failures(states: list[LaneState], address: str) -> dict[Ends, int]:
    connection = states[0].destination
    method, params = logs_request(address, [gateway.topic("MessageFailed")], 0, connection.height())
    failed: dict[bytes, int] = {
        from_hex(entry["topics"][1]): int(entry["topics"][2], 16) for entry in connection.rpc(method, *params)
    }
    still = connection.batch(call_request(address, gateway.encode_message_status(id_)) for id_ in failed)
    counts: dict[Ends, int] = {}
    for origin, answer in zip(failed.values(), still, strict=True):
        if gateway.decode_status(from_hex(answer)) == (gateway.Status.FAILED, 0):
            ends = (origin, connection.chain.chain_id)
            counts[ends] = counts.get(ends, 0) + 1
    return counts
