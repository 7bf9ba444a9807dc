"""Attacks on Staking and the Slasher. Each test says what must hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.protocol.facts import LaneFact
from tests.kit.court import HEADS, Charge, Court, accusation
from tests.kit.evm import Contract, Receipt, deploy, now
from tests.kit.paper import DAY
from tests.kit.roles import OWNER
from tests.kit.stack import Stack
from tests.kit.staking import ERA, MIN_OWN, PERIOD, SETTLES, WEEK, matures_at

MILLION = 1_000_000 * ERA
WHALE = 60 * MILLION

Steps = list[tuple[str, bytes]]


@pytest.fixture
def tribunal(
    hub: Stack, deployer: str, treasury: str, owner: str, operator: str, rival: str
) -> Callable[..., Court]:
    """Staking with so many seats, and the Slasher; two operators have ERA. A period has just begun."""

    def found(seats: int) -> Court:
        court = Court.found(hub.gateway, deployer=deployer, treasury=treasury, owner=owner, seats=seats)
        for account in (operator, rival):
            court.bond.endow(account, WHALE)
        court.bond.reach((court.bond.period + 1) * PERIOD)
        return court

    return found


def equivocation(court: Court, by: int, nonce: int = 4) -> Charge:
    """Two heads of a validator at one place of a lane."""
    one, other = (LaneFact(901, 902, nonce, head) for head in HEADS)
    said = [court.sign(fact, LaneFact(903, 904, nonce, HEADS[0]), by=by) for fact in (one, other)]
    accused = accusation(by, "LaneEquivocation", 901, 902, nonce)
    return Charge("laneEquivocation", said[0], (other.head, said[1].fields), accused)


def report(court: Court, charge: Charge) -> tuple[str, bytes]:
    """The same accusation as a step of a contract."""
    return court.slasher.address, court.slasher.encode(charge.entry, *charge.arguments)


def fraction_of(receipt: Receipt) -> int:
    """What a settlement took, in basis points."""
    return int(receipt.named("Settled")[0][2])


class Whale:
    """A contract that delegates. What it does, it does at once or not at all."""

    def __init__(self, court: Court, by: str) -> None:
        self.court, self.by = court, by
        self.contract: Contract = deploy(court.chain, "Sleight", sender=by)
        bond = court.bond
        bond.era.send("transfer", self.contract.address, WHALE, sender=bond.treasury)
        self.perform([(bond.era.address, bond.era.encode("approve", bond.staking.address, 2**256 - 1))])

    @property
    def address(self) -> str:
        return self.contract.address

    def step(self, method: str, *arguments: int) -> tuple[str, bytes]:
        staking = self.court.bond.staking
        return staking.address, staking.encode(method, *arguments)

    def perform(self, steps: Steps) -> Receipt:
        return self.contract.send("perform", steps, sender=self.by)

    def delegate(self, amounts: dict[int, int]) -> None:
        self.perform([self.step("delegate", id_, amount) for id_, amount in amounts.items()])

    def aside(self, amounts: dict[int, int], *meanwhile: tuple[str, bytes]) -> Receipt:
        """Takes stake out, does something, and puts all of it back: one transaction. AssertionError if it fails."""
        period = self.court.bond.period
        out = [self.step("undelegate", id_, amount) for id_, amount in amounts.items()]
        back = [self.step("rebond", id_, period, amount) for id_, amount in amounts.items()]
        return self.perform([*out, *meanwhile, *back])


@pytest.fixture
def whale_of(delegator: str) -> Callable[[Court], Whale]:
    return lambda court: Whale(court, delegator)


# What decides the fraction


@pytest.mark.parametrize("own", [200_000, 670_000])
def test_nobody_lowers_what_is_seated_while_accusing(
    tribunal: Callable[..., Court],
    whale_of: Callable[[Court], Whale],
    operator: str,
    passer_by: str,
    own: int,
) -> None:
    """A tenth of the stake that erred alone loses 9 %, also if who reports it takes stake out for that moment."""
    court = tribunal(10)
    liar, *others = court.seat(operator, MILLION, *[own * ERA] * 9)
    whale = whale_of(court)
    amounts = dict.fromkeys(others, MILLION - own * ERA)
    whale.delegate(amounts)
    staking = court.bond.staking
    assert staking.view("seatedStake") == 10 * MILLION
    court.bond.snapshot()
    charge = equivocation(court, liar)
    try:
        whale.aside(amounts, report(court, charge))
    except AssertionError:
        # Stake does not come back at once.
        court.accuse(charge, whale.by)
    # Nothing was lost by that, nothing is leaving, and the whale is the reporter.
    assert staking.view("seatedStake") == 9 * MILLION
    assert all(court.bond.units(whale.address, id_) == amount for id_, amount in amounts.items())
    settled = court.settle(charge.accused, passer_by)
    assert fraction_of(settled) == 900


def test_nobody_lowers_what_is_seated_for_a_set_that_accuses(
    tribunal: Callable[..., Court], whale_of: Callable[[Court], Whale], operator: str, passer_by: str
) -> None:
    """The same, if a set is published of the moment."""
    court = tribunal(10)
    liar, *others = court.seat(operator, MILLION, *[200_000 * ERA] * 9)
    whale = whale_of(court)
    amounts = dict.fromkeys(others, 800_000 * ERA)
    whale.delegate(amounts)
    court.bond.snapshot()
    court.bond.travel(3 * DAY)
    charge = equivocation(court, liar)
    try:
        whale.aside(amounts, whale.step("snapshot"), report(court, charge))
    except AssertionError:
        court.accuse(charge, passer_by)
    assert fraction_of(court.settle(charge.accused, passer_by)) == 900


def test_nobody_raises_what_is_seated_after_the_fault(
    tribunal: Callable[..., Court],
    whale_of: Callable[[Court], Whale],
    operator: str,
    rival: str,
    passer_by: str,
) -> None:
    """Who held more than a third, and was accused, loses all of it, whatever is seated in the weeks after that."""
    court = tribunal(10)
    others = court.seat(operator, *[MILLION] * 6)
    thieves = court.seat(rival, MILLION, MILLION, 14 * MILLION // 10)
    staking = court.bond.staking
    assert staking.view("seatedStake") == 94 * MILLION // 10
    court.bond.snapshot()
    charges = [equivocation(court, thief) for thief in thieves]
    for charge in charges:
        court.accuse(charge, passer_by)
    court.bond.travel(SETTLES - DAY)
    # A friend stakes with honest validators, and has a set published of that; a thief confesses once more; the friend
    # leaves.
    whale = whale_of(court)
    amounts = dict.fromkeys(others, 3 * MILLION)
    confession = equivocation(court, thieves[0], nonce=5)
    steps = [whale.step("delegate", id_, amount) for id_, amount in amounts.items()]
    leave = [whale.step("undelegate", id_, amount) for id_, amount in amounts.items()]
    whale.perform([*steps, whale.step("snapshot"), report(court, confession), *leave])
    period = court.bond.period
    court.bond.reach(matures_at(period) + DAY)
    for id_ in others:
        for p in range(period - 3, period + 1):
            if staking.view("unbonding", whale.address, id_, p):
                staking.send("withdraw", whale.address, id_, p, sender=passer_by)
    assert court.bond.balance(whale.address) == WHALE
    fractions = [
        fraction_of(court.settle(charge.accused, passer_by, at=now(court.chain) + 1))
        for charge in charges[1:]
    ]
    assert fractions == [10_000, 10_000]


def test_what_is_seated_is_never_nothing(
    tribunal: Callable[..., Court], operator: str, passer_by: str
) -> None:
    """One of ten loses 9 %, also when all ten have left for another contract."""
    court = tribunal(10)
    ids = court.seat(operator, *[MILLION] * 10)
    court.bond.snapshot()
    for id_ in ids:
        court.bond.staking.send("leave", id_, sender=operator)
    charge = equivocation(court, ids[0])
    court.accuse(charge, passer_by)
    assert fraction_of(court.settle(charge.accused, passer_by)) == 900


def test_accusations_that_are_pardoned_take_from_nobody(
    tribunal: Callable[..., Court], operator: str, owner: str, passer_by: str
) -> None:
    """One of twenty erred. Four weeks later a spoke is reorganised: six are accused, and pardoned as fast as can be."""
    court = tribunal(20)
    liar, *others = court.seat(operator, *[MILLION] * 20)
    court.bond.snapshot()
    charge = equivocation(court, liar)
    court.accuse(charge, passer_by)
    published = court.bond.snapshot()
    court.bond.travel(9 * DAY)
    published = court.bond.snapshot()
    court.bond.travel(9 * DAY)
    published = court.bond.snapshot()
    court.bond.travel(9 * DAY)
    signed, attested = (LaneFact(905, 906, 4, head) for head in HEADS)
    beside = LaneFact(905, 907, 1, HEADS[0])
    attestation = court.attest(published, attested, beside, by=others[6:])
    contradictions = [
        Charge(
            "laneContradiction",
            court.sign(signed, beside, by=id_),
            (attested.head, *attestation),
            accusation(id_, "LaneContradiction", 905, 906, 4),
        )
        for id_ in others[:6]
    ]
    for contradiction in contradictions:
        court.accuse(contradiction, passer_by)
    settled = court.settle(charge.accused, passer_by)
    # A decision takes 20 days.
    court.bond.travel(20 * DAY)
    court.slasher.send("pardon", 905, 906, 4, sender=owner)
    for contradiction in contradictions:
        court.dismiss(contradiction.accused, passer_by)
        assert court.bond.validator(contradiction.accused[0]).seat
    assert fraction_of(settled) == 500


def test_what_matured_while_a_pardoned_case_was_open_is_free(
    tribunal: Callable[..., Court], delegator: str, operator: str, passer_by: str
) -> None:
    """S4: an exit that matured before the accusation that counts pays nothing, whatever was accused before that."""
    court = tribunal(10)
    ids = court.seat(operator, *[MIN_OWN] * 10)
    bond = court.bond
    bond.endow(delegator, MILLION)
    bond.staking.send("delegate", ids[0], MILLION, sender=delegator)
    bond.snapshot()
    bond.staking.send("undelegate", ids[0], MILLION, sender=delegator)
    period = bond.period
    bond.reach(matures_at(period) - DAY)
    published = bond.snapshot()
    signed, attested = (LaneFact(905, 906, 4, head) for head in HEADS)
    beside = LaneFact(905, 907, 1, HEADS[0])
    contradiction = Charge(
        "laneContradiction",
        court.sign(signed, beside, by=ids[0]),
        (attested.head, *court.attest(published, attested, beside, by=ids[1:])),
        accusation(ids[0], "LaneContradiction", 905, 906, 4),
    )
    court.accuse(contradiction, passer_by)
    bond.travel(19 * DAY)
    charge = equivocation(court, ids[0])
    court.accuse(charge, passer_by)
    court.slasher.send("pardon", 905, 906, 4, sender=OWNER.address)
    court.dismiss(contradiction.accused, passer_by)
    court.settle(charge.accused, passer_by)
    paid = bond.staking.send("withdraw", delegator, ids[0], period, sender=passer_by)
    ((*_, loss),) = paid.named("Withdrawn")
    assert loss == 0


def test_to_keep_evidence_back_takes_no_more(
    tribunal: Callable[..., Court], operator: str, passer_by: str
) -> None:
    """Three of ten erred, months apart. Each loses 9 %, also if somebody reports all three at once."""
    court = tribunal(10)
    ids = court.seat(operator, *[MILLION] * 10)
    charges = []
    for nonce, liar in enumerate(ids[:3], 4):
        charges.append(equivocation(court, liar, nonce))
        court.bond.travel(10 * WEEK)
    for charge in charges:
        court.accuse(charge, passer_by)
    assert [
        fraction_of(court.settle(c.accused, passer_by, at=now(court.chain) + SETTLES)) for c in charges
    ] == [900] * 3


# Sets


def test_a_set_weighs_what_is_staked(
    tribunal: Callable[..., Court], whale_of: Callable[[Court], Whale], operator: str, rival: str
) -> None:
    """S8: stake that is bonded before and after a snapshot counts in it: two fifths of the stake are no quorum."""
    court = tribunal(8)
    honest = court.seat(operator, *[450_000 * ERA] * 4)
    colluding = court.seat(rival, *[MILLION] * 4)
    whale = whale_of(court)
    amounts = dict.fromkeys(honest, 1_050_000 * ERA)
    whale.delegate(amounts)
    staking = court.bond.staking
    assert staking.view("seatedStake") == 10 * MILLION
    try:
        receipt = whale.aside(amounts, whale.step("snapshot"))
    except AssertionError:
        receipt = whale.perform([whale.step("snapshot")])
    assert staking.view("seatedStake") == 10 * MILLION
    ((_, _, _, words),) = receipt.named("SetPublished")
    weights = {"0x" + word[:20].hex(): int.from_bytes(word[20:], "big") for word in words}
    weight = sum(weights[court.keys[id_].address.lower()] for id_ in colluding)
    assert 3 * weight <= 2 * sum(weights.values())


def test_a_quorum_loses_all(
    tribunal: Callable[..., Court], operator: str, rival: str, passer_by: str
) -> None:
    """Whoever can forge any fact has all that it staked at risk."""
    court = tribunal(16)
    court.seat(operator, 50 * MILLION)
    colluding = court.seat(rival, *[MIN_OWN] * 15)
    published = court.bond.snapshot()
    members = dict(published.members)
    weight = sum(members[court.keys[id_].address] for id_ in colluding)
    charges = [equivocation(court, id_) for id_ in colluding]
    for charge in charges:
        court.accuse(charge, passer_by)
    fractions = {
        fraction_of(court.settle(c.accused, passer_by, at=now(court.chain) + SETTLES)) for c in charges[:3]
    }
    assert 3 * weight <= 2 * sum(members.values()) or fractions == {10_000}
