// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Accounts: what this chain, as a token's home, has sent to each other chain and not got back
/// @notice No chain takes more out than went in: a compromised one loses what it holds, and nothing of anyone else.
interface IAccounts {
    /// @notice Emitted when somebody makes good what a chain's account lacks.
    event Covered(address indexed token, uint256 indexed chainId, address indexed from, uint256 amount);

    /// @notice Thrown when a chain returns more than was sent to it.
    error OutstandingExceeded(address token, uint256 chainId, uint256 amount, uint256 outstanding);
    /// @notice Thrown when a token is locked while it is being locked: from a hook of it.
    error TokenLocked(address token);
    /// @notice Thrown when the past is asked for at a time that is no full hour, or has not passed.
    error InvalidHour(uint48 hour);

    /// @notice Locks tokens of the caller, as a gift, for a chain whose account is less than what was minted there:
    /// only a reorganisation of this chain can bring that about. Of ERA, only for a chain that it was sent to.
    /// @return received What arrived, and was added to the account.
    function cover(address token, uint256 chainId, uint256 amount) external returns (uint256 received);

    /// @notice Amount of a token at home here that was sent to a chain and has not come back.
    function outstanding(address token, uint256 chainId) external view returns (uint256);

    /// @notice ERA (wei) that was outstanding on a chain at a full hour that has passed (Unix time), changes in that
    /// very second included. Kept on the hub, zero elsewhere.
    function pastOutstanding(uint256 chainId, uint48 hour) external view returns (uint256);

    /// @notice ERA (wei) that is outstanding on all other chains together. Kept on the hub, zero elsewhere.
    function totalOutstanding() external view returns (uint256);

    /// @notice ERA (wei) that was outstanding on all other chains at a full hour that has passed (Unix time).
    function pastTotalOutstanding(uint48 hour) external view returns (uint256);
}
