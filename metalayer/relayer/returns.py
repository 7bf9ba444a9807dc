"""What is due on a destination: notices that messages go back to their senders, and that restarts were followed; and
those of others that were put aside there while their lane was closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from metalayer.lanes.logs import Sent, find
from metalayer.lanes.survey import LaneState, Survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import gateway
from metalayer.protocol.gateway import Failed, Status
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request
from metalayer.relayer.endings import MOST_STEPS, Cursor, Step, fair
from metalayer.relayer.gas import ending_gas
from metalayer.relayer.limits import Limits
from metalayer.relayer.loops import Loops, guard
from metalayer.relayer.memory import Kind, Memory


@dataclass
class Returns:
    """Notices that are due, on every chain of a mesh."""

    mesh: Mesh
    memory: Memory
    loops: Loops
    limits: Limits
    _cursors: dict[int, Cursor] = field(default_factory=dict)
    _sent: dict[bytes, Sent] = field(default_factory=dict)

    def due(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Failed and expired messages whose time has passed, and those whose notice was lost with a restart."""
        here = connection.chain_id
        # Lanes on which the notices go, by the chain to which: where each was restarted last.
        back = {state.ends[1]: state.latest.restarted_at for state in found.lanes if state.ends[0] == here}
        cursor = self._cursors.setdefault(here, Cursor())
        cursor.advance(
            connection, self.mesh.gateway, gateway.MESSAGE_FAILED, _origin_of, tuple(back.values())
        )
        origins = {state.ends[0]: state.origin for state in found.lanes if state.ends[1] == here}
        waiting = self.memory.waiting(Kind.RETURN, here)
        chosen = fair(
            (
                (origin, id_)
                for id_, origin in cursor.open.items()
                if origin in origins
                and to_hex(id_) not in waiting
                and not self._is_in_time(id_, found.times[here])
            ),
            MOST_STEPS,
        )
        steps = []
        for origin, ids in self._unended(connection, chosen, origins, back, problems).items():
            source = origins[origin]
            with guard(source.name, problems.append):
                unknown = [id_ for id_ in ids if id_ not in self._sent]
                # It keeps by itself what it finds: if it is late, the next pass has it.
                self.loops.elsewhere(connection, source, partial(self._find, source, unknown))
                lost = [to_hex(id_) for id_ in unknown if id_ not in self._sent]
                why = f"{source.name} does not have it"
                self.memory.failed(Kind.RETURN, here, [(item, why) for item in lost])
            for id_ in ids:
                if id_ in self._sent and not self._is_in_time(id_, found.times[here]):
                    data = gateway.return_call(self._sent[id_].message)
                    what = f"returning message {to_hex(id_)}"
                    steps.append(Step(Kind.RETURN, to_hex(id_), origin, data, ending_gas(data), what))
        return steps

    def failed(self, here: int) -> dict[bytes, Sent]:
        """Messages that failed on a chain and have not ended, as far as `due` came to know them."""
        cursor = self._cursors.get(here, Cursor())
        return {id_: self._sent[id_] for id_ in cursor.open if id_ in self._sent}

    def _find(self, origin: Connection, ids: Sequence[bytes]) -> None:
        if ids:
            self._sent.update(find(origin, self.mesh.domain, ids))

    def _is_in_time(self, id_: bytes, now: int) -> bool:
        """True if a message is known and may still be retried: nobody can return it yet."""
        return id_ in self._sent and self._sent[id_].message.deliver_before >= now

    def _unended(
        self,
        connection: Connection,
        ids: Sequence[bytes],
        origins: dict[int, Connection],
        back: dict[int, int],
        problems: list[str],
    ) -> dict[int, list[bytes]]:
        """Messages among these that need a notice, by origin. What ended leaves the cursor."""
        here, address = connection.chain_id, self.mesh.gateway
        cursor = self._cursors[here]
        answers = connection.batch(gateway.MESSAGE_STATUS.request(address, id_) for id_ in ids)
        unended: dict[int, list[bytes]] = {}
        doubtful: dict[int, list[bytes]] = {}
        for id_, (status, notice) in zip(ids, answers, strict=True):
            origin = cursor.open[id_]
            if status is Status.NONE and cursor.is_recent(id_):
                # It was retried since, or its node has the log and not the state: who asks later knows.
                continue
            if status is Status.NONE or notice > back.get(origin, 0):
                del cursor.open[id_]
                self._sent.pop(id_, None)
            else:
                (doubtful if notice else unended).setdefault(origin, []).append(id_)
        for origin, noticed in doubtful.items():
            # The lane of their notices was restarted since: those that had not arrived are lost.
            with guard(origins[origin].name, problems.append):
                requests = [
                    gateway.LANE_EPOCH.request(address, here),
                    *(gateway.RETURN_NOTICE.request(address, here, id_) for id_ in noticed),
                ]
                epoch, *records = self.loops.elsewhere(
                    connection, origins[origin], partial(_ask, origins[origin], requests)
                )
                for id_, record in zip(noticed, records, strict=True):
                    if not record.refunded and (record.carrier is None or record.epoch != epoch):
                        unended.setdefault(origin, []).append(id_)
                    else:
                        del cursor.open[id_]
        return unended

    def due_restarts(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Restarts that this chain followed, and whose notice may have been lost with a restart of the lane back."""
        here, address = connection.chain_id, self.mesh.gateway
        restarted = {s.ends[1] for s in found.lanes if s.ends[0] == here and s.latest.restarted_at}
        origins = {s.ends[0]: s.origin for s in found.lanes if s.ends[1] == here and s.ends[0] in restarted}
        if not origins:
            return []
        steps = []
        followed = connection.ask(gateway.RESTART_FOLLOWED.logs(address))
        for origin, source in origins.items():
            nonces = list(dict.fromkeys(event.nonce for event, _ in followed if event.origin == origin))
            with guard(source.name, problems.append):
                requests = [
                    gateway.LANE_EPOCH.request(address, here),
                    *(gateway.RESTART_RECORD.request(address, here, nonce) for nonce in nonces),
                ]
                epoch, *records = self.loops.elsewhere(connection, source, partial(_ask, source, requests))
                steps += [
                    _again(source, nonce)
                    for nonce, record in zip(nonces, records, strict=True)
                    if not record.followed or record.epoch != epoch
                ]
        return steps

    def due_aside(
        self, relayer: str, connection: Connection, found: Survey, problems: list[str]
    ) -> list[Step]:
        """Notices that were put aside, of lanes that are open by now: as many as `due` came to know.

        Those from before a restart that was followed never count again: whoever sent them sends them anew.
        """
        here = connection.chain_id
        failed, waiting = self._cursors[here].open, self.memory.waiting(Kind.ASIDE, here)
        lanes = {s.ends[0]: s for s in found.lanes if s.ends[1] == here and not s.inbox.closed}
        aside = {
            id_: origin
            for id_, origin in failed.items()
            if origin in lanes
            and id_ in self._sent
            and self._sent[id_].message.is_notice_of(self.mesh.gateway)
            and to_hex(id_) not in waiting
        }
        if not aside:
            return []
        since = self._followed(connection)
        for id_, origin in list(aside.items()):
            if self._sent[id_].message.nonce <= since.get(origin, 0):
                self._forget(here, id_)
                del aside[id_]
        chosen = fair(((origin, id_) for id_, origin in aside.items()), MOST_STEPS)
        standing = connection.batch(gateway.MESSAGE_STATUS.request(self.mesh.gateway, id_) for id_ in chosen)
        by_origin: dict[int, list[bytes]] = {}
        for id_, (status, _) in zip(chosen, standing, strict=True):
            if status is not Status.NONE:
                by_origin.setdefault(aside[id_], []).append(id_)
            elif not self._cursors[here].is_recent(id_):
                self._forget(here, id_)
        steps = []
        for origin, ids in by_origin.items():
            with guard(lanes[origin].origin.name, problems.append):
                steps += self._take_in(lanes[origin], relayer, ids, problems)
        return steps

    def _take_in(
        self, lane: LaneState, relayer: str, ids: Sequence[bytes], problems: list[str]
    ) -> list[Step]:
        """What a chain that lied says is for nothing: a lane gets no more of that than of what is delivered."""
        if excess := self.limits.excess(lane, relayer):
            problems.append(excess)
            return []
        steps = []
        for id_ in ids:
            data, item = gateway.retry_call(self._sent[id_].message), to_hex(id_)
            what = f"taking in notice {item}"
            steps.append(Step(Kind.ASIDE, item, lane.ends[0], data, ending_gas(data), what, metered=True))
        return steps

    def _followed(self, connection: Connection) -> dict[int, int]:
        """Place of the last restart that this chain followed, by origin."""
        logs = connection.ask(gateway.RESTART_FOLLOWED.history(self.mesh.gateway))
        return {event.origin: event.nonce for event, _ in logs}

    def _forget(self, here: int, id_: bytes) -> None:
        del self._cursors[here].open[id_]
        self._sent.pop(id_, None)
        self.memory.ended(Kind.ASIDE, here, [to_hex(id_)])


def _ask(connection: Connection, requests: Sequence[Request[Any]]) -> list[Any]:
    return connection.batch(requests)


def _again(origin: Connection, nonce: int) -> Step:
    data = gateway.NOTICE_RESTART.encode(origin.chain_id, nonce)
    what = f"saying again that the restart of {origin.name} at {nonce} was followed"
    item = f"{origin.chain_id} {nonce}"
    return Step(Kind.NOTICE, item, origin.chain_id, data, ending_gas(data), what, doubtful=True)


def _origin_of(failed: Failed) -> tuple[bytes, int]:
    return failed.id, failed.origin
