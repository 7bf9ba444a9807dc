// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Message} from "../metalayer/types/Message.sol";
import {RestartRecord} from "../metalayer/types/RestartRecord.sol";
import {ReturnNotice} from "../metalayer/types/ReturnNotice.sol";
import {Walk} from "../metalayer/types/Walk.sol";

/// @title Settlement: how messages end on their origin
/// @notice Refunds the senders of what was not delivered, and pays relayers for what was. Whatever a destination says
/// here, it costs no more than the escrow of that destination's lane, and returns nothing that was not sent to it.
interface ISettlement {
    /// @notice Emitted when a destination says that a message did not reach its recipient, and the carrier is paid.
    event ReturnNoticed(bytes32 indexed id, uint256 indexed destination, address indexed carrier, bool expired);
    /// @notice Emitted when a sender was refunded: its message ended as returned. `unspent` wei of ERA of its fee went
    /// into its credit.
    event MessageReturned(
        bytes32 indexed id, uint256 indexed destination, uint64 indexed nonce, uint256 unspent
    );
    /// @notice Emitted when a claim is paid into the credit of a relayer and of its carrier, in gwei of ERA. `amount`
    /// includes `carriage`.
    event ClaimPaid(
        uint256 indexed destination, address indexed relayer, address indexed carrier, uint64 amount, uint64 carriage
    );
    /// @notice Emitted when a destination says where it left a lane that was restarted at `nonce`.
    event RestartNoticed(uint256 indexed destination, uint64 indexed nonce, uint64 lastNonce, bytes32 lastHead);

    /// @notice Thrown when a walk does not lead from the message to a head that the Outbox knows at that place.
    error NotInLane(bytes32 id, uint256 destination, uint64 nonce);
    /// @notice Thrown when a walk has more than 255 ids: no message is further from a head that the Outbox knows.
    error WalkTooLong(uint256 ids, uint256 maximum);
    /// @notice Thrown when no notice of the message's return came from its destination.
    error NotReturned(bytes32 id);
    /// @notice Thrown when the sender was already refunded.
    error AlreadyRefunded(bytes32 id);
    /// @notice Thrown when the destination did not follow a restart at that place, when the lane was not restarted
    /// there or above it, or when the message came after the restart.
    error NotAbandoned(bytes32 id, uint64 restartNonce);
    /// @notice Thrown unless the ids lead from the message's place to the head at which the destination left the lane,
    /// and the first of them is another message's.
    error NotReplaced(bytes32 id);

    /// @notice Ends a message whose return the destination announced: gives the sender what nobody earned, and calls
    /// its `onMessageReturned` if it has code. Anyone may call, and again until it succeeds: if the sender reverts, all
    /// of it does.
    function refund(Message calldata message, Walk calldata walk) external;

    /// @notice Ends a message that the destination left behind when it followed the restart at `restartNonce`, and
    /// gives its relay and return part back. The destination may have executed another message at the same place, one
    /// that a reorganisation of this chain undid. If the message stands at or below the place where the destination
    /// left the lane, that must be proved: by `inboxHead`, the destination's head before the message's place, and
    /// `inboxIds`, the ids that it had from that place on. For later messages both are ignored.
    function refundAbandoned(
        Message calldata message,
        Walk calldata walk,
        uint64 restartNonce,
        bytes32 inboxHead,
        bytes32[] calldata inboxIds
    ) external;

    /// @notice What is known about a message's return. All zero if nothing is.
    function returnNotice(uint256 destination, bytes32 id) external view returns (ReturnNotice memory);

    /// @notice What is known about the restart of a lane at a place. All zero if nothing is.
    function restartRecord(uint256 destination, uint64 nonce) external view returns (RestartRecord memory);

    /// @notice What a relayer's claims from a destination were paid so far, in gwei of ERA.
    function paid(uint256 destination, address relayer) external view returns (uint256);
}
