"""Who stays with one transfer: few steps to where many would lead, so that what is random comes far."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from metalayer.protocol.transfers import Payload
from tests.kit.stack import CHAINS
from tests.stateful.books import DAY, HOUR
from tests.stateful.dealers import CAPACITY, SOLVERS, TRUE, WINDOW, Dealers
from tests.stateful.exchange import SOLVER, TOKENS, TRADERS, WHOLE
from tests.stateful.machine import pick
from tests.stateful.shippers import ALL_FREE, AMOUNT, CALL, TIP, TOO_MUCH
from tests.stateful.traders import PICK, RARELY, RECENT, WHO, Fate, Sent

STEPS = st.sampled_from([1, 2, 12])
"""Of a message: to its first attempt, or wherever its transfer ends."""


class Followers(Dealers):
    """Carriers of one transfer, and whoever does the same again."""

    @rule(number=RECENT, steps=STEPS, late=st.booleans(), paid=st.booleans(), together=st.booleans())
    def follow(
        self, number: int, steps: int = 12, late: bool = False, paid: bool = True, together: bool = True
    ) -> None:
        """A message, and what its transfer goes on with. `late`: it comes too late. `paid`: what its next hop costs.
        `together`: all clocks show the same.
        """
        open_ = [one for one in self.scene.all_sent if self._may_follow(one)]
        if not open_:
            return
        one = pick(open_, number)
        for _ in range(steps):
            if together:
                self.meet()
            self._step(one, late, paid)
            if one.is_over:
                after = [other for other in self.scene.all_sent if other.voyage is one.voyage is not None]
                if not after or not self._may_follow(after[-1]):
                    break
                one = after[-1]

    def _may_follow(self, one: Sent) -> bool:
        return not (one.is_over or one.is_notice or one.forged or {*one.lane[1:]} & self.scene.liars)

    def _step(self, one: Sent, late: bool, paid: bool) -> None:
        gateway, origin, destination = one.lane
        if late and one.fate in (Fate.SENT, Fate.FAILED):
            self.pass_(destination, one.message.deliver_before)
        if one.fate == Fate.SENT:
            self.carry(one)
        elif one.fate == Fate.RETURNING:
            self.deliver(destination, origin, len(self.waiting((gateway, destination, origin))), gateway)
        elif one.fate == Fate.RETURNED:
            self.refund_one(one)
        elif one.fate == Fate.OPEN:
            (self.call_back_paid if paid else self.call_back_one)(one)
        elif paid or self.is_stuck(one):
            self.try_again(one)
        elif one.fate == Fate.FAILED:
            self.retry_one(one)

    @rule(
        number=RECENT,
        back=st.booleans(),
        who=WHO,
        amount=AMOUNT | st.sampled_from([ALL_FREE, TOO_MUCH]),
        tip=TIP,
        data=CALL,
    )
    def send_again(
        self, number: int, back: bool, who: int, amount: int = WHOLE, tip: int = 0, data: int = 0
    ) -> None:
        """Where a transfer went, or the other way."""
        voyage = pick(list(self.scene.voyages.values()), number)
        chain, to = (voyage.end, voyage.start) if back else (voyage.start, voyage.end)
        chain = self.honest(chain)
        others = [name for name in CHAINS if name != chain]
        token = self.in_theme(self._token(voyage.terms.token))
        self.send(chain, token, others.index(to) if to != chain else 0, who, who, amount, tip, data=data)

    def _token(self, address: str) -> int:
        return next(token for token in TOKENS if self.address(token) == address)

    @rule(
        number=RECENT,
        there=st.sampled_from([True, True, False]),
        out=CAPACITY,
        into=CAPACITY,
        window=WINDOW,
        goes_on=st.booleans(),
    )
    def limit_hop(
        self, number: int, there: bool, out: int, into: int, window: int = DAY, goes_on: bool = False
    ) -> None:
        """Where a transfer passes, or passed if none is under way: on the chain from which it comes, or `there`, where
        it goes. `goes_on`: it does so at once.
        """
        hops = [one for one in self.scene.all_sent if isinstance(one.what, Payload)]
        one = pick([hop for hop in hops if self._may_follow(hop)] or hops, number)
        assert isinstance(one.what, Payload)
        _, other, chain = one.lane if there else (one.lane[0], *one.lane[:0:-1])
        if chain in self.scene.liars:
            return
        others = [name for name in CHAINS if name != chain]
        self.limit_token(chain, self._token(one.what.token), others.index(other), out, into, window)
        if goes_on and self._may_follow(one):
            self._step(one, late=False, paid=True)

    @rule(number=PICK, out=CAPACITY, into=CAPACITY, window=WINDOW)
    def limit_anew(self, number: int, out: int, into: int, window: int = DAY) -> None:
        """What is limited already."""
        if there := self._limited():
            self.set_limits(*pick(there, number), out, into, window)

    @rule(number=PICK, who=WHO, amount=st.sampled_from([ALL_FREE, TOO_MUCH, TOO_MUCH]))
    def use_up(self, number: int, who: int, amount: int = ALL_FREE) -> None:
        """A limit, to the last unit or beyond."""
        if there := self._limited():
            chain, local, to = pick(there, number)
            token = next((one for one in TOKENS if self.local(one, chain) == local), 0)
            others = [self.id_of(name) for name in CHAINS if name != chain]
            self.send(chain, self.in_theme(token), others.index(to), who, who, amount)

    def _limited(self) -> list[tuple[str, str, int]]:
        honest = [chain for chain in CHAINS if chain not in self.scene.liars]
        return [(chain, *way) for chain in honest for way in sorted(self.books[chain].s.limits)]

    @rule(number=RECENT, seconds=st.sampled_from([HOUR, DAY, 21 * DAY]))
    def hold_hop(self, number: int, seconds: int) -> None:
        """Of a message that is still to come, where it goes."""
        open_ = [one for one in self.scene.all_sent if self._may_follow(one)]
        if open_:
            _, origin, chain = pick(open_, number).lane
            self.hold(chain, [name for name in CHAINS if name != chain].index(origin), seconds)

    @rule(number=RECENT, who=WHO, solver=SOLVERS, carried=st.booleans(), held=RARELY)
    def front_and_claim(
        self, number: int, who: int, solver: str = SOLVER, carried: bool = True, held: bool = False
    ) -> None:
        """What must be told before it comes home. `held`: where it is told to, value from there is held."""
        fronts = len(self.scene.fronts)
        self.front(number, who, TRUE, solver)
        if len(self.scene.fronts) == fronts:
            return
        end, terms = self.scene.fronts[-1]
        start = next(name for name in CHAINS if self.id_of(name) == terms.start)
        if held and start not in self.scene.liars:
            self.hold(start, [name for name in CHAINS if name != start].index(end), DAY)
        self.claim(-1, who, carried=carried)

    # Hypothesis takes each name as often as any other.
    follow_on = follow_home = follow
    send_more = send_again
    limit_more = limit_hop
    limit_other = limit_anew
    use_more = use_up
    front_and_tell = front_and_claim

    def try_again(self, one: Sent) -> None:
        if self.is_stuck(one):
            self.return_one(one)
        elif one.fate == Fate.FAILED:
            self._pay_for(one, one.lane[2])
            self.retry_one(one)

    def call_back_paid(self, one: Sent) -> None:
        self._pay_for(one, one.lane[1])
        self.call_back_one(one)

    def _pay_for(self, one: Sent, chain: str) -> None:
        """As much as any hop costs, if this is the home of what goes on from here."""
        voyage = one.voyage
        assert voyage is not None
        if voyage.home == chain and chain not in (voyage.start, voyage.end):
            numbers = [
                other
                for other in self.scene.voyages.values()
                if other.home != other.end and not other.endings and other.home not in self.scene.liars
            ]
            if self.books[chain].s.passage[voyage.id] == 0:
                held = self.books[chain].s.balances[self.books[chain].era]
                richest = max(range(len(TRADERS)), key=lambda who: held[TRADERS[who]])
                self.pay(number=numbers.index(voyage), who=richest, more=10**7)
