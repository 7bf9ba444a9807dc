"""Vesting: nothing before the start, then an equal part each second; votes are the beneficiary's from the first day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.vesting import vested
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, deploy, error, init_code, now, transact
from tests.kit.governing import FOR, HOUR, MILLION, QUORUM, Proposal, Senate, State
from tests.kit.paper import DAY
from tests.kit.stack import Stack
from tests.kit.strategies import amounts, up_to

CLIFF, LINEAR = 365 * DAY, 730 * DAY
AMOUNT = 100 * MILLION


@pytest.fixture
def start(hub: Stack) -> int:
    """A year from now: genesis and the cliff."""
    return now(hub.chain) + CLIFF


@pytest.fixture
def wallet(hub: Stack, beneficiary: str, treasury: str, developer: str, start: int) -> Contract:
    wallet = deploy(hub.chain, "Vesting", hub.era.address, beneficiary, start, LINEAR, sender=developer)
    hub.era.send("transfer", wallet.address, AMOUNT, sender=treasury)
    return wallet


def held(era: Contract, account: str) -> int:
    return int(era.view("balanceOf", account))


# The schedule


def test_nothing_is_released_in_the_first_year(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, start: int
) -> None:
    """P25: and nothing at its last second, where a cliff would release a third."""
    before = held(hub.era, beneficiary)
    for caller, at in ((beneficiary, now(hub.chain) + 1), (attacker, start - 1), (beneficiary, start)):
        wallet.send("release", hub.era.address, sender=caller, at=at)
        assert held(hub.era, beneficiary) == before
    wallet.send("release", hub.era.address, sender=attacker, at=start + 1)
    assert held(hub.era, beneficiary) - before == AMOUNT // LINEAR


@pytest.mark.parametrize("part", [1, 2, 7, 12, 24])
def test_each_month_a_twenty_fourth_is_vested(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, start: int, part: int
) -> None:
    before = held(hub.era, beneficiary)
    wallet.send("release", hub.era.address, sender=attacker, at=start + LINEAR * part // 24)
    assert held(hub.era, beneficiary) - before == AMOUNT * part // 24


def test_at_the_end_everything_is_there_and_later_nothing_more(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, start: int
) -> None:
    before = held(hub.era, beneficiary)
    assert wallet.view("end") == start + LINEAR
    wallet.send("release", hub.era.address, sender=attacker, at=start + LINEAR - 1)
    assert held(hub.era, wallet.address) == -(-AMOUNT // LINEAR)
    for late in (LINEAR, LINEAR + 1, 10 * LINEAR):
        wallet.send("release", hub.era.address, sender=attacker, at=start + late)
        assert held(hub.era, wallet.address) == 0
        assert held(hub.era, beneficiary) - before == AMOUNT


@given(amount=amounts, time=up_to(2**64 - 1), start=up_to(2**64 - 1), duration=up_to(2**63, 1))
def test_what_is_vested_rises_evenly_from_nothing_to_all(
    amount: int, time: int, start: int, duration: int
) -> None:
    """P25, as Python computes it: never more than all, never less than before, a part of a wei from the line."""
    found = vested(amount, start, duration, time)
    assert 0 <= found <= amount
    assert found <= vested(amount, start, duration, time + 1)
    if time <= start:
        assert found == 0
    elif time >= start + duration:
        assert found == amount
    else:
        assert 0 <= amount * (time - start) - found * duration < duration


@given(time=st.integers(0, 3 * LINEAR), more=amounts)
def test_the_contract_vests_what_python_says(
    wallet: Contract, hub: Stack, treasury: str, start: int, time: int, more: int
) -> None:
    """P25: of whatever it holds, gifts included."""
    snapshot = hub.chain.snapshot()
    gift = min(more, held(hub.era, treasury))
    hub.era.send("transfer", wallet.address, gift, sender=treasury)
    at = start - CLIFF + time
    expected = vested(AMOUNT + gift, start, LINEAR, at)
    assert wallet.view("vestedAmount", hub.era.address, at) == expected
    hub.chain.restore(snapshot)


@given(steps=st.lists(st.tuples(st.integers(1, LINEAR), st.booleans(), up_to(MILLION)), max_size=6))
def test_however_often_it_is_released_nothing_leaves_early_or_is_lost(
    wallet: Contract,
    hub: Stack,
    beneficiary: str,
    attacker: str,
    treasury: str,
    start: int,
    steps: list[tuple[int, bool, int]],
) -> None:
    """P25, M40: releases and gifts in any order."""
    snapshot = hub.chain.snapshot()
    total, before, at = AMOUNT, held(hub.era, beneficiary), start - CLIFF // 2
    for wait, is_gift, gift in steps:
        at += wait
        if is_gift:
            hub.era.send("transfer", wallet.address, gift, sender=treasury, at=at)
            total += gift
        else:
            wallet.send("release", hub.era.address, sender=attacker, at=at)
            assert held(hub.era, beneficiary) - before == vested(total, start, LINEAR, at)
        assert held(hub.era, beneficiary) - before + held(hub.era, wallet.address) == total
        assert wallet.view("released", hub.era.address) == held(hub.era, beneficiary) - before
    hub.chain.restore(snapshot)


# Whatever else comes


def test_other_tokens_and_ether_come_out_likewise(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, developer: str, start: int
) -> None:
    token = deploy(hub.chain, "TestToken", "Other", "OTH", 6, wallet.address, 2 * LINEAR, sender=developer)
    chain = hub.chain
    chain.rpc("eth_sendTransactionSync", [{"from": attacker, "to": wallet.address, "value": hex(LINEAR)}])
    ether = int(chain.rpc("eth_getBalance", [beneficiary, "latest"]), 16)
    half = start + LINEAR // 2
    wallet.send("release", token.address, sender=attacker, at=half)
    transact(chain, wallet.address, wallet.encode("release"), attacker, at=half + 2)
    assert held(token, beneficiary) == LINEAR
    assert int(chain.rpc("eth_getBalance", [beneficiary, "latest"]), 16) - ether == LINEAR // 2 + 2
    wallet.send("release", token.address, sender=attacker, at=start + LINEAR)
    transact(chain, wallet.address, wallet.encode("release"), attacker, at=start + LINEAR + 1)
    assert held(token, beneficiary) == 2 * LINEAR
    assert int(chain.rpc("eth_getBalance", [wallet.address, "latest"]), 16) == 0


def test_a_token_that_calls_back_moves_nothing_else_early(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, developer: str, start: int
) -> None:
    """M20, P20: it calls `release` of itself, or of ERA, while it moves. Its own schedule is its own."""
    token = deploy(hub.chain, "MoodyToken", beneficiary, sender=developer)
    token.send("mint", wallet.address, LINEAR, sender=attacker)
    token.send("setMood", 2, sender=attacker)
    before = held(hub.era, beneficiary)
    for target, released in ((token, 0), (hub.era, AMOUNT // 2)):
        snapshot = hub.chain.snapshot()
        again = wallet.encode("release", target.address)
        token.send("setCall", wallet.address, again, sender=attacker)
        wallet.send("release", token.address, sender=attacker, at=start + LINEAR // 2)
        assert held(hub.era, beneficiary) - before == released
        assert held(token, beneficiary) + held(token, wallet.address) == LINEAR
        hub.chain.restore(snapshot)


def test_what_cannot_move_keeps_its_place(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, developer: str, start: int
) -> None:
    """M8, M42: a token that refuses, and an address without code, change nothing for ERA."""
    token = deploy(hub.chain, "MoodyToken", beneficiary, sender=developer)
    token.send("mint", wallet.address, LINEAR, sender=attacker)
    token.send("setMood", 3, sender=attacker)
    later = start + LINEAR // 2
    assert wallet.revert("release", token.address, sender=beneficiary, at=later) == error("Refused")
    wallet.revert("release", attacker, sender=beneficiary, at=later)
    wallet.send("release", hub.era.address, sender=attacker, at=later)
    assert held(hub.era, wallet.address) == AMOUNT // 2
    token.send("setMood", 0, sender=attacker)
    wallet.send("release", token.address, sender=attacker, at=start + LINEAR)
    assert held(token, beneficiary) == LINEAR


# Votes


def test_the_beneficiary_delegates_what_is_locked(
    wallet: Contract, hub: Stack, beneficiary: str, successor: str
) -> None:
    assert hub.era.view("getVotes", beneficiary) == 0
    receipt = wallet.send("delegate", beneficiary, sender=beneficiary)
    assert receipt.named("DelegateChanged") == [(wallet.address, ZERO_ADDRESS, beneficiary)]
    assert hub.era.view("getVotes", beneficiary) == AMOUNT
    wallet.send("delegate", successor, sender=beneficiary)
    assert (hub.era.view("getVotes", beneficiary), hub.era.view("getVotes", successor)) == (0, AMOUNT)
    wallet.send("delegate", ZERO_ADDRESS, sender=beneficiary)
    assert hub.era.view("getVotes", successor) == 0


def test_nobody_else_delegates_it(wallet: Contract, attacker: str, treasury: str, developer: str) -> None:
    for stranger in (attacker, treasury, developer):
        refusal = wallet.revert("delegate", stranger, sender=stranger)
        assert refusal == error("OwnableUnauthorizedAccount", stranger)


def test_released_era_votes_as_the_account_of_its_beneficiary_does(
    wallet: Contract, hub: Stack, beneficiary: str, attacker: str, delegatee: str, start: int
) -> None:
    """Anyone may release: who wants to keep these votes has delegated in both places."""
    wallet.send("delegate", delegatee, sender=beneficiary)
    own = held(hub.era, beneficiary)
    wallet.send("release", hub.era.address, sender=attacker, at=start + LINEAR // 4)
    assert hub.era.view("getVotes", delegatee) == AMOUNT - AMOUNT // 4
    hub.era.send("delegate", delegatee, sender=beneficiary)
    assert hub.era.view("getVotes", delegatee) == AMOUNT + own
    wallet.send("release", hub.era.address, sender=attacker, at=start + LINEAR // 2)
    assert hub.era.view("getVotes", delegatee) == AMOUNT + own


@pytest.fixture
def locked(senate: Senate, beneficiary: str, developer: str) -> Contract:
    """A wallet of the governor's ERA, with more than a quorum."""
    start = now(senate.chain) + CLIFF
    locked = deploy(senate.chain, "Vesting", senate.era.address, beneficiary, start, LINEAR, sender=developer)
    # The timelock is the treasury.
    senate.chain.rpc("anvil_impersonateAccount", [senate.timelock.address])
    senate.chain.rpc("anvil_setBalance", [senate.timelock.address, hex(10**20)])
    senate.era.send("transfer", locked.address, AMOUNT, sender=senate.timelock.address)
    return locked


