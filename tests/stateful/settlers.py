"""How messages end on their origin: returns, refunds, claims; and the end of every example, when all is settled."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import SetFact
from metalayer.protocol.gateway import Kind, ReturnNotice, Status, Terms
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message
from tests.kit import scripted
from tests.kit.gateways import ATTACKER, LANES, RELAYER, RIVAL, SENDER, SET_BEHAVIOUR, SET_CALL
from tests.kit.promises import promised_gas
from tests.kit.stack import CHAINS
from tests.stateful.ghost import NO_NOTICE, Log, Mood, OnReturn, Outgoing, Undelivered, log
from tests.stateful.machine import CHAIN, PICK, RELAYERS, Lane, Part, must, pick
from tests.stateful.relayers import GAS, PLENTY, Relayers

_LAST_SECONDS = (-1, 0, 1)
_LITTLE_GAS = (350_000, 600_000)


class Settlers(Relayers):
    """Anyone who returns, refunds and claims."""

    # Returns, on the destination

    @precondition(lambda self: self.undelivered(Status.FAILED, Status.EXPIRED))
    @rule(number=PICK, caller=st.sampled_from(RELAYERS))
    def return_to_sender(self, number: int, caller: str = RELAYER) -> None:
        name, one = pick(self.undelivered(Status.FAILED, Status.EXPIRED), number)
        error = None
        if self.next(name) <= one.message.deliver_before:
            error = "MessageNotExpired"
        elif one.notice_nonce and not self._back(one).may_lose(one.notice_nonce):
            error = "MessageNotReturnable"
        self._return(name, one, error, caller)

    def _return(self, name: str, one: Undelivered, error: str | None, caller: str = RIVAL) -> None:
        """Its step is paid once, however often the notice of it is lost."""
        message = one.message

        def effect() -> list[Log]:
            expired, step = one.status is Status.EXPIRED, Fee.unpack(message.fee).step
            logs = self.tell(name, message.origin, Kind.RETURN, message.id, int(expired), step)
            if not one.notice_nonce:
                self.inc(self.lane_of(message)).of(caller).total += step
            else:
                self.reach("returned again")
            nonce = self._back(one).nonce
            self.sides[name].undelivered[message.id] = Undelivered(message, one.status, nonce)
            return [*logs, log("ReturnSent", message.id, message.origin, message.nonce, data=(nonce,))]

        done = self.perform(
            name,
            caller,
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
        return [
            (name, one)
            for name, one in self.undelivered(Status.FAILED)
            if not one.notice_nonce and not one.message.is_of_gateways
        ]

    # Refunds, on the origin

    @precondition(lambda self: self.refundable())
    @rule(number=PICK, end=PICK, caller=st.sampled_from([RELAYER, ATTACKER]), gas=GAS)
    def refund(self, number: int, end: int = 255, caller: str = RELAYER, gas: int | None = PLENTY) -> None:
        """With a walk to the present head or to a stored one."""
        lane, message = pick(self.refundable(), number)
        outbox = self.out(lane)
        ends = outbox.walk_ends(message.nonce)
        chosen = pick(ends, end)
        walk = outbox.walk(message.nonce, chosen)
        data, fee = gateway.REFUND.encode(message, walk), Fee.unpack(message.fee)
        unspent = fee.relay - fee.base if outbox.notices[message.id].expired else 0
        if self.end_message(lane, message, data, caller, unspent, len(walk.ids), gas):
            self.reach("refunded")
            self.reach("walk to a stored head" if chosen < outbox.nonce else "walk to the present head")
            self.refuse(lane[0], caller, data, "AlreadyRefunded")

    def refundable(self) -> list[tuple[Lane, Message]]:
        """Messages that a notice came back for, and that are in their lane still."""
        return [(lane, message) for lane, message in self.returning() if self.heard(lane, message)]

    def returning(self) -> list[tuple[Lane, Message]]:
        """The same, whether the notice still counts or not."""
        return [
            (lane, message)
            for lane in LANES
            for message in self.out(lane).sent.values()
            if (notice := self.out(lane).notices.get(message.id))
            and notice.carrier
            and not notice.refunded
            and message.sender != self.gateways.gateway
        ]

    def heard(self, lane: Lane, message: Message) -> bool:
        """True if the destination said in the present epoch that the message goes back."""
        notice = self.out(lane).notices.get(message.id, NO_NOTICE)
        return notice.carrier is not None and notice.epoch == self.epoch_back(lane)

    def epoch_back(self, lane: Lane) -> int:
        """Of the lane on which a destination talks back."""
        return self.inc((lane[1], lane[0])).epoch

    @precondition(lambda self: self.outdated())
    @rule(number=PICK)
    def refund_what_does_not_count_any_more(self, number: int) -> None:
        """P1: what a chain said before its lane was restarted, it did not say."""
        lane, message = pick(self.outdated(), number)
        walk = self.out(lane).walk(message.nonce, self.out(lane).walk_ends(message.nonce)[-1])
        self.refuse(lane[0], ATTACKER, gateway.REFUND.encode(message, walk), "NotReturned")
        self.reach("notice of an old epoch")

    def outdated(self) -> list[tuple[Lane, Message]]:
        return [(lane, message) for lane, message in self.returning() if not self.heard(lane, message)]

    def end_message(
        self,
        lane: Lane,
        message: Message,
        data: bytes,
        caller: str,
        unspent: int,
        ids: int,
        gas: int | None = PLENTY,
    ) -> bool:
        """The message's only end on its origin. It is final whatever the sender does, and takes no more gas than was
        promised from message and walk alone (P24).
        """
        limit = Fee.unpack(message.fee).return_gas_limit
        most = promised_gas(data, len(message.payload), ids, limit)

        def effect() -> list[Log]:
            return self._returned(lane, message, unspent, caller)

        if gas is PLENTY:
            return self.perform(lane[0], caller, data, None, effect, most=most)
        return self.attempt(lane[0], caller, data, gas, effect)

    def _returned(self, lane: Lane, message: Message, unspent: int, caller: str) -> list[Log]:
        """The caller earns its step, and the callback if there is somebody to call: as far as the escrow reaches."""
        side, outbox, fee = self.sides[lane[0]], self.out(lane), Fee.unpack(message.fee)
        is_contract = message.sender == self.gateways.places[lane[0]].contract
        earned = side.reward(outbox, caller, fee.step + (fee.callback if is_contract else 0))
        given = side.reward(outbox, message.sender, unspent + (0 if is_contract else fee.callback))
        takes = is_contract and self.takes_back(lane[0], fee.return_gas_limit)
        outbox.notices[message.id] = outbox.notices.get(message.id, NO_NOTICE)._replace(
            refunded=True, callback_open=is_contract and not takes, unspent=given // GWEI
        )
        if takes:
            side.returned.append(message.id)
        data = (given, caller, earned)
        logs = [log("MessageReturned", message.id, message.destination, message.nonce, data=data)]
        if is_contract and not takes:
            logs.append(log("CallbackFailed", message.id))
            self.reach("refused what came back")
        return logs

    def takes_back(self, name: str, gas: int) -> bool:
        """What the sending contract does if it is called with that gas."""
        match self.sides[name].on_return:
            case OnReturn.ACCEPT:
                return gas >= 200_000
            case OnReturn.HUNGRY:
                return gas >= 900_000
            case _:
                return False

    @precondition(lambda self: self.to_call_back())
    @rule(number=PICK)
    def call_back(self, number: int) -> None:
        """Anyone may, with all gas, until the sender takes it; it moves no money (M20)."""
        lane, message = pick(self.to_call_back(), number)
        name, outbox, data = lane[0], self.out(lane), gateway.call_back_call(message)

        def effect() -> list[Log]:
            outbox.notices[message.id] = outbox.notices[message.id]._replace(callback_open=False)
            self.sides[name].returned.append(message.id)
            return [log("CalledBack", message.id)]

        if not self.takes_back(name, 2**63):
            self.refuse(name, ATTACKER, data, None)
            self.reach("refused again what came back")
        elif self.perform(name, ATTACKER, data, None, effect):
            self.reach("called back")
            self.refuse(name, ATTACKER, data, "NoCallback")

    def to_call_back(self) -> list[tuple[Lane, Message]]:
        return [
            (lane, message)
            for lane in LANES
            for message in self.out(lane).sent.values()
            if self.out(lane).notices.get(message.id, NO_NOTICE).callback_open
        ]

    @rule(
        name=CHAIN,
        behaviour=st.sampled_from([OnReturn.ACCEPT, OnReturn.HUNGRY]) | st.sampled_from(OnReturn),
    )
    def change_mood_of_sender(self, name: str, behaviour: OnReturn) -> None:
        g, places = self.gateways, self.gateways.places[name]
        self.sides[name].on_return = behaviour
        if behaviour is OnReturn.HUNGRY:
            data = SET_CALL.encode(places.hungry, b"")
        elif behaviour is OnReturn.REENTER:
            attestation, _ = self.attest(name, [SetFact(0, bytes(32))])
            data = SET_CALL.encode(g.gateway, gateway.DELIVER.encode(attestation, []))
        else:
            data = SET_BEHAVIOUR.encode(scripted.OnReturn[behaviour.name])
        self.arrange(name, SENDER, places.contract, data)

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
        carriage = self.sides[name].routes[origin].terms.carriage()
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
        times = [one.message.deliver_before for _, one in self.undelivered(Status.FAILED, Status.EXPIRED)]
        latest = max((time for time in times if time != NEVER_EXPIRES), default=0)
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
            for number in reversed(range(len(self.to_call_back()))):
                self.call_back(number)
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
        message, notices = one.message, self.out(lane).notices
        if message.is_of_gateways or not self.out(lane).has(message) or self.heard(lane, message):
            return False
        if notices.get(message.id, NO_NOTICE).refunded:
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
        terms = route.terms
        free = Terms(terms.default_gas_limit, terms.max_gas_limit, terms.default_return_gas_limit)
        data = gateway.SET_TERMS.encode(self.gateways.id_of(lane[1]), free)
        self.perform(lane[0], self.gateways.owner, data, None, list)
        self.sides[lane[0]].routes[lane[1]] = replace(route, terms=free)

    def _check_ends(self, lane: Lane) -> None:
        """P1: exactly one end each. P5: nothing stays in the escrow, and nothing is missing."""
        outbox, there = self.out(lane), self.sides[lane[1]]
        statuses, notices = self._statuses(lane), self._notices(lane)
        for message in outbox.sent.values():
            notice = outbox.notices.get(message.id, NO_NOTICE)
            executed, returned = message.id in there.delivered, notice.refunded
            known = there.undelivered.get(message.id)
            expected = (known.status, known.notice_nonce) if known else (Status.NONE, 0)
            what = f"message {message.nonce} of {lane[0]} → {lane[1]}"
            must("P1", f"the status of {what}", statuses[message.id], expected)
            must("P1, P5", f"the return of {what}", notices[message.id], notice)
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

    def _notices(self, lane: Lane) -> dict[bytes, ReturnNotice]:
        ids, destination = (
            [message.id for message in self.out(lane).sent.values()],
            self.out(lane).destination,
        )
        requests = [(self.gateways.gateway, gateway.RETURN_NOTICE.encode(destination, id_)) for id_ in ids]
        answers = self.gateways.read(lane[0], requests)
        return {id_: gateway.RETURN_NOTICE.decode(data) for id_, data in zip(ids, answers, strict=True)}
