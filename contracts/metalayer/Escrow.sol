// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Fees} from "./types/Fee.sol";
import {LaneState, LaneStates} from "./types/LaneState.sol";
import {OutboxLane, originState} from "./types/OriginState.sol";

/// @title Escrow: pays from the fees that a lane holds
abstract contract Escrow {
    /// @param amount In gwei.
    /// @return given In gwei: less than `amount` if the escrow does not hold it.
    function _reward(uint256 destination, address account, uint256 amount) internal returns (uint64 given) {
        given = _withdrawEscrow(destination, amount);
        originState().credit[account] += given * Fees.UNIT;
    }

    /// @dev Takes as much of `amount` (gwei) as the lane's escrow holds, never more.
    function _withdrawEscrow(uint256 destination, uint256 amount) internal virtual returns (uint64 taken) {
        OutboxLane storage lane = originState().lanes[destination];
        LaneState state = lane.state;
        uint64 escrow = state.escrow();
        taken = amount < escrow ? uint64(amount) : escrow;
        lane.state =
            LaneStates.pack(state.nonce(), escrow - taken, state.protocolFees(), state.restartedAt());
    }
}
