// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title IWrappedEther: ether as an ERC-20 token, one for one
/// @notice With the functions and events that wrapped ether has everywhere.
interface IWrappedEther is IERC20Metadata {
    /// @notice Emitted when ether is wrapped, in wei.
    event Deposit(address indexed account, uint256 amount);
    /// @notice Emitted when ether is unwrapped, in wei.
    event Withdrawal(address indexed account, uint256 amount);

    /// @notice Wraps the ether of the call for the caller. Sending ether does the same.
    function deposit() external payable;

    /// @notice Unwraps `amount` (wei) of the caller's, and sends it to the caller with all gas. Reverts if the caller
    /// refuses it.
    function withdraw(uint256 amount) external;
}
