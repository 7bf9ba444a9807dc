"""Where both ends of every lane stand: what a relayer and a status display start from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from metalayer.errors import MetalayerError
from metalayer.lanes.neighbours import known, learn, no_gateway, route_requests, to_ask
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.gateway import OutboxLane
from metalayer.protocol.message import genesis_head
from metalayer.protocol.rpc import block_request

Answer = TypeVar("Answer")
Ends = tuple[int, int]
"""A lane: chain ids of origin and destination."""


@dataclass(frozen=True)
class InboxEnd:
    """An Inbox's end of a lane, and why nothing is taken from it now: empty if it is open."""

    nonce: int
    head: bytes
    closed: str


@dataclass(frozen=True)
class LaneState:
    """One lane at one time: its Outbox at the latest and at the finalized block, its Inbox at the latest."""

    origin: Connection
    destination: Connection
    latest: OutboxLane
    final: OutboxLane
    inbox: InboxEnd

    @property
    def ends(self) -> Ends:
        """Its chain ids."""
        return self.origin.chain_id, self.destination.chain_id

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.origin.name} → {self.destination.name}"

    @property
    def sent(self) -> int:
        """Place of the newest message."""
        return self.latest.nonce

    @property
    def finalized(self) -> int:
        """Place of the newest message that is final."""
        return self.final.nonce

    @property
    def delivered(self) -> int:
        """Place of the newest message that the Inbox has."""
        return self.inbox.nonce

    @property
    def is_restarted(self) -> bool:
        """True if the Inbox has not followed the last restart of the lane yet."""
        return self.final.restarted_at > self.inbox.nonce

    @property
    def is_pending(self) -> bool:
        """True if something final waits: messages, or a restart."""
        return self.final.nonce > self.inbox.nonce


@dataclass(frozen=True)
class Survey:
    """All lanes between the chains that answered, and one line for each chain that did not.

    `finalized_blocks` by chain id; `times` are the chains' clocks (Unix seconds of their latest block).
    """

    lanes: list[LaneState]
    problems: list[str]
    finalized_blocks: Mapping[int, int]
    times: Mapping[int, int]

    @property
    def pending(self) -> list[LaneState]:
        """Lanes with something to do."""
        return [state for state in self.lanes if state.is_pending]


@dataclass(frozen=True)
class _Ends:
    """What a chain has of the lanes to and from another one."""

    latest: OutboxLane
    final: OutboxLane
    inbox: InboxEnd

    @classmethod
    def of_no_route(cls, mesh: Mesh, here: Connection, other: Connection) -> "_Ends":
        """Where there never was a route: nothing was sent, and nothing is taken."""
        nothing = _nothing(mesh, here.chain_id, other.chain_id)
        head = genesis_head(mesh.network_id, other.chain_id, here.chain_id)
        return cls(nothing, nothing, InboxEnd(0, head, why_closed(here.name, other.name, False, 0)))


@dataclass(frozen=True)
class _ChainEnds:
    finalized: int
    time: int
    lanes: dict[int, _Ends]


Run = Callable[[Callable[[Connection], Answer], Sequence[Connection]], Sequence[Answer | str]]
"""Does something with each chain, all at the same time. Answers in order, a line for a chain that is too slow."""


def survey(mesh: Mesh, run: Run[Any] = in_parallel) -> Survey:
    """State of all lanes between the chains that answer; all chains in parallel, two round trips each."""
    everything = list(mesh.connections.values())

    def read(connection: Connection) -> _ChainEnds | str:
        try:
            return _read_ends(connection, mesh)
        except MetalayerError as error:
            return fault(connection, error)

    answers = dict(zip((c.chain_id for c in everything), run(read, everything), strict=True))
    lanes = []
    said = {chain_id: answer for chain_id, answer in answers.items() if isinstance(answer, _ChainEnds)}
    for origin in everything:
        out = said.get(origin.chain_id)
        for destination in everything:
            into = said.get(destination.chain_id)
            if out is None or into is None or destination is origin:
                continue
            start, end = out.lanes.get(destination.chain_id), into.lanes.get(origin.chain_id)
            if start is None and end is None:
                continue
            start = start or _Ends.of_no_route(mesh, origin, destination)
            end = end or _Ends.of_no_route(mesh, destination, origin)
            lanes.append(LaneState(origin, destination, start.latest, start.final, end.inbox))
    return Survey(
        lanes,
        [answer for answer in answers.values() if isinstance(answer, str)],
        {chain_id: ends.finalized for chain_id, ends in said.items()},
        {chain_id: ends.time for chain_id, ends in said.items()},
    )


def _read_ends(connection: Connection, mesh: Mesh) -> _ChainEnds:
    here, address = connection.chain_id, mesh.gateway
    asked = to_ask(connection, mesh)
    block, finalized, *routes = connection.batch(
        [block_request(), connection.final_request, *route_requests(mesh, asked)]
    )
    learn(connection, mesh, asked, routes)
    others = [mesh.by_id[id_] for id_ in known(connection, mesh)]
    answers = iter(
        connection.batch(
            request
            for other in others
            for request in (
                gateway.OUTBOX_LANE.optional(address, other.chain_id),
                # The gateway may be younger than the finalized block.
                gateway.OUTBOX_LANE.optional(address, other.chain_id, block=finalized),
                gateway.INBOX_LANE.optional(address, other.chain_id),
                gateway.ROUTE.optional(address, other.chain_id),
                gateway.PAUSED_UNTIL.optional(address, other.chain_id),
            )
        )
    )
    ends = {}
    for other in others:
        sent, final, inbox, route, paused_until = (next(answers) for _ in range(5))
        if None in (sent, inbox, route, paused_until):
            raise no_gateway(connection, mesh)
        closed = why_closed(connection.name, other.name, route.inbound, paused_until - block.time)
        ends[other.chain_id] = _Ends(
            sent, final or _nothing(mesh, here, other.chain_id), InboxEnd(inbox.nonce, inbox.head, closed)
        )
    return _ChainEnds(finalized, block.time, ends)


def _nothing(mesh: Mesh, origin: int, destination: int) -> OutboxLane:
    return OutboxLane(0, genesis_head(mesh.network_id, origin, destination), 0)


def why_closed(here: str, other: str, inbound: bool, paused_for: int) -> str:
    """Why a chain takes nothing from another one, by their names; empty if it does. paused_for: seconds, if any."""
    if not inbound:
        return f"{here} takes nothing from {other}: the route is closed"
    return f"{here} takes nothing from {other} for {paused_for} s: paused" if paused_for > 0 else ""


def lane_between(lanes: Sequence[LaneState], origin: int, destination: int) -> LaneState:
    """The lane with these ends. MetalayerError if one of them did not answer."""
    for state in lanes:
        if state.ends == (origin, destination):
            return state
    raise MetalayerError(f"the lane from chain {origin} to chain {destination} cannot be read now")
