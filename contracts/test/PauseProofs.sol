// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInbox} from "../interfaces/IInbox.sol";
import {SymbolicGateway} from "./SymbolicGateway.sol";

/// @title PauseProofs: no pause is longer than it may be, and as long a time without one follows it
/// @notice By induction: what a lane says about its last pause holds in the beginning, where all is zero, and after
/// whatever is called. Assumed: times are below 2^62.
contract PauseProofs is SymbolicGateway {
    uint64 private constant LATEST = 1 << 62;

    /// @notice However a pause is begun, extended and ended: it is no longer than the longest one, its cool-down is as
    /// long as it was, and while it runs its beginning does not move.
    function checkPausesAreBounded(uint64 time, uint256 origin, uint64 duration, bool ends) external {
        uint64 longest = origin == HUB ? 3 days : 21 days;
        (uint64 until, uint64 from) = _pause(origin);
        if (!_isBounded(until, from, longest) || time < 2 * until - from || time > LATEST) return;
        _warp(time);
        if (!_act(origin, duration, ends)) return;
        (uint64 untilThen, uint64 fromThen) = _pause(origin);
        assert(_isBounded(untilThen, fromThen, longest));
        uint64 sinceThen = 2 * untilThen - fromThen;
        if (time < until) assert(sinceThen == 2 * until - from);
        else assert(sinceThen == time && time >= from);
        assert(ends ? untilThen == time : untilThen >= until);
    }

    /// @notice A pause can begin, one that runs can be extended, and one can be ended.
    /// @custom:halmos --early-exit
    function findExtension(uint64 time, uint256 origin, uint64 duration) external {
        (uint64 until, uint64 from) = _pause(origin);
        if (!_isBounded(until, from, 3 days) || time < 2 * until - from || time >= until) return;
        _warp(time);
        if (!_act(origin, duration, false)) return;
        (uint64 untilThen,) = _pause(origin);
        assert(untilThen == until);
    }

    function _act(uint256 origin, uint64 duration, bool ends) private returns (bool done) {
        bytes memory data = ends
            ? abi.encodeCall(IInbox.unpauseInbound, (origin))
            : abi.encodeCall(IInbox.pauseInbound, (origin, duration));
        // solhint-disable-next-line avoid-low-level-calls
        (done,) = address(GATEWAY).call(data);
    }

    function _pause(uint256 origin) private view returns (uint64 until, uint64 from) {
        return (GATEWAY.pausedUntil(origin), GATEWAY.pausableFrom(origin));
    }

    /// @dev `from - until` is how long the pause was: it began as long before its end.
    function _isBounded(uint64 until, uint64 from, uint64 longest) private pure returns (bool) {
        return until <= LATEST && from >= until && from - until <= longest && from - until <= until;
    }
}
