// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Bucket, Buckets} from "../bridge/libraries/Buckets.sol";

/// @title BucketProofs: what limits let through
/// @notice Like {Proofs}, on the bridge's own library. Of any bucket: its words hold what they like, also what no
/// sequence of calls leads to. Windows are of 1 second to 365 days, as the owner may set them; capacities have 104
/// bits, and the time 40.
///
/// That in any time t no more leaves than a capacity, capacity * t / window, and what comes in that time, is an
/// argument on paper whose steps are proved. Let w be the second at which the capacity is whole again. Each use moves
/// w, or the present if that is later, forward by at least amount * window / capacity, and leaves it within a window
/// from now ({checkLeaving}); what comes moves it back by no more than as much ({checkGivenBack}). So from before the first
/// use to after the last one, w moves by at most t + window, and by at least the sum over all uses, less what came.
contract BucketProofs {
    using Buckets for Bucket;

    uint256 private constant SECOND = 1 << 64;
    uint256 private constant MAX_WINDOW = 365 days;

    /// @dev Halmos answers here: this sets the time.
    address private constant TIME = address(uint160(uint256(keccak256("hevm cheat code"))));

    Bucket private _bucket;

    error Impossible();

    /// @notice Never is more free than the capacity, of either direction.
    function checkFree(uint40 time, Bucket calldata any) external {
        _have(time, any);
        assert(_bucket.freeOut() <= any.outCapacity && _bucket.freeIn() <= any.inCapacity);
    }

    /// @notice What is free may leave at once. It then is not free any more, to the unit; and see above.
    function checkLeaving(uint40 time, Bucket calldata any, uint104 amount) external {
        _have(time, any);
        uint256 free = _bucket.freeOut();
        if (amount > free || amount == 0) return;
        _bucket.takeOut(amount);
        uint256 present = block.timestamp * SECOND;
        uint256 from = any.outWholeAt > present ? any.outWholeAt : present;
        assert(_bucket.freeOut() <= free - amount);
        assert((_bucket.outWholeAt - from) * any.outCapacity >= uint256(amount) * any.window * SECOND);
        assert(_bucket.outWholeAt <= present + any.window * SECOND);
    }

    /// @notice Likewise of what comes.
    function checkComing(uint40 time, Bucket calldata any, uint104 amount) external {
        _have(time, any);
        uint256 free = _bucket.freeIn();
        if (amount > free || amount == 0) return;
        _bucket.takeIn(amount);
        uint256 present = block.timestamp * SECOND;
        uint256 from = any.inWholeAt > present ? any.inWholeAt : present;
        assert(_bucket.freeIn() <= free - amount);
        assert((_bucket.inWholeAt - from) * any.inCapacity >= uint256(amount) * any.window * SECOND);
        assert(_bucket.inWholeAt <= present + any.window * SECOND);
    }

    /// @notice What comes gives the other direction back no more than itself, and never what was not used.
    function checkGivenBack(uint40 time, Bucket calldata any, uint104 amount) external {
        _have(time, any);
        if (amount > _bucket.freeIn() || any.outCapacity == 0) return;
        _bucket.takeIn(amount);
        uint256 present = block.timestamp * SECOND;
        assert(_bucket.outWholeAt >= present);
        if (any.outWholeAt <= present) assert(_bucket.outWholeAt == present);
        else assert((any.outWholeAt - _bucket.outWholeAt) * any.outCapacity <= uint256(amount) * any.window * SECOND);
    }

    /// @notice New limits keep what is used, at most all of the new capacity.
    function checkConfigured(
        uint40 time,
        Bucket calldata any,
        uint104 outCapacity,
        uint104 inCapacity,
        uint32 window
    ) external {
        _have(time, any);
        if (window == 0 || window > MAX_WINDOW || outCapacity == 0) return;
        uint256 used = any.outCapacity - _bucket.freeOut();
        _bucket.configure(outCapacity, inCapacity, window);
        assert(_bucket.outCapacity == outCapacity && _bucket.inCapacity == inCapacity && _bucket.window == window);
        assert(outCapacity - _bucket.freeOut() >= (used < outCapacity ? used : outCapacity));
        assert(_bucket.outWholeAt <= (block.timestamp + window) * SECOND);
    }

    /// @notice A limit lets something through.
    /// @custom:halmos --early-exit
    function findLeaving(uint40 time, Bucket calldata any, uint104 amount) external {
        _have(time, any);
        if (amount < 5 || amount > _bucket.freeOut()) return;
        _bucket.takeOut(amount);
        assert(false);
    }

    function _have(uint40 time, Bucket calldata any) private {
        require(any.window != 0 && any.window <= MAX_WINDOW, Impossible());
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = TIME.call(abi.encodeWithSignature("warp(uint256)", time));
        assert(done);
        _bucket = any;
    }
}
