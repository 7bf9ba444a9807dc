"""What is pending on open lanes, rebuilt from logs and checked against the heads."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from metalayer.lanes.logs import (
    BrokenLane,
    Incomplete,
    Sent,
    check,
    extended_request,
    restarts_request,
    sent_between,
)
from metalayer.lanes.survey import Ends, LaneState, Run, Survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol.abi import Logged
from metalayer.protocol.facts import LaneFact, RestartFact
from metalayer.protocol.gateway import LaneExtended
from metalayer.protocol.message import STORED_HEAD_INTERVAL
from metalayer.protocol.rpc import block_request
from metalayer.relayer.loops import guard
from metalayer.relayer.memory import Kind, Memory

MAX_MESSAGES_PER_LANE = 4_096
"""Most messages of one lane in one pass; the next pass takes the rest."""

# An origin whose logs cannot be read: seconds until they are asked for again, doubled each time.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_LOGS = "logs"

Collected = tuple[list["Work"], list[str]]
"""What is to be done, and a line for each lane or chain where something is wrong."""


@dataclass(frozen=True)
class Work:
    """One lane's messages to deliver, and the facts that may be used for them, ascending; or a restart to follow.

    `times`: of the messages' blocks (Unix seconds), where some may be ahead of the destination's clock. `waiting`: what
    stands behind the messages and must not be delivered yet, up to the last fact.
    """

    state: LaneState
    messages: Sequence[Sent]
    facts: Sequence[LaneFact]
    restart: RestartFact | None = None
    times: Mapping[int, int] = field(default_factory=dict)
    waiting: Sequence[Sent] = ()

    @property
    def all_facts(self) -> Sequence[LaneFact | RestartFact]:
        """What must be signed for it."""
        return self.facts if self.restart is None else [self.restart]

    @property
    def first_deadline(self) -> int:
        """Unix time at which the first of the messages expires."""
        return min((sent.message.deliver_before for sent in self.messages), default=0)

    def within(self, proposed: AbstractSet[LaneFact | RestartFact]) -> "Work":
        """What of it can be delivered with these facts alone."""
        facts = [fact for fact in self.facts if fact in proposed]
        last = facts[-1].nonce if facts else 0
        messages = [sent for sent in self.messages if sent.message.nonce <= last]
        restart = self.restart if self.restart in proposed else None
        return Work(self.state, messages, facts, restart, self.times)

    def after(self, nonce: int) -> "Work":
        """What of it is left when the Inbox is at `nonce`."""
        left = [sent for sent in self.messages if sent.message.nonce > nonce]
        return replace(self, messages=left, restart=None)


@dataclass(frozen=True)
class End:
    """Where the history ends that an Inbox is in: its last final message, and the restart behind it, if any."""

    last: int
    restart: int | None


@dataclass
class Backlog:
    """Reads what is pending. Remembers where in an origin's blocks each lane was reached, to read on from there."""

    mesh: Mesh
    memory: Memory
    _reached: dict[Ends, int] = field(default_factory=dict)

    def collect(self, found: Survey, refused: AbstractSet[Ends], run: Run[Any] = in_parallel) -> Collected:
        """Rebuilds what is pending from logs, all origins in parallel, and says which lanes are broken.

        refused: restarted lanes of which a quorum refuses the messages before the restart.
        """
        states = [state for state in found.pending if not state.inbox.closed]

        def collect(some: Sequence[LaneState]) -> Collected:
            work, problems = self._collect_origin(some, found.finalized_blocks[some[0].ends[0]], refused)
            return timed(work, found.times), problems

        return of_origins(self.memory, _LOGS, states, collect, run)

    def _collect_origin(
        self, states: Sequence[LaneState], finalized_block: int, refused: AbstractSet[Ends]
    ) -> tuple[list[Work], list[str]]:
        connection = states[0].origin
        ends, problems = ends_of(self.mesh.gateway, states, finalized_block)
        states = [state for state in states if state.ends in ends]
        waiting = [state for state in states if ends[state.ends].last > state.delivered]
        wanted = {
            state.ends: min(ends[state.ends].last, state.delivered + MAX_MESSAGES_PER_LANE)
            for state in waiting
        }
        by_destination: dict[int, list[Sent]] = {}
        for found in self._sent_since(connection, waiting, wanted, finalized_block):
            by_destination.setdefault(found.message.destination, []).append(found)
        work = []
        for state in states:
            end = ends[state.ends]
            sent = by_destination.get(state.ends[1], [])
            messages = [found for found in sent if found.message.nonce > state.delivered]
            try:
                if end.last > state.delivered:
                    check_pending(state, messages, end.last)
            except Incomplete as error:
                # Never a reason to follow a restart: what only this node lacks would be left behind.
                problems.append(str(error))
                continue
            except BrokenLane as error:
                if end.restart is None:
                    problems.append(str(error))
                    continue
                # What a reorganisation broke goes on behind the restart.
                messages = []
            if messages and not (end.restart is not None and state.ends in refused):
                self._reached[state.ends] = messages[0].block
                work.append(Work(state, messages, facts_of(state, messages)))
            elif end.restart is not None:
                work.append(Work(state, [], [], RestartFact(*state.ends, end.restart)))
        return work, problems

    def _sent_since(
        self,
        connection: Connection,
        states: Sequence[LaneState],
        wanted: Mapping[Ends, int],
        finalized_block: int,
    ) -> list[Sent]:
        """What was sent on these lanes from their first undelivered messages to the places that are wanted, and some
        before. A backlog is read that far only: the next pass goes on from there.
        """
        if not states:
            return []
        starts = [self._reached.get(state.ends, 0) for state in states]
        firsts = first_logs(self.mesh.gateway, states, starts, finalized_block)
        if any(starts) and not all(firsts):
            # What was reached before is not there any more: the chain was reorganised, or restored by a test.
            firsts = first_logs(self.mesh.gateway, states, [0 for _ in states], finalized_block)
        blocks = [logs[0].log.block for logs in firsts if logs]
        if not blocks:
            return []
        missing = set(wanted)
        lanes = {state.ends[1]: range(state.delivered + 1, wanted[state.ends] + 1) for state in states}
        found = []
        for messages in sent_between(connection, self.mesh.domain, lanes, min(blocks), finalized_block):
            found += messages
            missing -= {sent.ends for sent in messages if sent.message.nonce == wanted[sent.ends]}
            if not missing:
                break
        return found


