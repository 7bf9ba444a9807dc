"""Messages to a chain whose route was closed for good: they come home without it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.facts import UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Status
from metalayer.protocol.message import Fee, Message
from tests.kit.gateways import ATTACKER, LANES
from tests.kit.stack import CHAINS
from tests.stateful.ghost import NO_NOTICE
from tests.stateful.governors import Governors
from tests.stateful.machine import LANE, PICK, Lane, pick
from tests.stateful.settlers import Settlers


class Closures(Governors, Settlers):
    """The owner closes a route, two months pass, and a quorum signs what was not executed."""

    @rule(lane=LANE)
    def give_up(self, lane: Lane) -> None:
        """Closed for as long as it takes. The destination knows nothing of it."""
        if self.sides[lane[0]].routes[lane[1]].outbound:
            self.set_open(lane, outbound=False, inbound=False)
        for name in CHAINS:
            self.mine(name, max(self.sides[name].clock, self.out(lane).closed_since + CLOSURE_DELAY))
        self.reach("closed for good")

    @precondition(lambda self: self.unexecuted())
    @rule(number=PICK, signers=PICK, kind=st.sampled_from(["true", "true", "false", "late"]))
    def refund_closed(self, number: int, signers: int = 0, kind: str = "true") -> None:
        lane, message = pick(self.unexecuted(), number)
        name, outbox = lane[0], self.out(lane)
        known = self.sides[lane[1]].undelivered.get(message.id)
        status = known.status if known else Status.NONE
        place = (message.origin, message.destination, message.nonce, message.id)
        fact = UnexecutedFact(*place, status)
        attestation, tree = self.attest(name, [fact, replace(fact, nonce=0)], signers)
        walk = outbox.walk(message.nonce, outbox.walk_ends(message.nonce)[-1])
        said = Status((status + 1) % 3) if kind == "false" else status
        proof = tree.proof(fact)
        data = gateway.REFUND_CLOSED.encode(message, walk, said, attestation, proof)
        closed, opens = outbox.closed_since, outbox.closed_since + CLOSURE_DELAY
        if not closed or self.next(name) < opens:
            self.refuse(name, ATTACKER, data, "RouteNotClosed")
            self.reach("not closed for long enough")
            return
        if kind == "false":
            self.refuse(name, ATTACKER, data, "NotUnexecuted")
            return
        fee, notice = Fee.unpack(message.fee), outbox.notices.get(message.id, NO_NOTICE)
        unspent = 0 if notice.carrier else fee.step
        if status is not Status.FAILED:
            unspent += fee.relay - fee.base
        # What the destination does for it from now on, or did for its return, nobody pays.
        self.unfunded.add(lane)
        ids = len(walk.ids) + _ATTESTATION
        if self.end_message(lane, message, data, ATTACKER, unspent, ids):
            self.reach(f"refunded over a closed route: {status.name.lower()}")
            self.refuse(name, ATTACKER, data, "AlreadyRefunded")

    def unexecuted(self) -> list[tuple[Lane, Message]]:
        """What a quorum may sign: the destination can execute it no more, whatever it does."""
        return [
            (lane, message)
            for lane in LANES
            if lane not in self.lied | self.broken
            for message in self.out(lane).sent.values()
            if not self.of_gateways(message)
            and self.sides[lane[1]].clock > message.deliver_before
            and message.id not in self.sides[lane[1]].delivered
            and not self.out(lane).notices.get(message.id, NO_NOTICE).refunded
        ]


_ATTESTATION = 700
"""Ids of a walk that take as much gas as a quorum's signatures."""
