// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IEraGovernor} from "../interfaces/IEraGovernor.sol";
import {Pins} from "./Pins.sol";

/// @title Expiry: a decision that nobody carries out is none
/// @notice On the timelock an operation stays ready for ever: the governor alone may execute there.
abstract contract Expiry is Pins {
    /// @notice How long a proposal may be queued after its deadline, and executed after its delay, in seconds. A
    /// constant, so that no vote changes the end of another.
    uint256 public constant GRACE = 14 days;

    /// @notice State of a proposal. What was passed or queued expires.
    function state(uint256 proposalId) public view override returns (ProposalState) {
        ProposalState current = super.state(proposalId);
        uint256 expiry = _expiry(proposalId, current);
        return expiry != 0 && block.timestamp > expiry ? ProposalState.Expired : current;
    }

    /// @inheritdoc IEraGovernor
    function proposalExpiry(uint256 proposalId) external view returns (uint256) {
        return _expiry(proposalId, state(proposalId));
    }

    function _expiry(uint256 proposalId, ProposalState current) internal view virtual returns (uint256) {
        if (current == ProposalState.Succeeded) return proposalDeadline(proposalId) + _grace();
        if (current == ProposalState.Queued) return proposalEta(proposalId) + _grace();
        return 0;
    }

    function _grace() internal view virtual returns (uint256) {
        return GRACE;
    }
}
