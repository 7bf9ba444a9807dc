// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Of the validators accused in a week.
/// @param slashable Stake that could be slashed, of each once, in wei of ERA.
/// @param weight The most that the newest set weighed when one of them was accused, in wei of ERA.
/// @param latest When the last of them was accused first (Unix time).
struct Accused {
    uint96 slashable;
    uint96 weight;
    uint48 latest;
}
