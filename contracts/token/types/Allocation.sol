// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What an account gets of the supply when ERA is deployed on the hub, in wei.
struct Allocation {
    address account;
    uint256 amount;
}
