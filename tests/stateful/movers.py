"""ERA under way while others vote: between holders, between chains, and back where it began."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from hypothesis import strategies as st
from hypothesis.stateful import rule

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import LIFETIME, MIN_LIFETIME, TIP_PARTS, Front, Options, Payload
from metalayer.protocol.votes import HOUR, Tally
from tests.kit.evm import Receipt
from tests.kit.roles import RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.elections import CHAIN, PATIENT, PICK, RARELY, Elections
from tests.stateful.electorate import HOLDERS, VOTERS
from tests.stateful.holdings import HUB, SPOKES, UNIT
from tests.stateful.machine import must, pick
from tests.stateful.motions import Motion

HOLDER = st.integers(0, len(HOLDERS) - 1)
VOTER = st.integers(0, len(VOTERS) - 1)
PREPAID = st.sampled_from([0, 0, 1, 3])
"""Pieces that are prepaid for a second hop. It costs nothing: they are a gift to the bridge once they arrive."""
HALF = TIP_PARTS // 2
"""As a tip, so that what a solver pays is whole pieces."""
DONE = ""
"""Stands for the solver of what arrived."""


class Fate(IntEnum):
    SENT = auto()
    FAILED = auto()
    EXPIRED = auto()
    RETURNING = auto()
    RETURNED = auto()
    ENDED = auto()
    REFUNDED = auto()


@dataclass
class Journey:
    """A transfer, over all its hops."""

    start: str
    end: str
    to: str
    back: str
    """Who gets it back."""
    units: tuple[int, ...]
    """Of another token, none."""
    prepaid: tuple[int, ...] = ()
    deadline: int = 0
    """Of the hop that the hub sends on, if its own."""
    terms: Front | None = None
    """If it can be fronted."""


@dataclass
class Sent:
    """A message between the chains: a hop of a journey, a tally, a claim, or the notice of a return."""

    message: Message
    origin: str
    destination: str
    sent_at: int = 0
    journey: Journey | None = None
    is_return: bool = False
    """Whether the hop takes a journey to where it began."""
    ballot: tuple[int, int, Tally] | None = None
    claim: tuple[bytes, str] | None = None
    """Key and solver."""
    of: Sent | None = None
    """What returns."""
    fate: Fate = Fate.SENT


class Movers(Elections):
    """Holders and carriers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[tuple[str, str], list[Sent]] = {
            (origin, destination): [] for origin in CHAINS for destination in CHAINS if origin != destination
        }
        self.delivered = {place: self.courier.lane(*place).nonce for place in self.sent}
        self.first = dict(self.delivered)
        """Of those that come now."""
        self.epochs = dict.fromkeys(SPOKES, 0)
        """Restarts of each spoke's lane that the hub followed."""
        self.frontable: list[Journey] = []
        self.fronted: dict[bytes, str] = {}
        """By key, who paid the recipient, or DONE."""
        self.claimants: dict[tuple[bytes, str], str] = {}
        """By key and chain, who claims what comes back from there."""

    # Holders

    def honest(self, chain: str) -> str:
        """The hub instead of a spoke that lies: what happens there is nobody's any more."""
        return HUB if chain in self.liars else chain

    def holder(self, chain: str, who: int) -> str:
        """One of those who have ERA there, if anybody has."""
        return pick([who for who in HOLDERS if self.holdings.of(chain, who)] or HOLDERS, who)

    @rule(chain=CHAIN, who=HOLDER, to=VOTER)
    def delegate(self, chain: str, who: int, to: int) -> None:
        chain = self.honest(chain)
        voter, at, era = self.holder(chain, who), self.clock[chain], self.world.stacks[chain].era
        self.perform(era, "delegate", VOTERS[to], by=voter, number="P7a", chain=chain)
        self.holdings.delegate(chain, voter, VOTERS[to], at)

    @rule(chain=CHAIN, who=HOLDER, to=HOLDER, count=st.integers(1, 40))
    def pay(self, chain: str, who: int, to: int, count: int) -> None:
        chain = self.honest(chain)
        holder, at, era = self.holder(chain, who), self.clock[chain], self.world.stacks[chain].era
        units = self.holdings.of(chain, holder)[:count]
        amount = len(units) * UNIT
        self.perform(era, "transfer", HOLDERS[to], amount, by=holder, number="P7a", chain=chain)
        self.holdings.take(chain, units, at)
        self.holdings.put(chain, units, HOLDERS[to], at)

    @rule(
        chain=CHAIN,
        number=PICK,
        who=HOLDER,
        count=st.integers(1, 20),
        sharp=RARELY,
        prepaid=PREPAID,
        tips=st.booleans(),
        back=st.none() | HOLDER,
    )
    def send(
        self,
        chain: str,
        number: int,
        who: int,
        count: int = 1,
        sharp: bool = False,
        prepaid: int = 0,
        tips: bool = False,
        back: int | None = None,
    ) -> None:
        """`sharp`: in the second of a full hour. `back`: who gets it back, if not the holder."""
        chain = self.honest(chain)
        to = pick([other for other in CHAINS if other != chain], number)
        if sharp:
            self.advance(chain, -self.clock[chain] % HOUR)
        holder = self.holder(chain, who)
        owned = tuple(self.holdings.of(chain, holder))
        units = owned[: count // 2 * 2 if tips else count]
        rest = owned[len(units) :][: prepaid if HUB not in (chain, to) else 0]
        if tips and len(units) % 2:
            units = units[:-1]
        returnee = holder if back is None else HOLDERS[back]
        if units:
            self._depart(Journey(chain, to, holder, returnee, units, rest), tips)

    @rule(start=st.sampled_from(SPOKES), who=HOLDER, prepaid=st.integers(1, 9))
    def prepay(self, start: str, who: int, prepaid: int) -> None:
        """A wei of another token crosses from spoke to spoke, and ERA with it that pays for its second hop."""
        if start in self.liars:
            return
        (end,) = set(SPOKES) - {start}
        holder = self.holder(start, who)
        units = tuple(self.holdings.of(start, holder)[:prepaid])
        if not units:
            return
        arguments = (holder, 1)
        token = self.world.stand_ins[start]
        self.perform(token, "transfer", *arguments, by=self.world.rich, number="P4", chain=start)
        self._depart(Journey(start, end, holder, holder, (), units), False)

    def _depart(self, journey: Journey, tips: bool) -> None:
        chain, holder, at = journey.start, journey.to, self.clock[journey.start]
        journey.deadline = at + LIFETIME
        stack = self.world.stacks[chain]
        token = stack.era if journey.units else self.world.stand_ins[chain]
        amount = len(journey.units) * UNIT or 1
        options = Options(
            return_to=journey.back, tip=HALF if tips else 0, fee=len(journey.prepaid) * UNIT // GWEI
        )
        arguments = (token.address, self.world.id_of(journey.end), holder, amount, options.fields)
        receipt = self.perform(stack.bridge, "send", *arguments, by=holder, number="P4", chain=chain)
        assert receipt is not None
        self.holdings.take(chain, (*journey.units, *journey.prepaid), at)
        if chain == HUB:
            self.holdings.lend(journey.end, journey.units, at)
        (message,) = self.courier.note(chain, receipt)
        if tips:
            ids = (message.id, self.world.id_of(chain), self.courier.hub_id)
            journey.terms = Payload.read(message.payload).front(*ids)
            self.frontable.append(journey)
        self._note_hop(message, at, journey)

    @rule(chain=CHAIN, number=PICK, who=HOLDER, count=st.integers(1, 20), late=st.sampled_from([-60, -1, 0]))
    def cross(self, chain: str, number: int, who: int, count: int = 1, late: int = 0) -> None:
        """From the clock that is furthest ahead, and some lane's messages are brought at once."""
        chain = self.honest(chain)
        self.pass_(chain, max(self.clock.values()) + 60)
        self.send(chain, number, who, count)
        self.deliver_some(number, 9, late)

    def _note_hop(self, message: Message, at: int, journey: Journey, is_return: bool = False) -> None:
        origin, destination = (self.courier.names[id_] for id_ in (message.origin, message.destination))
        self.expect("second of a hop", Payload.read(message.payload).hop_at, at)
        self.sent[origin, destination].append(Sent(message, origin, destination, at, journey, is_return))

    # Carriers

    @rule(number=PICK, count=st.integers(1, 9), late=st.sampled_from([None, None, -1, 0, 0, 1]))
    def deliver_some(self, number: int, count: int = 9, late: int | None = None) -> None:
        """Of a lane that has some. `late`: seconds from when the first of them was sent, if that is still to come."""
        lanes = [place for place in self.sent if self.waiting(place)]
        if not lanes:
            return
        place = pick(lanes, number)
        if late is not None:
            self.pass_(place[1], self.waiting(place)[0].sent_at + late - 1)
        self.deliver(*place, count)

    def waiting(self, place: tuple[str, str]) -> list[Sent]:
        return self.sent[place][self.delivered[place] - self.first[place] :]

    def deliver(self, origin: str, destination: str, count: int = 9) -> None:
        """The next messages of a lane, in their order."""
        place = (origin, destination)
        waiting = self.waiting(place)[:count]
        expires = self.courier.validators.set.expires
        if not waiting or destination in self.liars or self.clock[destination] >= expires:
            return
        lane, gateway = self.courier.lane(*place), self.world.stacks[destination].gateway
        tree = Tree([lane.fact()])
        signed = self.courier.validators.sign(self.courier.hub_id, gateway.address, tree.root).fields
        batch = lane.batch(tree, first=self.delivered[place] + 1, count=len(waiting))
        at, why = self.clock[destination], []
        harmless = all(one.of is not None or at > one.message.deliver_before for one in waiting)
        if not (self._listens(*place) or harmless):
            why = ["RouteClosed", "RoutePaused"]
        arguments = (signed, [batch])
        receipt = self.perform(
            gateway, "deliver", *arguments, by=RELAYER.address, number="M37", why=why, chain=destination
        )
        if receipt is None:
            return
        self.delivered[place] += len(waiting)
        arrived = {id_ for id_, _, _ in receipt.named("MessageDelivered")}
        forwarded = [self._attempt(one, at, one.message.id in arrived) for one in waiting]
        self._forward([journey for journey in forwarded if journey is not None], receipt, at)

    @rule(number=PICK, patient=PATIENT)
    def retry(self, number: int = 0, patient: bool = False) -> None:
        failed = [
            one
            for ones in self.sent.values()
            for one in ones
            if one.fate == Fate.FAILED and one.destination not in self.liars
        ]
        if not failed:
            return
        one = pick(failed, number)
        if patient:
            self.pass_(one.destination, one.sent_at - 1)
        at, gateway = self.clock[one.destination], self.world.stacks[one.destination].gateway
        arguments = (one.message.origin, one.message.nonce, one.message.fields)
        why = []
        if at > one.message.deliver_before:
            why = ["MessageExpired"]
        elif one.of is not None:
            why = [] if self._listens(one.origin, one.destination) else ["RouteClosed", "RoutePaused"]
        elif not self._is_creditable(one, at):
            why = ["RetryFailed"]
        receipt = self.perform(
            gateway, "retry", *arguments, by=RELAYER.address, number="P7a", why=why, chain=one.destination
        )
        if receipt is not None:
            forwarded = self._attempt(one, at, True)
            self._forward([forwarded] if forwarded else [], receipt, at)

    def _listens(self, origin: str, destination: str) -> bool:
        return destination != HUB or self.is_open(origin)

    def _is_creditable(self, one: Sent, at: int) -> bool:
        """P7a: no clock that ERA comes to is behind where it came from. P4: no chain gives more than it has. What is
        sent on must have an hour left.
        """
        journey = one.journey
        if journey is None:
            return True
        to_hub = one.destination == HUB
        if at < one.sent_at and (journey.units or (to_hub and journey.prepaid)):
            return False
        if not to_hub:
            return True
        goes_on = journey.end != HUB
        in_time = not goes_on or journey.deadline == 0 or at + MIN_LIFETIME <= journey.deadline
        amount = len(journey.units) + (len(journey.prepaid) if goes_on else 0)
        return in_time and amount <= len(self.holdings.lent[one.origin])

    def _attempt(self, one: Sent, at: int, arrived: bool) -> Journey | None:
        """What became of a message. The journey that the hub sends on."""
        if one.of is not None:
            opened = self._listens(one.origin, one.destination)
            must("P1", "whether a notice is taken in", arrived, opened)
            one.fate = Fate.ENDED if opened else Fate.FAILED
            if opened and one.of.fate != Fate.REFUNDED:
                one.of.fate = Fate.RETURNED
            return None
        if at > one.message.deliver_before:
            assert not arrived, "P1: what came too late is delivered"
            one.fate = Fate.EXPIRED
            return None
        if one.ballot is not None or one.claim is not None:
            must("P7b", "whether a tally or claim arrives", arrived, True)
            one.fate = Fate.ENDED
            self._hear(one, at)
            return None
        creditable = self._is_creditable(one, at)
        self.expect(f"whether a hop of {one.sent_at} is credited at {at}", arrived, creditable)
        one.fate = Fate.ENDED if arrived else Fate.FAILED
        self.reach_path("credited" if arrived else "not credited")
        return self._credit(one, at) if arrived else None

    def expect(self, what: str, found: object, expected: object) -> None:
        """The rule that P7a and P7b rest on."""
        must("P7a", what, found, expected)

    def _credit(self, one: Sent, at: int) -> Journey | None:
        journey = one.journey
        assert journey is not None
        if one.destination != HUB:
            payee = self._returnee(journey) if one.is_return else self._payee(journey)
            self.holdings.put(one.destination, journey.units, payee, at)
            return None
        if journey.end == HUB:
            journey.units = self._take_back(one.origin, journey.units, at)
            self.holdings.put(HUB, journey.units, self._payee(journey), at)
            return None
        count = len(journey.units)
        taken = self._take_back(one.origin, (*journey.units, *journey.prepaid), at)
        journey.units, journey.prepaid = taken[:count], ()
        self.holdings.lend(journey.end, journey.units, at)
        return journey

    def _payee(self, journey: Journey) -> str:
        """Whom it pays where it ends: from then on nobody can front it."""
        if journey.terms is None:
            return journey.to
        solver = self.fronted.get(journey.terms.key, journey.to)
        self.fronted[journey.terms.key] = DONE
        return solver

    def _returnee(self, journey: Journey) -> str:
        """Whom it pays where it began."""
        if journey.terms is None:
            return journey.back
        return self.claimants.get((journey.terms.key, journey.end), journey.back)

    def _take_back(self, spoke: str, units: tuple[int, ...], at: int) -> tuple[int, ...]:
        """From what the hub owes a chain. To the hub, all ERA of a chain is the same: a liar releases what others have
        on their way.
        """
        lent = self.holdings.lent[spoke]
        own = [unit for unit in units if unit in lent]
        taken = tuple([*own, *sorted(lent - set(own))][: len(units)])
        self.holdings.take_back(spoke, taken, at)
        return taken

    def _forward(self, journeys: list[Journey], receipt: Receipt, at: int, is_return: bool = False) -> None:
        """Notes what the hub sent on."""
        messages = self.courier.note(HUB, receipt) if journeys else []
        for journey, message in zip(journeys, messages, strict=True):
            self._note_hop(message, at, journey, is_return)
            self.reach_path("sent back" if is_return else "forwarded")

    def _hear(self, one: Sent, at: int) -> None:
        if one.claim is not None:
            key, solver = one.claim
            self.claimants.setdefault((key, one.origin), solver)
            return
        assert one.ballot is not None
        id_, snapshot, tally = one.ballot
        for motion in self.motions:
            if (motion.id, motion.snapshot) == (id_, snapshot) and motion.hear(
                one.origin, tally, self.epochs[one.origin]
            ):
                self.reach_path("tally kept")
                if one.origin not in self.liars:
                    self._check_honest(one.origin, motion)

    def _check_honest(self, spoke: str, motion: Motion) -> None:
        said, held = motion.said[spoke].total, self.held(spoke, motion)
        assert said <= held, f"P7b: honest {spoke} has {said} votes, and {held} outstanding"

    @rule(number=PICK)
    def send_home(self, number: int = 0) -> None:
        """What failed or came too late, and can no longer be retried."""
        stuck = [
            one
            for ones in self.sent.values()
            for one in ones
            if one.fate in (Fate.FAILED, Fate.EXPIRED)
            and one.of is None
            and self.clock[one.destination] > one.message.deliver_before
            and one.destination not in self.liars
        ]
        if not stuck:
            return
        one = pick(stuck, number)
        gateway = self.world.stacks[one.destination].gateway
        arguments = (one.message.origin, one.message.nonce, one.message.fields)
        receipt = self.perform(
            gateway, "returnToSender", *arguments, by=RELAYER.address, number="P1", chain=one.destination
        )
        assert receipt is not None
        (notice,) = self.courier.note(one.destination, receipt)
        one.fate = Fate.RETURNING
        self.sent[one.destination, one.origin].append(Sent(notice, one.destination, one.origin, of=one))

    @rule(number=PICK)
    def refund(self, number: int = 0) -> None:
        """Ends what was returned: it is back where its hop began, or on its way from there to where it started."""
        home = [one for ones in self.sent.values() for one in ones if one.fate == Fate.RETURNED]
        home = [one for one in home if one.origin not in self.liars]
        if not home:
            return
        one = pick(home, number)
        journey, at, gateway = one.journey, self.clock[one.origin], self.world.stacks[one.origin].gateway
        if journey and one.origin == HUB and len(journey.units) > len(self.holdings.lent[one.destination]):
            return
        evidence = self.courier.evidence(one.message)
        receipt = self.perform(
            gateway, "refund", *evidence, by=RELAYER.address, number="P1", chain=one.origin
        )
        assert receipt is not None
        must("P4", "returns that failed", receipt.named("CallbackFailed"), [])
        one.fate = Fate.REFUNDED
        if journey is None:
            return
        if one.origin == HUB:
            journey.units = self._take_back(one.destination, journey.units, at)
        if journey.start == one.origin:
            self.holdings.put(one.origin, journey.units, self._returnee(journey), at)
            self.holdings.put(one.origin, journey.prepaid, journey.back, at)
            return
        self.holdings.lend(journey.start, journey.units, at)
        self._forward([journey], receipt, at, is_return=True)
