"""How what is pending gets signed: all lanes together where that is possible, and apart those that held up others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from metalayer.attesting.exchange import MAX_FACTS, Exchange
from metalayer.attesting.quorum import (
    QUORUM_TIMEOUT,
    Proposal,
    await_quorums,
    is_refused,
    missing,
    verified_signatures,
)
from metalayer.lanes.survey import Ends
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.relayer.backlog import Work
from metalayer.relayer.memory import Kind, Memory
from metalayer.relayer.results import PassResult

# Lanes whose proposal together had no quorum get so long alone. In later passes they hold up nobody at all: their
# signatures, if they come, are found by the next one.
_DOUBTED_TIMEOUT = 5.0
_ALL_DOUBTED_TIMEOUT = 1.0
_LONGEST_APART = 600.0


@dataclass(frozen=True)
class Group:
    """Lanes whose facts stand under one root: a validator signs all of them or none."""

    work: Sequence[Work]
    proposal: Proposal

    @property
    def lanes(self) -> str:
        """Their names."""
        return ", ".join(lane.state.name for lane in self.work)

    def towards(self, chain_id: int) -> list[Work]:
        """What expires first goes first: a message that is late pays its relayer next to nothing."""
        lanes = [lane for lane in self.work if lane.state.ends[1] == chain_id]
        return sorted(lanes, key=lambda lane: lane.first_deadline)


@dataclass
class Quorums:
    """Asks validators for signatures, and remembers which lanes they did not sign."""

    exchange: Exchange
    domain: Domain
    memory: Memory
    timeout: float = QUORUM_TIMEOUT
    _doubted: set[Ends] = field(default_factory=set)

    def attest(
        self,
        work: Sequence[Work],
        sets: Mapping[int, ValidatorSet],
        result: PassResult,
        say: Callable[[str], None],
    ) -> list[Group]:
        """Gets the facts of all lanes signed. `sets`: those of the lanes' destinations."""
        # A validator signs all facts of a root or none: a lane in doubt must not hold up the others.
        apart = self._doubted | self._on_probation(work)
        together = [lane for lane in work if lane.state.ends not in apart]
        doubted = [[lane] for lane in work if lane.state.ends in apart]
        groups = self._propose(doubted, sets, 0.0 if together else _ALL_DOUBTED_TIMEOUT, say)
        if together:
            groups += self._propose([together], sets, self.timeout, say)
        shared = [group for group in groups if len(group.work) > 1 and not group.proposal.is_signed]
        if shared:
            say("no quorum for all lanes together: asking lane by lane")
            lanes = [lane for group in shared for lane in group.work]
            alone = self._propose([[lane] for lane in lanes], sets, _DOUBTED_TIMEOUT, say)
            groups = [group for group in groups if group not in shared] + alone
            self._remember(alone)
        result.roots += [group.proposal.root.hex() for group in groups]
        result.facts += sum(len(group.proposal.facts) for group in groups)
        for group in groups:
            for lacking in group.proposal.lacking:
                why = missing(self.exchange, group.proposal, lacking)
                result.problems.append(f"no quorum for {group.lanes}: {why}")
        self._doubted = {
            lane.state.ends for group in groups if not group.proposal.is_signed for lane in group.work
        }
        return groups

    def repacked(self, proposal: Proposal, installed: ValidatorSet) -> bool:
        """Whether a set that a chain took meanwhile has a quorum, too: signatures are over the root alone."""
        members = [signer for signer, _ in installed.members]
        proposal.signatures |= verified_signatures(self.exchange, self.domain, proposal.root, members)
        return installed.quorum(proposal.signatures)

    def is_replaced(self, group: Group) -> bool:
        """True if messages before a restart are refused for good: only the restart can go on."""
        (lane, *others) = group.work
        is_before_restart = not others and lane.state.is_restarted and lane.restart is None
        return (
            is_before_restart and not group.proposal.is_signed and is_refused(self.exchange, group.proposal)
        )

    def _on_probation(self, work: Sequence[Work]) -> set[Ends]:
        """Lanes that held up others a short while ago: a chain whose facts come and go is not believed each time."""
        waiting = {
            origin: self.memory.waiting(Kind.QUORUM, origin)
            for origin in {lane.state.ends[0] for lane in work}
        }
        return {lane.state.ends for lane in work if str(lane.state.ends[1]) in waiting[lane.state.ends[0]]}

    def _remember(self, alone: Sequence[Group]) -> None:
        held_up = [group.work[0].state for group in alone if not group.proposal.is_signed]
        if len(held_up) == len(alone):
            # It was no lane's fault: the validators are not at work.
            return
        for state in held_up:
            reason = f"lane {state.name} had no quorum"
            self.memory.failed(
                Kind.QUORUM, state.ends[0], [(str(state.ends[1]), reason)], longest=_LONGEST_APART
            )

    def _propose(
        self,
        groups: Sequence[Sequence[Work]],
        sets: Mapping[int, ValidatorSet],
        patience: float,
        say: Callable[[str], None],
    ) -> list[Group]:
        """Proposes the facts of each group of lanes under a root of its own, and waits for all quorums together."""
        proposed = []
        for work in groups:
            every = {fact for lane in work for fact in lane.all_facts}
            facts = sorted(every, key=lambda fact: fact.nonce)[:MAX_FACTS]
            wanted = {sets[lane.state.ends[1]].hash: sets[lane.state.ends[1]] for lane in work}
            # What does not fit into one proposal is left to the next pass.
            within = [lane.within(set(facts)) for lane in work] if len(facts) < len(every) else work
            group = Group(within, Proposal(facts, list(wanted.values()), min(patience, self.timeout)))
            say(f"proposing {len(facts)} facts under {group.proposal.root.hex()}")
            proposed.append(group)
        await_quorums(self.exchange, self.domain, [group.proposal for group in proposed])
        return proposed
