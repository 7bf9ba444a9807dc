// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {Accounts} from "./Accounts.sol";
import {Bucket, Buckets} from "./libraries/Buckets.sol";

/// @title Limits
/// @notice See {ILimits}.
abstract contract Limits is Accounts {
    using Buckets for Bucket;

    /// @inheritdoc ILimits
    uint256 public constant WAITING_TIME = 24 hours;

    /// @dev Longest hold, in seconds.
    uint256 internal constant MAX_HOLD = 21 days;
    /// @dev Shortest time between the end of a hold and the next, in seconds: see {Inbox-MIN_COOL_DOWN}.
    uint256 internal constant MIN_COOL_DOWN = 1 hours;
    uint256 internal constant MAX_WINDOW = 365 days;
    uint256 private constant _STRUCK = type(uint256).max;

    /// @inheritdoc ILimits
    mapping(bytes32 id => uint256) public waitingSince;

    mapping(address token => mapping(uint256 chainId => Bucket)) private _buckets;

    /// @inheritdoc ILimits
    function setLimits(
        address token,
        uint256 chainId,
        uint256 outCapacity,
        uint256 inCapacity,
        uint256 window
    ) external onlyOwner {
        require(
            window != 0 && window <= MAX_WINDOW && outCapacity <= type(uint104).max
                && inCapacity <= type(uint104).max && chainId != 0 && chainId != block.chainid,
            InvalidLimits(token, chainId)
        );
        _setLimited(token, chainId, true);
        _buckets[token][chainId].configure(outCapacity, inCapacity, window);
        emit LimitsSet(token, chainId, outCapacity, inCapacity, window);
    }

    /// @inheritdoc ILimits
    function removeLimits(address token, uint256 chainId) external onlyOwner {
        _setLimited(token, chainId, false);
        delete _buckets[token][chainId];
        emit LimitsSet(token, chainId, 0, 0, 0);
    }

    /// @inheritdoc ILimits
    function hold(uint256 chainId, uint256 duration) external {
        require(msg.sender == GATEWAY.guardian(), NotBridgeGuardian(msg.sender));
        ChainState storage state = _chains[chainId];
        uint256 present = block.timestamp;
        uint256 begun = present;
        if (present < state.heldUntil) begun = _heldSince(state);
        else require(present >= state.holdableFrom, HoldCoolingDown(chainId, state.holdableFrom));
        uint256 maximum = begun + MAX_HOLD - present;
        require(duration != 0 && duration <= maximum, InvalidHold(duration, maximum));
        // A hold that is on is never shortened: that is for `unhold`.
        if (present + duration > state.heldUntil) _hold(state, chainId, begun, present + duration);
    }

    /// @inheritdoc ILimits
    function unhold(uint256 chainId) external {
        require(msg.sender == GATEWAY.guardian() || msg.sender == _owner(), NotBridgeGuardian(msg.sender));
        ChainState storage state = _chains[chainId];
        require(block.timestamp < state.heldUntil, NotHeld(chainId));
        _hold(state, chainId, _heldSince(state), block.timestamp);
    }

    /// @inheritdoc ILimits
    function strike(uint256 chainId, bytes32 id) external onlyOwner {
        _chains[chainId].struck = true;
        waitingSince[id] = _STRUCK;
        emit Struck(chainId, id);
    }

    /// @inheritdoc ILimits
    function limitsOf(address token, uint256 chainId)
        external
        view
        returns (
            bool limited,
            uint256 outCapacity,
            uint256 inCapacity,
            uint256 window,
            uint256 outFree,
            uint256 inFree
        )
    {
        Bucket storage bucket = _buckets[token][chainId];
        limited = bucket.window != 0;
        if (limited) {
            (outCapacity, inCapacity, window) = (bucket.outCapacity, bucket.inCapacity, bucket.window);
            (outFree, inFree) = (bucket.freeOut(), bucket.freeIn());
        }
    }

    /// @inheritdoc ILimits
    function heldUntil(uint256 chainId) external view returns (uint256 until, uint256 holdableFrom) {
        ChainState storage state = _chains[chainId];
        return (state.heldUntil, state.holdableFrom);
    }

    /// @dev Uses what starts here, or reverts.
    function _useOut(address token, uint256 chainId, uint256 amount) internal virtual {
        Bucket storage bucket = _buckets[token][chainId];
        uint256 free = bucket.freeOut();
        require(amount <= free, LimitExceeded(token, chainId, amount, free));
        bucket.takeOut(amount);
    }

    /// @dev Uses what arrives, if it is free. Else notes that the message waits, unless it has done so long enough:
    /// then it passes, and uses nothing.
    /// @param id Id of the message.
    /// @return passes False if the message has to wait. Then nothing else may have been written.
    function _useIn(bytes32 id, address token, uint256 chainId, uint256 amount)
        internal
        virtual
        returns (bool passes)
    {
        Bucket storage bucket = _buckets[token][chainId];
        if (amount > bucket.freeIn()) return _wait(id, token, chainId, amount);
        bucket.takeIn(amount);
        return true;
    }

    /// @dev The same for what comes from `origin` and goes on to `destination`.
    /// @param ofOrigin Whether there are limits for `origin`.
    /// @param ofDestination Whether there are limits for `destination`.
    function _useBoth(
        bytes32 id,
        address token,
        uint256 origin,
        bool ofOrigin,
        uint256 destination,
        bool ofDestination,
        uint256 amount
    ) internal virtual returns (bool passes) {
        Bucket storage from = _buckets[token][origin];
        Bucket storage to = _buckets[token][destination];
        if (ofOrigin && amount > from.freeIn()) return _wait(id, token, origin, amount);
        if (ofDestination && amount > to.freeOut()) return _wait(id, token, destination, amount);
        if (ofOrigin) from.takeIn(amount);
        if (ofDestination) to.takeOut(amount);
        return true;
    }

    /// @dev Reverts if value from a chain is held, or this message was struck.
    function _checkHold(ChainState memory state, uint256 origin, bytes32 id) internal view virtual {
        require(block.timestamp >= state.heldUntil, ChainHeld(origin, state.heldUntil));
        if (state.struck) require(waitingSince[id] != _STRUCK, MessageStruck(id));
    }

    /// @dev Says in the word that a transfer reads anyway whether there are limits.
    function _setLimited(address token, uint256 chainId, bool limited) internal virtual;

    /// @dev Seconds (Unix time) from when on a message that waits since then passes.
    function _passesFrom(uint256 since) internal view virtual returns (uint256) {
        return since + WAITING_TIME;
    }

    function _wait(bytes32 id, address token, uint256 chainId, uint256 amount) private returns (bool) {
        uint256 since = waitingSince[id];
        if (since != 0) return block.timestamp >= _passesFrom(since);
        waitingSince[id] = block.timestamp;
        emit TransferWaiting(id, token, chainId, amount, block.timestamp);
        return false;
    }

    /// @dev When the last hold began; up to `MIN_COOL_DOWN` before that if it was shorter than that.
    function _heldSince(ChainState storage state) private view returns (uint256) {
        return 2 * uint256(state.heldUntil) - state.holdableFrom;
    }

    function _hold(ChainState storage state, uint256 chainId, uint256 since, uint256 until) private {
        state.heldUntil = uint40(until);
        state.holdableFrom = uint40(until + Math.max(until - since, MIN_COOL_DOWN));
        emit Held(chainId, until);
    }
}
