"""Cases: what opens one, against whom, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.facts import LaneFact, SetFact, UnexecutedFact
from metalayer.protocol.gateway import Status
from tests.kit.court import DECOYS, HEADS, KINDS, LIAR, Charge, Court, accusation
from tests.kit.evm import Receipt, Revert, error, now
from tests.kit.paper import DAY, PaperLane
from tests.kit.signatures import DEFECTS
from tests.kit.stack import Stack
from tests.kit.staking import ENDED, LEFT, LIABILITY, MIN_OWN, SETTLES, TERM, signing_key

EQUIVOCATIONS = ["laneEquivocation", "setEquivocation", "placeEquivocation"]
FALSE = ["falseHead", "beyondLane", "falseRestart", "falseSet", "beyondSets", "falseUnexecuted"]
CONTRADICTIONS = ["laneContradiction", "setContradiction"]
ENTRIES = [*EQUIVOCATIONS, *FALSE, *CONTRADICTIONS]

Charges = Callable[..., Charge]


def contradicted(evidence: Charge) -> LaneFact | SetFact:
    """The fact with the other value."""
    fact = evidence.signed.fact
    if isinstance(fact, LaneFact):
        return replace(fact, head=evidence.rest[0])
    assert isinstance(fact, SetFact)
    return replace(fact, set_hash=evidence.rest[0])


def by_quorum_of(court: Court, published: ValidatorSet, evidence: Charge) -> Charge:
    """The same contradiction of all but the liar, in another set."""
    members = dict(published.members)
    by = [id_ for id_, key in court.keys.items() if id_ != LIAR and key.address in members]
    attested = court.attest(published, contradicted(evidence), by=by)
    return evidence._replace(rest=(evidence.rest[0], *attested))


@pytest.mark.parametrize("entry", ENTRIES)
def test_opens_a_case(court: Court, charge: Charges, reporter: str, entry: str) -> None:
    """S4: the validator is frozen from now on; by (a) and (b) it loses its seat, and the term ends."""
    evidence = charge(entry)
    opened = court.accuse(evidence, reporter)
    key = court.key_of(evidence.accused)
    assert opened.named("CaseOpened") == [(key, *evidence.accused, reporter)]
    assert court.slasher.view("caseOf", key) == (now(court.chain), 1, reporter)
    assert opened.named("Frozen") == [(LIAR, 2 * MIN_OWN, 0)]
    unseats = entry not in CONTRADICTIONS
    assert opened.named("Unseated") == ([(LIAR,)] if unseats else [])
    assert court.bond.staking.view("termEnded") is unseats
    liar = court.bond.validator(LIAR)
    assert (liar.open_cases, liar.frozen_since, liar.seat == 0) == (1, now(court.chain), unseats)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_contract_reports(
    court: Court, charge: Charges, hub: Stack, deliver: Callable[..., Receipt], relayer: str, entry: str
) -> None:
    """Who calls is the reporter, whoever sent the transaction."""
    evidence = charge(entry)
    data = court.slasher.encode(entry, *evidence.arguments)
    hub.recipient.send("setCall", court.slasher.address, data, sender=relayer)
    hub.recipient.send("receiveMessage", bytes(32), b"", b"", sender=relayer)
    assert court.slasher.view("caseOf", court.key_of(evidence.accused))[2] == hub.recipient.address


@pytest.mark.parametrize("entry", ENTRIES)
def test_one_case_for_ever(
    court: Court, charge: Charges, reporter: str, passer_by: str, owner: str, entry: str
) -> None:
    """M30, M31: whoever reports again, while it is open, after it was dismissed, and with other decoys beside."""
    evidence = charge(entry)
    known = error("AlreadyAccused", court.key_of(evidence.accused))
    court.accuse(evidence, reporter)
    assert court.refusal(evidence, reporter) == known
    again = evidence._replace(signed=court.sign(evidence.signed.fact, by=LIAR))
    assert court.refusal(again, passer_by) == known
    if entry in EQUIVOCATIONS:
        return
    if evidence.accused[2]:
        court.slasher.send("pardon", *evidence.accused[2:], sender=owner)
    else:
        court.slasher.send("pardonSets", evidence.accused[4], sender=owner)
    court.dismiss(evidence.accused, passer_by)
    assert court.refusal(evidence, passer_by) == known


def test_the_other_order_is_the_same_case(court: Court, charge: Charges, reporter: str) -> None:
    """M30."""
    for entry in EQUIVOCATIONS[:2]:
        evidence = charge(entry)
        court.accuse(evidence, reporter)
        one = evidence.signed
        other = court.sign(contradicted(evidence), *DECOYS, by=LIAR)
        swapped = Charge(entry, other, (one.fact.value, one.fields), evidence.accused)
        assert court.refusal(swapped, reporter) == error("AlreadyAccused", court.key_of(evidence.accused))


def test_one_case_for_a_place_whatever_shows_it(court: Court, charge: Charges, reporter: str) -> None:
    """M30: two heads, and a restart beside a head; beyond the lane, and a restart that never was."""
    for one, other in (("laneEquivocation", "placeEquivocation"), ("beyondLane", "falseRestart")):
        first, second = charge(one), charge(other)
        assert first.accused == second.accused
        court.accuse(first, reporter)
        assert court.refusal(second, reporter) == error("AlreadyAccused", court.key_of(first.accused))


def test_another_place_version_or_kind_is_another_case(
    court: Court, charge: Charges, first_set: ValidatorSet, reporter: str
) -> None:
    """M30: version 4 of sets is not place 4 of a lane, not even of one between no chains."""
    nowhere, other = LaneFact(0, 0, 4, HEADS[0]), LaneFact(0, 0, 4, HEADS[1])
    version, other_hash = SetFact(4, HEADS[0]), SetFact(4, HEADS[1])
    lane = Charge(
        "laneEquivocation",
        court.sign(nowhere, by=LIAR),
        (HEADS[1], court.sign(other, by=LIAR).fields),
        accusation(LIAR, "LaneEquivocation", 0, 0, 4),
    )
    sets = Charge(
        "setEquivocation",
        court.sign(version, by=LIAR),
        (HEADS[1], court.sign(other_hash, by=LIAR).fields),
        accusation(LIAR, "SetEquivocation", 4),
    )
    by_quorum = court.attest(first_set, other_hash, by=[1, 2, 3, 4])
    quorum = Charge(
        "setContradiction",
        court.sign(version, by=LIAR),
        (HEADS[1], *by_quorum),
        accusation(LIAR, "SetContradiction", 4),
    )
    beyond = Charge("beyondSets", sets.signed, (), accusation(LIAR, "FalseSet", 4))
    # (c) first: the slash of an unseated validator ends the term.
    for evidence in (quorum, lane, sets, beyond):
        court.accuse(evidence, reporter)
    assert court.bond.validator(LIAR).open_cases == 4


def test_no_two_accusations_have_one_key(court: Court) -> None:
    """M30."""
    accusations = [
        (validator, kind, *place)
        for validator in (1, 2)
        for kind in range(len(KINDS))
        for place in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 2))
    ]
    assert len({court.key_of(accused) for accused in accusations}) == len(accusations)


# Who is accused


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_strangers_key_signed_accuses_nobody(
    court: Court, charge: Charges, reporter: str, entry: str
) -> None:
    court.keys[6] = signing_key("stranger")
    evidence = charge(entry, by=6)
    assert court.refusal(evidence, reporter) == error("UnknownKey", court.keys[6].address)


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_was_signed_for_another_network_accuses_nobody(
    court: Court, charge: Charges, reporter: str, entry: str
) -> None:
    """M17, M30: there it is the signature of an address that nobody has the key of."""
    evidence = charge(entry)
    for domain in (
        Domain(court.chain.chain_id + 1, court.gateway.address),
        Domain(court.chain.chain_id, court.bond.staking.address),
    ):
        said = court.sign(evidence.signed.fact, by=LIAR, digest=domain.digest(evidence.signed.fact.leaf))
        stranger = court.domain.recover(said.root, said.signature)
        assert stranger is not None
        assert court.refusal(evidence._replace(signed=said), reporter) == error("UnknownKey", stranger)


@pytest.mark.parametrize("entry", ["laneEquivocation", "beyondSets", "setContradiction"])
def test_malleated_signatures_accuse_nobody(court: Court, charge: Charges, reporter: str, entry: str) -> None:
    """M17, M30."""
    evidence = charge(entry)
    signed = evidence.signed
    for name, defect in DEFECTS.items():
        spoilt = b"".join(defect(signed.signature[:32], signed.signature[32:]))
        signer = court.domain.recover(signed.root, spoilt)
        refusal = (
            error("UnrecoverableSignature", signed.root, spoilt[:32], spoilt[32:])
            if signer is None
            else error("UnknownKey", signer)
        )
        spoilt_charge = evidence._replace(signed=replace(signed, signature=spoilt))
        assert court.refusal(spoilt_charge, reporter) == refusal, name


@pytest.mark.parametrize("entry", EQUIVOCATIONS)
def test_two_validators_do_not_contradict_themselves(
    court: Court, charge: Charges, reporter: str, entry: str
) -> None:
    """One of the two may be right."""
    liars, honest = charge(entry), charge(entry, by=1)
    for one, other, ids in ((liars, honest, (LIAR, 1)), (honest, liars, (1, LIAR))):
        mixed = one._replace(rest=other.rest)
        assert court.refusal(mixed, reporter) == error("DifferentValidators", *ids)


@pytest.mark.parametrize("entry", EQUIVOCATIONS)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_old_and_the_new_key_of_a_validator_contradict_each_other(
    court: Court, charge: Charges, operator: str, reporter: str, entry: str, swapped: bool
) -> None:
    """M31: they are one validator's; in both orders it is one case."""
    before = charge(entry)
    retired = court.rotate(operator, LIAR, "another key")
    after = charge(entry)
    assert before.signed.signature != after.signed.signature
    assert court.domain.recover(before.signed.root, before.signed.signature) == retired.address
    one, other = (after, before) if swapped else (before, after)
    court.accuse(one._replace(rest=other.rest), reporter)
    known = error("AlreadyAccused", court.key_of(before.accused))
    assert court.refusal(other._replace(rest=one.rest), reporter) == known


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_retired_key_accuses_until_its_last_second(
    court: Court, charge: Charges, operator: str, reporter: str, entry: str
) -> None:
    """M31: for 24 days. A key that leaked later hurts nobody."""
    evidence = charge(entry)
    # So that (c) has a set to accuse with.
    retired_at = now(court.chain) + 1
    retired = court.rotate(operator, LIAR, "another key", at=retired_at)
    last = retired_at + LIABILITY - 1
    if entry in CONTRADICTIONS:
        published = court.bond.snapshot(at=last - 1)
        evidence = by_quorum_of(court, published, evidence)
    assert court.refusal(evidence, reporter, at=last + 1) == error("UnknownKey", retired.address)
    court.accuse(evidence, reporter, at=last)


