// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What a gateway keeps about validator sets.
/// @custom:storage-location erc7201:metalayer.sets
/// @param installed Hash of the installed set.
/// @param announced Hash of the set that the recovery announced, zero if there is none.
/// @param installableFrom From when on that set can be installed (Unix time).
/// @param recovery Who may bring back a set.
struct SetState {
    bytes32 installed;
    bytes32 announced;
    uint64 installableFrom;
    address recovery;
}

/// @notice The state, at one fixed place (ERC-7201): the gateway shares it with {Annex}, whose code it runs.
function setState() pure returns (SetState storage state) {
    // solhint-disable-next-line no-inline-assembly
    assembly ("memory-safe") {
        // keccak256(abi.encode(uint256(keccak256("metalayer.sets")) - 1)) & ~bytes32(uint256(0xff))
        state.slot := 0x468878e0e089408d0ca0463ffb13919787c44555ddf04c1f2d06125c8bcd6c00
    }
}
