"""Votes of staked ERA: they are whose they were, through every step."""

from __future__ import annotations

import pytest

from tests.kit.evm import ZERO_ADDRESS, call, code_of, error
from tests.kit.staking import ERA, FUNDS, LIABILITY, MIN_OWN, Bond, rebonds_at

AMOUNT = 1_000 * ERA


@pytest.fixture
def voter(bond: Bond, delegator: str, delegatee: str) -> str:
    """A delegator whose votes are the delegatee's."""
    bond.era.send("delegate", delegatee, sender=delegator)
    return delegator


def test_no_step_of_staking_moves_a_vote(
    bond: Bond, seated: list[int], voter: str, delegatee: str, passer_by: str
) -> None:
    """S7: stake of an account is votes of its delegatee, bonded, leaving and paid."""
    validator = seated[0]
    bond.reward(700 * ERA)
    period = bond.period
    steps = [
        ("delegate", (validator, AMOUNT)),
        ("delegate", (validator, AMOUNT)),
        ("undelegate", (validator, 2 * AMOUNT)),
        ("rebond", (validator, period, AMOUNT)),
    ]
    for method, arguments in steps:
        if method == "rebond":
            bond.reach(rebonds_at(period))
        receipt = bond.staking.send(method, *arguments, sender=voter)
        assert not receipt.named("DelegateVotesChanged"), method
        assert bond.votes(delegatee) == FUNDS, method
    bond.travel(LIABILITY)
    assert not bond.staking.send("withdraw", voter, validator, period, sender=passer_by).named(
        "DelegateVotesChanged"
    )
    assert bond.votes(delegatee) == FUNDS


def test_rewards_bring_votes_when_they_are_paid(
    bond: Bond, seated: list[int], voter: str, delegatee: str
) -> None:
    """S7."""
    bond.staking.send("delegate", seated[0], AMOUNT, sender=voter)
    bond.reward(700 * ERA)
    bond.travel(8 * 86_400)
    assert bond.votes(delegatee) == FUNDS
    bond.staking.send("claim", [seated[0]], voter, sender=voter)
    assert bond.votes(delegatee) == bond.balance(voter) + AMOUNT > FUNDS


def test_what_a_slash_takes_is_no_vote_any_more(
    bond: Bond, seated: list[int], voter: str, delegatee: str, reporter: str, passer_by: str
) -> None:
    """S7: the loss goes to the treasury with its votes, when it leaves."""
    bond.staking.send("delegate", seated[0], 10 * MIN_OWN, sender=voter)
    bond.accuse(seated[0])
    bond.settle(seated[0], reporter)
    assert bond.votes(delegatee) == FUNDS
    bond.staking.send("release", voter, seated[0], sender=passer_by)
    assert bond.votes(delegatee) == bond.balance(voter) < FUNDS


def test_stake_without_a_delegatee_is_nobodys_vote(bond: Bond, seated: list[int], delegator: str) -> None:
    bond.staking.send("delegate", seated[0], AMOUNT, sender=delegator)
    assert bond.votes(delegator) == 0
    nobody = bond.staking.view("surrogateOf", ZERO_ADDRESS)
    assert bond.staking.view("account", delegator) == (AMOUNT, nobody)
    assert bond.era.view("delegates", nobody) == ZERO_ADDRESS


def test_accounts_of_one_delegatee_share_a_surrogate(
    bond: Bond, seated: list[int], voter: str, other_delegator: str, delegatee: str
) -> None:
    bond.era.send("delegate", delegatee, sender=other_delegator)
    for account in (voter, other_delegator):
        bond.staking.send("delegate", seated[0], AMOUNT, sender=account)
    surrogate = bond.staking.view("surrogateOf", delegatee)
    assert bond.staking.view("account", voter) == bond.staking.view("account", other_delegator)
    assert bond.balance(surrogate) == 2 * AMOUNT
    assert bond.votes(delegatee) == 2 * FUNDS


def test_a_surrogate_does_nothing(bond: Bond, seated: list[int], voter: str, delegatee: str) -> None:
    """It has no code, and lets Staking alone take what it holds."""
    bond.staking.send("delegate", seated[0], AMOUNT, sender=voter)
    surrogate = bond.staking.view("surrogateOf", delegatee)
    assert code_of(bond.chain, surrogate) == b""
    assert call(bond.chain, surrogate, b"anything") == b""
    assert bond.era.view("delegates", surrogate) == delegatee
    refusal = error("ERC20InsufficientAllowance", voter, 0, 1)
    assert bond.era.revert("transferFrom", surrogate, voter, 1, sender=voter) == refusal


