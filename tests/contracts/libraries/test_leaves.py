"""Each piece of assembly computes what OpenZeppelin's libraries or the compiler do, for any input, in dirty memory; and
the one packed addition what three checked ones would.

What only ours refuses is tested with what it is for: recipients in `test_outbox.py`, messages in `test_inbox.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.attestation import compact
from metalayer.protocol.message import interoperable
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, deploy, error
from tests.kit.signatures import ORDER
from tests.kit.strategies import addresses, nearly_recipients, payloads, uint64, uint256, words

DIGEST = keccak(text="digest")
KEY = Account.from_key(keccak(text="key"))
UNDER_OVERFLOW = 0x11
# Places of the words of `messageId`'s message in its calldata, behind five words of arguments.
_MESSAGE = 4 + 5 * 32


@pytest.fixture(scope="module")
def leaves(chains: dict[str, BoundChain], relayer: str) -> Contract:
    return deploy(chains["hub"], "LeavesHarness", sender=relayer)


@given(id_=words, chain_id=uint256, account=addresses, payload=payloads)
@example(id_=bytes(32), chain_id=0, account="0x" + "00" * 20, payload=b"")
def test_a_recipient_is_called_with_what_the_compiler_would_encode(
    leaves: Contract, id_: bytes, chain_id: int, account: str, payload: bytes
) -> None:
    """M6, M16"""
    made, expected = leaves.view("call", id_, chain_id, account, payload)
    assert made == expected


@given(chain_id=uint256, account=addresses)
def test_accounts_are_written_as_openzeppelin_writes_them(
    leaves: Contract, chain_id: int, account: str
) -> None:
    """M16"""
    made, expected = leaves.view("form", chain_id, account)
    assert made == expected


@given(given_=nearly_recipients() | st.binary(max_size=70))
@example(given_=b"")
@example(given_=bytes(26))
@example(given_=interoperable(2**256 - 1, "0x" + "ff" * 20))
@example(given_=interoperable(1, "0x" + "ff" * 20) + b"\0")
@example(given_=b"\0\1\0\0\2\0\1\x14" + b"\xff" * 20)
def test_an_account_is_read_only_as_openzeppelin_reads_it_and_in_one_spelling(
    leaves: Contract, given_: bytes
) -> None:
    """M16: what is not the canonical form names nobody."""
    chain_id, account, is_parsed, expected_id, expected = leaves.view("parse", given_)
    if int(account, 16):
        assert (is_parsed, chain_id, account) == (True, expected_id, expected)
        assert given_ == interoperable(chain_id, account)
    elif is_parsed and expected_id and int(expected, 16):
        assert given_ != interoperable(expected_id, expected)


@given(
    fields=st.tuples(addresses, addresses, uint64, uint64, uint256, payloads), place=st.tuples(*[uint256] * 4)
)
def test_ids_are_hashed_as_the_compiler_would_encode_them(
    leaves: Contract, fields: tuple[Any, ...], place: tuple[int, ...]
) -> None:
    made, expected = leaves.view("messageId", fields, *place)
    assert made == expected


@pytest.mark.parametrize("bit", [160, 255])
@pytest.mark.parametrize("field", [0, 1])
def test_refuses_an_account_with_dirty_bits(leaves: Contract, field: int, bit: int) -> None:
    """M16: an id commits to words, so that no word may be read two ways."""
    assert isinstance(dirtied(leaves, field, bit), Revert)


@pytest.mark.parametrize("bit", [64, 255])
@pytest.mark.parametrize("field", [2, 3])
def test_refuses_a_number_with_dirty_bits(leaves: Contract, field: int, bit: int) -> None:
    """M16"""
    assert isinstance(dirtied(leaves, field, bit), Revert)


def test_takes_every_bit_of_a_fee(leaves: Contract) -> None:
    assert not isinstance(dirtied(leaves, 4, 255), Revert)


def dirtied(leaves: Contract, field: int, bit: int) -> bytes | Revert:
    account = "0x" + "11" * 20
    data = bytearray(leaves.encode("messageId", (account, account, 1, 1, 0, b"payload"), 1, 2, 3, 4))
    assert data[_MESSAGE + 12 : _MESSAGE + 32] == bytes.fromhex(account[2:])
    data[_MESSAGE + 32 * field + 31 - bit // 8] |= 1 << bit % 8
    return call(leaves.chain, leaves.address, bytes(data))


@given(members=st.lists(words, max_size=34), version=uint64, expires=uint64)
def test_sets_are_hashed_alike_where_they_lie(
    leaves: Contract, members: list[bytes], version: int, expires: int
) -> None:
    """M2"""
    made, expected = leaves.view("setHash", (version, expires, members))
    assert made == expected


@given(proof=st.lists(words, max_size=8), leaf=words)
@example(proof=[bytes(32), b"\xff" * 32], leaf=bytes(32))
def test_proofs_lead_where_openzeppelins_do(leaves: Contract, proof: list[bytes], leaf: bytes) -> None:
    """M1, M7"""
    made, expected = leaves.view("root", proof, leaf)
    assert made == expected


def signature(s: int, parity: int, r: bytes | None = None) -> tuple[bytes, bytes]:
    true = compact(KEY.unsafe_sign_hash(DIGEST))
    return r or true[:32], (s | parity << 255).to_bytes(32, "big")


@given(signed=st.tuples(words, words))
@example(signed=signature(0, 0))
@example(signed=signature(0, 1))
@example(signed=signature(ORDER // 2, 0))
@example(signed=signature(ORDER // 2 + 1, 1))
@example(signed=signature(1, 0, bytes(32)))
@example(signed=signature(1, 1, ORDER.to_bytes(32, "big")))
def test_signers_are_recovered_as_openzeppelin_recovers_them(
    leaves: Contract, signed: tuple[bytes, bytes]
) -> None:
    """M17"""
    made, expected = leaves.view("recover", DIGEST, signed)
    assert made == expected


@given(digest=words, key=st.integers(1, ORDER - 1))
def test_a_true_signature_recovers_its_signer(leaves: Contract, digest: bytes, key: int) -> None:
    account = Account.from_key(key.to_bytes(32, "big"))
    signed = compact(account.unsafe_sign_hash(digest))
    made, expected = leaves.view("recover", digest, (signed[:32], signed[32:]))
    assert made == expected == account.address


@pytest.mark.parametrize("parity", [0, 1])
def test_an_s_above_half_of_the_order_recovers_nobody(leaves: Contract, parity: int) -> None:
    """M17: the second form of a signature. Of the compact encoding few such values are left, but there are some."""
    for s in (ORDER // 2 + 1, 2**255 - 1):
        made, expected = leaves.view("recover", DIGEST, signature(s, parity))
        assert made == expected == "0x" + "00" * 20
    lowest, _ = leaves.view("recover", DIGEST, signature(ORDER // 2, parity))
    assert int(lowest, 16)


@given(
    parts=st.tuples(uint64, uint64, uint64, uint64),
    fees=st.tuples(uint64, uint64),
)
@example(parts=(2**64 - 1, 0, 0, 0), fees=(0, 0))
@example(parts=(0, 2**64 - 1, 0, 2**64 - 1), fees=(1, 0))
@example(parts=(0, 0, 2**64 - 1, 2**64 - 1), fees=(0, 1))
@example(parts=(2**64 - 2, 0, 0, 2**64 - 1), fees=(2**64 - 1, 2**64 - 1))
def test_a_lane_grows_by_one_message_and_its_fees_or_panics(
    leaves: Contract, parts: tuple[int, ...], fees: tuple[int, int]
) -> None:
    """P5: no part of the word spills into the next one."""
    grown = (parts[0] + 1, parts[1] + fees[0], parts[2] + fees[1], parts[3])
    state = sum(part << 64 * i for i, part in enumerate(parts))
    if max(grown) < 2**64:
        assert leaves.view("extend", state, *fees) == sum(part << 64 * i for i, part in enumerate(grown))
    else:
        refusal = leaves.revert("extend", state, *fees, sender=ZERO_ADDRESS)
        assert refusal == error("Panic", UNDER_OVERFLOW)
