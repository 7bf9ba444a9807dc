"""A relayer: finds what is pending on all lanes, proposes facts, waits for a quorum, delivers, follows restarts; then
it returns and refunds what was not delivered, and claims what it earned. What a keeper does comes before all that.

Every stage is done on all chains at the same time, each in its own loop: a chain that is slow, stuck or lying is not
waited for.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from metalayer.attesting.exchange import Exchange, Malformed
from metalayer.attesting.quorum import QUORUM_TIMEOUT
from metalayer.attesting.rotation import KEPT, is_set_proposal
from metalayer.attesting.sets import read_sets
from metalayer.lanes import neighbours
from metalayer.lanes.survey import Ends, LaneState, Survey, survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Sender
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, RestartFact
from metalayer.protocol.gateway import VALIDATOR_SET_HASH
from metalayer.relayer.backlog import Backlog, Work
from metalayer.relayer.claims import CLAIM_MULTIPLE, Claims
from metalayer.relayer.closed import ClosedLanes
from metalayer.relayer.delivery import Courier
from metalayer.relayer.endings import Settling
from metalayer.relayer.limits import UNBACKED_GAS, Limits
from metalayer.relayer.loops import PATIENCE, READING_CLOSED, SENDING, Late, Loops, guard, repeat
from metalayer.relayer.memory import Cost, Memory
from metalayer.relayer.purse import Purse
from metalayer.relayer.quorums import Group, Quorums
from metalayer.relayer.refunds import Refunds
from metalayer.relayer.results import Delivery, Kept, PassResult, Sendings, Settled
from metalayer.relayer.returns import Returns
from metalayer.relayer.waiting import Waiting

KEEPING = "keeping terms and fees"
"""Stage of a pass."""
LAST_WAIT = 150.0
"""Seconds for which a single pass waits, at its end, for transactions that a chain does not include."""

_PROPOSAL_LIFETIME = 3_600.0
_ABANDONED_AFTER = 60.0
_READING, _COLLECTING, _SETS = "reading its lanes", "reading what is pending", "reading its validator set"
_COLLECTING_CLOSED = "reading what is pending on closed lanes"
_DELIVERING, _SETTLING = "delivering", "settling"

log = logging.getLogger(__name__)


class Chores(Protocol):
    """What is done in each pass before anything is delivered: a keeper's."""

    def keep(
        self, loops: Loops, chains: Sequence[Connection], patience: float, say: Callable[[str], None]
    ) -> Iterable[Kept | str]:
        """What was done on these chains, and a line for each thing that could not be. `patience`: seconds to wait for
        signatures.
        """
        ...


