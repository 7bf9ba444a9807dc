// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Of the validators accused in a week, in wei of ERA.
/// @param slashable Stake that could be slashed, of each once.
/// @param seated The most that was seated when one of them was accused.
struct Accused {
    uint128 slashable;
    uint128 seated;
}
