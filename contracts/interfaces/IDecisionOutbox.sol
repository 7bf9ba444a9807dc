// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Decision} from "../governance/types/Decision.sol";
import {IMessageReturned} from "./IMessageReturned.sol";
import {IMetalayer} from "./IMetalayer.sol";

/// @title DecisionOutbox: what the hub's governance decided for other chains
/// @notice On the hub, at the address of {IRemoteGovernor} on the others. The hub's timelock records a decision here;
/// from then on anyone may bring it to its chain, any number of times, until `DECISION_LIFETIME` later. A decision does
/// not depend on the state of a lane: it is recorded although it cannot be sent, and sent again if it was lost.
///
/// The first attempt is paid from what governance put into this contract's credit in the gateway; whoever sends again
/// pays. Whoever executes the proposal cannot have the attempt fail by giving little gas: the 64th part that is left
/// then is too little for the rest, so everything fails. Should opcodes cost otherwise one day, nothing is lost but the
/// prepaid attempt: then, too, anyone sends it.
interface IDecisionOutbox is IMessageReturned {
    /// @notice Emitted when the timelock decides. `decision` is all that is needed to send it.
    /// @param arriveBefore Last second (Unix time) at which it may arrive.
    event Decided(
        uint256 indexed chainId, bytes32 indexed id, Decision decision, uint256 gasLimit, uint64 arriveBefore
    );
    /// @notice Emitted when a decision is sent. `messageId` is that of the message that carries it.
    event DecisionSent(uint256 indexed chainId, bytes32 indexed id, bytes32 indexed messageId, address payer);
    /// @notice Emitted when a decision was recorded and could not be sent. `reason` is what the gateway said.
    event DecisionNotSent(uint256 indexed chainId, bytes32 indexed id, bytes reason);
    /// @notice Emitted when a message that carried a decision came back. The decision may be sent again.
    event DecisionReturned(uint256 indexed chainId, bytes32 indexed id, bytes32 indexed messageId);
    /// @notice Emitted when the timelock names another gateway.
    event GatewaySet(address indexed gateway);
    /// @notice Emitted when the credit in a gateway of before goes to the timelock, in wei of ERA.
    event CreditCollected(address indexed gateway, uint256 amount);

    /// @notice Thrown when anyone but the timelock decides or names a gateway.
    error NotTimelock(address caller);
    /// @notice Thrown when anyone but a gateway, this one or one of before, says that a message was returned.
    error NotGateway(address caller);
    /// @notice Thrown when a decision for this chain itself, or for chain id zero, is recorded.
    error InvalidDecisionChain(uint256 chainId);
    /// @notice Thrown when a decision is longer than a message: `length` in bytes.
    error DecisionTooLong(uint256 length, uint256 maximum);
    /// @notice Thrown when the lists of a decision have different lengths, when it neither acts nor cancels, or when it
    /// calls a target without saying its code.
    error InvalidDecision();
    /// @notice Thrown when a decision was recorded for that chain already.
    error AlreadyDecided(uint256 chainId, bytes32 id);
    /// @notice Thrown when a decision is sent that was not recorded for that chain.
    error NotDecided(uint256 chainId, bytes32 id);
    /// @notice Thrown when a decision is sent after `arriveBefore`.
    error DecisionTooLate(uint256 chainId, bytes32 id, uint64 arriveBefore);
    /// @notice Thrown when a gateway without code is named.
    error InvalidGateway(address gateway);
    /// @notice Thrown when credit is collected from anything but a gateway of before.
    error NotFormerGateway(address gateway);

    /// @notice Records a decision, and tries to send it, paid from this contract's credit in the gateway. Only the
    /// timelock. Does not revert if it cannot be sent, nor if it is too long for any message: then it never can.
    /// @param gasLimit Gas for its arrival on that chain.
    function decide(uint256 chainId, Decision calldata decision, uint256 gasLimit) external returns (bytes32 id);

    /// @notice Sends a recorded decision. Anyone, any number of times, up to the gateway's shortest delivery time
    /// before `arriveBefore`; the caller pays, from credit of which it allowed this contract that much. What such a
    /// message does not use stays here, for later decisions. Reverts with the errors of {IOutbox} and {ICredit}.
    function send(uint256 chainId, Decision calldata decision, uint256 gasLimit) external returns (bytes32 messageId);

    /// @notice Names the gateway through which decisions are sent from now on, and tries to `collect` from the one
    /// before. Only the timelock.
    function setGateway(IMetalayer newGateway) external;

    /// @notice Takes out of a gateway of before what this contract has there, and gives it to the timelock. Anyone, as
    /// often as messages come back there.
    function collect(IMetalayer formerGateway) external;

    /// @notice What sending a decision costs, in wei of ERA. Reverts if the gateway would refuse the route, the gas
    /// limit or the length.
    function quote(uint256 chainId, Decision calldata decision, uint256 gasLimit) external view returns (uint256);

    /// @notice Last second (Unix time) at which a decision may arrive on a chain; 0 if it was not decided for it.
    function arriveBefore(uint256 chainId, bytes32 id) external view returns (uint64);

    /// @notice The gateway through which decisions are sent.
    function gateway() external view returns (IMetalayer);

    /// @notice Whether decisions are sent through a gateway, or were.
    function isGateway(address account) external view returns (bool);

    /// @notice The hub's timelock.
    function TIMELOCK() external view returns (address);
}
