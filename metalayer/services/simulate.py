"""`ape metalayer propose simulate`: from a built proposal to what its report says."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from metalayer.governance.build import LiveChains, build, gas_limit
from metalayer.governance.built import Built
from metalayer.governance.motions import next_gateway
from metalayer.governance.names import Names
from metalayer.governance.written import Proposal
from metalayer.network.live import Live
from metalayer.network.signers import address_of
from metalayer.protocol.rpc import Block
from metalayer.services.checks import Checker, Result
from metalayer.services.conflicts import Order, orders, read_live
from metalayer.services.deciding import Failed, Say
from metalayer.services.findings import Findings
from metalayer.services.forks import Forks, forked
from metalayer.services.precedents import precede
from metalayer.services.rehearsal import Rehearsal


@dataclass(frozen=True)
class Outcome:
    """What came of a rehearsal. problem: why the proposal would fail, empty if it would not; blocks: that it began
    from, by chain.
    """

    findings: Findings
    blocks: Mapping[str, Block]
    start: int
    problem: str = ""
    orders: Sequence[Order] = ()
    results: Sequence[Result] = ()
    outside: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def built(self) -> Built:
        return self.findings.built

    @property
    def faults(self) -> list[str]:
        """A line for everything for which nobody should vote for this, the most important first."""
        wrong = [f"then: {one.what}: {one.problem}" for one in self.results if one.problem]
        return [*([self.problem] if self.problem else []), *self.outside, *wrong]

    @property
    def limits(self) -> dict[bytes, int]:
        """Gas limits as they were measured, of decisions that have others."""
        found = {
            arrival.decision.id: gas_limit(arrival.gas) for arrival in self.findings.found.arrivals.values()
        }
        return {
            one.id: found[one.id]
            for one in self.built.decisions
            if one.gas_limit != found.get(one.id, one.gas_limit)
        }


def names_of(live: Live) -> Names:
    return Names.of(live.network, live.registry, address_of)


def rebuild(live: Live, proposal: Proposal, limits: Mapping[bytes, int]) -> Built:
    """What the file makes of the chains as they are now."""
    names = names_of(live)
    return build(proposal, names, LiveChains(live.mesh.connections, names), limits)


def simulate(live: Live, proposal: Proposal, built: Built, say: Say, *, settles: bool = True) -> Outcome:
    """Rehearses a proposal. settles: gas limits that are not as measured are set, and it is rehearsed again; unless it
    was proposed already.
    """
    outcome = _simulate(live, proposal, built, say)
    is_new = "proposed" in outcome.findings.found.times
    if settles and is_new and outcome.limits and not outcome.problem:
        say("gas limits are set as measured: once more")
        limits = {one.id: one.gas_limit for one in built.decisions} | outcome.limits
        outcome = _simulate(live, proposal, rebuild(live, proposal, limits), say)
    return outcome


def compare(live: Live, built: Built) -> list[Order]:
    """A proposal against every other one that is not executed yet."""
    names = names_of(live)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, forked(live.mesh, Path(folder)) as forks:
        return orders(forks, names, built, read_live(forks.mesh.connections, names, built))


def _simulate(live: Live, proposal: Proposal, built: Built, say: Say) -> Outcome:
    names = names_of(live)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, forked(live.mesh, Path(folder)) as forks:
        others = read_live(forks.mesh.connections, names, built)
        found_orders = orders(forks, names, built, others)
        rehearsal = _rehearsal(forks, names, built, say)
        results: list[Result] = []
        problem = ""
        try:
            results = _play(live, forks, rehearsal, proposal)
        except Failed as error:
            problem = str(error)
        findings = Findings(proposal, built, rehearsal.names, rehearsal.found, forks.mesh.connections)
        outcome = Outcome(findings, forks.blocks, forks.start, problem, found_orders, results)
        # While the forks are there.
        return replace(outcome, outside=findings.outside, warnings=findings.warnings)


def _rehearsal(forks: Forks, names: Names, built: Built, say: Say) -> Rehearsal:
    """Through the gateway by which the proposal's decisions leave."""
    following = next_gateway(built.proposal, built.outbox)
    if following is None or following == forks.mesh.gateway:
        return Rehearsal(forks, names, built, say)
    rehearsal = Rehearsal(forks.through(following), names.with_gateway(following), built, say)
    rehearsal.found.assumed.append(
        f"decisions leave through the gateway {following}, for which the same keys sign"
    )
    return rehearsal


def _play(live: Live, forks: Forks, rehearsal: Rehearsal, proposal: Proposal) -> list[Result]:
    """All acts. Results of `then`, for which everything but decisions goes through the present gateway. Failed if one
    goes wrong.
    """
    acting = rehearsal.forks
    rehearsal.pay()
    rehearsal.decide()
    rehearsal.found.assumed += precede(acting, rehearsal.names, rehearsal.built, proposal.folder)
    before = acting.snapshot()
    if rehearsal.built.decisions:
        with acting.crew("first") as relayer:
            rehearsal.deliver(relayer)
            rehearsal.execute()
            with acting.crew("second") as second:
                rehearsal.again(second)
    with forks.crew("then") as relayer:
        results = Checker(forks, names_of(live), live.registry, relayer).results(proposal)
    if rehearsal.built.decisions:
        once_more = replace(rehearsal, forks=acting.restored(before))
        with once_more.forks.crew("lost") as relayer:
            once_more.lost(relayer)
    return results
