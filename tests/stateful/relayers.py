"""Who delivers, to recipients in any mood, while time passes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.facts import SetFact
from metalayer.protocol.gateway import Status
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message
from tests.kit.gateways import LANES, RELAYER, RIVAL, SENDER, SET_BEHAVIOUR, SET_CALL
from tests.kit.scripted import Behaviour
from tests.kit.stack import CHAINS
from tests.stateful.ghost import Log, Mood, Undelivered, log
from tests.stateful.machine import CHAIN, DAY, HOUR, PICK, RELAYERS, Lane, Machine, Part, pick

PLENTY = None
GAS = st.sampled_from([PLENTY, PLENTY, PLENTY, 150_000, 250_000, 350_000, 500_000, 800_000, 1_100_000])
"""Of a transaction. Below plenty, some do not suffice for what they carry."""


class Relayers(Machine):
    """Two relayers that race and repeat each other, and do not always bring enough gas."""

    @precondition(lambda self: self.waiting())
    @rule(
        number=PICK,
        others=st.booleans(),
        back=st.integers(0, 3),
        take=PICK,
        ahead=PICK,
        signers=PICK,
        relayer=st.sampled_from(RELAYERS),
        racing=st.booleans(),
        gas=GAS,
    )
    def deliver(
        self,
        number: int,
        others: bool = False,
        back: int = 0,
        take: int = 255,
        ahead: int = 255,
        signers: int = 0,
        relayer: str = RELAYER,
        racing: bool = False,
        gas: int | None = PLENTY,
    ) -> None:
        """Some of what waits in one lane, and in the others to the same chain."""
        lane = pick(self.waiting(), number)
        destination = lane[1]
        lanes = [lane, *(one for one in self.waiting(destination) if others and one != lane)]
        parts = [self._part(one, back, take, ahead) for one in lanes]
        data = self.delivery(parts, signers)
        errors = [error for part in parts if (error := self._held_up(part))]
        if errors:
            self.refuse(destination, relayer, data, errors[0])
            self.reach("held up by a pause" if errors[0] == "RoutePaused" else "held up by a closed route")
            return
        if gas is PLENTY:
            done = self.perform(
                destination, relayer, data, None, lambda: self.settle(destination, parts, relayer)
            )
        else:
            done = self.attempt(
                destination, relayer, data, gas, lambda: self.settle(destination, parts, relayer)
            )
        if done and racing:
            rival = RIVAL if relayer == RELAYER else RELAYER
            self.perform(destination, rival, data, None, list)
            self.reach("second of two relayers")

    def _part(self, lane: Lane, back: int, take: int, ahead: int) -> Part:
        """Any number of messages, from a nonce that may overlap the lane, under any later signed nonce."""
        have, there = self.inc(lane).nonce, self.out(lane).run_from(self.inc(lane).nonce)
        last = min(there, have + take)
        signed = min(there, max(last, have + 1) + ahead)
        return Part(lane, max(1, have + 1 - back), last, signed)

    def _held_up(self, part: Part) -> str | None:
        places = range(self.inc(part.lane).nonce + 1, part.last + 1)
        return self.barrier(part.lane, [self.out(part.lane).sent[i] for i in places])

    def waiting(self, destination: str | None = None) -> list[Lane]:
        """Lanes with messages to deliver."""
        return [lane for lane in LANES if destination in (None, lane[1]) and self.pending(lane)]

    @precondition(lambda self: self.undelivered(Status.FAILED))
    @rule(number=PICK, relayer=st.sampled_from(RELAYERS), gas=GAS)
    def retry(self, number: int, relayer: str = RELAYER, gas: int | None = PLENTY) -> None:
        """All the gas of the transaction reaches the recipient, however little the message asked for (M19)."""
        destination, failed = pick(self.undelivered(Status.FAILED), number)
        message = failed.message
        error = None
        if self.next(destination) > message.deliver_before:
            error = "MessageExpired"
        elif self.of_gateways(message):
            error = self._not_taken_in(message)
        elif not self.accepts(destination, message, 2**63):
            error = "RetryFailed"

        def effect() -> list[Log]:
            return self._retried(destination, failed, relayer)

        data = gateway.retry_call(message)
        if gas is PLENTY or error is not None:
            done = self.perform(destination, relayer, data, error, effect)
        else:
            done = self.attempt(destination, relayer, data, gas, effect)
        self.reach("retried" if done else "not retried")
        if done:
            self.refuse(destination, RIVAL, data, "MessageNotFailed")

    def _retried(self, destination: str, failed: Undelivered, relayer: str) -> list[Log]:
        side, message = self.sides[destination], failed.message
        del side.undelivered[message.id]
        side.delivered.add(message.id)
        delivered = log("MessageDelivered", message.id, message.origin, message.nonce)
        if self.of_gateways(message):
            self.reach("taken in later")
            origin = self.gateways.name_of(message.origin)
            return [*side.hear(origin, message.origin, message.payload, relayer), delivered]
        side.accepted.append(message.id)
        back = Fee.unpack(message.fee).back
        if back:
            self.inc(self.lane_of(message)).of(relayer).total += back
        return [delivered]

    def _not_taken_in(self, message: Message) -> str | None:
        """Why a notice that was put aside cannot be taken in now."""
        lane = self.lane_of(message)
        if message.nonce <= self.inc(lane).followed_at:
            self.reach("notice put aside in an old epoch")
            return "NoticeOutdated"
        if self.is_open(lane):
            return None
        return "RoutePaused" if self.sides[lane[1]].routes[lane[0]].inbound else "RouteClosed"

    # Recipients

    @rule(destination=CHAIN, mood=st.sampled_from([Mood.ACCEPT, Mood.HUNGRY]) | st.sampled_from(Mood))
    def change_mood(self, destination: str, mood: Mood) -> None:
        g, places = self.gateways, self.gateways.places[destination]
        self.sides[destination].mood = mood
        if mood is Mood.HUNGRY:
            data = SET_CALL.encode(places.hungry, b"")
        elif mood is Mood.REENTER:
            # Valid as such: nothing but the guard against reentrancy refuses it.
            attestation, _ = self.attest(destination, [SetFact(0, bytes(32))])
            data = SET_CALL.encode(g.gateway, gateway.DELIVER.encode(attestation, []))
        else:
            data = SET_BEHAVIOUR.encode(Behaviour[mood.name])
        self.arrange(destination, SENDER, places.recipient, data)

    # Time

    @rule(seconds=st.sampled_from([60, HOUR, 5 * HOUR, DAY]))
    def pass_time(self, seconds: int) -> None:
        for name in CHAINS:
            self.mine(name, self.sides[name].clock + seconds)

    @precondition(lambda self: self.expiring())
    @rule(number=PICK, seconds=st.integers(-1, 1))
    def reach_expiry(self, number: int, seconds: int) -> None:
        """The next block of a destination is in the last second of a message, or right beside it (M18)."""
        name, time = pick(self.expiring(), number)
        if self.sides[name].clock < time + seconds - 1:
            self.mine(name, time + seconds - 1)
            self.reach("the exact second")

    def expiring(self) -> list[tuple[str, int]]:
        """(destination, deadline) of messages that wait for their first attempt, or for a retry."""
        waiting = [
            (lane[1], self.out(lane).sent[i].deliver_before)
            for lane in LANES
            for i in range(self.inc(lane).nonce + 1, self.inc(lane).nonce + 1 + self.pending(lane))
        ]
        failed = [(name, one.message.deliver_before) for name, one in self.undelivered(Status.FAILED)]
        return [
            (name, time)
            for name, time in dict.fromkeys(waiting + failed)
            if time != NEVER_EXPIRES and time > self.sides[name].clock + 1
        ]
