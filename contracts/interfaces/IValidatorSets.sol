// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/types/Attestation.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title ValidatorSets: who signs for the network, and what counts as signed
/// @notice One validator set is installed at a time; the gateway keeps only its hash. An attestation counts if it is by
/// the installed set, before the set expires, with signatures of more than two thirds of the set's weight. Validators
/// sign the EIP-712 struct `Attestation(bytes32 root)`.
interface IValidatorSets {
    /// @notice Emitted when a validator set is installed. Each word is a signer (20 bytes) and its weight (12 bytes).
    event ValidatorSetInstalled(uint64 indexed version, uint64 expires, bytes32 setHash, bytes32[] validators);

    /// @notice Thrown when an attestation's validator set is not the installed one.
    error UnknownValidatorSet(bytes32 given, bytes32 installed);
    /// @notice Thrown unless a new set has a higher version and a later expiry than the installed one.
    error SetNotNewer(uint64 version, uint64 expires, uint64 installedVersion, uint64 installedExpires);
    /// @notice Thrown when the proof does not lead from a fact about a validator set or a restart to the signed root.
    error FactNotProven(bytes32 root, bytes32 leaf);

    /// @notice Installs the next validator set, whose set fact the installed set signed. Anyone may call.
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external;

    /// @notice Hash of the installed validator set.
    function validatorSetHash() external view returns (bytes32);

    /// @notice EIP-712 domain separator under which validators sign: name "Metalayer", version "1", the hub's chain id
    /// (on every chain), this gateway.
    function domainSeparator() external view returns (bytes32);
}
