// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRotations} from "./IRotations.sol";

/// @title ValidatorSets: who signs for the network, and what counts as signed
/// @notice One validator set is installed at a time; the gateway keeps only its hash. An attestation counts if it is by
/// the installed set, before the set expires, with signatures of more than two thirds of the set's weight. Validators
/// sign the EIP-712 struct `Attestation(bytes32 root)`.
interface IValidatorSets is IRotations {
    /// @notice Hash of the installed validator set.
    function validatorSetHash() external view returns (bytes32);

    /// @notice The set that the recovery announced; zero if there is none.
    /// @return setHash Its hash.
    /// @return installableFrom From when on it can be installed (Unix time).
    function announcedSet() external view returns (bytes32 setHash, uint64 installableFrom);

    /// @notice EIP-712 domain separator under which validators sign: name "Metalayer", version "1", the hub's chain id
    /// (on every chain), this gateway.
    function domainSeparator() external view returns (bytes32);
}
