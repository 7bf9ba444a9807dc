"""What convicts a validator, out of what was seen signed: pure. Each charge is a call of the Slasher."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

from metalayer.protocol import slasher
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.facts import Fact, RestartFact, SetFact, SignedFact, contradict
from metalayer.protocol.slasher import Accusation, Kind
from metalayer.staking.testimony import Sighting

Whose = Mapping[str, int]
"""Ids of validators by the keys that they have or had."""


@dataclass(frozen=True)
class Charge:
    """A case to open: what it is about, and the Slasher's function that opens it."""

    accusation: Accusation
    function: Function[bytes]
    arguments: tuple[Any, ...]

    @property
    def data(self) -> bytes:
        """The call. Most charges are never tried."""
        return self.function.encode(*self.arguments)


@dataclass(frozen=True)
class Statement:
    """What a validator signed, with one of its keys."""

    validator: int
    key: str
    signed: SignedFact


@dataclass(frozen=True)
class Falsehood:
    """That a fact about the hub is false: the Slasher's function, and what it takes besides the signed fact."""

    kind: Kind
    function: Function[bytes]
    rest: tuple[Any, ...] = ()


def statements(sightings: Iterable[Sighting], whose: Whose) -> list[Statement]:
    """What validators said; what others signed is nothing."""
    return [
        Statement(whose[key], key, SignedFact(fact, one.root, proof, signature))
        for one in sightings
        for fact, proof in one.facts.items()
        for key, signature in one.signatures.items()
        if key in whose
    ]


def equivocations(sightings: Iterable[Sighting], whose: Whose) -> Iterator[Charge]:
    """(a): validators that contradict themselves at one place, with whatever keys. One charge for each pair of a
    validator's keys: one of them may not answer any more.

    sightings: all that was signed of one place.
    """
    said: dict[int, dict[str, dict[bytes, SignedFact]]] = {}
    for one in statements(sightings, whose):
        by_leaf = said.setdefault(one.validator, {}).setdefault(one.key, {})
        by_leaf.setdefault(one.signed.fact.leaf, one.signed)
    for id_, by_key in said.items():
        for key, other in combinations_with_replacement(sorted(by_key), 2):
            # Of two different things at one place, one is false.
            pairs = product(list(by_key[key].values())[:2], list(by_key[other].values())[:2])
            pair = next((two for two in pairs if contradict(two[0].fact, two[1].fact)), None)
            if pair is not None:
                yield _equivocation(id_, *pair)


def _equivocation(id_: int, one: SignedFact, other: SignedFact) -> Charge:
    if isinstance(one.fact, RestartFact):
        one, other = other, one
    if isinstance(one.fact, SetFact):
        kind, function = Kind.SET_EQUIVOCATION, slasher.SET_EQUIVOCATION
    elif isinstance(other.fact, RestartFact):
        about = _accusation(id_, Kind.LANE_EQUIVOCATION, one.fact)
        return Charge(about, slasher.PLACE_EQUIVOCATION, (one.statement, one.fields, other.fields))
    else:
        kind, function = Kind.LANE_EQUIVOCATION, slasher.LANE_EQUIVOCATION
    arguments = one.statement, one.fields, other.fact.value, other.fields
    return Charge(_accusation(id_, kind, one.fact), function, arguments)


def contradictions(sightings: Sequence[Sighting], whose: Whose, newest: ValidatorSet) -> Iterator[Charge]:
    """(c): validators that contradict a quorum of the newest set, which signed something else under one root.

    sightings: all that was signed of one place.
    """
    members = {signer for signer, _ in newest.members}
    said = statements(sightings, whose)
    attested: set[bytes] = set()
    for one in sightings:
        found = {signer: signature for signer, signature in one.signatures.items() if signer in members}
        for fact, proof in one.facts.items():
            if fact.leaf in attested or not newest.quorum(found):
                continue
            attested.add(fact.leaf)
            others = {
                other.validator: other.signed
                for other in said
                if other.signed.fact.key == fact.key and contradict(other.signed.fact, fact)
            }
            attestation = Attestation(one.root, newest, found)
            for id_, signed in others.items():
                yield _contradiction(id_, signed, fact.value, attestation, proof)


def _contradiction(
    id_: int, signed: SignedFact, value: bytes, attestation: Attestation, proof: Sequence[bytes]
) -> Charge:
    is_set = isinstance(signed.fact, SetFact)
    kind = Kind.SET_CONTRADICTION if is_set else Kind.LANE_CONTRADICTION
    function = slasher.SET_CONTRADICTION if is_set else slasher.LANE_CONTRADICTION
    arguments = signed.statement, signed.fields, value, attestation, list(proof)
    return Charge(_accusation(id_, kind, signed.fact), function, arguments)


def falsehoods(sightings: Iterable[Sighting], whose: Whose, false: Falsehood) -> Iterator[Charge]:
    """(b): validators that signed what is false about the hub."""
    for said in statements(sightings, whose):
        arguments = said.signed.statement, said.signed.fields, *false.rest
        yield Charge(_accusation(said.validator, false.kind, said.signed.fact), false.function, arguments)


def _accusation(id_: int, kind: Kind, fact: Fact) -> Accusation:
    if isinstance(fact, SetFact):
        return Accusation(id_, kind, 0, 0, fact.version)
    return Accusation(id_, kind, fact.origin, fact.destination, fact.nonce)


def in_order(charges: Iterable[Charge]) -> list[list[Charge]]:
    """Charges by what one of them is enough for, the first that opens a case: of a validator's equivocations any one,
    because nobody can pardon it; of the others one for each lane, and for sets, the highest: a pardon reaches what is
    below. Validators that contradicted themselves come first.
    """
    groups: dict[tuple[str, int, int, int, int], list[Charge]] = {}
    for charge in charges:
        about = charge.accusation
        lane = (about.origin, about.destination, int(about.kind)) if about.kind.pardonable else (0, 0, 0)
        groups.setdefault((about.kind.letter, about.validator, *lane), []).append(charge)
    return [sorted(group, key=lambda charge: -charge.accusation.nonce) for _, group in sorted(groups.items())]
