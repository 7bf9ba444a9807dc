"""Every refusal that somebody may meet who stakes is said in words."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import interface_abis, load_artifacts
from metalayer.network.rpc import Reverted
from metalayer.staking.refusals import WORDS, in_words

# Of deployment, of the Slasher's own calls, and of what programs check in: nobody meets them by hand. The rest is
# OpenZeppelin's, of what cannot happen to ERA and signatures that were just made.
_NOT_MET = {
    "InvalidMinimum",
    "InvalidSeats",
    "NotLiable",
    "NotSlasher",
    "SetFactNotProven",
    "UnknownKey",
    "ZeroAddress",
}


def test_words_are_of_errors_that_there_are() -> None:
    abis = [item for name in ("Staking", "ERA") for item in load_artifacts([name])[name].abi]
    errors = {_signature(item): item for item in abis if item["type"] == "error"}
    assert WORDS.keys() <= errors.keys()
    for signature, say in WORDS.items():
        assert len(inspect.signature(say).parameters) == len(errors[signature]["inputs"]), signature


def test_what_staking_says_itself_has_words() -> None:
    said = {signature.partition("(")[0] for signature in WORDS}
    there = {item["name"] for item in interface_abis()["IStaking"] if item["type"] == "error"}
    assert there - said == _NOT_MET


def _signature(item: Any) -> str:
    return abi_to_signature(item)


def _reverted(signature: str, types: list[str], values: list[object]) -> Reverted:
    return Reverted("hub", "a call", keccak(text=signature)[:4] + encode(types, values))


@pytest.mark.parametrize(
    ("signature", "values", "text"),
    [
        ("ValidatorAccused(uint256)", [3], "hub: validator 3 is accused: until all its cases are closed"),
        ("WrongState(uint256,uint8)", [9, 0], "hub: there is no validator 9: "),
        ("WrongState(uint256,uint8)", [9, 1], "hub: validator 9 is neither slashed nor gone"),
        ("WrongState(uint256,uint8)", [9, 2], "hub: validator 9 gave up for good"),
        ("WrongState(uint256,uint8)", [9, 3], "hub: validator 9 was slashed: what is left"),
        ("TooEarly(uint256)", [86_400], "hub: too early: expected 1970-01-02 00:00:00 UTC or later"),
        (
            "NotBetter(uint256,uint256)",
            [10**18, 2 * 10**18],
            "the lowest seated stake is 2 ERA, expected more",
        ),
        ("InvalidCommission(uint16)", [10_001], "hub: a commission is at most 100 %, not 100.01 %"),
        ("ExitHeld(uint256,uint256)", [3, 6_851], "was slashable when it was accused: it is held"),
        ("NotSlasher(address)", ["0x" + "11" * 20], "hub: a call reverted: NotSlasher(caller=0x1111"),
    ],
)
def test_a_refusal_in_words(signature: str, values: list[object], text: str) -> None:
    types = signature.partition("(")[2].removesuffix(")").split(",")
    said = in_words(_reverted(signature, types, values), "hub")
    assert text in said
    assert "\n" not in said


def test_what_nobody_knows_is_said_as_it_is() -> None:
    assert (
        in_words(Reverted("hub", "a call", b""), "hub") == "hub: a call reverted: reverted without a reason"
    )
    assert "0xdeadbeef" in in_words(Reverted("hub", "a call", bytes.fromhex("deadbeef")), "hub")
