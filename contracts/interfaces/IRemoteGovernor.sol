// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Decision} from "../governance/types/Decision.sol";

/// @notice State of a decision on the chain that it is for.
/// @param Unknown It never arrived, and no decision that arrived cancels it.
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
/// it, for `EXECUTION_GRACE`. Decisions are independent: the only order between them is what `precedent` says. What has
/// a precedent waits for it, for `PRECEDENT_TIME` at most, and then has the same time from its execution on.
///
/// A decision arrives once through each gateway: the same one again changes nothing, whatever became of the first. It
/// ends when another one arrives that names it in `cancels`, at once and for good: also if it has not arrived itself
/// yet, so that no order of delivery brings it back. What was executed stays executed.
///
/// While there are several **gateways**, each speaks for itself: what one cancels, it cancels for itself alone, and
/// what it brought ends when it is dropped, unless another one brought it, too. So a gateway that lies can neither end
/// what another one brings, nor be kept by its own inventions.
///
/// Whoever forges decisions has to hide them from two offices. The **guardian** postpones a decision once, by
/// `POSTPONEMENT`: time enough for a vote whose decision cancels it. The **recovery** refuses one that is postponed.
/// Neither can touch a decision without precedent whose only action is `setOffices`, here; it waits for `OFFICES_DELAY`
/// instead, or for the timelock's delay if that is longer. So neither of them, nor both, stay longer in office than the
/// vote wants; a forged decision may still cancel it. It ends when other offices are named first, so that any number of
/// forged ones ends with one decision that names them beside another action.
///
/// The timelock knows nothing of grace, postponement, cancellation and codes: an operation that ended here stays ready
/// there for ever. No other account may ever get a role there. Its operations are batches whose salt is the decision's
/// id, without predecessor: even another governor could not execute a decision twice.
interface IRemoteGovernor {
    /// @notice Emitted when a decision arrives. `decision` is all that is needed to execute it.
    /// @param gateway Which one brought it.
    /// @param readyAt When it may be executed (Unix time).
    event DecisionScheduled(bytes32 indexed id, address indexed gateway, Decision decision, uint64 readyAt);
    /// @notice Emitted when a decision arrives through a further gateway, and its time goes on as it began.
    event DecisionBroughtAgain(bytes32 indexed id, address indexed gateway);
    /// @notice Emitted when a decision is cancelled for the gateway through which another one came that says so. It
    /// ends, unless it stands for a further one.
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

    /// @notice Thrown when a decision is not in the state that is needed.
    error UnexpectedDecisionState(bytes32 id, DecisionState state);
    /// @notice Thrown when the decision named as precedent was not executed.
    error PrecedentNotExecuted(bytes32 id, bytes32 precedent);
    /// @notice Thrown when a target does not have the code that was voted on, none, or only that of another account
    /// (EIP-7702).
    error CodeChanged(address target, bytes32 found, bytes32 expected);
    /// @notice Thrown when anyone but the guardian postpones.
    error NotGuardian(address caller);
    /// @notice Thrown when anyone but the recovery refuses.
    error NotRecovery(address caller);
    /// @notice Thrown when a decision is postponed that was postponed before.
    error AlreadyPostponed(bytes32 id);
    /// @notice Thrown when a decision is refused that was not postponed.
    error NotPostponed(bytes32 id);
    /// @notice Thrown when a decision is postponed whose only action is `setOffices`.
    error ProtectedDecision(bytes32 id);
    /// @notice Thrown when anyone but the timelock names offices or gateways.
    error NotTimelock(address caller);
    /// @notice Thrown when a gateway is dropped by a decision that it brought itself, or that came through one that is
    /// not accepted any more. So one always stays, and it works.
    error GatewayNeeded(address gateway);
    /// @notice Thrown when a gateway without code is accepted, or none at deployment.
    error InvalidGateway(address gateway);
    /// @notice Thrown when more gateways are accepted than may ever be.
    error TooManyGateways(uint256 most);

    /// @notice Executes a decision whose time has come. Anyone. If an action fails, nothing changes. The timelock pays
    /// what the decision pays; ether that comes along goes to it before.
    function execute(Decision calldata decision) external payable;

    /// @notice Postpones a decision by `POSTPONEMENT`, once. Only the guardian, before it expires.
    function postpone(bytes32 id) external;

    /// @notice Ends a postponed decision, before it expires, unless a further gateway brings it. Only the recovery.
    function refuse(bytes32 id) external;

    /// @notice Names guardian and recovery; zero for nobody. Only the timelock.
    function setOffices(address newGuardian, address newRecovery) external;

    /// @notice Accepts decisions through a gateway, or no longer. Only the timelock; to drop one, only by a decision
    /// that came through another one. What a dropped one alone brought before ends: anyone may send it again through
    /// another, while it may arrive.
    function setGateway(address gateway, bool accepted) external;

    /// @notice State of a decision.
    function stateOf(bytes32 id) external view returns (DecisionState);

    /// @notice When a decision may be executed (Unix time), if its precedent was until then; 0 if it never arrived.
    function readyAt(bytes32 id) external view returns (uint64);

    /// @notice Last second (Unix time) at which a decision may be executed; 0 if it never arrived.
    function expiresAt(bytes32 id) external view returns (uint64);

    /// @notice Whether a decision was postponed.
    function isPostponed(bytes32 id) external view returns (bool);

    /// @notice Whether a decision can be neither postponed nor refused.
    function isProtected(bytes32 id) external view returns (bool);

    /// @notice Whether a gateway brought a decision.
    function isBroughtBy(bytes32 id, address gateway) external view returns (bool);

    /// @notice Whether decisions are taken that come through a gateway.
    function isGateway(address gateway) external view returns (bool);

    /// @notice Who postpones; zero if nobody.
    function guardian() external view returns (address);

    /// @notice Who refuses; zero if nobody.
    function recovery() external view returns (address);

    /// @notice Chain id of the chain that decides.
    function HUB_CHAIN_ID() external view returns (uint256);

    /// @notice The timelock of this chain.
    function TIMELOCK() external view returns (TimelockController);
}
