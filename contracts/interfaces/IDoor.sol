// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITokenBridge} from "./ITokenBridge.sol";

/// @title Door: sends over the bridge what its users cannot send by themselves
/// @notice The fees, as {IPassages-quoteSend} says, and what is prepaid for a second hop, are taken from the caller's
/// ERA, of which the door must be allowed as much. It keeps nothing from one call to the next, and has no owner:
/// whatever is sent to it otherwise is lost.
interface IDoor {
    /// @notice Thrown when the door itself would get what arrives, or what returns.
    error NotForTheDoor();

    /// @notice The token bridge.
    function BRIDGE() external view returns (ITokenBridge);
}