@pytest.fixture(scope="session")
def senate(chains: dict[str, BoundChain]) -> Senate:
    return Senate.found(chains["hub"])


def test_a_beneficiary_votes_with_era_that_is_locked(
    senate: Senate, locked: Contract, delegatee: str, beneficiary: str
) -> None:
    """P25, P7a: delegated before anything is released, it decides; and it is nobody's before."""
    locked.send("delegate", delegatee, sender=beneficiary)
    senate.reach(senate.now + 1)
    proposal = senate.propose()
    senate.reach(proposal.snapshot + 1)
    receipt = proposal.vote(delegatee, FOR)
    assert receipt.named("VoteCast")[0][:4] == (delegatee, proposal.id, FOR, AMOUNT)
    assert senate.era.view("balanceOf", locked.address) == AMOUNT > QUORUM
    senate.reach(proposal.deadline + 1)
    assert proposal.state() == State.SUCCEEDED


def test_undelegated_locked_era_has_no_votes(senate: Senate, locked: Contract, delegatee: str) -> None:
    proposal: Proposal = senate.propose()
    senate.reach(proposal.snapshot + 1)
    assert proposal.refused_vote(delegatee, FOR) == error("GovernorAlreadyCastVote", delegatee)


def test_what_is_released_during_a_vote_votes_once(
    senate: Senate, locked: Contract, delegatee: str, beneficiary: str, attacker: str
) -> None:
    """P7a, M23: votes are those of the snapshot, of the wallet and not of its beneficiary."""
    locked.send("delegate", delegatee, sender=beneficiary)
    half = int(locked.view("start")) + LINEAR // 2
    senate.reach(half - half % HOUR + 1)
    proposal = senate.propose()
    senate.reach(proposal.snapshot + 1)
    locked.send("release", senate.era.address, sender=attacker)
    assert senate.era.view("balanceOf", beneficiary) > AMOUNT // 2
    senate.era.send("delegate", beneficiary, sender=beneficiary)
    proposal.vote(delegatee, FOR)
    assert proposal.tally[FOR] == AMOUNT


