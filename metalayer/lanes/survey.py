"""Where both ends of every lane stand: what a relayer and a status display start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.lanes.logs import BrokenLane
from metalayer.network.connection import NODE_FAULTS, Connection, call_request, fault
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import genesis_head

Ends = tuple[int, int]
"""A lane: chain ids of origin and destination."""


@dataclass(frozen=True)
class OutboxEnd:
    """An Outbox's end of a lane: place of the last message or restart, head there, place of the last restart or 0."""

    nonce: int
    head: bytes
    restarted_at: int


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
    latest: OutboxEnd
    final: OutboxEnd
    inbox: InboxEnd

    @property
    def ends(self) -> Ends:
        """Its chain ids."""
        return self.origin.chain.chain_id, self.destination.chain.chain_id

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.origin.chain.name} → {self.destination.chain.name}"

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
class _ChainEnds:
    finalized: int
    time: int
    lanes: dict[int, tuple[OutboxEnd, OutboxEnd, InboxEnd]]


def survey(connections: Mapping[str, Connection], address: str, network_id: int) -> Survey:
    """State of all lanes between the chains that answer; all chains in parallel, two round trips each."""
    everything = list(connections.values())

    def read(connection: Connection) -> _ChainEnds | str:
        try:
            return _read_ends(connection, [c for c in everything if c is not connection], address, network_id)
        except NODE_FAULTS as error:
            return fault(connection, error)

    answers = dict(zip((c.chain.chain_id for c in everything), in_parallel(read, everything), strict=True))
    lanes = []
    known = {chain_id: answer for chain_id, answer in answers.items() if isinstance(answer, _ChainEnds)}
    for origin in everything:
        out = known.get(origin.chain.chain_id)
        for destination in everything:
            into = known.get(destination.chain.chain_id)
            if out is None or into is None or destination is origin:
                continue
            latest, final, _ = out.lanes[destination.chain.chain_id]
            inbox = into.lanes[origin.chain.chain_id][2]
            lanes.append(LaneState(origin, destination, latest, final, inbox))
    return Survey(
        lanes,
        [answer for answer in answers.values() if isinstance(answer, str)],
        {chain_id: ends.finalized for chain_id, ends in known.items()},
        {chain_id: ends.time for chain_id, ends in known.items()},
    )


def _read_ends(
    connection: Connection, others: Sequence[Connection], address: str, network_id: int
) -> _ChainEnds:
    here = connection.chain.chain_id
    block = connection.rpc("eth_getBlockByNumber", "latest", False)
    time = int(block["timestamp"], 16)
    finalized = max(0, int(block["number"], 16) - connection.chain.preset.finality_depth)
    answers = connection.batch(
        call
        for other in others
        for call in (
            call_request(address, gateway.encode_outbox_lane(other.chain.chain_id)),
            call_request(address, gateway.encode_outbox_lane(other.chain.chain_id), finalized),
            call_request(address, gateway.encode_inbox_lane(other.chain.chain_id)),
            call_request(address, gateway.encode_route(other.chain.chain_id)),
            call_request(address, gateway.encode_paused_until(other.chain.chain_id)),
        )
    )
    ends = {}
    for i, other in enumerate(others):
        id_ = other.chain.chain_id
        sent, final, inbox, route, paused = (from_hex(answer) for answer in answers[5 * i : 5 * i + 5])
        if not sent or not inbox:
            raise BrokenLane(f"{connection.chain.name}: there is no gateway at {address}: deploy first")
        # The gateway may be younger than the finalized block: nothing is final yet.
        nothing = OutboxEnd(0, genesis_head(network_id, here, id_), 0)
        closed = ""
        if not gateway.decode_route(route).inbound:
            closed = f"{connection.chain.name} takes nothing from {other.chain.name}: the route is closed"
        elif (until := int.from_bytes(paused, "big")) > time:
            closed = (
                f"{connection.chain.name} takes nothing from {other.chain.name} for {until - time} s: paused"
            )
        ends[id_] = (
            _outbox_end(sent),
            _outbox_end(final) if final else nothing,
            InboxEnd(*gateway.decode_lane(inbox), closed),
        )
    return _ChainEnds(finalized, time, ends)


def _outbox_end(data: bytes) -> OutboxEnd:
    return OutboxEnd(*gateway.decode_lane(data), gateway.decode_restarted_at(data))


def lane_between(lanes: Sequence[LaneState], origin: int, destination: int) -> LaneState:
    """The lane with these ends. MetalayerError if one of them did not answer."""
    for state in lanes:
        if state.ends == (origin, destination):
            return state
    raise MetalayerError(f"the lane from chain {origin} to chain {destination} cannot be read now")
