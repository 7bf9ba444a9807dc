// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title Sleight: an account that does several things in one transaction, or none of them
contract Sleight {
    struct Step {
        address target;
        bytes data;
    }

    /// @notice Calls these targets in order, as this contract. Anyone may call.
    function perform(Step[] calldata steps) external {
        for (uint256 i; i < steps.length; ++i) {
            Address.functionCall(steps[i].target, steps[i].data);
        }
    }
}
