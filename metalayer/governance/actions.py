"""What people do about a proposal: propose it, queue it, execute it everywhere, send it again, stop it.

Each asks first how far it is. What was done already is said, and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from metalayer.assets import credit
from metalayer.errors import MetalayerError
from metalayer.governance.built import Built
from metalayer.governance.motions import Carried, Desk, Motion
from metalayer.governance.prices import unpaid
from metalayer.governance.progress import Vote, lacking, obstacle, read_vote
from metalayer.governance.refusals import in_words
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import decisions, governor
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import utc
from metalayer.protocol.decisions import NOTHING, DecisionState
from metalayer.protocol.governor import ProposalState
from metalayer.protocol.hex import to_hex
from metalayer.protocol.reverts import explain

# Sending a decision may fail without a revert. With less gas than it takes, what is left (EIP-150) does not pay for the
# timelock's own log of it: no estimate is of that.
_MARGIN = 1.2

Senders = Callable[[Connection], Sender]
"""The account that signs on a chain: unlocked when it is needed."""


@dataclass(frozen=True)
class Done:
    """One thing that was done, or that was done before (then without a transaction)."""

    chain: str
    line: str
    transaction: str = ""
    gas: int = 0

    @classmethod
    def by(cls, chain: str, line: str, receipt: Receipt) -> Done:
        return cls(chain, line, receipt["transactionHash"], receipt["gasUsed"])

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))


def submit(desk: Desk, built: Built, simulated: str | None, senders: Senders) -> Done:
    """Proposes what was built. simulated: hash of what the simulation ran, None if nobody asks for one.

    MetalayerError if that is another proposal's, if the account is not its proposer, or has too few votes.
    """
    desk.refuse_foreign(built)
    if simulated is not None and simulated != to_hex(built.hash):
        raise MetalayerError(
            f"{built.name} is not what was simulated: its hash is {to_hex(built.hash)}, the simulation's {simulated}; "
            f"run `ape metalayer propose simulate {built.name[:3]}` again"
        )
    motion, hub = desk.of_built(built), desk.hub
    if vote := read_vote(desk, motion):
        return Done(
            hub.name, f"{motion.called} was proposed already, and is {_state(vote)}", vote.proposed_in
        )
    sender = senders(hub)
    if sender.address != built.proposer:
        raise MetalayerError(f"the proposer of {built.name} is {built.proposer}, not {sender.address}")
    block, needed = hub.block(), hub.view(desk.governor, governor.PROPOSAL_THRESHOLD)
    votes = hub.view(desk.governor, governor.GET_VOTES, sender.address, block.time - 1)
    if votes < needed:
        raise MetalayerError(
            f"{sender.address} has {era(votes)} ERA of votes on {hub.name}, a proposal needs {era(needed)}, in the "
            f"block before: `ape metalayer vote delegate {sender.address} --chain {hub.name}`"
        )
    proposal = built.proposal
    receipt = transact(
        hub, sender, desk.governor, governor.PROPOSE.encode(*proposal.actions, proposal.description)
    )
    return Done.by(hub.name, f"{motion.called} is proposed, with the id {motion.id}", receipt)


def queue(desk: Desk, motion: Motion, senders: Senders) -> Done:
    """Puts a proposal that passed into the hub's timelock. Anyone. MetalayerError if it did not pass, or not yet."""
    vote, hub = voted(desk, motion), desk.hub
    if vote.state in (ProposalState.QUEUED, ProposalState.EXECUTED):
        return Done(hub.name, f"{motion.called} is {_state(vote)} already")
    if vote.state is not ProposalState.SUCCEEDED:
        raise MetalayerError(f"{motion.called} cannot be queued: {standing(vote)}")
    proposal = motion.proposal
    data = governor.QUEUE.encode(*proposal.actions, proposal.description_hash)
    receipt = transact(hub, senders(hub), desk.governor, data)
    eta = hub.view(desk.governor, governor.PROPOSAL_ETA, motion.id)
    return Done.by(hub.name, f"{motion.called} is queued, and may be executed from {utc(eta)}", receipt)


