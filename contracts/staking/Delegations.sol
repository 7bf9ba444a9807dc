// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Custody} from "./Custody.sol";
import {Seats} from "./Seats.sol";
import {Exits} from "./types/Exits.sol";
import {Position} from "./types/Position.sol";
import {Validator} from "./types/Validator.sol";

/// @title Delegations: what others bond to a validator
/// @notice Units are wei: nothing makes them worth more or less but the one slash.
abstract contract Delegations is Custody, Seats {
    using SafeCast for uint256;

    /// @inheritdoc IStaking
    function delegate(uint256 id, uint256 amount) external nonReentrant {
        _bond(id, amount);
        emit Delegated(id, msg.sender, amount);
        _take(amount);
    }

    /// @inheritdoc IStaking
    function undelegate(uint256 id, uint256 amount) external nonReentrant {
        Validator storage v = _validators[id];
        _requireNotEnded(id, v);
        require(amount != 0, ZeroAmount());
        Position storage stake = _positions[msg.sender][id];
        uint256 units = stake.units;
        require(amount <= units, NotEnough(units, amount));
        _touch(v);
        _collect(msg.sender, v, stake);
        stake.units = uint96(units - amount);
        _setStake(v, v.stake - amount);
        if (_isFree(v)) {
            emit Released(id, msg.sender, amount, 0);
            _give(msg.sender, msg.sender, amount);
        } else {
            uint256 period = _period();
            unbonding[msg.sender][id][period] += amount;
            _exits[id][period].delegated += uint128(amount);
            emit Undelegated(id, msg.sender, period, amount);
        }
    }

    /// @inheritdoc IStaking
    function rebond(uint256 id, uint256 period, uint256 amount) external {
        uint256 earliest = _rebondsAt(period);
        require(block.timestamp >= earliest, TooEarly(earliest));
        uint256 leaving = unbonding[msg.sender][id][period];
        require(amount <= leaving, NotEnough(leaving, amount));
        _bond(id, amount);
        unbonding[msg.sender][id][period] = leaving - amount;
        Exits storage all = _exits[id][period];
        all.delegated -= uint128(amount);
        emit Rebonded(id, msg.sender, period, amount);
    }

    /// @dev Stake that could come back at once could be away for no longer than it takes to publish a set.
    function _rebondsAt(uint256 period) internal view virtual returns (uint256) {
        return (period + 2) * PERIOD;
    }

    function _bond(uint256 id, uint256 amount) private {
        Validator storage v = _validators[id];
        _requireSound(id, v);
        require(amount != 0, ZeroAmount());
        _touch(v);
        Position storage stake = _positions[msg.sender][id];
        _collect(msg.sender, v, stake);
        uint256 sum = v.stake + amount;
        _checkLeverage(sum, v.own);
        stake.units = (stake.units + amount).toUint96();
        _setStake(v, sum);
    }
}