# Who has nothing to lose


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_validator_that_never_sat_is_not_accused(
    court: Court, charge: Charges, operator: str, reporter: str, entry: str
) -> None:
    """What it signed, nobody counted."""
    id_ = court.bond.register(operator)
    court.keys[id_] = signing_key(id_)
    assert court.refusal(charge(entry, by=id_), reporter) == error("NotLiable", id_)


def test_who_left_is_accused_until_its_last_second(
    court: Court, charge: Charges, operator: str, reporter: str
) -> None:
    """S4."""
    court.bond.staking.send("leave", LIAR, sender=operator)
    until = now(court.chain) + LIABILITY
    evidence = charge("laneEquivocation")
    assert court.bond.validator(LIAR).state == LEFT
    assert court.refusal(evidence, reporter, at=until) == error("NotLiable", LIAR)
    court.accuse(evidence, reporter, at=until - 1)


def test_who_is_accused_already_is_accused_of_more(
    court: Court, charge: Charges, operator: str, reporter: str
) -> None:
    """S4: its stake is held, though it left its seat long ago; only new evidence ends a case that was pardoned."""
    contradiction, equivocation = charge("laneContradiction"), charge("laneEquivocation")
    court.accuse(contradiction, reporter)
    frozen = court.bond.validator(LIAR).frozen_since
    court.bond.staking.send("leave", LIAR, sender=operator)
    court.bond.travel(LIABILITY + 1)
    court.accuse(equivocation, reporter)
    liar = court.bond.validator(LIAR)
    assert (liar.open_cases, liar.frozen_since) == (2, frozen)


