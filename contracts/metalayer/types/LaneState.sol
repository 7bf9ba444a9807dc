// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";

/// @notice What the Outbox keeps about a lane beside its head: four parts of 64 bits in one word. From the lowest bits
/// up: the nonce of the last message, the fees in escrow, the protocol's fees (both in gwei of ERA), and the nonce of
/// the last restart, zero if there was none.
type LaneState is uint256;

using {
    LaneStates.extend,
    LaneStates.nonce,
    LaneStates.escrow,
    LaneStates.protocolFees,
    LaneStates.restartedAt
} for LaneState global;

/// @title LaneStates: the parts of a lane's state
/// @notice A struct would be simpler, but the compiler writes the storage word again for each member: 500 gas more for
/// each message.
library LaneStates {
    /// @dev The lowest bit of every part but the first: a part that overflows carries into the lowest bit of the part
    /// above it. The highest part does not overflow: nothing is added to it.
    uint256 private constant LOWEST_BITS = (1 << 64) | (1 << 128) | (1 << 192);

    /// @notice Packs the four parts.
    function pack(uint64 nonce_, uint64 escrow_, uint64 protocolFees_, uint64 restartedAt_)
        internal
        pure
        returns (LaneState)
    {
        return LaneState.wrap(
            uint256(nonce_) | (uint256(escrow_) << 64) | (uint256(protocolFees_) << 128)
                | (uint256(restartedAt_) << 192)
        );
    }

    /// @notice The state after one more message with these fees, in gwei. Panics if a part does not fit 64 bits.
    function extend(LaneState state, uint64 escrow_, uint64 protocolFees_) internal pure returns (LaneState) {
        uint256 before = LaneState.unwrap(state);
        uint256 more = 1 | (uint256(escrow_) << 64) | (uint256(protocolFees_) << 128);
        unchecked {
            uint256 sum = before + more;
            // One addition for all parts. A bit of the sum is the xor of the two bits added there, and of the carry
            // from below: where it differs from the xor of the two bits, there was a carry.
            if ((before ^ more ^ sum) & LOWEST_BITS != 0) Panic.panic(Panic.UNDER_OVERFLOW);
            return LaneState.wrap(sum);
        }
    }

    /// @notice Nonce of the last message.
    function nonce(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state));
    }

    /// @notice Fees held for relayers and refunds, in gwei.
    function escrow(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 64);
    }

    /// @notice The protocol's fees that were not swept yet, in gwei.
    function protocolFees(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 128);
    }

    /// @notice Nonce of the last restart.
    function restartedAt(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 192);
    }
}
