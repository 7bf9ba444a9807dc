"""Claims: relayers are paid on the origin for what they delivered elsewhere."""

from __future__ import annotations

import pytest

from metalayer.protocol.amounts import GWEI
from tests.kit.evm import Contract
from tests.kit.scripted import OnReturn
from tests.kit.settlement import HIGHEST, Origin, fee
from tests.kit.stack import Stack


@pytest.fixture
def escrow(origin: Origin, sender: str) -> int:
    """Gwei in the escrow of the lane to arcade; the lane to perps holds some, too."""
    for _ in range(3):
        origin.send(sender)
    origin.send(sender, to=origin.perps)
    return origin.gateway.view("laneFees", origin.arcade)[0]


def test_pays_a_claim(origin: Origin, escrow: int, relayer: str, carrier: str) -> None:
    """P5: the carrier's part comes out of what is due, all of it out of the lane's escrow."""
    step = origin.claim(relayer, 1_000, carriage=300, carrier=carrier)
    assert step.credit == {relayer: 700, carrier: 300}
    assert step.escrow == {origin.arcade: -1_000, origin.perps: 0}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, carrier, 1_000, 300)]
    assert origin.gateway.view("paid", origin.arcade, relayer) == 1_000


def test_claims_are_cumulative(origin: Origin, escrow: int, relayer: str, carrier: str) -> None:
    """P5: each pays the difference."""
    paid = [origin.claim(relayer, total, carrier=carrier).credit for total in (10, 25, 26, 1_026)]
    assert paid == [{relayer: 10}, {relayer: 15}, {relayer: 1}, {relayer: 1_000}]
    assert origin.gateway.view("paid", origin.arcade, relayer) == 1_026


@pytest.mark.parametrize("total", [0, 1, 24, 25], ids=lambda total: f"total-{total}")
def test_a_total_that_is_not_higher_pays_nothing(
    origin: Origin, escrow: int, relayer: str, carrier: str, total: int
) -> None:
    """P5: also out of order: an older claim after a newer one."""
    origin.claim(relayer, 25, carrier=carrier)
    step = origin.claim(relayer, total, carriage=10, carrier=carrier)
    assert step.credit == {}
    assert step.receipt.named("ClaimPaid") == []
    assert origin.gateway.view("paid", origin.arcade, relayer) == 25
    assert origin.claim(relayer, 26, carrier=carrier).credit == {relayer: 1}


def test_claims_of_relayers_do_not_mix(
    origin: Origin, escrow: int, relayer: str, attacker: str, carrier: str
) -> None:
    """P5."""
    origin.claim(relayer, 50, carrier=carrier)
    assert origin.claim(attacker, 20, carrier=carrier).credit == {attacker: 20}
    assert origin.claim(relayer, 60, carrier=carrier).credit == {relayer: 10}


def test_claims_from_two_chains_do_not_mix(origin: Origin, escrow: int, relayer: str, carrier: str) -> None:
    """P5: each lane pays its own, and remembers its own."""
    origin.claim(relayer, 50, carrier=carrier)
    step = origin.claim(relayer, 50, carrier=carrier, origin=origin.perps)
    assert step.credit == {relayer: 50}
    assert step.escrow == {origin.arcade: 0, origin.perps: -50}
    paid = [origin.gateway.view("paid", chain_id, relayer) for chain_id in (origin.arcade, origin.perps)]
    assert paid == [50, 50]


@pytest.mark.parametrize("excess", [1, 2**64, HIGHEST], ids=["one", "over-uint64", "highest"])
def test_a_lying_chain_takes_no_more_than_its_lanes_escrow(
    origin: Origin, escrow: int, attacker: str, carrier: str, excess: int
) -> None:
    """P5, M3: and touches no other lane, no credit and no protocol's part."""
    fees = origin.gateway.view("laneFees", origin.arcade)[1]
    step = origin.claim(attacker, min(escrow + excess, HIGHEST), carrier=carrier)
    assert step.credit == {attacker: escrow}
    assert step.escrow == {origin.arcade: -escrow, origin.perps: 0}
    assert origin.gateway.view("laneFees", origin.arcade) == (0, fees)
    assert origin.claim(attacker, HIGHEST, carrier=carrier).credit == {}


def test_what_the_escrow_did_not_hold_is_paid_later(
    origin: Origin, escrow: int, sender: str, relayer: str, carrier: str
) -> None:
    """P5: the same claim again, once more was sent."""
    assert origin.claim(relayer, escrow + 5, carrier=carrier).credit == {relayer: escrow}
    assert origin.gateway.view("paid", origin.arcade, relayer) == escrow
    origin.send(sender)
    step = origin.claim(relayer, escrow + 5, carrier=carrier)
    assert step.credit == {relayer: 5}
    assert origin.gateway.view("paid", origin.arcade, relayer) == escrow + 5


