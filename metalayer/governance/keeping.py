"""Whatever anyone may do about proposals, and is due: queue, execute, send again, bring votes.

Each thing is looked at before it is done. If it fails it is looked at again: somebody else may have done it meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.governance import actions, progress, tallies
from metalayer.governance.actions import Done, Senders, called
from metalayer.governance.ballots import only_objections
from metalayer.governance.motions import Desk, Motion
from metalayer.governance.progress import Step, Vote
from metalayer.governance.tallies import Count
from metalayer.network.connection import fault
from metalayer.protocol import decisions, governor
from metalayer.protocol.dates import DAY, HOUR
from metalayer.protocol.decisions import NOTHING, DecisionState
from metalayer.protocol.governor import ProposalState
from metalayer.protocol.rpc import word
from metalayer.tracking import messages
from metalayer.tracking.trace import State, Trace

MARKS = (3 * DAY, DAY, 3 * HOUR)
"""Seconds before the end of a vote. When one comes, what the hub lacks of each chain's votes is sent: the first time
before a vote can open objections, the last time while it can still arrive. So a chain costs three messages at most.
"""
AGAIN = HOUR
"""Seconds after which votes that did not arrive are sent again by whoever does not wait for marks."""
LATE = 3 * DAY
"""Seconds before a decision can no longer arrive. In these it is sent again, once a day."""
LEAST_TIME = HOUR
"""Seconds that a message has to arrive, at least: later the gateway takes none."""

_OVER = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED)


@dataclass
class Keeper:
    """deposit: pays for messages with ERA of the account if its credit does not reach. at_once: brings votes whenever
    they grew, not only at the marks. exchange: where signatures are.
    """

    desk: Desk
    senders: Senders
    exchange: Exchange
    deposit: bool = True
    at_once: bool = False
    problems: list[str] = field(default_factory=list)
    """What is due and could not be done, in the last pass."""
    _finished: set[int] = field(default_factory=set)
    _paid: dict[object, int] = field(default_factory=dict)
    """When this one last paid for what, by the hub's clock."""

    def keep(self) -> Iterator[Done]:
        """One pass. MetalayerError only if the hub cannot be read."""
        self.problems = []
        for logged in self.desk.created():
            if logged.event.id in self._finished:
                continue
            motion = self.desk.of_created(logged.event)
            try:
                yield from self._keep(motion)
            except MetalayerError as error:
                # Of this one: the others are due all the same.
                self.problems.append(f"{motion.called}: {error}")

    def _keep(self, motion: Motion) -> Iterator[Done]:
        vote = progress.read_vote(self.desk, motion)
        if vote is None:
            # Its block was replaced.
            return
        if vote.state is ProposalState.ACTIVE:
            yield from self._bring_votes(motion, vote)
        elif vote.state is ProposalState.SUCCEEDED:
            yield from self._attempt(partial(self._is, motion, vote.state), partial(self._queue, motion))
        elif vote.state is ProposalState.QUEUED and vote.now >= vote.eta:
            yield from self._attempt(partial(self._is, motion, vote.state), partial(self._execute, motion))
        elif vote.state is ProposalState.EXECUTED:
            yield from self._carry_out(motion)
        elif vote.state in _OVER:
            self._finished.add(motion.id)

    def _attempt(self, is_due: Callable[[], bool], act: Callable[[], Iterable[Done]]) -> Iterator[Done]:
        try:
            yield from act()
        except MetalayerError as error:
            try:
                due = is_due()
            except MetalayerError:
                due = True
            if due:
                self.problems.append(str(error))

    def _is(self, motion: Motion, state: ProposalState) -> bool:
        return self.desk.hub.view(self.desk.governor, governor.STATE, motion.id) is state

    # The vote

    def _bring_votes(self, motion: Motion, vote: Vote) -> Iterator[Done]:
        desk, id_ = self.desk, motion.id
        counts = tallies.recount(desk, id_, vote)
        self.problems += tallies.sentences(counts)
        for count in counts:
            if count.trouble or count.faults:
                continue
            if self._is_to_send(count, vote) and self._may_pay((id_, count.chain), vote.now):
                # Twice it would only be paid for twice: nobody else's sending makes ours fail.
                yield from self._attempt(lambda: True, partial(self._send_votes, id_, vote, count))
            if count.is_trusted and count.castable(only_objections(vote)).total:
                yield from self._attempt(
                    partial(self._is_to_cast, motion, count), partial(self._cast_votes, id_, count)
                )

    def _send_votes(self, proposal: int, vote: Vote, count: Count) -> Iterator[Done]:
        yield tallies.send(self.desk, proposal, vote.snapshot, count.chain, self.senders, self.deposit)

    def _cast_votes(self, proposal: int, count: Count) -> Iterator[Done]:
        yield tallies.cast(self.desk, proposal, count.chain, self.senders)

    def _is_to_send(self, count: Count, vote: Vote) -> bool:
        said, kept = count.said, count.kept
        missing = said.against > kept.against if only_objections(vote) else said != kept
        if not missing:
            return False
        if self.at_once:
            return said != count.sent or vote.now >= count.sent_at + AGAIN
        passed = [vote.deadline - mark for mark in MARKS if vote.now >= vote.deadline - mark]
        return bool(passed) and count.sent_at < passed[-1]

    def _is_to_cast(self, motion: Motion, count: Count) -> bool:
        vote = progress.read_vote(self.desk, motion)
        if vote is None or vote.state is not ProposalState.ACTIVE:
            return False
        now = {one.chain: one for one in tallies.recount(self.desk, motion.id, vote)}[count.chain]
        return bool(now.castable(only_objections(vote)).total)

    # What was decided

    def _queue(self, motion: Motion) -> Iterator[Done]:
        yield actions.queue(self.desk, motion, self.senders)

    def _execute(self, motion: Motion) -> Iterator[Done]:
        self._refuse_to_pay(motion.called, self.desk.hub.name, motion.proposal.value)
        return actions.execute_on_hub(self.desk, motion, self.senders, self.deposit)

    def _carry_out(self, motion: Motion) -> Iterator[Done]:
        steps = progress.read(self.desk, motion, self.exchange).steps
        open_steps = [step for step in steps if not self._is_over(step)]
        if not open_steps:
            self._finished.add(motion.id)
        for step in open_steps:
            if step.trouble:
                self.problems.append(step.trouble)
            elif step.state is DecisionState.READY:
                yield from self._execute_there(step)
            elif step.state is DecisionState.UNKNOWN:
                yield from self._bring_again(step)

    def _bring_again(self, step: Step) -> Iterator[Done]:
        """A decision that did not arrive."""
        here = partial(self._did_not_arrive, step)
        if step.trace and step.trace.state is State.FAILED:
            yield from self._attempt(here, partial(self._retry, step, step.trace))
        elif self._is_to_send_again(step) and self._may_pay(
            (step.carried.chain_id, step.carried.id), self.desk.hub.block().time
        ):
            yield from self._attempt(here, partial(self._send_again, step))

    def _may_pay(self, what: object, now: int) -> bool:
        """Once in an hour for the same thing: neither a node that forgets logs nor a voter who votes with little again
        and again spends what the account has.
        """
        if now < self._paid.get(what, -AGAIN) + AGAIN:
            return False
        self._paid[what] = now
        return True

    def _retry(self, step: Step, trace: Trace) -> Iterator[Done]:
        spoke = self.desk.live.connection(step.carried.chain_id)
        gateway = self.desk.live.mesh.gateway
        receipt = messages.retry(spoke, self.senders(spoke), gateway, trace.sent.message)
        yield Done.by(spoke.name, f"{called(step.carried)} arrived: its message had failed", receipt)

    def _send_again(self, step: Step) -> Iterator[Done]:
        yield actions.send_again(self.desk, step.carried, self.senders, self.deposit)

    def _is_over(self, step: Step) -> bool:
        if step.trouble:
            return False
        if step.state is DecisionState.UNKNOWN:
            return step.is_decided and self.desk.hub.block().time > step.arrive_before
        return step.state not in (DecisionState.WAITING, DecisionState.READY)

    def _is_to_send_again(self, step: Step) -> bool:
        now = self.desk.hub.block().time
        if not step.is_decided or now > step.arrive_before - LEAST_TIME:
            return False
        if not step.sent or step.is_lost:
            return True
        if now < step.arrive_before - LATE:
            return False
        sent = self.desk.hub.ask(
            decisions.DECISION_SENT.logs(self.desk.outbox, word(step.carried.chain_id), step.carried.id)
        )
        return bool(sent) and now >= self.desk.hub.block(sent[-1].log.block).time + DAY

    def _did_not_arrive(self, step: Step) -> bool:
        spoke = self.desk.live.connection(step.carried.chain_id)
        return spoke.view(self.desk.remote, decisions.STATE_OF, step.carried.id) is DecisionState.UNKNOWN

    def _execute_there(self, step: Step) -> Iterator[Done]:
        carried = step.carried
        spoke = self.desk.live.connection(carried.chain_id)

        def state(id_: bytes) -> DecisionState:
            return spoke.view(self.desk.remote, decisions.STATE_OF, id_)

        precedent = carried.decision.precedent
        if precedent != NOTHING and state(precedent) is not DecisionState.EXECUTED:
            # That comes first.
            return

        def execute() -> Iterator[Done]:
            self._refuse_to_pay(called(carried), spoke.name, carried.decision.value)
            yield actions.execute_on_spoke(self.desk, carried, self.senders)

        yield from self._attempt(lambda: state(carried.id) is DecisionState.READY, execute)

    def _refuse_to_pay(self, what: str, chain: str, value: int) -> None:
        """MetalayerError if whoever executes it would pay ether besides the gas: nobody is asked for that here."""
        connection = self.desk.live.connection(chain)
        if missing := progress.lacking(self.desk, connection, value):
            raise MetalayerError(
                f"{chain}: {what} pays {missing / 10**18:g} ether more than the timelock has: whoever gives that "
                "runs `ape metalayer propose execute`"
            )


def watch(keeper: Keeper, stop: threading.Event, every: float, say: Callable[[Done | str], None]) -> None:
    """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
    told: set[str] = set()
    while not stop.is_set():
        try:
            for done in keeper.keep():
                say(done)
            problems = set(keeper.problems)
        except MetalayerError as error:
            problems = {fault(keeper.desk.hub, error)}
        for problem in sorted(problems - told):
            say(problem)
        told = problems
        stop.wait(every)