@pytest.mark.parametrize("entry", ENTRIES)
def test_who_was_slashed_is_not_accused_again(
    court: Court, charge: Charges, reporter: str, entry: str
) -> None:
    """S5: one slash ends a validator."""
    evidence = charge(entry)
    first = Charge(
        "beyondSets",
        court.sign(SetFact(99, HEADS[0]), by=LIAR),
        (),
        accusation(LIAR, "FalseSet", 99),
    )
    court.accuse(first, reporter)
    court.settle(first.accused, reporter)
    if entry in CONTRADICTIONS:
        published = court.bond.snapshot()
        evidence = by_quorum_of(court, published, evidence)
    assert court.refusal(evidence, reporter) == error("WrongState", LIAR, ENDED)


# (b): what the hub knows


@pytest.mark.usefixtures("first_set")
def test_a_set_without_a_record_convicts_nobody(court: Court, reporter: str) -> None:
    """M53: neither of a version that no set has yet, nor of none, nor of one above any that there can be."""
    for version in (0, 2, 7, 2**64, 2**64 + 1, 2**256 - 1):
        said = court.sign(SetFact(version, HEADS[0]), by=LIAR)
        refusal = error("SetNotRecorded", version)
        assert (
            court.refusal(Charge("falseSet", said, (), accusation(LIAR, "FalseSet", 1)), reporter) == refusal
        )