def execute(desk: Desk, motion: Motion, senders: Senders, deposit: bool = True) -> Iterator[Done]:
    """Executes a proposal on the hub, and its decisions on all other chains, as far as their time has come. Anyone.

    deposit: pays into the outbox's credit what it lacks to send the decisions. MetalayerError if nothing of it can be
    executed on the hub, and at the end if a chain refused its decision.
    """
    vote, hub = voted(desk, motion), desk.hub
    if vote.state is ProposalState.EXECUTED:
        yield Done(hub.name, f"{motion.called} was executed already", vote.executed_in)
    elif vote.state is not ProposalState.QUEUED or vote.now < vote.eta:
        raise MetalayerError(f"{motion.called} cannot be executed: {standing(vote)}")
    else:
        yield from execute_on_hub(desk, motion, senders, deposit)
    problems = []
    for carried in motion.carried:
        try:
            yield execute_on_spoke(desk, carried, senders)
        except MetalayerError as error:
            problems.append(str(error))
    if problems:
        raise MetalayerError("; ".join(problems))


def send(desk: Desk, motion: Motion, chain: str, senders: Senders, deposit: bool = True) -> Iterator[Done]:
    """Sends the decisions for a chain again, as far as they did not arrive. Anyone, who pays from the own credit.

    deposit: puts what is missing into it first. MetalayerError if the hub did not decide them, or if it is too late.
    """
    for carried in motion.on(chain):
        what = called(carried)
        spoke = desk.live.connection(chain)
        state = spoke.view(desk.remote, decisions.STATE_OF, carried.id)
        if state is not DecisionState.UNKNOWN:
            yield Done(chain, f"{what} is there already: it is {state.name.lower()}")
            continue
        before = desk.hub.view(desk.outbox, decisions.ARRIVE_BEFORE, carried.chain_id, carried.id)
        if not before:
            raise MetalayerError(f"{what} is not decided: `ape metalayer propose execute {motion.typed}`")
        yield send_again(desk, carried, senders, deposit)


def send_again(desk: Desk, carried: Carried, senders: Senders, deposit: bool) -> Done:
    """Sends one decision that the hub decided. Anyone, who pays from the own credit. As `send`."""
    hub, what = desk.hub, called(carried)
    sender, fields = senders(hub), (carried.chain_id, carried.decision, carried.gas_limit)
    try:
        fee = hub.view(desk.outbox, decisions.QUOTE, *fields)
    except Reverted as error:
        raise MetalayerError(f"{what} cannot be sent from {hub.name} now: {error.reason}") from error
    prepay(desk.leaving(), hub, sender, fee, desk.outbox, deposit)
    receipt = transact(hub, sender, desk.outbox, decisions.SEND.encode(*fields))
    ids = [
        to_hex(event.message_id) for event in decisions.DECISION_SENT.found_in(receipt["logs"], desk.outbox)
    ]
    return Done.by(hub.name, f"{what} is sent{f', as message {ids[0]}' if ids else ''}", receipt)


def prepay(desk: Desk, connection: Connection, sender: Sender, fee: int, spender: str, deposit: bool) -> None:
    """Sees to it that a contract can pay a fee (wei of ERA) from the sender's credit. MetalayerError if the sender has
    too little, or if something has to be deposited and `deposit` is false.
    """
    due = credit.payment(connection, desk.live.registry, sender.address, fee, spender)
    if not deposit:
        due.refuse_missing()
    due.refuse_too_poor()
    connection.send_many(sender, credit.preparation(desk.live.registry, due, spender))


