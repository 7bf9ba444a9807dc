// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/libraries/Attestations.sol";
import {Message} from "../metalayer/libraries/Messages.sol";

/// @notice Consecutive messages of one lane, and what ties them to a signed head.
/// @param origin Chain id of the origin.
/// @param nonce Nonce of the signed head.
/// @param head The signed head.
/// @param proof Merkle proof of the lane fact (origin, this chain, nonce, head).
/// @param first Nonce of the first element: of `messages`, or of `ids` if there are none.
/// @param messages Messages to execute now, in lane order.
/// @param ids Ids of the messages between the last of `messages` and the signed head.
struct Batch {
    uint256 origin;
    uint64 nonce;
    bytes32 head;
    bytes32[] proof;
    uint64 first;
    Message[] messages;
    bytes32[] ids;
}

/// @title Inbox: the receiving half of the gateway
/// @notice Replays lanes of other chains up to heads that a quorum of validators signed, and calls each message's
/// recipient once, in order. Anyone may deliver.
interface IInbox {
    /// @notice Emitted when a message was executed: its recipient accepted it, at the first attempt or at a retry.
    event MessageDelivered(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce);
    /// @notice Emitted when the first attempt did not execute a message. It stays open to `retry` until it expires.
    /// A recipient that returns without the magic value counts as failed too, but what it did is not undone: to
    /// refuse a message, revert.
    /// @param expired True if its time had passed and the recipient was not called.
    event MessageFailed(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce, bool expired);
    /// @notice Emitted when a validator set is installed. Each word is a signer (20 bytes) and its weight (12 bytes).
    event ValidatorSetInstalled(uint64 indexed version, uint64 expires, bytes32 setHash, bytes32[] validators);

    /// @notice Thrown when an attestation's validator set is not the installed one.
    error UnknownValidatorSet(bytes32 given, bytes32 installed);
    /// @notice Thrown when the batch starts beyond the next message of the lane.
    error LaneGap(uint256 origin, uint64 first, uint64 expected);
    /// @notice Thrown when the batch holds more or fewer elements than lead from `first` to the signed nonce.
    error BatchLengthMismatch(uint256 origin, uint256 lastNonce, uint64 signedNonce);
    /// @notice Thrown when the proof does not lead from the batch's lane fact to the signed root.
    error FactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown when the elements of the batch do not lead from the stored head to the signed one.
    error HeadMismatch(uint256 origin, bytes32 computed, bytes32 signed);
    /// @notice Thrown when the transaction has too little gas left to give a message its whole gas limit.
    error InsufficientGas(bytes32 id, uint256 available, uint256 required);
    /// @notice Thrown when a message to retry did not fail, is not of this lane, or was executed already.
    error MessageNotFailed(bytes32 id);
    /// @notice Thrown when a message to retry has expired.
    error MessageExpired(bytes32 id, uint64 deliverBefore);
    /// @notice Thrown when the recipient refuses a retried message again. The message stays failed.
    error RetryFailed(bytes32 id);

    /// @notice Delivers messages of any number of lanes under one attestation.
    /// @dev Elements that the lane already has are ignored, and so is a batch whose signed nonce is reached: two
    /// relayers that race both succeed. Reverts as a whole on any defect of the attestation, a batch, or the gas.
    function deliver(Attestation calldata attestation, Batch[] calldata batches) external;

    /// @notice Calls the recipient of a failed message again, with at least the message's gas limit and as much more
    /// as the caller provides. Anyone may call, until the message expires, whether the route is open or not.
    function retry(uint256 origin, uint64 nonce, Message calldata message) external;

    /// @notice State of the lane from `origin`.
    /// @return nonce Number of messages replayed.
    /// @return head Head after that many messages; the genesis head if none.
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head);

    /// @notice True while the message with this id failed and was not executed since.
    function failed(bytes32 id) external view returns (bool);

    /// @notice Hash of the installed validator set.
    function validatorSetHash() external view returns (bytes32);
}
