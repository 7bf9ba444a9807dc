"""Who sends tokens, who carries their messages, and what becomes of each."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from metalayer.protocol import bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.bridge import send_call
from metalayer.protocol.facts import Tree
from metalayer.protocol.message import STORED_HEAD_INTERVAL, Fee
from metalayer.protocol.transfers import RECEIVE_GAS, TIP_PARTS, Options, Payload
from tests.kit.evm import Receipt, Revert, call
from tests.kit.roles import RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.books import DAY, HOUR, Books, Refused
from tests.stateful.exchange import HOMES, HUB, TOKENS, TRADERS, WHOLE, in_gwei
from tests.stateful.machine import must, pick
from tests.stateful.traders import (
    CHAIN,
    PICK,
    RECENT,
    TOKEN,
    WHO,
    Fate,
    Lane,
    Sent,
    Traders,
)

AMOUNT = st.sampled_from([1, 999, WHOLE, 7 * WHOLE, 100 * WHOLE, 3_000 * WHOLE, 20_000 * WHOLE])
ALL_FREE, TOO_MUCH, NOTHING, ALL = -1, -2, 0, -3
"""Instead of an amount: what a limit lets through, a unit more, nothing, and all that one has."""
TIP = st.sampled_from([0, 0, 10**6, 10**8, TIP_PARTS])
RAMP = st.sampled_from([0, 600, 65_535])
WITHIN = st.sampled_from([None, None, HOUR, 2 * HOUR, 5 * DAY, 30 * DAY])
CREDITED, BALANCE, BOUND, BOUND_BALANCE, TOO_LOW = range(5)
"""How fees are paid: from the credit, from the balance; either with a bound, or one that is too low."""
PAYING = st.sampled_from([CREDITED, CREDITED, BALANCE, BOUND, BOUND_BALANCE, TOO_LOW])
PREPAID = st.sampled_from([None, 0, 0, 10**8, -1])
"""Gwei beyond what the second hop costs; None for nothing."""
PLAIN, SHORT, SOME, MUCH = range(4)
"""No call; a call with gas for it; with more, and with much more."""
CALL = st.sampled_from([PLAIN, PLAIN, PLAIN, SHORT, SOME, MUCH])
_EXTRA = {PLAIN: 0, SHORT: 150_000, SOME: 300_000, MUCH: 1_000_000}
_USED = RECEIVE_GAS
"""Gas that what comes before a call leaves of the part that every transfer has: none."""
_DELEGATE = Function("delegate(address)")


class Shippers(Traders):
    """Senders and carriers."""

    # Senders

    @rule(
        chain=CHAIN,
        token=TOKEN,
        number=PICK,
        who=WHO,
        to=WHO,
        amount=st.one_of(AMOUNT, st.sampled_from([ALL_FREE, TOO_MUCH, ALL])),
        tip=TIP,
        ramp=RAMP,
        within=WITHIN,
        paying=PAYING,
        prepaid=PREPAID,
        data=CALL,
        elsewhere=st.booleans(),
    )
    def send(
        self,
        chain: str,
        token: int,
        number: int,
        who: int = 0,
        to: int = 0,
        amount: int = WHOLE,
        tip: int = 0,
        ramp: int = 0,
        within: int | None = None,
        paying: int = CREDITED,
        prepaid: int | None = 0,
        data: int = PLAIN,
        elsewhere: bool = False,
    ) -> None:
        """`elsewhere`: it returns to somebody else. Who has none of the token sends another one."""
        chain, token = self.honest(chain), self.themed(token)
        books, place, at = self.books[chain], self.places[chain], self.clock[chain]
        sender = TRADERS[who]
        token = next(
            one
            for one in (token, HOMES.index(chain), *range(4), 0)
            if (local := self.local(one, chain)) and (books.s.balances[local][sender] or one == 0)
        )
        local = self.local(token, chain)
        assert local is not None
        destination = pick([name for name in CHAINS if name != chain], number)
        end, home = self.id_of(destination), books.s.homes.get(local, (0, local))[0]
        recipient = place.receiver.address if data else TRADERS[to]
        payload = b"data" if data else b""
        extra = _EXTRA[data]
        fee = 0
        if home == place.hub_id and end != home and prepaid is not None:
            cost = self.books[HUB].quote_forward(self.address(token), end, len(payload), extra)
            fee = max(0, in_gwei(cost) + prepaid)
        first, _ = books.quote_send(local, end, len(payload), extra)
        most = {BOUND: 0, BOUND_BALANCE: 0, TOO_LOW: -1}.get(paying)
        options = Options(
            return_to=TRADERS[who - 1] if elsewhere else None,
            deadline=0 if within is None else at + within,
            tip=0 if data else tip,
            ramp=0 if data else ramp,
            fee=fee,
            max_fee=0 if most is None else first + fee * GWEI + most,
            from_balance=paying in (BALANCE, BOUND_BALANCE),
            extra_gas=extra,
            data=payload,
        )
        value = self._amount(amount, local, sender, books, home or end, at)
        self._check_quotes(chain, local, end, len(payload), extra)
        call_ = send_call(local, end, recipient, value, options)
        done = self.act(
            chain,
            call_,
            sender,
            lambda books, at: books.send(sender, local, end, recipient, value, options, at),
            "P4'",
        )
        if done:
            self.reach(f"sent, {'out' if not home else 'home' if home == end else 'by the home'}")

    def _amount(self, amount: int, local: str, sender: str, books: Books, hop: int, at: int) -> int:
        held = books.s.balances[local][sender]
        limit = books.s.limits.get((local, hop))
        if amount in (ALL_FREE, TOO_MUCH) and limit is not None:
            data = bridge.LIMITS_OF.encode(local, hop)
            answer = call(self.places[books.place.name].chain, books.bridge, data, at=at)
            assert isinstance(answer, bytes)
            free = bridge.LIMITS_OF.decode(answer).out_free
            return min(held, free) or 1 if amount == ALL_FREE else int(limit.out.free(at)) + 1
        return max(held, 1) if amount < 0 else amount

    def _check_quotes(self, chain: str, local: str, end: int, data: int, extra: int) -> None:
        """P23: what is asked beforehand is what is charged, as the books say it."""
        place, books, at = self.places[chain], self.books[chain], self.clock[chain]
        asked = call(place.chain, books.bridge, bridge.QUOTE_SEND.encode(local, end, data, extra), at=at)
        assert isinstance(asked, bytes), f"P23: {chain} has no price for a transfer to {end}: {asked!r}"
        said = bridge.QUOTE_SEND.decode(asked)
        must(
            "P23", f"what {chain} asks for a transfer", tuple(said), books.quote_send(local, end, data, extra)
        )
        home = place.name_of(said.home)
        if home is None or home in self.scene.liars:
            return
        token = books.s.homes[local][1]
        question = bridge.QUOTE_FORWARD.encode(token, end, data, extra)
        answer = call(self.places[home].chain, books.bridge, question, at=self.clock[home])
        assert isinstance(answer, bytes), f"P23: {home} has no price for a hop to {end}: {answer!r}"
        cost = self.books[home].quote_forward(token, end, data, extra)
        must("P23", f"what {home} asks for a second hop", bridge.QUOTE_FORWARD.decode(answer), cost)

    @initialize(
        first=TOKEN,
        second=TOKEN,
        tip=TIP,
        theme=st.just(list(TOKENS)) | st.lists(TOKEN, min_size=1, max_size=2, unique=True),
        late=st.booleans(),
    )
    def begin(
        self, first: int, second: int, tip: int, theme: Sequence[int] = TOKENS, late: bool = False
    ) -> None:
        """No example without transfers. Many are about few tokens; `late`: what is under way at the end comes home."""
        self.theme, self.ends_late = theme, late
        first, second = self.themed(first), self.themed(second)
        self.send(HOMES[first], first, 0, amount=WHOLE, tip=tip)
        self.send("perps", second, 1, amount=7 * WHOLE, tip=10**8, prepaid=0)
        self.send("arcade", second, 1, who=1, amount=100 * WHOLE, tip=tip, within=5 * DAY, prepaid=0)

    @rule(
        chain=CHAIN, token=TOKEN, number=PICK, who=WHO, amount=AMOUNT, tip=TIP, data=CALL, late=st.booleans()
    )
    def ship(
        self,
        chain: str,
        token: int,
        number: int,
        who: int,
        amount: int = WHOLE,
        tip: int = 0,
        data: int = PLAIN,
        late: bool = False,
    ) -> None:
        """A transfer that is carried as far as it comes. `late`: it comes too late."""
        chain = self.honest(chain)
        before = set(self.scene.voyages)
        self.send(chain, token, number, who, who, amount, tip, data=data, within=HOUR if late else None)
        for id_ in set(self.scene.voyages) - before:
            voyage = self.scene.voyages[id_]
            for origin, destination in dict.fromkeys(
                [(voyage.start, voyage.home), (voyage.home, voyage.end)]
            ):
                if origin != destination and destination not in self.scene.liars:
                    self.pass_(destination, self.clock[origin] + late * 2 * HOUR)
                    for gateway in (0, 1):
                        self.deliver(origin, destination, 9, gateway)

    @rule(chain=CHAIN, token=TOKEN, number=PICK, who=WHO, from_balance=st.booleans())
    def describe(self, chain: str, token: int, number: int, who: int, from_balance: bool = False) -> None:
        """Again, or too early, or of what is no token at home."""
        chain = self.honest(chain)
        to = self.id_of(pick([name for name in CHAINS if name != chain], number))
        address, sender = self.address(self.themed(token)), TRADERS[who]
        self.act(
            chain,
            bridge.DESCRIBE.encode(address, to, from_balance),
            sender,
            lambda books, at: books.describe(sender, address, to, from_balance, at),
            "P21",
        )

    @rule(number=RECENT, who=WHO, more=st.sampled_from([0, 0, 10**7, -1]))
    def pay(self, number: int, who: int = 0, more: int = 0) -> None:
        """For the next hop of a transfer at its token's home. `more`: gwei than it costs."""
        voyages = [
            voyage
            for voyage in self.scene.voyages.values()
            if voyage.home != voyage.end and not voyage.endings and voyage.home not in self.scene.liars
        ]
        if not voyages:
            return
        voyage, sender = pick(voyages, number), TRADERS[who]
        books = self.books[voyage.home]
        cost = books.quote_forward(voyage.terms.token, self.id_of(voyage.end), 4, 10**6)
        amount = in_gwei(cost) + more
        self.act(
            voyage.home,
            bridge.PAY.encode(voyage.id, amount),
            sender,
            lambda books, at: books.pay(sender, voyage.id, amount),
            "P4'",
        )

    @rule(chain=CHAIN, who=WHO, to=WHO)
    def delegate(self, chain: str, who: int, to: int) -> None:
        """Its votes cost what moves ERA some gas more."""
        chain = self.honest(chain)
        self.arrange(chain, self.books[chain].era, _DELEGATE.encode(TRADERS[to]), by=TRADERS[who])

    @rule(chain=CHAIN, token=TOKEN, number=PICK, who=WHO, amount=AMOUNT)
    def cover(self, chain: str, token: int, number: int, who: int, amount: int) -> None:
        chain = self.honest(chain)
        to = self.id_of(pick([name for name in CHAINS if name != chain], number))
        local, sender = self.local(self.themed(token), chain), TRADERS[who]
        if local is None:
            return
        self.act(
            chain,
            bridge.COVER.encode(local, to, amount),
            sender,
            lambda books, at: books.cover(sender, local, to, amount, at),
            "P4'",
        )

    # Carriers

    @rule(number=PICK, count=st.integers(1, 9), late=st.sampled_from([None, None, None, -1, 0, 1]))
    def deliver_some(self, number: int, count: int = 9, late: int | None = None) -> None:
        """Of a lane that has some. `late`: seconds from when the first of them was sent, if that is still to come."""
        lanes = [lane for lane in self.scene.sent if self.waiting(lane) and lane[2] not in self.scene.liars]
        if not lanes:
            return
        lane = pick(lanes, number)
        what = self.waiting(lane)[0].what
        if late is not None and isinstance(what, Payload):
            self.pass_(lane[2], what.hop_at + late - 1)
        self.deliver(lane[1], lane[2], count, lane[0])

    def carry(self, one: Sent) -> None:
        """With all that is before it."""
        gateway, origin, destination = one.lane
        self.deliver(origin, destination, len(self.waiting(one.lane)), gateway)

    def waiting(self, lane: Lane) -> list[Sent]:
        return self.scene.sent[lane][self.scene.delivered[lane] - self.scene.lanes[lane].start :]

    def deliver(self, origin: str, destination: str, count: int = 9, gateway: int = 0) -> None:
        """The next messages of a lane, in their order."""
        lane: Lane = (gateway, origin, destination)
        waiting = self.waiting(lane)[:count]
        if not waiting or destination in self.scene.liars:
            return
        paper, place = self.scene.lanes[lane], self.places[destination]
        contract = place.gateways[gateway]
        tree = Tree([paper.fact()])
        signers = self.scene.signers[gateway, destination]
        signed = signers.sign(place.hub_id, contract.address, tree.root, range(4)).fields
        batch = paper.batch(tree, first=waiting[0].message.nonce, count=len(waiting))
        at = self.clock[destination]
        data = contract.encode("deliver", signed, [batch])
        receipt = self.mine(destination, contract.address, data, RELAYER.address)
        if not receipt.succeeded:
            found = call(place.chain, contract.address, data, sender=RELAYER.address, at=at)
            raise AssertionError(f"P14: {destination} does not take in {waiting}: {found!r}")
        self.scene.delivered[lane] += len(waiting)
        arrived = {id_ for id_, _, _ in receipt.named("MessageDelivered")}
        self._begin(destination)
        for one in waiting:
            self._attempt(one, at, one.message.id in arrived)
        self._check_sent(destination, receipt, "P14")

    def _attempt(self, one: Sent, at: int, arrived: bool) -> None:
        """What must have become of a message at its first attempt."""
        chain, message = one.lane[2], one.message
        if one.is_notice:
            must("P14", "whether a notice is taken in", arrived, True)
            one.fate = Fate.ENDED
            if one.of is not None and one.of.fate not in (Fate.REFUNDED, Fate.OPEN):
                one.of.fate = Fate.RETURNED
            return
        if at > message.deliver_before:
            must("P14", "whether what came too late arrives", arrived, False)
            one.fate = Fate.EXPIRED
            return
        gas = message.gas_limit - _USED
        passes = self.received(one, at, None if one.forged and gas > 2_000_000 else gas)
        number = self._number(one)
        must(number, f"whether {chain} takes in {one.what or message.payload!r}", arrived, passes)
        one.fate = Fate.ENDED if passes else Fate.FAILED

    def received(self, one: Sent, at: int, extra: int | None, changes: bool = True) -> bool:
        """By the books. `changes`: also if it has to wait."""
        gateway, origin, chain = one.lane
        books = self.books[chain]
        try:
            with books.step():
                books.check(one.message.sender == books.bridge, "NotABridge")
                passes = books.receive(self.id_of(origin), gateway, one.id, one.message.payload, extra, at)
                # A retry that has to wait is undone.
                books.check(passes or changes, "RetryFailed")
        except Refused as refused:
            self.reach(f"not received: {refused}")
            return False
        if passes:
            self.note_endings(chain, one)
            self._note_claim(one)
        self.reach("received" if passes else "has to wait")
        return passes

    def _note_claim(self, one: Sent) -> None:
        """Of a true front, and while its transfer can still come home."""
        for voyage in self.scene.voyages.values():
            key = getattr(one.what, "key", None)
            if key == voyage.key and one.lane[1:] == (voyage.end, voyage.start):
                voyage.is_claimed = voyage.is_claimed or not voyage.endings

    @staticmethod
    def _number(one: Sent) -> str:
        return "P17" if one.forged else "P14"

    @rule(number=RECENT, patient=st.booleans())
    def retry(self, number: int = 0, patient: bool = False) -> None:
        failed = [
            one
            for one in self.scene.all_sent
            if one.fate == Fate.FAILED and one.lane[2] not in self.scene.liars
        ]
        if not failed:
            return
        one = pick(failed, number)
        since = self.books[one.lane[2]].s.waiting.get(one.id, 0)
        if patient and since < 2**255:
            self.pass_(one.lane[2], since + DAY - 1)
        self.retry_one(one)

    def retry_one(self, one: Sent) -> bool:
        gateway, _, chain = one.lane
        place, at = self.places[chain], self.clock[chain]
        contract = place.gateways[gateway]
        data = contract.encode("retry", one.message.origin, one.message.nonce, one.message.fields)
        self._begin(chain)
        late = at > one.message.deliver_before
        if late or not self.received(one, at, None, changes=False):
            found = call(place.chain, contract.address, data, sender=RELAYER.address, at=at)
            assert isinstance(found, Revert), (
                f"{self._number(one)}: {chain} takes in {one.what}, and must not"
            )
            must("P14", "a refusal", repr(found).split("(")[0], "MessageExpired" if late else "RetryFailed")
            return False
        receipt = self.mine(chain, contract.address, data, RELAYER.address)
        assert receipt.succeeded, f"{self._number(one)}: {chain} does not take in {one.what}"
        one.fate = Fate.ENDED
        self._check_sent(chain, receipt, "P14")
        return True

    @rule(number=RECENT)
    def send_home(self, number: int = 0) -> None:
        """What failed or came too late, and can no longer be retried."""
        stuck = [one for one in self.scene.all_sent if self.is_stuck(one)]
        if stuck:
            self.return_one(pick(stuck, number))

    def is_stuck(self, one: Sent) -> bool:
        chain = one.lane[2]
        return (
            one.fate in (Fate.FAILED, Fate.EXPIRED)
            and self.clock[chain] > one.message.deliver_before
            and not {chain, one.lane[1]} & self.scene.liars
        )

    def return_one(self, one: Sent) -> None:
        gateway, _, chain = one.lane
        contract = self.places[chain].gateways[gateway]
        data = contract.encode("returnToSender", one.message.origin, one.message.nonce, one.message.fields)
        self._begin(chain)
        receipt = self.mine(chain, contract.address, data, RELAYER.address)
        assert receipt.succeeded, f"P14: {chain} does not send home {one.what}"
        (notice,) = self._check_sent(chain, receipt, "P14")
        notice.of = one
        one.was_expired = one.fate == Fate.EXPIRED
        one.fate = Fate.RETURNING

    @rule(number=RECENT)
    def refund(self, number: int = 0) -> None:
        """Ends what was returned: it is back where its hop began, or on its way home from there."""
        home = [
            one
            for one in self.scene.all_sent
            if one.fate == Fate.RETURNED and one.lane[1] not in self.scene.liars and not one.forged
        ]
        if home:
            self.refund_one(pick(home, number))

    def refund_one(self, one: Sent) -> None:
        gateway, origin, _ = one.lane
        at, contract = self.clock[origin], self.places[origin].gateways[gateway]
        receipt = self.mine(
            origin, contract.address, contract.encode("refund", *self.evidence(one)), RELAYER.address
        )
        assert receipt.succeeded, f"P14: {origin} does not refund {one.what}"
        fee = Fee.unpack(one.message.fee)
        unspent = (fee.relay - fee.base) * GWEI if one.was_expired else 0
        self.take_home(one, receipt, unspent, at)

    def take_home(self, one: Sent, receipt: Receipt, unspent: int, at: int) -> None:
        gateway, origin, _ = one.lane
        books = self.books[origin]
        must("P23", "what is unspent", receipt.named("MessageReturned")[0][3], unspent)
        books.s.credit[gateway, books.bridge] += unspent
        books.s.spare += unspent
        one.unspent = unspent
        self._begin(origin)
        taken = self._take(one, at)
        failed = bool(receipt.named("CallbackFailed"))
        must("P14", f"whether {origin} takes back {one.what}", not failed, taken)
        one.fate = Fate.REFUNDED if taken else Fate.OPEN
        self._check_sent(origin, receipt, "P14")
        self.reach("taken back" if taken else "not taken back")

    def _take(self, one: Sent, at: int) -> bool:
        origin = one.lane[1]
        books = self.books[origin]
        try:
            with books.step():
                self._take_home(books, one, at)
        except Refused:
            return False
        self.note_endings(origin, one)
        return True

    def _take_home(self, books: Books, one: Sent, at: int) -> None:
        gateway, _, destination = one.lane
        books.take_home(self.id_of(destination), gateway, one.id, one.message.payload, one.unspent, at)

    @rule(number=RECENT)
    def call_back(self, number: int = 0) -> None:
        """What its bridge could not take back when it was refunded."""
        left = [
            one
            for one in self.scene.all_sent
            if one.fate == Fate.OPEN and one.lane[1] not in self.scene.liars
        ]
        if left:
            self.call_back_one(pick(left, number))

    def call_back_one(self, one: Sent) -> bool:
        gateway, origin, _ = one.lane
        contract = self.places[origin].gateways[gateway]
        data = contract.encode("callBack", one.message.fields, one.message.destination, one.message.nonce)
        done = self.act(
            origin,
            data,
            RELAYER.address,
            lambda books, at: self._take_home(books, one, at),
            "P14",
            to=contract.address,
        )
        if done:
            one.fate = Fate.REFUNDED
            self.note_endings(origin, one)
        return done

    def evidence(self, one: Sent) -> tuple[object, ...]:
        """Arguments of `refund`: a walk to the next head that is stored, or to the last one."""
        lane, nonce = one.paper, one.message.nonce
        end = lane.nonce
        if end - nonce >= STORED_HEAD_INTERVAL:
            end = -(-nonce // STORED_HEAD_INTERVAL) * STORED_HEAD_INTERVAL
        ids = [later.id for later in lane.messages[nonce - lane.start : end - lane.start]]
        walk = (one.message.destination, nonce, lane.heads[nonce - 1 - lane.start], ids)
        return one.message.fields, walk
