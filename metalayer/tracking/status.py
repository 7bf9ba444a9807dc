"""Where every lane stands: sent, final, signed, delivered, failed, on its way back, and how long the oldest waits; and
until when each chain's validator set signs."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from metalayer.attesting.exchange import Exchange, Malformed
from metalayer.attesting.quorum import verified_signatures
from metalayer.attesting.sets import read_all
from metalayer.attesting.terms import Term, read_term
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import extended_request
from metalayer.lanes.survey import Ends, LaneState, Survey, survey
from metalayer.network.connection import fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.facts import LaneFact
from metalayer.protocol.gateway import ROTATION_GRACE
from metalayer.protocol.message import genesis_head
from metalayer.protocol.rpc import block_request

Value = TypeVar("Value")

_RESTART = "halted until the origin's council restarts it (docs/incidents.md)"

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
    """The validator set of one chain, and the seconds that it still has by that chain's clock. The hub can take the
    next one at any time.
    """

    chain: str
    version: int
    expires: int
    seconds_left: int
    is_hub: bool = False

    @property
    def problem(self) -> str:
        """What an operator should do about it; empty if nothing."""
        what = f"{self.chain}: validator set {self.version}"
        if self.seconds_left < 0:
            past = f"{what} expired {-self.seconds_left} s ago: nothing can be delivered there"
            if self.is_hub or -self.seconds_left <= ROTATION_GRACE:
                return f"{past} until the next one is brought in (`ape metalayer relay once`)"
            return f"{past}, and only the recovery can bring the next one (`ape metalayer relay recover`)"
        if self.seconds_left < SOON:
            return (
                f"{what} expires in {self.seconds_left} s: bring the next one in (`ape metalayer relay once`)"
            )
        return ""


@dataclass(frozen=True)
class NetworkStatus:
    """All lanes between the chains that answer, their validator sets, and one line per chain that does not.

    `term`: what Staking publishes, None if the hub does not answer.
    """

    lanes: list[LaneStatus]
    sets: list[SetStatus]
    problems: list[str]
    term: Term | None


def status(mesh: Mesh, exchange: Exchange) -> NetworkStatus:
    """Reads all lanes; all chains in parallel. A chain that cannot be read is a problem, and its lanes are left out."""
    found = survey(mesh)
    sets, unread = read_all(mesh.only(*dict.fromkeys(state.destination.name for state in found.lanes)))
    problems = [*found.problems, *unread.values()]
    installed = {known.connection.chain_id: known.installed for known in sets}
    states = [state for state in found.lanes if state.ends[1] in installed]
    signed = signed_nonces(mesh, exchange, {state.ends for state in states}, installed)
    ages = _each(0, states, lambda some: _ages(some, mesh.domain), problems)
    escrows = _each(0, states, lambda some: _escrows(some, mesh.gateway), problems)
    endings = _each(1, states, lambda some: _unended(some, mesh.gateway, found), problems)
    lanes = [
        LaneStatus(
            origin=state.origin.name,
            destination=state.destination.name,
            sent=state.sent,
            finalized=state.finalized,
            signed=max(state.delivered, signed.get(state.ends, 0)),
            delivered=state.delivered,
            **{kind: endings[state.ends][kind] for kind in ("failed", "expired", "returning")},
            escrow=escrows[state.ends],
            oldest_pending=ages[state.ends][0],
            problem=ages[state.ends][1] or (state.inbox.closed if state.is_pending else ""),
        )
        for state in states
        if state.ends in ages.keys() & escrows.keys() & endings.keys()
    ]
    term = _term(mesh, problems)
    return NetworkStatus(
        lanes,
        [
            SetStatus(
                s.name,
                s.installed.version,
                s.installed.expires,
                s.seconds_left,
                s.connection.chain_id == mesh.network_id,
            )
            for s in sets
        ],
        list(dict.fromkeys(problems)),
        term,
    )


def _term(mesh: Mesh, problems: list[str]) -> Term | None:
    if mesh.hub is None:
        return None
    try:
        term = read_term(mesh.hub, mesh.staking)
    except MetalayerError as error:
        problems.append(fault(mesh.hub, error))
        return None
    if term.problem:
        problems.append(f"{mesh.hub.name}: {term.problem}")
    return term


def _each(
    end: int,
    states: Iterable[LaneState],
    read: Callable[[list[LaneState]], Mapping[Ends, Value]],
    problems: list[str],
) -> dict[Ends, Value]:
    """What is read of the lanes of each origin (end 0) or destination (1), as far as its node answers."""
    groups: dict[int, list[LaneState]] = {}
    for state in states:
        groups.setdefault(state.ends[end], []).append(state)

    def attempt(group: list[LaneState]) -> Mapping[Ends, Value] | str:
        try:
            return read(group)
        except MetalayerError as error:
            return fault((group[0].origin, group[0].destination)[end], error)

    values: dict[Ends, Value] = {}
    for answer in in_parallel(attempt, groups.values()):
        if isinstance(answer, str):
            problems.append(answer)
        else:
            values |= answer
    return values


def _escrows(states: list[LaneState], address: str) -> dict[Ends, int]:
    fees = states[0].origin.batch(gateway.LANE_FEES.request(address, state.ends[1]) for state in states)
    return {state.ends: held.escrow for state, held in zip(states, fees, strict=True)}


def signed_nonces(
    mesh: Mesh, exchange: Exchange, lanes: Iterable[Ends], sets: Mapping[int, ValidatorSet]
) -> dict[Ends, int]:
    """Highest nonce of each of these lanes that a quorum signed, as far as the exchange still has it.

    sets: the installed ones of their destinations, by chain id.
    """
    wanted = set(lanes)
    members = {signer for known in sets.values() for signer, _ in known.members}
    highest: dict[Ends, int] = {}
    for root in exchange.roots():
        try:
            facts = exchange.facts(root)
        except Malformed:
            continue
        signatures = verified_signatures(exchange, mesh.domain, root, members)
        for fact in facts or ():
            if not isinstance(fact, LaneFact) or (fact.origin, fact.destination) not in wanted:
                continue
            if sets[fact.destination].quorum(signatures):
                ends = (fact.origin, fact.destination)
                highest[ends] = max(fact.nonce, highest.get(ends, 0))
    return highest


def _ages(states: list[LaneState], domain: Domain) -> dict[Ends, tuple[int | None, str]]:
    """Age of the oldest undelivered message of each lane of one origin, and what is wrong with its hashes."""
    connection = states[0].origin
    latest = connection.block()
    found = connection.batch(
        extended_request(
            domain.gateway, state.ends[1], [max(1, state.delivered), state.delivered + 1], 0, latest.number
        )
        for state in states
    )
    oldest: dict[Ends, int] = {}
    result: dict[Ends, tuple[int | None, str]] = {}
    for state, logged in zip(states, found, strict=True):
        by_nonce = {extended.event.nonce: extended for extended in logged}
        last = by_nonce.get(state.delivered)
        head = None if last is None else last.event.head
        result[state.ends] = (None, _broken(state, head, domain.network_id))
        following = by_nonce.get(state.delivered + 1)
        if following is not None:
            oldest[state.ends] = following.log.block
    blocks = connection.batch(block_request(number) for number in oldest.values())
    # A halted chain's clock stands still, and a test's may be ahead of ours.
    now = max(latest.time, int(time.time()))
    for ends, block in zip(oldest, blocks, strict=True):
        result[ends] = (now - block.time, result[ends][1])
    return result


def _broken(state: LaneState, at_delivered: bytes | None, network_id: int) -> str:
    """Why the Inbox cannot go on with what the Outbox has; empty if it can. at_delivered: the Outbox's head there."""
    if state.is_restarted:
        return f"restarted at {state.final.restarted_at}: the destination has not followed (`ape metalayer relay once`)"
    head = at_delivered
    if state.delivered in (0, state.latest.restarted_at):
        head = genesis_head(network_id, *state.ends, state.delivered)
    if head is None and state.delivered <= state.sent:
        return f"the origin's node does not have the log of message {state.delivered} yet, or any more"
    if head is None:
        return f"the Inbox has message {state.delivered}, which the Outbox never sent: {_RESTART}"
    if head == state.inbox.head:
        return ""
    return f"the two ends have different heads at {state.delivered}: {_RESTART}"