@pytest.mark.usefixtures("first_set")
def test_no_set_is_beyond_those_that_were_published(court: Court, reporter: str) -> None:
    """M53, S11: a version that was published since is looked up."""
    said = court.sign(SetFact(2, HEADS[0]), by=LIAR)
    beyond = Charge("beyondSets", said, (), accusation(LIAR, "FalseSet", 2))
    court.bond.travel(TERM)
    published = court.bond.snapshot()
    assert court.refusal(beyond, reporter) == error("NotBeyondSets", 2, 2)
    true = court.sign(SetFact(2, published.hash), by=LIAR)
    same = error("SameFact", true.fact.leaf)
    assert court.refusal(Charge("falseSet", true, (), beyond.accused), reporter) == same
    court.accuse(Charge("falseSet", said, (), beyond.accused), reporter)


def test_no_case_opens_in_the_middle_of_a_delivery(
    court: Court,
    hub: Stack,
    inbound: PaperLane,
    deliver: Callable[..., Receipt],
    relayer: str,
) -> None:
    """S11: a message that will expire there stands in the lane before it is tried. Who signed so is right."""
    deliver(1)
    calling = inbound.append(relayer, hub.recipient.address, deliver_before=now(hub.chain) + DAY)
    expired = inbound.append(relayer, hub.recipient.address, deliver_before=1)
    fact = UnexecutedFact(inbound.origin, inbound.destination, 3, expired.id, 0)
    accused = accusation(LIAR, "FalseUnexecuted", fact.origin, fact.destination, fact.nonce)
    evidence = Charge("falseUnexecuted", court.sign(fact, by=LIAR), (inbound.heads[2], []), accused)
    data = court.slasher.encode(evidence.entry, *evidence.arguments)
    hub.recipient.send("setCall", court.slasher.address, data, sender=relayer)
    delivered = deliver(0)
    # The recipient refuses its message, because its call was refused.
    assert [values[0] for values in delivered.named("MessageFailed")] == [calling.id, expired.id]
    trace = court.chain.rpc("debug_traceTransaction", [delivered.hash, {"tracer": "callTracer"}])
    assert _answer(trace, court.slasher.address) == error("DeliveryUnderWay")
    assert court.state_of(accused) == "None"
    assert court.refusal(evidence, relayer) == error("MessageNotExecuted", expired.id, Status.EXPIRED)


