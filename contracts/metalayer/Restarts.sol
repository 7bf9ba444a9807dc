// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IOutbox} from "../interfaces/IOutbox.sol";
import {Messages} from "./libraries/Messages.sol";
import {LaneState, LaneStates} from "./types/LaneState.sol";
import {OutboxLane, originState} from "./types/OriginState.sol";

/// @title Restarts: how a lane that a reorganisation broke goes on
/// @notice See {IOutbox-restart}. The gateway has checked who calls.
abstract contract Restarts {
    /// @notice Most by which a restart may raise a lane's nonce: more than any lane is long, and too little to exhaust
    /// the nonces.
    uint64 public constant MAX_RESTART_STEP = 1 << 32;

    /// @notice See {IOutbox-restart}.
    function restart(uint256 destination, uint64 nonce) external {
        OutboxLane storage lane = originState().lanes[destination];
        LaneState state = lane.state;
        uint64 last = state.nonce();
        _checkRestart(destination, last, nonce);
        originState().storedHeads[destination][last] = lane.head;
        lane.state = LaneStates.pack(nonce, state.escrow(), state.protocolFees(), nonce);
        lane.head = Messages.genesis(_networkId(), block.chainid, destination, nonce);
        originState().restarts[destination][nonce].restarted = true;
        emit IOutbox.LaneRestarted(destination, nonce, last);
    }

    function _networkId() internal view virtual returns (uint256);

    function _checkRestart(uint256 destination, uint64 last, uint64 nonce) internal view virtual {
        uint64 highest = last + MAX_RESTART_STEP;
        require(
            nonce > last && nonce <= highest, IOutbox.InvalidRestart(destination, nonce, last + 1, highest)
        );
    }
}
