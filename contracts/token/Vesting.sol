// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IVesting} from "../interfaces/IVesting.sol";

/// @title Vesting
/// @notice See {IVesting}.
contract Vesting is IVesting, VestingWallet, Ownable2Step {
    /// @inheritdoc IVesting
    IVotes public immutable ERA;

    /// @param era The token that votes. It is deployed later, at an address known before.
    /// @param beneficiary Gets what is released, and delegates what is not.
    /// @param startTimestamp Unix time of the second before the first that vests.
    /// @param durationSeconds From then on until all of it is vested.
    constructor(IVotes era, address beneficiary, uint64 startTimestamp, uint64 durationSeconds)
        VestingWallet(beneficiary, startTimestamp, durationSeconds)
    {
        ERA = era;
    }

    /// @inheritdoc IVesting
    function delegate(address delegatee) external onlyOwner {
        ERA.delegate(delegatee);
    }

    /// @notice Always reverts: see {IVesting-BeneficiaryRemains}.
    function renounceOwnership() public pure override {
        revert BeneficiaryRemains();
    }

    /// @inheritdoc Ownable2Step
    function transferOwnership(address newOwner) public override(Ownable, Ownable2Step) {
        super.transferOwnership(newOwner);
    }

    function _transferOwnership(address newOwner) internal override(Ownable, Ownable2Step) {
        super._transferOwnership(newOwner);
    }
}
