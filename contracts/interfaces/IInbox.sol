// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation, ValidatorSet} from "../metalayer/libraries/Attestations.sol";
import {Message} from "../metalayer/libraries/Messages.sol";

/// @notice Consecutive messages of one lane, and what ties them to a signed head.
/// @dev Selectors are compared one after another, 22 gas each: the order of the members gives `deliver` one of the
/// lowest.
/// @param messages Messages to execute now, in lane order.
/// @param origin Chain id of the origin.
/// @param first Nonce of the first element: of `messages`, or of `ids` if there are none.
/// @param proof Merkle proof of the lane fact: origin, this chain, the nonce of the last element, and the head to which
/// the elements lead from that of the lane.
/// @param ids Ids of the messages between the last of `messages` and the signed head.
struct Batch {
    Message[] messages;
    uint256 origin;
    uint64 first;
    bytes32[] proof;
    bytes32[] ids;
}

/// @notice How a message that was not accepted stands.
/// None: not tried yet, or accepted. Failed: refused, open to `retry` until it expires. Expired: its time had passed
/// before the first attempt.
enum MessageStatus {
    None,
    Failed,
    Expired
}

/// @title Inbox: the receiving half of the gateway
/// @notice Replays lanes of other chains up to heads that a quorum of validators signed, and calls each message's
/// recipient once, in order. Anyone may deliver, and earns what the message pays for it on its origin.
interface IInbox {
    /// @notice Emitted when a message was executed: its recipient accepted it, at the first attempt or at a retry.
    event MessageDelivered(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce);
    /// @notice Emitted when the first attempt did not execute a message. It stays open to `retry` until it expires.
    /// A recipient that returns without the magic value counts as failed too, but what it did is not undone: to
    /// refuse a message, revert.
    /// @param expired True if its time had passed and the recipient was not called.
    event MessageFailed(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce, bool expired);
    /// @notice Emitted when a notice is sent that a message goes back to its sender.
    /// @param noticeNonce Place of the notice in the lane back to the origin.
    event ReturnSent(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce, uint64 noticeNonce);
    /// @notice Emitted when a relayer claims all that it ever earned on a lane, in gwei of ERA.
    event ClaimSent(uint256 indexed origin, address indexed relayer, uint256 total, uint64 noticeNonce);
    /// @notice Emitted when a lane goes on at a restart. `lastNonce` and `lastHead` say where it was left.
    event RestartFollowed(uint256 indexed origin, uint64 indexed nonce, uint64 lastNonce, bytes32 lastHead);
    /// @notice Emitted when a validator set is installed. Each word is a signer (20 bytes) and its weight (12 bytes).
    event ValidatorSetInstalled(uint64 indexed version, uint64 expires, bytes32 setHash, bytes32[] validators);

    /// @notice Thrown when an attestation's validator set is not the installed one.
    error UnknownValidatorSet(bytes32 given, bytes32 installed);
    /// @notice Thrown unless a new set has a higher version and a later expiry than the installed one.
    error SetNotNewer(uint64 version, uint64 expires, uint64 installedVersion, uint64 installedExpires);
    /// @notice Thrown when the batch starts beyond the next message of the lane or at zero, or ends beyond all nonces.
    error LaneGap(uint256 origin, uint64 first, uint64 expected);
    /// @notice Thrown when the proof does not lead from a fact about a validator set or a restart to the signed root.
    error FactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown when the batch's elements lead from the stored head to one that is not proved to be signed: an
    /// element is changed, left out or added, the proof is wrong, or the lane was reorganised on its origin.
    error HeadNotProven(uint256 origin, uint64 nonce, bytes32 head);
    /// @notice Thrown when the transaction has too little gas left to give a message its whole gas limit.
    error InsufficientGas(bytes32 id, uint256 available, uint256 required);
    /// @notice Thrown when a message to retry did not fail, is not of this lane, or was executed since.
    error MessageNotFailed(bytes32 id, MessageStatus status);
    /// @notice Thrown when a message to retry has expired.
    error MessageExpired(bytes32 id, uint64 deliverBefore);
    /// @notice Thrown when the recipient refuses a retried message again. The message stays failed.
    error RetryFailed(bytes32 id);
    /// @notice Thrown when a message to return can still be retried.
    error MessageNotExpired(bytes32 id, uint64 deliverBefore);
    /// @notice Thrown when a message to return was executed, or not tried yet, or has a notice that is not lost.
    error MessageNotReturnable(bytes32 id, MessageStatus status, uint64 noticeNonce);
    /// @notice Thrown when what a relayer has not claimed yet does not exceed what carrying the claim costs, in gwei.
    error NothingToClaim(uint256 origin, address relayer, uint256 unclaimed, uint64 carriage);
    /// @notice Thrown when the lane is at or beyond a restart, and the notice of it is not lost.
    error RestartNotAhead(uint256 origin, uint64 nonce, uint64 laneNonce);

    /// @notice Delivers messages of any number of lanes under one attestation.
    /// @dev Elements that the lane already has are ignored, and so is a batch of which it has all: two relayers that
    /// race both succeed. Reverts as a whole on any defect of the attestation, another batch, or the gas.
    function deliver(Attestation calldata attestation, Batch[] calldata batches) external;

    /// @notice Calls the recipient of a failed message again, with at least the message's gas limit and as much more
    /// as the caller provides. Anyone may call, until the message expires, whether the route is open or not.
    function retry(uint256 origin, uint64 nonce, Message calldata message) external;

    /// @notice Sends the origin a notice that a failed or expired message goes back to its sender. Anyone may call,
    /// once the message's time has passed; again only if the lane to the origin was restarted since.
    function returnToSender(uint256 origin, uint64 nonce, Message calldata message) external;

    /// @notice Sends the origin all that the caller ever earned on its lane; the origin pays the difference to what it
    /// paid before into the caller's credit, less what carrying the claim costs. Nothing is lost with a lost claim.
    function claim(uint256 origin) external;

    /// @notice Installs the next validator set, of which the installed one signed the set fact.
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external;

    /// @notice Goes on after the place at which the origin's owner restarted the lane, of which a quorum signed the
    /// restart fact, and tells the origin where the lane was left.
    function followRestart(
        Attestation calldata attestation,
        uint256 origin,
        uint64 nonce,
        bytes32[] calldata proof
    ) external;

    /// @notice State of the lane from `origin`.
    /// @return nonce Place of the last message replayed; after a restart, of the restart.
    /// @return head Head there; a genesis head if no message followed.
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head);

    /// @notice How a message stands that was not accepted.
    /// @return status See {MessageStatus}. It stays when the message goes back to its sender.
    /// @return noticeNonce Place of the notice of its return in the lane back, 0 if none was sent.
    function messageStatus(bytes32 id) external view returns (MessageStatus status, uint64 noticeNonce);

    /// @notice What a relayer ever earned on the lane from `origin`, and the total of its last claim, in gwei of ERA.
    function earnings(uint256 origin, address relayer) external view returns (uint256 earned, uint256 claimed);

    /// @notice Hash of the installed validator set.
    function validatorSetHash() external view returns (bytes32);
}
