// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the relayers of one message may earn, in gwei of ERA: the base part in bits 0 to 63, the relay part,
/// which includes the base part, in bits 64 to 127, the return part in bits 128 to 191. Zero for a message that was
/// sent free.
type Fee is uint256;

using {Fees.basePart, Fees.relayPart, Fees.returnPart, Fees.total} for Fee global;

/// @title Fees: the parts of a message's fee
/// @notice Who earns which part depends on how the message ends:
/// - accepted at the first attempt: whoever delivered it earns the relay part and the return part;
/// - refused at the first attempt: whoever delivered it earns the relay part;
/// - expired before the first attempt: whoever delivered it earns the base part only, so that it never pays to wait
///   until a message expires.
/// Whoever then retries it with success, or carries the notice of its return, earns the return part. The sender gets
/// back what nobody earned.
library Fees {
    /// @notice Fees are counted in this many wei of ERA.
    uint256 internal constant UNIT = 1 gwei;

    /// @notice Packs the three parts, in gwei.
    function pack(uint64 basePart_, uint64 relayPart_, uint64 returnPart_) internal pure returns (Fee) {
        return Fee.wrap(uint256(basePart_) | (uint256(relayPart_) << 64) | (uint256(returnPart_) << 128));
    }

    /// @notice Part for carrying a message, in gwei: even an expired one pays it.
    function basePart(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee));
    }

    /// @notice Part for the first attempt, including the base part, in gwei.
    function relayPart(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee) >> 64);
    }

    /// @notice Part for the end of the message, its success or its return, in gwei.
    function returnPart(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee) >> 128);
    }

    /// @notice Relay part and return part together, in gwei.
    function total(Fee fee) internal pure returns (uint256) {
        unchecked {
            return uint256(fee.relayPart()) + fee.returnPart();
        }
    }
}
