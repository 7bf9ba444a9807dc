// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What those who carry one message may earn, in gwei of ERA, and the gas that its sender prepaid for its
/// return. From the lowest bits up: base part, relay part (which includes the base part), step part and callback part,
/// 56 bits each; then the gas limit of `onMessageReturned`, 32 bits.
type Fee is uint256;

using {
    Fees.basePart,
    Fees.relayPart,
    Fees.stepPart,
    Fees.callbackPart,
    Fees.returnPart,
    Fees.returnGasLimit,
    Fees.total
} for Fee global;

/// @title Fees: the parts of a message's fee
/// @notice Who earns which part depends on how the message ends:
/// - accepted at the first attempt: whoever delivered it earns everything;
/// - refused at the first attempt: whoever delivered it earns the relay part, and whoever retries it with success the
///   return part: three step parts and the callback part;
/// - expired before the first attempt: whoever delivered it earns the base part only. That is less than for a message
///   in time, so that it never pays to wait until a message expires;
/// - returned: whoever calls `returnToSender`, whoever delivers its notice and whoever calls `refund` earn one step
/// part
///   each; the last of them earns the callback part, too, if the sender has code that is called.
/// The sender gets back what nobody earned.
library Fees {
    /// @notice Fees are counted in this many wei of ERA.
    uint256 internal constant UNIT = 1 gwei;
    uint256 private constant STEPS = 3;

    /// @notice Packs the parts, in gwei: each must be below 2^56.
    function pack(uint64 basePart_, uint64 relayPart_, uint64 stepPart_, uint64 callbackPart_, uint32 returnGasLimit_)
        internal
        pure
        returns (Fee)
    {
        return Fee.wrap(
            uint256(basePart_) | (uint256(relayPart_) << 56) | (uint256(stepPart_) << 112)
                | (uint256(callbackPart_) << 168) | (uint256(returnGasLimit_) << 224)
        );
    }

    /// @notice Part for carrying a message and its bytes, in gwei: even an expired one pays it.
    function basePart(Fee fee) internal pure returns (uint64) {
        return uint56(Fee.unwrap(fee));
    }

    /// @notice Part for the first attempt, including the base part, in gwei.
    function relayPart(Fee fee) internal pure returns (uint64) {
        return uint56(Fee.unwrap(fee) >> 56);
    }

    /// @notice Part for each of the three steps of a return, in gwei.
    function stepPart(Fee fee) internal pure returns (uint64) {
        return uint56(Fee.unwrap(fee) >> 112);
    }

    /// @notice Part for the gas of `onMessageReturned`, in gwei.
    function callbackPart(Fee fee) internal pure returns (uint64) {
        return uint56(Fee.unwrap(fee) >> 168);
    }

    /// @notice All that is paid for the end of a message, its success or its return, in gwei.
    function returnPart(Fee fee) internal pure returns (uint64) {
        unchecked {
            return uint64(STEPS * fee.stepPart() + fee.callbackPart());
        }
    }

    /// @notice Gas limit of the sender's `onMessageReturned`.
    function returnGasLimit(Fee fee) internal pure returns (uint32) {
        return uint32(Fee.unwrap(fee) >> 224);
    }

    /// @notice Relay part and return part together, in gwei: less than 2^59.
    function total(Fee fee) internal pure returns (uint256) {
        uint256 word = Fee.unwrap(fee);
        // Each message that is delivered pays for this: without a function for each part.
        unchecked {
            return uint256(uint56(word >> 56)) + STEPS * uint256(uint56(word >> 112)) + uint256(uint56(word >> 168));
        }
    }
}
