// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Expect: what was voted on a state that is gone reverts
/// @notice On every chain. A decision, or a proposal, begins with calls of these: they revert unless the chain is still as
/// it was when people voted. Changes nothing.
interface IExpect {
    /// @notice Thrown when a call does not return what was expected, or reverts. `found` is the hash of what it returned.
    error UnexpectedResult(address target, bytes data, bytes32 found, bytes32 expected);
    /// @notice Thrown when an account does not have the code that was expected.
    error UnexpectedCode(address target, bytes32 found, bytes32 expected);

    /// @notice Reverts unless a static call of `target` with `data` returns bytes whose keccak256 is `expected`.
    function result(address target, bytes calldata data, bytes32 expected) external view;

    /// @notice Reverts unless the code hash of `target` is `expected`.
    function code(address target, bytes32 expected) external view;
}