@pytest.mark.parametrize("carriage", [999, 1_000, 1_001, 2**64, HIGHEST])
def test_carriage_is_bounded_by_what_is_due(
    origin: Origin, escrow: int, relayer: str, carrier: str, carriage: int
) -> None:
    """P5: a lying chain that names too much only moves it from its relayer to who carries."""
    step = origin.claim(relayer, 1_000, carriage=carriage, carrier=carrier)
    part = min(carriage, 1_000)
    expected = {carrier: part, relayer: 1_000 - part}
    assert step.credit == {account: amount for account, amount in expected.items() if amount}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, carrier, 1_000, part)]


def test_carriage_is_bounded_by_what_the_escrow_holds(
    origin: Origin, escrow: int, relayer: str, carrier: str
) -> None:
    """P5."""
    step = origin.claim(relayer, HIGHEST, carriage=escrow + 1, carrier=carrier)
    assert step.credit == {carrier: escrow}


def test_who_carries_its_own_claim_gets_both(origin: Origin, escrow: int, relayer: str) -> None:
    step = origin.claim(relayer, 1_000, carriage=300, carrier=relayer)
    assert step.credit == {relayer: 1_000}
    assert step.receipt.named("ClaimPaid") == [(origin.arcade, relayer, relayer, 1_000, 300)]


def test_a_claim_in_somebody_elses_name_pays_that_somebody(
    origin: Origin, escrow: int, relayer: str, attacker: str
) -> None:
    """Who carries it gets the carriage, and no more."""
    assert origin.claim(relayer, 1_000, carriage=100, carrier=attacker).credit == {
        relayer: 900,
        attacker: 100,
    }


def test_reads_a_dirty_relayer_as_the_address(
    origin: Origin, escrow: int, relayer: str, carrier: str
) -> None:
    """The upper bits make no second account of one."""
    origin.claim(relayer, 10, carrier=carrier)
    dirty = hex(int(relayer, 16) + (0xDEAD << 160))
    assert origin.claim(dirty, 15, carrier=carrier).credit == {relayer: 5}


def test_sweeping_leaves_the_escrow(
    origin: Origin, escrow: int, hub: Stack, collector: str, relayer: str, carrier: str
) -> None:
    """P5: the protocol's part is the collector's, the rest is not."""
    fees = origin.gateway.view("laneFees", origin.arcade)[1]
    step = origin.step(origin.gateway, "sweep", origin.arcade, sender=carrier)
    assert (step.credit, step.escrow[origin.arcade]) == ({}, 0)
    assert hub.era.view("balanceOf", collector) == fees * GWEI
    assert origin.claim(relayer, HIGHEST, carrier=carrier).credit == {relayer: escrow}


def test_credit_that_was_earned_can_be_withdrawn(
    origin: Origin, escrow: int, hub: Stack, relayer: str, carrier: str
) -> None:
    """P5: it is ERA."""
    origin.claim(relayer, escrow, carrier=carrier)
    step = origin.step(origin.gateway, "withdraw", relayer, escrow * GWEI, sender=relayer)
    assert step.credit == {relayer: -escrow}
    assert hub.era.view("balanceOf", relayer) == escrow * GWEI


def test_a_carrier_is_paid_whatever_the_sender_does(
    origin: Origin, client: Contract, carrier: str, attacker: str
) -> None:
    """P5: a sender that refuses what comes back cannot make anyone carry its notices for nothing."""
    sent = origin.send(client)
    client.send("setBehaviour", OnReturn.REVERT, sender=attacker)
    assert origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step).credit == {
        carrier: fee(sent).step
    }
    again = origin.notice(sent.id, expired=True, carrier=attacker, step=fee(sent).step)
    assert (again.credit, again.escrow[origin.arcade]) == ({}, 0)


def test_a_lying_notice_costs_no_more_than_its_lane(origin: Origin, sender: str, carrier: str) -> None:
    """P5, M9: a chain may name any pay, for anything: it empties the escrow towards itself, and no other."""
    escrowed = sum(fee(origin.send(sender)).relay + fee(origin.send(sender)).back for _ in range(2))
    held = origin.gateway.view("laneFees", origin.arcade)[0]
    assert 0 < escrowed <= held
    step = origin.notice(b"\1" * 32, expired=True, carrier=carrier, step=2**255)
    assert step.credit == {carrier: held}
    assert step.escrow == {origin.arcade: -held, origin.perps: 0}
