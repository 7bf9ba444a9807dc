// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Custody} from "./Custody.sol";
import {Seats} from "./Seats.sol";
import {Exits, Position} from "./types/Position.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Withdrawals: how stake gets back to whom it belongs
/// @notice All pay the owner of the stake, whoever calls. What a slash takes goes to the treasury when the rest leaves,
/// each amount rounded up by itself.
abstract contract Withdrawals is Custody, Seats {
    /// @inheritdoc IStaking
    address public immutable TREASURY;

    constructor(address treasury) {
        require(treasury != address(0), ZeroAddress());
        TREASURY = treasury;
    }

    /// @inheritdoc IStaking
    function withdraw(address account_, uint256 id, uint256 period) external nonReentrant {
        uint256 amount = unbonding[account_][id][period];
        require(amount != 0, ZeroAmount());
        Validator storage v = _validators[id];
        uint256 loss = _isLiable(id, v, period) ? _part(amount, v.loss, v.slashable) : 0;
        delete unbonding[account_][id][period];
        emit Withdrawn(id, account_, period, amount, loss);
        _giveBack(account_, amount, loss);
    }

    /// @inheritdoc IStaking
    function withdrawOwn(uint256 id, uint256 period) external nonReentrant {
        Exits storage all = _exits[id][period];
        uint256 amount = all.own;
        require(amount != 0, ZeroAmount());
        Validator storage v = _validators[id];
        uint256 loss = _isLiable(id, v, period) ? _part(amount, v.ownLoss, v.ownSlashable) : 0;
        all.own = 0;
        emit OwnWithdrawn(id, period, amount, loss);
        _giveBack(v.operator, amount, loss);
    }

    /// @inheritdoc IStaking
    function release(address account_, uint256 id) external nonReentrant {
        Validator storage v = _validators[id];
        _requireEnded(id, v);
        Position storage stake = _positions[account_][id];
        uint256 units = stake.units;
        require(units != 0, ZeroAmount());
        _collect(account_, v, stake);
        stake.units = 0;
        v.stake -= uint96(units);
        uint256 loss = _part(units, v.loss, v.slashable);
        emit Released(id, account_, units, loss);
        _giveBack(account_, units, loss);
    }

    /// @inheritdoc IStaking
    function releaseOwn(uint256 id) external nonReentrant {
        Validator storage v = _validators[id];
        _requireEnded(id, v);
        uint256 own = v.own;
        require(own != 0, ZeroAmount());
        v.own = 0;
        v.stake -= uint96(own);
        emit OwnReleased(id, own);
        _giveBack(v.operator, own, 0);
    }

    /// @dev `loss` / `slashable` of an amount, rounded up.
    function _part(uint256 amount, uint256 loss, uint256 slashable) internal pure returns (uint256) {
        return loss == 0 ? 0 : Math.ceilDiv(amount * loss, slashable);
    }

    /// @dev True if the exit answers for what the validator was slashed for: it had not matured when the first case was
    /// opened. Otherwise it must have matured, and not be held.
    function _isLiable(uint256 id, Validator storage v, uint256 period) private view returns (bool) {
        uint256 maturesAt = (period + UNBONDING_PERIODS) * PERIOD;
        bool frozen = maturesAt > v.frozenSince;
        if (frozen && v.state == ValidatorState.Ended) return true;
        require(block.timestamp >= maturesAt, TooEarly(maturesAt));
        require(!frozen || v.openCases == 0, ExitHeld(id, period));
        return false;
    }

    function _giveBack(address owner, uint256 amount, uint256 loss) private {
        _give(owner, TREASURY, loss);
        _give(owner, owner, amount - loss);
    }
}
