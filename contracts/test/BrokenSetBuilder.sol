// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SetBuilder} from "../staking/SetBuilder.sol";
import {StakingBug} from "./StakingBug.sol";

/// @title BrokenSetBuilder: the SetBuilder of a bond with one bug
contract BrokenSetBuilder is SetBuilder {
    StakingBug private immutable _BUG;

    constructor(StakingBug bug) {
        _BUG = bug;
    }

    function _cap(uint256 rest, uint256 k) internal view override returns (uint256) {
        return super._cap(rest, k) + (_BUG == StakingBug.CapRoundedUp && k != 0 ? 1 : 0);
    }
}
