// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Timelock} from "../governance/Timelock.sol";

/// @title OpenTimelock: a timelock that anyone may execute from, to prove that the tests find it
contract OpenTimelock is Timelock {
    constructor(uint256 delay, address governor) Timelock(delay, governor) {
        _grantRole(EXECUTOR_ROLE, address(0));
    }
}
