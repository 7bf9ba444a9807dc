"""What is due on an origin: refunds of messages that were returned to it, or that a restart left behind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from metalayer.lanes.logs import BrokenLane, Sent, find, rebuild, restarts_request
from metalayer.lanes.survey import Ends, LaneState, Survey
from metalayer.lanes.walks import known_head, walks_to
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.rpc import Reverted
from metalayer.protocol import gateway
from metalayer.protocol.gateway import LaneRestarted, Noticed, RestartRecord, Walk
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import Fee, extend, genesis_head
from metalayer.protocol.rpc import logs_request, word
from metalayer.relayer.endings import MOST_STEPS, Cursor, Step, fair
from metalayer.relayer.gas import ending_gas, refund_gas
from metalayer.relayer.loops import Loops, guard
from metalayer.relayer.memory import Kind, Memory

# Looking for the place where two histories parted, from the end back: the first step, doubled each time.
_FIRST_STEP = 64
# Nodes take 1,000 topics in one place of a filter.
_MOST_TOPICS = 500
_MOST_IDS = 1 << 16
"""Most places of an Inbox that are asked for together: where it left a lane is only what its chain says."""
# Nodes take no transaction of more than 128 KiB: a third of that is left for a message and its walk.
_IDS_PER_CALL = 2_700


@dataclass(frozen=True)
class _Left:
    """How an Inbox left a lane when it followed a restart: the ids of what it had behind `parted`, and its heads there
    and after each of them.
    """

    followed: int
    parted: int
    ids: Sequence[bytes]
    heads: Sequence[bytes]

    @property
    def last(self) -> int:
        """The place where it left the lane."""
        return self.parted + len(self.ids)

    def head(self, nonce: int) -> bytes:
        """After the message at a place."""
        return self.heads[nonce - self.parted]

    def between(self, nonce: int, end: int) -> Sequence[bytes]:
        """Ids that lead from the head at one place to that at another."""
        return self.ids[nonce - self.parted : end - self.parted]


@dataclass
class Refunds:
    """Refunds that are due, on every chain of a mesh."""

    mesh: Mesh
    memory: Memory
    loops: Loops
    _cursors: dict[int, Cursor] = field(default_factory=dict)
    _open: dict[tuple[Ends, int], set[str]] = field(default_factory=dict)
    """Messages that restarts left behind and that were not refunded when they were looked at last: with none, or only
    some that wait, a lane's history is not read again.
    """

    def due(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Messages of which a notice came, and whose senders were not refunded.

        Those that failed are not even asked for while they wait; of the others a few from each lane, in turn.
        """
        here, address = connection.chain_id, self.mesh.gateway
        cursor = self._cursors.setdefault(here, Cursor())
        cursor.advance(connection, address, gateway.RETURN_NOTICED, _destination_of)
        lanes = {state.ends[1]: state for state in found.lanes if state.ends[0] == here}
        waiting = self.memory.waiting(Kind.REFUND, here)
        chosen = fair(
            (
                (destination, (id_, destination))
                for id_, destination in cursor.open.items()
                if destination in lanes and to_hex(id_) not in waiting
            ),
            MOST_STEPS,
        )
        epochs = self._epochs(connection, {destination for _, destination in chosen})
        records = connection.batch(
            gateway.RETURN_NOTICE.request(address, destination, id_) for id_, destination in chosen
        )
        for (id_, destination), record in zip(chosen, records, strict=True):
            if not record.refunded and record.epoch != epochs[destination]:
                stale = "its notice came before the lane was restarted, and has to come again"
                self.memory.failed(Kind.REFUND, here, [(to_hex(id_), stale)])
        counting = [
            (id_, destination)
            for (id_, destination), record in zip(chosen, records, strict=True)
            if record.epoch == epochs[destination]
        ]
        refunded = [id_ for (id_, _), record in zip(chosen, records, strict=True) if record.refunded]
        for id_ in refunded:
            del cursor.open[id_]
        self.memory.ended(Kind.REFUND, here, map(to_hex, refunded))
        by_lane: dict[int, list[bytes]] = {}
        for id_, destination in counting:
            if id_ in cursor.open:
                by_lane.setdefault(destination, []).append(id_)
        steps = []
        for destination, ids in by_lane.items():
            with guard(lanes[destination].destination.name, problems.append):
                steps += self._of_lane(lanes[destination], ids)
        return steps

    def _epochs(self, connection: Connection, destinations: Iterable[int]) -> dict[int, int]:
        """Of the lanes back, by destination: notices of another epoch do not count."""
        wanted = sorted(destinations)
        epochs = connection.batch(gateway.LANE_EPOCH.request(self.mesh.gateway, one) for one in wanted)
        return dict(zip(wanted, epochs, strict=True))

    def _of_lane(self, state: LaneState, ids: Sequence[bytes]) -> list[Step]:
        """Refunds of what a destination says it sent back. It may lie: then nothing like it was sent there."""
        connection, (here, destination) = state.origin, state.ends
        sent = find(connection, self.mesh.domain, ids)
        real = [one for one in sent.values() if one.message.destination == destination]
        junk = {*ids} - {one.id for one in real}
        # Or the node does not have their logs now: they are looked for again, later each time.
        unknown = f"{connection.name} sent no such message to {state.destination.name}"
        self.memory.failed(Kind.REFUND, here, [(to_hex(id_), unknown) for id_ in junk])
        steps = []
        for one, walk in self._walks(state, real):
            with guard(connection.name, self._putting_off(state, [to_hex(one.id)])):
                data = gateway.REFUND.encode(one.message, walk)
                steps.append(_step(state, one, data, "refunding message"))
        return steps

    def due_abandoned(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Messages that the destination did not have when it followed a restart."""
        here = connection.chain_id
        steps: list[Step] = []
        for state in found.lanes:
            if state.ends[0] == here and state.latest.restarted_at:
                with guard(connection.name, problems.append):
                    steps += self._abandoned_of(state)
        return steps

    def _walks(self, state: LaneState, messages: Iterable[Sent]) -> list[tuple[Sent, Walk]]:
        """The shortest way from each message to a head that the Outbox knows. Messages whose surroundings cannot be
        read are put off.
        """
        connection, destination = state.origin, state.ends[1]
        # Not as it was when the pass began: a newest head is known only until the lane's next message.
        lane, restarts = connection.batch(
            (
                gateway.OUTBOX_LANE.request(self.mesh.gateway, destination),
                restarts_request(self.mesh.gateway, destination, connection.height()),
            )
        )
        groups: dict[int, list[Sent]] = {}
        for sent in messages:
            groups.setdefault(known_head(sent.message.nonce, lane.nonce, restarts), []).append(sent)
        walks = []
        for end, group in groups.items():
            with guard(connection.name, self._putting_off(state, [to_hex(sent.id) for sent in group])):
                walks += walks_to(connection, self.mesh.domain, end, group, restarts)
        return walks

    def _putting_off(self, state: LaneState, items: Sequence[str]) -> Callable[[str], None]:
        """Remembers why these failed."""
        return lambda why: self.memory.failed(Kind.REFUND, state.ends[0], [(item, why) for item in items])

    def _abandoned_of(self, state: LaneState) -> list[Step]:
        connection, (here, destination) = state.origin, state.ends
        restarts = connection.ask(restarts_request(self.mesh.gateway, destination, connection.height()))
        records = connection.batch(
            gateway.RESTART_RECORD.request(self.mesh.gateway, destination, restart.nonce)
            for restart in restarts
        )
        epoch = self._epochs(connection, [destination])[destination]
        waiting = self.memory.waiting(Kind.REFUND, here)
        steps: list[Step] = []
        begin = 0
        for place, restart in enumerate(restarts):
            # A destination may skip a restart: it says where it left the lane when it follows a later one.
            answers = zip(restarts[place:], records[place:], strict=True)
            followed = next(
                (
                    (later.nonce, record)
                    for later, record in answers
                    if record.followed and record.epoch == epoch
                ),
                None,
            )
            key = (state.ends, restart.nonce)
            item = f"restart {destination} {restart.nonce}"
            is_idle = item in waiting or (key in self._open and self._open[key] <= waiting.keys())
            if followed is not None and not is_idle:
                with guard(state.destination.name, self._putting_off(state, [item])):
                    steps += self._left_behind(state, begin, restart, *followed)
            begin = restart.nonce
        return steps

    def _left_behind(
        self, state: LaneState, begin: int, restart: LaneRestarted, followed: int, record: RestartRecord
    ) -> list[Step]:
        """Refunds, as far as they are open, of the messages between `begin` and a restart that the Inbox left at
        `record` when it followed the restart at `followed`.
        """
        connection, destination = state.origin, state.ends[1]
        key = (state.ends, restart.nonce)
        self._open[key] = set()
        if restart.last <= begin:
            return []
        parted, inbox = begin, list[bytes]()
        if record.nonce > begin:
            parted, inbox = self._parted(state, begin, restart, record)
        if parted >= restart.last:
            return []
        sent = rebuild(connection, self.mesh.domain, destination, parted + 1, restart.last)
        open_ = [
            one
            for one in sent
            if not one.message.is_of_gateways
            and (one.message.nonce > record.nonce or inbox[one.message.nonce - parted - 1] != one.id)
        ]
        records = connection.batch(
            gateway.RETURN_NOTICE.request(self.mesh.gateway, destination, message.id) for message in open_
        )
        left = [message for message, known in zip(open_, records, strict=True) if not known.refunded]
        self._open[key] = {to_hex(message.id) for message in left}
        waiting = self.memory.waiting(Kind.REFUND, state.ends[0])
        due = [message for message in left if to_hex(message.id) not in waiting][:MOST_STEPS]
        if not due:
            return []
        heads = [self._head_at(state, begin, parted)]
        for id_ in inbox:
            heads.append(extend(heads[-1], id_))
        left_at = _Left(followed, parted, inbox, heads)
        known, steps = self._recorded(state, left_at, due[0].message.nonce)
        ready: dict[bytes, tuple[bytes, Sequence[bytes]]] = {}
        for one in due:
            nonce = one.message.nonce
            end = next((end for end in known if nonce <= end < nonce + _IDS_PER_CALL), None)
            if nonce > record.nonce:
                ready[one.id] = bytes(32), []
            elif end is not None:
                ready[one.id] = left_at.head(nonce - 1), left_at.between(nonce - 1, end)
        for one, walk in self._walks(state, [one for one in due if one.id in ready]):
            data = gateway.REFUND_ABANDONED.encode(one.message, walk, followed, *ready[one.id])
            steps.append(_step(state, one, data, "refunding abandoned message"))
        return steps

    def _recorded(self, state: LaneState, left: _Left, lowest: int) -> tuple[list[int], list[Step]]:
        """Places at which the origin knows the Inbox's head, from the last one down as far as a message at `lowest`
        needs them; and how the next one of them is recorded, if it is not.
        """
        connection, destination, address = state.origin, state.ends[1], self.mesh.gateway
        known = [left.last]
        while known[-1] - _IDS_PER_CALL >= lowest:
            end, place = known[-1], known[-1] - _IDS_PER_CALL
            values = destination, left.followed, place, left.head(place)
            try:
                # From nowhere to there leads no id but with a head that is recorded.
                connection.call(address, gateway.RECORD_INBOX_HEAD.encode(*values, []))
            except Reverted:
                data = gateway.RECORD_INBOX_HEAD.encode(*values, left.between(place, end))
                item, what = (
                    f"{destination} {left.followed} {place}",
                    f"recording the head at {place} of lane",
                )
                return known, [
                    Step(Kind.RECORD, item, destination, data, ending_gas(data), f"{what} {state.name}")
                ]
            known.append(place)
        return known, []

    def _parted(
        self, state: LaneState, begin: int, restart: LaneRestarted, record: RestartRecord
    ) -> tuple[int, list[bytes]]:
        """Last place at or after `begin` where both ends surely had one head, and the Inbox's ids from there on."""
        step = _FIRST_STEP
        while True:
            place = max(begin, min(record.nonce, restart.last) - step)
            ids = self._inbox_ids(state, place + 1, record.nonce)
            head = self._head_at(state, begin, place)
            for id_ in ids:
                head = extend(head, id_)
            if head == record.head and len(ids) == record.nonce - place:
                return place, ids
            if place == begin:
                raise BrokenLane(
                    f"lane {state.name}: the logs of its destination do not lead to where it left the lane"
                )
            step *= 2

    def _head_at(self, state: LaneState, begin: int, place: int) -> bytes:
        if place == begin:
            return genesis_head(self.mesh.network_id, *state.ends, begin)
        rebuilt = rebuild(state.origin, self.mesh.domain, state.ends[1], place, place)
        return rebuilt[0].head

    def _inbox_ids(self, state: LaneState, first: int, last: int) -> list[bytes]:
        """Ids of what the Inbox tried at these places, in order: every first attempt is logged."""
        if last - first >= _MOST_IDS:
            raise BrokenLane(
                f"lane {state.name}: its destination says that it left it at {last}, {last - first} places further "
                "than can be looked into"
            )
        events = [gateway.MESSAGE_DELIVERED.topic, gateway.MESSAGE_FAILED.topic]
        requests = [
            logs_request(
                self.mesh.gateway,
                [
                    events,
                    None,
                    word(state.ends[0]),
                    [word(nonce) for nonce in range(begin, min(begin + _MOST_TOPICS, last + 1))],
                ],
            )
            for begin in range(first, last + 1, _MOST_TOPICS)
        ]
        answers = self.loops.elsewhere(
            state.origin, state.destination, partial(state.destination.batch, requests)
        )
        by_nonce = {int.from_bytes(log.topics[3], "big"): log.topics[1] for logs in answers for log in logs}
        return [by_nonce[nonce] for nonce in sorted(by_nonce)]


def _destination_of(noticed: Noticed) -> tuple[bytes, int]:
    return noticed.id, noticed.destination


def _step(state: LaneState, sent: Sent, data: bytes, what: str) -> Step:
    item = to_hex(sent.id)
    gas = refund_gas(data, Fee.unpack(sent.message.fee).return_gas_limit)
    return Step(Kind.REFUND, item, state.ends[1], data, gas, f"{what} {item}")
