// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Staking} from "../staking/Staking.sol";

/// @title BondProofs: what a slash takes, and that it gives no more
/// @notice Like {Proofs}, on Staking itself. Amounts are of 96 bits, as they are stored: the supply of ERA has 90. What
/// it gives out is added up instead of paid.
contract BondProofs is Staking {
    uint256 private _given;

    constructor()
        Staking(IERC20(address(1)), ISetBuilder(address(2)), address(3), address(4), bytes32(0), 1e18, 4)
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

    function _give(address, address, uint256 amount) internal override {
        _given += amount;
    }
}
