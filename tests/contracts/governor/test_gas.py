"""What a vote costs: whole transactions, twelve seconds apart, of a proposal with one action on the hub and a decision
of one action for each of three other chains. Its text is 652 bytes long.

Limits are those of the design.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.gateway import SET_TERMS
from tests.kit.evm import Contract, deploy
from tests.kit.governing import (
    AGAINST,
    ARCADE,
    FOR,
    MILLION,
    OPPONENT,
    OTHER_OPPONENT,
    OTHER_SUPPORTER,
    PROPOSER,
    SPOKES,
    SUPPORTER,
    WINDOW,
    Action,
    Proposal,
    Senate,
    Support,
)
from tests.kit.roles import DEVELOPER
from tests.kit.terms import OPEN_TERMS

BLOCK = 12
TEXT = "Why. " * 120 + f"#proposer={PROPOSER.lower()}"


@pytest.fixture
def outbox(senate: Senate) -> Contract:
    arguments = (senate.gateway.address, senate.timelock.address)
    outbox = deploy(senate.chain, "DecisionOutbox", *arguments, sender=DEVELOPER.address)
    senate.era.send("approve", senate.gateway.address, MILLION, sender=PROPOSER)
    senate.gateway.send("depositFor", outbox.address, MILLION, sender=PROPOSER)
    return outbox


@pytest.fixture
def draft(senate: Senate, outbox: Contract) -> Proposal:
    data = SET_TERMS.encode(ARCADE, OPEN_TERMS)
    call, gateway = Action(senate.gateway.address, data), senate.gateway.address
    code = keccak(bytes.fromhex(senate.chain.rpc("eth_getCode", [gateway, "latest"])[2:]))
    decision: tuple[Any, ...] = (keccak(text=TEXT), [gateway], [0], [data], [code], bytes(32), [])
    decisions = [
        Action(outbox.address, outbox.encode("decide", chain, decision, 200_000)) for chain in SPOKES
    ]
    return senate.draft(call, *decisions, text=TEXT)


class Meter:
    """A proposal that was made, and what it costs to go on with it."""

    def __init__(self, draft: Proposal) -> None:
        self.senate = draft.senate
        time = self.senate.now + BLOCK
        receipt = self.senate.governor.send("propose", *draft.written, sender=PROPOSER, at=time)
        ((_, _, _, _, _, _, snapshot, _, _),) = receipt.named("ProposalCreated")
        self.proposed = receipt.gas_used
        self.proposal = replace(draft, snapshot=snapshot)
        self.senate.reach(snapshot + BLOCK)

    def vote(self, voter: str, support: Support) -> int:
        return self.proposal.vote(voter, support, at=self.senate.now + BLOCK).gas_used

    def split(self, voter: str, parts: tuple[int, int, int]) -> int:
        return self.proposal.split(voter, parts, at=self.senate.now + BLOCK).gas_used


@pytest.fixture
def meter(draft: Proposal) -> Meter:
    return Meter(draft)


def test_proposing(meter: Meter) -> None:
    assert len(TEXT) == 652
    assert meter.proposed <= 197_000


def test_voting(meter: Meter) -> None:
    """Whoever votes first for one side pays for its counter."""
    first, later = meter.vote(SUPPORTER, FOR), meter.vote(OTHER_SUPPORTER, FOR)
    assert first <= 88_000
    assert later <= 71_000


def test_voting_in_parts(meter: Meter) -> None:
    """The first votes of two sides, and an abstention."""
    meter.vote(SUPPORTER, FOR)
    assert meter.split(OPPONENT, (MILLION, MILLION, MILLION)) <= 121_000


def test_voting_late(meter: Meter) -> None:
    """In the last two days it is looked whether a vote turns the result; to open objections costs a word more."""
    meter.vote(OPPONENT, AGAINST)
    meter.vote(OTHER_SUPPORTER, FOR)
    meter.senate.reach(meter.proposal.deadline - WINDOW)
    assert meter.vote(OTHER_OPPONENT, AGAINST) <= 73_000
    turning = meter.vote(SUPPORTER, FOR)
    assert meter.proposal.objections_from
    assert turning <= 110_000


def test_objecting(meter: Meter) -> None:
    meter.vote(OTHER_OPPONENT, AGAINST)
    end = meter.proposal.deadline
    meter.senate.reach(end - BLOCK)
    meter.vote(SUPPORTER, FOR)
    meter.senate.reach(end)
    assert meter.vote(OPPONENT, AGAINST) <= 75_000


def test_queueing_and_executing(meter: Meter) -> None:
    """Executing sends three messages, for one of which a fee is paid."""
    proposal, senate = meter.proposal, meter.senate
    meter.vote(SUPPORTER, FOR)
    senate.reach(proposal.deadline)
    assert proposal.send("queue", at=senate.now + BLOCK).gas_used <= 221_000
    executed = proposal.send("execute", at=proposal.eta)
    assert len(executed.named("DecisionSent")) == len(SPOKES)
    assert executed.gas_used <= 560_000
