"""Votes: what they weigh, how they are split, who signs them, and what they must reach."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.packed import encode_packed

from metalayer.network.transactions import KeySender
from tests.kit.evm import error
from tests.kit.governing import (
    ABSTAIN,
    AGAINST,
    ARCADE,
    FOR,
    FRACTIONAL,
    HOUR,
    MILLION,
    OPPONENT,
    OTHER_OPPONENT,
    OTHER_SUPPORTER,
    PASSER_BY,
    POOL,
    PROPOSER,
    QUORUM,
    SUPPORTER,
    VOTES,
    Proposal,
    Senate,
    State,
    Support,
)
from tests.kit.paper import DAY
from tests.kit.roles import DEPOSITOR, RIVAL

BALLOT = (("proposalId", "uint256"), ("support", "uint8"), ("voter", "address"), ("nonce", "uint256"))
EXTENDED = (*BALLOT, ("reason", "string"), ("params", "bytes"))


@pytest.fixture
def proposal(senate: Senate) -> Proposal:
    """A proposal whose vote has begun."""
    proposal = senate.propose()
    senate.reach(proposal.snapshot + 1)
    return proposal


@pytest.mark.parametrize("support", [AGAINST, FOR, ABSTAIN])
def test_a_vote_weighs_what_its_voter_has(proposal: Proposal, support: Support) -> None:
    weight = VOTES[SUPPORTER]
    receipt = proposal.vote(SUPPORTER, support)
    assert receipt.named("VoteCast") == [(SUPPORTER, proposal.id, support, weight, "")]
    assert proposal.tally == tuple(weight if one == support else 0 for one in (AGAINST, FOR, ABSTAIN))


def test_who_has_nothing_has_no_vote(proposal: Proposal) -> None:
    assert proposal.refused_vote(PASSER_BY, FOR) == error("GovernorAlreadyCastVote", PASSER_BY)


def test_nobody_votes_twice(proposal: Proposal) -> None:
    proposal.vote(SUPPORTER, FOR)
    assert proposal.refused_vote(SUPPORTER, AGAINST) == error("GovernorAlreadyCastVote", SUPPORTER)


def test_there_are_four_kinds(proposal: Proposal) -> None:
    governor = proposal.governor
    assert governor.revert("castVote", proposal.id, 3, sender=SUPPORTER) == error("GovernorInvalidVoteType")
    without_parts = governor.revert("castVote", proposal.id, FRACTIONAL, sender=SUPPORTER)
    assert without_parts == error("GovernorInvalidVoteParams")


def test_a_voter_says_why(proposal: Proposal) -> None:
    arguments = (proposal.id, FOR, "because")
    receipt = proposal.governor.send("castVoteWithReason", *arguments, sender=SUPPORTER)
    assert receipt.named("VoteCast") == [(SUPPORTER, proposal.id, FOR, VOTES[SUPPORTER], "because")]


# Snapshot and quorum


def test_what_moves_after_the_snapshot_moves_no_vote(senate: Senate) -> None:
    """M23: a loan has no votes, and what was lent still has them."""
    proposal = senate.propose()
    senate.era.send("transfer", PASSER_BY, VOTES[SUPPORTER], sender=SUPPORTER, at=proposal.snapshot + 1)
    senate.era.send("delegate", PASSER_BY, sender=PASSER_BY)
    assert proposal.refused_vote(PASSER_BY, FOR) == error("GovernorAlreadyCastVote", PASSER_BY)
    proposal.vote(SUPPORTER, FOR)
    assert proposal.tally == (0, VOTES[SUPPORTER], 0)


def test_what_moves_at_the_snapshot_moves_its_votes(senate: Senate) -> None:
    """To the second: as on other chains, and in the bridge."""
    proposal = senate.propose()
    senate.era.send("transfer", OPPONENT, VOTES[SUPPORTER], sender=SUPPORTER, at=proposal.snapshot)
    senate.reach(proposal.snapshot + 1)
    assert proposal.refused_vote(SUPPORTER, FOR) == error("GovernorAlreadyCastVote", SUPPORTER)
    proposal.vote(OPPONENT, AGAINST)
    assert proposal.tally == (VOTES[SUPPORTER] + VOTES[OPPONENT], 0, 0)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_quorum_is_four_percent(proposal: Proposal, missing: int) -> None:
    """Abstentions count for it."""
    senate, in_favour = proposal.senate, 1 + MILLION
    assert senate.governor.view("quorum", proposal.snapshot) == QUORUM
    proposal.split(SUPPORTER, (0, in_favour, QUORUM - in_favour - missing))
    proposal.split(OPPONENT, (MILLION, 0, 0))
    expected = State.DEFEATED if missing else State.SUCCEEDED
    assert proposal.state(at=proposal.deadline + 1) == expected


def test_votes_against_are_no_quorum(proposal: Proposal) -> None:
    proposal.vote(OTHER_SUPPORTER, FOR)
    proposal.vote(OTHER_OPPONENT, AGAINST)
    assert sum(proposal.tally) > QUORUM
    assert proposal.state(at=proposal.deadline + 1) == State.DEFEATED


def test_the_quorum_is_that_of_the_snapshot(senate: Senate) -> None:
    """P7f: a vote on the quorum changes no vote that runs."""
    first = senate.queue(senate.own("updateQuorumNumerator", 10))
    proposal = senate.propose(text="another", at=first.eta + 1)
    proposal.vote(SUPPORTER, FOR, at=proposal.snapshot + 1)
    first.send("execute")
    assert senate.governor.view("quorum", proposal.snapshot) == QUORUM
    assert proposal.state(at=proposal.deadline + 1) == State.SUCCEEDED
    later = senate.propose(text="a third")
    later.vote(SUPPORTER, FOR, at=later.snapshot + 1)
    assert later.state(at=later.deadline + 1) == State.DEFEATED


# Parts


def test_a_vote_is_split(proposal: Proposal) -> None:
    parts = (1 * MILLION, 2 * MILLION, 3 * MILLION)
    proposal.split(SUPPORTER, parts)
    assert proposal.tally == parts
    assert proposal.governor.view("usedVotes", proposal.id, SUPPORTER) == sum(parts)


def test_what_is_left_is_voted_later(proposal: Proposal) -> None:
    proposal.split(SUPPORTER, (MILLION, 0, 0))
    proposal.split(SUPPORTER, (0, MILLION, 0))
    proposal.vote(SUPPORTER, ABSTAIN)
    assert proposal.tally == (MILLION, MILLION, VOTES[SUPPORTER] - 2 * MILLION)


def test_parts_are_no_more_than_the_whole(proposal: Proposal) -> None:
    whole = VOTES[SUPPORTER]
    proposal.split(SUPPORTER, (1, 0, 0))
    refusal = proposal.governor.revert(*proposal.split_call((0, whole, 0)), sender=SUPPORTER)
    assert refusal == error("GovernorExceedRemainingWeight", SUPPORTER, whole, whole - 1)
    proposal.split(SUPPORTER, (0, whole - 1, 0))


# Signatures


def signed(
    proposal: Proposal, signer: KeySender, nonce: int, params: bytes | None = None, voter: str | None = None
) -> tuple[Any, ...]:
    """Call that casts the signer's vote in favour; with params, one in parts."""
    governor = proposal.governor
    voter = voter or signer.address
    support = FOR if params is None else FRACTIONAL
    message = {"proposalId": proposal.id, "support": support, "voter": voter, "nonce": nonce}
    fields, name = (BALLOT, "Ballot") if params is None else (EXTENDED, "ExtendedBallot")
    if params is not None:
        message |= {"reason": "because", "params": params}
    signature = signer.account.sign_typed_data(
        domain_data={
            "name": "EraGovernor",
            "version": "1",
            "chainId": governor.chain.chain_id,
            "verifyingContract": governor.address,
        },
        message_types={name: [{"name": one, "type": type_} for one, type_ in fields]},
        message_data=message,
    ).signature
    if params is None:
        return "castVoteBySig", proposal.id, support, voter, bytes(signature)
    arguments = (proposal.id, support, voter, "because", params, bytes(signature))
    return "castVoteWithReasonAndParamsBySig", *arguments


