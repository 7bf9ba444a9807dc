// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Decision} from "../governance/types/Decision.sol";

/// @notice State of a decision on the chain that it is for.
/// @param Waiting It arrived and its time has not come.
/// @param Ready Anyone may execute it.
enum DecisionState {
    Unknown,
    Waiting,
    Ready,
    Executed,
    Cancelled,
    Refused,
    Expired
}

/// @title RemoteGovernor: executes on this chain what the hub's governance decided
/// @notice On every chain but the hub, at the address of {IDecisionOutbox} there. The only proposer, canceller and
/// executor of this chain's timelock. A decision that arrives waits for the timelock's delay; then anyone may execute
/// it, for `EXECUTION_GRACE`. It arrives once: the same decision again changes nothing.
///
/// Whoever forges decisions has to hide them from two offices. The **guardian** postpones a decision once, by
/// `POSTPONEMENT`: time enough for a vote whose decision cancels it. The **recovery** refuses one that is postponed.
/// Neither can touch a decision whose only action is `setOffices`, here; it waits for `OFFICES_DELAY` instead.
interface IRemoteGovernor {
    /// @notice Emitted when a decision arrives. `decision` is all that is needed to execute it.
    /// @param readyAt When it may be executed (Unix time).
    event DecisionScheduled(bytes32 indexed id, Decision decision, uint64 readyAt);
    /// @notice Emitted when a decision ends before it was executed, because another one said so that arrived.
    event DecisionCancelled(bytes32 indexed id, bytes32 indexed by);
    /// @notice Emitted when the guardian postpones a decision.
    event DecisionPostponed(bytes32 indexed id, uint64 readyAt);
    /// @notice Emitted when the recovery refuses a decision.
    event DecisionRefused(bytes32 indexed id);
    /// @notice Emitted when a decision was executed.
    event DecisionExecuted(bytes32 indexed id, address indexed caller);
    /// @notice Emitted when a decision names the offices.
    event OfficesSet(address indexed guardian, address indexed recovery);
    /// @notice Emitted when a gateway is accepted or dropped.
    event GatewayAccepted(address indexed gateway, bool accepted);

    /// @notice Thrown when a message is not the DecisionOutbox's on the hub, through an accepted gateway.
    error NotDecisionOutbox(uint256 origin, address sender);
    /// @notice Thrown when the lists of a decision have different lengths, or are empty.
    error InvalidDecision();
    /// @notice Thrown when a decision is not in the state that is needed.
    error UnexpectedDecisionState(bytes32 id, DecisionState state);
    /// @notice Thrown when the decision named as precedent was not executed.
    error PrecedentNotExecuted(bytes32 id, bytes32 precedent);
    /// @notice Thrown when a target does not have the code that was voted on.
    error CodeChanged(address target, bytes32 found, bytes32 expected);
    /// @notice Thrown when the ether that comes is not what the decision pays.
    error InvalidValue(uint256 given, uint256 needed);
    /// @notice Thrown when anyone but the guardian postpones.
    error NotGuardian(address caller);
    /// @notice Thrown when anyone but the recovery refuses.
    error NotRecovery(address caller);
    /// @notice Thrown when a decision is postponed that was postponed before.
    error AlreadyPostponed(bytes32 id);
    /// @notice Thrown when a decision is refused that was not postponed.
    error NotPostponed(bytes32 id);
    /// @notice Thrown when a decision is postponed or refused whose only action is `setOffices`.
    error ProtectedDecision(bytes32 id);
    /// @notice Thrown when anyone but the timelock names offices or gateways.
    error NotTimelock(address caller);
    /// @notice Thrown when a gateway is dropped by a decision that it brought itself, or that is the last one.
    error GatewayNeeded(address gateway);
    /// @notice Thrown when a gateway without code is accepted.
    error InvalidGateway(address gateway);

    /// @notice Executes a decision whose time has come. Anyone. If an action fails, nothing changes.
    function execute(Decision calldata decision) external payable;

    /// @notice Postpones a decision by `POSTPONEMENT`, once. Only the guardian, before it could have expired.
    function postpone(bytes32 id) external;

    /// @notice Ends a postponed decision. Only the recovery.
    function refuse(bytes32 id) external;

    /// @notice Names guardian and recovery; zero for nobody. Only the timelock.
    function setOffices(address newGuardian, address newRecovery) external;

    /// @notice Accepts decisions through a gateway, or no longer. Only the timelock, and by a decision that came
    /// through another one.
    function setGateway(address gateway, bool accepted) external;

    /// @notice State of a decision.
    function stateOf(bytes32 id) external view returns (DecisionState);

    /// @notice When a decision may be executed (Unix time); 0 if it never arrived.
    function readyAt(bytes32 id) external view returns (uint64);

    /// @notice Last second (Unix time) at which a decision may be executed; 0 if it never arrived.
    function expiresAt(bytes32 id) external view returns (uint64);

    /// @notice Whether a decision was postponed.
    function isPostponed(bytes32 id) external view returns (bool);

    /// @notice Whether decisions are taken that come through a gateway.
    function isGateway(address gateway) external view returns (bool);

    function guardian() external view returns (address);

    function recovery() external view returns (address);
}
