"""How messages end on their origin: returns, refunds, claims; and the end of every example, when all is settled."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.gateway import Kind, ReturnNotice, Status
from metalayer.protocol.message import Fee, Message
from tests.kit.gateways import ATTACKER, LANES, OWNER, RELAYER, RIVAL, SENDER, SET_BEHAVIOUR
from tests.kit.scripted import OnReturn
from tests.kit.stack import CHAINS
from tests.stateful.ghost import GATEWAY_GAS, GATEWAY_PAYLOAD, Log, Mood, Outgoing, Undelivered, log
from tests.stateful.machine import CHAIN, PICK, RELAYERS, Lane, Part, must, pick
from tests.stateful.relayers import Relayers

_LAST_SECONDS = (-1, 0, 1)
_LITTLE_GAS = (350_000, 600_000)


class Settlers(Relayers):
    """Anyone who returns, refunds and claims."""

    # Returns, on the destination

    @precondition(lambda self: self.undelivered(Status.FAILED, Status.EXPIRED))
    @rule(number=PICK)
    def return_to_sender(self, number: int) -> None:
        name, one = pick(self.undelivered(Status.FAILED, Status.EXPIRED), number)
        error = None
        if self.next(name) <= one.message.deliver_before:
            error = "MessageNotExpired"
        elif one.notice_nonce and not self._back(one).may_lose(one.notice_nonce):
            error = "MessageNotReturnable"
        self._return(name, one, error)

    def _return(self, name: str, one: Undelivered, error: str | None) -> None:
        message = one.message

        def effect() -> list[Log]:
            expired = one.status is Status.EXPIRED
            logs = self.tell(
                name, message.origin, Kind.RETURN, message.id, int(expired), Fee.unpack(message.fee).back
            )
            nonce = self._back(one).nonce
            self.sides[name].undelivered[message.id] = Undelivered(message, one.status, nonce)
            return [*logs, log("ReturnSent", message.id, message.origin, message.nonce, data=(nonce,))]

        done = self.perform(
            name,
            ATTACKER,
            gateway.return_call(message),
            error,
            effect,
        )
        self.reach("returned" if done else f"not returned: {error}")

    def tell(self, name: str, to: int, kind: Kind, a: bytes, b: int, c: int | bytes) -> list[Log]:
        """The gateway of a chain sends a message to the one of chain `to`."""
        lane = (name, self.gateways.name_of(to))
        logs = self.out(lane).tell(self.gateways.gateway, kind, a, b, c)
        self.highest[lane] = max(self.highest[lane], self.out(lane).nonce)
        return logs

    def _back(self, one: Undelivered) -> Outgoing:
        """The lane on which its notice goes."""
        origin, destination = self.lane_of(one.message)
        return self.out((destination, origin))

    @precondition(lambda self: self.open())
    @rule(number=PICK)
    def retry_or_return(self, number: int) -> None:
        """P1, M18: in any second exactly one of both is possible."""
        name, one = pick(self.open(), number)
        g, message, id_ = self.gateways, one.message, f"0x{one.message.id.hex()}"
        for seconds in _LAST_SECONDS:
            at = message.deliver_before + seconds
            retry = g.refusal(name, RELAYER, g.gateway, gateway.retry_call(message), at)
            back = g.refusal(name, RELAYER, g.gateway, gateway.return_call(message), at)
            refused = f"(id={id_}, deliverBefore={message.deliver_before})"
            if seconds <= 0:
                must(
                    "P1", f"a retry {seconds} s from the deadline", retry, retry and f"RetryFailed(id={id_})"
                )
                must("P1", f"a return {seconds} s from the deadline", back, f"MessageNotExpired{refused}")
            else:
                must("P1", f"a retry {seconds} s from the deadline", retry, f"MessageExpired{refused}")
                must("P1", f"a return {seconds} s from the deadline", back, None)
        self.reach("retry or return")

    def open(self) -> list[tuple[str, Undelivered]]:
        """Messages that failed and did not end."""
        return [(name, one) for name, one in self.undelivered(Status.FAILED) if not one.notice_nonce]

    # Refunds, on the origin

    @precondition(lambda self: self.refundable())
    @rule(number=PICK, end=PICK, caller=st.sampled_from([RELAYER, ATTACKER]))
    def refund(self, number: int, end: int = 255, caller: str = RELAYER) -> None:
        """With a walk to the present head or to a stored one."""
        lane, message, notice = pick(self.refundable(), number)
        outbox = self.out(lane)
        ends = outbox.walk_ends(message.nonce)
        chosen = pick(ends, end)
        walk = outbox.walk(message.nonce, chosen)
        done = self._end(
            lane,
            message,
            gateway.REFUND.encode(message, walk),
            caller,
            lambda: self._refunded(lane, message, notice),
        )
        if done:
            self.reach("refunded")
            self.reach("walk to a stored head" if chosen < outbox.nonce else "walk to the present head")
            self.refuse(lane[0], caller, gateway.REFUND.encode(message, walk), "AlreadyRefunded")

    def refundable(self) -> list[tuple[Lane, Message, ReturnNotice]]:
        """Messages that a notice came back for, and that are in their lane still."""
        return [
            (lane, message, notice)
            for lane in LANES
            for message in self.out(lane).sent.values()
            if (notice := self.out(lane).notices.get(message.id))
            and notice.carrier
            and not notice.refunded
            and message.sender != self.gateways.gateway
        ]

    def _refunded(self, lane: Lane, message: Message, notice: ReturnNotice) -> list[Log]:
        fee = Fee.unpack(message.fee)
        return self.end_returned(lane, message, fee.relay - fee.base if notice.expired else 0)

    def end_returned(self, lane: Lane, message: Message, unspent: int) -> list[Log]:
        """The message's only end on its origin."""
        side, outbox = self.sides[lane[0]], self.out(lane)
        notice = outbox.notices.get(message.id, ReturnNotice(None, False, False))
        outbox.notices[message.id] = ReturnNotice(notice.carrier, notice.expired, True)
        given = side.reward(outbox, message.sender, unspent)
        if message.sender == self.gateways.places[lane[0]].contract:
            side.returned.append(message.id)
        return [log("MessageReturned", message.id, message.destination, message.nonce, data=(given,))]

    def _end(
        self, lane: Lane, message: Message, data: bytes, caller: str, effect: Callable[[], list[Log]]
    ) -> bool:
        """A contract that refuses what comes back can be asked again, for ever (M20)."""
        contract = self.gateways.places[lane[0]].contract
        if message.sender == contract and not self.sides[lane[0]].takes_back:
            self.refuse(lane[0], caller, data, None)
            self.reach("refused what came back")
            return False
        return self.perform(lane[0], caller, data, None, effect)

    @rule(name=CHAIN, behaviour=st.just(OnReturn.ACCEPT) | st.sampled_from(OnReturn))
    def change_mood_of_sender(self, name: str, behaviour: OnReturn) -> None:
        self.sides[name].takes_back = behaviour is OnReturn.ACCEPT
        self.arrange(name, SENDER, self.gateways.places[name].contract, SET_BEHAVIOUR.encode(behaviour))

    # Claims

    @precondition(lambda self: self.earning())
    @rule(number=PICK)
    def claim(self, number: int) -> None:
        lane, relayer = pick(self.earning(), number)
        self.claim_on(lane, relayer)

    def earning(self) -> list[tuple[Lane, str]]:
        return [(lane, r) for lane in LANES for r in RELAYERS if self.inc(lane).of(r).total]

    def claimable(self) -> list[tuple[Lane, str]]:
        """Where a claim is worth its carriage."""
        return [one for one in self.earning() if self._worth(*one)[0] < self._worth(*one)[1]]

    def _worth(self, lane: Lane, relayer: str) -> tuple[int, int]:
        """What carrying a claim costs, and what is not claimed yet, or may be lost."""
        origin, name = lane
        earned = self.inc(lane).of(relayer)
        lost = self.out((name, origin)).may_lose(earned.claim_nonce)
        carriage = self.sides[name].routes[origin].relay_part(GATEWAY_GAS, GATEWAY_PAYLOAD)
        return carriage, earned.total - (0 if lost else earned.claimed)

    def claim_on(self, lane: Lane, relayer: str) -> bool:
        origin, name = lane
        earned, back = self.inc(lane).of(relayer), self.out((name, origin))
        lost = back.may_lose(earned.claim_nonce)
        carriage, unclaimed = self._worth(lane, relayer)

        def effect() -> list[Log]:
            origin_id = self.gateways.id_of(origin)
            word = bytes.fromhex(relayer[2:]).rjust(32, b"\0")
            logs = self.tell(name, origin_id, Kind.CLAIM, word, earned.total, carriage)
            earned.claimed, earned.claim_nonce = earned.total, back.nonce
            return [*logs, log("ClaimSent", origin_id, relayer, data=(earned.total, back.nonce))]

        if earned.claimed == earned.total and lost and unclaimed > carriage:
            self.reach("claim sent again")
        error = None if unclaimed > carriage else "NothingToClaim"
        data = gateway.CLAIM.encode(self.gateways.id_of(origin))
        done = self.perform(name, relayer, data, error, effect)
        self.reach("claimed" if done else "nothing to claim")
        return done

    # The end

    def end(self) -> None:
        """Whatever was done to them, all messages end, each once, and nothing is left in the lanes (P1, P5)."""
        self.clear_the_way()
        for name in CHAINS:
            self._deliver_with_little_gas(name)
            self.change_mood(name, Mood.ACCEPT)
        self._deliver_all()
        for lane in LANES:
            self.set_free(lane)
        self._claim_all()
        self._deliver_all()
        for number in range(min(3, len(self.open()))):
            self.retry_or_return(number)
        for number in reversed(range(len(self.undelivered(Status.FAILED)))):
            name, one = self.undelivered(Status.FAILED)[number]
            if self.next(name) <= one.message.deliver_before and not one.notice_nonce:
                self.retry(number, RIVAL)
        latest = max(
            (one.message.deliver_before for _, one in self.undelivered(Status.FAILED, Status.EXPIRED)),
            default=0,
        )
        for name in CHAINS:
            if self.next(name) <= latest:
                self.mine(name, latest)
        for name, one in self.undelivered(Status.FAILED, Status.EXPIRED):
            if self._needs_return(one):
                self._return(name, one, None)
        self._deliver_all()
        for behaviour in (OnReturn.REVERT, OnReturn.ACCEPT):
            for name in CHAINS:
                self.change_mood_of_sender(name, behaviour)
            self.refund_all()
        self._claim_all()
        self._deliver_all()
        self.chains_are_as_they_should_be()
        for lane in LANES:
            self._check_ends(lane)

    def _deliver_all(self) -> None:
        for destination in CHAINS:
            lanes = self.waiting(destination)
            if lanes:
                parts = [self._part(lane, 0, 1_000, 0) for lane in lanes]
                self._deliver_parts(destination, parts)

    def _deliver_parts(self, destination: str, parts: list[Part]) -> None:
        self.perform(
            destination, RIVAL, self.delivery(parts), None, lambda: self.settle(destination, parts, RIVAL)
        )

    def _needs_return(self, one: Undelivered) -> bool:
        lane = self.lane_of(one.message)
        if not self.out(lane).has(one.message) or self.out(lane).notices.get(one.message.id):
            return False
        return not one.notice_nonce or self._back(one).may_lose(one.notice_nonce)

    def refund_all(self) -> None:
        for number in reversed(range(len(self.refundable()))):
            self.refund(number)

    def _deliver_with_little_gas(self, name: str) -> None:
        """M12: to recipients that refuse, at once and cheaply, if they get less than was promised."""
        self.change_mood(name, Mood.HUNGRY)
        for gas in _LITTLE_GAS:
            for lane in self.waiting(name):
                parts = [self._part(lane, 0, 255, 255)]
                data = self.delivery(parts)
                self.attempt(name, RIVAL, data, gas, lambda p=parts: self.settle(name, p, RIVAL))  # type: ignore[misc]

    def _claim_all(self) -> None:
        """Without a fee for carriage, even the smallest claim is worth sending."""
        for lane in LANES:
            back = self.out((lane[1], lane[0]))
            for relayer in RELAYERS:
                earned = self.inc(lane).of(relayer)
                lost = back.may_lose(earned.claim_nonce) and self.out(lane).paid[relayer] < earned.total
                if earned.total > earned.claimed or lost:
                    self.claim_on(lane, relayer)

    def set_free(self, lane: Lane) -> None:
        """The owner asks no fee any more."""
        route = self.sides[lane[0]].routes[lane[1]]
        free = gateway.Route(True, True, route.default_gas_limit, route.max_gas_limit)
        data = gateway.SET_ROUTE.encode(self.gateways.id_of(lane[1]), free)
        self.perform(lane[0], OWNER, data, None, list)
        self.sides[lane[0]].routes[lane[1]] = free

    def _check_ends(self, lane: Lane) -> None:
        """P1: exactly one end each. P5: nothing stays in the escrow, and nothing is missing."""
        outbox, there = self.out(lane), self.sides[lane[1]]
        statuses = self._statuses(lane)
        for message in outbox.sent.values():
            notice = outbox.notices.get(message.id)
            executed, returned = message.id in there.delivered, bool(notice and notice.refunded)
            known = there.undelivered.get(message.id)
            expected = (known.status, known.notice_nonce) if known else (Status.NONE, 0)
            what = f"message {message.nonce} of {lane[0]} → {lane[1]}"
            must("P1", f"the status of {what}", statuses[message.id], expected)
            if message.is_of_gateways:
                assert not returned, f"P1: {what} is of the gateway, and was refunded"
            elif lane not in self.lied:
                assert executed or returned, f"P1: {what} is neither executed nor refunded"
                assert not (executed and returned), f"P1: {what} is both executed and refunded"
        if lane not in self.lied | self.unfunded:
            must("P5", f"the escrow of {lane[0]} → {lane[1]} in the end", outbox.escrow, 0)
            for relayer in RELAYERS:
                earned = self.inc(lane).of(relayer).total
                must(
                    "P5",
                    f"what {lane[0]} → {lane[1]} paid {relayer} in the end",
                    outbox.paid[relayer],
                    earned,
                )
            self.reach("settled to the last gwei")

    def _statuses(self, lane: Lane) -> dict[bytes, tuple[Status, int]]:
        ids = [message.id for message in self.out(lane).sent.values()]
        requests = [(self.gateways.gateway, gateway.MESSAGE_STATUS.encode(id_)) for id_ in ids]
        answers = self.gateways.read(lane[1], requests)
        return {id_: gateway.MESSAGE_STATUS.decode(data) for id_, data in zip(ids, answers, strict=True)}
