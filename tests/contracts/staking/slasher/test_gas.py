"""What cases cost: whole transactions, one in each block, among 32 seated validators."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from metalayer.protocol.facts import LaneFact
from tests.kit.court import HEADS, Charge, Court, accusation
from tests.kit.stack import Stack
from tests.kit.staking import ERA, MIN_OWN

MOST = {
    # (accusation, settlement). The third still has its seat, and loses it at the settlement.
    "laneEquivocation": (178_000, 188_000),
    "beyondLane": (181_000, 188_000),
    "laneContradiction": (276_000, 217_000),
}


@dataclass(frozen=True)
class Bench:
    """32 seats, and evidence of each kind against one that is not the last: four-deep proofs, 23 signatures."""

    court: Court
    liar: int
    charges: list[Charge]

    def delegate(self, first: int, last: int) -> None:
        """These delegators come to the liar; half of their stake is leaving."""
        bond = self.court.bond
        for i in range(first, last):
            account = bond.impersonate(f"0x{i + 1:036x}dea1")
            bond.endow(account, 2 * ERA)
            bond.staking.send("delegate", self.liar, 2 * ERA, sender=account)
            bond.staking.send("undelegate", self.liar, ERA, sender=account)

    def spent(self, reporter: str, keeper: str) -> dict[str, tuple[int, int]]:
        """Gas of accusation and settlement, each from the same state."""
        spent = {}
        for charge in self.charges:
            snapshot = self.court.chain.snapshot()
            accused = self.court.accuse(charge, reporter).gas_used
            spent[charge.entry] = accused, self.court.settle(charge.accused, keeper).gas_used
            self.court.chain.restore(snapshot)
        return spent


@pytest.fixture
def bench(hub: Stack, treasury: str, owner: str, deployer: str, operator: str, delegatee: str) -> Bench:
    court = Court.found(hub.gateway, deployer=deployer, treasury=treasury, owner=owner, seats=32)
    court.bond.endow(operator, 33 * MIN_OWN)
    court.bond.era.send("delegate", delegatee, sender=operator)
    ids = court.seat(operator, *[MIN_OWN + i * ERA for i in range(32)])
    published = court.bond.snapshot()
    hub_id, liar = court.chain.chain_id, ids[5]
    one, other = (LaneFact(902, hub_id, 4, head) for head in HEADS)
    beside = [LaneFact(902, 904, nonce, HEADS[0]) for nonce in range(1, 16)]
    false = LaneFact(hub_id, 902, 4, HEADS[0])

    def sign(fact: LaneFact) -> Charge:
        signed = court.sign(fact, *beside, by=liar)
        kind = "FalsePlace" if fact is false else "LaneEquivocation"
        return Charge("", signed, (), accusation(liar, kind, fact.origin, fact.destination, fact.nonce))

    quorum = court.attest(published, other, *beside, by=[id_ for id_ in ids if id_ != liar][:23])
    said, contradicted = sign(one), accusation(liar, "LaneContradiction", 902, hub_id, 4)
    charges = [
        said._replace(entry="laneEquivocation", rest=(other.head, sign(other).signed.fields)),
        sign(false)._replace(entry="beyondLane"),
        Charge("laneContradiction", said.signed, (other.head, *quorum), contradicted),
    ]
    return Bench(court, liar, charges)


def test_a_slash_costs_the_same_whatever_the_number_of_delegators(
    bench: Bench, reporter: str, passer_by: str
) -> None:
    """S5: the settlement to the unit of gas, with 1 and with 40."""
    bench.delegate(0, 1)
    spent = bench.spent(reporter, passer_by)
    bench.delegate(1, 40)
    again = bench.spent(reporter, passer_by)
    for entry, most in MOST.items():
        assert again[entry][1] == spent[entry][1], (entry, spent, again)
        for gas in (spent[entry], again[entry]):
            assert all(used <= bound for used, bound in zip(gas, most, strict=True)), (entry, gas)
