// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {EraGovernor} from "../governance/EraGovernor.sol";
import {VotingSettings} from "../governance/types/VotingSettings.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {GovernorBug} from "./GovernorBug.sol";

/// @title BrokenGovernor: EraGovernor with one bug, to prove that the tests find it
contract BrokenGovernor is EraGovernor {
    GovernorBug private immutable _BUG;

    constructor(
        IVotes era,
        ITokenBridge bridge,
        address votePool,
        TimelockController timelock,
        address proposalGuardian,
        VotingSettings memory settings,
        GovernorBug bug
    ) EraGovernor(era, bridge, votePool, timelock, proposalGuardian, settings) {
        _BUG = bug;
    }

    function clock() public view override returns (uint48) {
        return _BUG == GovernorBug.ClockOfTheToken ? GovernorVotes.clock() : super.clock();
    }

    // Pins

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override returns (uint48) {
        if (_BUG == GovernorBug.PinnedForTheQueueOnly) super._checkCodes(proposalId, targets, calldatas);
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _checkCodes(uint256 proposalId, address[] memory targets, bytes[] memory calldatas)
        internal
        view
        override
    {
        if (_BUG == GovernorBug.NoPins || _BUG == GovernorBug.PinnedForTheQueueOnly) return;
        super._checkCodes(proposalId, targets, calldatas);
    }

    function _codes(address[] memory targets, bytes[] memory calldatas) internal view override returns (bytes31) {
        bytes31 called = super._codes(targets, calldatas);
        if (_BUG != GovernorBug.PayeesPinned) return called;
        bytes32 all = called;
        for (uint256 i; i < targets.length; ++i) {
            all = keccak256(abi.encode(all, targets[i].codehash));
        }
        return bytes31(all);
    }

    // Objections

    function _opensObjections(uint256 proposalId, bool passed) internal view override returns (bool) {
        if (_BUG == GovernorBug.FlipsBothWays) return passed != _passes(proposalId);
        return super._opensObjections(proposalId, passed);
    }

    function _isObjection(uint256 inFavour, uint256 abstained) internal view override returns (bool) {
        if (_BUG == GovernorBug.FlipsBothWays) return true;
        return super._isObjection(inFavour, _BUG == GovernorBug.AbstentionsObject ? 0 : abstained);
    }

    function _objectionsBegin(uint256 deadline) internal view override returns (uint256) {
        return _BUG == GovernorBug.ObjectionsFromNow ? block.timestamp : super._objectionsBegin(deadline);
    }

    // Expiry

    function _expiry(uint256 proposalId, ProposalState current) internal view override returns (uint256) {
        if (_BUG == GovernorBug.PassedForEver && current == ProposalState.Succeeded) return 0;
        return super._expiry(proposalId, current);
    }

    function _grace() internal view override returns (uint256) {
        return _BUG == GovernorBug.ExpiryOfTheDay ? votingPeriod() + 4 days : super._grace();
    }

    // The guardian

    function _namesGuardianOnly(address[] memory targets, uint256[] memory values, bytes[] memory calldatas)
        internal
        view
        override
        returns (bool)
    {
        if (_BUG != GovernorBug.ReplacementContained) return super._namesGuardianOnly(targets, values, calldatas);
        for (uint256 i; i < targets.length; ++i) {
            if (_namesGuardian(targets[i], calldatas[i])) return true;
        }
        return false;
    }

    function _checkGuardian(address newProposalGuardian) internal view override {
        if (_BUG != GovernorBug.ZeroGuardian) super._checkGuardian(newProposalGuardian);
    }
}