def cancel(desk: Desk, motion: Motion, senders: Senders) -> Done:
    """Cancels a proposal: its proposer before voting begins, the council of the hub's guardian until it is executed.

    MetalayerError if the account is neither, or if it is over.
    """
    vote, hub = voted(desk, motion), desk.hub
    if vote.state is ProposalState.CANCELED:
        return Done(hub.name, f"{motion.called} was cancelled already")
    if vote.ended:
        raise MetalayerError(f"{motion.called} cannot be cancelled: {standing(vote)}")
    sender, proposal = senders(hub), motion.proposal
    arguments = (*proposal.actions, proposal.description_hash)
    council = hub.view(desk.guardian, governor.COUNCIL)
    if sender.address == vote.proposer and vote.state is ProposalState.PENDING:
        receipt = transact(hub, sender, desk.governor, governor.CANCEL.encode(*arguments))
    elif sender.address == council:
        receipt = transact(hub, sender, desk.guardian, governor.CANCEL_PROPOSAL.encode(*arguments))
    else:
        raise MetalayerError(
            f"{sender.address} may not cancel {motion.called}: its proposer {vote.proposer} may before "
            f"{utc(vote.snapshot)}, the council {council} until it is executed"
        )
    return Done.by(hub.name, f"{motion.called} is cancelled", receipt)


def postpone(desk: Desk, motion: Motion, chain: str, senders: Senders) -> Iterator[Done]:
    """Postpones the decisions for a chain by 21 days, once: a watcher or the council of its guardian."""
    spoke = desk.live.connection(chain)
    for carried in motion.on(chain):
        state, postponed = _standing_there(desk, spoke, carried)
        if postponed or state not in (DecisionState.WAITING, DecisionState.READY):
            done = "postponed" if postponed else state.name.lower()
            yield _or_refuse(chain, carried, done, postponed)
            continue
        receipt = transact(
            spoke, senders(spoke), desk.guardian, governor.GUARDIAN_POSTPONE.encode(carried.id)
        )
        ready = spoke.view(desk.remote, decisions.READY_AT, carried.id)
        yield Done.by(chain, f"{called(carried)} is postponed until {utc(ready)}", receipt)


def refuse(desk: Desk, motion: Motion, chain: str, senders: Senders) -> Iterator[Done]:
    """Ends decisions for a chain that were postponed: its recovery."""
    spoke = desk.live.connection(chain)
    for carried in motion.on(chain):
        state, _ = _standing_there(desk, spoke, carried)
        if state not in (DecisionState.WAITING, DecisionState.READY):
            yield _or_refuse(chain, carried, state.name.lower(), state is DecisionState.REFUSED)
            continue
        receipt = transact(spoke, senders(spoke), desk.remote, decisions.REFUSE.encode(carried.id))
        yield Done.by(chain, f"{called(carried)} is refused", receipt)


def execute_on_hub(desk: Desk, motion: Motion, senders: Senders, deposit: bool) -> Iterator[Done]:
    hub, proposal = desk.hub, motion.proposal
    sender = senders(hub)
    paying = desk.leaving(proposal)
    data = governor.EXECUTE.encode(*proposal.actions, proposal.description_hash)
    value = lacking(desk, hub, proposal.value)
    # What would revert takes no deposit.
    _gas(hub, sender, desk.governor, data, value)
    if deposit and (missing := unpaid(paying, motion)):
        receipt = credit.deposit(hub, paying.live.registry, sender, desk.outbox, missing)
        yield Done.by(hub.name, f"{era(missing)} ERA put into the credit that sends decisions", receipt)
    receipt = transact(hub, sender, desk.governor, data, value)
    yield Done.by(hub.name, f"{motion.called} is executed", receipt)
    for event in decisions.DECISION_NOT_SENT.found_in(receipt["logs"], desk.outbox):
        chain = next(
            (one.chain for one in motion.carried if one.chain_id == event.chain_id), f"chain {event.chain_id}"
        )
        why = explain(event.reason) if event.reason else "too little gas"
        line = f"its decision for {chain} is not sent ({why}): `ape metalayer propose send {motion.typed} {chain}`"
        yield Done(hub.name, line)


