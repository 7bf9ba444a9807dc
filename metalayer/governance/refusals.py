"""Why governance refused something, in words: what was wrong, and what was expected."""

from __future__ import annotations

from collections.abc import Callable

from metalayer.network.rpc import Reverted
from metalayer.protocol.amounts import era
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.governor import ProposalState
from metalayer.protocol.hex import to_hex
from metalayer.protocol.reverts import parse


def _state(_: int, state: int, __: bytes) -> str:
    name = ProposalState(state).name.lower()
    return f"the proposal is {name} by now: `ape metalayer propose status` shows where it is"


def _signature(voter: str) -> str:
    return (
        f"{voter} did not sign this vote, or voted by signature since: the words have to be those that were signed, "
        "and each signature counts once"
    )


WORDS: dict[str, Callable[..., str]] = {
    "AlreadyPostponed(bytes32)": lambda id_: (
        f"decision {to_hex(id_)} was postponed already: that is done once"
    ),
    "ChainNotTrusted(uint256)": lambda chain_id: (
        f"votes from chain {chain_id} are not trusted now: its route is closed or paused"
    ),
    "CodeChanged(address,bytes32,bytes32)": lambda target, found, expected: (
        f"{target} has other code than what was voted on: {to_hex(found)}, expected {to_hex(expected)}"
    ),
    "CodeChanged(uint256)": lambda _: (
        "something that it calls has other code than when it was proposed: it has to be proposed again"
    ),
    "DecisionTooLate(uint256,bytes32,uint64)": lambda *_: (
        "it can no longer arrive in time: it has to be decided again"
    ),
    "EmptyTally(uint256,uint48)": lambda *_: "nobody voted about it there",
    "GovernorInsufficientProposerVotes(address,uint256,uint256)": lambda proposer, votes, needed: (
        f"{proposer} has {era(votes)} ERA of votes, not {era(needed)}: delegate to it, a block before"
    ),
    "GovernorInvalidSignature(address)": _signature,
    "GovernorNonexistentProposal(uint256)": lambda id_: f"nothing was proposed with the id {id_}",
    "GovernorRestrictedProposer(address)": lambda proposer: (
        f"only the proposer that its text names may propose it, not {proposer}"
    ),
    "GovernorUnableToCancel(uint256,address)": lambda _, account: (
        f"{account} may not cancel it: its proposer may before voting begins, the guardian's council until it is "
        "executed, and nobody one that only names another guardian"
    ),
    "GovernorUnexpectedProposalState(uint256,uint8,bytes32)": _state,
    "InvalidSignature(address)": _signature,
    "NotCouncil(address)": lambda account: f"{account} is not the council",
    "NothingToCast(uint256,uint256)": lambda _, chain_id: (
        f"all that is known of the votes of chain {chain_id} was cast already"
    ),
    "NotPostponed(bytes32)": lambda id_: (
        f"decision {to_hex(id_)} was not postponed: only what the guardian postponed can be refused"
    ),
    "NotRecovery(address)": lambda account: f"{account} is not the recovery",
    "NotWatcher(address)": lambda account: f"{account} is neither a watcher nor the council",
    "ObjectionsOnly(uint256)": lambda _: "only votes against it count by now: a late vote made it pass",
    "PrecedentNotExecuted(bytes32,bytes32)": lambda _, precedent: (
        f"its precedent {to_hex(precedent)} has to be executed before"
    ),
    "ProtectedDecision(bytes32)": lambda id_: (
        f"decision {to_hex(id_)} only names the offices: nobody may postpone or refuse it"
    ),
    "TargetWithoutCode(address)": lambda target: f"there is no code at {target}",
    "TreasuryHasNoVotes()": lambda: "the treasury has no votes to give",
    "UnexpectedCode(address,bytes32,bytes32)": lambda target, found, expected: (
        f"{target} has the code {to_hex(found)}, it was voted on with {to_hex(expected)}"
    ),
    "UnexpectedDecisionState(bytes32,uint8)": lambda id_, state: (
        f"decision {to_hex(id_)} is {DecisionState(state).name.lower()}"
    ),
    "UnexpectedResult(address,bytes,bytes32,bytes32)": lambda target, data, found, expected: (
        f"{target} is not as it was voted on: {to_hex(data[:4])} returns {to_hex(found)}, expected {to_hex(expected)}"
    ),
}
"""By the error's signature."""


def in_words(error: Reverted, place: str) -> str:
    """One line. What the contracts say of themselves if there are no better words for it."""
    known = parse(error.data)
    if known is None or known[0] not in WORDS:
        return str(error)
    name, values = known
    return f"{place}: {WORDS[name](*values)}"
