// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Where a message stands in its lane, proved by the ids that lead from it to a head that the Outbox knows.
/// @param destination Chain id of the lane's other end.
/// @param nonce Place of the message.
/// @param previousHead Head of the lane before the message.
/// @param ids Ids of the messages after it, up to a stored head or the present one: at most 63.
struct Walk {
    uint256 destination;
    uint64 nonce;
    bytes32 previousHead;
    bytes32[] ids;
}
