// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";

/// @title Greeter: greets itself on other chains, answers, and takes back what did not arrive
/// @notice Deployed at one address on every chain. Who greets pays, from its own credit. An answer is paid from the
/// credit of the greeter that gives it: without any, a greeting fails there and waits for a retry.
contract Greeter is MetalayerClient {
    /// @notice Gas for a greeting where it arrives, its answer included.
    uint256 public constant GAS_LIMIT = 250_000;
    /// @notice Gas for a greeting that comes back.
    uint256 public constant RETURN_GAS_LIMIT = 100_000;

    /// @notice Emitted when a greeting arrives, or an answer: then `from` is the greeter itself.
    event Greeted(bytes32 indexed id, uint256 indexed origin, address indexed from, string text);
    /// @notice Emitted when one comes back that was not delivered.
    event CameBack(bytes32 indexed id, uint256 indexed destination, address indexed from, string text);

    constructor(IMetalayer gateway) MetalayerClient(gateway) {}

    /// @notice Greets the greeter of another chain. The caller pays what `quote` says, from credit of which it allowed
    /// this contract that much.
    function greet(uint256 destination, string calldata text) external returns (bytes32 id) {
        return _send(destination, msg.sender, text);
    }

    /// @notice What a greeting costs the caller, in wei of ERA.
    function quote(uint256 destination, string calldata text) external view returns (uint256) {
        return GATEWAY.quote(destination, GAS_LIMIT, RETURN_GAS_LIMIT, abi.encode(msg.sender, text).length);
    }

    function _onMessageReceived(bytes32 id, uint256 origin, address, bytes calldata payload) internal override {
        (address from, string memory text) = abi.decode(payload, (address, string));
        emit Greeted(id, origin, from, text);
        if (from != address(this)) _send(origin, address(this), "Hello to you, too");
    }

    function _onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent)
        internal
        override
    {
        (address from, string memory text) = abi.decode(message.payload, (address, string));
        emit CameBack(id, destination, from, text);
        if (from != address(this)) _withdrawCredit(from, unspent);
    }

    function _send(uint256 destination, address from, string memory text) private returns (bytes32) {
        bytes[] memory attributes = Attributes.encode(GAS_LIMIT, RETURN_GAS_LIMIT, block.timestamp + 1 days, from);
        return _sendMessage(destination, address(this), abi.encode(from, text), attributes);
    }
}
