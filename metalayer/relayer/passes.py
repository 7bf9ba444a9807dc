"""A relayer: finds what is pending on all lanes, proposes facts, waits for a quorum, delivers, follows restarts; then
it returns and refunds what was not delivered, and claims what it earned.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from metalayer.attesting.exchange import MAX_FACTS, Exchange, Malformed
from metalayer.attesting.quorum import QUORUM_TIMEOUT, Proposal, await_quorums, is_refused, missing
from metalayer.attesting.rotation import catch_up
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.survey import Ends, LaneState, Survey, survey
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Sender
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, RestartFact
from metalayer.protocol.gateway import VALIDATOR_SET_HASH
from metalayer.relayer.backlog import Backlog, Work
from metalayer.relayer.claims import CLAIM_MULTIPLE, Claims
from metalayer.relayer.delivery import Courier
from metalayer.relayer.endings import Step, send
from metalayer.relayer.refunds import Refunds
from metalayer.relayer.results import Delivery, PassResult, Settled
from metalayer.relayer.returns import Returns

# Lanes that had no quorum before: their signatures, if they come, are found by the next pass.
_DOUBTED_TIMEOUT = 5.0
_PROPOSAL_LIFETIME = 3_600.0
_ABANDONED_AFTER = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Group:
    """Lanes whose facts stand under one root: a validator signs all of them or none."""

    work: Sequence[Work]
    proposal: Proposal

    @property
    def lanes(self) -> str:
        return ", ".join(lane.state.name for lane in self.work)

    def towards(self, chain_id: int) -> list[Work]:
        """What expires first goes first: a message that is late pays its relayer next to nothing."""
        lanes = [lane for lane in self.work if lane.state.ends[1] == chain_id]
        return sorted(lanes, key=lambda lane: lane.first_deadline)


@dataclass
class Relayer:
    """A relayer over all chains of a network, with one sender per chain (by name)."""

    mesh: Mesh
    exchange: Exchange
    senders: Mapping[str, Sender]
    quorum_timeout: float = QUORUM_TIMEOUT
    claim_multiple: float = CLAIM_MULTIPLE
    _sets: dict[bytes, ValidatorSet] = field(default_factory=dict)
    _doubted: set[Ends] = field(default_factory=set)
    _refused: set[Ends] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._backlog = Backlog(self.mesh)
        self._returns = Returns(self.mesh)
        self._refunds = Refunds(self.mesh)
        self._claims = Claims(self.mesh, self.claim_multiple)

    def relay_once(self, say: Callable[[str], None] = log.info) -> PassResult:
        """One pass over all lanes. `say` gets a line per stage.

        Problems of single chains, lanes or a missing quorum are in the result: what can be delivered is.
        """
        started = time.monotonic()
        result = PassResult()
        found = survey(self.mesh)
        result.problems += found.problems
        result.not_final = sum(_not_final(state) for state in found.lanes)
        self._catch_up(found, result, say)
        self._clean(found)
        while work := self._collect(found, result):
            result.pending += sum(len(lane.messages) for lane in work)
            result.found_after = result.found_after or time.monotonic() - started
            restarts = sum(lane.restart is not None for lane in work)
            also = f", {restarts} restarts to follow" if restarts else ""
            say(f"{result.pending} messages pending on {len(work)} lanes{also}")
            groups, sets = self._attest(work, result, say)
            result.signed_after = time.monotonic() - started
            followed = self._deliver(groups, sets, result)
            found = survey(self.mesh)
            self._clean(found)
            if not followed:
                break
        result.settled = self._settle(found)
        result.seconds = time.monotonic() - started
        return result

    def _catch_up(self, found: Survey, result: PassResult, say: Callable[[str], None]) -> None:
        """Chains whose validator set is behind get the next ones: what only a later set signed says nothing to them."""
        answering = [name for name, c in self.mesh.connections.items() if c.chain_id in found.times]
        for outcome in catch_up(self.mesh.only(*answering), self.senders):
            if outcome.problem:
                result.problems.append(outcome.problem)
            else:
                say(str(outcome))

    def _collect(self, found: Survey, result: PassResult) -> list[Work]:
        work, problems = self._backlog.collect(found, self._refused)
        result.problems += problems
        return work

    def _attest(
        self, work: Sequence[Work], result: PassResult, say: Callable[[str], None]
    ) -> tuple[list[_Group], dict[int, ValidatorSet]]:
        """Gets the facts of all lanes signed, together where that is possible, and the sets of their destinations."""
        sets = self._validator_sets({lane.state.ends[1]: lane.state.destination for lane in work}, result)
        work = [lane for lane in work if lane.state.ends[1] in sets]
        # A validator signs all facts of a root or none: a lane in doubt must not hold up the others.
        together = [lane for lane in work if lane.state.ends not in self._doubted]
        doubted = [[lane] for lane in work if lane.state.ends in self._doubted]
        groups = self._propose([group for group in (together, *doubted) if group], sets, say)
        shared = [group for group in groups if len(group.work) > 1 and not group.proposal.is_signed]
        if shared:
            say("no quorum for all lanes together: asking lane by lane")
            self._doubted |= {lane.state.ends for group in shared for lane in group.work}
            alone = [[lane] for group in shared for lane in group.work]
            groups = [g for g in groups if g not in shared] + self._propose(alone, sets, say)
        result.roots += [group.proposal.root.hex() for group in groups]
        result.facts += sum(len(group.proposal.facts) for group in groups)
        for group in groups:
            for lacking in group.proposal.lacking:
                why = missing(self.exchange, group.proposal, lacking)
                result.problems.append(f"no quorum for {group.lanes}: {why}")
        self._doubted = {
            lane.state.ends for group in groups if not group.proposal.is_signed for lane in group.work
        }
        return groups, sets

    def _propose(
        self,
        groups: Sequence[Sequence[Work]],
        sets: Mapping[int, ValidatorSet],
        say: Callable[[str], None],
    ) -> list[_Group]:
        """Proposes the facts of each group of lanes under a root of its own, and waits for all quorums together."""
        proposed = []
        for work in groups:
            every = {fact for lane in work for fact in lane.all_facts}
            facts = sorted(every, key=lambda fact: fact.nonce)[:MAX_FACTS]
            wanted = {sets[lane.state.ends[1]].hash: sets[lane.state.ends[1]] for lane in work}
            in_doubt = all(lane.state.ends in self._doubted for lane in work)
            patience = min(_DOUBTED_TIMEOUT, self.quorum_timeout) if in_doubt else self.quorum_timeout
            # What does not fit into one proposal is left to the next pass.
            within = [lane.within(set(facts)) for lane in work] if len(facts) < len(every) else work
            group = _Group(within, Proposal(facts, list(wanted.values()), patience))
            say(f"proposing {len(facts)} facts under {group.proposal.root.hex()}")
            proposed.append(group)
        await_quorums(self.exchange, self.mesh.domain, [group.proposal for group in proposed])
        return proposed

    def _deliver(
        self, groups: Sequence[_Group], sets: Mapping[int, ValidatorSet], result: PassResult
    ) -> bool:
        """Delivers what is signed, all destinations in parallel.

        True if there is more to do: what was sent behind a restart that was followed, or a restart behind messages
        that a quorum refuses for good, because the origin was reorganised after it had signed others.
        """
        before = self._refused
        self._refused = {group.work[0].state.ends for group in groups if self._is_replaced(group)}

        def deliver(chain_id: int) -> Delivery | None:
            connection = self.mesh.by_id[chain_id]
            signed = [group for group in groups if sets[chain_id].quorum(group.proposal.signatures)]
            ready = [(group.proposal, work) for group in signed if (work := group.towards(chain_id))]
            if not ready:
                return None
            courier = Courier(
                connection, self.mesh.gateway, self.senders[connection.name], Delivery(connection.name)
            )
            for proposal, work in ready:
                courier.deliver(work, proposal.tree, proposal.attestation(sets[chain_id]))
            return courier.delivery

        deliveries = [delivery for delivery in in_parallel(deliver, sets) if delivery is not None]
        result.deliveries += deliveries
        return any(delivery.followed for delivery in deliveries) or not self._refused <= before

    def _is_replaced(self, group: _Group) -> bool:
        """True if messages before a restart are refused for good: only the restart can go on."""
        (lane, *others) = group.work
        is_before_restart = not others and lane.state.is_restarted and lane.restart is None
        return (
            is_before_restart and not group.proposal.is_signed and is_refused(self.exchange, group.proposal)
        )

    def _validator_sets(
        self, destinations: Mapping[int, Connection], result: PassResult
    ) -> dict[int, ValidatorSet]:
        """The installed sets by chain id, all chains in parallel. Chains that do not tell theirs become problems."""

        def read(connection: Connection) -> ValidatorSet | str:
            try:
                return self._validator_set(connection)
            except MetalayerError as error:
                return fault(connection, error)

        answers = dict(zip(destinations, in_parallel(read, destinations.values()), strict=True))
        result.problems += [answer for answer in answers.values() if isinstance(answer, str)]
        return {id_: answer for id_, answer in answers.items() if isinstance(answer, ValidatorSet)}

    def _validator_set(self, connection: Connection) -> ValidatorSet:
        installed = connection.view(self.mesh.gateway, VALIDATOR_SET_HASH)
        known = self._sets.get(installed)
        if known is None:
            known = read_sets(connection, self.mesh.gateway).installed
            # By its own hash: the chain may have rotated meanwhile, or lie, and the others believe what is kept here.
            self._sets[known.hash] = known
        return known

    def _settle(self, found: Survey) -> list[Settled]:
        """Returns, refunds and claims that are due, all chains in parallel. Problems of one chain are in its result."""

        def settle(connection: Connection) -> Settled:
            result = Settled(connection.name)
            sender = self.senders[connection.name]

            def earned(connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
                return self._claims.due(connection, found, sender.address, problems)

            returns, refunds = self._returns, self._refunds
            for due in (returns.due, returns.due_restarts, refunds.due, refunds.due_abandoned, earned):
                try:
                    steps = due(connection, found, result.problems)
                    send(connection, sender, self.mesh.gateway, steps, result)
                except MetalayerError as error:
                    result.problems.append(fault(connection, error))
            return result

        answering = {chain_id for state in found.lanes for chain_id in state.ends}
        return in_parallel(settle, [c for id_, c in self.mesh.by_id.items() if id_ in answering])

    def _clean(self, found: Survey) -> None:
        """Removes proposals that say nothing new to any Inbox, and those that everybody abandoned."""
        delivered = {state.ends: state.delivered for state in found.lanes}
        for root in self.exchange.roots():
            try:
                facts = self.exchange.facts(root)
            except Malformed as error:
                log.warning("%s", error)
                facts = None
            done = facts is not None and all(
                isinstance(fact, LaneFact | RestartFact)
                and fact.nonce <= delivered.get((fact.origin, fact.destination), 0)
                for fact in facts
            )
            lifetime = _ABANDONED_AFTER if facts is None else _PROPOSAL_LIFETIME
            if done or self.exchange.age(root) > lifetime:
                self.exchange.remove(root)


def watch(relayer: Relayer, stop: threading.Event, every: float, say: Callable[[str], None]) -> None:
    """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
    told: set[str] = set()
    while not stop.is_set():
        try:
            result = relayer.relay_once(say)
            problems = set(result.all_problems)
            if result.deliveries:
                say(
                    f"{result.delivered} delivered, {result.failed} failed in {result.seconds:.1f} s, "
                    f"{result.not_final} not final yet"
                )
            if any(settled.transactions for settled in result.settled):
                claims = sum(settled.claimed for settled in result.settled)
                say(f"{result.returned} returned, {result.refunded} refunded, {claims} claims sent")
        except MetalayerError as error:
            problems = {f"{type(error).__name__}: {error}"}
        for problem in problems - told:
            say(problem)
        told = problems
        stop.wait(every)


def _not_final(state: LaneState) -> int:
    """Messages that were sent and are not final; the places that a restart skips are none."""
    latest, final = state.latest, state.final
    if latest.restarted_at > final.nonce:
        return latest.nonce - latest.restarted_at
    return max(0, latest.nonce - max(final.nonce, state.delivered))
