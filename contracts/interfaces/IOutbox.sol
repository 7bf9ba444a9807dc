// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title Outbox: the sending half of the gateway
/// @notice Appends messages to lanes. A lane is the hash chain of everything sent from this chain to one destination:
/// `head' = keccak256(head, id)`, starting at the lane's genesis head.
interface IOutbox is IERC7786GatewaySource {
    /// @notice Emitted right after `MessageSent`. The two logs together hold every field of the message.
    /// @param destination Chain id of the destination.
    /// @param nonce Position of the message in its lane, from 1.
    /// @param gasLimit Gas with which the recipient is called.
    /// @param deliverBefore Last second (Unix time) at which the message may be executed.
    /// @param fee Fee in ERA wei that the relayers of this message share. Zero until fees are charged.
    /// @param head Head of the lane after this message.
    event LaneExtended(
        uint256 indexed destination,
        uint64 indexed nonce,
        uint64 gasLimit,
        uint64 deliverBefore,
        uint256 fee,
        bytes32 head
    );

    /// @notice Thrown when the recipient is not a canonical ERC-7930 address of a contract or account on another
    /// EVM chain: exactly 20 address bytes, not zero, nothing behind them, and not the gateway.
    error InvalidRecipient(bytes recipient);
    /// @notice Thrown when the payload is longer than `MAX_PAYLOAD_LENGTH` bytes.
    error PayloadTooLong(uint256 length, uint256 maximum);
    /// @notice Thrown when ether comes with a message. Messages carry none.
    error ValueNotAccepted(uint256 value);
    /// @notice Thrown when an attribute is not its selector followed by one 32-byte word.
    error InvalidAttribute(bytes attribute);
    /// @notice Thrown when an attribute is given twice.
    error DuplicateAttribute(bytes4 selector);
    /// @notice Thrown when the gas limit is above the maximum of the route.
    error GasLimitTooHigh(uint256 gasLimit, uint256 maximum);
    /// @notice Thrown when `deliverBefore` is not within [earliest, latest], in Unix seconds.
    error DeadlineOutOfRange(uint256 deliverBefore, uint256 earliest, uint256 latest);

    /// @notice State of the lane to `destination`.
    /// @return nonce Number of messages sent, 0 if none.
    /// @return head Head after that many messages; the genesis head if none.
    function outboxLane(uint256 destination) external view returns (uint64 nonce, bytes32 head);

    /// @notice Head that the lane to `destination` had after `nonce` messages, kept for multiples of 256 only.
    /// @return head Zero if `nonce` is no multiple of 256 or was not reached.
    function storedHead(uint256 destination, uint64 nonce) external view returns (bytes32 head);
}
