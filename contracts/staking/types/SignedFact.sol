// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Signature} from "../../metalayer/types/Attestation.sol";

/// @notice States that the lane (origin, destination) had `head` after `nonce` messages.
struct LaneFact {
    uint256 origin;
    uint256 destination;
    uint256 nonce;
    bytes32 head;
}

/// @notice States that the validator set of this version has this hash.
struct SetFact {
    uint256 version;
    bytes32 setHash;
}

/// @notice States that the owner of the origin restarted the lane (origin, destination) at `nonce`.
struct RestartFact {
    uint256 origin;
    uint256 destination;
    uint256 nonce;
}

/// @notice States that the destination did not execute message `id`, at place `nonce` of the lane (origin,
/// destination), before its deadline, and left it with this status ({MessageStatus}).
struct UnexecutedFact {
    uint256 origin;
    uint256 destination;
    uint256 nonce;
    bytes32 id;
    uint256 status;
}

/// @notice Proof that one validator signed a given fact.
/// @param root Root of the tree of facts that was signed.
/// @param proof Merkle proof of the fact's leaf.
/// @param signature The validator's signature of `Attestation(bytes32 root)`.
struct SignedFact {
    bytes32 root;
    bytes32[] proof;
    Signature signature;
}
