"""Who fronts transfers and claims what returns of them; the offices that limit, hold, strike, adopt, and leave a
gateway; and a token in changing moods.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from metalayer.protocol import bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.bridge import DONE, send_call
from metalayer.protocol.transfers import Front, Options, Payload
from tests.kit.evm import Contract
from tests.kit.gateways import SET_BEHAVIOUR
from tests.kit.roles import GUARDIAN, OWNER
from tests.kit.stack import CHAINS
from tests.stateful.books import DAY, HOUR, Books
from tests.stateful.exchange import (
    ERA,
    FIRST,
    HOMES,
    HUB,
    ISSUED,
    MAX,
    MOODY,
    RIVAL,
    SECOND,
    SOLVER,
    SPOKES,
    TRADERS,
    WHOLE,
    Behaviour,
    Mood,
)
from tests.stateful.machine import pick
from tests.stateful.shippers import Shippers
from tests.stateful.traders import CHAIN, PICK, RARELY, RECENT, TOKEN, WHO, Voyage

TRUE, LESS, OTHER_RECIPIENT, OTHER_TOKEN, OTHER_START, NO_TIP, OTHER_ID = range(7)
"""Of which terms a front is."""
TERMS_KIND = st.sampled_from(
    [TRUE, TRUE, TRUE, LESS, OTHER_RECIPIENT, OTHER_TOKEN, OTHER_START, NO_TIP, OTHER_ID]
)
SOLVERS = st.sampled_from([SOLVER, SOLVER, RIVAL, DONE])
CAPACITY = st.sampled_from([0, WHOLE, 10 * WHOLE, 5_000 * WHOLE, 5_000 * WHOLE, 3 * 10**9 + 1])
WINDOW = st.sampled_from([HOUR, DAY, 7 * DAY])
_APPROVE = Function("approve(address,uint256)")


def _numbers(kinds: type[IntEnum]) -> list[int]:
    """As which a step can be written down and taken again."""
    return [int(kind) for kind in kinds]


class Dealers(Shippers):
    """Solvers, owner, guardian."""

    # Solvers

    @rule(number=RECENT, who=WHO, kind=TERMS_KIND, solver=SOLVERS)
    def front(self, number: int, who: int = 1, kind: int = TRUE, solver: str = SOLVER) -> None:
        offered = [
            voyage
            for voyage in self.scene.voyages.values()
            if voyage.terms.tip and voyage.end not in self.scene.liars
        ]
        if offered:
            self.front_voyage(pick(offered, number), TRADERS[who], kind, solver)

    def front_voyage(self, voyage: Voyage, payer: str, kind: int, solver: str) -> None:
        """`kind`: which terms. Who does not have enough of the token cannot."""
        chain, terms = voyage.end, self._terms(voyage, kind, payer)
        self._approve(chain, payer, terms)
        done = self.act(
            chain,
            bridge.FRONT.encode(terms.fields, solver),
            payer,
            lambda books, at: books.front(payer, terms, solver, at),
            "P15",
        )
        if done:
            self.scene.fronts.append((chain, terms))
            self.reach("fronted" if terms == voyage.terms else "fronted on other terms")
            if terms == voyage.terms and not any(end[0] == chain and not end[2] for end in voyage.endings):
                voyage.solver = solver

    def _terms(self, voyage: Voyage, kind: int, payer: str) -> Front:
        """All but the true ones in favour of who pays."""
        terms = voyage.terms
        other = self.address(ERA if terms.token != self.address(ERA) else MOODY)
        whole_other = {"home_chain": self.id_of(HUB), "token": other, "amount": 1, "tip": 1, "to": payer}
        changes: dict[int, dict[str, Any]] = {
            LESS: {"amount": 1},
            OTHER_RECIPIENT: {"to": payer},
            OTHER_TOKEN: whole_other,
            OTHER_START: {"start": self.id_of(voyage.end)},
            NO_TIP: {"tip": 0},
            OTHER_ID: {"id": bytes(31) + b"1"},
        }
        return replace(terms, **changes.get(kind, {}))

    def _approve(self, chain: str, payer: str, terms: Front) -> None:
        books = self.books[chain]
        local = books.s.locals.get((terms.home_chain, terms.token), terms.token)
        if (chain, payer, local) in self.scene.approved or local in self.places[chain].tokens:
            return
        if local in books.s.homes:
            self.arrange(chain, local, _APPROVE.encode(books.bridge, MAX), by=payer)
            self.scene.approved.add((chain, payer, local))

    @rule(number=RECENT, who=WHO, from_balance=st.booleans(), early=RARELY, carried=st.booleans())
    def claim(
        self,
        number: int,
        who: int = 1,
        from_balance: bool = False,
        early: bool = False,
        carried: bool = False,
    ) -> None:
        """Of any front, or of a transfer that nobody fronted. `carried`: it arrives at once."""
        fronts = [(chain, terms) for chain, terms in self.scene.fronts if chain not in self.scene.liars]
        if early or not fronts:
            voyages = [v for v in self.scene.voyages.values() if v.end not in self.scene.liars]
            fronts = [(voyage.end, voyage.terms) for voyage in voyages]
        if not fronts:
            return
        chain, terms = pick(fronts, number)
        sender = TRADERS[who]
        done = self.act(
            chain,
            bridge.CLAIM.encode(terms.fields, from_balance),
            sender,
            lambda books, at: books.claim(sender, terms, from_balance, at),
            "P15",
        )
        if done:
            self.reach("claimed")
            if carried:
                self.carry(self.scene.all_sent[-1])

    # Owner and guardian

    @rule(
        chain=CHAIN,
        token=TOKEN,
        number=PICK,
        out=CAPACITY,
        into=CAPACITY,
        window=WINDOW,
        by=st.sampled_from([OWNER.address, OWNER.address, OWNER.address, GUARDIAN.address]),
    )
    def limit(
        self,
        chain: str,
        token: int,
        number: int,
        out: int,
        into: int,
        window: int = DAY,
        by: str = OWNER.address,
    ) -> None:
        """Of a representation that is still to come, too."""
        self.limit_token(self.honest(chain), self.themed(token), number, out, into, window, by)

    def limit_token(
        self,
        chain: str,
        token: int,
        number: int,
        out: int,
        into: int,
        window: int,
        by: str = OWNER.address,
    ) -> None:
        place = self.places[chain]
        others = [name for name in CHAINS if name != chain]
        other = pick(others, number)
        local = self.local(token, chain) or place.representation(
            self.id_of(HOMES[token]), self.address(token)
        )
        self.set_limits(chain, local, self.id_of(other), out, into, window, by)

    def set_limits(
        self, chain: str, local: str, to: int, out: int, into: int, window: int, by: str = OWNER.address
    ) -> None:
        number = "P16" if by == OWNER.address else "P3"

        def effect(books: Books, at: int) -> None:
            books.check(by == OWNER.address, "NotBridgeOwner")
            books.set_limits(local, to, out, into, window, at)

        self.act(chain, bridge.SET_LIMITS.encode(local, to, out, into, window), by, effect, number)

    def limit_unknown(self, chain: str, spoke: str, out: int, into: int) -> None:
        """Of what will stand for a token that says that it is at home elsewhere."""
        home = self.id_of(spoke)
        local = self.places[chain].representation(home, self.address(MOODY))
        self.set_limits(chain, local, home, out, into, DAY)

    @rule(chain=CHAIN, number=PICK)
    def lift(self, chain: str, number: int) -> None:
        """Removes limits that are there."""
        chain = self.honest(chain)
        there = sorted(self.books[chain].s.limits)
        if there:
            token, to = pick(there, number)
            self.act(
                chain,
                bridge.REMOVE_LIMITS.encode(token, to),
                OWNER.address,
                lambda books, at: books.remove_limits(token, to),
                "P16",
            )

    @rule(
        chain=CHAIN,
        number=PICK,
        seconds=st.sampled_from([1, HOUR, DAY, 21 * DAY, 21 * DAY + 1]),
        by=st.sampled_from([GUARDIAN.address, GUARDIAN.address, OWNER.address]),
        really=RARELY,
    )
    def hold(
        self, chain: str, number: int, seconds: int, by: str = GUARDIAN.address, really: bool = True
    ) -> None:
        chain = self.honest(chain)
        to = self.id_of(pick([name for name in CHAINS if name != chain], number))
        if not really:
            return

        def effect(books: Books, at: int) -> None:
            books.check(by == GUARDIAN.address, "NotBridgeGuardian")
            books.hold(to, seconds, at)

        self.act(chain, bridge.HOLD.encode(to, seconds), by, effect, "P18")

    @rule(chain=CHAIN, number=PICK, by=st.sampled_from([GUARDIAN.address, OWNER.address, TRADERS[0]]))
    def unhold(self, chain: str, number: int, by: str = GUARDIAN.address) -> None:
        chain = self.honest(chain)
        to = self.id_of(pick([name for name in CHAINS if name != chain], number))

        def effect(books: Books, at: int) -> None:
            books.check(by != TRADERS[0], "NotBridgeGuardian")
            books.unhold(to, at)

        self.act(chain, bridge.UNHOLD.encode(to), by, effect, "P18")

    @rule(number=RECENT, really=RARELY)
    def strike(self, number: int, really: bool = True) -> None:
        """What waits, failed, or is still to come."""
        open_ = [
            one
            for one in self.scene.all_sent
            if isinstance(one.what, Payload) and not one.is_over and one.lane[2] not in self.scene.liars
        ]
        if not open_ or not really:
            return
        one = pick(open_, number)
        self.act(
            one.lane[2],
            bridge.STRIKE.encode(self.id_of(one.lane[1]), one.id),
            OWNER.address,
            lambda books, at: books.strike(one.id),
            "P17",
        )

    @rule(chain=CHAIN, token=TOKEN, number=st.just(ISSUED) | TOKEN, really=st.booleans())
    def adopt(self, chain: str, token: int, number: int, really: bool = True) -> None:
        """Also what stands for something, is no issuer's token, or comes too late."""
        chain = self.honest(chain)
        local = self.places[chain].tokens[number]
        home, address = self.id_of(HOMES[token]), self.address(token)
        if not really or self.is_used(chain, local):
            return
        self.act(
            chain,
            bridge.ADOPT.encode(home, address, local),
            OWNER.address,
            lambda books, at: books.adopt(home, address, local, number == ISSUED),
            "P21",
        )

    def is_used(self, chain: str, local: str) -> bool:
        """Whether a token left this chain as one at home here: the owner knows better than to adopt it."""
        accounts = self.books[chain].s.accounts
        return any(accounts[local, other] for other in self.places[chain].ids.values())

    @rule(chain=CHAIN, number=PICK, which=st.sampled_from([FIRST, SECOND, SECOND]), really=RARELY)
    def choose(self, chain: str, number: int, which: int = SECOND, really: bool = True) -> None:
        chain = self.honest(chain)
        to = self.id_of(pick([name for name in CHAINS if name != chain], number))
        gateway = self.places[chain].gateways[which].address
        if really:
            self.act(
                chain,
                bridge.CHOOSE_GATEWAY.encode(to, gateway),
                OWNER.address,
                lambda books, at: books.choose_gateway(to, which, at),
                "P22",
            )

    @rule(chain=CHAIN, which=st.sampled_from([SECOND, SECOND, FIRST]), really=RARELY)
    def refuse_gateway(self, chain: str, which: int = SECOND, really: bool = True) -> None:
        chain = self.honest(chain)
        if really:
            self.act(
                chain,
                bridge.REFUSE_GATEWAY.encode(self.places[chain].gateways[which].address),
                OWNER.address,
                lambda books, at: books.refuse_gateway(which),
                "P22",
            )

    @rule(patient=st.booleans(), really=RARELY)
    def accept_gateway(self, patient: bool = True, really: bool = True) -> None:
        """The second one, everywhere."""
        if not really:
            return
        for chain in CHAINS:
            if chain not in self.scene.liars:
                self.act(
                    chain,
                    bridge.ACCEPT_GATEWAY.encode(self.places[chain].gateways[SECOND].address),
                    OWNER.address,
                    lambda books, at: books.accept_gateway(SECOND, at),
                    "P22",
                )
        if patient:
            for chain in CHAINS:
                self.advance(chain, 21 * DAY)

    # What recipients and a token do

    @rule(chain=CHAIN, behaviour=st.sampled_from(_numbers(Behaviour)))
    def behave(self, chain: str, behaviour: int) -> None:
        chain = self.honest(chain)
        self.arrange(chain, self.places[chain].receiver.address, SET_BEHAVIOUR.encode(behaviour))
        self.books[chain].s.behaviour = Behaviour(behaviour)

    @rule(
        mood=st.sampled_from([*_numbers(Mood), int(Mood.CALLS)]),
        token=st.sampled_from([0, MOODY]),
        spoke=st.sampled_from(SPOKES),
        who=WHO,
        moves=st.sampled_from([True, True, False]),
    )
    def change_mood(
        self, mood: int, token: int = 0, spoke: str = "arcade", who: int = 0, moves: bool = False
    ) -> None:
        """On its home. `token`: what it sends when it is asked to move, if it does. `moves`: it is asked at once."""
        books = self.books[HUB]
        moody = self._moody()
        self.arrange(HUB, moody.address, moody.encode("setMood", mood))
        books.s.mood = Mood(mood)
        if mood == Mood.CALLS:
            address, to = self.address(token), self.id_of(spoke)
            # It may not be sent back to itself.
            what = send_call(address, to, TRADERS[who], WHOLE, Options(return_to=TRADERS[who]))
            self.arrange(HUB, moody.address, moody.encode("setCall", books.bridge, what))
            books.reentry = (address, to, TRADERS[who], WHOLE)
        if moves:
            self.send(HUB, self.in_theme(MOODY), SPOKES.index(spoke), who)

    change_again = change_mood

    @rule(who=st.integers(0, len(TRADERS)), blocks=st.booleans())
    def block(self, who: int, blocks: bool = True) -> None:
        """A trader, or the bridge."""
        books, moody = self.books[HUB], self._moody()
        account = [*TRADERS, books.bridge][who]
        self.arrange(HUB, moody.address, moody.encode("setBlocked", account, blocks))
        books.s.blocked = books.s.blocked | {account} if blocks else books.s.blocked - {account}

    @rule(name=st.sampled_from(["Moody", "USD Coin", "", "x" * 65]))
    def rename(self, name: str) -> None:
        moody = self._moody()
        self.arrange(HUB, moody.address, moody.encode("setName", name))
        self.books[HUB].s.name = (name or "?").encode()[:64]

    def _moody(self) -> Contract:
        return Contract(self.places[HUB].chain, "MoodyToken", self.address(MOODY))