@dataclass
class Relayer:
    """A relayer over all chains of a network, with one sender per chain (by name), and perhaps a keeper.

    `patience`: seconds for which a stage of a pass waits for a chain. `unbacked_gas`: see `Limits`. `known_sets`: sets
    by their hash, which the chains' logs need not tell. `bridge`: where transfers wait that a retry lets pass.
    """

    mesh: Mesh
    exchange: Exchange
    senders: Mapping[str, Sender]
    quorum_timeout: float = QUORUM_TIMEOUT
    claim_multiple: float = CLAIM_MULTIPLE
    memory: Memory = field(default_factory=Memory.fleeting)
    unbacked_gas: int = UNBACKED_GAS
    patience: float = PATIENCE
    keeper: Chores | None = None
    known_sets: dict[bytes, ValidatorSet] = field(default_factory=dict)
    bridge: str | None = None
    _refused: set[Ends] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._loops = Loops(self.patience)
        self._backlog = Backlog(self.mesh, self.memory)
        self._closed = ClosedLanes(self.mesh, self.memory)
        self._quorums = Quorums(self.exchange, self.mesh.domain, self.memory, self.quorum_timeout)
        self._limits = Limits(self.memory, self.mesh.gateway, self._loops, self.unbacked_gas)
        self._returns = Returns(self.mesh, self.memory, self._loops, self._limits)
        self._waiting = Waiting(self.bridge, self.mesh.gateway, self.memory, self._returns)
        self._refunds = Refunds(self.mesh, self.memory, self._loops)
        self._claims = Claims(self.mesh, self._loops, self.claim_multiple)

    def relay_once(self, say: Callable[[str], None] = log.info, last_wait: float = LAST_WAIT) -> PassResult:
        """One pass over all lanes. `say` gets a line per stage.

        Problems of single chains, lanes or a missing quorum are in the result: what can be delivered is. At its end it
        waits `last_wait` seconds for what a chain has not done yet; that is in the result of a later pass otherwise.
        """
        started = time.monotonic()
        result = PassResult()
        found = self._survey()
        result.problems += found.problems
        result.not_final = sum(_not_final(state) for state in found.lanes)
        self._keep(found, result, say, self.quorum_timeout if last_wait else 0.0)
        self._clean(found)
        while work := self._collect(found, result):
            result.pending += sum(len(lane.messages) for lane in work)
            result.found_after = result.found_after or time.monotonic() - started
            restarts = sum(lane.restart is not None for lane in work)
            also = f", {restarts} restarts to follow" if restarts else ""
            say(f"{result.pending} messages pending on {len(work)} lanes{also}")
            sets = self._validator_sets({lane.state.ends[1]: lane.state.destination for lane in work}, result)
            known = [lane for lane in work if lane.state.ends[1] in sets]
            groups = self._quorums.attest(known, sets, result, say)
            result.signed_after = time.monotonic() - started
            followed = self._deliver(groups, sets, result)
            found = self._survey()
            self._clean(found)
            if not followed:
                break
        self._settle(found, result)
        self._rest(result, last_wait)
        self._book(result)
        result.seconds = time.monotonic() - started
        return result

    def _survey(self) -> Survey:
        return survey(self.mesh, lambda read, chains: self._loops.each(_READING, read, chains))

    def _keep(self, found: Survey, result: PassResult, say: Callable[[str], None], patience: float) -> None:
        """Chains whose validator set is behind get the next one: what only a later set signed says nothing to them."""
        if self.keeper is None:
            return
        chains = [c for c in self.mesh.connections.values() if c.chain_id in found.times]
        with guard("", result.problems.append):
            self._take(self.keeper.keep(self._loops, chains, patience, say), result)

    def _collect(self, found: Survey, result: PassResult) -> list[Work]:
        work, problems = self._backlog.collect(
            found,
            self._refused,
            lambda read, chains: self._loops.each(_COLLECTING, read, chains),
        )
        closed, more = self._closed.collect(
            found,
            lambda read, chains: self._loops.each(_COLLECTING_CLOSED, read, chains, READING_CLOSED),
        )
        # What was read late may be of a lane that is open by now.
        open_ = {lane.state.ends for lane in work}
        result.problems += problems + more
        return work + [lane for lane in closed if lane.state.ends not in open_]

    def _deliver(self, groups: Sequence[Group], sets: Mapping[int, ValidatorSet], result: PassResult) -> bool:
        """Delivers what is signed, all destinations in parallel.

        True if there is more to do: what was sent behind a restart that was followed, or a restart behind messages
        that a quorum refuses for good, because the origin was reorganised after it had signed others.
        """
        before = self._refused
        self._refused = {group.work[0].state.ends for group in groups if self._quorums.is_replaced(group)}

        def deliver(connection: Connection) -> Delivery | None:
            chain_id = connection.chain_id
            signed = [
                group
                for group in groups
                if chain_id in sets and sets[chain_id].quorum(group.proposal.signatures)
            ]
            ready = [(group.proposal, work) for group in signed if (work := group.towards(chain_id))]
            if not ready:
                return None
            sender, purse = self.senders[connection.name], self._purse(connection)
            courier = Courier(
                connection, self.mesh.gateway, sender, self._limits, purse, Delivery(connection.name)
            )
            for proposal, work in ready:
                installed = sets[chain_id]
                while not courier.deliver(work, proposal.tree, proposal.attestation(installed)):
                    before, installed = installed, self._validator_set(connection)
                    if installed == before or not self._quorums.repacked(proposal, installed):
                        what = f"{connection.name}: validator set {before.version} was replaced meanwhile"
                        courier.delivery.problems.append(what)
                        break
            purse.count(courier.delivery)
            return courier.delivery

        chains = list(self.mesh.connections.values())
        answers = self._loops.each(_DELIVERING, deliver, chains, SENDING)
        self._take(answers, result)
        done = [answer for answer in answers if isinstance(answer, Delivery)]
        return any(delivery.followed for delivery in done) or not self._refused <= before

    def _settle(self, found: Survey, result: PassResult) -> None:
        """Returns, refunds and claims that are due, all chains in parallel. Problems of one chain are in its result."""

        def settle(connection: Connection) -> Settled:
            settled, purse = Settled(connection.name), self._purse(connection)
            sender = self.senders[connection.name]
            desk = Settling(connection, self.mesh.gateway, sender, self.memory, settled, purse)
            claims = self._claims.of(sender.address)
            returns, refunds = self._returns, self._refunds
            aside = partial(returns.due_aside, sender.address)
            for due in (
                returns.due,
                returns.due_restarts,
                aside,
                self._waiting.due,
                refunds.due,
                refunds.due_abandoned,
                claims,
            ):
                with guard(connection.name, settled.problems.append):
                    while desk.send(due(connection, found, settled.problems)):
                        pass
            purse.count(settled)
            return settled

        answering = {chain_id for state in found.lanes for chain_id in state.ends}
        chains = [c for id_, c in self.mesh.by_id.items() if id_ in answering]
        self._take(self._loops.each(_SETTLING, settle, chains, SENDING), result)

    def _purse(self, connection: Connection) -> Purse:
        origins = neighbours.known(connection, self.mesh)
        return Purse(connection, self.mesh.gateway, self.senders[connection.name].address, origins)

    def _take(self, answers: Iterable[Any], result: PassResult) -> None:
        """What came of a stage, into the result. What is late is looked for at the end."""
        for answer in answers:
            if isinstance(answer, Delivery):
                result.deliveries.append(answer)
            elif isinstance(answer, Settled):
                result.settled.append(answer)
            elif isinstance(answer, Kept):
                result.kept.append(answer)
            elif isinstance(answer, str) and not isinstance(answer, Late):
                result.problems.append(answer)

    def _rest(self, result: PassResult, last_wait: float) -> None:
        deadline = time.monotonic() + last_wait
        for stage in (KEEPING, _DELIVERING, _SETTLING):
            answers = self._loops.rest(stage, deadline - time.monotonic())
            self._take(answers, result)
            result.problems += [answer for answer in answers if isinstance(answer, Late)]

    def _book(self, result: PassResult) -> None:
        sent: dict[str, list[Sendings]] = {}
        for one in (*result.kept, *result.deliveries, *result.settled):
            if one.transactions:
                sent.setdefault(one.chain, []).append(one)
        for name, all_ in sent.items():
            cost = Cost(sum(one.gas_used for one in all_), sum(one.wei for one in all_))
            chain_id = self.mesh.connections[name].chain_id
            self.memory.book(self.senders[name].address, chain_id, cost, sum(one.earned for one in all_))

    def _validator_sets(
        self, destinations: Mapping[int, Connection], result: PassResult
    ) -> dict[int, ValidatorSet]:
        """The installed sets by chain id, all chains in parallel. Chains that do not tell theirs become problems."""
        answers = self._loops.each(_SETS, self._validator_set, destinations.values())
        result.problems += [answer for answer in answers if isinstance(answer, str)]
        return {
            id_: answer
            for id_, answer in zip(destinations, answers, strict=True)
            if isinstance(answer, ValidatorSet)
        }

    def _validator_set(self, connection: Connection) -> ValidatorSet:
        installed = connection.view(self.mesh.gateway, VALIDATOR_SET_HASH)
        known = self.known_sets.get(installed)
        if known is None:
            known = read_sets(connection, self.mesh.gateway).installed
            # By its own hash: the chain may have rotated meanwhile, or lie, and the others believe what is kept here.
            self.known_sets[known.hash] = known
        return known

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
            if facts is not None and is_set_proposal(facts):
                lifetime = KEPT
            if done or self.exchange.age(root) > lifetime:
                self.exchange.remove(root)


def watch(relayer: Relayer, stop: threading.Event, every: float, say: Callable[[str], None]) -> None:
    """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
    relayer.memory.tidy()

    def once() -> list[str]:
        problems: list[str] = []
        # A relayer that ends serves nobody.
        with guard("", problems.append):
            result = relayer.relay_once(say, last_wait=0)
            problems += [*result.all_problems, *result.put_off]
            if result.deliveries:
                say(
                    f"{result.delivered} delivered, {result.failed} failed in {result.seconds:.1f} s, "
                    f"{result.not_final} not final yet"
                )
            if any(settled.transactions for settled in result.settled):
                claims = sum(settled.claimed for settled in result.settled)
                say(f"{result.returned} returned, {result.refunded} refunded, {claims} claims sent")
        return problems

    repeat(once, stop, every, say)


def _not_final(state: LaneState) -> int:
    """Messages that were sent and are not final; the places that a restart skips are none."""
    latest, final = state.latest, state.final
    if latest.restarted_at > final.nonce:
        return latest.nonce - latest.restarted_at
    return max(0, latest.nonce - max(final.nonce, state.delivered))
