// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Custody} from "./Custody.sol";
import {Keys} from "./Keys.sol";
import {Seats} from "./Seats.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Operators: what validators bond themselves, and take for their work
abstract contract Operators is Custody, Keys, Seats {
    using SafeCast for uint256;

    /// @notice Time from the announcement of a commission until it counts.
    uint256 public constant NOTICE = 7 days;

    uint16 private _validatorCount;

    /// @inheritdoc IStaking
    function register(address signer, uint16 commission, uint256 own, bytes calldata possession)
        external
        nonReentrant
        returns (uint256 id)
    {
        _checkOwn(own);
        _checkCommission(commission);
        id = ++_validatorCount;
        _bindKey(id, signer, possession);
        Validator storage v = _validators[id];
        v.stake = own.toUint96();
        v.signer = signer;
        v.own = uint96(own);
        v.commission = commission;
        v.nextCommission = commission;
        v.state = ValidatorState.Open;
        v.operator = msg.sender;
        v.registeredAt = uint32(block.timestamp);
        emit Registered(id, msg.sender, signer, own, commission);
        _take(own);
    }

    /// @inheritdoc IStaking
    function addOwn(uint256 id, uint256 amount) external nonReentrant {
        Validator storage v = _operated(id);
        _requireSound(id, v);
        require(amount != 0, ZeroAmount());
        _touch(v);
        _setStake(v, v.stake + amount);
        v.own = (v.own + amount).toUint96();
        emit OwnAdded(id, amount);
        _take(amount);
    }

    /// @inheritdoc IStaking
    function removeOwn(uint256 id, uint256 amount) external {
        Validator storage v = _operated(id);
        _requireNotEnded(id, v);
        require(amount != 0, ZeroAmount());
        uint256 own = v.own;
        require(amount <= own, NotEnough(own, amount));
        _touch(v);
        own -= amount;
        uint256 stake = v.stake - amount;
        if (v.state == ValidatorState.Open) {
            _checkOwn(own);
            _checkLeverage(stake, own);
        }
        _setStake(v, stake);
        v.own = uint96(own);
        uint256 period = _period();
        _exits[id][period].own += uint128(amount);
        emit OwnRemoved(id, period, amount);
    }

    /// @inheritdoc IStaking
    function setCommission(uint256 id, uint16 commission) external {
        Validator storage v = _operated(id);
        _checkCommission(commission);
        _touch(v);
        _adoptCommission(v);
        v.nextCommission = commission;
        uint256 from = block.timestamp + NOTICE;
        v.nextCommissionAt = uint32(from);
        emit CommissionSet(id, commission, from);
    }

    /// @inheritdoc IStaking
    function validatorCount() external view returns (uint256) {
        return _validatorCount;
    }

    function _checkCommission(uint16 commission) private pure {
        require(commission <= BASIS_POINTS, InvalidCommission(commission));
    }
}
