// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What an account delegated to a validator.
/// @param units Bonded, in wei of ERA.
/// @param index The validator's index up to which the account's rewards were collected.
struct Position {
    uint96 units;
    uint128 index;
}