def test_gives_the_votes_of_all_stake_to_another(
    bond: Bond, seated: list[int], voter: str, delegatee: str, recipient: str
) -> None:
    """What is leaving goes along; liquid ERA stays where it is."""
    bond.staking.send("delegate", seated[0], AMOUNT, sender=voter)
    bond.staking.send("undelegate", seated[0], 300 * ERA, sender=voter)
    receipt = bond.staking.send("delegateVotes", recipient, sender=voter)
    assert receipt.named("VotesDelegated") == [(voter, recipient)]
    assert (bond.votes(recipient), bond.votes(delegatee)) == (AMOUNT, FUNDS - AMOUNT)
    bond.staking.send("delegateVotes", ZERO_ADDRESS, sender=voter)
    assert (bond.votes(recipient), bond.votes(delegatee)) == (0, FUNDS - AMOUNT)


def test_delegating_votes_moves_nobody_elses_stake(
    bond: Bond, seated: list[int], voter: str, other_delegator: str, delegatee: str, recipient: str
) -> None:
    """S7: one surrogate holds both; each account takes out its own."""
    bond.era.send("delegate", delegatee, sender=other_delegator)
    for account in (voter, other_delegator):
        bond.staking.send("delegate", seated[0], AMOUNT, sender=account)
    bond.staking.send("delegateVotes", recipient, sender=voter)
    assert bond.balance(bond.staking.view("surrogateOf", delegatee)) == AMOUNT
    assert bond.staking.view("account", other_delegator)[0] == AMOUNT
    bond.staking.send("delegateVotes", delegatee, sender=voter)
    bond.staking.send("delegateVotes", delegatee, sender=voter)
    assert bond.balance(bond.staking.view("surrogateOf", delegatee)) == 2 * AMOUNT


def test_stake_stays_where_it_is_when_its_holder_delegates_elsewhere(
    bond: Bond, seated: list[int], voter: str, other_delegator: str, delegatee: str, recipient: str
) -> None:
    """The trap of re-reading a delegatee: one account would draw on another's surrogate."""
    bond.era.send("delegate", recipient, sender=other_delegator)
    for account in (voter, other_delegator):
        bond.staking.send("delegate", seated[0], AMOUNT, sender=account)
    bond.era.send("delegate", recipient, sender=voter)
    bond.staking.send("undelegate", seated[0], AMOUNT, sender=voter)
    bond.staking.send("delegate", seated[0], AMOUNT, sender=voter)
    period = bond.period
    bond.travel(LIABILITY)
    bond.staking.send("withdraw", voter, seated[0], period, sender=voter)
    assert bond.balance(bond.staking.view("surrogateOf", delegatee)) == AMOUNT
    assert bond.balance(bond.staking.view("surrogateOf", recipient)) == AMOUNT


def test_a_choice_before_the_first_stake_counts(
    bond: Bond, seated: list[int], voter: str, delegatee: str, recipient: str
) -> None:
    bond.staking.send("delegateVotes", recipient, sender=voter)
    bond.staking.send("delegate", seated[0], AMOUNT, sender=voter)
    assert (bond.votes(recipient), bond.votes(delegatee)) == (AMOUNT, FUNDS - AMOUNT)


def test_who_comes_back_with_another_delegatee_moves_no_votes(
    bond: Bond, seated: list[int], operator: str, voter: str, delegatee: str, recipient: str
) -> None:
    """S7: with the last of the stake the old choice is forgotten."""
    validator = bond.register(operator)
    bond.staking.send("delegate", validator, AMOUNT, sender=voter)
    bond.staking.send("undelegate", validator, AMOUNT, sender=voter)
    assert bond.staking.view("account", voter) == (0, ZERO_ADDRESS)
    bond.era.send("delegate", recipient, sender=voter)
    bond.staking.send("delegate", validator, AMOUNT, sender=voter)
    assert (bond.votes(recipient), bond.votes(delegatee)) == (FUNDS, 0)


def test_votes_never_exceed_the_supply(
    bond: Bond, seated: list[int], voter: str, delegatee: str, operator: str, reporter: str, passer_by: str
) -> None:
    """S7: staked, leaving, lost and paid, each ERA is one vote at most. What the treasury gets has none."""
    bond.era.send("delegate", operator, sender=operator)
    bond.staking.send("delegateVotes", operator, sender=operator)
    supply = bond.era.view("totalSupply")
    unvoted = supply - sum(bond.votes(who) for who in (delegatee, operator))
    held = bond.balance(bond.treasury)
    bond.staking.send("delegate", seated[0], 10 * MIN_OWN, sender=voter)
    bond.accuse(seated[0])
    bond.settle(seated[0], reporter)
    bond.staking.send("release", voter, seated[0], sender=passer_by)
    counted = sum(bond.votes(who) for who in (delegatee, operator))
    lost = bond.balance(bond.treasury) - held
    assert lost > 0
    assert counted + unvoted + lost + bond.balance(reporter) == supply
