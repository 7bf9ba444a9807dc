// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/types/Attestation.sol";
import {LaneFact, RestartFact, SetFact, SignedFact, UnexecutedFact} from "../staking/types/SignedFact.sol";
import {IMetalayer} from "./IMetalayer.sol";
import {IStaking} from "./IStaking.sol";

/// @title Slasher: from evidence to the slash, on the hub
/// @notice Whoever has evidence against a validator ({Evidence}) opens a case, without a bond. From then on nothing
/// that could be slashed leaves the validator. After `SETTLE_DELAY` anyone settles the case: {IStaking-settle} slashes,
/// and pays the reporter. How much is lost depends on who else is accused, not on how many cases there are.
///
/// - (a) Equivocation: the validator contradicts itself. It loses its seat at once. Nobody can pardon it.
/// - (b) A false fact about the hub. It loses its seat at once. Honest validators are convicted if the hub itself was
///   reorganised deeper than what was final: then the owner pardons.
/// - (c) Contradiction of a quorum of Staking's newest set. It keeps its seat. Honest validators are accused if the
///   chain that the fact is about was reorganised so: then the owner pardons. A quorum cannot be accused by itself.
///
/// A pardon reaches every fact of (b) and (c) at or below a place, whether it was accused before or not. A restart of a
/// lane from the hub pardons what is at or below it, without the owner.
///
/// There is one case for ever for each validator, kind and place, whoever reports it and in which order, and whether
/// its evidence was signed with the validator's present key or with one that it retired at most 24 days ago.
interface ISlasher {
    /// @notice What kind of fault, and what it is about: a place of a lane, or a version of sets.
    /// LaneEquivocation, SetEquivocation: (a). FalsePlace, FalseUnexecuted, FalseSet: (b). LaneContradiction,
    /// SetContradiction: (c).
    enum Kind {
        LaneEquivocation,
        SetEquivocation,
        FalsePlace,
        FalseUnexecuted,
        FalseSet,
        LaneContradiction,
        SetContradiction
    }

    enum CaseState {
        None,
        Open,
        Dismissed,
        Settled
    }

    /// @notice What a case is about.
    /// @param validator Id of the validator in Staking.
    /// @param origin Of the lane; zero for sets.
    /// @param destination Of the lane; zero for sets.
    /// @param nonce Place in the lane; the version for sets.
    struct Accusation {
        uint256 validator;
        Kind kind;
        uint256 origin;
        uint256 destination;
        uint256 nonce;
    }

    /// @param openedAt Unix time.
    /// @param reporter Who gets the reward.
    struct Case {
        uint48 openedAt;
        CaseState state;
        address reporter;
    }

    /// @notice Emitted when a case is opened. The values are those of its {Accusation}.
    event CaseOpened(
        bytes32 indexed key,
        uint256 indexed validator,
        Kind kind,
        uint256 origin,
        uint256 destination,
        uint256 nonce,
        address reporter
    );
    /// @notice Emitted when a case is closed because what it is about was pardoned.
    event CaseDismissed(bytes32 indexed key, uint256 indexed validator);
    /// @notice Emitted when a case is closed by the slash.
    event CaseSettled(bytes32 indexed key, uint256 indexed validator);
    /// @notice Emitted when the owner pardons what was signed about a lane, up to a place.
    event LanePardoned(uint256 indexed origin, uint256 indexed destination, uint64 throughNonce);
    /// @notice Emitted when the owner pardons what was signed about sets, up to a version.
    event SetsPardoned(uint64 throughVersion);

    /// @notice Thrown when two facts were signed by two validators: one of the two may be right.
    error DifferentValidators(uint256 validator, uint256 other);
    /// @notice Thrown when this accusation was made before, whatever became of it.
    error AlreadyAccused(bytes32 key);
    /// @notice Thrown when an accusation is about something that was pardoned.
    error IsPardoned(bytes32 key);
    /// @notice Thrown when a case to dismiss is about something that was not pardoned.
    error NotPardoned(bytes32 key);
    /// @notice Thrown when a case was never opened, or is closed.
    error CaseNotOpen(bytes32 key, CaseState state);
    /// @notice Thrown when a case cannot be settled before `settlesAt` (Unix time).
    error TooEarly(bytes32 key, uint256 settlesAt);
    /// @notice Thrown when Staking's newest set does not accuse: it has expired, or a slash ended its term.
    error SetHasEnded(uint64 version, uint256 expires);
    /// @notice Thrown when a pardon does not reach further than the one before.
    error PardonNotRaised(uint64 through, uint64 present);
    /// @notice Thrown when the gateway is in the middle of a delivery: what stands in a lane may not have been tried.
    error DeliveryUnderWay();
    /// @notice Thrown when the owner renounces: without one nobody could pardon.
    error OwnershipNotRenounceable();

