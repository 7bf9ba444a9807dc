// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Message} from "../metalayer/types/Message.sol";

/// @title IMessageReturned: implemented by contracts that take back messages that were not delivered
interface IMessageReturned {
    /// @notice Called by the gateway when a message of this contract ended without reaching its recipient, with the gas
    /// limit that the message named (`returnGasLimit`). If it fails, the refund stands, and anyone may call it again
    /// through the gateway until it succeeds, with as much gas as they like. It succeeds at most once.
    /// @param id Id of the message, as `sendMessage` returned it.
    /// @param destination Chain id to which it was sent.
    /// @param message The message, exactly as it was sent.
    /// @param unspent Wei of ERA of its fee that nobody earned, already added to the credit of this contract.
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent) external;
}
