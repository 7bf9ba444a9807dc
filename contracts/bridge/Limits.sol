// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ILimits} from "../interfaces/ILimits.sol";
import {Accounts} from "./Accounts.sol";
import {Bucket, Buckets} from "./libraries/Buckets.sol";

// Times are compared with the one that stands for "struck".
// slither-disable-start incorrect-equality

/// @title Limits
/// @notice See {ILimits}.
abstract contract Limits is Accounts {
    using Buckets for Bucket;

    /// @dev Seconds after which what waits passes.
    uint256 internal constant _WAITING_TIME = 24 hours;
    uint256 internal constant STRUCK = type(uint256).max;

    mapping(bytes32 id => uint256) internal _waitingSince;

    mapping(address token => mapping(uint256 chainId => Bucket)) internal _buckets;

    /// @dev Uses what starts here, or reverts.
    function _useOut(address token, uint256 chainId, uint256 amount) internal virtual {
        Bucket storage bucket = _buckets[token][chainId];
        if (!bucket.takeOut(amount)) revert ILimits.LimitExceeded(token, chainId, amount, bucket.freeOut());
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
        return _buckets[token][chainId].takeIn(amount) || _wait(id, token, chainId, amount);
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
        if (ofOrigin && amount > from.freeIn()) return _wait(id, token, origin, amount);
        if (ofDestination && !_buckets[token][destination].takeOut(amount)) {
            return _wait(id, token, destination, amount);
        }
        // Another bucket than the one that was just used: what was free of it is.
        return !ofOrigin || from.takeIn(amount);
    }

    /// @dev Reverts if value from a chain is held, or this message was struck.
    function _checkHold(ChainState storage state, uint256 origin, bytes32 id) internal view virtual {
        require(block.timestamp >= state.heldUntil, ILimits.ChainHeld(origin, state.heldUntil));
        if (state.struck) require(_waitingSince[id] != STRUCK, ILimits.MessageStruck(id));
    }

    /// @dev Seconds (Unix time) from when on a message that waits since then passes.
    function _passesFrom(uint256 since) internal view virtual returns (uint256) {
        return since + _WAITING_TIME;
    }

    function _wait(bytes32 id, address token, uint256 chainId, uint256 amount) private returns (bool) {
        uint256 since = _waitingSince[id];
        if (since == STRUCK) return false;
        if (since != 0) return block.timestamp >= _passesFrom(since);
        _waitingSince[id] = block.timestamp;
        emit ILimits.TransferWaiting(id, token, chainId, amount, block.timestamp);
        return false;
    }
}
// slither-disable-end incorrect-equality
