"""The vote on the hub: the mirror of EraGovernor and Timelock. A test compares it with the compiled ABI.

Times are Unix seconds, votes wei of ERA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.abi import Event, Function

_ACTIONS = ["address[]", "uint256[]", "bytes[]"]

GRACE = 14 * 86_400
"""Seconds in which a passed proposal has to be queued, and in which one that could be executed has to be."""
OBJECTION_WINDOW = 2 * 86_400
"""Seconds before the end in which a vote that makes a proposal pass opens its objections."""
OBJECTION_PERIOD = 6 * 86_400
"""Seconds by which the deadline moves then."""


class ProposalState(IntEnum):
    """The contracts' `IGovernor.ProposalState`."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class Votes(NamedTuple):
    """What was cast for a proposal, in the contract's order."""

    against: int
    in_favour: int
    abstain: int


@dataclass(frozen=True)
class HubProposal:
    """What is voted on: calls of the hub's timelock in this order, and the text."""

    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str

    @property
    def description_hash(self) -> bytes:
        """Hash of the text. Decisions for other chains have it as their salt."""
        # Somebody else's text may have bytes that are not UTF-8, which logs have as surrogates.
        return keccak(self.description.encode("utf-8", "surrogateescape"))

    @property
    def actions(self) -> tuple[tuple[str, ...], tuple[int, ...], tuple[bytes, ...]]:
        return self.targets, self.values, self.calldatas

    @property
    def id(self) -> int:
        """By which the governor knows it: `hashProposal`."""
        hashed = encode([*_ACTIONS, "bytes32"], [*self.actions, self.description_hash])
        return int.from_bytes(keccak(hashed), "big")

    @property
    def value(self) -> int:
        """Wei of ether that whoever executes it pays, as far as the timelock has none."""
        return sum(self.values)

    def operation(self, governor: str) -> bytes:
        """By which the hub's timelock knows it once it is queued."""
        salt = int.from_bytes(to_canonical_address(governor) + bytes(12), "big")
        salt ^= int.from_bytes(self.description_hash, "big")
        return operation(*self.actions, bytes(32), salt.to_bytes(32, "big"))


class Created(NamedTuple):
    """A proposal that was made. Voting begins after the second `vote_start` and ends with `vote_end`."""

    id: int
    proposer: str
    proposal: HubProposal
    vote_start: int
    vote_end: int


def operation(
    targets: Sequence[str],
    values: Sequence[int],
    calldatas: Sequence[bytes],
    predecessor: bytes,
    salt: bytes,
) -> bytes:
    """Id of a batch in a timelock: `hashOperationBatch`."""
    return keccak(encode([*_ACTIONS, "bytes32", "bytes32"], [targets, values, calldatas, predecessor, salt]))


def proposer_suffix(proposer: str) -> str:
    """End of a text that nobody else can propose (OpenZeppelin's Governor): whoever sees it in a pool of pending
    transactions cannot take it away.
    """
    return f"#proposer={proposer.lower()}"


def _created(*values: Any) -> Created:
    id_, proposer, targets, amounts, _signatures, calldatas, vote_start, vote_end, description = values
    checksummed = tuple(to_checksum_address(target) for target in targets)
    proposal = HubProposal(checksummed, tuple(amounts), tuple(calldatas), description)
    if proposal.id != id_:
        # A node that gives one proposal's id to another one's actions would have its user vote for those.
        raise ValueError(f"{id_} is not the id of what was proposed")
    return Created(id_, proposer, proposal, vote_start, vote_end)


# EraGovernor: views

GET_VOTES = Function("getVotes(address,uint256)", "uint256", int)
HASH_PROPOSAL = Function("hashProposal(address[],uint256[],bytes[],bytes32)", "uint256", int)
IS_PROTECTED = Function("isProtected(uint256)", "bool", bool)
NONCES = Function("nonces(address,uint192)", "uint256", int)
OBJECTIONS_FROM = Function("objectionsFrom(uint256)", "uint256", int)
PROPOSAL_DEADLINE = Function("proposalDeadline(uint256)", "uint256", int)
PROPOSAL_ETA = Function("proposalEta(uint256)", "uint256", int)
PROPOSAL_EXPIRY = Function("proposalExpiry(uint256)", "uint256", int)
PROPOSAL_GUARDIAN = Function("proposalGuardian()", "address", str)
PROPOSAL_PROPOSER = Function("proposalProposer(uint256)", "address", str)
PROPOSAL_SNAPSHOT = Function("proposalSnapshot(uint256)", "uint256", int)
PROPOSAL_THRESHOLD = Function("proposalThreshold()", "uint256", int)
PROPOSAL_VOTES = Function("proposalVotes(uint256)", "uint256,uint256,uint256", Votes)
QUORUM = Function("quorum(uint256)", "uint256", int)
STATE = Function("state(uint256)", "uint8", ProposalState)
USED_VOTES = Function("usedVotes(uint256,address)", "uint256", int)
VOTING_DELAY = Function("votingDelay()", "uint256", int)
VOTING_PERIOD = Function("votingPeriod()", "uint256", int)

