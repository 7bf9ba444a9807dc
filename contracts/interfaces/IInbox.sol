// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/types/Attestation.sol";
import {Batch} from "../metalayer/types/Batch.sol";
import {Message} from "../metalayer/types/Message.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";

/// @title Inbox: the receiving half of the gateway
/// @notice Replays the lanes of other chains up to heads that a quorum of validators signed, and calls each message's
/// recipient once, in order. Anyone may deliver, and earns what the message pays for that on its origin.
///
/// The guardian can pause deliveries from one chain: for at most `MAX_PAUSE`, or `MAX_HUB_PAUSE` if that is the hub.
/// The next pause of that direction may begin as long after the end of this one as this one was long, `MIN_COOL_DOWN`
/// at least, whoever the guardian is then. A lane that is closed or paused still takes in what has expired, so that it
/// can go home, and puts notices aside, until they are retried.
interface IInbox {
    /// @notice Emitted when a message was executed: its recipient accepted it, at the first attempt or at a retry.
    event MessageDelivered(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce);
    /// @notice Emitted when the first attempt did not execute a message. It stays open to `retry` until it expires.
    /// A recipient that returns without the magic value counts as failed too, but what it did is not undone: to
    /// refuse a message, revert.
    /// @param expired True if its deadline had passed and the recipient was not called.
    event MessageFailed(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce, bool expired);
    /// @notice Emitted when the notice is sent that a message goes back to its sender.
    /// @param noticeNonce Place of the notice in the lane back to the origin.
    event ReturnSent(bytes32 indexed id, uint256 indexed origin, uint64 indexed nonce, uint64 noticeNonce);
    /// @notice Emitted when a relayer claims all that it ever earned on a lane, in gwei of ERA.
    event ClaimSent(uint256 indexed origin, address indexed relayer, uint256 total, uint64 noticeNonce);
    /// @notice Emitted when a lane goes on at a restart. `lastNonce` and `lastHead` say where it was left.
    event RestartFollowed(uint256 indexed origin, uint64 indexed nonce, uint64 lastNonce, bytes32 lastHead);
    /// @notice Emitted when deliveries from a chain are paused until `until` (Unix time), or when a pause is ended
    /// early: then `until` is that moment.
    event InboundPaused(uint256 indexed origin, uint64 until);

    /// @notice Thrown when the batch starts at nonce zero or beyond the lane's next message, or ends beyond the highest
    /// nonce.
    error LaneGap(uint256 origin, uint64 first, uint64 expected);
    /// @notice Thrown when the batch's elements lead from the Inbox's head to one that is not proved to be signed: an
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
    /// @notice Thrown when a notice to retry stands before the last restart of its lane, at `since`: what it says does
    /// not count any more. An honest gateway says it again.
    error NoticeOutdated(bytes32 id, uint64 since);
    /// @notice Thrown when a message to retry is on its way back to its sender.
    error MessageReturning(bytes32 id, uint64 noticeNonce);
    /// @notice Thrown when a message to return can still be retried.
    error MessageNotExpired(bytes32 id, uint64 deliverBefore);
    /// @notice Thrown when a message to return was executed, was not tried yet, or has a notice that is not lost.
    error MessageNotReturnable(bytes32 id, MessageStatus status, uint64 noticeNonce);
    /// @notice Thrown when what a relayer has not claimed yet is not more than what carrying the claim costs, in gwei.
    error NothingToClaim(uint256 origin, address relayer, uint256 unclaimed, uint64 carriage);
    /// @notice Thrown when the lane is at or beyond the restart.
    error RestartNotAhead(uint256 origin, uint64 nonce, uint64 laneNonce);
    /// @notice Thrown when the restart is more than 2^40 places ahead of the lane.
    error RestartTooFar(uint256 origin, uint64 nonce, uint64 laneNonce);
    /// @notice Thrown when no restart of the lane was followed at that nonce, or the notice of it is not lost.
    /// @param noticeNonce Place of the notice in the lane back, 0 if no such restart was followed.
    error RestartNoticeNotLost(uint256 origin, uint64 nonce, uint64 noticeNonce);
    /// @notice Thrown when delivering what has not expired from a chain that the guardian paused.
    error RoutePaused(uint256 chainId, uint64 until);
    /// @notice Thrown when a pause has no duration, or one of more seconds than are left of the longest pause.
    error InvalidPause(uint64 duration, uint64 maximum);
    /// @notice Thrown when the direction may not be paused again before `earliest` (Unix time).
    error CoolingDown(uint256 origin, uint64 earliest);
    /// @notice Thrown when there is no pause to end: it is over, or there never was one.
    error NotPaused(uint256 origin);

