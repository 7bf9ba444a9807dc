// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Where an Inbox left a lane when it followed a restart.
/// @param restarted True if this chain restarted the lane there.
/// @param followed True once the destination said that it followed.
/// @param epoch Epoch of the lane back when it said so: see {ISettlement-laneEpoch}.
/// @param nonce Place of the last message that the destination had tried before.
/// @param head Its head there.
struct RestartRecord {
    bool restarted;
    bool followed;
    uint16 epoch;
    uint64 nonce;
    bytes32 head;
}
