// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock: the owner of everything on its chain
/// @notice OpenZeppelin's, of which the governor of the chain is the only proposer, canceller and executor. Nobody else
/// may ever execute: what expired in the governor, or whose targets have other code now, would be executed here.
contract Timelock is TimelockController {
    /// @param delay Seconds from scheduling to execution, at least.
    /// @param governor EraGovernor on the hub, RemoteGovernor elsewhere. It may be deployed later, at that address.
    constructor(uint256 delay, address governor)
        TimelockController(delay, _only(governor), _only(governor), address(0))
    {}

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
