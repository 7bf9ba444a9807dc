// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IValidatorSets} from "../interfaces/IValidatorSets.sol";
import {Attestations} from "./libraries/Attestations.sol";
import {Facts} from "./libraries/Facts.sol";
import {Attestation} from "./types/Attestation.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @title ValidatorSets
/// @notice See {IValidatorSets}.
abstract contract ValidatorSets is IValidatorSets {
    using Attestations for Attestation;
    using Attestations for ValidatorSet;

    bytes32 private immutable _DOMAIN_SEPARATOR;

    /// @inheritdoc IValidatorSets
    bytes32 public validatorSetHash;

    constructor(uint256 networkId, ValidatorSet memory validatorSet) {
        // Every chain uses the hub's id, so that one signature serves the whole network.
        _DOMAIN_SEPARATOR = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), networkId, address(this), bytes32(0)
        );
        _install(validatorSet);
    }

    /// @inheritdoc IValidatorSets
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external {
        _checkSuccessor(attestation, next, proof);
        _install(next);
    }

    /// @inheritdoc IValidatorSets
    function domainSeparator() external view returns (bytes32) {
        return _DOMAIN_SEPARATOR;
    }

    /// @dev Where the next set comes from: the installed set signed its hash. Another source, like a staking contract
    /// on the same chain, takes the place of this check.
    function _checkSuccessor(
        Attestation calldata attestation,
        ValidatorSet calldata next,
        bytes32[] calldata proof
    ) internal view virtual {
        _checkAttestation(attestation);
        _checkNewer(next, attestation.validatorSet);
        _checkFact(proof, attestation.root, Facts.validatorSet(next.version, next.hashCalldata()));
    }

    function _checkAttestation(Attestation calldata attestation) internal view virtual {
        ValidatorSet calldata set = attestation.validatorSet;
        (uint64 version, uint64 expires, bytes32[] calldata validators) =
            (set.version, set.expires, set.validators);
        bytes32 given = Attestations.hashParts(version, expires, validators);
        bytes32 installed = validatorSetHash;
        require(given == installed, UnknownValidatorSet(given, installed));
        Attestations.checkExpiry(version, expires);
        attestation.checkQuorum(validators, _DOMAIN_SEPARATOR);
    }

    function _checkNewer(ValidatorSet calldata next, ValidatorSet calldata present) internal view virtual {
        require(
            next.version > present.version && next.expires > present.expires,
            SetNotNewer(next.version, next.expires, present.version, present.expires)
        );
    }

    function _checkFact(bytes32[] calldata proof, bytes32 root, bytes32 leaf) internal pure {
        require(Facts.root(proof, leaf) == root, FactNotProven(root, leaf));
    }

    function _install(ValidatorSet memory validatorSet) private {
        validatorSet.check();
        bytes32 setHash = validatorSet.hash();
        validatorSetHash = setHash;
        emit ValidatorSetInstalled(validatorSet.version, validatorSet.expires, setHash, validatorSet.validators);
    }
}
