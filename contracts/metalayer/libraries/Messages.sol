// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Fee} from "../types/Fee.sol";
import {Message} from "../types/Message.sol";

/// @title Messages: ids of messages and heads of lanes
library Messages {
    bytes32 internal constant MESSAGE_TYPEHASH = keccak256(
        "Message(uint256 networkId,uint256 origin,uint256 destination,uint256 nonce,address sender,address recipient,"
        "uint256 gasLimit,uint256 deliverBefore,uint256 fee,bytes payload)"
    );

    /// @notice Id of `message` at place `nonce` of the lane (origin, destination).
    /// @dev Equals the function below that takes the parts. It does not allocate memory, so that the next message uses
    /// the same: in a batch of 100, the growth of memory alone would cost 200 gas for each message.
    function id(Message calldata message, uint256 networkId, uint256 origin_, uint256 destination, uint256 nonce)
        internal
        pure
        returns (bytes32 result)
    {
        bytes32 typeHash = MESSAGE_TYPEHASH;
        bytes32 payloadHash = hash(message.payload);
        _checkWords(message);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // Beyond the free memory pointer, which is not moved.
            let words := mload(0x40)
            mstore(words, typeHash)
            mstore(add(words, 0x20), networkId)
            mstore(add(words, 0x40), origin_)
            mstore(add(words, 0x60), destination)
            mstore(add(words, 0x80), nonce)
            // Sender, recipient, gas limit, deadline and fee: one word each, in the order of the struct.
            calldatacopy(add(words, 0xa0), message, 0xa0)
            mstore(add(words, 0x140), payloadHash)
            result := keccak256(words, 0x160)
        }
    }

    /// @notice keccak256 of a payload, without allocating memory.
    function hash(bytes calldata payload) internal pure returns (bytes32 result) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let copy := mload(0x40)
            calldatacopy(copy, payload.offset, payload.length)
            result := keccak256(copy, payload.length)
        }
    }

    /// @dev Reverts if a word of the message is not of its type, as the compiler's own decoding does; also if the
    /// message begins before the calldata. Offsets may point backwards: there `calldatacopy` would read zeros, while
    /// the place of a later word would wrap around into the calldata.
    function _checkWords(Message calldata message) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let accounts := or(calldataload(message), calldataload(add(message, 0x20)))
            let numbers := or(calldataload(add(message, 0x40)), calldataload(add(message, 0x60)))
            if or(shr(160, accounts), shr(64, or(numbers, message))) { revert(0, 0) }
        }
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

    /// @notice Head of the lane (origin, destination) before its first message, which stands at `nonce` + 1: `nonce` is
    /// zero, or the place of a restart. Never zero, and no message leads to it.
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

    /// @notice Head of a lane after the messages with these ids, from index `start` on.
    function follow(bytes32 head, bytes32[] calldata ids, uint256 start) internal pure returns (bytes32) {
        for (uint256 i = start; i < ids.length; ++i) {
            head = extend(head, ids[i]);
        }
        return head;
    }
}
