// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IEraGovernor} from "../interfaces/IEraGovernor.sol";
import {Modules} from "./Modules.sol";

/// @title Objections: time to answer those who vote last
/// @notice Whatever a vote decides late can only be stopped after that, and by those alone who had not voted yet. Only
/// moves to the status quo are left then, so nothing has to be extended a second time.
abstract contract Objections is Modules {
    /// @notice Length of the end of a voting period in which a vote opens objections, in seconds.
    uint256 public constant OBJECTION_WINDOW = 2 days;
    /// @notice For how long objections are taken after the old deadline, in seconds.
    uint256 public constant OBJECTION_PERIOD = 6 days;

    /// @inheritdoc IEraGovernor
    mapping(uint256 proposalId => uint256) public objectionsFrom;

    /// @notice When voting on a proposal ends (Unix time), objections included.
    function proposalDeadline(uint256 proposalId) public view override returns (uint256) {
        uint256 from = objectionsFrom[proposalId];
        // Zero is none.
        // slither-disable-next-line incorrect-equality
        return from == 0 ? super.proposalDeadline(proposalId) : from + OBJECTION_PERIOD;
    }

    function _castVote(
        uint256 proposalId,
        address account,
        uint8 support,
        string memory reason,
        bytes memory params
    ) internal virtual override returns (uint256 weight) {
        uint256 from = objectionsFrom[proposalId];
        if (from != 0) {
            if (clock() <= from) return super._castVote(proposalId, account, support, reason, params);
            // By the tally, not by what the vote is called: fractional ones have parts.
            (, uint256 inFavour, uint256 abstained) = proposalVotes(proposalId);
            weight = super._castVote(proposalId, account, support, reason, params);
            (, uint256 inFavourNow, uint256 abstainedNow) = proposalVotes(proposalId);
            require(_isObjection(inFavourNow - inFavour, abstainedNow - abstained), ObjectionsOnly(proposalId));
            return weight;
        }
        uint256 deadline = proposalDeadline(proposalId);
        bool late = clock() + OBJECTION_WINDOW > deadline;
        bool passed = late && _passes(proposalId);
        weight = super._castVote(proposalId, account, support, reason, params);
        if (late && _opensObjections(proposalId, passed)) {
            from = _objectionsBegin(deadline);
            objectionsFrom[proposalId] = from;
            emit ObjectionsOpened(proposalId, from + OBJECTION_PERIOD);
        }
    }

    /// @dev The majority first: the quorum asks ERA.
    function _passes(uint256 proposalId) internal view returns (bool) {
        return _voteSucceeded(proposalId) && _quorumReached(proposalId);
    }

    function _opensObjections(uint256 proposalId, bool passed) internal view virtual returns (bool) {
        return !passed && _passes(proposalId);
    }

    function _objectionsBegin(uint256 deadline) internal view virtual returns (uint256) {
        return deadline;
    }

    function _isObjection(uint256 inFavour, uint256 abstained) internal view virtual returns (bool) {
        return inFavour == 0 && abstained == 0;
    }
}
