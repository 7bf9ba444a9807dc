// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Staking} from "../staking/Staking.sol";
import {Position} from "../staking/types/Position.sol";
import {Validator, ValidatorState} from "../staking/types/Validator.sol";
import {StakingBug} from "./StakingBug.sol";

/// @title BrokenStaking: Staking with one bug, to prove that the tests find it
contract BrokenStaking is Staking {
    StakingBug private immutable _BUG;

    constructor(
        IERC20 era,
        ISetBuilder builder,
        address slasher,
        address treasury,
        bytes32 attestationDomain,
        uint256 minOwn,
        uint256 seatCount,
        StakingBug bug
    ) Staking(era, builder, slasher, treasury, attestationDomain, minOwn, seatCount) {
        _BUG = bug;
    }

    // Slashes

    function _isLiable(uint256 id, Validator storage v, uint256 period) internal view override returns (bool) {
        uint256 maturesAt = (period + UNBONDING_PERIODS) * PERIOD;
        uint256 frozenSince = v.frozenSince;
        bool ended = v.state == ValidatorState.Ended;
        if (_BUG == StakingBug.CutOffAtSettlement && ended && maturesAt <= frozenSince + 28 days) return false;
        if (_BUG == StakingBug.MaturingExitsPaid && !ended && block.timestamp >= maturesAt) return false;
        if (_BUG == StakingBug.MaturityAnswers && v.openCases != 0 && maturesAt == frozenSince) {
            require(ended, ExitHeld(id, period));
            return true;
        }
        return super._isLiable(id, v, period);
    }

    function _slashable(uint256 id, Validator storage v)
        internal
        view
        override
        returns (uint256 own, uint256 delegated)
    {
        if (_BUG == StakingBug.ExitsNotCounted) return (v.own, v.stake - v.own);
        return super._slashable(id, v);
    }

    function _isFirst(uint256 openCases) internal view override returns (bool) {
        return _BUG == StakingBug.EveryCaseCounts || super._isFirst(openCases);
    }

    function _endTerm(uint256 id, Validator storage v) internal override {
        if (_BUG == StakingBug.ThresholdNotFixed && msg.sig == this.freeze.selector) {
            accusedIn[block.timestamp / WEEK].weight = uint96(_weight());
        }
        if (_BUG == StakingBug.AccusedKeepsSeat && v.state != ValidatorState.Ended && v.seat != 0) {
            termEnded = true;
            return;
        }
        super._endTerm(id, v);
    }

    function _weight() internal view override returns (uint256) {
        return _BUG == StakingBug.SeatsWeigh ? _seatedStake : super._weight();
    }

    function _fraction(uint256 frozenSince) internal view override returns (uint256 fraction, uint256 latest) {
        (fraction, latest) = super._fraction(frozenSince);
        if (_BUG == StakingBug.LaterCasesNotAwaited && msg.sig == this.settle.selector) latest = frozenSince;
    }

    function _ownLoss(uint256 loss, uint256 own, uint256 delegated) internal view override returns (uint256) {
        if (_BUG == StakingBug.ProRata) return Math.ceilDiv(loss * own, own + delegated);
        return super._ownLoss(loss, own, delegated);
    }

    function _part(uint256 amount, uint256 loss, uint256 slashable) internal view override returns (uint256) {
        if (_BUG == StakingBug.RoundedDown && loss != 0) return amount * loss / slashable;
        return super._part(amount, loss, slashable);
    }

    function _takeOwn(address operator, uint256 loss, address reporter) internal override {
        if (_BUG == StakingBug.BountyOfDelegated) {
            _give(operator, reporter, loss / 5);
            _give(operator, TREASURY, loss - loss / 5);
        } else {
            super._takeOwn(operator, loss, reporter);
        }
    }

    function _requireNotEnded(uint256 id, Validator storage v) internal view override {
        if (_BUG != StakingBug.SettledTwice) super._requireNotEnded(id, v);
    }

    function _requireSound(uint256 id, Validator storage v) internal view override {
        if (_BUG == StakingBug.StakeWhileAccused && v.state == ValidatorState.Open) return;
        if (_BUG == StakingBug.StakeAfterTheEnd && v.state == ValidatorState.Ended) return;
        super._requireSound(id, v);
    }

    // Stake

    function _checkOwn(uint256 own) internal view override {
        if (_BUG != StakingBug.OwnTooLow) super._checkOwn(own);
    }

    function _checkLeverage(uint256 stake, uint256 own) internal view override {
        if (_BUG != StakingBug.TooManyTimesOwn) super._checkLeverage(stake, own);
    }

    function _rebondsAt(uint256 period) internal view override returns (uint256) {
        return _BUG == StakingBug.RebondedAtOnce ? 0 : super._rebondsAt(period);
    }

    function _isFree(Validator storage v) internal view override returns (bool) {
        if (_BUG == StakingBug.FreeRightAfterSeat && v.seat == 0 && v.openCases == 0) return true;
        return super._isFree(v);
    }

    function _give(address owner, address to, uint256 amount) internal override {
        if (_BUG == StakingBug.ReadAgainWhenGiven) {
            _accounts[owner].surrogate = surrogateOf[IVotes(address(ERA)).delegates(owner)];
        }
        super._give(owner, to, amount);
    }

    function _take(uint256 amount) internal override {
        if (_BUG == StakingBug.ReadAgainWhenNobodys && _accounts[msg.sender].surrogate == surrogateOf[address(0)]) {
            _accounts[msg.sender].surrogate = address(0);
        }
        super._take(amount);
    }

    // Rewards

    function _streamsAtOnce(uint256 streaming, uint256 more, uint256 left) internal view override returns (bool) {
        return _BUG == StakingBug.DustLengthensStream || super._streamsAtOnce(streaming, more, left);
    }

    function _accrued() internal view override returns (uint256 perUnit, uint256 left, uint256 end, bool begun) {
        (perUnit, left, end, begun) = super._accrued();
        if (_BUG == StakingBug.IdleTimePaid && _seatedStake == 0) end = IStaking(this).rewards().streamEnd;
    }

    function _collect(address owner, Validator storage v, Position storage stake) internal override {
        if (_BUG != StakingBug.NotCollected) super._collect(owner, v, stake);
    }

    function _unseat(uint256 id, Validator storage v) internal override {
        if (_BUG == StakingBug.SeatNotTouched) _mark(v);
        super._unseat(id, v);
    }

    function _net(Validator storage v, uint256 delta) internal view override returns (uint256) {
        if (_BUG == StakingBug.CommissionBackwards && _isCommissionDue(v)) {
            return delta * (BASIS_POINTS - v.nextCommission) / BASIS_POINTS;
        }
        return super._net(v, delta);
    }

    // Seats, sets and keys

    function _checkSilence(uint256 aliveAt) internal view override {
        if (_BUG != StakingBug.VacatedTooEarly) super._checkSilence(aliveAt);
    }

    function _checkAlive(uint256 silent, uint256 unseatedAt) internal view override {
        if (_BUG != StakingBug.SilentRejoins) super._checkAlive(silent, unseatedAt);
    }

    function _expiry() internal view override returns (uint64) {
        return _BUG == StakingBug.ExpiryNotLater ? uint64(block.timestamp + LIFETIME) : super._expiry();
    }

    function _checkNewest(bytes32 given, bytes32 newest) internal view override {
        if (_BUG != StakingBug.OlderSetChecksIn) super._checkNewest(given, newest);
    }

    function _isLiableSince(uint256 retiredAt) internal view override returns (bool) {
        if (_BUG == StakingBug.RetiredKeyForEver) return true;
        return _BUG != StakingBug.RetiredKeyNever && super._isLiableSince(retiredAt);
    }
}
