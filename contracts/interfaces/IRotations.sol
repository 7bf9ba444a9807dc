// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/types/Attestation.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title Rotations: how one validator set follows another
/// @notice On the hub, the gateway adopts the set that the staking contract published last: there nobody signs for a
/// set, and none is announced. Everywhere else the installed set signs the next.
///
/// There, a set that has expired can be followed in two ways. For `ROTATION_GRACE` anyone may still `rotate` with its
/// signatures; after that, the recovery may, at any time. If there are no such signatures, the recovery may announce a
/// set once `RECOVERY_DELAY` has passed since the expiry. Anyone installs it `ANNOUNCEMENT_DELAY` later, unless another
/// was installed first.
interface IRotations {
    /// @notice Emitted when a validator set is installed. Each word is a signer (20 bytes) and its weight (12 bytes).
    event ValidatorSetInstalled(uint64 indexed version, uint64 expires, bytes32 setHash, bytes32[] validators);
    /// @notice Emitted when the recovery announces a set that can be installed from then on (Unix time).
    event SetAnnounced(uint64 indexed version, bytes32 setHash, uint64 installableFrom);

    /// @notice Thrown when an attestation's validator set, or one that is said to be installed, is not.
    error UnknownValidatorSet(bytes32 given, bytes32 installed);
    /// @notice Thrown unless a new set has a later expiry than the installed one, and a higher version, too, if the
    /// installed one signed for it.
    error SetNotNewer(uint64 version, uint64 expires, uint64 installedVersion, uint64 installedExpires);
    /// @notice Thrown when the version rises by more than `MAX_VERSION_STEP`.
    error VersionTooHigh(uint64 version, uint64 installedVersion);
    /// @notice Thrown when a set to install expires later than `latest`: more than `MAX_SET_LIFETIME` from now.
    error SetLivesTooLong(uint64 expires, uint256 latest);
    /// @notice Thrown when the proof does not lead from a fact about a validator set or a restart to the signed root.
    error FactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown when anyone but the recovery announces a set.
    error NotRecovery(address caller);
    /// @notice Thrown when a set is announced or installed too early: in Unix time.
    error RecoveryTooEarly(uint64 earliest);
    /// @notice Thrown when the set to install is not the announced one; zero if none is.
    error SetNotAnnounced(bytes32 given, bytes32 announced);

    /// @notice Thrown where sets are adopted, when one is to follow in another way.
    error SetsAreAdopted(address staking);
    /// @notice Thrown where sets are not adopted, when one is to be.
    error NothingToAdopt();
    /// @notice Thrown when the set to adopt is not the one that the staking contract published last.
    error SetNotNewest(bytes32 given, bytes32 newest);
    /// @notice Thrown at deployment with a staking contract anywhere but on the hub.
    error StakingNotHere(address staking);

    /// @notice Installs the set that the staking contract published last, on the hub. Anyone may call, at any time:
    /// whatever set is installed, expired or not, and however many versions lie in between. Reverts if that set is
    /// installed already, or has expired: then another must be published first.
    function adopt(ValidatorSet calldata next) external;

    /// @notice Installs the next validator set, whose set fact the installed set signed. Anyone may call, until
    /// `ROTATION_GRACE` after the installed set's expiry; later only the recovery.
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external;

    /// @notice Announces a set that nobody signed, with a later expiry than the installed one. Only the recovery, once
    /// `RECOVERY_DELAY` has passed since the expiry of the installed set. Replaces what was announced before, and
    /// begins the delay anew.
    function announceSet(ValidatorSet calldata installed, ValidatorSet calldata next) external;

    /// @notice Installs the announced set. Anyone may call, once its delay is over.
    function installAnnounced(ValidatorSet calldata next) external;
}
