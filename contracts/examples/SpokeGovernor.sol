// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title SpokeGovernor: OpenZeppelin's governor for those who hold ERA on this chain
/// @notice Times are in seconds, as ERA counts them. The quorum is a number: spokes keep no history of their supply.
contract SpokeGovernor is GovernorCountingSimple, GovernorVotes {
    uint256 private immutable _QUORUM;

    /// @param quorum_ Votes for a proposal and abstentions that it needs, in wei of ERA. While less ERA than that is on
    /// this chain, nothing is decided: let somebody else be able to replace this governor.
    constructor(IVotes era, uint256 quorum_) Governor("SpokeGovernor") GovernorVotes(era) {
        _QUORUM = quorum_;
    }

    function quorum(uint256) public view override returns (uint256) {
        return _QUORUM;
    }

    function votingDelay() public pure override returns (uint256) {
        return 1 days;
    }

    function votingPeriod() public pure override returns (uint256) {
        return 7 days;
    }
}
