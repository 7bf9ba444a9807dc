// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IRotations} from "../interfaces/IRotations.sol";
import {ISetSource} from "../interfaces/ISetSource.sol";
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

    /// @notice Publishes the sets of the hub; zero on other chains.
    address public immutable STAKING;

    constructor(address staking) {
        STAKING = staking;
    }

    /// @inheritdoc IRotations
    function adopt(ValidatorSet calldata next) external {
        require(STAKING != address(0), NothingToAdopt());
        bytes32 setHash = next.hashCalldata();
        _checkNewest(setHash);
        // Only one set has this hash: if it is installed, none that is newer was published since.
        require(
            setHash != setState().installed, SetNotNewer(next.version, next.expires, next.version, next.expires)
        );
        _install(next);
    }

    /// @inheritdoc IRotations
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external {
        _checkNotAdopted();
        _checkSuccessor(attestation, next, proof);
        _install(next);
    }

    /// @inheritdoc IRotations
    function announceSet(ValidatorSet calldata installed, ValidatorSet calldata next) external {
        _checkNotAdopted();
        SetState storage state = setState();
        require(msg.sender == state.recovery, NotRecovery(msg.sender));
        _checkInstalled(installed.hashCalldata());
        uint64 earliest = installed.expires + RECOVERY_DELAY;
        require(block.timestamp > earliest, RecoveryTooEarly(earliest));
        // Not by its version: the installed set may be one that a lying quorum numbered as high as it could.
        require(
            next.expires > installed.expires,
            SetNotNewer(next.version, next.expires, installed.version, installed.expires)
        );
        bytes32 setHash = next.hashCalldata();
        uint64 from = uint64(block.timestamp) + ANNOUNCEMENT_DELAY;
        state.announced = setHash;
        state.installableFrom = from;
        emit SetAnnounced(next.version, setHash, from);
    }

    /// @inheritdoc IRotations
    function installAnnounced(ValidatorSet calldata next) external {
        _checkNotAdopted();
        SetState storage state = setState();
        bytes32 setHash = next.hashCalldata();
        require(setHash == state.announced, SetNotAnnounced(setHash, state.announced));
        require(block.timestamp >= state.installableFrom, RecoveryTooEarly(state.installableFrom));
        _install(next);
    }

    /// @dev The newest set stands where the staking contract stores it, not in what somebody signed: no quorum can put
    /// another in its place, nor exhaust the versions.
    function _checkNewest(bytes32 setHash) internal view virtual {
        bytes32 newest = ISetSource(STAKING).setHash(ISetSource(STAKING).setVersion());
        require(setHash == newest, SetNotNewest(setHash, newest));
    }

    /// @dev On the hub only the staking contract decides which set follows: neither a quorum nor the recovery does.
    function _checkNotAdopted() internal view virtual {
        require(STAKING == address(0), SetsAreAdopted(STAKING));
    }

    /// @dev Where sets are not adopted: the installed set signed the hash of the next.
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
