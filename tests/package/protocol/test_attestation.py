"""Trees, validator sets and signatures in Python."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree
from tests.kit.paper import keys
from tests.kit.signatures import ORDER
from tests.kit.strategies import facts

NOW = 1_800_000_000
KEYS = keys(5)
SET = ValidatorSet.of(1, NOW, {key.address: 1 for key in KEYS})
GATEWAY = "0x" + "11" * 20
ROOT = b"\7" * 32


@given(chosen=st.lists(facts, min_size=1, max_size=20), data=st.data())
def test_the_root_does_not_depend_on_order_or_repetition(chosen: list[Fact], data: st.DataObject) -> None:
    assert Tree(data.draw(st.permutations(chosen + chosen[:1]))).root == Tree(chosen).root


def test_one_fact_is_its_own_tree() -> None:
    fact = LaneFact(901, 902, 1, ROOT)
    assert Tree([fact]).root == fact.leaf
    assert Tree([fact]).proof(fact) == []


def test_a_tree_proves_nothing_else() -> None:
    """M7"""
    fact = LaneFact(901, 902, 1, ROOT)
    with pytest.raises(ValueError, match="does not hold"):
        Tree([fact]).proof(replace(fact, nonce=2))
    with pytest.raises(ValueError, match="at least one"):
        Tree([])


def test_facts_of_two_kinds_never_share_a_leaf_or_a_key() -> None:
    kinds: list[Fact] = [SetFact(1, ROOT), LaneFact(0, 0, 1, ROOT), RestartFact(0, 0, 1)]
    assert len({fact.leaf for fact in kinds}) == len({fact.key for fact in kinds}) == 3


def test_a_restart_says_nothing_that_could_be_contradicted() -> None:
    assert RestartFact(901, 902, 7).value == b""
    assert RestartFact(901, 902, 7).key != RestartFact(901, 902, 8).key


def test_a_set_may_be_installed_until_the_second_in_which_it_expires() -> None:
    SET.validate(NOW)
    with pytest.raises(MetalayerError, match="expired"):
        SET.validate(NOW + 1)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (SET.members[:3], "4 to 32"),
        (tuple((key.address, 1) for key in keys(33)), "4 to 32"),
        (SET.members[::-1], "ascending"),
        (SET.members[:1] + SET.members[:4], "ascending"),
        ((("0x" + "00" * 20, 1), *SET.members), "zero"),
        (((SET.members[0][0], 0), *SET.members[1:]), "weight 0"),
        (((SET.members[0][0], 3), *SET.members[1:]), "less than a third"),
    ],
    ids=["three", "33", "descending", "repeated", "zero signer", "zero weight", "over a third"],
)
def test_an_invalid_set_is_refused(members: tuple[tuple[str, int], ...], error: str) -> None:
    """P3, M2, M4, M9"""
    with pytest.raises(MetalayerError, match=error):
        ValidatorSet(1, NOW, members).validate(NOW)


def test_exactly_two_thirds_are_no_quorum() -> None:
    """P3, M3"""
    six = ValidatorSet.of(1, NOW, {key.address: 1 for key in keys(6)})
    signers = [signer for signer, _ in six.members]
    assert not six.quorum(signers[:4])
    assert six.quorum(signers[:5])
    assert not six.quorum([signers[0]] * 5)
    assert not six.quorum(["0x" + "22" * 20] * 5)


def test_words_are_read_back() -> None:
    assert ValidatorSet.from_words(1, NOW, SET.words) == SET


def test_a_signature_recovers_in_its_place_only() -> None:
    """M17: not under another root, gateway or network, not with the other s, not cut short."""
    key = KEYS[0]
    signature = compact(key.sign_message(Domain(901, GATEWAY).signable(ROOT)))
    assert signature == compact(key.unsafe_sign_hash(Domain(901, GATEWAY).digest(ROOT)))
    assert Domain(901, GATEWAY).recover(ROOT, signature) == key.address
    for network_id, gateway, root in (
        (902, GATEWAY, ROOT),
        (901, key.address, ROOT),
        (901, GATEWAY, bytes(32)),
    ):
        assert Domain(network_id, gateway).recover(root, signature) != key.address
    vs = int.from_bytes(signature[32:], "big")
    parity, s = divmod(vs, 1 << 255)
    malleated = ((1 - parity) << 255) + (ORDER - s)
    other_s = signature[:32] + (malleated % (1 << 256)).to_bytes(32, "big")
    assert Domain(901, GATEWAY).recover(ROOT, other_s) != key.address
    high_s = signature[:32] + ((parity << 255) + ORDER // 2 + 1).to_bytes(32, "big")
    assert Domain(901, GATEWAY).recover(ROOT, high_s) is None
    assert Domain(901, GATEWAY).recover(ROOT, signature[:-1]) is None
    assert Domain(901, GATEWAY).recover(ROOT, bytes(64)) is None


def test_signatures_are_encoded_in_the_order_of_the_set() -> None:
    chosen = KEYS[4], KEYS[1]
    signatures = {key.address: bytes([position]) * 64 for position, key in enumerate(chosen)}
    attestation = Attestation(ROOT, SET, signatures)
    assert attestation.signers == 0b10010
    assert attestation.fields[3] == [(b"\1" * 32, b"\1" * 32), (b"\0" * 32, b"\0" * 32)]
    assert not attestation.has_quorum
