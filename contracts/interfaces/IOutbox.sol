// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title Outbox: the sending half of the gateway
/// @notice Appends messages to lanes. A lane is the hash chain of everything sent from this chain to one destination:
/// `head' = keccak256(head, id)`, starting at the lane's genesis head.
interface IOutbox is IERC7786GatewaySource {
    /// @notice Emitted right after `MessageSent`. The two events together hold every field of the message.
    /// @param destination Chain id of the destination.
    /// @param nonce Position of the message in its lane, from 1.
    /// @param gasLimit Gas with which the recipient is called.
    /// @param deliverBefore Last second (Unix time) at which the message may be executed.
    /// @param fee What the relayers of this message may earn, packed as {Fees} says.
    /// @param head Head of the lane after this message.
    event LaneExtended(
        uint256 indexed destination,
        uint64 indexed nonce,
        uint64 gasLimit,
        uint64 deliverBefore,
        uint256 fee,
        bytes32 head
    );
    /// @notice Emitted when the owner or the guardian restarts a lane. `lastNonce` is the place of the last message
    /// before; the next one stands at `nonce` + 1.
    event LaneRestarted(uint256 indexed destination, uint64 indexed nonce, uint64 lastNonce);
    /// @notice Emitted when the protocol's share of fees is paid out, in wei of ERA.
    event Swept(uint256 indexed destination, address indexed to, uint256 amount);

    /// @notice Thrown when the recipient is not the canonical ERC-7930 address of an account on another EVM chain:
    /// exactly 20 address bytes, nothing behind them, neither zero nor the gateway.
    error InvalidRecipient(bytes recipient);
    /// @notice Thrown when the payload is longer than `MAX_PAYLOAD_LENGTH` bytes.
    error PayloadTooLong(uint256 length, uint256 maximum);
    /// @notice Thrown when ether comes with a message. Messages carry none.
    error ValueNotAccepted(uint256 value);
    /// @notice Thrown when an attribute is not its selector followed by one 32-byte word of the attribute's type.
    error InvalidAttribute(bytes attribute);
    /// @notice Thrown when an attribute is given twice.
    error DuplicateAttribute(bytes4 selector);
    /// @notice Thrown when the gas limit is above the maximum of the route, or the return gas limit above that of any.
    error GasLimitTooHigh(uint256 gasLimit, uint256 maximum);
    /// @notice Thrown when `deliverBefore` is not within [earliest, latest], in Unix seconds.
    error DeadlineOutOfRange(uint256 deliverBefore, uint256 earliest, uint256 latest);
    /// @notice Thrown when a message costs more than its sender said that it may, in wei of ERA.
    error FeeTooHigh(uint256 fee, uint256 maximum);
    /// @notice Thrown at deployment when the collector of fees is the zero address or the gateway.
    error InvalidCollector(address collector);
    /// @notice Thrown unless a restart raises the nonce, and by no more than `MAX_RESTART_STEP`.
    error InvalidRestart(uint256 destination, uint64 nonce, uint64 lowest, uint64 highest);

    /// @notice Restarts a lane that a reorganisation of this chain broke. Only the owner or the guardian. The next
    /// message stands at `nonce` + 1, on a new genesis head. `nonce` must be above every nonce that the lane ever had,
    /// including in the history that is gone. Earlier messages that the destination did not execute can be refunded
    /// once the destination has followed the restart.
    function restart(uint256 destination, uint64 nonce) external;

    /// @notice Pays the protocol's share of the fees of a lane, in ERA, to `COLLECTOR`. Anyone may call.
    function sweep(uint256 destination) external;

    /// @notice What `sendMessage` charges for a message, in wei of ERA. Reverts if `sendMessage` would refuse the
    /// route, a gas limit or the length.
    /// @param gasLimit Gas for the recipient, on the destination.
    /// @param returnGasLimit Gas for the sender's `onMessageReturned`, on this chain.
    function quote(uint256 destination, uint256 gasLimit, uint256 returnGasLimit, uint256 payloadLength)
        external
        view
        returns (uint256);

    /// @notice Who gets the protocol's share of fees.
    function COLLECTOR() external view returns (address);

    /// @notice State of the lane to `destination`.
    /// @return nonce Place of the last message; after a restart, of the restart; 0 if nothing was sent.
    /// @return head Head there; the genesis head of that place if no message followed it.
    /// @return restartedAt Place of the last restart, 0 if there was none.
    function outboxLane(uint256 destination) external view returns (uint64 nonce, bytes32 head, uint64 restartedAt);

    /// @notice ERA held for the lane to `destination`, in gwei.
    /// @return escrow For relayers and refunds.
    /// @return protocolFees For the protocol, until they are swept.
    function laneFees(uint256 destination) external view returns (uint64 escrow, uint64 protocolFees);

    /// @notice Head of the lane to `destination` at `nonce`, stored for multiples of 64 and for the last message
    /// before a restart.
    /// @return head Zero if `nonce` is none of these, or was not reached.
    function storedHead(uint256 destination, uint64 nonce) external view returns (bytes32 head);
}
