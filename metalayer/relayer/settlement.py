"""How messages end that were not delivered, and how relayers are paid: returns, refunds, claims.

Nothing here is remembered between processes: every step starts from what the chains say, so that a relayer that was
killed goes on where it stopped, and two that race harm nobody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Restart, Sent
from metalayer.lanes.survey import Ends, LaneState, Survey
from metalayer.network.connection import NODE_FAULTS, Connection, Reverted, fault
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.gateway import RestartRecord, Status, Walk
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.message import STORED_HEAD_INTERVAL, extend, genesis_head

CLAIM_MULTIPLE = 10
"""A claim is sent when what it brings is this many times what carrying it costs."""

# What an estimate says, and what may be dearer in the block that takes the transaction.
_GAS_MARGIN = 1.25
# Looking for the place where two histories parted, from the end back: the first step, doubled each time.
_FIRST_STEP = 64


@dataclass
class Settled:
    """What one pass did on one chain. Gas is the sum of the receipts' gasUsed."""

    chain: str
    returned: int = 0
    refunded: int = 0
    claimed: int = 0
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class _Cursor:
    """How far one chain's logs were read, and which of the messages that they name are still open.

    `context` is what else the reading depended on: if it or the block is another now, everything is read again.
    """

    block: int = -1
    hash: str = ""
    context: tuple[int, ...] = ()
    open: dict[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """One transaction to send, and what it counts as."""

    data: bytes
    kind: str
    what: str


@dataclass
class Settlement:
    """Returns, refunds and claims over all chains, with one sender per chain (by name)."""

    connections: Mapping[str, Connection]
    network_id: int
    gateway: str
    senders: Mapping[str, Sender]
    claim_multiple: float = CLAIM_MULTIPLE
    _returns: dict[int, _Cursor] = field(default_factory=dict)
    _refunds: dict[int, _Cursor] = field(default_factory=dict)
    _sent: dict[bytes, Sent] = field(default_factory=dict)
    _abandoned: dict[Ends, int] = field(default_factory=dict)

    def settle(self, found: Survey) -> list[Settled]:
        """Everything that is due now, all chains in parallel. Problems of one chain are in its result."""

        def work(connection: Connection) -> Settled:
            result = Settled(connection.chain.name)
            for due in (self._due_returns, self._due_refunds, self._due_abandoned, self._due_claims):
                try:
                    self._send(connection, due(connection, found), result)
                except NODE_FAULTS as error:
                    result.problems.append(fault(connection, error))
            return result

        answering = {chain_id for state in found.lanes for chain_id in state.ends}
        everything = [c for c in self.connections.values() if c.chain.chain_id in answering]
        return in_parallel(work, everything)

    def _send(self, connection: Connection, steps: Sequence[_Step], result: Settled) -> None:
        """Rehearses each step, and sends those that succeed, one after the other."""
        sender = self.senders[connection.chain.name]
        ready: list[tuple[_Step, int]] = []
        for step in steps:
            try:
                gas = connection.estimate(sender.address, self.gateway, step.data)
            except Reverted as error:
                # Another relayer was there first, or the sender refuses what comes back: later passes try again.
                result.problems.append(f"{connection.chain.name}: {step.what}: {error.reason}")
                continue
            ready.append((step, int(gas * _GAS_MARGIN)))
        if not ready:
            return
        signed = connection.sign_many(
            sender, [Transaction(self.gateway, step.data, gas) for step, gas in ready]
        )
        connection.broadcast(signed)
        for (step, _), receipt in zip(ready, connection.receipts([one.hash for one in signed]), strict=True):
            result.transactions.append(receipt["transactionHash"])
            result.gas_used += receipt["gasUsed"]
            if receipt["status"] != 1:
                result.problems.append(
                    f"{connection.chain.name}: {step.what} reverted ({receipt['transactionHash']})"
                )
                continue
            setattr(result, step.kind, getattr(result, step.kind) + 1)

    # Returns, on the destination

    def _due_returns(self, connection: Connection, found: Survey) -> list[_Step]:
        """Failed and expired messages whose time has passed, and those whose notice was lost with a restart."""
        here = connection.chain.chain_id
        back = {s.ends[1]: s.latest.restarted_at for s in found.lanes if s.ends[0] == here}
        cursor = self._advance(
            self._returns,
            connection,
            "MessageFailed",
            tuple(back.values()),
            lambda e: int(e["topics"][2], 16),
        )
        origins = {state.ends[0]: state.origin for state in found.lanes if state.ends[1] == here}
        ids = list(cursor.open)
        answers = connection.calls([(self.gateway, gateway.encode_message_status(id_)) for id_ in ids])
        unended: dict[int, list[bytes]] = {}
        doubtful: dict[int, list[bytes]] = {}
        for id_, answer in zip(ids, answers, strict=True):
            status, notice = gateway.decode_status(answer)
            origin = cursor.open[id_]
            if status is Status.NONE or notice > back.get(origin, 0):
                del cursor.open[id_]
                self._sent.pop(id_, None)
            elif origin in origins:
                (doubtful if notice else unended).setdefault(origin, []).append(id_)
        for origin, noticed in doubtful.items():
            # The lane of their notices was restarted since: those that had not arrived are lost.
            requests = [(self.gateway, gateway.encode_return_notice(here, id_)) for id_ in noticed]
            for id_, answer in zip(noticed, origins[origin].calls(requests), strict=True):
                record = gateway.decode_return_notice(answer)
                if record.carrier is None and not record.refunded:
                    unended.setdefault(origin, []).append(id_)
        steps = []
        for origin, wanted in unended.items():
            unknown = [id_ for id_ in wanted if id_ not in self._sent]
            self._sent |= lane.find(origins[origin], self.gateway, self.network_id, unknown)
            for id_ in wanted:
                sent = self._sent.get(id_)
                if sent is not None and sent.message.deliver_before < found.times[here]:
                    what = f"returning message {to_hex(id_)}"
                    steps.append(_Step(gateway.encode_return(sent.message), "returned", what))
        return steps

    # Refunds, on the origin

    def _due_refunds(self, connection: Connection, found: Survey) -> list[_Step]:
        """Messages of which a notice came, and whose senders were not refunded."""
        here = connection.chain.chain_id
        cursor = self._advance(
            self._refunds, connection, "ReturnNoticed", (), lambda e: int(e["topics"][2], 16)
        )
        notices = dict(cursor.open)
        answers = connection.calls(
            [(self.gateway, gateway.encode_return_notice(notices[id_], id_)) for id_ in notices]
        )
        for id_, answer in zip(list(notices), answers, strict=True):
            if gateway.decode_return_notice(answer).refunded:
                del cursor.open[id_], notices[id_]
        known = lane.find(connection, self.gateway, self.network_id, list(notices))
        by_lane: dict[int, list[Sent]] = {}
        for sent in known.values():
            # A chain that lies may send notices of what was never sent to it: nobody can be refunded for those.
            if sent.message.destination == notices[sent.id]:
                by_lane.setdefault(sent.message.destination, []).append(sent)
        steps = []
        for state in found.lanes:
            if state.ends[0] == here and state.ends[1] in by_lane:
                for sent, walk in self._walks(state, by_lane[state.ends[1]]):
                    what = f"refunding message {to_hex(sent.id)}"
                    steps.append(_Step(gateway.encode_refund(sent.message, walk), "refunded", what))
        return steps

    def _walks(self, state: LaneState, messages: Iterable[Sent]) -> list[tuple[Sent, Walk]]:
        """The shortest way from each message to a head that the Outbox knows."""
        connection, destination = state.origin, state.ends[1]
        method, params = lane.restarts_request(self.gateway, destination, connection.height())
        restarts = lane.parse_restarts(connection.rpc(method, *params))
        groups: dict[int, list[Sent]] = {}
        for sent in messages:
            groups.setdefault(known_head(sent.message.nonce, state.latest.nonce, restarts), []).append(sent)
        walks = []
        for end, group in groups.items():
            first = min(sent.message.nonce for sent in group)
            steps = lane.rebuild(connection, self.gateway, self.network_id, destination, first, end)
            if first == 1 or any(restart.nonce == first - 1 for restart in restarts):
                before = genesis_head(self.network_id, state.ends[0], destination, first - 1)
            else:
                before = lane.rebuild(
                    connection, self.gateway, self.network_id, destination, first - 1, first - 1
                )[0].head
            heads = [before, *(one.head for one in steps)]
            for sent in group:
                place = sent.message.nonce - first
                ids = [one.id for one in steps[place + 1 :]]
                walks.append((sent, Walk(destination, sent.message.nonce, heads[place], ids)))
        return walks

    # Messages that a restart left behind, on the origin

    def _due_abandoned(self, connection: Connection, found: Survey) -> list[_Step]:
        """Messages that the destination did not have when it followed a restart."""
        here = connection.chain.chain_id
        steps: list[_Step] = []
        for state in found.lanes:
            if state.ends[0] == here and state.latest.restarted_at:
                steps += self._abandoned_of(state)
        return steps

    def _abandoned_of(self, state: LaneState) -> list[_Step]:
        connection, destination = state.origin, state.ends[1]
        height = connection.height()
        method, params = lane.restarts_request(self.gateway, destination, height)
        restarts = lane.parse_restarts(connection.rpc(method, *params))
        records = [
            gateway.decode_restart_record(answer)
            for answer in connection.calls(
                [(self.gateway, gateway.encode_restart_record(destination, one.nonce)) for one in restarts]
            )
        ]
        steps: list[_Step] = []
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
        self, state: LaneState, begin: int, restart: Restart, followed: int, record: RestartRecord
    ) -> list[_Step]:
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
        sent = lane.rebuild(connection, self.gateway, self.network_id, destination, parted + 1, restart.last)
        open_ = [
            one
            for one in sent
            if not one.message.is_of_gateways
            and (one.message.nonce > record.nonce or inbox[one.message.nonce - parted - 1] != one.id)
        ]
        answers = connection.calls(
            [(self.gateway, gateway.encode_return_notice(destination, one.id)) for one in open_]
        )
        due = [
            one
            for one, answer in zip(open_, answers, strict=True)
            if not gateway.decode_return_notice(answer).refunded
        ]
        head = self._head_at(state, begin, parted)
        heads = [head]
        for id_ in inbox:
            heads.append(extend(heads[-1], id_))
        steps = []
        for one, walk in self._walks(state, due):
            place = one.message.nonce - parted - 1
            replaced = one.message.nonce <= record.nonce
            data = gateway.encode_refund_abandoned(
                one.message,
                walk,
                followed,
                heads[place] if replaced else bytes(32),
                inbox[place:] if replaced else (),
            )
            steps.append(_Step(data, "refunded", f"refunding abandoned message {to_hex(one.id)}"))
        return steps

    def _parted(
        self, state: LaneState, begin: int, restart: Restart, record: RestartRecord
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
                raise lane.BrokenLane(
                    f"lane {state.name}: the logs of its destination do not lead to where it left the lane"
                )
            step *= 2

    def _head_at(self, state: LaneState, begin: int, place: int) -> bytes:
        if place == begin:
            return genesis_head(self.network_id, *state.ends, begin)
        rebuilt = lane.rebuild(state.origin, self.gateway, self.network_id, state.ends[1], place, place)
        return rebuilt[0].head

    def _inbox_ids(self, state: LaneState, first: int, last: int) -> list[bytes]:
        """Ids of what the Inbox tried at these places, in order: every first attempt is logged."""
        events = [gateway.topic("MessageDelivered"), gateway.topic("MessageFailed")]
        nonces = [gateway.word(nonce) for nonce in range(first, last + 1)]
        topics: list[Any] = [events, None, gateway.word(state.ends[0]), nonces]
        logs = state.destination.logs(self.gateway, topics, 0, state.destination.height())
        by_nonce = {int(entry["topics"][3], 16): from_hex(entry["topics"][1]) for entry in logs}
        return [by_nonce[nonce] for nonce in sorted(by_nonce)]

    # Claims, on the destination

    def _due_claims(self, connection: Connection, found: Survey) -> list[_Step]:
        """Lanes on which enough was earned that claiming it is worth its carriage."""
        here = connection.chain.chain_id
        relayer = self.senders[connection.chain.name].address
        lanes = [state for state in found.lanes if state.ends[1] == here]
        back = {s.ends[1]: s.latest.restarted_at for s in found.lanes if s.ends[0] == here}
        answers = connection.calls(
            [
                call
                for state in lanes
                for call in (
                    (self.gateway, gateway.encode_earnings(state.ends[0], relayer)),
                    (self.gateway, gateway.encode_route(state.ends[0])),
                )
            ]
        )
        steps = []
        for state, earned_data, route_data in zip(lanes, answers[::2], answers[1::2], strict=True):
            earned, claimed = gateway.decode_pair(earned_data)
            carriage = gateway.decode_route(route_data).relay_part(
                gateway.GATEWAY_GAS_LIMIT, gateway.GATEWAY_PAYLOAD_LENGTH
            )
            if claimed > 0 and back.get(state.ends[0], 0) > 0:
                # The lane of the claims was restarted since: the last one may be lost.
                paid = state.origin.call(self.gateway, gateway.encode_paid(here, relayer))
                claimed = int.from_bytes(paid, "big")
            if earned - claimed > self.claim_multiple * carriage:
                what = f"claiming from {state.origin.chain.name}"
                steps.append(_Step(gateway.encode_claim(state.ends[0]), "claimed", what))
        return steps

    def _advance(
        self,
        cursors: dict[int, _Cursor],
        connection: Connection,
        event: str,
        context: tuple[int, ...],
        other_end: Callable[[Mapping[str, Any]], int],
    ) -> _Cursor:
        """Reads the chain's new logs of an event into its cursor: ids, with the lane's other end."""
        cursor = cursors.setdefault(connection.chain.chain_id, _Cursor())
        requests = [("eth_getBlockByNumber", ("latest", False))]
        if cursor.block >= 0:
            requests.append(("eth_getBlockByNumber", (hex(cursor.block), False)))
        latest, *before = connection.batch(requests)
        same = before and before[0] is not None and before[0]["hash"] == cursor.hash
        if not same or cursor.context != context:
            cursor.block, cursor.context, cursor.open = -1, context, {}
        height = int(latest["number"], 16)
        logs = connection.logs(self.gateway, [gateway.topic(event)], cursor.block + 1, height)
        cursor.open |= {from_hex(entry["topics"][1]): other_end(entry) for entry in logs}
        cursor.block, cursor.hash = height, latest["hash"]
        return cursor


def known_head(nonce: int, lane_nonce: int, restarts: Sequence[Restart]) -> int:
    """Place of the first head at or after a message that its Outbox keeps: a walk ends there."""
    last = next((restart.last for restart in restarts if restart.last >= nonce), lane_nonce)
    stored = -(-nonce // STORED_HEAD_INTERVAL) * STORED_HEAD_INTERVAL
    return min(stored, last)
