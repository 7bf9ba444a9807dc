// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ITokenMetadata: name, symbol and decimals of any token, in bounds, whatever the token does
interface ITokenMetadata {
    /// @notice Thrown when less gas is left than a token must get for each of its answers.
    error TooLittleGas();

    /// @notice Never reverts for what a token answers. Each of the three reads gets 50,000 gas.
    /// @return decimals Zero if the token names none, or more than 255.
    /// @return name At most 64 bytes, cut where a character ends; "?" if the token names none. A `string` or a bytes32.
    /// @return symbol At most 32 bytes. Likewise.
    function read(address token) external view returns (uint8 decimals, string memory name, string memory symbol);
}
