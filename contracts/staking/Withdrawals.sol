// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Custody} from "./Custody.sol";
import {Seats} from "./Seats.sol";
import {Exits} from "./types/Exits.sol";
import {Position} from "./types/Position.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Withdrawals: how stake gets back to whom it belongs
/// @notice All pay the owner of the stake, whoever calls. What a slash takes goes to the treasury when the rest leaves,
/// each amount rounded up by itself.
abstract contract Withdrawals is Custody, Seats {
    /// @notice Of the own stake that a slash takes, one part in so many is the reporter's.
    uint256 public constant BOUNTY_DIVISOR = 10;

    /// @inheritdoc IStaking
    address public immutable TREASURY;

    /// @dev Of validators that were slashed while own stake was leaving.
    mapping(uint256 id => address) internal _reporters;

    constructor(address treasury) {
        require(treasury != address(0), ZeroAddress());
        TREASURY = treasury;
    }

    /// @inheritdoc IStaking
    function withdraw(address holder, uint256 id, uint256 period) external nonReentrant {
        uint256 amount = unbonding[holder][id][period];
        require(amount != 0, ZeroAmount());
        Validator storage v = _validators[id];
        uint256 loss = _isLiable(id, v, period) ? _part(amount, v.loss, v.slashable) : 0;
        delete unbonding[holder][id][period];
        emit Withdrawn(id, holder, period, amount, loss);
        _give(holder, TREASURY, loss);
        _give(holder, holder, amount - loss);
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
        address operator = v.operator;
        if (loss != 0) _takeOwn(operator, loss, _reporters[id]);
        _give(operator, operator, amount - loss);
    }

    /// @inheritdoc IStaking
    function release(address holder, uint256 id) external nonReentrant {
        Validator storage v = _validators[id];
        _requireEnded(id, v);
        Position storage stake = _positions[holder][id];
        uint256 units = stake.units;
        require(units != 0, ZeroAmount());
        _collect(holder, v, stake);
        stake.units = 0;
        v.stake -= uint96(units);
        uint256 loss = _part(units, v.loss, v.slashable);
        emit Released(id, holder, units, loss);
        _give(holder, TREASURY, loss);
        _give(holder, holder, units - loss);
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
        address operator = v.operator;
        _give(operator, operator, own);
    }

    /// @dev What a slash takes of own stake. The reporter is paid for all of it, or an operator could spoil the pay by
    /// leaving first.
    function _takeOwn(address operator, uint256 loss, address reporter) internal virtual {
        uint256 bounty = loss / BOUNTY_DIVISOR;
        _give(operator, reporter, bounty);
        _give(operator, TREASURY, loss - bounty);
    }

    /// @dev `loss` / `slashable` of an amount, rounded up.
    function _part(uint256 amount, uint256 loss, uint256 slashable) internal view virtual returns (uint256) {
        return loss == 0 ? 0 : Math.ceilDiv(amount * loss, slashable);
    }

    /// @dev True if the exit answers for what the validator was slashed for: it had not matured when the first case was
    /// opened. Otherwise it must have matured, and not be held. An ended validator's case stays open.
    function _isLiable(uint256 id, Validator storage v, uint256 period) internal view virtual returns (bool) {
        uint256 maturesAt = (period + UNBONDING_PERIODS) * PERIOD;
        if (v.openCases != 0 && maturesAt > v.frozenSince) {
            require(v.state == ValidatorState.Ended, ExitHeld(id, period));
            return true;
        }
        require(block.timestamp >= maturesAt, TooEarly(maturesAt));
        return false;
    }
}
