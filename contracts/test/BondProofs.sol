// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Staking} from "../staking/Staking.sol";

/// @title BondProofs: what a slash takes is what it gives
/// @notice Like {Proofs}, on Staking itself. What it gives out is added up instead of paid.
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

    function _give(address, address, uint256 amount) internal override {
        _given += amount;
    }
}
