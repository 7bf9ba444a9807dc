// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Annexed: runs rare functions from a second contract
interface IAnnexed {
    /// @notice Thrown at deployment without an annex.
    error InvalidAnnex(address annex);

    /// @notice Contract whose code this one runs for what it does rarely: {Annex} and {BridgeAnnex}.
    function ANNEX() external view returns (address);
}