    /// @notice Delivers messages of any number of lanes under one attestation.
    /// @dev Ignores elements that the lane already has, and a batch that has no others: when two relayers race, both
    /// succeed. Reverts as a whole if the attestation or any other batch is wrong, or if the gas does not suffice.
    function deliver(Attestation calldata attestation, Batch[] calldata batches) external;

    /// @notice Calls the recipient of a failed message again, with at least the message's gas limit and as much more
    /// as the caller provides. Anyone may call until the message expires, whether or not the route is open. A notice
    /// that was put aside while its lane was closed or paused never expires, and is taken in once the lane is open
    /// again, unless a restart of the lane was followed since.
    function retry(uint256 origin, uint64 nonce, Message calldata message) external;

    /// @notice Sends the origin a notice that a failed or expired message goes back to its sender. Anyone may call once
    /// the message's deadline has passed, and earns a step part; again only if the lane to the origin was restarted
    /// since, and then for nothing.
    function returnToSender(uint256 origin, uint64 nonce, Message calldata message) external;

    /// @notice Sends the origin a notice of all that the caller ever earned on its lane. The origin pays what it has
    /// not paid before into the caller's credit, less what carrying the claim costs. If a claim is lost, the next one
    /// makes up for it.
    function claim(uint256 origin) external;

    /// @notice Follows a restart of the lane by the origin's owner, whose restart fact a quorum signed: the lane goes
    /// on after `nonce`. Sends the origin a notice of where the lane was left. Anyone may call.
    function followRestart(
        Attestation calldata attestation,
        uint256 origin,
        uint64 nonce,
        bytes32[] calldata proof
    ) external;

    /// @notice Sends the notice of a restart that this Inbox followed again, if the lane to the origin was restarted
    /// since the last time, so that the notice may be lost. Anyone may call. No signatures are needed: the notice
    /// repeats what is stored here, even if a reorganisation has undone the restart on the origin.
    /// @param nonce Place of the restart that was followed.
    function noticeRestart(uint256 origin, uint64 nonce) external;

    /// @notice Pauses deliveries from a chain until `duration` seconds from now. Only the guardian. Extends a pause
    /// that is running, but not beyond the longest pause from its beginning; never shortens one.
    function pauseInbound(uint256 origin, uint64 duration) external;

    /// @notice Ends a pause early; the cool-down counts from now. Only the guardian or the owner.
    function unpauseInbound(uint256 origin) external;

    /// @notice State of the lane from `origin`.
    /// @return nonce Place of the last message replayed, or of a restart that was followed after it.
    /// @return head Head there; a genesis head if no message came after that place.
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head);

    /// @notice Status of a message that was not accepted.
    /// @return status See {MessageStatus}. It stays when the message goes back to its sender.
    /// @return noticeNonce Place of the notice of its return in the lane back, 0 if none was sent.
    function messageStatus(bytes32 id) external view returns (MessageStatus status, uint64 noticeNonce);

    /// @notice What a relayer ever earned on the lane from `origin`, and the total of its last claim, in gwei of ERA.
    function earnings(uint256 origin, address relayer) external view returns (uint256 earned, uint256 claimed);

    /// @notice End of the last pause of deliveries from a chain (Unix time, exclusive); 0 if there never was one.
    function pausedUntil(uint256 origin) external view returns (uint64);

    /// @notice From when on the next pause of deliveries from a chain may begin (Unix time): as long after the end of
    /// the last pause as that one was long, `MIN_COOL_DOWN` at least. 0 if there never was one.
    function pausableFrom(uint256 origin) external view returns (uint64);
}
