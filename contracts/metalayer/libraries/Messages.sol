// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Fee} from "./Fees.sol";

/// @notice What the sender decides of a message. Origin, destination and nonce are not part of it: the Inbox takes them
/// from the lane, so that no message can claim another place than its own.
/// @param sender Account that sent it, on the origin.
/// @param recipient Contract that receives it, on the destination.
/// @param gasLimit Gas with which the recipient is called.
/// @param deliverBefore Last second (Unix time) at which it may be executed.
/// @param fee What its relayers may earn on the origin, see {Fees}.
/// @param payload At most 8,192 bytes.
struct Message {
    address sender;
    address recipient;
    uint64 gasLimit;
    uint64 deliverBefore;
    Fee fee;
    bytes payload;
}

/// @title Messages: ids of messages and heads of lanes
library Messages {
    bytes32 internal constant MESSAGE_TYPEHASH = keccak256(
        "Message(uint256 networkId,uint256 origin,uint256 destination,uint256 nonce,address sender,address recipient,"
        "uint256 gasLimit,uint256 deliverBefore,uint256 fee,bytes payload)"
    );

    /// @notice Id of `message` at place `nonce` of the lane (origin, destination).
    function id(Message calldata message, uint256 networkId, uint256 origin, uint256 destination, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return id(
            networkId,
            origin,
            destination,
            nonce,
            message.sender,
            message.recipient,
            message.gasLimit,
            message.deliverBefore,
            message.fee,
            keccak256(message.payload)
        );
    }

    /// @notice Id of a message from its parts.
    function id(
        uint256 networkId,
        uint256 origin,
        uint256 destination,
        uint256 nonce,
        address sender,
        address recipient,
        uint64 gasLimit,
        uint64 deliverBefore,
        Fee fee,
        bytes32 payloadHash
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                MESSAGE_TYPEHASH,
                networkId,
                origin,
                destination,
                nonce,
                sender,
                recipient,
                gasLimit,
                deliverBefore,
                fee,
                payloadHash
            )
        );
    }

    /// @notice Head of a lane that has no message after `nonce` yet. Never zero, and never stored.
    function genesis(uint256 networkId, uint256 origin, uint256 destination, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode("metalayer.lane", networkId, origin, destination, nonce));
    }

    /// @notice Head of a lane after one more message.
    function extend(bytes32 head, bytes32 messageId) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(head, messageId);
    }
}
