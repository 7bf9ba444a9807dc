// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ISetSource: publishes validator sets
/// @notice What the gateway of the hub asks the staking contract before it installs a set.
interface ISetSource {
    /// @notice Version of the newest set that was published; 0 if none was.
    function setVersion() external view returns (uint64);

    /// @notice Hash of the set that was published with this version; zero if none was.
    function setHash(uint64 version) external view returns (bytes32);
}
