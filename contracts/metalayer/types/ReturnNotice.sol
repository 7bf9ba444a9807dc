// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the origin knows about the return of a message. One storage word.
/// @param carrier Who first delivered a notice of it here, and was paid a step part for it; zero if none came.
/// @param expired True if the recipient was never called.
/// @param refunded True once the sender was refunded.
/// @param callbackOpen True if the sender's `onMessageReturned` failed at the refund, and did not succeed since.
/// @param epoch Epoch of the lane back when the last notice came: see {ISettlement-laneEpoch}.
/// @param unspent What the refund gave the sender, in gwei of ERA.
struct ReturnNotice {
    address carrier;
    bool expired;
    bool refunded;
    bool callbackOpen;
    uint16 epoch;
    uint56 unspent;
}
