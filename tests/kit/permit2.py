"""Permit2 as it is on most chains: the very code, at the very address."""

from __future__ import annotations

from pathlib import Path

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.network.config import PERMIT2
from metalayer.protocol.create3 import create2_address
from tests.kit.chains import BoundChain
from tests.kit.evm import code_of, transact

_CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""Of deterministic deployments: anvil has it, as most chains do."""
_SALT = bytes.fromhex("0000000000000000000000000000000000000000d3af2663da51c10215000000")
"""Of Permit2's own deployment script."""


def creation_code() -> bytes:
    """What the compiler made of https://github.com/Uniswap/permit2 at cc56ad0: src/Permit2.sol (MIT), solc 0.8.17, via
    IR, 1,000,000 runs, no metadata hash. Any other bytes would give another address.
    """
    path = Path(__file__).with_suffix(".hex")
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def place_permit2(chain: BoundChain, sender: str) -> str:
    """Deploys Permit2 on a chain, unless it is there."""
    if not code_of(chain, PERMIT2):
        code = creation_code()
        assert to_checksum_address(create2_address(_CREATE2_DEPLOYER, _SALT, keccak(code))) == PERMIT2
        assert transact(chain, _CREATE2_DEPLOYER, _SALT + code, sender).succeeded
        assert code_of(chain, PERMIT2)
    return PERMIT2
