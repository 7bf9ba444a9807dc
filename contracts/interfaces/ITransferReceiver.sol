// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ITransferReceiver: what a contract implements to act on what it receives
interface ITransferReceiver {
    /// @notice Called by the bridge after `amount` of `token` was paid to this contract, in the same frame: reverting
    /// undoes the payment. Then the transfer can be retried, with more gas, until it expires and returns. Check that
    /// the caller is the bridge, and the token one that you mean.
    /// @param id Id of the transfer: never twice.
    /// @param origin Chain id where it started.
    /// @param sender Who sent it there. As true as the home of the token is honest, for one that comes from there or
    /// over it; else as its origin.
    /// @param token The token, on this chain.
    /// @param amount In its smallest unit.
    /// @param data What the sender gave along.
    /// @return This function's selector. Anything else refuses the transfer.
    function onTransferReceived(
        bytes32 id,
        uint256 origin,
        address sender,
        address token,
        uint256 amount,
        bytes calldata data
    ) external returns (bytes4);
}