# Whose it is


def test_it_is_handed_over_in_two_steps(
    wallet: Contract, hub: Stack, beneficiary: str, successor: str, attacker: str, start: int
) -> None:
    wallet.send("delegate", beneficiary, sender=beneficiary)
    wallet.send("transferOwnership", successor, sender=beneficiary)
    assert (wallet.view("owner"), wallet.view("pendingOwner")) == (beneficiary, successor)
    for stranger in (attacker, beneficiary):
        refusal = wallet.revert("acceptOwnership", sender=stranger)
        assert refusal == error("OwnableUnauthorizedAccount", stranger)
    wallet.send("acceptOwnership", sender=successor)
    assert (wallet.view("owner"), wallet.view("pendingOwner")) == (successor, ZERO_ADDRESS)
    # What it votes for is the next one's to change.
    assert hub.era.view("delegates", wallet.address) == beneficiary
    refusal = wallet.revert("delegate", beneficiary, sender=beneficiary)
    assert refusal == error("OwnableUnauthorizedAccount", beneficiary)
    before = held(hub.era, successor)
    wallet.send("release", hub.era.address, sender=attacker, at=start + LINEAR)
    assert held(hub.era, successor) - before == AMOUNT


def test_what_was_offered_is_taken_back(
    wallet: Contract, beneficiary: str, successor: str, attacker: str
) -> None:
    wallet.send("transferOwnership", successor, sender=beneficiary)
    wallet.send("transferOwnership", ZERO_ADDRESS, sender=beneficiary)
    assert wallet.revert("acceptOwnership", sender=successor) == error(
        "OwnableUnauthorizedAccount", successor
    )
    assert wallet.view("owner") == beneficiary
    refusal = wallet.revert("transferOwnership", attacker, sender=attacker)
    assert refusal == error("OwnableUnauthorizedAccount", attacker)


def test_nobody_renounces(wallet: Contract, beneficiary: str, attacker: str) -> None:
    """P25: what vests later could never be released."""
    for caller in (beneficiary, attacker):
        assert wallet.revert("renounceOwnership", sender=caller) == error("BeneficiaryRemains")
    assert wallet.view("owner") == beneficiary


def test_there_is_no_wallet_without_a_beneficiary(hub: Stack, developer: str, start: int) -> None:
    """M4, M8."""
    code = init_code("Vesting", hub.era.address, ZERO_ADDRESS, start, LINEAR)
    assert call(hub.chain, None, code, sender=developer) == error("OwnableInvalidOwner", ZERO_ADDRESS)


def test_it_may_be_made_before_the_token_is(hub: Stack, beneficiary: str, developer: str, start: int) -> None:
    """So ERA never mints to an address where nothing stands."""
    nowhere = "0x00000000000000000000000000000000000000e7"
    wallet = deploy(hub.chain, "Vesting", nowhere, beneficiary, start, LINEAR, sender=developer)
    assert wallet.view("ERA") == nowhere
    assert isinstance(wallet.revert("delegate", beneficiary, sender=beneficiary), Revert)
