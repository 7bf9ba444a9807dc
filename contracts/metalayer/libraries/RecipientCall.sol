// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title RecipientCall: the only calls of the gateway to contracts of others
/// @notice Of a message's recipient by the Inbox, and of its sender when it comes back. In assembly, because Solidity's
/// `try` reverts the caller when the recipient returns fewer than 32 bytes, and copies everything that it returns.
library RecipientCall {
    /// @dev Upper bound of the gas spent between measuring it and handing it over: 60 for the opcodes between, 100 for
    /// the warm CALL, 2,600 for the cold code of a delegated account (EIP-7702); the rest is room for dearer opcodes.
    uint256 private constant CALL_COST = 5_000;
    /// @dev Kept back for what the Inbox does after a call that fails: it writes two new storage words (22,100 each),
    /// the message's status and the relayer's earnings, and emits one event. A refund does less.
    uint256 private constant BOOKKEEPING = 55_000;

    /// @notice Gas that must be left right before the call, so that the recipient gets `gasLimit` under the 63/64 rule
    /// (EIP-150), and the caller has enough left to go on, whatever the recipient does.
    function required(uint64 gasLimit) internal pure returns (uint256) {
        unchecked {
            uint256 keptBack = gasLimit / 63;
            return CALL_COST + gasLimit + (keptBack > BOOKKEEPING ? keptBack : BOOKKEEPING);
        }
    }

    /// @notice Calls `receiveMessage(id, sender, payload)` of a recipient that has code.
    /// @param gasNeeded What `required` returns for the message.
    /// @param gasForwarded Gas to hand over; more than is available means all of it.
    /// @param sender ERC-7930 address of the sender, followed by zeros up to a whole word: see {Erc7930}.
    /// @return available Gas left right before the call. If it is less than `gasNeeded`, nothing was called.
    /// @return accepted True if the call succeeded and returned the magic value.
    function attempt(
        address recipient,
        uint256 gasNeeded,
        uint256 gasForwarded,
        bytes32 id,
        bytes memory sender,
        bytes calldata payload
    ) internal returns (uint256 available, bool accepted) {
        (uint256 data, uint256 size) = _encode(id, sender, payload);
        bytes32 magic = bytes32(IERC7786Recipient.receiveMessage.selector);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // The result goes to the scratch space [0, 32), so that memory does not grow between `gas` and `call`.
            available := gas()
            if iszero(lt(available, gasNeeded)) {
                let success := call(gasForwarded, recipient, 0, data, size, 0x00, 0x20)
                accepted := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), magic))
            }
        }
    }

    /// @notice Calls a sender that has code with `data`, and copies nothing of what it returns.
    /// @param gasNeeded What `required` returns for `gasLimit`.
    /// @return available Gas left right before the call. If it is less than `gasNeeded`, nothing was called.
    /// @return succeeded True if the call did not revert.
    function callBack(address sender, uint256 gasNeeded, uint256 gasLimit, bytes memory data)
        internal
        returns (uint256 available, bool succeeded)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            available := gas()
            if iszero(lt(available, gasNeeded)) {
                succeeded := call(gasLimit, sender, 0, add(data, 0x20), mload(data), 0x00, 0x00)
            }
        }
    }

    /// @dev The bytes of `abi.encodeCall`, but beyond the free memory pointer, which is not moved: the next message of
    /// a batch uses the same memory. Nothing may be allocated before the call.
    function _encode(bytes32 id, bytes memory sender, bytes calldata payload)
        private
        pure
        returns (uint256 data, uint256 size)
    {
        bytes32 selector = bytes32(IERC7786Recipient.receiveMessage.selector);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(data, selector)
            mstore(add(data, 0x04), id)
            // Offsets of sender and payload among the arguments: after three words, and after the sender.
            let senderSize := and(add(mload(sender), 0x3f), not(0x1f))
            mstore(add(data, 0x24), 0x60)
            mstore(add(data, 0x44), add(senderSize, 0x60))
            mcopy(add(data, 0x64), sender, senderSize)
            let last := add(add(data, 0x64), senderSize)
            mstore(last, payload.length)
            calldatacopy(add(last, 0x20), payload.offset, payload.length)
            // Zeros up to a whole word.
            mstore(add(add(last, 0x20), payload.length), 0)
            size := add(sub(last, data), and(add(payload.length, 0x3f), not(0x1f)))
        }
    }
}
