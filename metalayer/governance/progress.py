"""How far a proposal is, on every chain: the vote, and each decision from the hub to its execution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.governance.motions import Carried, Desk, Motion
from metalayer.lanes import logs
from metalayer.network.connection import Connection, fault
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted, RpcError
from metalayer.protocol import decisions, governor
from metalayer.protocol.dates import utc
from metalayer.protocol.decisions import NOTHING, DecisionState
from metalayer.protocol.governor import GRACE, ProposalState, Votes
from metalayer.protocol.hex import to_hex
from metalayer.protocol.reverts import explain
from metalayer.protocol.rpc import block_request, quantity, word
from metalayer.tracking.trace import State, Trace, look

_LOST = (State.EXPIRED, State.RETURNING, State.RETURNED, State.ABANDONED)


@dataclass(frozen=True)
class Vote:
    """A proposal in the governor. Unix seconds, 0 for what is not known yet; votes and quorum in wei of ERA.

    votes_from: the snapshot: votes are counted as they were then. quorum: None before it. now: by the hub's clock.
    """

    state: ProposalState
    proposer: str
    snapshot: int
    deadline: int
    objections_from: int
    eta: int
    expiry: int
    votes: Votes
    quorum: int | None
    is_protected: bool
    proposed_in: str
    executed_in: str
    now: int

    @property
    def ended(self) -> bool:
        """Whether nothing of it happens any more on the hub."""
        over = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED, ProposalState.EXECUTED)
        return self.state in over


@dataclass(frozen=True)
class Step:
    """One decision, from the hub to its execution. Unix seconds, 0 for what is not known yet.

    sent: ids of the messages that carried it, the oldest first. not_sent: why the hub could not send it as it decided.
    trace: of the newest message. why: why it is not executed yet, and what to do. trouble: why its chain, or the hub,
    could not be asked.
    """

    carried: Carried
    arrive_before: int = 0
    sent: tuple[bytes, ...] = ()
    not_sent: str = ""
    returned: int = 0
    trace: Trace | None = None
    state: DecisionState = DecisionState.UNKNOWN
    ready_at: int = 0
    expires_at: int = 0
    is_postponed: bool = False
    executed_in: str = ""
    why: str = ""
    trouble: str = ""

    @property
    def is_decided(self) -> bool:
        return self.arrive_before != 0

    @property
    def is_lost(self) -> bool:
        """Whether the newest message will not bring it any more."""
        return self.trace is not None and self.trace.state in _LOST

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "chain": self.carried.chain,
            "number": self.carried.number,
            "id": to_hex(self.carried.id),
            "decided": self.is_decided,
            "arrive_before": self.arrive_before,
            "sent": [to_hex(one) for one in self.sent],
            "not_sent": self.not_sent,
            "returned": self.returned,
            "message": self.trace.state.value if self.trace else "",
            "state": self.state.name.lower(),
            "ready_at": self.ready_at,
            "expires_at": self.expires_at,
            "postponed": self.is_postponed,
            "executed_in": self.executed_in,
            "why": self.why,
            "trouble": self.trouble,
        }


@dataclass(frozen=True)
class Progress:
    """The whole way. vote: None if it was not proposed."""

    motion: Motion
    vote: Vote | None
    steps: tuple[Step, ...]

    @property
    def done(self) -> bool:
        """Whether everything was executed everywhere."""
        executed = all(step.state is DecisionState.EXECUTED for step in self.steps)
        return self.vote is not None and self.vote.state is ProposalState.EXECUTED and executed

    def as_dict(self) -> dict[str, Any]:
        """For --json: votes are strings."""
        vote: dict[str, Any] | None = None
        if self.vote is not None:
            vote = {**vars(self.vote), "state": self.vote.state.name.lower()}
            vote["votes"] = {name: str(wei) for name, wei in self.vote.votes._asdict().items()}
            vote["quorum"] = None if self.vote.quorum is None else str(self.vote.quorum)
        return {
            "id": str(self.motion.id),
            "name": self.motion.name,
            "title": self.motion.title,
            "vote": vote,
            "decisions": [step.as_dict() for step in self.steps],
            "done": self.done,
        }


def read(desk: Desk, motion: Motion, exchange: Exchange | None = None) -> Progress:
    """How far a proposal is. exchange: where signatures are: without it nobody says how far a message is.

    MetalayerError only if the hub cannot be read.
    """
    vote = read_vote(desk, motion)
    if vote is None or vote.state is not ProposalState.EXECUTED:
        return Progress(motion, vote, tuple(Step(one) for one in motion.carried))
    steps = in_parallel(partial(_step, desk, exchange), motion.carried)
    return Progress(motion, vote, tuple(steps))


def read_vote(desk: Desk, motion: Motion) -> Vote | None:
    """A proposal in the governor, None if it was not proposed."""
    address, id_, hub = desk.governor, motion.id, desk.hub
    snapshot, deadline, objections, eta, votes, proposer, protected, block = hub.batch(
        [
            governor.PROPOSAL_SNAPSHOT.request(address, id_),
            governor.PROPOSAL_DEADLINE.request(address, id_),
            governor.OBJECTIONS_FROM.request(address, id_),
            governor.PROPOSAL_ETA.request(address, id_),
            governor.PROPOSAL_VOTES.request(address, id_),
            governor.PROPOSAL_PROPOSER.request(address, id_),
            governor.IS_PROTECTED.request(address, id_),
            block_request(),
        ]
    )
    if not snapshot:
        return None
    requests: list[Any] = [governor.STATE.request(address, id_)]
    if snapshot < block.time:
        requests.append(governor.QUORUM.request(address, snapshot))
    state, *quorum = hub.batch(requests)
    expiry = {ProposalState.SUCCEEDED: deadline + GRACE, ProposalState.QUEUED: eta + GRACE}.get(state, 0)
    executed = ""
    if state is ProposalState.EXECUTED:
        history = hub.ask(governor.PROPOSAL_EXECUTED.history(address))
        executed = next((one.log.transaction for one in history if one.event == id_), "")
    proposed = next((one.log.transaction for one in desk.created() if one.event.id == id_), "")
    return Vote(
        state=state,
        proposer=proposer,
        snapshot=snapshot,
        deadline=deadline,
        objections_from=objections,
        eta=eta,
        expiry=expiry,
        votes=votes,
        quorum=quorum[0] if quorum else None,
        is_protected=protected,
        proposed_in=proposed,
        executed_in=executed,
        now=block.time,
    )


def _step(desk: Desk, exchange: Exchange | None, carried: Carried) -> Step:
    """One decision of what was executed on the hub. A chain that does not answer hides only what it knows."""
    try:
        step = _leaving(desk, carried)
    except MetalayerError as error:
        return Step(carried, trouble=fault(desk.hub, error))
    try:
        return _arrived(desk, _carried(desk, exchange, step))
    except MetalayerError as error:
        spoke = desk.live.mesh.connections.get(carried.chain)
        return replace(step, trouble=fault(spoke, error) if spoke else str(error))


def _leaving(desk: Desk, carried: Carried) -> Step:
    """What the hub knows."""
    topics = (word(carried.chain_id), carried.id)
    before, sent, failed, returned = desk.hub.batch(
        [
            decisions.ARRIVE_BEFORE.request(desk.outbox, carried.chain_id, carried.id),
            decisions.DECISION_SENT.logs(desk.outbox, *topics),
            decisions.DECISION_NOT_SENT.logs(desk.outbox, *topics),
            decisions.DECISION_RETURNED.logs(desk.outbox, *topics),
        ]
    )
    if before and not sent and not failed:
        # Whoever took that for a decision that was not sent would pay for it again and again.
        raise MetalayerError("its node does not have all logs of DecisionOutbox: nobody knows what was sent")
    why = explain(failed[-1].event.reason) if failed and failed[-1].event.reason else ""
    if failed and not why:
        why = "whoever executed it gave too little gas to send it"
    return Step(carried, before, tuple(one.event.message_id for one in sent), why, len(returned))


def _carried(desk: Desk, exchange: Exchange | None, step: Step) -> Step:
    """How far its newest message is."""
    if not step.sent or exchange is None:
        return step
    mesh, newest = desk.live.mesh, step.sent[-1]
    message = logs.find(desk.hub, mesh.domain, [newest]).get(newest)
    return replace(step, trace=look(mesh, exchange, desk.hub, message)) if message else step


def _arrived(desk: Desk, step: Step) -> Step:
    """What its chain knows."""
    carried, id_ = step.carried, step.carried.id
    spoke = desk.live.connection(carried.chain_id)
    state, ready, expires, postponed, block = spoke.batch(
        [
            decisions.STATE_OF.request(desk.remote, id_),
            decisions.READY_AT.request(desk.remote, id_),
            decisions.EXPIRES_AT.request(desk.remote, id_),
            decisions.IS_POSTPONED.request(desk.remote, id_),
            block_request(),
        ]
    )
    executed = ""
    if state is DecisionState.EXECUTED:
        logged = spoke.ask(decisions.DECISION_EXECUTED.logs_once(desk.remote, id_))
        # A node may know what is and not yet why.
        executed = logged[-1].log.transaction if logged else ""
    found = replace(
        step,
        state=state,
        ready_at=ready,
        expires_at=expires,
        is_postponed=postponed,
        executed_in=executed,
    )
    return replace(found, why=_why(desk, spoke, found, block.time))


def _why(desk: Desk, spoke: Connection, step: Step, now: int) -> str:
    """Why a decision is not executed, and what to do; empty if it is."""
    match step.state:
        case DecisionState.EXECUTED:
            return ""
        case DecisionState.UNKNOWN:
            return _under_way(step, now)
        case DecisionState.WAITING:
            return f"waits until {utc(step.ready_at)}"
        case DecisionState.READY:
            return (
                obstacle(desk, spoke, step.carried)
                or "anyone may execute it: `ape metalayer propose execute`"
            )
        case DecisionState.CANCELLED:
            ended = spoke.ask(decisions.DECISION_CANCELLED.history(desk.remote, step.carried.id))
            return f"another decision ended it{f', {to_hex(ended[0].event.by)}' if ended else ''}"
        case DecisionState.REFUSED:
            return "the recovery refused it"
    return f"it was not executed by {utc(step.expires_at)}: it has to be decided again"


def _under_way(step: Step, now: int) -> str:
    again = "`ape metalayer propose send` sends it again"
    if now > step.arrive_before:
        return f"it did not arrive by {utc(step.arrive_before)}: it has to be decided again"
    if not step.sent:
        return f"it could not be sent, {step.not_sent}: {again}"
    if step.trace is None:
        return f"it did not arrive yet; {again}"
    words = ": ".join(part for part in (step.trace.reason, step.trace.advice) if part)
    said = f"its message is {step.trace.state.value}{f': {words}' if words else ''}"
    return f"{said}; {again}" if step.is_lost else said


def obstacle(desk: Desk, spoke: Connection, carried: Carried) -> str:
    """Why a decision that is ready cannot be executed now; empty if it can."""
    decision = carried.decision
    if decision.precedent != NOTHING:
        before = spoke.view(desk.remote, decisions.STATE_OF, decision.precedent)
        if before is not DecisionState.EXECUTED:
            return f"its precedent {to_hex(decision.precedent)} is {before.name.lower()}, and has to be executed before"
    if lacking(desk, spoke, decision.value):
        # Whoever executes it brings that.
        return ""
    try:
        spoke.estimate(desk.guardian, desk.remote, decisions.EXECUTE.encode(decision))
    except Reverted as error:
        return f"it would revert: {error.reason}"
    except RpcError:
        # A node that refuses to estimate says nothing about the decision.
        return ""
    return ""


def lacking(desk: Desk, connection: Connection, value: int) -> int:
    """Wei of ether that a chain's timelock has too little to pay this."""
    if not value:
        return 0
    return max(0, value - connection.ask(quantity("eth_getBalance", desk.timelock, "latest", bits=256)))
