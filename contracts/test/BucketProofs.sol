// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Bucket, Buckets} from "../bridge/libraries/Buckets.sol";

/// @title BucketProofs: what limits let through
/// @notice Like {Proofs}, on the bridge's own library. Of any bucket: its words hold what they like, also what no
/// sequence of calls leads to. Windows are of 1 second to 365 days, as the owner may set them; capacities have 104
/// bits, and the time 40.
///
/// That in any time t in which nothing comes, no more leaves than a capacity and capacity * t / window, is an argument
/// on paper whose step is proved. Let w be the second at which the capacity is whole again. Each use moves w, or the
/// present if that is later, forward by at least amount * window / capacity, and leaves it within a window from now
/// ({checkLeaving}). So from before the first use to after the last one, w moves by at most t + window, and by at least
/// the sum over all uses. New limits begin with no less used than before, or with nothing free ({checkConfigured}). Not
/// proved: what comes in between gives back. That is tested.
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

    /// @notice What leaves is let through if as much is free, and only then. It moves the second at which the capacity
    /// is whole by no less than it must, and no further than a window from now. The other direction has no capacity:
    /// each is proved by itself.
    function checkLeaving(uint40 time, uint32 window, uint104 capacity, uint128 wholeAt, uint104 amount) external {
        _have(time, Bucket(capacity, 0, window, wholeAt, 0));
        if (amount == 0) return;
        bool isFree = amount <= _bucket.freeOut();
        assert(_bucket.takeOut(amount) == isFree);
        if (isFree) _checkMoved(wholeAt, _bucket.outWholeAt, capacity, amount);
        else assert(_bucket.outWholeAt == wholeAt);
    }

    /// @notice Likewise of what comes.
    function checkComing(uint40 time, uint32 window, uint104 capacity, uint128 wholeAt, uint104 amount) external {
        _have(time, Bucket(0, capacity, window, 0, wholeAt));
        if (amount == 0) return;
        bool isFree = amount <= _bucket.freeIn();
        assert(_bucket.takeIn(amount) == isFree);
        if (isFree) _checkMoved(wholeAt, _bucket.inWholeAt, capacity, amount);
        else assert(_bucket.inWholeAt == wholeAt);
    }

    /// @notice Under new limits no less is used than was: no more is free than the new capacity without it.
    function checkConfigured(uint40 time, Bucket calldata any, uint104 capacity, uint32 window) external {
        if (window == 0 || window > MAX_WINDOW) return;
        _have(time, any);
        uint256 used = any.outCapacity - _bucket.freeOut();
        _bucket.configure(capacity, 0, window);
        assert(_bucket.freeOut() <= (used < capacity ? capacity - used : 0));
        assert(_bucket.freeIn() == 0);
    }

    /// @notice A limit lets something through.
    /// @custom:halmos --early-exit
    function findLeaving(uint40 time, uint32 window, uint104 capacity, uint104 amount) external {
        _have(time, Bucket(capacity, 0, window, 0, 0));
        if (amount < 5 || amount > _bucket.freeOut()) return;
        assert(!_bucket.takeOut(amount));
    }

    function _checkMoved(uint256 before, uint256 after_, uint256 capacity, uint256 amount) private view {
        uint256 present = block.timestamp * SECOND;
        uint256 from = before > present ? before : present;
        assert(after_ >= from);
        assert((after_ - from) * capacity >= amount * _bucket.window * SECOND);
        assert(after_ <= present + _bucket.window * SECOND);
    }

    function _have(uint40 time, Bucket memory any) private {
        require(any.window != 0 && any.window <= MAX_WINDOW, Impossible());
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = TIME.call(abi.encodeWithSignature("warp(uint256)", time));
        assert(done);
        _bucket = any;
    }
}