# EraGovernor: transactions

FRACTIONAL = 255
"""What a vote with parts says instead of a kind."""

CANCEL = Function("cancel(address[],uint256[],bytes[],bytes32)", "uint256", int)
CAST_VOTE = Function("castVote(uint256,uint8)", "uint256", int)
CAST_VOTE_BY_SIG = Function("castVoteBySig(uint256,uint8,address,bytes)", "uint256", int)
CAST_PARTS = Function("castVoteWithReasonAndParams(uint256,uint8,string,bytes)", "uint256", int)
CAST_PARTS_BY_SIG = Function(
    "castVoteWithReasonAndParamsBySig(uint256,uint8,address,string,bytes,bytes)", "uint256", int
)
EXECUTE = Function("execute(address[],uint256[],bytes[],bytes32)", "uint256", int)
PROPOSE = Function("propose(address[],uint256[],bytes[],string)", "uint256", int)
QUEUE = Function("queue(address[],uint256[],bytes[],bytes32)", "uint256", int)

GOVERNOR_FUNCTIONS = tuple(value for value in list(globals().values()) if isinstance(value, Function))

OBJECTIONS_OPENED = Event("ObjectionsOpened(uint256 indexed,uint256)")
# No value is indexed: OpenZeppelin keeps the events of GovernorBravo.
PROPOSAL_CANCELED = Event("ProposalCanceled(uint256)", int)
PROPOSAL_CREATED = Event(
    "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)", _created
)
PROPOSAL_EXECUTED = Event("ProposalExecuted(uint256)", int)
PROPOSAL_QUEUED = Event("ProposalQueued(uint256,uint256)")

GOVERNOR_EVENTS = tuple(value for value in list(globals().values()) if isinstance(value, Event))


def packed(parts: Sequence[int]) -> bytes:
    """Parts of a vote (wei against, for, abstaining) as `CAST_PARTS` takes them."""
    return b"".join(part.to_bytes(16, "big") for part in parts)


def ballot(
    chain_id: int, governor: str, voter: str, proposal: int, vote: int | Sequence[int], nonce: int
) -> SignableMessage:
    """What a voter signs (EIP-712) to vote with all that it has left (`vote`: 0 against, 1 for, 2 abstain), or with
    parts. `nonce`: what `NONCES` says for the last 192 bits of the proposal's id.
    """
    kind, types = "Ballot", {"support": "uint8", "voter": "address", "nonce": "uint256"}
    values: dict[str, Any] = {"proposalId": proposal, "support": vote, "voter": voter, "nonce": nonce}
    if not isinstance(vote, int):
        kind, types = "ExtendedBallot", {**types, "reason": "string", "params": "bytes"}
        values |= {"support": FRACTIONAL, "reason": "", "params": packed(vote)}
    return encode_typed_data(
        domain_data={
            "name": "EraGovernor",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": governor,
        },
        message_types={
            kind: [
                {"name": name, "type": type_} for name, type_ in {"proposalId": "uint256", **types}.items()
            ]
        },
        message_data=values,
    )


# Timelock, on every chain

GET_MIN_DELAY = Function("getMinDelay()", "uint256", int)
GET_TIMESTAMP = Function("getTimestamp(bytes32)", "uint256", int)
HASH_OPERATION_BATCH = Function(
    "hashOperationBatch(address[],uint256[],bytes[],bytes32,bytes32)", "bytes32", bytes
)
HAS_ROLE = Function("hasRole(bytes32,address)", "bool", bool)

TIMELOCK_FUNCTIONS = (GET_MIN_DELAY, GET_TIMESTAMP, HASH_OPERATION_BATCH, HAS_ROLE)

# Guardian: what it does about decisions and proposals

CANCEL_PROPOSAL = Function("cancelProposal(address[],uint256[],bytes[],bytes32)")
COUNCIL = Function("council()", "address", str)
IS_WATCHER = Function("isWatcher(address)", "bool", bool)
GUARDIAN_POSTPONE = Function("postpone(bytes32)")

GUARDIAN_FUNCTIONS = (CANCEL_PROPOSAL, COUNCIL, IS_WATCHER, GUARDIAN_POSTPONE)
