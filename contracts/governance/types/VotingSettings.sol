// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What a governor begins with; a vote can change each.
/// @param delay Seconds from a proposal to its snapshot, which is then moved to the next full hour.
/// @param period Seconds from the snapshot to the deadline.
/// @param threshold Votes that a proposer needs, in wei of ERA.
/// @param quorumPercent Votes for a proposal and abstentions that it needs, in percent of all ERA.
struct VotingSettings {
    uint48 delay;
    uint32 period;
    uint256 threshold;
    uint256 quorumPercent;
}
