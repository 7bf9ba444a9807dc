// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Message} from "../metalayer/libraries/Messages.sol";

/// @title IMessageReturned: what a contract implements that wants back what it sent
interface IMessageReturned {
    /// @notice Called by the gateway, once, when a message of this contract ended without reaching its recipient. It
    /// runs with the gas of whoever calls `refund`; if it reverts, the message stays refundable.
    /// @param id Id of the message, as `sendMessage` returned it.
    /// @param destination Chain id to which it was sent.
    /// @param message The message, exactly as it was sent.
    /// @param unspent Wei of ERA of its fee that nobody earned: they are in the credit of this contract.
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent) external;
}