def execute_on_spoke(desk: Desk, carried: Carried, senders: Senders) -> Done:
    chain, what = carried.chain, called(carried)
    spoke = desk.live.connection(carried.chain_id)
    state = spoke.view(desk.remote, decisions.STATE_OF, carried.id)
    if state is DecisionState.EXECUTED:
        return Done(chain, f"{what} was executed already")
    if state is DecisionState.UNKNOWN:
        return Done(chain, f"{what} did not arrive yet: `ape metalayer propose status` shows where it is")
    if state is DecisionState.WAITING:
        ready = spoke.view(desk.remote, decisions.READY_AT, carried.id)
        return Done(chain, f"{what} waits until {utc(ready)}")
    if state is not DecisionState.READY:
        raise MetalayerError(f"{what} for {chain} is {state.name.lower()}: it will not be executed")
    if carried.decision.precedent != NOTHING and (why := obstacle(desk, spoke, carried)):
        raise MetalayerError(f"{what} for {chain} cannot be executed: {why}")
    value = lacking(desk, spoke, carried.decision.value)
    receipt = transact(spoke, senders(spoke), desk.remote, decisions.EXECUTE.encode(carried.decision), value)
    return Done.by(chain, f"{what} is executed", receipt)


def _standing_there(desk: Desk, spoke: Connection, carried: Carried) -> tuple[DecisionState, bool]:
    state, postponed = spoke.batch(
        [
            decisions.STATE_OF.request(desk.remote, carried.id),
            decisions.IS_POSTPONED.request(desk.remote, carried.id),
        ]
    )
    return state, postponed


def _or_refuse(chain: str, carried: Carried, state: str, was_done: bool) -> Done:
    """What was done before is said; MetalayerError for what cannot be done any more, or not yet."""
    if was_done:
        return Done(chain, f"{called(carried)} was {state} already")
    what = "did not arrive yet" if state == "unknown" else f"is {state}"
    raise MetalayerError(f"{called(carried)} for {chain} {what}: expected one that waits, or may be executed")


def called(carried: Carried) -> str:
    number = f" (no. {carried.number})" if carried.number > 1 else ""
    return f"decision {to_hex(carried.id)}{number}"


def voted(desk: Desk, motion: Motion) -> Vote:
    vote = read_vote(desk, motion)
    if vote is None:
        raise MetalayerError(
            f"{motion.called} is not proposed: `ape metalayer propose submit {motion.typed}`"
        )
    return vote


def _state(vote: Vote) -> str:
    return vote.state.name.lower()


def standing(vote: Vote) -> str:
    """What a proposal waits for, or why it is over."""
    match vote.state:
        case ProposalState.PENDING:
            return f"voting begins on {utc(vote.snapshot)} and ends on {utc(vote.deadline)}"
        case ProposalState.ACTIVE:
            return f"voting ends on {utc(vote.deadline)}"
        case ProposalState.SUCCEEDED:
            return "it passed, and has to be queued first: `ape metalayer propose queue`"
        case ProposalState.QUEUED:
            return f"its time comes on {utc(vote.eta)}"
        case ProposalState.EXPIRED:
            return "it expired"
    return f"it is {_state(vote)}"


def transact(connection: Connection, sender: Sender, to: str, data: bytes, value: int = 0) -> Receipt:
    """MetalayerError, one line in words, if it reverts."""
    gas = _gas(connection, sender, to, data, value)
    try:
        return connection.send(sender, to, data, gas, value)
    except Reverted as error:
        raise MetalayerError(in_words(error, connection.name)) from error


def _gas(connection: Connection, sender: Sender, to: str, data: bytes, value: int) -> int:
    """Limit for a transaction. MetalayerError as `transact`."""
    try:
        used = connection.estimate(sender.address, to, data, value)
    except Reverted as error:
        raise MetalayerError(in_words(error, connection.name)) from error
    return min(MAX_TRANSACTION_GAS, int(used * _MARGIN))
