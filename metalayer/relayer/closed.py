"""What closed and paused lanes take in: what has expired, the notices before that, and restarts.

Nothing here is urgent, and all of it may be weeks old. So each lane is read by itself, apart from the open ones, and
only when there may be something to take in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from metalayer.lanes.logs import Incomplete, Sent, sent_between
from metalayer.lanes.survey import Ends, LaneState, Run, Survey
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol.facts import RestartFact
from metalayer.protocol.message import NEVER_EXPIRES
from metalayer.relayer.backlog import (
    MAX_MESSAGES_PER_LANE,
    Collected,
    Work,
    check_pending,
    ends_of,
    facts_of,
    first_logs,
    of_origins,
    put_off,
)
from metalayer.relayer.loops import guard
from metalayer.relayer.memory import Kind, Memory

REST = 600
"""Seconds of the destination's clock until a lane on which only notices wait is read again."""

_LOGS = "logs of closed lanes"


@dataclass(frozen=True)
class _First:
    """The first message that a lane did not take in yet: its block, and the last second (Unix, of the destination's
    clock) in which there is nothing to take in.
    """

    block: int
    rests_until: int


@dataclass
class ClosedLanes:
    """Reads what they take in. Remembers where their first messages are, and until when there is nothing to do."""

    mesh: Mesh
    memory: Memory
    _firsts: dict[Ends, dict[bytes, _First]] = field(default_factory=dict)
    """By the Inbox's head before it."""

    def collect(self, found: Survey, run: Run[Any] = in_parallel) -> Collected:
        """What can be taken in, all origins in parallel. Says which lanes are closed."""
        closed = [state for state in found.pending if state.inbox.closed]
        said = [f"lane {state.name}: {state.inbox.closed}" for state in closed]
        due = [state for state in closed if not self._rests(state, found.times[state.ends[1]])]
        work, problems = of_origins(
            self.memory, _LOGS, due, lambda states: self._collect_origin(states, found), run
        )
        return work, said + problems

    def _rests(self, state: LaneState, now: int) -> bool:
        first = self._firsts.get(state.ends, {}).get(state.inbox.head)
        return first is not None and now <= first.rests_until and not state.is_restarted

    def _collect_origin(self, states: Sequence[LaneState], found: Survey) -> Collected:
        here = states[0].ends[0]
        finalized_block = found.finalized_blocks[here]
        ends, problems = ends_of(self.mesh.gateway, states, finalized_block)
        waiting = self.memory.waiting(Kind.READING, here)
        work = []
        for state in states:
            if state.ends not in ends:
                continue
            if (restart := ends[state.ends].restart) is not None:
                # Whoever restarted the lane sends back what stands before: it does not wait for the lane to open.
                work.append(Work(state, [], [], RestartFact(*state.ends, restart)))
                continue
            item = f"{_LOGS} {state.ends[1]}"
            if item in waiting:
                problems.append(waiting[item])
                continue
            failed: list[str] = []
            with guard("", failed.append):
                if messages := self._harmless(state, found.times[state.ends[1]], finalized_block):
                    work.append(Work(state, messages, facts_of(state, messages)))
                self.memory.ended(Kind.READING, here, [item])
            put_off(self.memory, here, item, failed)
            problems += failed
        return work, problems

    def _harmless(self, state: LaneState, now: int, finalized_block: int) -> Sequence[Sent]:
        """The next messages that an Inbox takes in though its lane is closed, up to the last of them that has expired.

        A notice is paid for once the lane is open: it is put aside only where it is in the way.
        """
        before = state.inbox.head
        # What fails from here on is looked for from the beginning the next time.
        known = self._firsts.pop(state.ends, {}).get(before)
        block = self._first_block(state, now, finalized_block) if known is None else known.block
        if block is None:
            return []
        read, is_stopped = self._read(state, now, block, finalized_block)
        check_pending(state, read, state.finalized)
        taken = list(takewhile(lambda sent: self._is_harmless(sent, now), read))
        while taken and not _is_expired(taken[-1].message.deliver_before, now):
            taken.pop()
        left = read[len(taken) :]
        firsts = self._firsts[state.ends] = {before: _First(block, 0)}
        if left:
            until = read[-1].message.deliver_before if is_stopped else now + REST
            firsts[taken[-1].head if taken else before] = _First(left[0].block, until)
        return taken

    def _first_block(self, state: LaneState, now: int, finalized_block: int) -> int | None:
        """Block of the first message. None if its log alone says that there is nothing to take in."""
        (logs,) = first_logs(self.mesh.gateway, [state], [0], finalized_block)
        if not logs:
            raise Incomplete(f"lane {state.name}: its node does not have the logs of what is pending")
        deadline, block = logs[0].event.deliver_before, logs[0].log.block
        if deadline == NEVER_EXPIRES or _is_expired(deadline, now):
            return block
        self._firsts[state.ends] = {state.inbox.head: _First(block, deadline)}
        return None

    def _read(self, state: LaneState, now: int, block: int, finalized_block: int) -> tuple[list[Sent], bool]:
        """The lane's next messages, up to the first that the Inbox does not take in now; True if there is one."""
        last = min(state.finalized, state.delivered + MAX_MESSAGES_PER_LANE)
        wanted = {state.ends[1]: range(state.delivered + 1, last + 1)}
        read: list[Sent] = []
        for some in sent_between(state.origin, self.mesh.domain, wanted, block, finalized_block):
            for sent in some:
                read.append(sent)
                if not self._is_harmless(sent, now):
                    return read, True
            if read and read[-1].message.nonce >= last:
                break
        return read, False

    def _is_harmless(self, sent: Sent, now: int) -> bool:
        message = sent.message
        return _is_expired(message.deliver_before, now) or message.is_notice_of(self.mesh.gateway)


def _is_expired(deadline: int, now: int) -> bool:
    return deadline < now
