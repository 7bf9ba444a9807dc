"""A governor of the hub's ERA with its timelock, and what goes through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak

from metalayer.protocol.gateway import Route
from tests.kit.bridging import PARTS, deploy_bridge
from tests.kit.chains import BoundChain
from tests.kit.evm import (
    ZERO_ADDRESS,
    Contract,
    Receipt,
    Revert,
    call,
    created_address,
    deploy,
    error,
    init_code,
    now,
)
from tests.kit.founding import Founding
from tests.kit.paper import DAY, Validators
from tests.kit.roles import (
    BENEFICIARY,
    DEPOSITOR,
    DEVELOPER,
    GUARDIAN,
    PAUPER,
    PAYER,
    RIVAL,
    SENDER,
)
from tests.kit.terms import FREE_TERMS

MILLION = 10**24
"""ERA, in wei."""
HOUR = 3_600
DELAY = 2 * DAY
"""From proposal to snapshot, but for the full hour; also that of the timelock."""
PERIOD = 10 * DAY
THRESHOLD = MILLION
QUORUM = 40 * MILLION
GRACE = 14 * DAY
WINDOW = 2 * DAY
"""The end of a voting period in which a vote opens objections."""
OBJECTIONS = 6 * DAY
SETTINGS = (DELAY, PERIOD, THRESHOLD, 4)
ARCADE = 904
SPOKES = (ARCADE, 905, 906)
"""Chains to which there are routes."""
TEXT = "Let the recipient refuse"

PROPOSER = SENDER.address
SUPPORTER, OTHER_SUPPORTER = DEPOSITOR.address, BENEFICIARY.address
OPPONENT, OTHER_OPPONENT = RIVAL.address, PAYER.address
PASSER_BY = PAUPER.address
PROPOSAL_GUARDIAN = GUARDIAN.address
POOL = "0x000000000000000000000000000000000000F001"
"""Plays the HubVotePool."""
VOTES = {
    PROPOSER: 2 * MILLION,
    SUPPORTER: 61 * MILLION,
    OTHER_SUPPORTER: 25 * MILLION,
    OPPONENT: 60 * MILLION,
    OTHER_OPPONENT: 20 * MILLION,
}
"""Each of the first supporter and opponent is a quorum; both supporters outvote one opponent, not two."""


class State(IntEnum):
    """The Solidity enum `ProposalState`."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class Support(IntEnum):
    """Kinds of votes."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2
    FRACTIONAL = 255


AGAINST, FOR, ABSTAIN, FRACTIONAL = Support


@dataclass(frozen=True)
class Action:
    target: str
    data: bytes = b""
    value: int = 0


@dataclass(frozen=True)
class Senate:
    """The hub's governor and what it needs: the timelock owns the gateway and is ERA's treasury, and an account plays
    the vote pool. Sending to other chains is free. The recipient is for an action: it shall refuse what comes.
    """

    era: Contract
    gateway: Contract
    bridge: Contract
    recipient: Contract
    timelock: Contract
    governor: Contract

    @classmethod
    def found(cls, chain: BoundChain) -> Senate:
        """Of everybody in VOTES. Nothing is proposed."""
        sender, chain_id = DEVELOPER.address, chain.chain_id
        nonce = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
        era, annex, gateway = (created_address(sender, nonce + i) for i in range(3))
        bridge, timelock = (created_address(sender, nonce + 3 + PARTS + i) for i in range(2))
        validators = Validators([1] * 5, expires=now(chain) + 29 * DAY)
        founding = Founding(
            *(chain, chain_id, era, annex),
            owner=timelock,
            guardian=PROPOSAL_GUARDIAN,
            recovery=PROPOSAL_GUARDIAN,
            collector=PROPOSAL_GUARDIAN,
            validator_set=validators.argument,
            deployer=sender,
            routes=dict.fromkeys(SPOKES, Route(True, True, FREE_TERMS)),
        )
        contracts = (
            deploy(chain, "ERA", chain_id, bridge, timelock, list(VOTES.items()), sender=sender),
            deploy(chain, "Annex", chain_id, ZERO_ADDRESS, sender=sender),
            founding.deploy(),
            deploy_bridge(chain, gateway, era, chain_id, sender=sender),
        )
        for voter in VOTES:
            contracts[0].send("delegate", voter, sender=voter)
        recipient = deploy(chain, "ScriptedRecipient", sender=RIVAL.address)
        senate = cls._elect(contracts[0], contracts[2], contracts[3], recipient, "EraGovernor")
        # Votes count when their second has passed.
        senate.reach(senate.now + 1)
        return senate

    def with_bug(self, bug: int) -> Senate:
        """Another governor, which has a bug, of the same ERA. Its timelock owns nothing."""
        return self._elect(self.era, self.gateway, self.bridge, self.recipient, "BrokenGovernor", bug)

    @classmethod
    def _elect(
        cls, era: Contract, gateway: Contract, bridge: Contract, recipient: Contract, name: str, *bug: int
    ) -> Senate:
        chain, sender = era.chain, DEVELOPER.address
        nonce = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
        timelock = deploy(chain, "Timelock", DELAY, created_address(sender, nonce + 1), sender=sender)
        arguments = (era.address, bridge.address, POOL, timelock.address, PROPOSAL_GUARDIAN, SETTINGS)
        governor = deploy(chain, name, *arguments, *bug, sender=sender)
        return cls(era, gateway, bridge, recipient, timelock, governor)

    @property
    def chain(self) -> BoundChain:
        return self.era.chain

    @property
    def now(self) -> int:
        """Of the newest block."""
        return now(self.chain)

    @property
    def refusal(self) -> Action:
        """What the text says."""
        return Action(self.recipient.address, self.recipient.encode("setBehaviour", 1))

    @property
    def refuses(self) -> bool:
        """Whether it was done."""
        return bool(self.recipient.view("behaviour"))

    def own(self, method: str, *arguments: Any) -> Action:
        """A call of the governor itself."""
        return Action(self.governor.address, self.governor.encode(method, *arguments))

    def owned(self, method: str, *arguments: Any) -> Action:
        """A call of the timelock itself."""
        return Action(self.timelock.address, self.timelock.encode(method, *arguments))

    def founding(
        self, *, guardian: str = PROPOSAL_GUARDIAN, settings: tuple[int, int, int, int] = SETTINGS
    ) -> Revert | None:
        """What the constructor of such a governor says if it refuses."""
        arguments = (self.era.address, self.bridge.address, POOL, self.timelock.address, guardian, settings)
        answer = call(self.chain, None, init_code("EraGovernor", *arguments), sender=DEVELOPER.address)
        return answer if isinstance(answer, Revert) else None

    def propose(
        self,
        *actions: Action,
        text: str = TEXT,
        sender: str = PROPOSER,
        at: int | None = None,
    ) -> Proposal:
        draft = self.draft(*actions, text=text)
        receipt = self.governor.send("propose", *draft.written, sender=sender, at=at)
        ((id_, _, _, _, _, _, snapshot, _, _),) = receipt.named("ProposalCreated")
        assert id_ == draft.id
        return Proposal(self, draft.actions, text, snapshot)

    def draft(self, *actions: Action, text: str = TEXT) -> Proposal:
        """A proposal that was not made."""
        return Proposal(self, actions or (self.refusal,), text, 0)

    def pass_(self, *actions: Action, text: str = TEXT) -> Proposal:
        """A proposal that the first supporter voted for. Now is a second after its deadline."""
        proposal = self.propose(*actions, text=text)
        proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
        self.reach(proposal.deadline + 1)
        return proposal

    def queue(self, *actions: Action, text: str = TEXT) -> Proposal:
        """The same, queued. Now is when it may be executed."""
        proposal = self.pass_(*actions, text=text)
        proposal.send("queue")
        self.reach(proposal.eta)
        return proposal

    def enact(self, *actions: Action, text: str = TEXT) -> Receipt:
        """The same, executed."""
        return self.queue(*actions, text=text).send("execute")

    def reach(self, time: int) -> None:
        """Mines a block at that time (Unix time)."""
        self.chain.rpc("evm_setNextBlockTimestamp", [hex(time)])
        self.chain.rpc("evm_mine")


@dataclass(frozen=True)
class Proposal:
    senate: Senate
    actions: Sequence[Action]
    text: str
    snapshot: int

    @property
    def governor(self) -> Contract:
        return self.senate.governor

    @property
    def lists(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values, calldatas."""
        return (
            [action.target for action in self.actions],
            [action.value for action in self.actions],
            [action.data for action in self.actions],
        )

    @property
    def written(self) -> tuple[Any, ...]:
        """Arguments of `propose`."""
        return *self.lists, self.text

    @property
    def named(self) -> tuple[Any, ...]:
        """Arguments of `queue`, `execute` and `cancel`."""
        return *self.lists, keccak(text=self.text)

    @property
    def id(self) -> int:
        return int(self.governor.view("hashProposal", *self.named))

    @property
    def operation(self) -> bytes:
        """Its id in the timelock."""
        return bytes(self.senate.timelock.view("hashOperationBatch", *self.scheduled))

    @property
    def scheduled(self) -> tuple[Any, ...]:
        """Arguments of the timelock's `executeBatch`."""
        salt = int.from_bytes(bytes.fromhex(self.governor.address[2:]) + bytes(12), "big")
        salt ^= int.from_bytes(keccak(text=self.text), "big")
        return *self.lists, bytes(32), salt.to_bytes(32, "big")

    @property
    def deadline(self) -> int:
        return int(self.governor.view("proposalDeadline", self.id))

    @property
    def eta(self) -> int:
        return int(self.governor.view("proposalEta", self.id))

    @property
    def expiry(self) -> int:
        return int(self.governor.view("proposalExpiry", self.id))

    @property
    def objections_from(self) -> int:
        return int(self.governor.view("objectionsFrom", self.id))

    @property
    def tally(self) -> tuple[int, int, int]:
        """Against, for, abstaining."""
        against, in_favour, abstaining = self.governor.view("proposalVotes", self.id)
        return against, in_favour, abstaining

    def state(self, at: int | None = None) -> State:
        return State(self.governor.view("state", self.id, at=at))

    def vote(self, voter: str, support: Support, at: int | None = None) -> Receipt:
        return self.governor.send("castVote", self.id, support, sender=voter, at=at)

    def refused_vote(self, voter: str, support: Support, at: int | None = None) -> Revert:
        """What the governor says to a vote."""
        return self.governor.revert("castVote", self.id, support, sender=voter, at=at)

    def split(self, voter: str, parts: tuple[int, int, int], at: int | None = None) -> Receipt:
        """A fractional vote: against, for, abstaining."""
        return self.governor.send(*self.split_call(parts), sender=voter, at=at)

    def split_call(self, parts: tuple[int, int, int]) -> tuple[Any, ...]:
        return "castVoteWithReasonAndParams", self.id, FRACTIONAL, "", encode_packed(["uint128"] * 3, parts)

    def send(self, method: str, *, sender: str = PASSER_BY, at: int | None = None) -> Receipt:
        """Queues, executes or cancels it."""
        return self.governor.send(method, *self.named, sender=sender, at=at)

    def revert(self, method: str, *, sender: str = PASSER_BY, at: int | None = None) -> Revert:
        return self.governor.revert(method, *self.named, sender=sender, at=at)

    def unexpected(self, state: State, *expected: State) -> Revert:
        """What the governor says in a state in which it would not."""
        bitmap = sum(1 << one for one in expected)
        return error("GovernorUnexpectedProposalState", self.id, state, bitmap.to_bytes(32, "big"))
