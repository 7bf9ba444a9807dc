// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Message} from "../metalayer/libraries/Messages.sol";

/// @notice Where a message stands in its lane, proved from a head that the Outbox knows.
/// @param destination Chain id of the lane's other end.
/// @param nonce Place of the message.
/// @param previousHead Head of the lane before the message.
/// @param ids Ids of the messages after it, up to a stored head or the present one: at most 255.
struct Walk {
    uint256 destination;
    uint64 nonce;
    bytes32 previousHead;
    bytes32[] ids;
}

/// @notice A message that did not reach its recipient, as its destination said.
/// @param carrier Who delivered that notice here, and was paid the return part for it; zero if none came.
/// @param expired True if the recipient was never called.
/// @param refunded True once the sender was refunded, on a notice or after a restart.
struct ReturnNotice {
    address carrier;
    bool expired;
    bool refunded;
}

/// @notice Where an Inbox left a lane when it followed a restart.
/// @param restarted True if this chain restarted the lane there.
/// @param followed True once the destination said that it followed.
/// @param nonce Place of the last message that it executed, or tried to, before.
/// @param head Its head there.
struct RestartRecord {
    bool restarted;
    bool followed;
    uint64 nonce;
    bytes32 head;
}

/// @title Settlement: how messages end on their origin
/// @notice Refunds senders of what was not delivered, and pays relayers for what was. Whatever a destination says here
/// costs no more than its own lane's escrow, and returns nothing that was not sent to it.
interface ISettlement {
    /// @notice Emitted when a destination says that a message did not reach its recipient, and the carrier is paid.
    event ReturnNoticed(bytes32 indexed id, uint256 indexed destination, address indexed carrier, bool expired);
    /// @notice Emitted when a sender was refunded: its message ended as returned. `unspent` wei of ERA of its fee went
    /// into its credit.
    event MessageReturned(
        bytes32 indexed id, uint256 indexed destination, uint64 indexed nonce, uint256 unspent
    );
    /// @notice Emitted when a claim is paid into the credit of a relayer and of who carried it, in gwei of ERA.
    event ClaimPaid(
        uint256 indexed destination, address indexed relayer, address indexed carrier, uint64 amount, uint64 carriage
    );
    /// @notice Emitted when a destination says where it left a lane that was restarted at `nonce`.
    event RestartNoticed(uint256 indexed destination, uint64 indexed nonce, uint64 lastNonce, bytes32 lastHead);

    /// @notice Thrown when a walk does not lead from the message to a head that the Outbox knows at that place.
    error NotInLane(bytes32 id, uint256 destination, uint64 nonce);
    /// @notice Thrown when a walk has more ids than are ever needed.
    error WalkTooLong(uint256 ids, uint256 maximum);
    /// @notice Thrown when no notice of the message came from its destination.
    error NotReturned(bytes32 id);
    /// @notice Thrown when the sender was refunded before.
    error AlreadyRefunded(bytes32 id);
    /// @notice Thrown when the destination did not follow a restart at that place, the lane was not restarted there or
    /// above it, or the message is younger.
    error NotAbandoned(bytes32 id, uint64 restartNonce);
    /// @notice Thrown unless the ids lead from the message's place to the head at which the destination left the lane,
    /// and another message stands first among them.
    error NotReplaced(bytes32 id);

    /// @notice Ends a message of which the destination sent a notice: gives the sender what nobody earned, and tells
    /// it, if it is a contract, by `onMessageReturned`. Anyone may call, and again until it succeeds: it reverts as a
    /// whole if the sender does.
    function refund(Message calldata message, Walk calldata walk) external;

    /// @notice Ends a message that the destination left behind when it followed the restart at `restartNonce`, and
    /// gives its relay and return part back. Messages up to the place where the destination left the lane are ones
    /// that this chain sent anew after a reorganisation: for them `inboxHead` and `inboxIds`, from the message's place
    /// on, prove that the destination had another message there. For later ones both are ignored.
    function refundAbandoned(
        Message calldata message,
        Walk calldata walk,
        uint64 restartNonce,
        bytes32 inboxHead,
        bytes32[] calldata inboxIds
    ) external;

    /// @notice What is known of a message's return. All zero if nothing.
    function returnNotice(uint256 destination, bytes32 id) external view returns (ReturnNotice memory);

    /// @notice What is known of the restart of a lane at a place. All zero if nothing.
    function restartRecord(uint256 destination, uint64 nonce) external view returns (RestartRecord memory);

    /// @notice What claims of a relayer from a destination were paid so far, in gwei of ERA.
    function paid(uint256 destination, address relayer) external view returns (uint256);
}
