"""Cases: how they end. Pardons, dismissals, settlements."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, SetFact
from tests.kit.court import HEADS, KINDS, LIAR, Charge, Court, accusation
from tests.kit.evm import ZERO_ADDRESS, Receipt, Revert, error, init_code, now
from tests.kit.evm import call as eth_call
from tests.kit.paper import DAY
from tests.kit.stack import Stack
from tests.kit.staking import ENDED, ERA, MIN_OWN, OPEN, PERIOD, SETTLES, WEEK, matures_at

EQUIVOCATIONS = ["laneEquivocation", "setEquivocation", "placeEquivocation"]
FALSE_LANE = ["falseHead", "beyondLane", "falseRestart"]
LANES = [*FALSE_LANE, "falseUnexecuted", "laneContradiction"]
SETS = ["falseSet", "beyondSets", "setContradiction"]
ENTRIES = [*EQUIVOCATIONS, *LANES, *SETS]

Charges = Callable[..., Charge]
OWN = 2 * MIN_OWN
# One of five: 9 / 25 of its stake.
FRACTION = 3_600


@pytest.fixture
def pardon(court: Court, owner: str) -> Callable[..., Receipt]:
    """Pardons what a case is about, and no more than that unless told otherwise."""

    def pardon(evidence: Charge, more: int = 0) -> Receipt:
        _, _, origin, destination, nonce = evidence.accused
        if not origin:
            return court.slasher.send("pardonSets", nonce + more, sender=owner)
        return court.slasher.send("pardon", origin, destination, nonce + more, sender=owner)

    return pardon


# Settlement


@pytest.mark.parametrize("entry", ENTRIES)
def test_anyone_settles_after_28_days(
    court: Court, charge: Charges, reporter: str, passer_by: str, entry: str
) -> None:
    """S5: not a second before; the reporter gets a tenth of the own loss, the treasury the rest. Once."""
    evidence = charge(entry)
    court.accuse(evidence, reporter)
    key, at = court.key_of(evidence.accused), now(court.chain) + SETTLES
    early = court.slasher.revert("settle", evidence.accused, sender=passer_by, at=at - 1)
    # Staking has an error of this name, too.
    assert early == error("TooEarly", key, at)
    treasury = court.bond.balance(court.bond.treasury)
    settled = court.settle(evidence.accused, passer_by, at=at)
    assert settled.named("CaseSettled") == [(key, LIAR)]
    loss = OWN * FRACTION // 10_000
    assert [values[:5] for values in settled.named("Settled")] == [(LIAR, reporter, FRACTION, loss, 0)]
    assert court.bond.balance(reporter) == loss // 10
    assert court.bond.balance(court.bond.treasury) - treasury == loss - loss // 10
    assert court.bond.validator(LIAR).state == ENDED
    again = court.slasher.revert("settle", evidence.accused, sender=passer_by)
    assert again == error("CaseNotOpen", key, 3)
    assert court.slasher.revert("dismiss", evidence.accused, sender=passer_by) == again


def test_only_what_was_opened_is_closed(court: Court, charge: Charges, reporter: str) -> None:
    """M1: a case is the one that was opened, of the same validator, kind and place."""
    evidence = charge("laneEquivocation")
    court.accuse(evidence, reporter)
    court.bond.travel(SETTLES)
    for i in range(len(evidence.accused)):
        validator, kind, origin, destination, nonce = (
            value + (i == j) for j, value in enumerate(evidence.accused)
        )
        other = validator, kind, origin, destination, nonce
        for entry in ("settle", "dismiss"):
            refusal = error("CaseNotOpen", court.key_of(other), 0)
            assert court.slasher.revert(entry, other, sender=reporter) == refusal
    no_kind = (*evidence.accused[:1], len(KINDS), *evidence.accused[2:])
    assert court.slasher.revert("settle", no_kind, sender=reporter) == Revert(b"")


def test_each_case_waits_for_its_own_28_days(
    court: Court, charge: Charges, reporter: str, passer_by: str
) -> None:
    """A case that was opened later is not settled with the first; and none is settled twice."""
    first, second = charge("laneEquivocation"), charge("setEquivocation")
    court.accuse(first, reporter)
    opened = now(court.chain)
    court.bond.travel(10 * PERIOD // 3)
    court.accuse(second, passer_by)
    later = now(court.chain) + SETTLES
    refusal = error("TooEarly", court.key_of(second.accused), later)
    assert court.slasher.revert("settle", second.accused, sender=passer_by, at=opened + SETTLES) == refusal
    court.settle(first.accused, passer_by)
    ended = error("WrongState", LIAR, ENDED)
    assert court.slasher.revert("settle", second.accused, sender=passer_by, at=later) == ended
    assert court.bond.balance(passer_by) == 0


def test_a_case_waits_until_others_that_count_with_it_can_be_decided(
    court: Court, charge: Charges, reporter: str, passer_by: str, owner: str, pardon: Callable[..., Receipt]
) -> None:
    """S6, S11: to the second. Who is pardoned up to then takes nothing from anybody."""
    first, second = charge("laneEquivocation", by=1), charge("beyondSets")
    court.accuse(first, reporter)
    opened = now(court.chain)
    court.bond.travel(20 * DAY)
    court.accuse(second, reporter)
    last = now(court.chain)
    for at in (opened + SETTLES, last + SETTLES - 1):
        refused = court.slasher.revert("settle", first.accused, sender=passer_by, at=at)
        assert refused == error("AccusedSince", 1, last)
    assert court.state_of(first.accused) == "Open"
    court.bond.reach(last + SETTLES - 2)
    pardon(second)
    court.dismiss(second.accused, passer_by)
    settled = court.settle(first.accused, passer_by, at=last + SETTLES)
    assert [values[2] for values in settled.named("Settled")] == [FRACTION]


def test_reporting_oneself_never_pays(court: Court, charge: Charges, operator: str, reporter: str) -> None:
    """M32: nine tenths of the own loss are gone, as with any reporter; delegators pay nothing before that."""
    evidence = charge("beyondLane")
    court.accuse(evidence, operator)
    before = court.bond.balance(operator)
    court.settle(evidence.accused, reporter)
    court.bond.staking.send("releaseOwn", LIAR, sender=reporter)
    loss = OWN * FRACTION // 10_000
    assert court.bond.balance(operator) - before == OWN - loss + loss // 10


# Pardons


@pytest.mark.parametrize("entry", [*LANES, *SETS])
def test_a_pardon_before_the_accusation(
    court: Court, charge: Charges, reporter: str, pardon: Callable[..., Receipt], entry: str
) -> None:
    """S11: nobody is accused of it any more."""
    evidence = charge(entry)
    pardon(evidence)
    assert court.refusal(evidence, reporter) == error("IsPardoned", court.key_of(evidence.accused))


@pytest.mark.parametrize("entry", [*LANES, "beyondSets", "setContradiction"])
def test_a_pardon_short_of_the_place_pardons_nothing(
    court: Court, charge: Charges, reporter: str, pardon: Callable[..., Receipt], entry: str
) -> None:
    evidence = charge(entry)
    pardon(evidence, -1)
    court.accuse(evidence, reporter)
    key = court.key_of(evidence.accused)
    assert court.slasher.revert("dismiss", evidence.accused, sender=reporter) == error("NotPardoned", key)
    court.settle(evidence.accused, reporter)


@pytest.mark.parametrize("entry", [*LANES, *SETS])
def test_a_pardon_after_the_accusation(
    court: Court,
    charge: Charges,
    operator: str,
    reporter: str,
    passer_by: str,
    pardon: Callable[..., Receipt],
    entry: str,
) -> None:
    """S4, S11: up to the last second. Anyone dismisses, then stake comes and goes again, and counts for nobody."""
    evidence = charge(entry)
    court.accuse(evidence, reporter)
    week = now(court.chain) // WEEK
    assert court.bond.staking.view("accusedIn", week)[0] == OWN
    key, accused = court.key_of(evidence.accused), evidence.accused
    assert court.slasher.revert("dismiss", accused, sender=passer_by) == error("NotPardoned", key)
    court.bond.travel(SETTLES)
    pardon(evidence)
    assert court.slasher.view("isPardoned", accused)
    assert court.slasher.revert("settle", accused, sender=passer_by) == error("IsPardoned", key)
    dismissed = court.dismiss(accused, passer_by)
    assert dismissed.named("CaseDismissed") == [(key, LIAR)]
    assert dismissed.named("Unfrozen") == [(LIAR,)]
    assert court.bond.staking.view("accusedIn", week)[0] == 0
    liar = court.bond.validator(LIAR)
    assert (liar.state, liar.open_cases, liar.stake) == (OPEN, 0, OWN)
    gone = error("CaseNotOpen", key, 2)
    assert court.slasher.revert("dismiss", accused, sender=passer_by) == gone
    assert court.slasher.revert("settle", accused, sender=passer_by) == gone
    if liar.seat == 0:
        court.bond.staking.send("join", LIAR, sender=operator)


@pytest.mark.parametrize("entry", EQUIVOCATIONS)
def test_nobody_pardons_who_contradicts_itself(
    court: Court, charge: Charges, reporter: str, owner: str, hub: Stack, arcade: Stack, entry: str
) -> None:
    """Neither before nor after, by no pardon and no restart."""
    evidence = charge(entry)
    hub_id, arcade_id, highest = court.chain.chain_id, arcade.chain.chain_id, 2**64 - 1
    for origin, destination in ((arcade_id, hub_id), (hub_id, arcade_id), (0, 0)):
        court.slasher.send("pardon", origin, destination, highest, sender=owner)
    court.slasher.send("pardonSets", highest, sender=owner)
    hub.gateway.send("restart", arcade_id, 99, sender=owner)
    court.accuse(evidence, reporter)
    key = court.key_of(evidence.accused)
    assert court.slasher.revert("dismiss", evidence.accused, sender=reporter) == error("NotPardoned", key)
    court.settle(evidence.accused, reporter)


def test_nobody_pardons_an_equivocation_about_the_hubs_own_lane(
    court: Court, reporter: str, owner: str, hub: Stack, arcade: Stack
) -> None:
    """Below a restart, no more than elsewhere."""
    one, other = (LaneFact(court.chain.chain_id, arcade.chain.chain_id, 4, head) for head in HEADS)
    accused = accusation(LIAR, "LaneEquivocation", one.origin, one.destination, 4)
    rest = other.head, court.sign(other, by=LIAR).fields
    evidence = Charge("laneEquivocation", court.sign(one, by=LIAR), rest, accused)
    hub.gateway.send("restart", arcade.chain.chain_id, 99, sender=owner)
    court.accuse(evidence, reporter)
    hub.gateway.send("restart", arcade.chain.chain_id, 199, sender=owner)
    key = court.key_of(accused)
    assert court.slasher.revert("dismiss", accused, sender=reporter) == error("NotPardoned", key)
    court.settle(accused, reporter)


@pytest.mark.parametrize("entry", FALSE_LANE)
def test_a_restart_of_a_lane_of_the_hub_pardons(
    court: Court, charge: Charges, reporter: str, owner: str, hub: Stack, arcade: Stack, entry: str
) -> None:
    """S11: at or below its place, up to the last second."""
    evidence = charge(entry)
    court.accuse(evidence, reporter)
    key, accused = court.key_of(evidence.accused), evidence.accused
    court.bond.travel(SETTLES)
    assert not court.slasher.view("isPardoned", accused)
    hub.gateway.send("restart", arcade.chain.chain_id, 4, sender=owner)
    assert court.slasher.revert("settle", accused, sender=reporter) == error("IsPardoned", key)
    court.dismiss(accused, reporter)


def test_a_restart_pardons_what_contradicts_a_quorum_about_the_hub(
    court: Court,
    first_set: ValidatorSet,
    reporter: str,
    owner: str,
    hub: Stack,
    arcade: Stack,
    perps: Stack,
) -> None:
    """S11: of that lane only, and not above its place."""
    hub_id, arcade_id = court.chain.chain_id, arcade.chain.chain_id
    accusations = []
    for destination, nonce in ((arcade_id, 9), (arcade_id, 10), (perps.chain.chain_id, 9)):
        one, other = (LaneFact(hub_id, destination, nonce, head) for head in HEADS)
        accused = accusation(LIAR, "LaneContradiction", hub_id, destination, nonce)
        attested = court.attest(first_set, other, by=[1, 2, 3, 4])
        court.accuse(
            Charge("laneContradiction", court.sign(one, by=LIAR), (other.head, *attested), accused), reporter
        )
        accusations.append(accused)
    hub.gateway.send("restart", arcade_id, 9, sender=owner)
    assert [court.slasher.view("isPardoned", accused) for accused in accusations] == [True, False, False]


def test_a_restart_of_a_lane_of_the_hub_pardons_nothing_of_the_lane_back(
    court: Court, charge: Charges, reporter: str, owner: str, hub: Stack, arcade: Stack
) -> None:
    charges = [charge(entry) for entry in ("laneContradiction", "falseUnexecuted")]
    for evidence in charges:
        court.accuse(evidence, reporter)
    hub.gateway.send("restart", arcade.chain.chain_id, 99, sender=owner)
    assert not any(court.slasher.view("isPardoned", evidence.accused) for evidence in charges)


def test_pardons_are_of_one_direction_of_one_lane(
    court: Court, charge: Charges, owner: str, arcade: Stack, perps: Stack
) -> None:
    """Lanes and sets apart: version 2 is not place 2."""
    lane, sets = charge("beyondLane"), charge("beyondSets")
    hub_id, arcade_id, perps_id = court.chain.chain_id, arcade.chain.chain_id, perps.chain.chain_id
    for origin, destination in ((arcade_id, hub_id), (hub_id, perps_id), (perps_id, arcade_id), (0, 0)):
        court.slasher.send("pardon", origin, destination, 2**64 - 1, sender=owner)
    assert not court.slasher.view("isPardoned", lane.accused)
    assert not court.slasher.view("isPardoned", sets.accused)
    court.slasher.send("pardonSets", 2**64 - 1, sender=owner)
    assert not court.slasher.view("isPardoned", lane.accused)
    assert court.slasher.view("isPardoned", sets.accused)


def test_a_pardon_only_grows(court: Court, owner: str) -> None:
    """What was pardoned stays so, whoever is the owner then."""
    pardoned = court.slasher.send("pardon", 902, 901, 7, sender=owner)
    assert pardoned.named("LanePardoned") == [(902, 901, 7)]
    assert court.slasher.send("pardonSets", 7, sender=owner).named("SetsPardoned") == [(7,)]
    for through in (0, 6, 7):
        refusal = error("PardonNotRaised", through, 7)
        assert court.slasher.revert("pardon", 902, 901, through, sender=owner) == refusal
        assert court.slasher.revert("pardonSets", through, sender=owner) == refusal
    court.slasher.send("pardon", 902, 901, 8, sender=owner)
    court.slasher.send("pardonSets", 9, sender=owner)
    assert court.slasher.view("pardonedThrough", 902, 901) == 8
    assert court.slasher.view("pardonedThrough", 901, 902) == 0
    assert court.slasher.view("setsPardonedThrough") == 9


def test_only_the_owner_pardons(court: Court, guardian: str, owner: str, successor: str) -> None:
    """P8: and its successor, who accepts."""
    for account in (guardian, successor, court.bond.treasury):
        refusal = error("OwnableUnauthorizedAccount", account)
        assert court.slasher.revert("pardon", 902, 901, 1, sender=account) == refusal
        assert court.slasher.revert("pardonSets", 1, sender=account) == refusal
        assert court.slasher.revert("transferOwnership", account, sender=account) == refusal
    assert court.slasher.revert("renounceOwnership", sender=owner) == error("OwnershipNotRenounceable")
    court.slasher.send("transferOwnership", successor, sender=owner)
    court.slasher.send("acceptOwnership", sender=successor)
    court.slasher.send("pardonSets", 1, sender=successor)
    assert court.slasher.revert("pardonSets", 2, sender=owner) == error("OwnableUnauthorizedAccount", owner)


def test_somebody_owns_it(court: Court) -> None:
    """M4."""
    code = init_code("Slasher", bytes(32), court.gateway.address, court.bond.staking.address, ZERO_ADDRESS)
    assert eth_call(court.chain, None, code) == error("OwnableInvalidOwner", ZERO_ADDRESS)


def test_it_knows_its_contracts(court: Court, owner: str) -> None:
    assert court.slasher.view("ATTESTATION_DOMAIN") == court.gateway.view("domainSeparator")
    assert court.slasher.view("GATEWAY") == court.gateway.address
    assert court.slasher.view("STAKING") == court.bond.staking.address
    assert court.slasher.view("owner") == owner
    assert court.bond.staking.view("SLASHER") == court.slasher.address


# Several cases


def test_the_last_dismissal_frees(
    court: Court, charge: Charges, reporter: str, pardon: Callable[..., Receipt]
) -> None:
    """S4: what is left is the unpardoned case, with the time at which the first was opened."""
    first, second = charge("beyondSets"), charge("beyondLane")
    court.accuse(first, reporter)
    frozen = now(court.chain)
    court.bond.travel(PERIOD)
    court.accuse(second, reporter)
    pardon(first)
    assert court.dismiss(first.accused, reporter).named("Unfrozen") == []
    liar = court.bond.validator(LIAR)
    assert (liar.open_cases, liar.frozen_since) == (1, frozen)
    court.settle(second.accused, reporter)


def test_a_case_that_was_pardoned_is_dismissed_also_after_the_slash(
    court: Court, charge: Charges, reporter: str, pardon: Callable[..., Receipt]
) -> None:
    """S6: what was slashed stays so, and counts."""
    pardonable, final = charge("beyondSets"), charge("laneEquivocation")
    court.accuse(pardonable, reporter)
    court.accuse(final, reporter)
    week = now(court.chain) // WEEK
    court.settle(final.accused, reporter)
    ended = court.bond.validator(LIAR)
    pardon(pardonable)
    court.dismiss(pardonable.accused, reporter)
    assert court.state_of(pardonable.accused) == "Dismissed"
    assert court.bond.validator(LIAR) == ended
    assert court.bond.staking.view("accusedIn", week)[0] == OWN


@pytest.mark.usefixtures("first_set")
def test_one_accident_at_300_places_is_one_accident(
    court: Court, reporter: str, passer_by: str, owner: str
) -> None:
    """S5, S6: it costs what one place costs, all of it can be reported and pardoned, and the last dismissal frees."""
    facts = [SetFact(version, HEADS[0]) for version in range(2, 302)]
    accusations = []
    for fact in facts:
        accused = accusation(LIAR, "FalseSet", fact.version)
        court.accuse(Charge("beyondSets", court.sign(fact, by=LIAR), (), accused), reporter)
        accusations.append(accused)
    liar = court.bond.validator(LIAR)
    assert (liar.open_cases, liar.slashable, liar.own_slashable) == (300, 0, OWN)
    assert court.bond.staking.view("accusedIn", now(court.chain) // WEEK) == (OWN, 5 * OWN, liar.frozen_since)
    court.slasher.send("pardonSets", 300, sender=owner)
    for accused in accusations[:-1]:
        assert court.dismiss(accused, passer_by).named("Unfrozen") == []
    settled = court.settle(accusations[-1], passer_by).named("Settled")
    assert [values[2] for values in settled] == [FRACTION]


def test_one_validators_case_is_not_anothers(
    court: Court, charge: Charges, reporter: str, owner: str, pardon: Callable[..., Receipt]
) -> None:
    """S6: the same fault of two is two cases; together they cost each of them more."""
    for id_ in (1, LIAR):
        court.accuse(charge("beyondSets", by=id_), reporter)
    assert court.bond.validator(1).open_cases == court.bond.validator(LIAR).open_cases == 1
    honest = court.bond.validator(2)
    accused = [accusation(id_, "FalseSet", 2) for id_ in (1, LIAR)]
    fractions = [court.settle(one, reporter).named("Settled")[0][2] for one in accused]
    # Two of five are more than a third.
    assert fractions == [10_000, 10_000]
    assert court.bond.validator(2) == honest


# Exits


@pytest.mark.parametrize(("second", "held"), [(-1, True), (0, False)])
def test_a_case_in_the_second_before_exits_mature_holds_them(
    court: Court, charge: Charges, delegator: str, reporter: str, second: int, held: bool
) -> None:
    """S4: a second later they have matured, and pay whatever is proved then."""
    staking, evidence = court.bond.staking, charge("laneEquivocation")
    staking.send("delegate", LIAR, ERA, sender=delegator)
    staking.send("undelegate", LIAR, ERA, sender=delegator)
    period = court.bond.period
    matures = matures_at(period)
    court.accuse(evidence, reporter, at=matures + second)
    if held:
        refusal = error("ExitHeld", LIAR, period)
        assert staking.revert("withdraw", delegator, LIAR, period, sender=reporter, at=matures) == refusal
        court.settle(evidence.accused, reporter)
    paid = staking.send("withdraw", delegator, LIAR, period, sender=reporter)
    # Own stake pays first, and suffices.
    assert paid.named("Withdrawn") == [(LIAR, delegator, period, ERA, 0)]
    if not held:
        assert court.bond.validator(LIAR).slashable == 0


def test_who_could_be_slashed_gets_nothing_until_all_is_closed(
    court: Court,
    charge: Charges,
    operator: str,
    delegator: str,
    reporter: str,
    pardon: Callable[..., Receipt],
) -> None:
    """S4: exits that mature between two cases are held by the second, if the first was still open."""
    staking = court.bond.staking
    staking.send("delegate", LIAR, ERA, sender=delegator)
    staking.send("undelegate", LIAR, ERA, sender=delegator)
    period = court.bond.period
    first, second = charge("beyondSets"), charge("beyondLane")
    court.accuse(first, reporter)
    court.bond.reach(matures_at(period))
    court.accuse(second, reporter)
    pardon(first)
    court.dismiss(first.accused, reporter)
    held = error("ExitHeld", LIAR, period)
    assert staking.revert("withdraw", delegator, LIAR, period, sender=reporter) == held
    pardon(second)
    court.dismiss(second.accused, reporter)
    staking.send("withdraw", delegator, LIAR, period, sender=reporter)
