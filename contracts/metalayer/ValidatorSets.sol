// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IRotations} from "../interfaces/IRotations.sol";
import {IValidatorSets} from "../interfaces/IValidatorSets.sol";
import {Annexed} from "./Annexed.sol";
import {SignedSets} from "./SignedSets.sol";
import {Attestation} from "./types/Attestation.sol";
import {setState} from "./types/SetState.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @title ValidatorSets
/// @notice See {IValidatorSets}.
abstract contract ValidatorSets is Annexed, IValidatorSets, SignedSets {
    bytes32 private immutable _DOMAIN_SEPARATOR;

    constructor(uint256 networkId, ValidatorSet memory validatorSet) {
        // Every chain uses the hub's id, so that one signature serves the whole network.
        _DOMAIN_SEPARATOR = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), networkId, address(this), bytes32(0)
        );
        _install(validatorSet);
    }

    /// @inheritdoc IRotations
    function adopt(ValidatorSet calldata) external {
        _runAnnex();
    }

    /// @inheritdoc IRotations
    function rotate(Attestation calldata, ValidatorSet calldata, bytes32[] calldata) external {
        _runAnnex();
    }

    /// @inheritdoc IRotations
    function announceSet(ValidatorSet calldata, ValidatorSet calldata) external {
        _runAnnex();
    }

    /// @inheritdoc IRotations
    function installAnnounced(ValidatorSet calldata) external {
        _runAnnex();
    }

    /// @inheritdoc IValidatorSets
    function validatorSetHash() external view returns (bytes32) {
        return setState().installed;
    }

    /// @inheritdoc IValidatorSets
    function announcedSet() external view returns (bytes32 setHash, uint64 installableFrom) {
        return (setState().announced, setState().installableFrom);
    }

    /// @inheritdoc IValidatorSets
    function domainSeparator() external view returns (bytes32) {
        return _DOMAIN_SEPARATOR;
    }

    function _domainSeparator() internal view override returns (bytes32) {
        return _DOMAIN_SEPARATOR;
    }
}
