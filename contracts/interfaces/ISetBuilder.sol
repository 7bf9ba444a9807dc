// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title SetBuilder: a validator set out of stakes
/// @notice Holds nothing and trusts nobody: beside Staking only because both do not fit one contract.
interface ISetBuilder {
    /// @notice The set that these validators form. Nobody's weight is more than 30 % of the total, so that nobody
    /// reaches or blocks a quorum alone: of the three largest, as many as need it are lowered to the same weight. The
    /// set is one that every gateway installs: Attestations.check reverts, for example below four validators.
    /// @param words A signer (20 bytes) and its stake in wei of ERA (12 bytes) each, in any order.
    /// @param version Of the set.
    /// @param expires Of the set (Unix time).
    /// @return validators The words of the set, in its order.
    /// @return setHash Its hash.
    function build(bytes32[] calldata words, uint64 version, uint64 expires)
        external
        view
        returns (bytes32[] memory validators, bytes32 setHash);
}
