// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Surrogate: holds staked ERA whose votes are one delegatee's
/// @notice Its code is empty: all that can ever be done with what it holds was allowed at its birth, to Staking.
contract Surrogate {
    /// @param era Of which it holds some.
    /// @param delegatee Whose votes that is; zero for nobody's.
    constructor(address era, address delegatee) {
        IVotes(era).delegate(delegatee);
        // ERA returns true or reverts.
        // slither-disable-next-line unused-return
        IERC20(era).approve(msg.sender, type(uint256).max);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            return(0x00, 0x00)
        }
    }
}
