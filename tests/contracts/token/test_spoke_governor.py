"""OpenZeppelin's governor, for those who hold ERA on a spoke: what works without a history of the supply."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.kit.evm import Contract, deploy, error, now
from tests.kit.paper import DAY
from tests.kit.stack import Stack

ERA = 10**18
SUPPLY = 10**9 * ERA
QUORUM = 100 * ERA
FOR = 1
TEXT = "Pay the beneficiary"


class State(IntEnum):
    """Of a proposal, as `Governor` counts them."""

    ACTIVE = 1
    DEFEATED = 3
    SUCCEEDED = 4
    EXECUTED = 7


class Vote:
    """One proposal of a governor: to pay 1 ERA of its own. Made now, its snapshot is in a day."""

    def __init__(self, governor: Contract, era: Contract, beneficiary: str, proposer: str) -> None:
        self.governor, self.start = governor, now(era.chain) + 100
        self.actions = ([era.address], [0], [era.encode("transfer", beneficiary, ERA)])
        receipt = governor.send("propose", *self.actions, TEXT, sender=proposer, at=self.start)
        ((self.id, *_),) = receipt.named("ProposalCreated")
        self.over = self.start + 8 * DAY + 1

    def cast(self, voter: str) -> int:
        """Weight of a vote for it."""
        receipt = self.governor.send("castVote", self.id, FOR, sender=voter, at=self.start + 2 * DAY)
        ((_, _, _, weight, _),) = receipt.named("VoteCast")
        return int(weight)

    @property
    def executed(self) -> tuple[Any, ...]:
        """Call that executes it."""
        return ("execute", *self.actions, keccak(text=TEXT))


@pytest.fixture
def mint(arcade: Stack) -> Callable[[str, int], None]:
    """Brings ERA to an account on arcade, which delegates to itself."""
    bridge = arcade.bridge.address
    arcade.chain.rpc("anvil_impersonateAccount", [bridge])
    arcade.chain.rpc("anvil_setBalance", [bridge, hex(10**20)])

    def mint(account: str, amount: int) -> None:
        arcade.era.send("crosschainMint", account, amount, sender=bridge)

    return mint


@pytest.fixture
def voter(arcade: Stack, depositor: str) -> str:
    arcade.era.send("delegate", depositor, sender=depositor)
    return depositor


def test_a_quorum_that_is_a_number_decides(
    arcade: Stack, mint: Callable[..., None], voter: str, beneficiary: str, deployer: str
) -> None:
    governor = deploy(arcade.chain, "SpokeGovernor", arcade.era.address, QUORUM, sender=deployer)
    assert governor.view("CLOCK_MODE") == "mode=timestamp"
    mint(voter, QUORUM)
    mint(governor.address, ERA)
    vote = Vote(governor, arcade.era, beneficiary, voter)
    assert vote.cast(voter) == QUORUM
    before = arcade.era.view("balanceOf", beneficiary)
    governor.send(*vote.executed, sender=beneficiary, at=vote.over)
    assert governor.view("state", vote.id) == State.EXECUTED
    assert arcade.era.view("balanceOf", beneficiary) == before + ERA


def test_what_arrives_after_the_snapshot_does_not_count(
    arcade: Stack, mint: Callable[..., None], voter: str, beneficiary: str, deployer: str
) -> None:
    governor = deploy(arcade.chain, "SpokeGovernor", arcade.era.address, QUORUM, sender=deployer)
    mint(voter, QUORUM - 1)
    vote = Vote(governor, arcade.era, beneficiary, voter)
    arcade.chain.rpc("evm_setNextBlockTimestamp", [hex(vote.start + DAY + 1)])
    mint(voter, 1)
    assert vote.cast(voter) == QUORUM - 1
    assert governor.view("state", vote.id, at=vote.over) == State.DEFEATED


def test_a_quorum_that_is_a_part_of_the_supply_ends_no_vote_on_a_spoke(
    arcade: Stack, mint: Callable[..., None], voter: str, beneficiary: str, deployer: str
) -> None:
    """Everything works until the vote is over."""
    governor = deploy(arcade.chain, "FractionGovernor", arcade.era.address, sender=deployer)
    mint(voter, QUORUM)
    mint(governor.address, ERA)
    vote = Vote(governor, arcade.era, beneficiary, voter)
    assert vote.cast(voter) == QUORUM
    assert governor.view("state", vote.id) == State.ACTIVE
    for call in (("state", vote.id), ("quorum", vote.start + DAY), vote.executed):
        assert governor.revert(*call, sender=voter, at=vote.over) == error("NoSupplyHistory")


def test_on_the_hub_it_does(hub: Stack, treasury: str, voter: str, beneficiary: str, deployer: str) -> None:
    governor = deploy(hub.chain, "FractionGovernor", hub.era.address, sender=deployer)
    hub.era.send("delegate", voter, sender=voter)
    hub.era.send("transfer", voter, SUPPLY, sender=treasury)
    vote = Vote(governor, hub.era, beneficiary, voter)
    vote.cast(voter)
    assert governor.view("state", vote.id, at=vote.over) == State.SUCCEEDED
