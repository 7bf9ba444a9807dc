// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

// Nothing used, and no capacity, are compared with zero.
// slither-disable-start incorrect-equality

/// @notice Two capacities that are used and grow back evenly: one for each direction. Two words.
/// @param outCapacity Most that may leave at once.
/// @param inCapacity Most that may come at once.
/// @param window Seconds within which a whole capacity grows back.
/// @param outWholeAt When what was used of `outCapacity` has grown back: Unix time, with 64 binary digits behind the
/// point.
/// @param inWholeAt Likewise.
struct Bucket {
    uint104 outCapacity;
    uint104 inCapacity;
    uint48 window;
    uint128 outWholeAt;
    uint128 inWholeAt;
}

/// @title Buckets: limits that grow back
/// @notice What was used is kept as the time at which it will have grown back. A number that is lowered at every change
/// would have to be rounded every time: whoever changes it often enough would stop it from growing back at all.
/// Division rounds so that less is free.
library Buckets {
    using SafeCast for uint256;

    /// @dev One second.
    uint256 private constant SECOND = 1 << 64;

    /// @notice Sets capacities and window. What was used until now stays used.
    function configure(Bucket storage bucket, uint256 outCapacity, uint256 inCapacity, uint256 window) internal {
        uint256 outUsed = _used(bucket.outCapacity, bucket.window, bucket.outWholeAt);
        uint256 inUsed = _used(bucket.inCapacity, bucket.window, bucket.inWholeAt);
        bucket.outCapacity = outCapacity.toUint104();
        bucket.inCapacity = inCapacity.toUint104();
        bucket.window = window.toUint48();
        bucket.outWholeAt = _wholeAt(outCapacity, window, outUsed).toUint128();
        bucket.inWholeAt = _wholeAt(inCapacity, window, inUsed).toUint128();
    }

    /// @notice What may leave now.
    function freeOut(Bucket storage bucket) internal view returns (uint256) {
        return _free(bucket.outCapacity, bucket.window, bucket.outWholeAt);
    }

    /// @notice What may come now.
    function freeIn(Bucket storage bucket) internal view returns (uint256) {
        return _free(bucket.inCapacity, bucket.window, bucket.inWholeAt);
    }

    /// @notice Uses what leaves, if as much is free, and gives it back to the other direction.
    /// @param amount Not zero: of no capacity, nothing is no part.
    /// @return fits False if it is not. Then nothing was done.
    function takeOut(Bucket storage bucket, uint256 amount) internal returns (bool fits) {
        (uint256 capacity, uint256 window, uint256 wholeAt) = (bucket.outCapacity, bucket.window, bucket.outWholeAt);
        (uint256 otherCapacity, uint256 otherAt) = (bucket.inCapacity, bucket.inWholeAt);
        if (amount > _free(capacity, window, wholeAt)) return false;
        wholeAt = _later(wholeAt, capacity, window, amount);
        _write(bucket, wholeAt, _earlier(otherAt, otherCapacity, window, amount));
        return true;
    }

    /// @notice Uses what comes, if as much is free, and gives it back to the other direction.
    /// @param amount Not zero: of no capacity, nothing is no part.
    /// @return fits False if it is not. Then nothing was done.
    function takeIn(Bucket storage bucket, uint256 amount) internal returns (bool fits) {
        (uint256 capacity, uint256 window, uint256 wholeAt) = (bucket.inCapacity, bucket.window, bucket.inWholeAt);
        (uint256 otherCapacity, uint256 otherAt) = (bucket.outCapacity, bucket.outWholeAt);
        if (amount > _free(capacity, window, wholeAt)) return false;
        wholeAt = _later(wholeAt, capacity, window, amount);
        _write(bucket, _earlier(otherAt, otherCapacity, window, amount), wholeAt);
        return true;
    }

    /// @notice Gives back what left and did not arrive.
    function giveBackOut(Bucket storage bucket, uint256 amount) internal {
        bucket.outWholeAt = uint128(_earlier(bucket.outWholeAt, bucket.outCapacity, bucket.window, amount));
    }

    /// @dev Both in one word, which the compiler would read and write once for each.
    function _write(Bucket storage bucket, uint256 outWholeAt, uint256 inWholeAt) private {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // Both are below 2^128, as clocks are far below 2^64: see `_later`.
            sstore(add(bucket.slot, 1), or(outWholeAt, shl(128, inWholeAt)))
        }
    }

    function _free(uint256 capacity, uint256 window, uint256 wholeAt) private view returns (uint256) {
        return Math.saturatingSub(capacity, _used(capacity, window, wholeAt));
    }

    /// @dev Capacity below 2^104, window below 2^48 and times below 2^128: products stay below 2^232.
    function _used(uint256 capacity, uint256 window, uint256 wholeAt) private view returns (uint256) {
        unchecked {
            uint256 missing = Math.saturatingSub(wholeAt, block.timestamp * SECOND);
            return missing == 0 ? 0 : Math.min(capacity, Math.ceilDiv(missing * capacity, window * SECOND));
        }
    }

    /// @dev Most of `used` that a capacity can hold, as the time at which it has grown back.
    function _wholeAt(uint256 capacity, uint256 window, uint256 used) private view returns (uint256) {
        if (capacity == 0) return 0;
        return block.timestamp * SECOND + Math.ceilDiv(Math.min(used, capacity) * window * SECOND, capacity);
    }

    /// @dev The amount is free: it is no more than a capacity below 2^104, and what is returned is at most a window
    /// from now. The window is below 2^48: the product stays below 2^216.
    function _later(uint256 wholeAt, uint256 capacity, uint256 window, uint256 amount) private view returns (uint256) {
        unchecked {
            uint256 since = Math.max(wholeAt, block.timestamp * SECOND);
            return since + Math.ceilDiv(amount * window * SECOND, capacity);
        }
    }

    /// @dev At most `wholeAt`. Amount below 2^128, window below 2^48: the product stays below 2^240.
    function _earlier(uint256 wholeAt, uint256 capacity, uint256 window, uint256 amount)
        private
        view
        returns (uint256)
    {
        unchecked {
            if (capacity == 0) return 0;
            uint256 present = block.timestamp * SECOND;
            if (wholeAt <= present) return wholeAt;
            uint256 given = amount * window * SECOND / capacity;
            return Math.max(Math.saturatingSub(wholeAt, given), present);
        }
    }
}
// slither-disable-end incorrect-equality
