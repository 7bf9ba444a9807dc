// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Expect: what was voted on a state that is gone reverts
/// @notice On every chain. A decision, or a proposal, begins with calls of these: they revert unless the chain is still
/// as it was when people voted. Changes nothing.
interface IExpect {
    /// @notice Thrown when a call does not return what was expected. `found` is the keccak256 of what it returned, or
    /// the word in question; zero if it reverted, or returned too little.
    error UnexpectedResult(address target, bytes data, bytes32 found, bytes32 expected);
    /// @notice Thrown when an account does not have the code that was expected.
    error UnexpectedCode(address target, bytes32 found, bytes32 expected);

    /// @notice Reverts unless a static call of `target` with `data` returns bytes whose keccak256 is `expected`. An
    /// account without code returns no bytes.
    function result(address target, bytes calldata data, bytes32 expected) external view;

    /// @notice Reverts unless a static call of `target` with `data` returns `expected` as its word number `index`, from
    /// 0: one value of several, where the others may change.
    function word(address target, bytes calldata data, uint256 index, bytes32 expected) external view;

    /// @notice Reverts unless the code hash (EIP-1052) of `target` is `expected`: zero for an account that does not
    /// exist.
    function code(address target, bytes32 expected) external view;
}
