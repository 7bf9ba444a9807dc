// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the origin knows about a message that did not reach its recipient, according to its destination.
/// @param carrier Who delivered the notice here, and was paid the return part for it; zero if none came.
/// @param expired True if the recipient was never called.
/// @param refunded True once the sender was refunded, on a notice or after a restart.
struct ReturnNotice {
    address carrier;
    bool expired;
    bool refunded;
}