def keyed(proposal: Proposal, count: int = 0) -> int:
    """A voter's nonce for one proposal."""
    return ((proposal.id & (2**192 - 1)) << 64) | count


def test_anyone_brings_a_signed_vote(proposal: Proposal) -> None:
    proposal.governor.send(*signed(proposal, DEPOSITOR, keyed(proposal)), sender=PASSER_BY)
    assert proposal.tally == (0, VOTES[SUPPORTER], 0)


def test_plain_nonces_are_taken_as_well(proposal: Proposal) -> None:
    proposal.governor.send(*signed(proposal, DEPOSITOR, 0), sender=PASSER_BY)
    assert proposal.tally == (0, VOTES[SUPPORTER], 0)


@pytest.mark.parametrize("is_keyed", [True, False])
def test_a_signed_part_counts_once(proposal: Proposal, is_keyed: bool) -> None:
    """M28: after it, its voter has votes left, and the signature is still theirs."""
    parts = (0, MILLION, 0)
    params = encode_packed(["uint128"] * 3, parts)
    call = signed(proposal, DEPOSITOR, keyed(proposal) if is_keyed else 0, params)
    proposal.governor.send(*call, sender=PASSER_BY)
    assert proposal.governor.revert(*call, sender=PASSER_BY) == error("GovernorInvalidSignature", SUPPORTER)
    assert proposal.tally == parts
    again = signed(proposal, DEPOSITOR, keyed(proposal, 1) if is_keyed else 1, params)
    proposal.governor.send(*again, sender=PASSER_BY)
    assert proposal.tally == (0, 2 * MILLION, 0)


