"""SpokeVotes and HubVotePool: votes of the ERA on other chains, as programs call, sign and read them. A test compares
them with the compiled ABI.

All votes are wei of ERA. A ballot is a proposal's id and its snapshot (Unix time, a full hour).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_account.messages import SignableMessage, encode_typed_data

from metalayer.protocol.abi import Event, Function

TALLY_GAS_LIMIT = 120_000
"""Gas limit of a tally's message: what the route to the hub must allow."""
HOUR = 3_600
"""Snapshots are whole multiples of this."""

_TALLY = "(uint128,uint128,uint128)"
_PAYLOAD = ("uint256", "uint48", _TALLY, "address")


class Tally(NamedTuple):
    """Votes by kind."""

    against: int = 0
    in_favour: int = 0
    abstain: int = 0

    @classmethod
    def of(cls, parts: tuple[int, int, int]) -> Tally:
        """From a Solidity struct."""
        return cls(*parts)

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self)

    def __sub__(self, other: Tally) -> Tally:
        """What this has more than another."""
        return Tally(*(mine - its for mine, its in zip(self, other, strict=True)))

    def cut(self, left: int) -> Tally:
        """All parts in the same measure, rounded down, so that together they are at most `left`."""
        if self.total <= left:
            return self
        return Tally(*(part * left // self.total for part in self))


def castable(said: Tally, counted: Tally, cap: int, only_objections: bool = False) -> Tally:
    """What the pool casts of a chain's tally beyond what it cast before, if `cap` was there at the snapshot."""
    added = said - counted
    if only_objections:
        added = Tally(added.against)
    return added.cut(cap - counted.total)


class Payload(NamedTuple):
    """What a tally's message carries. `payer` gets what is not used of its fee."""

    proposal: int
    snapshot: int
    tally: Tally
    payer: str

    @classmethod
    def read(cls, payload: bytes) -> Payload:
        """Raises like `decode` of eth_abi if it is none."""
        proposal, snapshot, parts, payer = decode(_PAYLOAD, payload)
        return cls(proposal, snapshot, Tally.of(parts), payer)

    @property
    def encoded(self) -> bytes:
        """As SpokeVotes sends it."""
        return encode(_PAYLOAD, self)


# SpokeVotes

CAST_VOTE = Function("castVote(uint256,uint48,uint8)", "uint256", int)
CAST_FRACTIONAL_VOTE = Function(f"castFractionalVote(uint256,uint48,{_TALLY})")
CAST_VOTE_BY_SIG = Function("castVoteBySig(uint256,uint48,uint8,address,bytes)", "uint256", int)
CAST_FRACTIONAL_VOTE_BY_SIG = Function(f"castFractionalVoteBySig(uint256,uint48,{_TALLY},address,bytes)")
SEND_TALLY = Function("sendTally(uint256,uint48)", "bytes32", bytes)
QUOTE_TALLY = Function("quoteTally()", "uint256", int)
SPOKE_TALLY = Function("tally(uint256,uint48)", _TALLY, Tally.of)
USED_VOTES = Function("usedVotes(uint256,uint48,address)", "uint256", int)
NONCES = Function("nonces(address,uint192)", "uint256", int)

VOTE_CAST = Event("VoteCast(address indexed,uint256 indexed,uint48 indexed,uint128,uint128,uint128)")
TALLY_SENT = Event(f"TallySent(uint256 indexed,uint48 indexed,bytes32 indexed,{_TALLY})")

# HubVotePool

CAST = Function("cast(uint256,uint256)")
POOL_TALLY = Function("tally(uint256,uint256)", _TALLY, Tally.of)
CAST_OF = Function("castOf(uint256,uint256)", _TALLY, Tally.of)

TALLY_RECEIVED = Event(f"TallyReceived(uint256 indexed,uint256 indexed,{_TALLY})")
TALLY_IGNORED = Event(f"TallyIgnored(uint256 indexed,uint256 indexed,uint48,{_TALLY})")
TALLY_CAST = Event(f"TallyCast(uint256 indexed,uint256 indexed,{_TALLY})")

SPOKE = (
    CAST_VOTE,
    CAST_FRACTIONAL_VOTE,
    CAST_VOTE_BY_SIG,
    CAST_FRACTIONAL_VOTE_BY_SIG,
    SEND_TALLY,
    QUOTE_TALLY,
    SPOKE_TALLY,
    USED_VOTES,
    NONCES,
    VOTE_CAST,
    TALLY_SENT,
)
"""Functions and events of SpokeVotes; a test compares them with the compiled ABI."""
POOL = (CAST, POOL_TALLY, CAST_OF, TALLY_RECEIVED, TALLY_IGNORED, TALLY_CAST)
"""Those of HubVotePool."""

_BALLOT = MappingProxyType(
    {
        "Ballot": {"support": "uint8"},
        "FractionalBallot": {"against": "uint128", "inFavour": "uint128", "abstain": "uint128"},
    }
)


def nonce_key(proposal: int) -> int:
    """Which of a voter's nonces its signatures for a proposal use."""
    return proposal % (1 << 192)


def ballot(
    chain_id: int, contract: str, voter: str, proposal: int, snapshot: int, vote: int | Tally, nonce: int
) -> SignableMessage:
    """What a voter signs (EIP-712) to vote with all that it has left, or with parts. `vote`: 0 against, 1 for, 2
    abstain, or the parts; `nonce`: what `NONCES` says for `nonce_key`.
    """
    kind = "FractionalBallot" if isinstance(vote, Tally) else "Ballot"
    choice: Mapping[str, Any] = dict(
        zip(_BALLOT[kind], vote if isinstance(vote, Tally) else [vote], strict=True)
    )
    types = {
        "proposalId": "uint256",
        "snapshot": "uint48",
        **_BALLOT[kind],
        "voter": "address",
        "nonce": "uint256",
    }
    return encode_typed_data(
        domain_data={
            "name": "SpokeVotes",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        message_types={kind: [{"name": name, "type": type_} for name, type_ in types.items()]},
        message_data={"proposalId": proposal, "snapshot": snapshot, **choice, "voter": voter, "nonce": nonce},
    )