def _unended(states: list[LaneState], address: str, found: Survey) -> dict[Ends, Counter[str]]:
    """Per lane of one destination, how many messages wait for a retry, for a notice, for a refund."""
    connection = states[0].destination
    counts: dict[Ends, Counter[str]] = {state.ends: Counter() for state in states}
    lanes = {state.ends[0]: state for state in states}
    failed = {event.id: event for event, _ in connection.ask(gateway.MESSAGE_FAILED.logs(address))}
    answers = connection.batch(gateway.MESSAGE_STATUS.request(address, id_) for id_ in failed)
    open_: dict[int, list[int]] = {}
    noticed: dict[int, list[bytes]] = {}
    for event, (standing, notice) in zip(failed.values(), answers, strict=True):
        if standing is gateway.Status.NONE or event.origin not in lanes:
            continue
        if notice:
            noticed.setdefault(event.origin, []).append(event.id)
        elif standing is gateway.Status.EXPIRED:
            counts[lanes[event.origin].ends]["expired"] += 1
        else:
            open_.setdefault(event.origin, []).append(event.nonce)
    now = found.times[connection.chain_id]
    for origin, nonces in open_.items():
        state = lanes[origin]
        logged = state.origin.ask(extended_request(address, state.ends[1], nonces, 0, state.origin.height()))
        deadlines = {extended.event.nonce: extended.event.deliver_before for extended in logged}
        for nonce in nonces:
            late = deadlines.get(nonce, now) < now
            counts[state.ends]["expired" if late else "failed"] += 1
    for origin, ids in noticed.items():
        state = lanes[origin]
        notices = state.origin.batch(
            gateway.RETURN_NOTICE.request(address, state.ends[1], id_) for id_ in ids
        )
        counts[state.ends]["returning"] += sum(not known.refunded for known in notices)
    return counts