def test_a_vote_for_one_proposal_is_none_for_another(senate: Senate) -> None:
    """M28."""
    first, second = senate.propose(), senate.propose(text="another")
    senate.reach(second.snapshot + 1)
    name, _, *rest = signed(first, DEPOSITOR, 0)
    refusal = senate.governor.revert(name, second.id, *rest, sender=PASSER_BY)
    assert refusal == error("GovernorInvalidSignature", SUPPORTER)
    senate.governor.send(name, first.id, *rest, sender=PASSER_BY)


def test_nobody_signs_for_others(proposal: Proposal) -> None:
    """M28."""
    forged = signed(proposal, RIVAL, keyed(proposal), voter=SUPPORTER)
    assert proposal.governor.revert(*forged, sender=PASSER_BY) == error("GovernorInvalidSignature", SUPPORTER)


def test_what_was_signed_is_not_changed(proposal: Proposal) -> None:
    """M28: neither the kind of vote, nor its parts."""
    name, id_, _, *rest = signed(proposal, DEPOSITOR, keyed(proposal))
    refusal = error("GovernorInvalidSignature", SUPPORTER)
    assert proposal.governor.revert(name, id_, AGAINST, *rest, sender=PASSER_BY) == refusal
    params = encode_packed(["uint128"] * 3, (0, MILLION, 0))
    name, *head, _, signature = signed(proposal, DEPOSITOR, keyed(proposal), params)
    other = encode_packed(["uint128"] * 3, (MILLION, 0, 0))
    assert proposal.governor.revert(name, *head, other, signature, sender=PASSER_BY) == refusal
    proposal.governor.send(name, *head, params, signature, sender=PASSER_BY)


# Other chains


@pytest.fixture
def pooled(senate: Senate) -> Proposal:
    """A proposal at whose snapshot 9 M ERA are on arcade, where a million more goes a second later."""
    chain = senate.chain
    chain.rpc("anvil_impersonateAccount", [POOL])
    chain.rpc("anvil_setBalance", [POOL, hex(10**20)])
    senate.era.send("approve", senate.bridge.address, 2**256 - 1, sender=OTHER_SUPPORTER)
    proposal = senate.propose()
    early, last, late = 4 * MILLION, 5 * MILLION, MILLION
    for amount, time in ((early, -HOUR), (last, 0), (late, 1)):
        arguments = (senate.era.address, ARCADE, PASSER_BY, amount)
        senate.bridge.send("send", *arguments, sender=OTHER_SUPPORTER, at=proposal.snapshot + time)
    return proposal


def test_the_pool_has_what_is_on_other_chains(pooled: Proposal) -> None:
    """P7b: at the snapshot, to the second, and once."""
    governor, outstanding = pooled.governor, 9 * MILLION
    assert governor.view("getVotes", POOL, pooled.snapshot) == outstanding
    governor.send(*pooled.split_call((MILLION, 7 * MILLION, 0)), sender=POOL)
    refusal = governor.revert(*pooled.split_call((0, MILLION, 1)), sender=POOL)
    assert refusal == error("GovernorExceedRemainingWeight", POOL, MILLION + 1, MILLION)
    governor.send(*pooled.split_call((0, 0, MILLION)), sender=POOL)
    pooled.vote(OTHER_SUPPORTER, FOR)
    assert pooled.tally == (MILLION, 7 * MILLION + VOTES[OTHER_SUPPORTER] - outstanding, MILLION)


def test_what_is_delegated_to_the_pool_is_no_vote(senate: Senate) -> None:
    """A fault of the pool's is worth what is on other chains, whoever trusts it."""
    senate.era.send("delegate", POOL, sender=OPPONENT)
    proposal = senate.propose()
    senate.reach(proposal.snapshot + DAY)
    assert senate.era.view("getPastVotes", POOL, proposal.snapshot) == VOTES[OPPONENT]
    assert senate.governor.view("getVotes", POOL, proposal.snapshot) == 0
    assert proposal.refused_vote(POOL, FOR) == error("GovernorAlreadyCastVote", POOL)


def test_the_pool_has_no_votes_between_hours(senate: Senate) -> None:
    """Nothing asks for them: snapshots are at full hours."""
    hour = senate.now // HOUR * HOUR
    assert senate.governor.view("getVotes", POOL, hour - HOUR) == 0
    refusal = senate.governor.revert("getVotes", POOL, hour - 1, sender=PROPOSER)
    assert refusal == error("InvalidHour", hour - 1)
