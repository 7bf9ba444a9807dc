// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IRotations} from "../interfaces/IRotations.sol";
import {SignedSets} from "./SignedSets.sol";
import {Attestations} from "./libraries/Attestations.sol";
import {Facts} from "./libraries/Facts.sol";
import {Attestation} from "./types/Attestation.sol";
import {SetState, setState} from "./types/SetState.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @title Rotations: how one validator set follows another
/// @notice See {IRotations}.
abstract contract Rotations is SignedSets {
    using Attestations for ValidatorSet;

    /// @notice Most by which the version rises from one set to the next: a lying quorum cannot exhaust the versions.
    uint64 public constant MAX_VERSION_STEP = 1 << 16;
    /// @notice Time after its expiry in which a set can still sign its successor, and nothing else.
    uint64 public constant ROTATION_GRACE = 7 days;
    /// @notice Time from a set's expiry until the recovery may announce another, and from there until it is installed.
    uint64 public constant RECOVERY_DELAY = 14 days;
    uint64 public constant ANNOUNCEMENT_DELAY = 7 days;

    /// @inheritdoc IRotations
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external {
        _checkSuccessor(attestation, next, proof);
        _install(next);
    }

    /// @inheritdoc IRotations
    function announceSet(ValidatorSet calldata installed, ValidatorSet calldata next) external {
        SetState storage state = setState();
        require(msg.sender == state.recovery, NotRecovery(msg.sender));
        _checkInstalled(installed.hashCalldata());
        uint64 earliest = installed.expires + RECOVERY_DELAY;
        require(block.timestamp > earliest, RecoveryTooEarly(earliest));
        _checkNewer(next, installed);
        bytes32 setHash = next.hashCalldata();
        uint64 from = uint64(block.timestamp) + ANNOUNCEMENT_DELAY;
        state.announced = setHash;
        state.installableFrom = from;
        emit SetAnnounced(next.version, setHash, from);
    }

    /// @inheritdoc IRotations
    function installAnnounced(ValidatorSet calldata next) external {
        SetState storage state = setState();
        bytes32 setHash = next.hashCalldata();
        require(setHash == state.announced, SetNotAnnounced(setHash, state.announced));
        require(block.timestamp >= state.installableFrom, RecoveryTooEarly(state.installableFrom));
        _install(next);
    }

    /// @dev Where the next set comes from: the installed set signed its hash. Another source, like a staking contract
    /// on the same chain, takes the place of this check.
    function _checkSuccessor(
        Attestation calldata attestation,
        ValidatorSet calldata next,
        bytes32[] calldata proof
    ) internal view virtual {
        _checkAttestation(attestation, msg.sender == setState().recovery ? type(uint64).max : ROTATION_GRACE);
        _checkNewer(next, attestation.validatorSet);
        _checkFact(proof, attestation.root, Facts.validatorSet(next.version, next.hashCalldata()));
    }

    function _checkNewer(ValidatorSet calldata next, ValidatorSet calldata present) internal view virtual {
        require(
            next.version > present.version && next.expires > present.expires,
            SetNotNewer(next.version, next.expires, present.version, present.expires)
        );
        unchecked {
            require(next.version - present.version <= MAX_VERSION_STEP, VersionTooHigh(next.version, present.version));
        }
    }
}
