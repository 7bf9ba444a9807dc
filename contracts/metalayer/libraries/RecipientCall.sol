// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title RecipientCall: the one call that the Inbox makes to others
/// @notice In assembly because Solidity's `try` reverts its caller when the recipient returns fewer than 32 bytes, and
/// copies all that it returns.
library RecipientCall {
    /// @dev Upper bound of what is spent between measuring the gas and handing it over: 60 for the opcodes between, the
    /// warm CALL (100) and the cold code of a delegated account (EIP-7702: 2,600), with room for dearer opcodes.
    uint256 private constant CALL_COST = 5_000;
    /// @dev Kept back for what the Inbox does after a call that fails: two new storage words (22,100 each), what became
    /// of the message and what the relayer earned, and one event.
    uint256 private constant BOOKKEEPING = 55_000;

    /// @notice Gas that must be left right before the call, so that the recipient gets `gasLimit` under the 63/64 rule
    /// (EIP-150) and the caller can go on whatever the recipient does.
    function required(uint256 gasLimit) internal pure returns (uint256) {
        uint256 keptBack = gasLimit / 63;
        return CALL_COST + gasLimit + (keptBack > BOOKKEEPING ? keptBack : BOOKKEEPING);
    }

    /// @notice Calls a recipient that has code.
    /// @param gasNeeded What `required` says for the message.
    /// @param gasForwarded Gas to hand over; everything above what is available means all of it.
    /// @param data Encoded call of `receiveMessage`.
    /// @return available Gas left right before the call. If it is less than `gasNeeded`, nothing was called.
    /// @return accepted True if the call succeeded and returned the magic value.
    function attempt(address recipient, uint256 gasNeeded, uint256 gasForwarded, bytes memory data)
        internal
        returns (uint256 available, bool accepted)
    {
        bytes32 magic = bytes32(IERC7786Recipient.receiveMessage.selector);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // The scratch word [0, 32) takes the result: memory cannot grow between `gas` and `call`.
            available := gas()
            if iszero(lt(available, gasNeeded)) {
                let success := call(gasForwarded, recipient, 0, add(data, 0x20), mload(data), 0x00, 0x20)
                accepted := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), magic))
            }
        }
    }
}
