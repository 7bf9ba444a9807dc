"""What is pending on all lanes, rebuilt from logs and checked against the heads."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
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
from metalayer.relayer.loops import guard
from metalayer.relayer.memory import Kind, Memory

MAX_MESSAGES_PER_LANE = 4_096
"""Most messages of one lane in one pass; the next pass takes the rest."""

# An origin whose logs cannot be read: seconds until they are asked for again, doubled each time.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_LOGS = "logs"


@dataclass(frozen=True)
class Work:
    """One lane's messages to deliver, and the facts that may be used for them, ascending; or a restart to follow."""

    state: LaneState
    messages: Sequence[Sent]
    facts: Sequence[LaneFact]
    restart: RestartFact | None = None

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
        return Work(self.state, messages, facts, self.restart if self.restart in proposed else None)

    def after(self, nonce: int) -> "Work":
        """What of it is left when the Inbox is at `nonce`."""
        left = [sent for sent in self.messages if sent.message.nonce > nonce]
        return Work(self.state, left, self.facts)


@dataclass(frozen=True)
class _End:
    """Where the history ends that an Inbox is in: its last final message, and the restart behind it, if any."""

    last: int
    restart: int | None


@dataclass
class Backlog:
    """Reads what is pending. Remembers where in an origin's blocks each lane was reached, to read on from there."""

    mesh: Mesh
    memory: Memory
    _reached: dict[Ends, int] = field(default_factory=dict)

    def collect(
        self, found: Survey, refused: AbstractSet[Ends], run: Run[Any] = in_parallel
    ) -> tuple[list[Work], list[str]]:
        """Rebuilds what is pending from logs, all origins in parallel, and says which lanes are broken.

        refused: restarted lanes of which a quorum refuses the messages before the restart.
        """
        problems: list[str] = []
        by_origin: dict[int, list[LaneState]] = {}
        for state in found.pending:
            if state.inbox.closed:
                problems.append(f"lane {state.name}: {state.inbox.closed}")
                continue
            by_origin.setdefault(state.ends[0], []).append(state)

        def read(origin: Connection) -> tuple[list[Work], list[str]]:
            here = origin.chain_id
            if _LOGS in (waiting := self.memory.waiting(Kind.READING, here)):
                return [], [waiting[_LOGS]]
            failed: list[str] = []
            with guard(origin.name, failed.append):
                answer = self._collect_origin(by_origin[here], found.finalized_blocks[here], refused)
                self.memory.ended(Kind.READING, here, [_LOGS])
                return answer
            reasons = [(_LOGS, why) for why in failed]
            self.memory.failed(Kind.READING, here, reasons, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
            return [], failed

        work = []
        for answer in run(read, [states[0].origin for states in by_origin.values()]):
            if isinstance(answer, str):
                problems.append(answer)
                continue
            work += answer[0]
            problems += answer[1]
        return work, problems

    def _collect_origin(
        self, states: Sequence[LaneState], finalized_block: int, refused: AbstractSet[Ends]
    ) -> tuple[list[Work], list[str]]:
        connection = states[0].origin
        ends, problems = self._ends(connection, states, finalized_block)
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
                    self._check(state, messages, end.last)
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
                work.append(Work(state, messages, _facts(state, messages)))
            elif end.restart is not None:
                work.append(Work(state, [], [], RestartFact(*state.ends, end.restart)))
        return work, problems

    def _ends(
        self, connection: Connection, states: Sequence[LaneState], finalized_block: int
    ) -> tuple[dict[Ends, "_End"], list[str]]:
        """Per lane, the last final message of the history that its Inbox is in, and the next restart, if any. Lanes
        without the log of their restart are left out, with a line for each.
        """
        problems = []
        ends = {state.ends: _End(state.finalized, None) for state in states}
        restarted = [state for state in states if state.is_restarted]
        logs = connection.batch(
            restarts_request(self.mesh.gateway, state.ends[1], finalized_block) for state in restarted
        )
        for state, found in zip(restarted, logs, strict=True):
            ahead = [restart for restart in found if restart.nonce > state.delivered]
            if not ahead:
                found = connection.again(restarts_request(self.mesh.gateway, state.ends[1], finalized_block))
                ahead = [restart for restart in found if restart.nonce > state.delivered]
            if not ahead:
                problems.append(f"lane {state.name}: its node does not have the log of its restart")
                del ends[state.ends]
                continue
            ends[state.ends] = _End(ahead[0].last, ahead[0].nonce)
        return ends, problems

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
        firsts = self._first_logs(connection, states, starts, finalized_block)
        if any(starts) and not all(firsts):
            # What was reached before is not there any more: the chain was reorganised, or restored by a test.
            firsts = self._first_logs(connection, states, [0 for _ in states], finalized_block)
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

    @staticmethod
    def _check(state: LaneState, messages: Sequence[Sent], last: int) -> None:
        if not messages:
            raise Incomplete(f"lane {state.name}: its node does not have the logs of what is pending")
        check(messages, state.delivered, state.inbox.head)
        at_end = messages[-1].message.nonce == last == state.finalized
        if at_end and messages[-1].head != state.final.head:
            raise BrokenLane(f"lane {state.name}: its logs do not hash to its head")

    def _first_logs(
        self, connection: Connection, states: Sequence[LaneState], starts: Sequence[int], last: int
    ) -> list[list[Logged[LaneExtended]]]:
        return connection.batch(
            extended_request(self.mesh.gateway, state.ends[1], state.delivered + 1, start, last)
            for state, start in zip(states, starts, strict=True)
        )


def _facts(state: LaneState, messages: Sequence[Sent]) -> list[LaneFact]:
    """The newest head, and every 64th before it: no batch needs a suffix of more than 63 ids."""
    origin, destination = state.ends
    last = messages[-1].message.nonce
    return [
        LaneFact(origin, destination, sent.message.nonce, sent.head)
        for sent in messages
        if sent.message.nonce == last or sent.message.nonce % STORED_HEAD_INTERVAL == 0
    ]
