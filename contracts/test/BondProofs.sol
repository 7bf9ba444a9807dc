// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Staking} from "../staking/Staking.sol";
import {Validator, ValidatorState} from "../staking/types/Validator.sol";

/// @title BondProofs: what a slash takes and what rewards give, for any amounts
/// @notice Like {Proofs}, on Staking itself, whose Slasher this is. What it gives out is added up instead of paid.
contract BondProofs is Staking {
    uint256 private constant ID = 1;
    address private constant OPERATOR = address(5);

    uint256 private _given;

    constructor()
        Staking(IERC20(address(1)), ISetBuilder(address(2)), address(this), address(4), bytes32(0), 1e18, 4)
    {}

    /// @notice What an entry loses is rounded up, by less than a wei, and never more than the entry.
    function checkPartIsRoundedUp(uint96 amount, uint96 loss, uint96 slashable) external view {
        if (amount > slashable || loss > slashable || slashable == 0) return;
        uint256 part = _part(amount, loss, slashable);
        unchecked {
            assert(part <= amount);
            assert(part * slashable >= uint256(amount) * loss);
            assert(part * slashable < uint256(amount) * loss + slashable);
        }
    }

    /// @notice A slash takes between 5 % and everything, and everything from a third on.
    function checkFractionIsBounded(uint96 accused, uint96 seated) external pure {
        uint256 fraction = _fractionOf(accused, seated);
        assert(fraction >= MIN_FRACTION && fraction <= BASIS_POINTS);
        unchecked {
            if (uint256(accused) * 3 >= seated) assert(fraction == BASIS_POINTS);
        }
    }

    /// @notice It is never less than 9 (S / T)^2, and if it is more than the least, by less than a basis point.
    function checkFractionIsRoundedUp(uint96 accused, uint96 seated) external pure {
        unchecked {
            if (uint256(accused) * 3 >= seated) return;
            uint256 fraction = _fractionOf(accused, seated);
            uint256 square = uint256(seated) * seated;
            uint256 exact = 9 * BASIS_POINTS * uint256(accused) * accused;
            assert(fraction * square >= exact);
            if (fraction > MIN_FRACTION) assert((fraction - 1) * square < exact);
        }
    }

    /// @notice Who is accused together with more stake never loses a smaller part.
    function checkFractionIsMonotone(uint96 accused, uint96 more, uint96 seated) external pure {
        if (accused > more) return;
        assert(_fractionOf(accused, seated) <= _fractionOf(more, seated));
    }

    /// @notice Of own stake that a slash takes, reporter and treasury together get all, and no more.
    function checkTakenIsGiven(uint96 loss, address reporter) external {
        _takeOwn(OPERATOR, loss, reporter);
        assert(_given == loss);
    }

    /// @notice A settled slash gives out what it takes from the bonded own stake, and no more. What it leaves for exits
    /// and positions to lose is no more than they were, and own stake answers first.
    function checkSlashPaysWhatItTakes(
        uint96 own,
        uint96 delegated,
        uint96 leavingOwn,
        uint96 leaving,
        uint96 seated,
        address reporter
    ) external {
        uint256 whole = uint256(own) + leavingOwn;
        uint256 others = uint256(delegated) + leaving;
        if (whole + others > type(uint96).max) return;
        Validator storage v = _validators[ID];
        (v.state, v.openCases, v.operator) = (ValidatorState.Open, 1, OPERATOR);
        (v.own, v.stake) = (own, own + delegated);
        (v.ownSlashable, v.slashable) = (uint96(whole), uint96(others));
        v.frozenSince = uint32(100 * WEEK);
        accusedIn[100].slashable = uint96(whole + others);
        accusedIn[100].weight = seated;
        this.settle(ID, reporter, block.timestamp);
        unchecked {
            assert(_given == uint256(own) - v.own);
            assert(v.stake == v.own + delegated);
            assert(v.ownLoss <= whole && v.loss <= others);
            assert(v.loss == 0 || v.ownLoss == whole);
            assert(_given <= v.ownLoss);
        }
    }

    /// @notice What a validator and its delegators earn is no more than what its stake earned.
    function checkEarnedIsNoMore(uint96 own, uint96 delegated, uint128 delta, uint16 commission) external {
        if (commission > BASIS_POINTS || uint256(own) + delegated > type(uint96).max) return;
        Validator storage v = _validators[ID];
        (v.own, v.stake) = (own, own + delegated);
        (v.commission, v.nextCommission) = (commission, commission);
        uint256 net = _net(v, delta);
        assert(net <= delta);
        uint256 earned = _earned(v, delta, net);
        unchecked {
            uint256 all = (uint256(own) + delegated) * delta;
            assert((earned << 80) + delegated * net <= all);
        }
    }

    /// @notice Two positions get no more than one that is as large as both.
    function checkRewardsAddUp(uint96 one, uint96 other, uint128 delta) external pure {
        unchecked {
            uint256 both = uint256(one) + other;
            assert(_reward(one, delta) + _reward(other, delta) <= _reward(both, delta));
        }
    }

    /// @notice A fraction between the least and all is possible.
    function findSomeFraction(uint96 accused, uint96 seated) external pure {
        uint256 fraction = _fractionOf(accused, seated);
        assert(fraction == MIN_FRACTION || fraction == BASIS_POINTS);
    }

    /// @notice A settlement can succeed, and pay.
    function findSettlement(uint96 own, address reporter) external {
        Validator storage v = _validators[ID];
        (v.state, v.openCases, v.operator) = (ValidatorState.Open, 1, OPERATOR);
        (v.own, v.stake, v.ownSlashable) = (own, own, own);
        v.frozenSince = uint32(100 * WEEK);
        this.settle(ID, reporter, block.timestamp);
        assert(_given == 0);
    }

    function _give(address, address, uint256 amount) internal override {
        _given += amount;
    }
}
