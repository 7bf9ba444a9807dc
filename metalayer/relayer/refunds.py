"""What is due on an origin: refunds of messages that were returned to it, or that a restart left behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from metalayer.lanes.logs import BrokenLane, Sent, find, rebuild, restarts_request
from metalayer.lanes.survey import Ends, LaneState, Survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import gateway
from metalayer.protocol.gateway import LaneRestarted, Noticed, RestartRecord, Walk
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import STORED_HEAD_INTERVAL, extend, genesis_head
from metalayer.protocol.rpc import logs_request, word
from metalayer.relayer.endings import Cursor, Step, apart

# Looking for the place where two histories parted, from the end back: the first step, doubled each time.
_FIRST_STEP = 64
_MOST_IDS = 1 << 16
"""Most places of an Inbox that are asked for together: where it left a lane is only what its chain says."""


@dataclass
class Refunds:
    """Refunds that are due, on every chain of a mesh."""

    mesh: Mesh
    _cursors: dict[int, Cursor] = field(default_factory=dict)
    _abandoned: dict[Ends, int] = field(default_factory=dict)

    def due(self, connection: Connection, found: Survey, _problems: list[str]) -> list[Step]:
        """Messages of which a notice came, and whose senders were not refunded."""
        here, address = connection.chain_id, self.mesh.gateway
        cursor = self._cursors.setdefault(here, Cursor())
        cursor.advance(connection, address, gateway.RETURN_NOTICED, _destination_of)
        notices = dict(cursor.open)
        records = connection.batch(
            gateway.RETURN_NOTICE.request(address, destination, id_) for id_, destination in notices.items()
        )
        for id_, record in zip(list(notices), records, strict=True):
            if record.refunded:
                del cursor.open[id_], notices[id_]
        by_lane: dict[int, list[Sent]] = {}
        for sent in find(connection, self.mesh.domain, list(notices)).values():
            # A chain that lies may send notices of what was never sent to it: nobody can be refunded for those.
            if sent.message.destination == notices[sent.id]:
                by_lane.setdefault(sent.message.destination, []).append(sent)
        return [
            Step(
                gateway.REFUND.encode(sent.message, walk), "refunded", f"refunding message {to_hex(sent.id)}"
            )
            for state in found.lanes
            if state.ends[0] == here and state.ends[1] in by_lane
            for sent, walk in self._walks(state, by_lane[state.ends[1]])
        ]

    def due_abandoned(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Messages that the destination did not have when it followed a restart."""
        here = connection.chain_id
        steps: list[Step] = []
        for state in found.lanes:
            if state.ends[0] == here and state.latest.restarted_at:
                with apart(connection, problems):
                    steps += self._abandoned_of(state)
        return steps

    def _walks(self, state: LaneState, messages: Iterable[Sent]) -> list[tuple[Sent, Walk]]:
        """The shortest way from each message to a head that the Outbox knows."""
        connection, destination = state.origin, state.ends[1]
        restarts = connection.ask(restarts_request(self.mesh.gateway, destination, connection.height()))
        groups: dict[int, list[Sent]] = {}
        for sent in messages:
            groups.setdefault(known_head(sent.message.nonce, state.latest.nonce, restarts), []).append(sent)
        walks = []
        for end, group in groups.items():
            first = min(sent.message.nonce for sent in group)
            steps = rebuild(connection, self.mesh.domain, destination, first, end)
            if first == 1 or any(restart.nonce == first - 1 for restart in restarts):
                before = genesis_head(self.mesh.network_id, state.ends[0], destination, first - 1)
            else:
                before = rebuild(connection, self.mesh.domain, destination, first - 1, first - 1)[0].head
            heads = [before, *(step.head for step in steps)]
            for sent in group:
                place = sent.message.nonce - first
                ids = [step.id for step in steps[place + 1 :]]
                walks.append((sent, Walk(destination, sent.message.nonce, heads[place], ids)))
        return walks

    def _abandoned_of(self, state: LaneState) -> list[Step]:
        connection, destination = state.origin, state.ends[1]
        restarts = connection.ask(restarts_request(self.mesh.gateway, destination, connection.height()))
        records = connection.batch(
            gateway.RESTART_RECORD.request(self.mesh.gateway, destination, restart.nonce)
            for restart in restarts
        )
        steps: list[Step] = []
        begin = 0
        for place, restart in enumerate(restarts):
            # A destination may skip a restart: it says where it left the lane when it follows a later one.
            answers = zip(restarts[place:], records[place:], strict=True)
            followed = next(((later.nonce, record) for later, record in answers if record.followed), None)
            if followed is not None and self._abandoned.get(state.ends, -1) < restart.nonce:
                due = self._left_behind(state, begin, restart, *followed)
                if not due:
                    # All refunded: nothing of this restart is ever due again.
                    self._abandoned[state.ends] = restart.nonce
                steps += due
            begin = restart.nonce
        return steps

    def _left_behind(
        self, state: LaneState, begin: int, restart: LaneRestarted, followed: int, record: RestartRecord
    ) -> list[Step]:
        """Refunds, as far as they are open, of the messages between `begin` and a restart that the Inbox left at
        `record` when it followed the restart at `followed`.
        """
        connection, destination = state.origin, state.ends[1]
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
        due = [message for message, known in zip(open_, records, strict=True) if not known.refunded]
        head = self._head_at(state, begin, parted)
        heads = [head]
        for id_ in inbox:
            heads.append(extend(heads[-1], id_))
        steps = []
        for one, walk in self._walks(state, due):
            place = one.message.nonce - parted - 1
            replaced = one.message.nonce <= record.nonce
            data = gateway.REFUND_ABANDONED.encode(
                one.message,
                walk,
                followed,
                heads[place] if replaced else bytes(32),
                inbox[place:] if replaced else [],
            )
            steps.append(Step(data, "refunded", f"refunding abandoned message {to_hex(one.id)}"))
        return steps

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
        nonces = [word(nonce) for nonce in range(first, last + 1)]
        logs = state.destination.ask(
            logs_request(self.mesh.gateway, [events, None, word(state.ends[0]), nonces])
        )
        by_nonce = {int.from_bytes(log.topics[3], "big"): log.topics[1] for log in logs}
        return [by_nonce[nonce] for nonce in sorted(by_nonce)]


def _destination_of(noticed: Noticed) -> tuple[bytes, int]:
    return noticed.id, noticed.destination


def known_head(nonce: int, lane_nonce: int, restarts: Sequence[LaneRestarted]) -> int:
    """Place of the first head at or after a message that its Outbox keeps: a walk ends there."""
    last = next((restart.last for restart in restarts if restart.last >= nonce), lane_nonce)
    stored = -(-nonce // STORED_HEAD_INTERVAL) * STORED_HEAD_INTERVAL
    return min(stored, last)
