"""Who pays recipients before their ERA arrives, and claims what comes back; and gifts to the bridge."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.amounts import GWEI
from tests.kit.roles import RELAYER
from tests.stateful.elections import CHAIN, PICK, RARELY, SPOKE
from tests.stateful.electorate import BRIDGE, HOLDERS
from tests.stateful.holdings import HUB, UNIT
from tests.stateful.machine import pick
from tests.stateful.movers import DONE, HOLDER, Journey, Movers, Sent

FEW = st.integers(1, 9)


class Fronters(Movers):
    """Solvers, and whoever gives."""

    @precondition(lambda self: self.frontable)
    @rule(number=PICK, who=HOLDER)
    def front(self, number: int, who: int) -> None:
        """For half of what arrives."""
        journey = pick(self.frontable, number)
        terms, end = journey.terms, journey.end
        if end in self.liars:
            return
        assert terms is not None
        solver, at, why = HOLDERS[who], self.clock[end], []
        units = self.holdings.of(end, solver)[: terms.amount // UNIT // 2]
        if at > terms.deadline:
            why.append("NotFrontable")
        elif terms.key in self.fronted:
            why.append("AlreadyFronted")
        elif len(units) * UNIT * 2 < terms.amount:
            why.append("ERC20InsufficientBalance")
        arguments = (terms.fields, solver)
        bridge = self.world.stacks[end].bridge
        if self.perform(bridge, "front", *arguments, by=solver, number="P14", why=why, chain=end) is None:
            return
        self.fronted[terms.key] = solver
        self.holdings.take(end, units, at)
        self.holdings.put(end, units, journey.to, at)

    @precondition(lambda self: self.frontable)
    @rule(number=PICK)
    def claim(self, number: int) -> None:
        journey = pick(self._fronted() or self.frontable, number)
        terms, end = journey.terms, journey.end
        if end in self.liars:
            return
        assert terms is not None
        solver = self.fronted.get(terms.key, DONE)
        why = ["NothingToClaimFor"] if solver == DONE else []
        arguments = (terms.fields, False)
        receipt = self.perform(
            self.world.stacks[end].bridge,
            "claim",
            *arguments,
            by=RELAYER.address,
            number="P15",
            why=why,
            chain=end,
        )
        if receipt is not None:
            (message,) = self.courier.note(end, receipt)
            self.sent[end, journey.start].append(Sent(message, end, journey.start, claim=(terms.key, solver)))

    def _fronted(self) -> list[Journey]:
        """What did not arrive."""
        return [one for one in self.frontable if one.terms and self.fronted.get(one.terms.key, DONE) != DONE]

    @rule(chain=CHAIN, who=HOLDER, count=FEW, id_=st.binary(min_size=32, max_size=32))
    def pay_for_a_hop(self, chain: str, who: int, count: int, id_: bytes = bytes(32)) -> None:
        """Of any transfer: the ERA is the bridge's, and votes no more."""
        chain = self.honest(chain)
        holder, at = self.holder(chain, who), self.clock[chain]
        units = self.holdings.of(chain, holder)[:count]
        arguments = (id_, len(units) * UNIT // GWEI)
        bridge = self.world.stacks[chain].bridge
        self.perform(bridge, "pay", *arguments, by=holder, number="P4", chain=chain)
        self.holdings.take(chain, units, at)
        self.holdings.put(chain, units, BRIDGE, at)

    @rule(spoke=SPOKE, who=HOLDER, count=FEW, really=RARELY)
    def cover(self, spoke: str, who: int, count: int, really: bool = True) -> None:
        """A gift to what a chain may send: it is owed more than lies there."""
        holder, at = self.holder(HUB, who), self.clock[HUB]
        units = self.holdings.of(HUB, holder)[:count]
        if not units or not really:
            return
        stack = self.world.stacks[HUB]
        arguments = (stack.era.address, self.world.id_of(spoke), len(units) * UNIT)
        self.perform(stack.bridge, "cover", *arguments, by=holder, number="P4", chain=HUB)
        self.holdings.take(HUB, units, at)
        self.holdings.lend(spoke, units, at)