def _answer(call: dict[str, Any], address: str) -> Revert | None:
    """What the contract at an address said, the first time that it was called."""
    if call["to"] == address.lower():
        return Revert(bytes.fromhex(call.get("output", "0x")[2:]))
    answers = (_answer(inner, address) for inner in call.get("calls", ()))
    return next((answer for answer in answers if answer is not None), None)


# (c): which quorum accuses


@pytest.mark.parametrize("entry", CONTRADICTIONS)
def test_only_the_newest_set_accuses(court: Court, charge: Charges, reporter: str, entry: str) -> None:
    """S11: the one before may have nothing at stake any more."""
    evidence = charge(entry)
    old = court.bond.staking.view("setHash", 1)
    court.bond.travel(TERM)
    published = court.bond.snapshot()
    assert court.refusal(evidence, reporter) == error("UnknownValidatorSet", old, published.hash)


@pytest.mark.parametrize("entry", CONTRADICTIONS)
def test_only_an_unexpired_set_accuses(court: Court, charge: Charges, reporter: str, entry: str) -> None:
    """S11: up to its last second."""
    evidence = charge(entry)
    expires = court.bond.staking.view("setExpires")
    assert court.refusal(evidence, reporter, at=expires + 1) == error("SetHasEnded", 1, expires)
    court.accuse(evidence, reporter, at=expires)


@pytest.mark.parametrize("entry", CONTRADICTIONS)
def test_a_set_whose_term_a_slash_ended_does_not_accuse(
    court: Court, charge: Charges, reporter: str, entry: str
) -> None:
    """S11: some of those who signed may be the liars. The next set accuses, in the same block if need be."""
    evidence = charge(entry)
    court.accuse(charge("beyondSets", by=1), reporter)
    expires = court.bond.staking.view("setExpires")
    assert court.refusal(evidence, reporter) == error("SetHasEnded", 1, expires)
    published = court.bond.snapshot()
    court.accuse(by_quorum_of(court, published, evidence), reporter)


def test_before_the_first_set_nobody_accuses(
    hub: Stack, operator: str, treasury: str, owner: str, deployer: str, reporter: str
) -> None:
    """M1: the hash of a set that does not exist is zero, and nobody's."""
    court = Court.found(hub.gateway, deployer=deployer, treasury=treasury, owner=owner)
    court.bond.endow(operator, 2 * MIN_OWN)
    court.seat(operator, MIN_OWN)
    said = SetFact(7, HEADS[0])
    nobody: tuple[Any, ...] = (said.leaf, (0, 0, []), 0, [])
    accused = accusation(1, "SetContradiction", 7)
    evidence = Charge("setContradiction", court.sign(said, by=1), (HEADS[1], nobody, []), accused)
    assert court.refusal(evidence, reporter) == error("SetHasEnded", 0, 0)
    beyond = Charge("beyondSets", evidence.signed, (), accusation(1, "FalseSet", 7))
    assert court.refusal(beyond, reporter) == error("NotBeyondSets", 7, 0)


def test_settles_is_what_the_slasher_says(court: Court) -> None:
    assert court.slasher.view("SETTLE_DELAY") == SETTLES
