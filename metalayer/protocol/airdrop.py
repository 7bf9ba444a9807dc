"""`Airdrop`: who may claim what of a tree. See contracts/interfaces/IAirdrop.sol."""

from __future__ import annotations

from metalayer.protocol.abi import Event, Function

ROOT = Function("ROOT()", "bytes32")
END = Function("END()", "uint256", int)
TREASURY = Function("TREASURY()", "address")
IS_CLAIMED = Function("isClaimed(address)", "bool", bool)
CLAIM = Function("claim(address,uint256,bytes32[])")
SWEEP = Function("sweep(address)")
CLAIMED = Event("Claimed(address indexed,uint256)")
SWEPT = Event("Swept(address indexed,uint256)")
