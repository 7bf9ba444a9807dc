"""SpokeVotes: votes that somebody else brings, signed by the voter."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.protocol.votes import HOUR, Tally, nonce_key
from tests.kit.evm import Revert, error, set_code
from tests.kit.governing import MILLION
from tests.kit.roles import ATTACKER
from tests.kit.voting import SIGNER, Poll

WEIGHT = MILLION
VOTER = SIGNER.address
PARTS = Tally(1, 2, 3)
THIEF = Account.from_key(keccak(text="who signs for others"))
BRINGER = ATTACKER.address


def call(poll: Poll, vote: int | Tally, signature: bytes, voter: str = VOTER) -> tuple[Any, ...]:
    method = "castFractionalVoteBySig" if isinstance(vote, Tally) else "castVoteBySig"
    return method, *poll.ballot, vote, voter, signature


def refusal(poll: Poll, vote: int | Tally, signature: bytes) -> Revert:
    return poll.votes["arcade"].revert(*call(poll, vote, signature), sender=BRINGER)


INVALID = error("InvalidSignature", VOTER)


@pytest.mark.parametrize(
    ("vote", "parts"),
    [(0, (WEIGHT, 0, 0)), (1, (0, WEIGHT, 0)), (2, (0, 0, WEIGHT)), (PARTS, tuple(PARTS))],
)
def test_anyone_brings_a_signed_vote(poll: Poll, vote: int | Tally, parts: tuple[int, ...]) -> None:
    receipt = poll.votes["arcade"].send(*call(poll, vote, poll.signed(vote)), sender=BRINGER)
    assert receipt.named("VoteCast") == [(VOTER, *poll.ballot, *parts)]
    assert poll.votes["arcade"].view("tally", *poll.ballot) == parts
    assert poll.votes["arcade"].view("usedVotes", *poll.ballot, BRINGER) == 0


def test_a_signed_vote_of_no_kind_is_none(poll: Poll) -> None:
    assert refusal(poll, 3, poll.signed(3)) == error("InvalidVoteType", 3)


@pytest.mark.parametrize("vote", [1, PARTS])
def test_refuses_a_signature_used_before(poll: Poll, vote: int | Tally) -> None:
    """M28: parts could be voted with again and again."""
    signature = poll.signed(vote)
    poll.votes["arcade"].send(*call(poll, vote, signature), sender=BRINGER)
    assert refusal(poll, vote, signature) == INVALID


@pytest.mark.parametrize("vote", [1, PARTS])
def test_refuses_a_signature_out_of_turn(poll: Poll, vote: int | Tally) -> None:
    key = nonce_key(poll.id)
    assert refusal(poll, vote, poll.signed(vote, nonce=(key << 64) + 1)) == INVALID
    assert refusal(poll, vote, poll.signed(vote, nonce=0)) == INVALID


@pytest.mark.parametrize("vote", [1, PARTS])
@pytest.mark.parametrize(
    "other",
    [
        {"proposal": 7},
        {"snapshot": 2 * HOUR},
        {"voter": BRINGER},
        {"chain_id": 901},
        {"contract": BRINGER},
        {"key": THIEF},
    ],
    ids=lambda other: next(iter(other)),
)
def test_refuses_what_the_voter_did_not_sign(poll: Poll, vote: int | Tally, other: dict[str, Any]) -> None:
    """M17, M28: another proposal, snapshot, voter, chain, contract or key."""
    nonce = poll.votes["arcade"].view("nonces", VOTER, nonce_key(poll.id))
    assert refusal(poll, vote, poll.signed(vote, nonce=nonce, **other)) == INVALID
    poll.votes["arcade"].send(*call(poll, vote, poll.signed(vote)), sender=BRINGER)


@pytest.mark.parametrize(
    ("signed", "brought"),
    [(1, 0), (PARTS, Tally(2, 2, 3)), (PARTS, Tally(1, 3, 2)), (PARTS, Tally(1, 2, 4))],
)
def test_refuses_another_vote_than_was_signed(poll: Poll, signed: int | Tally, brought: int | Tally) -> None:
    assert refusal(poll, brought, poll.signed(signed)) == INVALID


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, bytes(64)])
def test_refuses_what_is_no_signature(poll: Poll, signature: bytes) -> None:
    assert refusal(poll, 1, signature) == INVALID


def test_refuses_a_malleated_signature(poll: Poll) -> None:
    """M17: the other s of the same signature."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = poll.signed(1)
    s = order - int.from_bytes(signature[32:64], "big")
    assert refusal(poll, 1, signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])) == INVALID


def test_signatures_for_two_proposals_do_not_wait_for_each_other(poll: Poll) -> None:
    """As on the hub: each proposal has nonces of its own."""
    other = poll.id + 1
    first, second = poll.signed(PARTS), poll.signed(PARTS, proposal=other, nonce=nonce_key(other) << 64)
    rest = (poll.snapshot, PARTS, VOTER)
    arcade = poll.votes["arcade"]
    arcade.send("castFractionalVoteBySig", other, *rest, second, sender=BRINGER)
    arcade.send("castFractionalVoteBySig", poll.id, *rest, first, sender=BRINGER)
    assert [arcade.view("tally", id_, poll.snapshot) for id_ in (poll.id, other)] == [tuple(PARTS)] * 2


def test_a_contract_says_itself_what_it_signed(poll: Poll) -> None:
    """ERC-1271: this one agrees to everything, then to nothing (EIP-7702 accounts have code, too)."""
    chain = poll.stacks["arcade"].chain
    agrees = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
    set_code(chain, VOTER, agrees)
    poll.votes["arcade"].send(*call(poll, PARTS, b"anything"), sender=BRINGER)
    set_code(chain, VOTER, bytes.fromhex("5f5ffd"))
    assert refusal(poll, PARTS, poll.signed(PARTS)) == INVALID


def test_names_its_domain(poll: Poll) -> None:
    """ERC-5267."""
    described = poll.votes["arcade"].view("eip712Domain")
    assert described[1:5] == ("SpokeVotes", "1", 902, poll.votes["arcade"].address)
