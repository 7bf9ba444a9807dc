// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tally} from "../governance/types/Tally.sol";

/// @title SpokeVotes: votes of the ERA on this chain
/// @notice On every chain but the hub, at the address of {IHubVotePool} there. Counts votes for any ballot, which is a
/// proposal and its snapshot as a voter names them; the hub takes only the tally of the snapshot that the proposal has.
/// Weights are ERA's own votes at the snapshot, by this chain's clock. Anyone brings a tally to the hub, any number of
/// times. Votes count if their tally is cast there before the proposal's deadline.
interface ISpokeVotes {
    /// @notice Emitted when an account votes. The three numbers are what it added, in wei of ERA.
    event VoteCast(
        address indexed voter,
        uint256 indexed proposalId,
        uint48 indexed snapshot,
        uint128 against,
        uint128 inFavour,
        uint128 abstain
    );
    /// @notice Emitted when a tally is sent to the hub. `messageId` is that of the message that carries it.
    event TallySent(uint256 indexed proposalId, uint48 indexed snapshot, bytes32 indexed messageId, Tally tally);

    /// @notice Thrown when a snapshot is not a full hour that has passed.
    error InvalidSnapshot(uint48 snapshot);
    /// @notice Thrown when the kind of vote is none of 0 (against), 1 (for) and 2 (abstain).
    error InvalidVoteType(uint8 support);
    /// @notice Thrown when an account has no votes left of those it had at the snapshot, or votes with nothing.
    error NoVotes(address voter, uint48 snapshot);
    /// @notice Thrown when an account votes with more than it has left, in wei of ERA.
    error VotesExceeded(address voter, uint256 votes, uint256 left);
    /// @notice Thrown when a signature is not the voter's.
    error InvalidSignature(address voter);
    /// @notice Thrown when a tally is sent of a ballot without votes.
    error EmptyTally(uint256 proposalId, uint48 snapshot);

    /// @notice Votes with all that the caller has left: 0 against, 1 for, 2 abstain.
    function castVote(uint256 proposalId, uint48 snapshot, uint8 support) external returns (uint256 weight);

    /// @notice Votes with parts of what the caller has left.
    function castFractionalVote(uint256 proposalId, uint48 snapshot, Tally calldata votes) external;

    /// @notice Votes with all that `voter` has left, with its signature (EIP-712 or ERC-1271): type
    /// `Ballot(uint256 proposalId,uint48 snapshot,uint8 support,address voter,uint256 nonce)`. The nonce is the voter's
    /// next one for the key `uint192(proposalId)`, as on the hub: signatures for several proposals do not wait for each
    /// other.
    function castVoteBySig(
        uint256 proposalId,
        uint48 snapshot,
        uint8 support,
        address voter,
        bytes calldata signature
    ) external returns (uint256 weight);

    /// @notice Votes with parts of what `voter` has left, with its signature: type
    /// `FractionalBallot(uint256 proposalId,uint48 snapshot,uint128 against,uint128 inFavour,uint128 abstain,address
    /// voter,uint256 nonce)`, with the same nonces.
    function castFractionalVoteBySig(
        uint256 proposalId,
        uint48 snapshot,
        Tally calldata votes,
        address voter,
        bytes calldata signature
    ) external;

    /// @notice Sends the tally of a ballot to the hub. Anyone; the caller pays what `quoteTally` says, from credit of
    /// which it allowed this contract that much.
    function sendTally(uint256 proposalId, uint48 snapshot) external returns (bytes32 messageId);

    /// @notice What sending a tally costs, in wei of ERA.
    function quoteTally() external view returns (uint256);

    /// @notice Votes that were cast here, in wei of ERA.
    function tally(uint256 proposalId, uint48 snapshot) external view returns (Tally memory);

    /// @notice What an account has voted with, in wei of ERA.
    function usedVotes(uint256 proposalId, uint48 snapshot, address voter) external view returns (uint256);
}
