// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Accounts} from "../bridge/Accounts.sol";
import {Gateways} from "../bridge/Gateways.sol";
import {Bucket, Buckets} from "../bridge/libraries/Buckets.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";

/// @title TransferProofs: what limits let through, and what accounts keep
/// @notice Like {Proofs}, on the bridge's own libraries. Of any bucket: its words hold what they like, also what no
/// sequence of calls leads to. Windows are of 1 to 365 days, as the owner may set them; capacities have 104 bits, and the
/// time 40.
///
/// That in any time `t` no more leaves than a capacity, capacity * t / window, and what comes in that time, follows from
/// {checkOut} and {checkGivenBack}: each use moves the time `w` at which the capacity is whole by at least
/// amount * window / capacity, from now if that is later, and leaves it within a window from now; what comes moves it
/// back by no more than as much. So between the first use, at `a`, and the last, at `b`, `w` moves from at least `a` to at
/// most `b` + window. That sum over all uses is an argument on paper; each step of it is proved.
contract TransferProofs is Accounts {
    using Buckets for Bucket;

    uint256 private constant SECOND = 1 << 64;
    uint256 private constant MAX_WINDOW = 365 days;

    address private constant TOKEN = address(7);
    /// @dev Halmos answers here: this sets the time.
    address private constant TIME = address(uint160(uint256(keccak256("hevm cheat code"))));

    Bucket private _bucket;

    error Impossible();

    constructor() Gateways(IMetalayer(address(1)), address(2), 3) {}

    /// @notice Never is more free than the capacity, of either direction.
    function checkFree(uint40 time, Bucket calldata any) external {
        _have(time, any);
        assert(_bucket.freeOut() <= any.outCapacity && _bucket.freeIn() <= any.inCapacity);
    }

    /// @notice What is free may leave at once. It then is not free any more, to the unit; and see above.
    function checkOut(uint40 time, Bucket calldata any, uint104 amount) external {
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
    function checkIn(uint40 time, Bucket calldata any, uint104 amount) external {
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
    function findOut(uint40 time, Bucket calldata any, uint104 amount) external {
        _have(time, any);
        if (amount < 5 || amount > _bucket.freeOut()) return;
        _bucket.takeOut(amount);
        assert(false);
    }

    /// @notice What is locked for a chain is added to its account, and to no other. It is all that accounts grow by.
    function checkLent(uint256 chainId, uint256 other, uint128[2] calldata held, uint128 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _lend(TOKEN, chainId, amount);
        unchecked {
            assert(_amount(chainId) == uint256(held[0]) + amount && _amount(other) == held[1]);
        }
    }

    /// @notice What is released was in the account of the chain that it comes from, and is taken out of that alone.
    function checkTakenBack(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        unchecked {
            assert(amount <= held[0]);
            assert(_amount(chainId) == held[0] - amount && _amount(other) == held[1]);
        }
    }

    /// @notice Sending on leaves the sum of accounts as it is.
    function checkSentOn(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        _lend(TOKEN, other, amount);
        unchecked {
            assert(_amount(chainId) + _amount(other) == uint256(held[0]) + held[1]);
            assert(_amount(chainId) <= held[0]);
        }
    }

    /// @notice Something can be sent on.
    /// @custom:halmos --early-exit
    function findSentOn(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId || amount == 0) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        _lend(TOKEN, other, amount);
        assert(false);
    }

    function _have(uint40 time, Bucket calldata any) private {
        require(any.window != 0 && any.window <= MAX_WINDOW, Impossible());
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = TIME.call(abi.encodeWithSignature("warp(uint256)", time));
        assert(done);
        _bucket = any;
    }

    function _hold(uint256 chainId, uint256 other, uint128[2] calldata held) private {
        (_accounts[TOKEN][chainId].amount, _accounts[TOKEN][other].amount) = (held[0], held[1]);
    }

    function _amount(uint256 chainId) private view returns (uint256) {
        return _accounts[TOKEN][chainId].amount;
    }
}
