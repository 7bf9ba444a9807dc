// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IRotations} from "../interfaces/IRotations.sol";
import {Attestations} from "./libraries/Attestations.sol";
import {Facts} from "./libraries/Facts.sol";
import {Attestation} from "./types/Attestation.sol";
import {SetState, setState} from "./types/SetState.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @title SignedSets: what counts as signed, and which set may be installed
abstract contract SignedSets is IRotations {
    using Attestations for Attestation;
    using Attestations for ValidatorSet;

    /// @dev Longest time that an installed set has until it expires, in seconds.
    uint64 internal constant MAX_SET_LIFETIME = 30 days;

    function _domainSeparator() internal view virtual returns (bytes32);

    /// @param grace Time after its expiry in which the set's signatures count, in seconds.
    function _checkAttestation(Attestation calldata attestation, uint64 grace) internal view virtual {
        ValidatorSet calldata set = attestation.validatorSet;
        (uint64 version, uint64 expires, bytes32[] calldata validators) =
            (set.version, set.expires, set.validators);
        _checkInstalled(Attestations.hashParts(version, expires, validators));
        Attestations.checkExpiry(version, expires, grace);
        attestation.checkQuorum(validators, _domainSeparator());
    }

    function _checkFact(bytes32[] calldata proof, bytes32 root, bytes32 leaf) internal pure {
        require(Facts.root(proof, leaf) == root, FactNotProven(root, leaf));
    }

    function _checkInstalled(bytes32 given) internal view {
        bytes32 installed = setState().installed;
        require(given == installed, UnknownValidatorSet(given, installed));
    }

    /// @dev Ends an announcement: what was announced is installed, or not needed any more.
    function _install(ValidatorSet memory validatorSet) internal {
        validatorSet.check();
        uint256 latest = block.timestamp + MAX_SET_LIFETIME;
        require(validatorSet.expires <= latest, SetLivesTooLong(validatorSet.expires, latest));
        bytes32 setHash = validatorSet.hash();
        SetState storage state = setState();
        state.installed = setHash;
        delete state.announced;
        delete state.installableFrom;
        emit ValidatorSetInstalled(validatorSet.version, validatorSet.expires, setHash, validatorSet.validators);
    }
}
