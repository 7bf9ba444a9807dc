"""One transfer, fronted or claimed because somebody says so."""

from __future__ import annotations

from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Sender
from metalayer.protocol.hex import to_hex
from metalayer.relayer.loops import Loops
from metalayer.relayer.memory import Memory
from metalayer.solver.capital import Capital
from metalayer.solver.counter import Counter
from metalayer.solver.fronts import Fronted, State
from metalayer.solver.ledger import read_ledger
from metalayer.solver.offers import Choice, Decision, Offer
from metalayer.solver.policy import Least, Policy, Terms
from metalayer.solver.results import Claimed, Paid, Worked
from metalayer.solver.standings import End
from metalayer.solver.starts import Start

_AT_ONCE = 1 << 40
"""Seconds before a deadline that have always begun."""


@dataclass(frozen=True)
class Single:
    """An offer, what would become of it now, and where it would be paid."""

    offer: Offer
    decision: Decision
    counter: Counter

    @classmethod
    def read(cls, mesh: Mesh, bridge: str, sender: Sender, id_: bytes) -> Single:
        """MetalayerError if no chain shows such a transfer, if it cannot be fronted, or if its end is not connected."""
        offer = find_offer(mesh, bridge, id_)
        if offer.end not in mesh.by_id:
            raise MetalayerError(f"it goes to chain {offer.end}, which is not connected")
        # Whoever names a transfer means its token, and takes what it brings.
        policy = Policy({offer.token: Terms(Least())}, least_time=0, claim_before=_AT_ONCE)
        counter = _counter(mesh, bridge, sender, policy, offer.end, offer.start)
        return cls(offer, counter.look(offer), counter)

    def refuse(self) -> None:
        """MetalayerError, one line, unless it can be fronted now."""
        if self.decision.choice is not Choice.FRONT:
            raise MetalayerError(f"transfer {to_hex(self.offer.id)} is not fronted: {self.decision.reason}")

    def front(self) -> Paid:
        """Pays its recipient. MetalayerError if it is not final where it starts, or if the chain refuses it."""
        worked = self.counter.work([self.offer], frozenset(), [])
        for paid in worked.fronts:
            return paid
        raise MetalayerError(f"transfer {to_hex(self.offer.id)} is not fronted: {_why(worked)}")


def find_offer(mesh: Mesh, bridge: str, id_: bytes) -> Offer:
    """The transfer of that id. MetalayerError if no chain that answers shows it, or if it cannot be fronted."""
    found = [
        sent
        for some in in_parallel(lambda one: logs.find(one, mesh.domain, [id_]), mesh.connections.values())
        for sent in some.values()
    ]
    if not found:
        raise MetalayerError(
            f"no chain shows a transfer {to_hex(id_)}: expected the id that `transfer` prints"
        )
    offer = Offer.of(found[0], bridge)
    if offer is None:
        raise MetalayerError(f"message {to_hex(id_)} is no transfer with a tip: nobody can front it")
    return offer


def find_front(mesh: Mesh, bridge: str, solver: str, id_: bytes) -> Fronted:
    """What a solver fronted. MetalayerError if it did not front that transfer, or if that has ended."""
    ledger = read_ledger(mesh, bridge, solver)
    for one in ledger.book.fronts:
        if one.front.id == id_:
            if one.state is not State.OUT:
                raise MetalayerError(
                    f"transfer {to_hex(id_)} has ended ({one.state.value}): nothing can be claimed"
                )
            if one.claimed:
                raise MetalayerError(f"transfer {to_hex(id_)} is claimed: what returns of it is {solver}'s")
            return one
    also = f" ({'; '.join(ledger.problems)})" if ledger.problems else ""
    raise MetalayerError(f"{solver} did not front a transfer {to_hex(id_)}{also}")


def claim(mesh: Mesh, bridge: str, sender: Sender, fronted: Fronted) -> Claimed:
    """Claims a front, whoever its solver is. MetalayerError if the account has no ERA for it, or the chain refuses."""
    policy = Policy({}, claim_before=_AT_ONCE)
    worked = _counter(mesh, bridge, sender, policy, fronted.end).work([], frozenset(), [fronted])
    for claimed in worked.claims:
        return claimed
    waiting = "a claim of it was sent, and has not arrived" if fronted.claims else _why(worked)
    raise MetalayerError(f"transfer {to_hex(fronted.front.id)} is not claimed: {waiting}")


def _counter(mesh: Mesh, bridge: str, sender: Sender, policy: Policy, end: int, *starts: int) -> Counter:
    read_from = {
        id_: Start(one, mesh.domain, bridge, one.chain.preset.finality)
        for id_ in starts
        if (one := mesh.by_id.get(id_)) is not None
    }
    here = End(mesh, bridge, mesh.by_id[end], sender.address, Loops())
    return Counter(here, sender, policy, Memory.fleeting(), Capital(), read_from)


def _why(worked: Worked) -> str:
    reasons = [*worked.problems, *worked.put_off, *(decision.reason for _, decision in worked.decisions)]
    return "; ".join(dict.fromkeys(reasons)) or "its chain does not say why"
