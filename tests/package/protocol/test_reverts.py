"""Return data in words: every error of what is deployed is known, those of OpenZeppelin among them."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import abi_to_signature, get_abi_input_types
from eth_utils.crypto import keccak

from metalayer.deploy.contracts import ARTIFACTS
from metalayer.protocol.reverts import explain
from tests.kit.evm import contract_types

ACCOUNT = "0x" + "Ab" * 20


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "reverted without a reason"),
        ("08c379a0" + f"{32:064x}{2:064x}" + "6e6f".ljust(64, "0"), "no"),
        ("08c379a0", "Error with malformed arguments 0x"),
        ("deadbeef00", "unknown error 0xdeadbeef00"),
        ("4e487b71" + f"{0x11:064x}", "panic 0x11: arithmetic overflow or underflow"),
        ("4e487b71" + f"{0x99:064x}", "panic 0x99: unknown code"),
    ],
)
def test_return_data_in_words(data: str, text: str) -> None:
    assert explain(bytes.fromhex(data)) == text


@pytest.mark.parametrize(
    ("signature", "values", "text"),
    [
        ("RouteClosed(uint256)", [904], "RouteClosed(chainId=904)"),
        (
            "UnsupportedAttribute(bytes4)",
            [bytes.fromhex("12345678")],
            "UnsupportedAttribute(selector=0x12345678)",
        ),
        (
            "OwnableUnauthorizedAccount(address)",
            [ACCOUNT],
            "OwnableUnauthorizedAccount(account=0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB)",
        ),
    ],
)
def test_errors_show_names_and_values(signature: str, values: list[Any], text: str) -> None:
    types = signature.partition("(")[2].removesuffix(")").split(",")
    assert explain(keccak(text=signature)[:4] + encode(types, values)) == text


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_error_of_what_is_deployed_is_known(name: str) -> None:
    assert contract_types()[name].errors
    for compiled in contract_types()[name].errors:
        error: Any = compiled.model_dump(mode="json", by_alias=True, exclude_none=True)
        types = get_abi_input_types(error)
        said = explain(keccak(text=abi_to_signature(error))[:4] + encode(types, [_zero(t) for t in types]))
        assert said.startswith(f"{compiled.name}("), said


def _zero(type_: str) -> Any:
    others = {"address": "0x" + "00" * 20, "string": ""}
    return others.get(type_, b"" if type_.startswith("bytes") else 0)
