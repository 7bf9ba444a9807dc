"""Which tokens take permits, and in whose name they are signed."""

from __future__ import annotations

from typing import Any, cast

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.assets import permits
from metalayer.network.connection import Connection
from metalayer.network.rpc import RpcError

TOKEN = "0x" + "12" * 20
TYPE = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


def separator(name: str, version: str, chain_id: int = 901) -> bytes:
    values = [TYPE, keccak(text=name), keccak(text=version), chain_id, TOKEN]
    return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))


class Says:
    """A chain whose token answers these views, and no others."""

    chain_id = 901

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def view(self, _token: str, function: Any, *_values: Any) -> Any:
        if function.name not in self._answers:
            raise RpcError("reverted")
        return self._answers[function.name]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({}, None),
        ({"DOMAIN_SEPARATOR": separator("A", "1")}, None),
        ({"DOMAIN_SEPARATOR": separator("A", "1"), "name": "A"}, ("A", "1")),
        ({"DOMAIN_SEPARATOR": separator("USD Coin", "2"), "name": "USD Coin"}, ("USD Coin", "2")),
        ({"DOMAIN_SEPARATOR": separator("A", "3"), "name": "A"}, None),
        ({"DOMAIN_SEPARATOR": separator("A", "3"), "eip712Domain": ("A", "3"), "name": "B"}, ("A", "3")),
        ({"DOMAIN_SEPARATOR": separator("A", "1", 902), "name": "A"}, None),
        ({"DOMAIN_SEPARATOR": separator("A", "1"), "eip712Domain": ("B", "1"), "name": "A"}, None),
    ],
    ids=["nothing", "no name", "version 1", "version 2", "another", "as it says", "another chain", "it lies"],
)
def test_the_domain_is_the_one_that_hashes_to_the_separator(
    answers: dict[str, Any], found: tuple[str, str] | None
) -> None:
    assert permits.domain(cast(Connection, Says(**answers)), TOKEN) == found
