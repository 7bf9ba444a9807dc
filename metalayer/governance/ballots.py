"""One account's votes on one chain: how many, what it used, and how it votes, by itself or by its signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from eth_account.messages import SignableMessage

from metalayer.assets.tokens import DELEGATE, DELEGATES, PAST_VOTES, VOTES
from metalayer.errors import MetalayerError
from metalayer.governance.actions import Done, Senders, standing, transact, voted
from metalayer.governance.motions import Desk, Motion
from metalayer.governance.names import ZERO_ADDRESS
from metalayer.governance.progress import Vote
from metalayer.network.connection import Connection, fault
from metalayer.network.parallel import in_parallel
from metalayer.protocol import governor, votes
from metalayer.protocol.amounts import era
from metalayer.protocol.attestation import long
from metalayer.protocol.dates import utc
from metalayer.protocol.governor import ProposalState
from metalayer.protocol.rpc import block_request
from metalayer.protocol.votes import Tally, nonce_key

KINDS: Mapping[str, int] = MappingProxyType({"against": 0, "for": 1, "abstain": 2})
"""As the contracts number them, and as the parts of a tally stand."""
ALL = 10_000
"""Parts are counted in basis points, of all votes that an account has."""


@dataclass(frozen=True)
class Part:
    """Part of an account's votes: wei of ERA, and basis points of all that it had at the snapshot."""

    wei: int = 0
    points: int = 0


@dataclass(frozen=True)
class Choice:
    """How an account votes: with all that it has left for one kind, or with parts in the order of `KINDS`."""

    kind: int | None = None
    parts: tuple[Part, Part, Part] = (Part(), Part(), Part())

    def of(self, weight: int) -> int | Tally:
        """What the contracts take. weight: all votes at the snapshot; parts that are everything leave no wei of it."""
        if self.kind is not None:
            return self.kind
        found, points, taken = [], 0, 0
        for part in self.parts:
            points += part.points
            share = weight * points // ALL - taken
            taken += share
            found.append(part.wei + share)
        return Tally(*found)


@dataclass(frozen=True)
class Standing:
    """An account on one chain, in wei of ERA. weight: its votes at the snapshot; before that, those it has now.

    delegatee: who has the votes of what it holds now, None if nobody. trouble: why the chain could not be asked.
    """

    chain: str
    weight: int = 0
    used: int = 0
    delegatee: str | None = None
    is_final: bool = False
    trouble: str = ""

    @property
    def left(self) -> int:
        """What it can still vote with."""
        return self.weight - self.used

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""
        return {**vars(self), "weight": str(self.weight), "used": str(self.used), "left": str(self.left)}


@dataclass(frozen=True)
class Ballot:
    """A vote that may be cast. vote: a kind, or wei by kind. used: wei that the account voted with before."""

    desk: Desk
    connection: Connection
    proposal: int
    snapshot: int
    voter: str
    vote: int | Tally
    used: int

    @property
    def _is_on_hub(self) -> bool:
        return self.connection is self.desk.hub

    @property
    def address(self) -> str:
        """Of the contract that counts on this chain."""
        return self.desk.governor if self._is_on_hub else self.desk.votes

    def message(self) -> SignableMessage:
        """What the voter signs so that anyone can cast it."""
        key = nonce_key(self.proposal)
        nonce = self.connection.view(self.address, votes.NONCES, self.voter, key)
        place = (self.connection.chain_id, self.address, self.voter, self.proposal)
        if self._is_on_hub:
            return governor.ballot(*place, self.vote, nonce)
        return votes.ballot(*place, self.snapshot, self.vote, nonce)

    def call(self, signature: bytes | None = None) -> bytes:
        """The transaction's data: the voter's own, or anyone's with the voter's signature."""
        by = () if signature is None else (self.voter,)
        end = () if signature is None else (signature,)
        if not self._is_on_hub:
            whole = votes.CAST_VOTE if signature is None else votes.CAST_VOTE_BY_SIG
            parts = votes.CAST_FRACTIONAL_VOTE if signature is None else votes.CAST_FRACTIONAL_VOTE_BY_SIG
            function: Any = parts if isinstance(self.vote, Tally) else whole
            return bytes(function.encode(self.proposal, self.snapshot, self.vote, *by, *end))
        if isinstance(self.vote, Tally):
            function = governor.CAST_PARTS if signature is None else governor.CAST_PARTS_BY_SIG
            packed = governor.packed(self.vote)
            return bytes(function.encode(self.proposal, governor.FRACTIONAL, *by, "", packed, *end))
        function = governor.CAST_VOTE if signature is None else governor.CAST_VOTE_BY_SIG
        return bytes(function.encode(self.proposal, self.vote, *by, *end))


