// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Attestation} from "../metalayer/types/Attestation.sol";
import {Message} from "../metalayer/types/Message.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";
import {Walk} from "../metalayer/types/Walk.sol";

/// @title Refunds: how messages that were not delivered end on their origin
/// @notice Anyone may end them, and earns a step part of the message's fee for that. If the sender has code, its
/// `onMessageReturned` is called with the gas that the message prepaid, and the caller earns the callback part, too.
/// The refund is final whatever the sender does: if its callback fails, that alone stays open, to `callBack`.
interface IRefunds {
    /// @notice Emitted when a sender was refunded: its message ended as returned. `unspent` wei of ERA of its fee went
    /// into its credit, and `earned` wei into that of the caller.
    event MessageReturned(
        bytes32 indexed id,
        uint256 indexed destination,
        uint64 indexed nonce,
        uint256 unspent,
        address caller,
        uint256 earned
    );
    /// @notice Emitted when a sender was refunded but its callback failed: `callBack` may repeat it.
    event CallbackFailed(bytes32 indexed id);
    /// @notice Emitted when a callback that had failed succeeds.
    event CalledBack(bytes32 indexed id);

    /// @notice Thrown when a walk does not lead from the message to a head that the Outbox knows at that place.
    error NotInLane(bytes32 id, uint256 destination, uint64 nonce);
    /// @notice Thrown when a walk has more than 63 ids: no message is further from a head that the Outbox knows.
    error WalkTooLong(uint256 ids, uint256 maximum);
    /// @notice Thrown when no notice of the message's return came from its destination in the present epoch, or when
    /// the message is a notice itself: those are never returned.
    error NotReturned(bytes32 id);
    /// @notice Thrown when the sender was already refunded.
    error AlreadyRefunded(bytes32 id);
    /// @notice Thrown when the destination did not say, in the present epoch, that it followed that restart.
    error RestartNotFollowed(uint256 destination, uint64 restartNonce);
    /// @notice Thrown when the lane was not restarted there or above it, or when the message came after the restart.
    error NotAbandoned(bytes32 id, uint64 restartNonce);
    /// @notice Thrown unless the ids lead from the message's place to a head that the destination had, and the first of
    /// them is another message's.
    error NotReplaced(bytes32 id);
    /// @notice Thrown unless the ids lead from the head at that place to one that the destination had.
    error NotInboxHead(uint256 destination, uint64 nonce, bytes32 head);
    /// @notice Thrown unless the route was closed at least `CLOSURE_DELAY` ago, and not opened since.
    /// @param since When it was closed (Unix time); zero if it is open, or never was.
    error RouteNotClosed(uint256 destination, uint64 since);
    /// @notice Thrown when the proof does not lead from the fact that the message was not executed to the signed root.
    error NotUnexecuted(bytes32 id, MessageStatus status);
    /// @notice Thrown when there is no failed callback of the message to repeat, or its sender has no code now.
    error NoCallback(bytes32 id);
    /// @notice Thrown when the transaction has too little gas left to give the sender the gas that it prepaid.
    error InsufficientReturnGas(bytes32 id, uint256 available, uint256 required);

    /// @notice Ends a message whose return the destination announced.
    function refund(Message calldata message, Walk calldata walk) external;

    /// @notice Ends a message that the destination left behind when it followed the restart at `restartNonce`. The
    /// destination may have executed another message at the same place, one that a reorganisation of this chain undid.
    /// If the message stands at or below the place where the destination left the lane, that must be proved: by
    /// `inboxHead`, the destination's head before the message's place, and `inboxIds`, the ids that it had from that
    /// place on, up to where it left the lane or to a recorded head. For later messages both are ignored.
    function refundAbandoned(
        Message calldata message,
        Walk calldata walk,
        uint64 restartNonce,
        bytes32 inboxHead,
        bytes32[] calldata inboxIds
    ) external;

    /// @notice Ends a message to a chain that is dead or lies, without that chain: its route has been closed for
    /// `CLOSURE_DELAY`, and a quorum signed that the message was not executed before its deadline. The lane's escrow
    /// keeps what the destination may still, or did, promise to those who carry it there and send a notice of it.
    /// @param status Status in which the destination left the message; none if it was never tried.
    /// @param proof Leads from the unexecuted fact to the root of the attestation.
    function refundClosed(
        Message calldata message,
        Walk calldata walk,
        MessageStatus status,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external;

    /// @notice Records a head that the destination had before it left a lane, so that no `refundAbandoned` needs more
    /// ids than fit a transaction. `ids` lead from `head`, at `nonce`, to where it left the lane, or to a recorded
    /// head.
    function recordInboxHead(
        uint256 destination,
        uint64 restartNonce,
        uint64 nonce,
        bytes32 head,
        bytes32[] calldata ids
    ) external;

    /// @notice Calls the sender of a refunded message whose callback failed again, with all gas of the transaction: at
    /// least what it prepaid. Reverts with the sender. Pays nothing.
    function callBack(Message calldata message, uint256 destination, uint64 nonce) external;
}
