// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Of the validators accused in a week.
/// @param slashable Stake that could be slashed, of each once, in wei of ERA.
/// @param weight What the newest set weighed when the first accusation of the week was made, in wei of ERA.
/// @param latest When the last of them was accused first (Unix time).
struct Accused {
    uint96 slashable;
    uint96 weight;
    uint48 latest;
}
