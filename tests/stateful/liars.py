"""A spoke whose validators lie: tallies, transfers, returns and claims of what never was."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.message import NEVER_EXPIRES, Message
from metalayer.protocol.transfers import CLAIM_GAS, FORWARD_GAS, ClaimPayload, Kind
from metalayer.protocol.transfers import Payload as TransferPayload
from metalayer.protocol.votes import TALLY_GAS_LIMIT, Payload, Tally
from tests.kit.paper import PaperLane, gateway_payload
from tests.kit.roles import RELAYER
from tests.stateful.elections import CHAIN, PICK, RARELY, SPOKE
from tests.stateful.electorate import HOLDERS
from tests.stateful.fronters import Fronters
from tests.stateful.holdings import HUB, UNIT
from tests.stateful.machine import pick
from tests.stateful.movers import HOLDER, PREPAID, Fate, Journey, Sent

PARTS = st.tuples(*[st.integers(0, 60)] * 3)
"""Pieces of ERA that a spoke says were against, for, abstaining."""


class Liars(Fronters):
    """One spoke at most, so that the other one has rights."""

    @rule(spoke=SPOKE, really=st.booleans())
    def turn(self, spoke: str, really: bool = True) -> None:
        """From now on, its validators sign what they like."""
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
    @rule(to=CHAIN, who=HOLDER, count=st.integers(1, 60), sent_at=st.sampled_from([0, 1]), prepaid=PREPAID)
    def release(self, to: str, who: int, count: int, sent_at: int = 0, prepaid: int = 0) -> None:
        """Any transfer, of any second, with any fee."""
        (spoke,), stack = self.liars, self.world.stacks[HUB]
        if to == spoke:
            return
        holder = HOLDERS[who]
        payload = TransferPayload(
            Kind.BACK,
            token=stack.era.address,
            from_=holder,
            to=holder,
            chain=self.world.id_of(to),
            amount=count * UNIT,
            fee=prepaid * UNIT // GWEI,
            hop_at=sent_at,
        )
        message = self._forge(spoke, stack.bridge.address, payload.encoded, FORWARD_GAS)
        # Pieces of its own come last: whichever the hub still owes it are taken.
        units = tuple(-1 - i for i in range(count + prepaid))
        journey = Journey(spoke, to, holder, holder, units[:count], units[count:])
        self.sent[spoke, HUB].append(Sent(message, spoke, HUB, sent_at, journey))

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
        hops = [one for one in self.sent[HUB, spoke] if one.journey and one.fate != Fate.REFUNDED]
        if not hops:
            return
        one, gateway = pick(hops, number), self.world.stacks[HUB].gateway.address
        payload = gateway_payload(0, one.message.id, 1, 0)
        notice = self.courier.lane(spoke, HUB).append_notice(gateway, payload)
        self.sent[spoke, HUB].append(Sent(notice, spoke, HUB, of=one))

    @precondition(lambda self: self.liars and self.frontable)
    @rule(number=PICK, who=HOLDER)
    def claim_falsely(self, number: int, who: int) -> None:
        """That somebody paid a recipient there, whether that is where the transfer should end or not."""
        (spoke,), terms = self.liars, pick(self.frontable, number).terms
        assert terms is not None
        bridge, claim = self.world.stacks[HUB].bridge.address, (terms.key, HOLDERS[who])
        message = self._forge(spoke, bridge, ClaimPayload(*claim).encoded, CLAIM_GAS)
        self.sent[spoke, HUB].append(Sent(message, spoke, HUB, claim=claim))

    def _forge(self, spoke: str, sender: str, payload: bytes, gas_limit: int) -> Message:
        lane = self.courier.lane(spoke, HUB)
        message = lane.append(
            sender, sender, payload=payload, deliver_before=NEVER_EXPIRES, gas_limit=gas_limit
        )
        self.courier.sent[message.id] = message
        return message
