// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Message} from "../metalayer/libraries/Messages.sol";

/// @title Greeter: greets itself on other chains, answers, and takes back what did not arrive
/// @notice Deployed at one address on every chain. Who greets pays, from its own credit. An answer is paid from the
/// credit of the greeter that gives it: without any, a greeting fails there and waits for a retry.
contract Greeter is ERC7786Recipient, IMessageReturned {
    /// @notice Gas for a greeting where it arrives, its answer included.
    uint256 public constant GAS_LIMIT = 250_000;

    /// @notice The gateway of this chain.
    IMetalayer public immutable GATEWAY;

    /// @notice Emitted when a greeting arrives, or an answer: then `from` is the greeter itself.
    event Greeted(bytes32 indexed id, uint256 indexed origin, address indexed from, string text);
    /// @notice Emitted when one comes back that was not delivered.
    event CameBack(bytes32 indexed id, uint256 indexed destination, address indexed from, string text);

    /// @notice Thrown when anyone but the gateway says that a message was returned.
    error NotGateway(address caller);

    constructor(IMetalayer gateway) {
        GATEWAY = gateway;
    }

    /// @notice Greets the greeter of another chain. The caller pays what `quote` says, from credit of which it allowed
    /// this contract that much.
    function greet(uint256 destination, string calldata text) external returns (bytes32 id) {
        return _send(destination, msg.sender, text);
    }

    /// @inheritdoc IMessageReturned
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent) external {
        require(msg.sender == address(GATEWAY), NotGateway(msg.sender));
        (address from, string memory text) = abi.decode(message.payload, (address, string));
        emit CameBack(id, destination, from, text);
        if (unspent != 0 && from != address(this)) GATEWAY.withdraw(from, unspent);
    }

    /// @notice What a greeting costs the caller, in wei of ERA.
    function quote(uint256 destination, string calldata text) external view returns (uint256) {
        return GATEWAY.quote(destination, GAS_LIMIT, abi.encode(msg.sender, text).length);
    }

    // Each needs one half of the sender's address.
    // slither-disable-start unused-return
    function _isAuthorizedGateway(address gateway, bytes calldata sender) internal view override returns (bool) {
        (, address account) = InteroperableAddress.parseEvmV1Calldata(sender);
        return gateway == address(GATEWAY) && account == address(this);
    }

    function _processMessage(address, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        internal
        override
    {
        (uint256 origin,) = InteroperableAddress.parseEvmV1Calldata(sender);
        (address from, string memory text) = abi.decode(payload, (address, string));
        emit Greeted(receiveId, origin, from, text);
        if (from != address(this)) _send(origin, address(this), "Hello to you, too");
    }
    // slither-disable-end unused-return

    function _send(uint256 destination, address from, string memory text) private returns (bytes32) {
        bytes[] memory attributes = new bytes[](3);
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", GAS_LIMIT);
        attributes[1] = abi.encodeWithSignature("deliverBefore(uint256)", block.timestamp + 1 days);
        attributes[2] = abi.encodeWithSignature("feePayer(address)", from);
        bytes memory recipient = InteroperableAddress.formatEvmV1(destination, address(this));
        return GATEWAY.sendMessage(recipient, abi.encode(from, text), attributes);
    }
}
