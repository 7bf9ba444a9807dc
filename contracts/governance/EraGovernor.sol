// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Expiry} from "./Expiry.sol";
import {Modules} from "./Modules.sol";
import {VotingSettings} from "./types/VotingSettings.sol";

/// @title EraGovernor
/// @notice See {IEraGovernor}.
contract EraGovernor is Expiry {
    /// @notice Shortest voting period, in seconds.
    uint32 public constant MIN_VOTING_PERIOD = 7 days;

    /// @notice Knows how much ERA was on other chains at a snapshot.
    ITokenBridge public immutable BRIDGE;
    /// @notice Votes for the ERA on other chains.
    address public immutable VOTE_POOL;

    /// @param era The hub's ERA.
    /// @param bridge The hub's bridge.
    /// @param votePool HubVotePool.
    /// @param timelock Executes what is decided: the owner of everything on the hub.
    /// @param proposalGuardian Cancels proposals. Not zero.
    /// @param settings What a vote may change.
    constructor(
        IVotes era,
        ITokenBridge bridge,
        address votePool,
        TimelockController timelock,
        address proposalGuardian,
        VotingSettings memory settings
    ) Modules(era, timelock, settings) {
        BRIDGE = bridge;
        // Nobody votes as the zero address.
        // slither-disable-next-line missing-zero-check
        VOTE_POOL = votePool;
        _setProposalGuardian(proposalGuardian);
    }

    /// @notice Seconds from a proposal made now to its snapshot, which is at a full hour: the bridge remembers no other
    /// time.
    function votingDelay() public view override returns (uint256) {
        uint256 earliest = clock() + super.votingDelay();
        return Math.ceilDiv(earliest, 1 hours) * 1 hours - clock();
    }

    /// @dev A fault of the vote pool's is worth no more than what is on other chains.
    function _getVotes(address account, uint256 timepoint, bytes memory params)
        internal
        view
        override
        returns (uint256)
    {
        if (account == VOTE_POOL) return BRIDGE.pastTotalOutstanding(SafeCast.toUint48(timepoint));
        return super._getVotes(account, timepoint, params);
    }

    function _setVotingPeriod(uint32 newVotingPeriod) internal override {
        require(newVotingPeriod >= MIN_VOTING_PERIOD, VotingPeriodTooShort(newVotingPeriod, MIN_VOTING_PERIOD));
        super._setVotingPeriod(newVotingPeriod);
    }
}
