// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @title EraGovernor: the vote of all holders, on the hub
/// @notice OpenZeppelin's governor with fractional votes, and five rules of its own.
/// - Snapshots fall on full hours.
/// - **Objections**: if a vote in the last `OBJECTION_WINDOW` of the voting period makes a proposal pass that did not,
///   its deadline moves by `OBJECTION_PERIOD`, once, and after the old deadline only votes against it count.
/// - **Pins**: a proposal is executed only if each target that it calls has the code that it had when it was proposed.
/// - **Expiry**: what is not queued `GRACE` after the deadline, or not executed `GRACE` after it could have been,
///   expires.
/// - The proposal guardian cancels any proposal, except one whose only action names another guardian.
interface IEraGovernor is IGovernor {
    /// @notice Emitted when a vote opens a proposal's objections. `deadline` is the new one (Unix time).
    event ObjectionsOpened(uint256 indexed proposalId, uint256 deadline);

    /// @notice Thrown when a vote that is not only against comes after the old deadline.
    error ObjectionsOnly(uint256 proposalId);
    /// @notice Thrown when a target that is called has no code, or only that of another account (EIP-7702).
    error TargetWithoutCode(address target);
    /// @notice Thrown when a target has another code than when it was proposed to call it.
    error CodeChanged(uint256 proposalId);
    /// @notice Thrown when the voting period would be shorter than the least.
    error VotingPeriodTooShort(uint256 period, uint256 least);
    /// @notice Thrown when the proposal guardian would be the zero address.
    error ZeroProposalGuardian();

    /// @notice Last second (Unix time) at which all votes on a proposal count: later only those against it do. 0 if no
    /// vote opened its objections.
    function objectionsFrom(uint256 proposalId) external view returns (uint256);

    /// @notice Whether a proposal only names another proposal guardian: then nobody cancels it.
    function isProtected(uint256 proposalId) external view returns (bool);

    /// @notice When a proposal expires that is passed or queued now (Unix time); 0 in any other state.
    function proposalExpiry(uint256 proposalId) external view returns (uint256);
}
