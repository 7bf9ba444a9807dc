"""ERA under way while others vote: between holders, between chains, back home; and a spoke that lies about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.assets.bridge import Payload as Transfer
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.message import NEVER_EXPIRES, Message
from metalayer.protocol.votes import HOUR, TALLY_GAS_LIMIT, Payload, Tally
from tests.kit.evm import Receipt
from tests.kit.hops import RECEIVE_GAS_LIMIT
from tests.kit.paper import PaperLane, gateway_payload
from tests.kit.roles import RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.elections import CHAIN, PATIENT, PICK, RARELY, SPOKE, Elections
from tests.stateful.electorate import HOLDERS, VOTERS
from tests.stateful.holdings import HUB, SPOKES, UNIT
from tests.stateful.machine import must, pick
from tests.stateful.motions import Motion

HOLDER = st.integers(0, len(HOLDERS) - 1)
PARTS = st.tuples(*[st.integers(0, 60)] * 3)
"""Pieces of ERA that a spoke says were against, for, abstaining."""
VOTER = st.integers(0, len(VOTERS) - 1)


class Fate(IntEnum):
    SENT = auto()
    FAILED = auto()
    EXPIRED = auto()
    RETURNING = auto()
    RETURNED = auto()
    ENDED = auto()
    REFUNDED = auto()


@dataclass
class Sent:
    """A message between the chains. A hop of ERA if it has an end, a tally if it has a ballot, else the notice of a
    return.
    """

    message: Message
    origin: str
    destination: str
    sent_at: int = 0
    units: tuple[int, ...] = ()
    end: str = ""
    """Where the transfer goes."""
    home: str = ""
    """Where it goes if it comes back."""
    sender: str = ""
    to: str = ""
    ballot: tuple[int, int, Tally] | None = None
    of: Sent | None = None
    """What returns."""
    fate: Fate = Fate.SENT


class Movers(Elections):
    """Holders, carriers, and a spoke's validators when they lie."""

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

    @rule(chain=CHAIN, number=PICK, who=HOLDER, count=st.integers(1, 20), sharp=RARELY)
    def send(self, chain: str, number: int, who: int, count: int = 1, sharp: bool = False) -> None:
        """`sharp`: in the second of a full hour."""
        chain = self.honest(chain)
        if sharp:
            self.advance(chain, -self.clock[chain] % HOUR)
        to = pick([other for other in CHAINS if other != chain], number)
        holder, at = self.holder(chain, who), self.clock[chain]
        units = tuple(self.holdings.of(chain, holder)[:count])
        if not units:
            return
        arguments = (self.world.id_of(to), holder, len(units) * UNIT)
        bridge = self.world.stacks[chain].bridge
        receipt = self.perform(bridge, "send", *arguments, by=holder, number="P4", chain=chain)
        assert receipt is not None
        self.holdings.take(chain, units, at)
        if chain == HUB:
            self.holdings.lend(to, units, at)
        self._note_hop(receipt, chain, at, units, to, chain, holder, holder)

    @rule(chain=CHAIN, number=PICK, who=HOLDER, count=st.integers(1, 20), late=st.sampled_from([-60, -1, 0]))
    def cross(self, chain: str, number: int, who: int, count: int = 1, late: int = 0) -> None:
        """From the clock that is furthest ahead, and some lane's messages are brought at once."""
        chain = self.honest(chain)
        self.pass_(chain, max(self.clock.values()) + 60)
        self.send(chain, number, who, count)
        self.deliver_some(number, 9, late)

    def _note_hop(
        self,
        receipt: Receipt,
        origin: str,
        at: int,
        units: tuple[int, ...],
        end: str,
        home: str,
        sender: str,
        to: str,
    ) -> None:
        (message,) = self.courier.note(origin, receipt)
        destination = self.courier.names[message.destination]
        hop = Sent(message, origin, destination, at, units, end, home, sender, to)
        self.expect("second of a hop", Transfer.read(message.payload).sent_at, at)
        self.sent[origin, destination].append(hop)

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
        self._forward([one for one in forwarded if one is not None], receipt, at)

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
        """P7a: no clock that ERA comes to is behind where it came from."""
        enough = one.destination != HUB or len(one.units) <= len(self.holdings.lent[one.origin])
        return at >= one.sent_at and enough

    def _attempt(self, one: Sent, at: int, arrived: bool) -> Sent | None:
        """What became of a message. The hop that the hub forwards."""
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
        if one.ballot is not None:
            must("P7b", "whether a tally arrives", arrived, True)
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

    def _credit(self, one: Sent, at: int) -> Sent | None:
        if one.destination != HUB:
            self.holdings.put(one.destination, one.units, one.to, at)
            return None
        units = self._owed(one.origin, one.units)
        self.holdings.take_back(one.origin, units, at)
        one.units = units
        if one.end == HUB:
            self.holdings.put(HUB, units, one.to, at)
            return None
        self.holdings.lend(one.end, units, at)
        return one

    def _owed(self, spoke: str, units: tuple[int, ...]) -> tuple[int, ...]:
        """To the hub, all ERA of a chain is the same: a liar releases what others have on their way."""
        lent = self.holdings.lent[spoke]
        own = [unit for unit in units if unit in lent]
        return tuple([*own, *sorted(lent - set(own))][: len(units)])

    def _forward(self, hops: list[Sent], receipt: Receipt, at: int) -> None:
        """Notes what the hub sent on."""
        messages = self.courier.note(HUB, receipt) if hops else []
        for one, message in zip(hops, messages, strict=True):
            hop = Sent(message, HUB, one.end, at, one.units, one.end, one.origin, one.sender, one.to)
            self.expect("second of a hop", Transfer.read(message.payload).sent_at, at)
            self.sent[HUB, one.end].append(hop)
            self.reach_path("forwarded")

    def _hear(self, one: Sent, at: int) -> None:
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
        """Ends what was returned: it is back where its hop began, or on its way home from there."""
        home = [one for ones in self.sent.values() for one in ones if one.fate == Fate.RETURNED]
        home = [one for one in home if one.origin not in self.liars]
        if not home:
            return
        one = pick(home, number)
        at, gateway = self.clock[one.origin], self.world.stacks[one.origin].gateway
        if one.origin == HUB and one.ballot is None:
            if len(one.units) > len(self.holdings.lent[one.destination]):
                return
            one.units = self._owed(one.destination, one.units)
        evidence = self.courier.evidence(one.message)
        receipt = self.perform(
            gateway, "refund", *evidence, by=RELAYER.address, number="P1", chain=one.origin
        )
        assert receipt is not None
        must("P4", "returns that failed", receipt.named("CallbackFailed"), [])
        one.fate = Fate.REFUNDED
        if one.ballot is not None:
            return
        if one.origin == HUB:
            self.holdings.take_back(one.destination, one.units, at)
        if one.home == one.origin:
            self.holdings.put(one.origin, one.units, one.sender, at)
            return
        self.holdings.lend(one.home, one.units, at)
        back = Sent(
            one.message, one.home, HUB, end=one.home, units=one.units, sender=one.sender, to=one.sender
        )
        self._forward([back], receipt, at)

    # A spoke that lies

    @rule(spoke=SPOKE, really=st.booleans())
    def turn(self, spoke: str, really: bool = True) -> None:
        """From now on, its validators sign what they like. One spoke at most, so that the other one has rights."""
        if really and not self.liars:
            self.liars.add(spoke)
            self.holdings.forget(spoke)

    @precondition(lambda self: self.liars and self.motions)
    @rule(number=PICK, parts=PARTS, shift=st.sampled_from([0, 0, 0, 3_600]))
    def lie(self, number: int, parts: tuple[int, int, int], shift: int = 0) -> None:
        """Any tally, in pieces and a few wei more."""
        (spoke,), motion = self.liars, pick(self.motions, number)
        tally = Tally(*(part * UNIT + part % 3 for part in parts))
        ballot = (motion.id, motion.snapshot + shift, tally)
        payload = Payload(*ballot, RELAYER.address).encoded
        message = self._forge(spoke, self.pool.address, payload, TALLY_GAS_LIMIT)
        self.sent[spoke, HUB].append(Sent(message, spoke, HUB, ballot=ballot))

    @precondition(lambda self: self.liars)
    @rule(to=CHAIN, who=HOLDER, count=st.integers(1, 60), sent_at=st.sampled_from([0, 1]))
    def release(self, to: str, who: int, count: int, sent_at: int = 0) -> None:
        """Any transfer, of any second."""
        (spoke,), bridge = self.liars, self.world.stacks[HUB].bridge
        if to == spoke:
            return
        holder, hop = HOLDERS[who], self.world.id_of(to) + (sent_at << 208)
        payload = b"".join(
            word.to_bytes(32, "big") for word in (hop, int(holder, 16), int(holder, 16), count * UNIT)
        )
        message = self._forge(spoke, bridge.address, payload, 2 * RECEIVE_GAS_LIMIT + 100_000)
        # Pieces of its own come last: whichever the hub still owes it are taken.
        units = tuple(-1 - i for i in range(count))
        self.sent[spoke, HUB].append(Sent(message, spoke, HUB, sent_at, units, to, spoke, holder, holder))

    @precondition(lambda self: self.liars)
    @rule(really=RARELY)
    def restart(self, really: bool = True) -> None:
        """The hub follows a restart of its lane: what was said before, and did not end, is forgotten."""
        (spoke,) = self.liars
        if not really or self.clock[HUB] >= self.courier.validators.set.expires:
            return
        place, start = (spoke, HUB), self.courier.lane(spoke, HUB).nonce + 9
        gateway, origin, hub_id = self.world.stacks[HUB].gateway, self.world.id_of(spoke), self.courier.hub_id
        fact = RestartFact(origin, hub_id, start)
        tree = Tree([fact])
        signed = self.courier.validators.sign(hub_id, gateway.address, tree.root).fields
        arguments = (signed, origin, start, tree.proof(fact))
        receipt = self.perform(
            gateway, "followRestart", *arguments, by=RELAYER.address, number="P2", chain=HUB
        )
        assert receipt is not None
        # The notice of it goes to a chain that lies.
        self.courier.note(HUB, receipt)
        self.epochs[spoke] += 1
        self.courier.lanes[place] = PaperLane(hub_id, origin, hub_id, start)
        self.sent[place] = []
        self.first[place] = self.delivered[place] = start
        for one in self.sent[HUB, spoke]:
            if one.fate == Fate.RETURNED:
                one.fate = Fate.SENT

    @precondition(lambda self: self.liars)
    @rule(number=PICK)
    def claim_return(self, number: int = 0) -> None:
        """That it could not take in what it took in."""
        (spoke,) = self.liars
        hops = [one for one in self.sent[HUB, spoke] if one.units and one.fate != Fate.REFUNDED]
        if not hops:
            return
        one, gateway = pick(hops, number), self.world.stacks[HUB].gateway.address
        payload = gateway_payload(0, one.message.id, 1, 0)
        notice = self.courier.lane(spoke, HUB).append_notice(gateway, payload)
        self.sent[spoke, HUB].append(Sent(notice, spoke, HUB, of=one))

    def _forge(self, spoke: str, sender: str, payload: bytes, gas_limit: int) -> Message:
        lane = self.courier.lane(spoke, HUB)
        return lane.append(sender, sender, payload=payload, deliver_before=NEVER_EXPIRES, gas_limit=gas_limit)
