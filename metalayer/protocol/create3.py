"""Addresses that are known before anything is deployed: CREATE2, and CREATE3 as `Create3Factory.sol` does it."""

from __future__ import annotations

from eth_abi.packed import encode_packed
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

ARACHNID = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""The deployment proxy that most chains have and anvil ships: CREATE2 of whatever it is sent."""
ARACHNID_CODE_HASH = keccak(
    hexstr="7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f580"
    "15156039578182fd5b8082525050506014600cf3"
)
# OpenZeppelin 5.7.0, utils/Create3.sol: hash of the creation code of the proxy that creates the contract.
_PROXY_HASH = bytes.fromhex("57a34f6e879358dd76825d6700df87013ad6a3fb43c0d0c602f70a8772c153bd")


def create2_address(creator: str, salt: bytes, code_hash: bytes) -> str:
    """EIP-1014."""
    return _last20(keccak(b"\xff" + to_canonical_address(creator) + salt + code_hash))


def create3_address(factory: str, namespace: str, salt: bytes) -> str:
    """`Create3Factory.addressOf`: the first contract of a proxy whose address depends on the salt alone."""
    bound = keccak(bytes(12) + to_canonical_address(namespace) + salt)
    proxy = create2_address(factory, bound, _PROXY_HASH)
    # RLP of [proxy, nonce 1].
    return _last20(keccak(encode_packed(["bytes2", "address", "uint8"], [b"\xd6\x94", proxy, 1])))


def _last20(digest: bytes) -> str:
    return str(to_checksum_address(digest[-20:]))