def of_origins(
    memory: Memory,
    item: str,
    states: Sequence[LaneState],
    collect: Callable[[Sequence[LaneState]], Collected],
    run: Run[Any],
) -> Collected:
    """What `collect` finds of each origin's lanes, all origins in parallel. One that cannot be read waits as `item`."""
    by_origin: dict[int, list[LaneState]] = {}
    for state in states:
        by_origin.setdefault(state.ends[0], []).append(state)

    def read(origin: Connection) -> Collected:
        here = origin.chain_id
        if item in (waiting := memory.waiting(Kind.READING, here)):
            return [], [waiting[item]]
        failed: list[str] = []
        with guard(origin.name, failed.append):
            answer = collect(by_origin[here])
            memory.ended(Kind.READING, here, [item])
            return answer
        put_off(memory, here, item, failed)
        return [], failed

    work: list[Work] = []
    problems: list[str] = []
    for answer in run(read, [states[0].origin for states in by_origin.values()]):
        if isinstance(answer, str):
            problems.append(answer)
            continue
        work += answer[0]
        problems += answer[1]
    return work, problems


def put_off(memory: Memory, origin: int, item: str, reasons: Sequence[str]) -> None:
    """Remembers why logs of a chain cannot be read."""
    failed = [(item, why) for why in reasons]
    memory.failed(Kind.READING, origin, failed, first=_FIRST_WAIT, longest=_LONGEST_WAIT)


def ends_of(
    gateway: str, states: Sequence[LaneState], finalized_block: int
) -> tuple[dict[Ends, End], list[str]]:
    """Per lane of one origin, the last final message of the history that its Inbox is in, and the next restart, if any.
    Lanes without the log of their restart are left out, with a line for each.
    """
    connection = states[0].origin
    problems = []
    ends = {state.ends: End(state.finalized, None) for state in states}
    restarted = [state for state in states if state.is_restarted]
    logs = connection.batch(restarts_request(gateway, state.ends[1], finalized_block) for state in restarted)
    for state, found in zip(restarted, logs, strict=True):
        ahead = [restart for restart in found if restart.nonce > state.delivered]
        if not ahead:
            found = connection.again(restarts_request(gateway, state.ends[1], finalized_block))
            ahead = [restart for restart in found if restart.nonce > state.delivered]
        if not ahead:
            problems.append(f"lane {state.name}: its node does not have the log of its restart")
            del ends[state.ends]
            continue
        ends[state.ends] = End(ahead[0].last, ahead[0].nonce)
    return ends, problems


def first_logs(
    gateway: str, states: Sequence[LaneState], starts: Sequence[int], last: int
) -> list[list[Logged[LaneExtended]]]:
    """The log of the first message that each lane's Inbox does not have, in blocks from `starts` to `last`: none if its
    node does not know it.
    """
    connection = states[0].origin
    return connection.batch(
        extended_request(gateway, state.ends[1], state.delivered + 1, start, last)
        for state, start in zip(states, starts, strict=True)
    )


def check_pending(state: LaneState, messages: Sequence[Sent], last: int) -> None:
    """BrokenLane unless the messages continue the lane that the Inbox has, whose history ends at `last`; Incomplete if
    some are missing.
    """
    if not messages:
        raise Incomplete(f"lane {state.name}: its node does not have the logs of what is pending")
    check(messages, state.delivered, state.inbox.head)
    at_end = messages[-1].message.nonce == last == state.finalized
    if at_end and messages[-1].head != state.final.head:
        raise BrokenLane(f"lane {state.name}: its logs do not hash to its head")


def facts_of(state: LaneState, messages: Sequence[Sent]) -> list[LaneFact]:
    """The newest head, and every 64th before it: no batch needs a suffix of more than 63 ids."""
    origin, destination = state.ends
    last = messages[-1].message.nonce
    return [
        LaneFact(origin, destination, sent.message.nonce, sent.head)
        for sent in messages
        if sent.message.nonce == last or sent.message.nonce % STORED_HEAD_INTERVAL == 0
    ]


def timed(work: Sequence[Work], now: Mapping[int, int]) -> list[Work]:
    """Lanes of one origin, with the times of their blocks where the newest is ahead of the destination's clock.

    `now`: clocks by chain id (Unix seconds). One request for all lanes, another for each that is ahead.
    """
    lanes = [lane for lane in work if lane.messages]
    if not lanes:
        return list(work)
    origin = lanes[0].state.origin
    newest = _times(origin, {lane.messages[-1].block for lane in lanes})

    def with_times(lane: Work) -> Work:
        if not lane.messages or newest[lane.messages[-1].block] <= now[lane.state.ends[1]]:
            return lane
        return replace(lane, times=_times(origin, {sent.block for sent in lane.messages}))

    return [with_times(lane) for lane in work]


def _times(origin: Connection, blocks: set[int]) -> dict[int, int]:
    found = origin.batch(block_request(block) for block in sorted(blocks))
    return {block.number: block.time for block in found}