    /// @notice Accuses, by (a), the validator that signed `fact`, and the same fact with `otherHead`. All functions
    /// that accuse revert with the errors of {Evidence}; if the signer is no validator's key; if the validator has
    /// nothing that could be slashed, or was slashed before; if the place was pardoned; if the accusation was made
    /// before.
    /// @return key Of the case.
    function laneEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHead,
        SignedFact calldata otherSigned
    ) external returns (bytes32 key);

    /// @notice Accuses, by (a), the validator that signed `fact`, and the same fact with `otherHash`.
    function setEquivocation(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHash,
        SignedFact calldata otherSigned
    ) external returns (bytes32 key);

    /// @notice Accuses, by (a), the validator that signed `fact`, and that the lane was restarted at the same place. Of
    /// the same kind as {laneEquivocation}: there is one case for a place.
    function placeEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        SignedFact calldata restartSigned
    ) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed `fact` about a lane from the hub, which had `trueHead` there.
    /// @param ids At most 63, from `trueHead` to the lane's present head or to a stored one.
    function falseHead(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 trueHead,
        bytes32[] calldata ids
    ) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed `fact` about a lane from the hub, which is not that long.
    function beyondLane(LaneFact calldata fact, SignedFact calldata signed) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed a restart of a lane from the hub, which was not restarted
    /// there or above.
    function falseRestart(RestartFact calldata fact, SignedFact calldata signed) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed another hash of a set than the one that Staking published
    /// under that version.
    function falseSet(SetFact calldata fact, SignedFact calldata signed) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed a set of a version that Staking has not reached.
    function beyondSets(SetFact calldata fact, SignedFact calldata signed) external returns (bytes32 key);

    /// @notice Accuses, by (b), the validator that signed that a message to the hub was not executed, which the hub's
    /// Inbox executed.
    /// @param previousHead Head of the lane before the message.
    /// @param ids Ids of all messages after it, up to the Inbox's present head.
    function falseUnexecuted(
        UnexecutedFact calldata fact,
        SignedFact calldata signed,
        bytes32 previousHead,
        bytes32[] calldata ids
    ) external returns (bytes32 key);

    /// @notice Accuses, by (c), the validator that signed `fact`, where a quorum of Staking's newest set signed
    /// `attestedHead`. The set must not have expired, nor its term have been ended by a slash.
    /// @param proof From the fact with `attestedHead` to the attestation's root.
    function laneContradiction(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHead,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external returns (bytes32 key);

    /// @notice Accuses, by (c), the validator that signed `fact`, where a quorum of Staking's newest set signed
    /// `attestedHash`. As {laneContradiction}.
    function setContradiction(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHash,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external returns (bytes32 key);

    /// @notice Pardons what was or will be signed about a lane up to `throughNonce`, except for (a). Only the owner.
    /// Cannot be taken back.
    function pardon(uint256 origin, uint256 destination, uint64 throughNonce) external;

    /// @notice Pardons what was or will be signed about sets up to `throughVersion`, except for (a). Only the owner.
    /// Cannot be taken back.
    function pardonSets(uint64 throughVersion) external;

    /// @notice Closes a case about something that was pardoned. Anyone may call. With the last open case of a
    /// validator, its stake is free again.
    function dismiss(Accusation calldata accusation) external;

    /// @notice Closes a case by the slash, `SETTLE_DELAY` after it was opened, and after the last accusation that
    /// counts with it ({IStaking-lastAccused}): until then that one may be pardoned. Anyone may call; the reward goes
    /// to whoever opened it. Reverts if it was pardoned, or if the validator was slashed before.
    function settle(Accusation calldata accusation) external;

    /// @notice Seconds from the opening of a case until it can be settled: 28 days. A decision of governance takes 20:
    /// 2 until the vote begins, 10 of voting, 6 if it is extended, 2 in the timelock.
    function SETTLE_DELAY() external view returns (uint256);

    /// @notice EIP-712 domain separator under which validators sign: that of all gateways of the network.
    function ATTESTATION_DOMAIN() external view returns (bytes32);

    /// @notice The hub's gateway.
    function GATEWAY() external view returns (IMetalayer);

    /// @notice Where validators are registered, and slashed.
    function STAKING() external view returns (IStaking);

    /// @notice Key of the case about an accusation: its hash.
    function keyOf(Accusation calldata accusation) external pure returns (bytes32);

    /// @notice The case with this key.
    function caseOf(bytes32 key) external view returns (Case memory);

    /// @notice Whether what an accusation is about is pardoned now.
    function isPardoned(Accusation calldata accusation) external view returns (bool);

    /// @notice Place in a lane up to which the owner pardoned; zero if nothing was.
    function pardonedThrough(uint256 origin, uint256 destination) external view returns (uint64);

    /// @notice Version of sets up to which the owner pardoned; zero if nothing was.
    function setsPardonedThrough() external view returns (uint64);
}
