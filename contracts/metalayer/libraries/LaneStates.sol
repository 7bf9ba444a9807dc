// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";

/// @notice What the Outbox keeps of a lane beside its head, in one word, 64 bits each from the lowest on: the nonce of
/// the last message, the fees in escrow, those of the protocol (both in gwei of ERA), and the nonce of the last
/// restart, zero without one.
type LaneState is uint256;

using {
    LaneStates.extend,
    LaneStates.nonce,
    LaneStates.escrow,
    LaneStates.protocolFees,
    LaneStates.restartedAt
} for LaneState global;

/// @title LaneStates: the parts of a lane's state
/// @notice Members of a struct would do, but the compiler writes the word again for each of them: 500 gas a message.
library LaneStates {
    /// @dev Of each part but the lowest, which nothing carries into.
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
            // One addition for all parts. A bit of a sum is the xor of both bits, unless the bit below carries into it.
            if ((before ^ more ^ sum) & LOWEST_BITS != 0) Panic.panic(Panic.UNDER_OVERFLOW);
            return LaneState.wrap(sum);
        }
    }

    /// @notice Nonce of the last message.
    function nonce(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state));
    }

    /// @notice Fees that wait for relayers and refunds, in gwei.
    function escrow(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 64);
    }

    /// @notice Fees that wait to be swept, in gwei.
    function protocolFees(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 128);
    }

    /// @notice Nonce of the last restart.
    function restartedAt(LaneState state) internal pure returns (uint64) {
        return uint64(LaneState.unwrap(state) >> 192);
    }
}
