"""Sets: what is published, and who shows that it signs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import SetFact, Tree
from tests.kit.evm import CODEC, Revert, call, error
from tests.kit.paper import DAY, keys
from tests.kit.signatures import DEFECTS
from tests.kit.staking import (
    ERA,
    LIABILITY,
    LIFETIME,
    MIN_OWN,
    TERM,
    Bond,
    set_of,
    signing_key,
)

GRACE = 7 * DAY
"""In which gateways let an expired set sign the next."""
LONGEST = 30 * DAY
"""Gateways refuse sets that expire later than that from now."""


# Publishing


def test_publishes_the_seats_as_a_set(bond: Bond, seated: list[int], operator: str, passer_by: str) -> None:
    """S8: version 1 at once."""
    bond.staking.send("addOwn", seated[0], 5 * ERA, sender=operator)
    receipt = bond.staking.send("snapshot", sender=passer_by)
    ((version, expires, set_hash, words),) = receipt.named("SetPublished")
    published = set_of(version, expires, words)
    stakes = {signing_key(id_).address: bond.validator(id_).stake for id_ in seated}
    assert dict(published.members) == stakes
    assert list(published.members) == sorted(published.members, key=lambda member: int(member[0], 16))
    assert (version, expires) == (1, bond.now + LIFETIME)
    assert set_hash == published.hash == bond.staking.view("setHash", 1)
    published.validate(bond.now)


def test_remembers_the_newest_set_and_every_hash(bond: Bond, seated: list[int]) -> None:
    """S8: versions rise by one, expiries rise."""
    first = bond.snapshot()
    bond.travel(TERM)
    second = bond.snapshot()
    view = bond.staking.view
    assert (view("setVersion"), view("setExpires"), view("setAt")) == (2, second.expires, bond.now)
    assert [view("setHash", version) for version in range(4)] == [
        bytes(32),
        first.hash,
        second.hash,
        bytes(32),
    ]
    assert second.version == first.version + 1
    assert second.expires > first.expires


def test_a_term_lasts_three_days(bond: Bond, seated: list[int], passer_by: str) -> None:
    bond.snapshot()
    until = bond.now + TERM
    early = bond.staking.revert("snapshot", sender=passer_by, at=until - 1)
    assert early == error("TooEarly", until)
    bond.snapshot(at=until)


def test_below_four_seats_says_how_many_there_are(bond: Bond, operator: str, passer_by: str) -> None:
    for count in range(4):
        assert bond.staking.revert("snapshot", sender=passer_by) == error("InvalidValidatorCount", count)
        bond.seat(operator, MIN_OWN)
    assert len(bond.snapshot().members) == 4


def test_below_four_seats_the_last_set_stays(
    bond: Bond, seated: list[int], operator: str, passer_by: str
) -> None:
    """And runs out, for everybody to see."""
    published = bond.snapshot()
    bond.staking.send("leave", seated[0], sender=operator)
    bond.travel(TERM)
    assert bond.staking.revert("snapshot", sender=passer_by) == error("InvalidValidatorCount", 3)
    assert bond.staking.view("setHash", 1) == published.hash
    assert bond.staking.view("setVersion") == 1


def test_a_slash_ends_the_term(bond: Bond, operator: str) -> None:
    """S8: another set in the same second expires a second later, so that gateways take it."""
    ids = bond.seat(operator, *[MIN_OWN] * 5)
    first = bond.snapshot()
    assert not bond.staking.view("termEnded")
    bond.accuse(ids[0], at=bond.now)
    assert bond.staking.view("termEnded")
    second = bond.snapshot(at=bond.now)
    assert bond.now + LIFETIME == first.expires
    assert second.expires == first.expires + 1
    assert signing_key(ids[0]).address not in dict(second.members)
    assert not bond.staking.view("termEnded")


def test_a_case_that_unseats_nobody_ends_no_term(bond: Bond, seated: list[int]) -> None:
    bond.snapshot()
    bond.accuse(seated[0], unseat=False)
    assert not bond.staking.view("termEnded")
    assert seated[0] in bond.staking.view("seats")


def test_the_term_of_who_left_after_the_set_ends_and_of_who_left_before_does_not(
    bond: Bond, operator: str, passer_by: str
) -> None:
    """The newest set may still have its key."""
    early, late, *_ = bond.seat(operator, *[MIN_OWN] * 5)
    bond.staking.send("leave", early, sender=operator)
    bond.travel(1)
    bond.seat(operator, MIN_OWN)
    bond.snapshot()
    bond.staking.send("leave", late, sender=operator)
    bond.accuse(early)
    assert not bond.staking.view("termEnded")
    bond.accuse(late)
    assert bond.staking.view("termEnded")


def test_a_new_key_is_in_the_next_set(bond: Bond, seated: list[int], operator: str) -> None:
    before = bond.snapshot()
    key = signing_key("new")
    possession = bond.possession(operator, key)
    bond.staking.send("rotateKey", seated[0], key.address, possession, sender=operator)
    bond.travel(TERM)
    after = bond.snapshot()
    old = signing_key(seated[0]).address
    assert [signer in dict(before.members) for signer in (old, key.address)] == [True, False]
    assert [signer in dict(after.members) for signer in (old, key.address)] == [False, True]


def test_sets_end_before_their_members_are_free(bond: Bond, seated: list[int]) -> None:
    """And gateways take them: they live shorter than the longest."""
    published = bond.snapshot()
    assert published.expires - bond.now + GRACE < LIABILITY - 3 * DAY
    assert published.expires - bond.now < LONGEST


# Weights


@pytest.fixture
def build(bond: Bond) -> Callable[[dict[str, int]], ValidatorSet | Revert]:
    """The set that SetBuilder makes of stakes by signer, in that order."""

    def build(stakes: dict[str, int]) -> ValidatorSet | Revert:
        return built(bond, stakes)

    return build


def built(bond: Bond, stakes: dict[str, int], version: int = 7) -> ValidatorSet | Revert:
    expires = bond.now + LIFETIME
    words = [to_canonical_address(signer) + stake.to_bytes(12, "big") for signer, stake in stakes.items()]
    data = bond.builder.encode("build", words, version, expires)
    result = call(bond.chain, bond.builder.address, data)
    if isinstance(result, Revert):
        return result
    made, set_hash = CODEC.decode(["bytes32[]", "bytes32"], result)
    found = set_of(version, expires, made)
    assert found.hash == set_hash
    return found


def capped(stakes: list[int]) -> list[int]:
    """30 % of the total at most, by the definition: lower the largest to the cap until nobody is above it."""
    ordered = sorted(stakes, reverse=True)
    for count in range(len(ordered)):
        cap = 3 * sum(ordered[count:]) // (10 - 3 * count)
        if ordered[count] <= cap:
            return [min(stake, cap) if count else stake for stake in stakes]
    raise AssertionError("nobody is below the cap")


SIGNERS = [key.address for key in keys(32, "member")]


@pytest.mark.parametrize(
    ("stakes", "weights"),
    [
        ([25, 25, 25, 25], [25, 25, 25, 25]),
        ([30, 30, 20, 20], [30, 30, 20, 20]),
        ([700, 100, 100, 100], [128, 100, 100, 100]),
        ([10**27, 10**24, 10**24, 10**24, 10**24], None),
        ([500, 500, 10, 10], [15, 15, 10, 10]),
        ([500, 400, 300, 7], [21, 21, 21, 7]),
        ([300, 500, 7, 400], [21, 21, 7, 21]),
    ],
)
def test_nobody_weighs_more_than_30_percent(
    build: Callable[[dict[str, int]], ValidatorSet], stakes: list[int], weights: list[int] | None
) -> None:
    """S8."""
    made = build(dict(zip(SIGNERS, stakes, strict=False)))
    assert [weight for _, weight in made.members] == (weights or capped(stakes))


@given(
    stakes=st.lists(st.integers(10**18, 10**27) | st.integers(10**23, 2 * 10**23), min_size=4, max_size=32),
    order=st.randoms(use_true_random=False),
)
def test_every_set_is_one_that_gateways_take(founded: Bond, stakes: list[int], order: Any) -> None:
    """S8: any stakes in any order, after rounding; who is not above the cap keeps its stake."""
    by_signer = dict(zip(SIGNERS, stakes, strict=False))
    shuffled = list(by_signer.items())
    order.shuffle(shuffled)
    made = built(founded, dict(shuffled))
    assert isinstance(made, ValidatorSet)
    made.validate(founded.now)
    weights = dict(made.members)
    assert [weights[signer] for signer in by_signer] == capped(stakes)
    assert max(weights.values()) * 10 <= made.total * 3


def test_refuses_what_no_gateway_takes(build: Callable[[dict[str, int]], ValidatorSet | Revert]) -> None:
    assert build(dict.fromkeys(SIGNERS[:3], 1)) == error("InvalidValidatorCount", 3)
    too_many = [*SIGNERS, signing_key(1).address]
    assert build(dict.fromkeys(too_many, 1)) == error("InvalidValidatorCount", 33)
    assert build({}) == error("InvalidValidatorCount", 0)
    nothing = dict(zip(SIGNERS, (0, 1, 1, 1, 1, 1), strict=False))
    assert build(nothing) == error("InvalidWeight", 0, 0, 5)


def test_a_giant_is_capped_in_the_published_set(
    bond: Bond, seated: list[int], operator: str, delegator: str
) -> None:
    bond.staking.send("delegate", seated[0], 19 * MIN_OWN, sender=delegator)
    weights = dict(bond.snapshot().members)
    assert weights[signing_key(seated[0]).address] == 3 * 3 * MIN_OWN // 7
    assert Fraction(max(weights.values()), sum(weights.values())) <= Fraction(3, 10)


# Checking in


@pytest.fixture
def published(bond: Bond, seated: list[int]) -> ValidatorSet:
    made = bond.snapshot()
    bond.travel(DAY)
    return made


def test_any_part_of_the_set_checks_in(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    signing = [signing_key(id_) for id_ in seated[1:3]]
    receipt = bond.staking.send("checkIn", *bond.attest(published, signing), sender=passer_by)
    assert {id_ for (id_,) in receipt.named("CheckedIn")} == set(seated[1:3])
    assert all(bond.validator(id_).alive_at == bond.now for id_ in seated[1:3])
    assert all(bond.validator(id_).alive_at < bond.now for id_ in (seated[0], seated[3]))


def test_everybody_checks_in(bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str) -> None:
    arguments = bond.attest(published, [signing_key(id_) for id_ in seated])
    assert len(bond.staking.send("checkIn", *arguments, sender=passer_by).named("CheckedIn")) == 4


def test_checks_in_with_a_key_that_is_in_the_set_and_retired(
    bond: Bond, seated: list[int], published: ValidatorSet, operator: str, passer_by: str
) -> None:
    possession = bond.possession(operator, signing_key("new"))
    bond.staking.send("rotateKey", seated[0], signing_key("new").address, possession, sender=operator)
    arguments = bond.attest(published, [signing_key(seated[0])])
    receipt = bond.staking.send("checkIn", *arguments, sender=passer_by)
    assert receipt.named("CheckedIn") == [(seated[0],)]


def test_does_not_count_without_a_seat(
    bond: Bond, seated: list[int], published: ValidatorSet, operator: str, passer_by: str
) -> None:
    bond.staking.send("leave", seated[0], sender=operator)
    before = bond.validator(seated[0])
    arguments = bond.attest(published, [signing_key(id_) for id_ in seated])
    receipt = bond.staking.send("checkIn", *arguments, sender=passer_by)
    assert {id_ for (id_,) in receipt.named("CheckedIn")} == set(seated[1:])
    assert bond.validator(seated[0]) == before


def test_refuses_another_set_than_the_newest(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    bond.travel(TERM)
    newest = bond.snapshot()
    arguments = bond.attest(published, [signing_key(seated[0])])
    refusal = error("NotNewestSet", published.hash, newest.hash)
    assert bond.staking.revert("checkIn", *arguments, sender=passer_by) == refusal
    bond.staking.send("checkIn", *bond.attest(newest, [signing_key(seated[0])]), sender=passer_by)


def test_refuses_a_set_that_was_never_published(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    invented = ValidatorSet(published.version, published.expires, published.members[:3])
    arguments = bond.attest(invented, [signing_key(seated[0])])
    refusal = error("NotNewestSet", invented.hash, published.hash)
    assert bond.staking.revert("checkIn", *arguments, sender=passer_by) == refusal


def test_refuses_before_the_first_set(bond: Bond, seated: list[int], passer_by: str) -> None:
    """M1: no hash is the zero one."""
    weights = sorted((signing_key(id_).address, MIN_OWN) for id_ in seated)
    invented = ValidatorSet(0, bond.now + DAY, tuple(weights))
    arguments = bond.attest(invented, [signing_key(seated[0])])
    refusal = error("NotNewestSet", invented.hash, bytes(32))
    assert bond.staking.revert("checkIn", *arguments, sender=passer_by) == refusal


def test_refuses_a_signature_over_something_else(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    """Whoever signs other facts does not show that it signs this one."""
    fact = SetFact(published.version, published.hash)
    root = SetFact(published.version, keccak(text="another set")).leaf
    key = signing_key(seated[0])
    digest = Domain(bond.chain.chain_id, bond.gateway).digest(root)
    signed = Attestation(root, published, {key.address: compact(key.unsafe_sign_hash(digest))})
    refusal = error("SetFactNotProven", root, fact.leaf)
    assert bond.staking.revert("checkIn", signed.fields, [], sender=passer_by) == refusal


def position_of(published: ValidatorSet, validator: int) -> int:
    return [signer for signer, _ in published.members].index(signing_key(validator).address)


def test_refuses_a_signature_of_a_stranger(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    (root, set_, signers, _), proof = bond.attest(published, [signing_key(seated[0])])
    digest = Domain(bond.chain.chain_id, bond.gateway).digest(root)
    forged = compact(signing_key("stranger").unsafe_sign_hash(digest))
    attestation = (root, set_, signers, [(forged[:32], forged[32:])])
    place = position_of(published, seated[0])
    refusal = error("InvalidSignature", place, signing_key(seated[0]).address)
    assert bond.staking.revert("checkIn", attestation, proof, sender=passer_by) == refusal


@pytest.mark.parametrize("defect", DEFECTS)
def test_refuses_a_spoilt_signature(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str, defect: str
) -> None:
    """M17."""
    (root, set_, signers, [(r, vs)]), proof = bond.attest(published, [signing_key(seated[0])])
    attestation = (root, set_, signers, [DEFECTS[defect](r, vs)])
    place = position_of(published, seated[0])
    refusal = error("InvalidSignature", place, signing_key(seated[0]).address)
    assert bond.staking.revert("checkIn", attestation, proof, sender=passer_by) == refusal


@pytest.mark.parametrize("change", ["a signature too many", "one too few", "a member too many"])
def test_refuses_other_signatures_than_it_says(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str, change: str
) -> None:
    (root, set_, signers, signatures), proof = bond.attest(published, [signing_key(id_) for id_ in seated])
    if change == "a signature too many":
        signatures = [*signatures, signatures[0]]
    elif change == "one too few":
        signatures = signatures[:-1]
    else:
        signers |= 1 << 4
    refusal = error("SignersMismatch", signers, 4, len(signatures))
    attestation = (root, set_, signers, signatures)
    assert bond.staking.revert("checkIn", attestation, proof, sender=passer_by) == refusal


def test_refuses_another_domain(
    bond: Bond, seated: list[int], published: ValidatorSet, passer_by: str
) -> None:
    """M17: signatures of another network do not count."""
    fact = SetFact(published.version, published.hash)
    tree, key = Tree([fact]), signing_key(seated[0])
    digest = Domain(bond.chain.chain_id + 1, bond.gateway).digest(tree.root)
    signed = Attestation(tree.root, published, {key.address: compact(key.unsafe_sign_hash(digest))})
    refusal = error("InvalidSignature", position_of(published, seated[0]), key.address)
    assert bond.staking.revert("checkIn", signed.fields, [], sender=passer_by) == refusal
