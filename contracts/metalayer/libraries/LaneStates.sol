// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the Outbox keeps of a lane beside its head, in one word, 64 bits each from the lowest on: the nonce of
/// the last message, the fees in escrow, those of the protocol (both in gwei of ERA), and the nonce of the last
/// restart, zero without one.
type LaneState is uint256;

using {LaneStates.nonce, LaneStates.escrow, LaneStates.protocolFees, LaneStates.restartedAt} for LaneState global;

/// @title LaneStates: the parts of a lane's state
/// @notice Members of a struct would do, but the compiler writes the word again for each of them: 500 gas a message.
library LaneStates {
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
