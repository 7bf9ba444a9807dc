// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What leaves a validator with one period, in wei of ERA.
struct Exits {
    uint128 delegated;
    uint128 own;
}
