"""The hub's part of a rehearsal: proposed, voted, queued and executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metalayer.assets.tokens import APPROVE
from metalayer.deploy.names import ERA
from metalayer.errors import MetalayerError
from metalayer.governance.built import Action, Built, BuiltDecision
from metalayer.governance.names import Names
from metalayer.network.connection import Connection
from metalayer.network.rpc import Reverted
from metalayer.protocol import decisions, gateway, governor
from metalayer.protocol.amounts import era as in_era
from metalayer.protocol.governor import ProposalState
from metalayer.services.acting import Acted, Frame, act, grant, grant_votes, must
from metalayer.services.changes import Changes
from metalayer.services.forks import Forks, throw_away_key

_FOR = 1
_FEES = 1_000 * 10**18
MINUTE, HOUR = 60, 3_600

Say = Callable[[str], None]


class Failed(MetalayerError):
    """What is rehearsed would fail; its one line."""


@dataclass(frozen=True)
class Arrival:
    """How a decision came to its chain. `gas` is what RemoteGovernor used of the message's limit, `delivery` that of
    the whole transaction; `fee` in wei of ERA; `ready_at` and `at` Unix times; `cancelled`: decisions that ended then.
    """

    decision: BuiltDecision
    fee: int
    gas: int
    delivery: int
    at: int
    ready_at: int
    cancelled: tuple[bytes, ...] = ()


@dataclass
class Found:
    """What a rehearsal found, as far as it came. transactions: by what they did; executions: of each chain, in order;
    spent: gas of every call that a timelock made, by the transaction; times: Unix times on the forks.
    """

    transactions: dict[str, Acted] = field(default_factory=dict)
    executions: dict[str, list[Acted]] = field(default_factory=dict)
    spent: dict[str, list[int]] = field(default_factory=dict)
    changes: dict[str, Changes] = field(default_factory=dict)
    arrivals: dict[tuple[str, bytes], Arrival] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)


@dataclass
class Deciding:
    """One proposal on fresh forks. `found` is filled on the way; Failed says what would go wrong."""

    forks: Forks
    names: Names
    built: Built
    say: Say
    found: Found = field(default_factory=Found)

    def __post_init__(self) -> None:
        self.executor = throw_away_key("executor").address
        self.payer = throw_away_key("payer").address
        self.connections = self.forks.mesh.connections
        self.hub = self.connections[self.names.hub]
        self.governor = self.built.governor
        self.spokes = [
            self.connections[name] for name in dict.fromkeys(one.chain for one in self.built.decisions)
        ]

    def on(self, chain: str, contract: str) -> str:
        return self.names.on(chain, contract)

    def decide(self) -> None:
        """From the proposal to its execution on the hub."""
        proposal, hub = self.built.proposal, self.hub
        state = self._propose()
        id_ = self.built.id
        snapshot = hub.view(self.governor, governor.PROPOSAL_SNAPSHOT, id_)
        self.found.times["snapshot"] = snapshot
        deadline = hub.view(self.governor, governor.PROPOSAL_DEADLINE, id_)
        if state in (ProposalState.PENDING, ProposalState.ACTIVE):
            self.say("days pass: reading and delegating")
            self.forks.until(snapshot + MINUTE)
            if not 0 < hub.view(self.governor, governor.OBJECTIONS_FROM, id_) < self.forks.now:
                self._vote(snapshot)
            self.say("days pass: the vote")
            deadline = hub.view(self.governor, governor.PROPOSAL_DEADLINE, id_)
            self.forks.until(deadline + MINUTE)
        self.found.times["deadline"] = deadline
        actions = (*proposal.actions, proposal.description_hash)
        if self._state() is ProposalState.SUCCEEDED:
            self._do("queue", self.payer, governor.QUEUE.encode(*actions))
        if (state := self._state()) is not ProposalState.QUEUED:
            raise Failed(f"the proposal is {state.name.lower()}: there is nothing to execute")
        eta = hub.view(self.governor, governor.PROPOSAL_ETA, id_)
        self.say("days pass: the timelock")
        self.forks.until(eta)
        self._prepay()
        at = self._soon()
        done = act(hub, self.executor, self.governor, governor.EXECUTE.encode(*actions), proposal.value, at)
        if not done.succeeded:
            raise Failed(self._why(hub, done.frame(), self.built.actions))
        self.found.times["executed"] = at
        self._executed(hub, "execute", done)

    def _propose(self) -> ProposalState:
        """State of the proposal once it is there."""
        hub, proposer, proposal = self.hub, self.built.proposer, self.built.proposal
        if hub.view(self.governor, governor.PROPOSAL_SNAPSHOT, self.built.id):
            self.found.notes.append(f"the proposal is in the governor already, {self._state().name.lower()}")
            return self._state()
        before = self.forks.now - 1
        threshold = hub.view(self.governor, governor.PROPOSAL_THRESHOLD)
        votes = hub.view(self.governor, governor.GET_VOTES, proposer, before)
        if votes < threshold:
            grant_votes(hub, self.on(self.names.hub, "ERA"), proposer, threshold, self.forks.start - 1)
            self.found.assumed.append(
                f"the proposer {proposer} has {in_era(threshold)} ERA of votes, as a proposer needs; it has "
                f"{in_era(votes)}"
            )
        self.found.times["proposed"] = at = self._soon()
        data = governor.PROPOSE.encode(*proposal.actions, proposal.description)
        done = act(hub, proposer, self.governor, data, 0, at)
        if not done.succeeded:
            raise Failed(f"{hub.name}: it cannot be proposed: {done.frame().reason}")
        self.found.transactions["propose"] = done
        return self._state()

    def _vote(self, snapshot: int) -> None:
        """With what is locked, if that is a quorum, and with votes that nobody has otherwise."""
        hub, pool = self.hub, self.on(self.names.hub, "HubVotePool")
        tally = hub.view(self.governor, governor.PROPOSAL_VOTES, self.built.id)
        needed = max(hub.view(self.governor, governor.QUORUM, snapshot), tally.against + 1)
        locked = hub.view(self.governor, governor.GET_VOTES, pool, snapshot)
        voter = pool
        if locked >= needed and not any(tally):
            self.found.assumed.append(
                f"HubVotePool votes for it with {in_era(locked)} ERA, all that is on other chains"
            )
        else:
            voter = throw_away_key("voter").address
            grant_votes(hub, self.on(self.names.hub, "ERA"), voter, needed, self.forks.start - 1)
            self.found.assumed.append(
                f"an account {voter} has {in_era(needed)} ERA of votes, which nobody has, and votes for it"
            )
        self._do("vote", voter, governor.CAST_VOTE.encode(self.built.id, _FOR))

    def _do(self, what: str, sender: str, data: bytes) -> None:
        done = act(self.hub, sender, self.governor, data, 0, self._soon())
        if not done.succeeded:
            raise Failed(f"{self.hub.name}: {what}: {done.frame().reason}")
        self.found.transactions[what] = done

    def _soon(self) -> int:
        """The next moment at which something is done: a full minute, so that every rehearsal has the same, however many
        seconds passed since the last one.
        """
        return up(self.forks.now + 1, MINUTE)

    def pay(self) -> None:
        """Gives the account that pays for messages ERA that nobody has otherwise."""
        hub, gateway_, token = self.hub, self.forks.mesh.gateway, self.on(self.names.hub, ERA)
        grant(hub, token, self.payer, _FEES)
        what = "nobody can pay for messages"
        must(hub, self.payer, token, APPROVE.encode(gateway_, _FEES), what)
        must(hub, self.payer, gateway_, gateway.DEPOSIT_FOR.encode(self.payer, _FEES // 2), what)
        must(hub, self.payer, gateway_, gateway.SET_ALLOWANCE.encode(self.built.outbox, _FEES), what)
        self.found.assumed.append(
            f"an account has {in_era(_FEES)} ERA that nobody has, and pays for messages"
        )

    def _prepay(self) -> None:
        """As `propose execute` does: what the outbox has not for the messages of this proposal is put in first."""
        cost = sum(map(self._quote, self.built.decisions))
        held = self.hub.view(self.forks.mesh.gateway, gateway.CREDIT, self.built.outbox)
        if cost <= held:
            return
        data = gateway.DEPOSIT_FOR.encode(self.built.outbox, cost - held)
        must(self.hub, self.payer, self.forks.mesh.gateway, data, "nobody can pay for messages")
        self.found.notes.append(
            f"DecisionOutbox has {in_era(held)} ERA of credit, its messages cost {in_era(cost)}: whoever executes it "
            "puts in what is missing (`ape metalayer propose execute`)"
        )

    def _quote(self, one: BuiltDecision) -> int:
        """Wei of ERA. 0 if the route is closed: then it is not sent."""
        request = decisions.QUOTE.request(self.built.outbox, one.chain_id, one.decision, one.gas_limit)
        try:
            return self.hub.ask(request)
        except Reverted:
            return 0

    def _state(self) -> ProposalState:
        return self.hub.view(self.governor, governor.STATE, self.built.id)

    def _executed(self, connection: Connection, what: str, done: Acted) -> None:
        self.found.transactions[what] = done
        self.found.executions.setdefault(connection.name, []).append(done)
        paying = {self.executor, str(connection.rpc("eth_getBlockByNumber", "latest", False)["miner"])}
        changes = self.found.changes.setdefault(connection.name, Changes(connection, paying))
        changes.add(done.hash)
        self.found.spent[done.hash] = [
            call.gas for call in done.frame().calls_of(self.on(connection.name, "Timelock"))
        ]

    def _why(self, connection: Connection, frame: Frame, actions: Sequence[Action]) -> str:
        """One line: which action fails, and what it says; or that none was reached."""
        timelock = self.on(connection.name, "Timelock")
        for place, (call, action) in enumerate(zip(frame.calls_of(timelock), actions, strict=False), 1):
            if call.error:
                where = f"action {place} of {len(actions)} (line {action.line}) reverts, {action.words}"
                return f"{connection.name}: {where}: {call.reason}"
        return f"{connection.name}: it cannot be executed: {frame.reason}"


def up(moment: int, unit: int) -> int:
    return -(-moment // unit) * unit
