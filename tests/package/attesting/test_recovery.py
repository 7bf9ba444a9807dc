"""What of another chain's `rotate` is believed: signatures that prove themselves, under the set that is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.recovery import _shows
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import SetFact, Tree

DOMAIN = Domain(901, "0x" + "11" * 20)
KEYS = [Account.from_key(keccak(text=f"validator {number}")) for number in range(4)]
PRESENT = ValidatorSet.of(1, 1_000, {key.address: 1 for key in KEYS})
FOLLOWING = replace(PRESENT, version=2, expires=2_000)
FACTS = [SetFact(2, FOLLOWING.hash), SetFact(9, bytes(32)), SetFact(10, bytes(32))]


def call(present: ValidatorSet = PRESENT, signers: int = 3, domain: Domain = DOMAIN) -> tuple[Any, ...]:
    """Arguments of a `rotate` under a tree of several facts, as they are read from calldata."""
    tree = Tree(FACTS)
    digest = domain.digest(tree.root)
    signatures = {key.address: compact(key.unsafe_sign_hash(digest)) for key in KEYS[:signers]}
    attestation = Attestation(tree.root, present, signatures)
    data = gateway.ROTATE.encode(attestation, FOLLOWING, tree.proof(FACTS[0]))
    return gateway.ROTATE.decode_arguments(data)


@pytest.mark.parametrize("signers", [3, 4])
def test_a_quorum_of_the_set_that_signed_the_wanted_one_is_believed(signers: int) -> None:
    assert _shows(DOMAIN, PRESENT, FOLLOWING, call(signers=signers))


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (FOLLOWING, call(signers=2)),
        (FOLLOWING, call(domain=replace(DOMAIN, network_id=902))),
        (FOLLOWING, call(present=replace(PRESENT, expires=1_001))),
        (replace(FOLLOWING, expires=2_001), call()),
        (FOLLOWING, (*call()[:2], ())),
        (FOLLOWING, (*call()[:2], (bytes(32),))),
    ],
    ids=[
        "no quorum",
        "another network",
        "another present set",
        "another next set",
        "no proof",
        "a false proof",
    ],
)
def test_whatever_else_a_node_shows_is_not(wanted: ValidatorSet, given: tuple[Any, ...]) -> None:
    assert not _shows(DOMAIN, PRESENT, wanted, given)
