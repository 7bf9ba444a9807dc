// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the relayers of one message may earn, in gwei of ERA: the base part in bits 0 to 63, the relay part,
/// which holds the base, in bits 64 to 127, the return part in bits 128 to 191. Zero for a message that was sent free.
type Fee is uint256;

using {Fees.base, Fees.relay, Fees.back, Fees.whole} for Fee global;

/// @title Fees: the parts of a message's fee
/// @notice Who earns which part follows from how the message ends:
/// accepted at the first attempt: relay and return part; refused: relay part; expired before it: base part only, so
/// that waiting for the expiry never pays. Whoever then retries to success, or carries the notice of its return, earns
/// the return part. What nobody earned goes back to the sender.
library Fees {
    /// @notice Fees are counted in this many wei of ERA.
    uint256 internal constant UNIT = 1 gwei;

    /// @notice Packs the three parts, in gwei.
    function pack(uint64 base_, uint64 relay_, uint64 back_) internal pure returns (Fee) {
        return Fee.wrap(uint256(base_) | (uint256(relay_) << 64) | (uint256(back_) << 128));
    }

    /// @notice Part that even an expired message pays for its passage, in gwei.
    function base(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee));
    }

    /// @notice Part for the first attempt, base included, in gwei.
    function relay(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee) >> 64);
    }

    /// @notice Part for the end of the message: its success or its return, in gwei.
    function back(Fee fee) internal pure returns (uint64) {
        return uint64(Fee.unwrap(fee) >> 128);
    }

    /// @notice Relay and return part together, in gwei.
    function whole(Fee fee) internal pure returns (uint256) {
        unchecked {
            return uint256(fee.relay()) + fee.back();
        }
    }
}
