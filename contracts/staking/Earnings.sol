// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Ledger} from "./Ledger.sol";
import {Position} from "./types/Position.sol";
import {Rewards} from "./types/Rewards.sol";
import {Validator} from "./types/Validator.sol";

/// @title Earnings: how rewards reach stake
/// @notice One sum for everybody, what a seated wei ever earned; one for each validator, what a wei delegated to it
/// ever earned; and what each position had seen of that. Divisions round down: what they leave over goes on streaming,
/// or stays in the contract, dust below one wei for each time that something is collected.
abstract contract Earnings is Ledger {
    using Math for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @notice Time in which what arrives is earned.
    uint256 public constant STREAM = 7 days;

    uint256 private constant _SCALE = 1 << 80;

    // A word: see {Rewards} for what is not explained here.
    uint128 private _earnedPerUnit;
    uint96 internal _seatedStake;
    // Another.
    uint96 private _streaming;
    uint40 private _accruedAt;
    uint40 private _streamEnd;
    /// @dev True if `_waiting` is not zero, which is in another word.
    bool private _someWaiting;
    /// @dev Of {Seats}: whoever changes it has this word warm.
    uint8 internal _seatCount;
    // And another: what the contract owes.
    uint96 private _accounted;
    uint96 private _waiting;

    /// @dev Rewards that were collected from positions and not claimed.
    mapping(address holder => uint256) private _collected;

    constructor() {
        _accruedAt = uint40(block.timestamp);
    }

    /// @inheritdoc IStaking
    function fund() external nonReentrant {
        _accrue();
        uint256 arrived = ERA.balanceOf(address(this)) - _accounted;
        _accounted = (_accounted + arrived).toUint96();
        uint256 more = _waiting + arrived;
        uint256 streaming = _streaming;
        uint256 left = uint256(_streamEnd).saturatingSub(block.timestamp);
        // Dust must not make what is streaming last longer.
        if (_streamsAtOnce(streaming, more, left)) {
            _streaming = uint96(streaming + more);
            _streamEnd = uint40(block.timestamp + STREAM);
            _someWaiting = false;
            _waiting = 0;
        } else {
            _someWaiting = true;
            _waiting = uint96(more);
        }
        emit Funded(arrived);
    }

    /// @inheritdoc IStaking
    function claim(uint256[] calldata ids, address recipient) external nonReentrant returns (uint256 amount) {
        amount = _collected[msg.sender];
        for (uint256 i; i < ids.length; ++i) {
            Validator storage v = _validators[ids[i]];
            _touch(v);
            Position storage stake = _positions[msg.sender][ids[i]];
            uint128 index = v.index;
            amount += _reward(stake.units, index - stake.index);
            stake.index = index;
        }
        _collected[msg.sender] = 0;
        emit Claimed(msg.sender, recipient, amount);
        _pay(recipient, amount);
    }

    /// @inheritdoc IStaking
    function claimEarnings(uint256 id, address recipient) external nonReentrant returns (uint256 amount) {
        Validator storage v = _operated(id);
        _touch(v);
        amount = v.earnings;
        v.earnings = 0;
        emit EarningsClaimed(id, recipient, amount);
        _pay(recipient, amount);
    }

    /// @inheritdoc IStaking
    function seatedStake() external view returns (uint256) {
        return _seatedStake;
    }

    /// @inheritdoc IStaking
    function rewards() external view returns (Rewards memory) {
        return Rewards(_earnedPerUnit, _streaming, _waiting, _accruedAt, _streamEnd, _accounted);
    }

    /// @inheritdoc IStaking
    function claimable(address holder, uint256[] calldata ids) external view returns (uint256 amount) {
        amount = _collected[holder];
        (uint256 perUnit,,,) = _accrued();
        for (uint256 i; i < ids.length; ++i) {
            Validator storage v = _validators[ids[i]];
            Position storage stake = _positions[holder][ids[i]];
            uint256 index = v.index;
            if (v.seat != 0) index += _net(v, perUnit - v.mark);
            amount += _reward(stake.units, index - stake.index);
        }
    }

    /// @inheritdoc IStaking
    function earnings(uint256 id) external view returns (uint256 amount) {
        Validator storage v = _validators[id];
        amount = v.earnings;
        if (v.seat == 0) return amount;
        (uint256 perUnit,,,) = _accrued();
        uint256 delta = perUnit - v.mark;
        amount += _earned(v, delta, _net(v, delta));
    }

    /// @dev True unless the rate would fall.
    function _streamsAtOnce(uint256 streaming, uint256 more, uint256 left) internal view virtual returns (bool) {
        return (streaming + more) * left >= streaming * STREAM || left == 0;
    }

    /// @dev Brings what a seated wei ever earned up to date.
    function _accrue() internal returns (uint256 perUnit) {
        if (_accruedAt == block.timestamp) return _earnedPerUnit;
        uint256 streaming;
        uint256 end;
        bool begun;
        (perUnit, streaming, end, begun) = _accrued();
        if (begun) {
            _waiting = 0;
            _someWaiting = false;
        }
        _earnedPerUnit = perUnit.toUint128();
        _streaming = uint96(streaming);
        _streamEnd = uint40(end);
        _accruedAt = uint40(block.timestamp);
    }

    /// @dev Brings a validator's sums up to date. Before anything changes that they depend on: its stake, its seat.
    function _touch(Validator storage v) internal {
        if (v.seat == 0) return;
        uint256 perUnit = _accrue();
        uint256 delta = perUnit - v.mark;
        if (delta == 0) return;
        uint256 net = _net(v, delta);
        v.earnings = uint96(v.earnings + _earned(v, delta, net));
        v.index = uint128(v.index + net);
        v.mark = uint128(perUnit);
        _adoptCommission(v);
    }

    /// @dev Makes the announced commission the present one, if its time has come.
    function _adoptCommission(Validator storage v) internal {
        if (_isCommissionDue(v)) v.commission = v.nextCommission;
    }

    /// @dev The validator begins to earn.
    function _mark(Validator storage v) internal {
        v.mark = uint128(_accrue());
    }

    /// @dev Puts what a position earned aside. Before its units change; the validator is up to date.
    function _collect(address owner, Validator storage v, Position storage stake) internal virtual {
        uint128 index = v.index;
        uint256 amount = _reward(stake.units, index - stake.index);
        if (amount != 0) _collected[owner] += amount;
        stake.index = index;
    }

    /// @dev What one delegated unit earned of `delta`, after commission. An announced commission whose time has come
    /// counts from the validator's last touch on if it is lower, and from this one on if it is higher: never backwards.
    function _net(Validator storage v, uint256 delta) internal view virtual returns (uint256) {
        uint256 commission = v.commission;
        if (_isCommissionDue(v)) commission = commission.min(v.nextCommission);
        return delta * (BASIS_POINTS - commission) / BASIS_POINTS;
    }

    /// @dev What the operator earned: all, but what each delegated unit did.
    function _earned(Validator storage v, uint256 delta, uint256 net) internal view returns (uint256) {
        uint256 stake = v.stake;
        // 96 bits by 128; the own stake is part of all, and the net part of the delta.
        unchecked {
            return (stake * delta - (stake - v.own) * net) / _SCALE;
        }
    }

    /// @dev True if the announced commission is not the present one, and its time has come. The time is in another
    /// word.
    function _isCommissionDue(Validator storage v) internal view returns (bool) {
        return v.commission != v.nextCommission && block.timestamp >= v.nextCommissionAt;
    }

    /// @dev What a seated wei ever earned, what is left to stream, until when, and whether what waited streams now.
    function _accrued() internal view virtual returns (uint256 perUnit, uint256 left, uint256 end, bool begun) {
        (perUnit, left, end) = (_earnedPerUnit, _streaming, _streamEnd);
        uint256 since = _accruedAt;
        uint256 stake = _seatedStake;
        if (stake == 0) {
            // Nobody earns: the stream stands still.
            if (left != 0) end = end.saturatingSub(since) + block.timestamp;
            return (perUnit, left, end, false);
        }
        uint256 paid;
        (paid, left) = _flow(left, since, end);
        if (_someWaiting && block.timestamp >= end) {
            begun = true;
            uint256 begin = end.max(since);
            end = begin + STREAM;
            uint256 more;
            (more, left) = _flow(left + _waiting, begin, end);
            paid += more;
        }
        // Amounts fit 96 bits, and what was earned for each unit 128: `_accrue` checks that.
        unchecked {
            uint256 delta = paid * _SCALE / stake;
            perUnit += delta;
            // What nobody earned because of the division goes on streaming.
            // slither-disable-next-line divide-before-multiply
            left += paid - (delta * stake + _SCALE - 1) / _SCALE;
        }
    }

    /// @dev Of an amount that streams from `since` to `end`: what was earned by now, and what is left. 96 bits by 40
    /// bits of seconds: nothing overflows.
    function _flow(uint256 amount, uint256 since, uint256 end) private view returns (uint256 paid, uint256 left) {
        if (block.timestamp >= end) return (amount, 0);
        unchecked {
            paid = amount * (block.timestamp - since) / (end - since);
            left = amount - paid;
        }
    }

    function _reward(uint256 units, uint256 delta) internal pure returns (uint256) {
        return units * delta / _SCALE;
    }

    function _pay(address recipient, uint256 amount) private {
        _accounted = uint96(_accounted - amount);
        ERA.safeTransfer(recipient, amount);
    }
}
