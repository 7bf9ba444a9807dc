// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";

/// @title Accounts: what the hub's bridge owes each chain, now and at every full hour of the past
/// @notice Votes are counted at full hours. One entry for each hour in which an account changed is enough for that: of
/// a busy account's changes, only the first of an hour costs a new storage word.
abstract contract Accounts is ITokenBridge {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// @dev `since` is the full hour before the last change: at every later one, the amount was the present `amount`.
    /// `past` holds, by the full hour before the first change of each hour, the amount there. A change in the second of
    /// a full hour belongs to the hour that ends with it, as votes that change then count then.
    struct Account {
        uint208 amount;
        uint48 since;
        Checkpoints.Trace208 past;
    }

    mapping(uint256 chainId => Account) private _accounts;
    /// @dev Chains that ERA was ever sent to. A total that is kept would cost each transfer 5,000 gas. Only the owner
    /// of the gateway opens routes: nobody else makes this list longer.
    uint256[] private _chains;

    /// @inheritdoc ITokenBridge
    function outstanding(uint256 chainId) public view returns (uint256) {
        return _accounts[chainId].amount;
    }

    /// @inheritdoc ITokenBridge
    function pastOutstanding(uint256 chainId, uint48 hour) external view returns (uint256) {
        _checkHour(hour);
        return _outstandingAt(chainId, hour);
    }

    /// @inheritdoc ITokenBridge
    function totalOutstanding() external view returns (uint256 total) {
        for (uint256 i; i < _chains.length; ++i) {
            total += outstanding(_chains[i]);
        }
    }

    /// @inheritdoc ITokenBridge
    function pastTotalOutstanding(uint48 hour) external view returns (uint256 total) {
        _checkHour(hour);
        for (uint256 i; i < _chains.length; ++i) {
            total += _outstandingAt(_chains[i], hour);
        }
    }

    function _lend(uint256 chainId, uint256 amount) internal {
        _setOutstanding(chainId, outstanding(chainId) + amount);
    }

    function _takeBack(uint256 chainId, uint256 amount) internal {
        uint256 held = outstanding(chainId);
        require(amount <= held, OutstandingExceeded(chainId, amount, held));
        _setOutstanding(chainId, held - amount);
    }

    /// @dev The last full hour before this second.
    function _hourBefore() internal view virtual returns (uint48) {
        // slither-disable-next-line divide-before-multiply
        return uint48((block.timestamp - 1) / 1 hours * 1 hours);
    }

    function _setOutstanding(uint256 chainId, uint256 amount) private {
        Account storage account = _accounts[chainId];
        uint48 since = _hourBefore();
        if (since != account.since) {
            if (account.since == 0) _chains.push(chainId);
            // It returns what was there before and is now.
            // slither-disable-next-line unused-return
            account.past.push(since, account.amount);
        }
        (account.amount, account.since) = (amount.toUint208(), since);
    }

    function _outstandingAt(uint256 chainId, uint48 hour) private view returns (uint256) {
        Account storage account = _accounts[chainId];
        return hour > account.since ? account.amount : account.past.lowerLookup(hour);
    }

    function _checkHour(uint48 hour) private view {
        require(hour % 1 hours == 0 && hour < block.timestamp, InvalidHour(hour));
    }
}
