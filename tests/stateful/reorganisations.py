"""A chain forgets what it did: real reorganisations, and what brings its lanes back."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.facts import RestartFact
from metalayer.protocol.gateway import Kind, RestartRecord, Walk
from metalayer.protocol.message import Fee, Message, extend, genesis_head
from tests.kit.chains import revert
from tests.kit.gateways import ATTACKER, LANES, RELAYER
from tests.stateful.ghost import Incoming, Left, Log, Side, log
from tests.stateful.machine import CHAIN, DAY, HOUR, LANE, PICK, Lane, Part, pick
from tests.stateful.senders import Senders
from tests.stateful.settlers import Settlers

_RESTART_INTERVAL = 7 * DAY
_RECORD = 50
"""Ids of a walk that take as much gas as reading where a lane was left."""


@dataclass(frozen=True)
class Mark:
    """A place to which a chain's history may be reorganised."""

    name: str
    snapshot: str
    side: Side
    broken: frozenset[Lane]


class Reorganisations(Senders, Settlers):
    """One chain at a time loses its newest history. Its clock does not."""

    mark: Mark | None = None

    @precondition(lambda self: self.mark is None)
    @rule(name=CHAIN)
    def remember(self, name: str) -> None:
        snapshot = self.gateways.rpc(name, "evm_snapshot")
        self.mark = Mark(name, snapshot, copy.deepcopy(self.sides[name]), frozenset(self.broken))

    @precondition(
        lambda self: self.mark is not None and self.sides[self.mark.name].clock > self.mark.side.clock
    )
    @rule()
    def reorganise(self) -> None:
        assert self.mark is not None
        mark, self.mark = self.mark, None
        name, gone = mark.name, self.sides[mark.name]
        revert(self.gateways.connections[name].rpc, mark.snapshot)
        self.sides[name] = mark.side
        self.mine(name, gone.clock)
        self.touched.add(name)
        # That it followed a restart is forgotten, too.
        self.broken |= {lane for lane in mark.broken if lane[1] == name}
        for other in mark.side.outgoing:
            self._orphan(name, other)
            if not self.healthy((name, other)):
                self.broken.add((name, other))
                self.reach("reorganised behind what others have")
        self.reach("reorganised")

    def _orphan(self, name: str, other: str) -> None:
        """What another chain has and this one has no longer."""
        outbox = self.out((name, other))
        orphans = [message for message in self.inc((name, other)).tried.values() if not outbox.has(message)]
        if orphans:
            self.unfunded.add((name, other))
        if any(message.is_of_gateways for message in orphans):
            # A notice, a claim or a restart that never was.
            self.lied.add((other, name))

    @precondition(lambda self: self.stuck())
    @rule(number=PICK, signers=PICK)
    def deliver_into_a_broken_lane(self, number: int, signers: int = 0) -> None:
        """M21: a lane that left the Inbox's head halts, and no other does."""
        lane = pick(self.stuck(), number)
        outbox, have = self.out(lane), self.inc(lane).nonce
        part = Part(lane, have + 1, have + 1, outbox.run_from(have))
        attestation, tree = self.attest(lane[1], [self.lane_fact(lane, part.signed)], signers)
        batch = self.batch(part, tree)
        data = gateway.DELIVER.encode(attestation, [batch])
        self.refuse(lane[1], RELAYER, data, self.not_proven(lane, batch))
        self.reach("halted")

    def stuck(self) -> list[Lane]:
        return [
            lane
            for lane in LANES
            if lane in self.broken
            and not self.healthy(lane)
            and self.inc(lane).nonce + 1 in self.out(lane).sent
        ]

    @initialize(lane=LANE, lost=st.integers(0, 3), instead=st.integers(0, 3), returned=st.booleans())
    def forget(self, lane: Lane, lost: int, instead: int, returned: bool) -> None:
        """Half of the examples begin with a lane of which the Inbox has what the Outbox has no longer."""
        if lost < 2:
            return
        self.remember(lane[0])
        self.send(lane, within=HOUR if returned else None, count=lost)
        if self.pending(lane):
            self.deliver(self.waiting().index(lane))
        self.reorganise()
        if instead:
            self.send(lane, "contract", payload=b"instead", count=instead)

    # Restarts

    @rule(number=PICK, above=st.integers(1, 3), guarded=st.booleans())
    def restart(self, number: int, above: int = 1, guarded: bool = False) -> None:
        """Owner or guardian restart a broken lane above all that it ever had; sometimes, one that is not broken."""
        broken = [lane for lane in LANES if not self.healthy(lane)]
        self._restart(pick(broken or LANES, number), above, guarded)

    def _restart(self, lane: Lane, above: int, guarded: bool = False) -> None:
        """The council only once a week, the owner and a guardian that is an account whenever they like."""
        outbox, side = self.out(lane), self.sides[lane[0]]
        nonce = max(self.highest[lane], outbox.nonce, self.inc(lane).nonce) + above
        destination_id = self.gateways.id_of(lane[1])
        lowest = gateway.RESTART.encode(destination_id, outbox.nonce)
        self.refuse(lane[0], self.gateways.owner, lowest, "InvalidRestart")
        data = gateway.RESTART.encode(destination_id, nonce)
        account, to = self.guard(lane[0]) if guarded else (self.gateways.owner, None)
        bounded, time = to == self.gateways.guardian, self.next(lane[0])

        def effect() -> list[Log]:
            self.highest[lane] = nonce
            if bounded:
                side.restartable[lane[1]] = time + _RESTART_INTERVAL
            return outbox.restart(nonce)

        error = "RestartTooSoon" if bounded and time < side.restartable[lane[1]] else None
        done = self.perform(lane[0], account, data, error, effect, to)
        self.reach("restarted" if done else error or "")

    @precondition(lambda self: self.restarts())
    @rule(number=PICK, signers=PICK)
    def follow_restart(self, number: int, signers: int = 0) -> None:
        lane, nonce = pick(self.restarts(), number)
        self.follow(lane, nonce, signers)

    def restarts(self) -> list[tuple[Lane, int]]:
        """What a quorum may sign: places at which the owner restarted a lane."""
        return [
            (lane, nonce)
            for lane in LANES
            for nonce, record in self.out(lane).restarts.items()
            if record.restarted
        ]

    def follow(self, lane: Lane, nonce: int, signers: int = 0) -> None:
        """Forwards only."""
        (origin, name), inbox = lane, self.inc(lane)
        origin_id, here = self.gateways.id_of(origin), self.gateways.id_of(name)
        fact = RestartFact(origin_id, here, nonce)
        attestation, tree = self.attest(name, [fact], signers)

        def effect() -> list[Log]:
            last, head = inbox.nonce, inbox.head
            inbox.epoch += 1
            inbox.followed_at = nonce
            inbox.move(nonce, genesis_head(self.gateways.network_id, origin_id, here, nonce))
            followed = log("RestartFollowed", origin_id, nonce, data=(last, head))
            return [followed, *self._notice(lane, nonce, last, head)]

        error = None if nonce > inbox.nonce else "RestartNotAhead"
        data = gateway.FOLLOW_RESTART.encode(attestation, fact.origin, fact.nonce, tree.proof(fact))
        if self.perform(name, RELAYER, data, error, effect):
            self.reach("restart followed")
            if self.healthy(lane):
                self.broken.discard(lane)

    @precondition(lambda self: self.followed())
    @rule(number=PICK)
    def notice_restart(self, number: int) -> None:
        """Anyone may if it may be lost: without a signature, and though the origin knows no such restart any more."""
        lane, nonce = pick(self.followed(), number)
        left = self.inc(lane).left[nonce]
        lost = self.out((lane[1], lane[0])).may_lose(left.notice_nonce)
        data = gateway.NOTICE_RESTART.encode(self.gateways.id_of(lane[0]), nonce)
        error = None if lost else "RestartNoticeNotLost"
        if self.perform(
            lane[1], ATTACKER, data, error, lambda: self._notice(lane, nonce, left.nonce, left.head)
        ):
            self.reach("restart announced again")

    def followed(self) -> list[tuple[Lane, int]]:
        """Restarts that a destination followed."""
        return [(lane, nonce) for lane in LANES for nonce in self.inc(lane).left]

    def _notice(self, lane: Lane, nonce: int, last: int, head: bytes) -> list[Log]:
        origin, name = lane
        word = nonce.to_bytes(32, "big")
        logs = self.tell(name, self.gateways.id_of(origin), Kind.RESTART, word, last, head)
        self.inc(lane).left[nonce] = Left(last, head, self.out((name, origin)).nonce)
        return logs

    @precondition(lambda self: self.claimable())
    @rule(number=PICK)
    def lose_a_claim(self, number: int) -> None:
        """A claim, or what else was on its way, is lost with a lane that is restarted, and may be sent again."""
        lane, relayer = pick(self.claimable(), number)
        self.claim_on(lane, relayer)
        self._restart((lane[1], lane[0]), 1)
        self.reach("claim lost")

    # Messages that were left behind

    @precondition(lambda self: self.abandoned())
    @rule(number=PICK, end=PICK)
    def refund_abandoned(self, number: int, end: int = 255) -> None:
        lane, message, restart = pick(self.abandoned(), number)
        outbox = self.out(lane)
        walk = outbox.walk(message.nonce, pick(outbox.walk_ends(message.nonce), end))
        data = self.abandonment(lane, message, restart, walk)
        fee, record = Fee.unpack(message.fee), outbox.restarts[restart]
        replaced = message.nonce <= record.nonce
        ids = len(walk.ids) + max(0, record.nonce - message.nonce) + _RECORD
        if self.end_message(lane, message, data, ATTACKER, fee.relay + 2 * fee.step, ids):
            self.reach("abandoned, replaced" if replaced else "abandoned")
            self.refuse(lane[0], ATTACKER, data, "AlreadyRefunded")

    def abandonment(self, lane: Lane, message: Message, restart: int, walk: Walk) -> bytes:
        """With what the Inbox had from the message's place on, up to a recorded head or where it left the lane."""
        record, inbox = self.out(lane).restarts[restart], self.inc(lane)
        known = self.out(lane).inbox_heads.get((restart, record.nonce, record.head), {})
        last = min((nonce for nonce in known if nonce >= message.nonce), default=record.nonce)
        ids = [inbox.tried[i].id for i in range(message.nonce, last + 1) if i in inbox.tried]
        before = inbox.heads.get(message.nonce - 1, bytes(32))
        return gateway.REFUND_ABANDONED.encode(message, walk, restart, before, ids)

    def abandoned(self) -> list[tuple[Lane, Message, int]]:
        """(lane, message, restart) of what the destination left behind, as it said itself."""
        return [
            (lane, message, nonce)
            for lane in LANES
            for nonce, record in self.out(lane).restarts.items()
            if self.counts(lane, record) and nonce <= self.out(lane).restarted_at
            for message in self.out(lane).sent.values()
            if message.nonce <= nonce
            and message.sender != self.gateways.gateway
            and not ((notice := self.out(lane).notices.get(message.id)) and notice.refunded)
            and (message.nonce > record.nonce or self._replaced(lane, message, record))
        ]

    def counts(self, lane: Lane, record: RestartRecord) -> bool:
        """True if the destination said in the present epoch where it left the lane."""
        return record.followed and record.epoch == self.epoch_back(lane)

    @precondition(lambda self: self.recordable())
    @rule(number=PICK, before=PICK)
    def record_inbox_head(self, number: int, before: int) -> None:
        """Where the way is long from what was replaced to where the destination left the lane."""
        lane, restart, record = pick(self.recordable(), number)
        outbox, inbox = self.out(lane), self.inc(lane)
        nonce = pick([n for n in inbox.heads if n < record.nonce and self._leads(inbox, n, record)], before)
        head = inbox.heads[nonce]
        ids = [inbox.tried[i].id for i in range(nonce + 1, record.nonce + 1)]

        def effect() -> list[Log]:
            outbox.inbox_heads.setdefault((restart, record.nonce, record.head), {})[nonce] = head
            return []

        def call(nonce: int, head: bytes, ids: list[bytes]) -> bytes:
            return gateway.RECORD_INBOX_HEAD.encode(outbox.destination, restart, nonce, head, ids)

        self.refuse(lane[0], ATTACKER, call(nonce, bytes(32), ids), "NotInboxHead")
        self.refuse(lane[0], ATTACKER, call(nonce + 1, head, ids), "NotInboxHead")
        self.perform(lane[0], ATTACKER, call(nonce, head, ids), None, effect)
        self.reach("head of an Inbox recorded")

    def recordable(self) -> list[tuple[Lane, int, RestartRecord]]:
        """(lane, restart, record) where the destination had a head before the one at which it left."""
        return [
            (lane, nonce, record)
            for lane in LANES
            for nonce, record in self.out(lane).restarts.items()
            if self.counts(lane, record) and self._leads(self.inc(lane), record.nonce - 1, record)
        ]

    @staticmethod
    def _leads(inbox: Incoming, nonce: int, record: RestartRecord) -> bool:
        """True if the Inbox has what leads from its head there to where the record says that it left the lane."""
        if record.nonce > inbox.nonce or inbox.heads.get(record.nonce) != record.head:
            return False
        if nonce < 0 or nonce not in inbox.heads:
            return False
        head = inbox.heads[nonce]
        for i in range(nonce + 1, record.nonce + 1):
            if i not in inbox.tried:
                return False
            head = extend(head, inbox.tried[i].id)
        return head == record.head

    def _replaced(self, lane: Lane, message: Message, record: RestartRecord) -> bool:
        """True if the destination had other messages from there to where it left the lane."""
        inbox = self.inc(lane)
        if record.nonce > inbox.nonce or inbox.heads.get(record.nonce) != record.head:
            return False
        places = range(message.nonce, record.nonce + 1)
        return all(i in inbox.tried for i in places) and inbox.tried[message.nonce].id != message.id

    @precondition(lambda self: self.kept())
    @rule(number=PICK)
    def refund_kept(self, number: int) -> None:
        """P1: a restart gives back nothing that the destination tried, nor what came after it."""
        lane, message, restart = pick(self.kept(), number)
        outbox = self.out(lane)
        walk = outbox.walk(message.nonce, outbox.walk_ends(message.nonce)[-1])
        data = self.abandonment(lane, message, restart, walk)
        record = outbox.restarts[restart]
        error = ("NotAbandoned", "NotReplaced") if self.counts(lane, record) else "RestartNotFollowed"
        self.refuse(lane[0], ATTACKER, data, error)
        self.reach("kept at a restart")

    def kept(self) -> list[tuple[Lane, Message, int]]:
        return [
            (lane, message, nonce)
            for lane in LANES
            if lane not in self.lied
            for nonce in self.out(lane).restarts
            for message in self.out(lane).sent.values()
            if self.inc(lane).tried.get(message.nonce) == message or message.nonce > nonce
        ]

    # The end

    def clear_the_way(self) -> None:
        super().clear_the_way()
        if self.broken and self.claimable():
            self.lose_a_claim(0)
        for lane in LANES:
            if not self.healthy(lane) and not self._ahead(lane):
                self.restart([one for one in LANES if not self.healthy(one)].index(lane))
        self._deliver_all()
        for lane in LANES:
            if self._ahead(lane):
                self.follow(lane, self._last_restart(lane))
        self._deliver_all()
        for number, (lane, nonce) in enumerate(self.followed()):
            left, back = self.inc(lane).left[nonce], self.out((lane[1], lane[0]))
            record = self.out(lane).restarts.get(nonce)
            if not (record and self.counts(lane, record)) and back.may_lose(left.notice_nonce):
                self.notice_restart(number)

    def _ahead(self, lane: Lane) -> bool:
        """True if the lane has a restart that its destination can still follow."""
        return self._last_restart(lane) > self.inc(lane).nonce

    def _last_restart(self, lane: Lane) -> int:
        """0 if there was none."""
        return max((nonce for one, nonce in self.restarts() if one == lane), default=0)

    def refund_all(self) -> None:
        super().refund_all()
        for number in reversed(range(len(self.abandoned()))):
            self.refund_abandoned(number)
