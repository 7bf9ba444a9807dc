// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Staking} from "../staking/Staking.sol";
import {Validator, ValidatorState} from "../staking/types/Validator.sol";

/// @title BondProofs: what a slash takes, and that it gives no more
/// @notice Like {Proofs}, on Staking itself. Amounts are of 96 bits, as they are stored: the supply of ERA has 90. What
/// it gives out is added up instead of paid.
contract BondProofs is Staking {
    address private constant REPORTER = address(5);

    uint256 private _given;
    uint256 private _taken;
    uint256 private _settledFraction;

    error Impossible();

    constructor()
        Staking(IERC20(address(1)), ISetBuilder(address(2)), address(this), address(4), bytes32(0), 1e18, 4)
    {}

    /// @notice Of own stake that a slash takes, reporter and treasury together get all, and no more.
    function checkTakenIsGiven(uint96 loss, address operator, address reporter) external {
        _takeOwn(operator, loss, reporter);
        assert(_given == loss);
    }

    /// @notice A slash takes between 5 % and all: all from a third on, and else 9 (S / T)^2 rounded up to a basis point
    /// if that is more than 5 %. Nothing overflows. Nine weeks of 96 bits have fewer than 104.
    /// @custom:halmos --panic-error-codes 0x01,0x11,0x12
    function checkFraction(uint104 accused, uint96 weight) external pure {
        uint256 fraction = _fractionOf(accused, weight);
        assert(fraction >= 500 && fraction <= 10_000);
        unchecked {
            if (3 * uint256(accused) >= weight) {
                assert(fraction == 10_000);
            } else {
                uint256 exact = 90_000 * uint256(accused) * accused;
                uint256 whole = uint256(weight) * weight;
                assert(fraction * whole >= exact);
                assert(fraction == 500 || (fraction - 1) * whole < exact);
            }
        }
    }

    /// @notice Whoever is accused with more loses no less.
    function checkMoreAccused(uint104 accused, uint104 more, uint96 weight) external pure {
        if (accused > more) return;
        assert(_fractionOf(accused, weight) <= _fractionOf(more, weight));
    }

    /// @notice What one entry loses is rounded up by less than a wei, and never more than the entry. Nothing overflows.
    /// @custom:halmos --panic-error-codes 0x01,0x11,0x12
    function checkPart(uint96 amount, uint96 loss, uint96 slashable) external view {
        if (slashable == 0) return;
        uint256 part = _part(amount, loss, slashable);
        unchecked {
            uint256 exact = uint256(amount) * loss;
            assert(part * slashable >= exact);
            assert(part == 0 ? exact == 0 : (part - 1) * slashable < exact);
        }
        assert(loss > slashable || part <= amount);
    }

    /// @notice Who divides an entry loses no less, and at most a wei more; with each entry again, so that n of them pay
    /// the loss and at most n - 1 wei.
    function checkPartsAddUp(uint96 one, uint96 other, uint96 loss, uint96 slashable) external view {
        if (uint256(one) + other > slashable || slashable == 0) return;
        uint256 apart = _part(one, loss, slashable) + _part(other, loss, slashable);
        uint256 together = _part(uint256(one) + other, loss, slashable);
        assert(apart >= together && apart <= together + 1);
    }

    /// @notice A settlement at any fraction gives out what it takes of the own stake that is there. The loss is rounded
    /// up by less than a wei: own stake first, and of either kind no more than could be slashed. With {checkEntries},
    /// {checkOwnEntries} and {checkPartsAddUp}: a slash pays out all that it takes, which is the loss and less than a
    /// wei for each entry. Stake is what is bonded or leaves, as Staking counts it when a case opens; it fits 96 bits.
    function checkSettlement(
        uint256 id,
        uint96 own,
        uint96 ownLeaving,
        uint96 bonded,
        uint96 leaving,
        uint16 fraction
    ) external {
        Validator storage v = _found(id, own, ownLeaving, bonded, leaving, fraction);
        this.settle(id, REPORTER, 0);
        assert(v.state == ValidatorState.Ended);
        unchecked {
            assert(_given == own - v.own && _given == uint256(own) + bonded - v.stake);
            uint256 ownSlashable = uint256(own) + ownLeaving;
            uint256 slashable = uint256(bonded) + leaving;
            assert(v.ownLoss <= ownSlashable && v.loss <= slashable);
            assert(v.loss == 0 || v.ownLoss == ownSlashable);
            uint256 exact = (ownSlashable + slashable) * fraction;
            uint256 loss = uint256(v.ownLoss) + v.loss;
            assert(loss * 10_000 >= exact && loss * 10_000 < exact + 10_000);
        }
    }

    /// @notice A settlement is possible.
    /// @custom:halmos --early-exit
    function findSettlement(uint256 id) external {
        _found(id, 5e18, 1e18, 9e18, 1e18, 500);
        this.settle(id, REPORTER, 0);
        assert(false);
    }

    /// @notice Of each entry of a slashed validator, whatever it lost, all is given out, once, and nothing else: to the
    /// treasury its part of the loss, and the rest to whom it belongs.
    function checkEntries(
        uint256 id,
        uint32 period,
        address holder,
        uint96[4] calldata amounts,
        uint96[4] calldata lost
    ) external {
        if (holder == TREASURY) return;
        Validator storage v = _slashed(id, period, holder, amounts, lost);
        this.withdraw(holder, id, period);
        assert(_given == amounts[0] && unbonding[holder][id][period] == 0);
        this.release(holder, id);
        unchecked {
            assert(_given == uint256(amounts[0]) + amounts[1] && v.stake == amounts[3]);
            assert(_taken == _part(amounts[0], lost[0], lost[1]) + _part(amounts[1], lost[0], lost[1]));
        }
    }

    /// @notice Likewise, of own stake.
    function checkOwnEntries(uint256 id, uint32 period, uint96[4] calldata amounts, uint96[4] calldata lost) external {
        Validator storage v = _slashed(id, period, address(9), amounts, lost);
        this.withdrawOwn(id, period);
        assert(_given == amounts[2] && _exits[id][period].own == 0);
        this.releaseOwn(id);
        unchecked {
            assert(_given == uint256(amounts[2]) + amounts[3] && v.stake == amounts[1] && v.own == 0);
        }
    }

    /// @notice Something can be released.
    /// @custom:halmos --early-exit
    function findReleased(uint256 id, uint32 period, address holder) external {
        _slashed(id, period, holder, [uint96(1e18), 2e18, 3e18, 4e18], [uint96(1e18), 3e18, 1e18, 7e18]);
        this.release(holder, id);
        assert(false);
    }

    /// @param amounts What leaves, what is bonded, what leaves of the own stake, and the own stake.
    /// @param lost Of delegated stake, out of how much, and of own stake the same.
    function _slashed(uint256 id, uint32 period, address holder, uint96[4] memory amounts, uint96[4] memory lost)
        private
        returns (Validator storage v)
    {
        unchecked {
            require(uint256(amounts[0]) + amounts[1] <= lost[1] && lost[0] <= lost[1], Impossible());
            require(uint256(amounts[2]) + amounts[3] <= lost[3] && lost[2] <= lost[3], Impossible());
            require(uint256(lost[1]) + lost[3] <= type(uint96).max, Impossible());
            v = _validators[id];
            (v.state, v.openCases) = (ValidatorState.Ended, 1);
            (v.own, v.stake) = (amounts[3], amounts[1] + amounts[3]);
        }
        (v.loss, v.slashable, v.ownLoss, v.ownSlashable) = (lost[0], lost[1], lost[2], lost[3]);
        unbonding[holder][id][period] = amounts[0];
        _positions[holder][id].units = amounts[1];
        _exits[id][period].own = amounts[2];
    }

    function _found(uint256 id, uint96 own, uint96 ownLeaving, uint96 bonded, uint96 leaving, uint16 fraction)
        private
        returns (Validator storage v)
    {
        require(fraction <= BASIS_POINTS, Impossible());
        unchecked {
            require(uint256(own) + ownLeaving + bonded + leaving <= type(uint96).max, Impossible());
            _settledFraction = fraction;
            v = _validators[id];
            (v.state, v.openCases) = (ValidatorState.Open, 1);
            (v.own, v.stake) = (own, own + bonded);
            (v.ownSlashable, v.slashable) = (own + ownLeaving, bonded + leaving);
        }
    }

    function _give(address, address to, uint256 amount) internal override {
        _given += amount;
        if (to == TREASURY) _taken += amount;
    }

    /// @dev Any: {checkFraction} says which there are.
    function _fraction(uint256) internal view override returns (uint256, uint256) {
        return (_settledFraction, 0);
    }
}
