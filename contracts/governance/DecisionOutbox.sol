// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IDecisionOutbox} from "../interfaces/IDecisionOutbox.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Decision} from "./types/Decision.sol";

// Events hold ids that the gateway returns, so they come after calls to it. The gateway calls nobody back.
// slither-disable-start reentrancy-events

/// @title DecisionOutbox
/// @notice See {IDecisionOutbox}.
contract DecisionOutbox is IDecisionOutbox {
    /// @notice Time within which a decision may arrive, in seconds: the longest that the gateway gives a message.
    uint64 public constant DECISION_LIFETIME = 30 days;
    /// @notice Bytes of the longest decision: what is longer fits no message, and could never be sent.
    uint256 public constant MAX_DECISION_LENGTH = 8192;
    /// @notice Gas for a decision that comes back: enough for the longest message.
    uint256 public constant RETURN_GAS_LIMIT = 50_000;

    /// @inheritdoc IDecisionOutbox
    address public immutable TIMELOCK;

    /// @inheritdoc IDecisionOutbox
    IMetalayer public gateway;
    /// @inheritdoc IDecisionOutbox
    mapping(address account => bool) public isGateway;
    /// @inheritdoc IDecisionOutbox
    mapping(uint256 chainId => mapping(bytes32 id => uint64)) public arriveBefore;

    modifier onlyTimelock() {
        require(msg.sender == TIMELOCK, NotTimelock(msg.sender));
        _;
    }

    /// @param initialGateway Not zero. It may be deployed later at that address.
    /// @param timelock The hub's. Likewise.
    constructor(IMetalayer initialGateway, address timelock) {
        require(address(initialGateway) != address(0), InvalidGateway(address(initialGateway)));
        // Without one nothing is ever decided: as dead as any other address that is wrong.
        // slither-disable-next-line missing-zero-check
        TIMELOCK = timelock;
        _setGateway(initialGateway);
    }

    /// @inheritdoc IDecisionOutbox
    function decide(uint256 chainId, Decision calldata decision, uint256 gasLimit)
        external
        onlyTimelock
        returns (bytes32 id)
    {
        require(chainId != 0 && chainId != block.chainid, InvalidDecisionChain(chainId));
        _check(decision);
        bytes memory payload = abi.encode(decision);
        require(payload.length <= MAX_DECISION_LENGTH, DecisionTooLong(payload.length, MAX_DECISION_LENGTH));
        id = keccak256(payload);
        _requireUndecided(chainId, id);
        uint64 deadline = uint64(block.timestamp) + DECISION_LIFETIME;
        arriveBefore[chainId][id] = deadline;
        emit Decided(chainId, id, decision, gasLimit, deadline);
        _trySend(chainId, id, payload, gasLimit, deadline);
    }

    /// @inheritdoc IDecisionOutbox
    function send(uint256 chainId, Decision calldata decision, uint256 gasLimit)
        external
        returns (bytes32 messageId)
    {
        bytes memory payload = abi.encode(decision);
        bytes32 id = keccak256(payload);
        uint64 deadline = arriveBefore[chainId][id];
        _requireDecided(chainId, id, deadline);
        address payer = _payer();
        messageId = gateway.sendMessage(
            Erc7930.encode(chainId, address(this)), payload, _attributes(gasLimit, _deliverBefore(deadline), payer)
        );
        emit DecisionSent(chainId, id, messageId, payer);
    }

    /// @inheritdoc IDecisionOutbox
    function setGateway(IMetalayer newGateway) external onlyTimelock {
        require(address(newGateway).code.length != 0, InvalidGateway(address(newGateway)));
        IMetalayer former = gateway;
        _setGateway(newGateway);
        // Whatever the former one answers: a gateway that has to be left must not be able to prevent it.
        // solhint-disable-next-line no-empty-blocks
        try this.collect(former) {} catch {}
    }

    /// @inheritdoc IDecisionOutbox
    function collect(IMetalayer formerGateway) external {
        require(
            isGateway[address(formerGateway)] && formerGateway != gateway, NotFormerGateway(address(formerGateway))
        );
        uint256 amount = formerGateway.credit(address(this));
        formerGateway.withdraw(TIMELOCK, amount);
        emit CreditCollected(address(formerGateway), amount);
    }

    /// @inheritdoc IMessageReturned
    /// @dev What was sent through a gateway of before may still come back there.
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256) external {
        require(isGateway[msg.sender], NotGateway(msg.sender));
        emit DecisionReturned(destination, keccak256(message.payload), id);
    }

    /// @inheritdoc IDecisionOutbox
    function quote(uint256 chainId, Decision calldata decision, uint256 gasLimit) external view returns (uint256) {
        return gateway.quote(chainId, gasLimit, RETURN_GAS_LIMIT, abi.encode(decision).length);
    }

    /// @dev Sends what was just decided. A lane that is closed and credit that is missing are no reason to revert: the
    /// decisions for other chains in the same proposal would be lost with this one.
    function _trySend(uint256 chainId, bytes32 id, bytes memory payload, uint256 gasLimit, uint64 deadline)
        internal
        virtual
    {
        try gateway.sendMessage(
            Erc7930.encode(chainId, address(this)), payload, _attributes(gasLimit, deadline, address(this))
        ) returns (
            bytes32 messageId
        ) {
            emit DecisionSent(chainId, id, messageId, address(this));
        } catch (bytes memory reason) {
            emit DecisionNotSent(chainId, id, reason);
        }
    }

    function _requireUndecided(uint256 chainId, bytes32 id) internal view virtual {
        require(arriveBefore[chainId][id] == 0, AlreadyDecided(chainId, id));
    }

    function _requireDecided(uint256 chainId, bytes32 id, uint64 deadline) internal view virtual {
        require(deadline != 0, NotDecided(chainId, id));
        require(block.timestamp <= deadline, DecisionTooLate(chainId, id, deadline));
    }

    /// @dev Deadline of a message that is sent again: time does not begin anew.
    function _deliverBefore(uint64 deadline) internal view virtual returns (uint64) {
        return deadline;
    }

    /// @dev Whose credit pays for a decision that is sent again: never this contract's, which anyone could use up.
    function _payer() internal view virtual returns (address) {
        return msg.sender;
    }

    function _setGateway(IMetalayer newGateway) private {
        gateway = newGateway;
        isGateway[address(newGateway)] = true;
        emit GatewaySet(address(newGateway));
    }

    function _check(Decision calldata decision) private pure {
        uint256 count = decision.targets.length;
        require(
            decision.values.length == count && decision.calldatas.length == count && decision.codes.length == count
                && count + decision.cancels.length != 0,
            InvalidDecision()
        );
        for (uint256 i; i < count; ++i) {
            require((decision.codes[i] == bytes32(0)) == (decision.calldatas[i].length == 0), InvalidDecision());
        }
    }

    function _attributes(uint256 gasLimit, uint64 deadline, address payer) internal pure returns (bytes[] memory) {
        return Attributes.encode(gasLimit, RETURN_GAS_LIMIT, deadline, payer);
    }
}
// slither-disable-end reentrancy-events