def standings(desk: Desk, vote: Vote, proposal: int, account: str) -> list[Standing]:
    """An account on every chain. A chain that does not answer says so."""

    def look(connection: Connection) -> Standing:
        try:
            return read(desk, connection, proposal, vote.snapshot, account)
        except MetalayerError as error:
            return Standing(connection.name, trouble=fault(connection, error))

    return in_parallel(look, desk.live.mesh.connections.values())


def read(desk: Desk, connection: Connection, proposal: int, snapshot: int, account: str) -> Standing:
    """An account on one chain."""
    used = (
        governor.USED_VOTES.request(desk.governor, proposal, account)
        if connection is desk.hub
        else votes.USED_VOTES.request(desk.votes, proposal, snapshot, account)
    )
    spent, present, delegatee, block = connection.batch(
        [
            used,
            VOTES.request(desk.era, account),
            DELEGATES.request(desk.era, account),
            block_request(),
        ]
    )
    is_final = block.time > snapshot
    weight = connection.view(desk.era, PAST_VOTES, account, snapshot) if is_final else present
    who = None if delegatee == ZERO_ADDRESS else delegatee
    return Standing(connection.name, weight, spent, who, is_final)


def prepare(desk: Desk, motion: Motion, connection: Connection, voter: str, choice: Choice) -> Ballot:
    """A vote, looked at before anything is signed or sent.

    MetalayerError if voting has not begun or is over, if only votes against count by now, or if the account has fewer
    votes left.
    """
    vote = voted(desk, motion)
    if vote.state is not ProposalState.ACTIVE:
        raise MetalayerError(f"nobody can vote about {motion.called} now: {standing(vote)}")
    found = read(desk, connection, motion.id, vote.snapshot, voter)
    if not found.is_final:
        raise MetalayerError(f"{connection.name} is not at the snapshot yet, {utc(vote.snapshot)}: wait")
    cast = choice.of(found.weight)
    wanted = cast.total if isinstance(cast, Tally) else found.left
    if not found.weight:
        raise MetalayerError(
            f"{voter} has no votes on {connection.name}: they count as they were at the snapshot, "
            f"{utc(vote.snapshot)}; `ape metalayer vote delegate` is for those that come after"
        )
    if not wanted or wanted > found.left:
        needed = f", not {era(wanted)}" if wanted else ""
        raise MetalayerError(
            f"{voter} has {era(found.left)} ERA of {era(found.weight)} left to vote with on {connection.name}{needed}"
        )
    is_against = cast == KINDS["against"] if isinstance(cast, int) else wanted == cast.against
    if not is_against and only_objections(vote):
        raise MetalayerError(
            f"since {utc(vote.objections_from)} only votes against {motion.called} count: a late vote made it pass"
        )
    return Ballot(desk, connection, motion.id, vote.snapshot, voter, cast, found.used)


def only_objections(vote: Vote) -> bool:
    """Whether only votes against still count."""
    return bool(vote.objections_from) and vote.now > vote.objections_from


def sign(ballot: Ballot, signer: Any) -> bytes:
    """The voter's signature, 65 bytes, with which anyone can cast the vote. signer: has `sign_message`.

    MetalayerError if the user or the device declines.
    """
    signature = signer.sign_message(ballot.message())
    if signature is None:
        raise MetalayerError(f"account {ballot.voter} did not sign")
    return long(signature)


def cast(ballot: Ballot, senders: Senders, signature: bytes | None = None) -> Done:
    """Casts a vote: its voter, or with the voter's signature anyone. MetalayerError, one line, if it is refused."""
    connection = ballot.connection
    sender = senders(connection)
    receipt = transact(connection, sender, ballot.address, ballot.call(signature))
    after = read(ballot.desk, connection, ballot.proposal, ballot.snapshot, ballot.voter)
    names = list(KINDS)
    if isinstance(ballot.vote, Tally):
        parts = [f"{era(wei)} {name}" for name, wei in zip(names, ballot.vote, strict=True) if wei]
        line = f"{ballot.voter} votes with ERA: {', '.join(parts)}; {era(after.left)} are left"
    else:
        line = f"{ballot.voter} votes {names[ballot.vote]} with {era(after.used - ballot.used)} ERA"
    return Done.by(connection.name, line, receipt)


def delegate(desk: Desk, connection: Connection, senders: Senders, to: str) -> Done:
    """Gives the votes of all ERA that the account holds on a chain, now and later, to somebody, or to itself."""
    sender = senders(connection)
    if connection.view(desk.era, DELEGATES, sender.address) == to:
        return Done(connection.name, f"the ERA of {sender.address} votes with {to} already")
    receipt = transact(connection, sender, desk.era, DELEGATE.encode(to))
    votes_now = connection.view(desk.era, VOTES, to)
    what = "with nobody" if to == ZERO_ADDRESS else f"with {to}, who has {era(votes_now)} votes now"
    return Done.by(connection.name, f"the ERA of {sender.address} votes {what}", receipt)
