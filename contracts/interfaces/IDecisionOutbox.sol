// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Decision} from "../governance/types/Decision.sol";
import {IMetalayer} from "./IMetalayer.sol";

/// @title DecisionOutbox: what the hub's governance decided for other chains
/// @notice On the hub, at the address of {IRemoteGovernor} on the others. The hub's timelock records a decision here;
/// from then on anyone may bring it to its chain, any number of times, until `DECISION_LIFETIME` later. A decision does
/// not depend on the state of a lane: it is recorded although it cannot be sent, and sent again if it was lost.
interface IDecisionOutbox {
    /// @notice Emitted when the timelock decides. `decision` is all that is needed to send it.
    /// @param arriveBefore Last second (Unix time) at which it may be sent, and at which it may arrive.
    event Decided(uint256 indexed chainId, bytes32 indexed id, Decision decision, uint256 gasLimit, uint64 arriveBefore);
    /// @notice Emitted when a decision is sent. `messageId` is that of the message that carries it.
    event DecisionSent(uint256 indexed chainId, bytes32 indexed id, bytes32 indexed messageId, address payer);
    /// @notice Emitted when a decision was recorded and could not be sent. `reason` is what the gateway said.
    event DecisionNotSent(uint256 indexed chainId, bytes32 indexed id, bytes reason);
    /// @notice Emitted when a message that carried a decision came back. The decision may be sent again.
    event DecisionReturned(uint256 indexed chainId, bytes32 indexed id, bytes32 indexed messageId);
    /// @notice Emitted when the timelock names another gateway.
    event GatewaySet(address indexed gateway);

    /// @notice Thrown when anyone but the timelock decides or names a gateway.
    error NotTimelock(address caller);
    /// @notice Thrown when a decision for this chain itself, or for chain id zero, is recorded.
    error InvalidDecisionChain(uint256 chainId);
    /// @notice Thrown when the lists of a decision have different lengths, or are empty.
    error InvalidDecision();
    /// @notice Thrown when a decision was recorded for that chain already.
    error AlreadyDecided(uint256 chainId, bytes32 id);
    /// @notice Thrown when a decision is sent that was not recorded for that chain.
    error NotDecided(uint256 chainId, bytes32 id);
    /// @notice Thrown when a decision is sent after `arriveBefore`.
    error DecisionTooLate(uint256 chainId, bytes32 id, uint64 arriveBefore);
    /// @notice Thrown when a gateway without code is named.
    error InvalidGateway(address gateway);

    /// @notice Records a decision, and tries to send it, paid from this contract's credit in the gateway. Only the
    /// timelock. Does not revert if it cannot be sent.
    /// @param gasLimit Gas for its arrival on that chain.
    function decide(uint256 chainId, Decision calldata decision, uint256 gasLimit) external returns (bytes32 id);

    /// @notice Sends a recorded decision. Anyone, any number of times; the caller pays, from credit of which it allowed
    /// this contract that much. What such a message does not use stays here, for later decisions.
    function send(uint256 chainId, Decision calldata decision, uint256 gasLimit) external returns (bytes32 messageId);

    /// @notice Names the gateway through which decisions are sent from now on, and takes out of the one before what
    /// this contract has there. Only the timelock.
    function setGateway(IMetalayer newGateway) external;

    /// @notice What sending a decision costs, in wei of ERA.
    function quote(uint256 chainId, Decision calldata decision, uint256 gasLimit) external view returns (uint256);

    /// @notice Last second (Unix time) at which a decision may be sent to a chain and arrive there; 0 if it was not
    /// decided for that chain.
    function arriveBefore(uint256 chainId, bytes32 id) external view returns (uint64);

    /// @notice The gateway through which decisions are sent.
    function gateway() external view returns (IMetalayer);
}
