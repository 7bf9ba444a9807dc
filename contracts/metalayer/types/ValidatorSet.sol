// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Who may sign, and for how long.
/// @param version Rises with every set.
/// @param expires Last second (Unix time) at which the set's signatures count.
/// @param validators One word each: signer (20 bytes), weight (12 bytes); in ascending order of signers.
struct ValidatorSet {
    uint64 version;
    uint64 expires;
    bytes32[] validators;
}
