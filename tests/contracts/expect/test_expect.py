"""Expect: a vote on a state that is gone reverts."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, code_of, created_address, deploy, error, transact

NOBODY = "0x000000000000000000000000000000000000bEEF"
ZERO = bytes(32)


@pytest.fixture(scope="session")
def expect(chains: dict[str, BoundChain], deployer: str) -> Contract:
    return deploy(chains["hub"], "Expect", sender=deployer)


@pytest.fixture(scope="session")
def subject(expect: Contract, deployer: str) -> Contract:
    """Its setting is 3; it returns what it stores, in several words."""
    subject = deploy(expect.chain, "ScriptedRecipient", sender=deployer)
    subject.send("setBehaviour", 3, sender=deployer)
    return subject


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


# result


def test_passes_what_is_as_expected(expect: Contract, subject: Contract) -> None:
    expect.view("result", subject.address, subject.encode("behaviour"), keccak(word(3)))


def test_refuses_another_result(expect: Contract, subject: Contract, attacker: str) -> None:
    call = (subject.address, subject.encode("behaviour"))
    refusal = expect.revert("result", *call, keccak(word(4)), sender=attacker)
    assert refusal == error("UnexpectedResult", *call, keccak(word(3)), keccak(word(4)))


def test_refuses_a_call_that_reverts(expect: Contract, subject: Contract, attacker: str) -> None:
    """Not even what it reverts with is a result."""
    call = (subject.address, subject.encode("accepted", 0))
    reason = subject.revert("accepted", 0, sender=attacker).data
    for expected in (keccak(reason), ZERO):
        refusal = expect.revert("result", *call, expected, sender=attacker)
        assert refusal == error("UnexpectedResult", *call, ZERO, expected)


def test_refuses_a_call_that_changes_something(expect: Contract, subject: Contract, attacker: str) -> None:
    call = (subject.address, subject.encode("setBehaviour", 0))
    refusal = expect.revert("result", *call, keccak(b""), sender=attacker, gas=1_000_000)
    assert refusal == error("UnexpectedResult", *call, ZERO, keccak(b""))


def test_an_account_without_code_returns_nothing(expect: Contract, attacker: str) -> None:
    expect.view("result", NOBODY, b"", keccak(b""))
    refusal = expect.revert("result", NOBODY, b"", keccak(word(0)), sender=attacker)
    assert refusal == error("UnexpectedResult", NOBODY, b"", keccak(b""), keccak(word(0)))


# word


@pytest.fixture(scope="session")
def pair(expect: Contract, deployer: str) -> Contract:
    """Returns two words, 7 and 8, and three bytes more, whatever it is asked."""
    code = bytes.fromhex("60075f52600860205260435ff3")
    creation = bytes.fromhex(f"60{len(code):02x}8060095f395ff3") + code
    nonce = int(expect.chain.rpc("eth_getTransactionCount", [deployer, "latest"]), 16)
    assert transact(expect.chain, None, creation, deployer).succeeded
    return Contract(expect.chain, "ScriptedRecipient", created_address(deployer, nonce))


def test_passes_one_word_of_several(expect: Contract, pair: Contract) -> None:
    expect.view("word", pair.address, b"", 0, word(7))
    expect.view("word", pair.address, b"", 1, word(8))


def test_refuses_another_word(expect: Contract, pair: Contract, attacker: str) -> None:
    refusal = expect.revert("word", pair.address, b"", 1, word(7), sender=attacker)
    assert refusal == error("UnexpectedResult", pair.address, b"", word(8), word(7))


@pytest.mark.parametrize("index", [2, 3, 2**251, 2**256 - 1])
def test_refuses_a_word_that_is_not_all_there(
    expect: Contract, pair: Contract, attacker: str, index: int
) -> None:
    """Memory behind what was returned is no result, and no index wraps around to another word."""
    refusal = expect.revert("word", pair.address, b"", index, ZERO, sender=attacker)
    assert refusal == error("UnexpectedResult", pair.address, b"", ZERO, ZERO)


def test_refuses_a_word_of_a_call_that_reverts(expect: Contract, subject: Contract, attacker: str) -> None:
    call = (subject.address, subject.encode("accepted", 0))
    assert len(subject.revert("accepted", 0, sender=attacker).data) >= 32
    refusal = expect.revert("word", *call, 0, ZERO, sender=attacker)
    assert refusal == error("UnexpectedResult", *call, ZERO, ZERO)


def test_refuses_a_word_of_an_account_without_code(expect: Contract, attacker: str) -> None:
    refusal = expect.revert("word", NOBODY, b"", 0, ZERO, sender=attacker)
    assert refusal == error("UnexpectedResult", NOBODY, b"", ZERO, ZERO)


# code


def test_passes_the_expected_code(expect: Contract, subject: Contract) -> None:
    expect.view("code", subject.address, keccak(code_of(expect.chain, subject.address)))
    expect.view("code", NOBODY, ZERO)


def test_refuses_other_code(expect: Contract, subject: Contract, attacker: str) -> None:
    """M24."""
    for account, found, expected in (
        (subject.address, keccak(code_of(expect.chain, subject.address)), ZERO),
        (NOBODY, ZERO, keccak(b"")),
        (attacker, keccak(b""), ZERO),
    ):
        refusal = expect.revert("code", account, expected, sender=attacker)
        assert refusal == error("UnexpectedCode", account, found, expected)
