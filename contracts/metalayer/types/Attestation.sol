// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatorSet} from "./ValidatorSet.sol";

/// @notice A compact ECDSA signature (ERC-2098).
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice A Merkle root over facts, and a quorum's signatures of it.
/// @param root Root of the tree of facts.
/// @param validatorSet The installed set; the gateway keeps only its hash.
/// @param signers Bit i is set if `validatorSet.validators[i]` signed.
/// @param signatures One for each set bit, in the order of the set.
struct Attestation {
    bytes32 root;
    ValidatorSet validatorSet;
    uint256 signers;
    Signature[] signatures;
}
