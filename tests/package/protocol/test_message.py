"""Messages, heads and ERC-7930 addresses in Python. That they equal the contracts' is tested in tests/crosschain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from metalayer.errors import MetalayerError
from metalayer.protocol.message import Message, genesis_head, interoperable, parse_interoperable

ACCOUNT = to_checksum_address("0x" + "ab" * 20)
OTHER = to_checksum_address("0x" + "cd" * 20)
MESSAGE = Message(901, 902, 903, 1, ACCOUNT, ACCOUNT, 200_000, 1_800_000_000, 0, b"payload")


@pytest.mark.parametrize(
    "change",
    [
        {"network_id": 900},
        {"origin": 904},
        {"destination": 904},
        {"nonce": 2},
        {"sender": OTHER},
        {"recipient": OTHER},
        {"gas_limit": 1},
        {"deliver_before": 1},
        {"fee": 1},
        {"payload": b""},
    ],
)
def test_the_id_commits_to_every_field(change: dict[str, object]) -> None:
    assert replace(MESSAGE, **change).id != MESSAGE.id  # type: ignore[arg-type]


def test_a_lane_has_its_own_genesis() -> None:
    places = [(901, 901, 902, 0), (901, 902, 901, 0), (901, 901, 902, 256), (900, 901, 902, 0)]
    assert len({genesis_head(*place) for place in places}) == len(places)


@pytest.mark.parametrize(("chain_id", "length"), [(1, 1), (255, 1), (256, 2), (70_000, 3), (2**256 - 1, 32)])
def test_the_chain_reference_has_no_leading_zeros(chain_id: int, length: int) -> None:
    data = interoperable(chain_id, ACCOUNT)
    assert data[4] == length
    assert data[5] != 0
    assert parse_interoperable(data) == (chain_id, ACCOUNT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        interoperable(902, ACCOUNT) + b"\0",
        interoperable(902, ACCOUNT)[:-1],
        b"\0\2" + interoperable(902, ACCOUNT)[2:],
        b"\0\1\0\1" + interoperable(902, ACCOUNT)[4:],
        b"\0\1\0\0\3\0\3\x86\x14" + b"\xab" * 20,
        b"\0\1\0\0\0\x14" + b"\xab" * 20,
        b"\0\1\0\0\2\3\x86\x13" + b"\xab" * 19,
        b"\0\1\0\0\2\3\x86\0",
        interoperable(0, ACCOUNT),
    ],
    ids=[
        "empty",
        "trailing",
        "short",
        "version",
        "type",
        "leading zero",
        "no chain",
        "19 bytes",
        "no address",
        "chain zero",
    ],
)
def test_only_the_canonical_form_is_parsed(data: bytes) -> None:
    """M16"""
    with pytest.raises(MetalayerError, match="not a canonical ERC-7930 address"):
        parse_interoperable(data)
