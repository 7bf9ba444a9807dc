// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {DecisionState, IRemoteGovernor} from "../interfaces/IRemoteGovernor.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Decision} from "./types/Decision.sol";
import {DecisionOutcome, DecisionRecord} from "./types/DecisionRecord.sol";

/// @title RemoteGovernor
/// @notice See {IRemoteGovernor}. A recipient of its own, not a {MetalayerClient}: it sends nothing, and changes its
/// gateways one after the other.
contract RemoteGovernor is IRemoteGovernor, ERC7786Recipient, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /// @notice Time in which a decision may be executed, from when it is ready, in seconds.
    uint64 public constant EXECUTION_GRACE = 14 days;
    /// @notice By how much the guardian postpones a decision, in seconds: the worst vote takes 20 days.
    uint64 public constant POSTPONEMENT = 21 days;
    /// @notice Shortest time that a decision waits which only names the offices, in seconds.
    uint256 public constant OFFICES_DELAY = 35 days;

    /// @inheritdoc IRemoteGovernor
    uint256 public immutable HUB_CHAIN_ID;
    /// @inheritdoc IRemoteGovernor
    TimelockController public immutable TIMELOCK;

    /// @inheritdoc IRemoteGovernor
    address public guardian;
    /// @inheritdoc IRemoteGovernor
    address public recovery;
    /// @inheritdoc IRemoteGovernor
    mapping(address gateway => bool) public isGateway;

    mapping(bytes32 id => DecisionRecord) internal _records;
    /// @dev The gateway that brought the decision which is being executed: one at a time, `execute` is not reentered.
    address private transient _bringer;

    modifier onlyTimelock() {
        require(msg.sender == address(TIMELOCK), NotTimelock(msg.sender));
        _;
    }

    /// @param hubChainId Chain id of the hub.
    /// @param initialGateway Not zero. It may be deployed later at that address.
    /// @param timelock Likewise.
    /// @param initialGuardian Zero for nobody.
    /// @param initialRecovery Zero for nobody.
    constructor(
        uint256 hubChainId,
        address initialGateway,
        TimelockController timelock,
        address initialGuardian,
        address initialRecovery
    ) {
        require(initialGateway != address(0), InvalidGateway(initialGateway));
        HUB_CHAIN_ID = hubChainId;
        TIMELOCK = timelock;
        _setGateway(initialGateway, true);
        _setOffices(initialGuardian, initialRecovery);
    }

    /// @inheritdoc IRemoteGovernor
    function execute(Decision calldata decision) external payable nonReentrant {
        bytes32 id = keccak256(abi.encode(decision));
        DecisionRecord storage record = _records[id];
        _requireState(id, _isReady(id));
        _checkPrecedent(id, decision.precedent);
        _checkCodes(decision);
        // Before the calls: a decision that cancels this one may arrive during them.
        record.outcome = DecisionOutcome.Executed;
        emit DecisionExecuted(id, msg.sender);
        _bringer = record.gateway;
        TIMELOCK.executeBatch{value: msg.value}(
            decision.targets, decision.values, decision.calldatas, bytes32(0), id
        );
        _bringer = address(0);
    }

    /// @inheritdoc IRemoteGovernor
    function postpone(bytes32 id) external {
        require(msg.sender == guardian, NotGuardian(msg.sender));
        _requireState(id, _isPostponable(id));
        DecisionRecord storage record = _records[id];
        _requireUnprotected(id, record.isProtected);
        _requireNotPostponed(id, record.isPostponed);
        record.isPostponed = true;
        uint64 ready = record.readyAt + POSTPONEMENT;
        record.readyAt = ready;
        emit DecisionPostponed(id, ready);
    }

    /// @inheritdoc IRemoteGovernor
    function refuse(bytes32 id) external {
        require(msg.sender == recovery, NotRecovery(msg.sender));
        _requireState(id, _isOpen(id));
        _requirePostponed(id, _records[id].isPostponed);
        _records[id].outcome = DecisionOutcome.Refused;
        emit DecisionRefused(id);
    }

    /// @inheritdoc IRemoteGovernor
    function setOffices(address newGuardian, address newRecovery) external onlyTimelock {
        _setOffices(newGuardian, newRecovery);
    }

    /// @inheritdoc IRemoteGovernor
    function setGateway(address gateway, bool accepted) external onlyTimelock {
        if (accepted) require(gateway.code.length != 0, InvalidGateway(gateway));
        else _checkDrop(gateway, _bringer);
        _setGateway(gateway, accepted);
    }

    /// @inheritdoc IRemoteGovernor
    function readyAt(bytes32 id) external view returns (uint64) {
        return _records[id].readyAt;
    }

    /// @inheritdoc IRemoteGovernor
    function expiresAt(bytes32 id) external view returns (uint64) {
        return _records[id].readyAt == 0 ? 0 : _expiry(id);
    }

    /// @inheritdoc IRemoteGovernor
    function isPostponed(bytes32 id) external view returns (bool) {
        return _records[id].isPostponed;
    }

    /// @inheritdoc IRemoteGovernor
    function isProtected(bytes32 id) external view returns (bool) {
        return _records[id].isProtected;
    }

    /// @inheritdoc IRemoteGovernor
    function gatewayOf(bytes32 id) external view returns (address) {
        return _records[id].gateway;
    }

    /// @inheritdoc IRemoteGovernor
    function stateOf(bytes32 id) public view returns (DecisionState) {
        DecisionRecord storage record = _records[id];
        DecisionOutcome outcome = record.outcome;
        if (outcome == DecisionOutcome.Unknown) return DecisionState.Unknown;
        if (outcome == DecisionOutcome.Executed) return DecisionState.Executed;
        if (outcome == DecisionOutcome.Cancelled) return DecisionState.Cancelled;
        if (outcome == DecisionOutcome.Refused) return DecisionState.Refused;
        if (block.timestamp < record.readyAt) return DecisionState.Waiting;
        return block.timestamp <= _expiry(id) ? DecisionState.Ready : DecisionState.Expired;
    }

    /// @inheritdoc ERC7786Recipient
    function _processMessage(address gateway, bytes32, bytes calldata, bytes calldata payload) internal override {
        // Of the one encoding that the outbox uses: under the hash of any other, nothing can be executed.
        bytes32 id = keccak256(payload);
        if (_isKnown(id)) return;
        Decision memory decision = abi.decode(payload, (Decision));
        bool protected = _isProtected(decision);
        uint256 delay = _delay(protected);
        uint64 ready = (block.timestamp + delay).toUint64();
        _records[id] = DecisionRecord(ready, gateway, DecisionOutcome.Pending, false, protected);
        emit DecisionScheduled(id, gateway, decision, ready);
        for (uint256 i; i < decision.cancels.length; ++i) {
            bytes32 cancelled = decision.cancels[i];
            if (!_isCancellable(cancelled)) continue;
            _records[cancelled].outcome = DecisionOutcome.Cancelled;
            emit DecisionCancelled(cancelled, id);
        }
        TIMELOCK.scheduleBatch(decision.targets, decision.values, decision.calldatas, bytes32(0), id, delay);
    }

    /// @inheritdoc ERC7786Recipient
    function _isAuthorizedGateway(address gateway, bytes calldata sender)
        internal
        view
        virtual
        override
        returns (bool)
    {
        (uint256 origin, address account) = Erc7930.decode(sender);
        return isGateway[gateway] && origin == HUB_CHAIN_ID && account == address(this);
    }

    /// @dev Whether a decision arrived, or was cancelled before.
    function _isKnown(bytes32 id) internal view virtual returns (bool) {
        return _records[id].outcome != DecisionOutcome.Unknown;
    }

    /// @dev Whether a decision arrived and nothing ended it.
    function _isOpen(bytes32 id) internal view returns (bool) {
        DecisionState state = stateOf(id);
        return state == DecisionState.Waiting || state == DecisionState.Ready;
    }

    function _isReady(bytes32 id) internal view virtual returns (bool) {
        return stateOf(id) == DecisionState.Ready;
    }

    /// @dev Also what has not arrived: else whoever delivers would choose which of the two counts.
    function _isCancellable(bytes32 id) internal view virtual returns (bool) {
        return _isOpen(id) || !_isKnown(id);
    }

    function _isPostponable(bytes32 id) internal view virtual returns (bool) {
        return _isOpen(id);
    }

    function _expiry(bytes32 id) internal view virtual returns (uint64) {
        return _records[id].readyAt + EXECUTION_GRACE;
    }

    /// @dev From the arrival of a decision, in seconds: no shorter than the timelock takes.
    function _delay(bool protected) internal view virtual returns (uint256) {
        uint256 delay = TIMELOCK.getMinDelay();
        return protected ? Math.max(delay, OFFICES_DELAY) : delay;
    }

    function _isProtected(Decision memory decision) internal view virtual returns (bool) {
        return decision.targets.length == 1 && _namesOffices(decision, 0);
    }

    function _namesOffices(Decision memory decision, uint256 action) internal view returns (bool) {
        return decision.targets[action] == address(this)
            && bytes4(decision.calldatas[action]) == this.setOffices.selector;
    }

    function _checkPrecedent(bytes32 id, bytes32 precedent) internal view virtual {
        require(
            precedent == bytes32(0) || _records[precedent].outcome == DecisionOutcome.Executed,
            PrecedentNotExecuted(id, precedent)
        );
    }

    function _checkCodes(Decision calldata decision) internal view virtual {
        for (uint256 i; i < decision.targets.length; ++i) {
            bytes32 expected = decision.codes[i];
            if (expected == bytes32(0) && decision.calldatas[i].length == 0) continue;
            bytes32 found = decision.targets[i].codehash;
            require(found == expected && found != bytes32(0), CodeChanged(decision.targets[i], found, expected));
        }
    }

    /// @dev That one gateway works is only shown by a decision that came through it.
    /// @param bringer Zero outside of `execute`.
    function _checkDrop(address gateway, address bringer) internal view virtual {
        require(bringer != gateway && isGateway[bringer], GatewayNeeded(gateway));
    }

    function _requireUnprotected(bytes32 id, bool protected) internal view virtual {
        require(!protected, ProtectedDecision(id));
    }

    function _requireNotPostponed(bytes32 id, bool postponed) internal view virtual {
        require(!postponed, AlreadyPostponed(id));
    }

    function _requirePostponed(bytes32 id, bool postponed) internal view virtual {
        require(postponed, NotPostponed(id));
    }

    function _requireState(bytes32 id, bool isNeeded) internal view {
        require(isNeeded, UnexpectedDecisionState(id, stateOf(id)));
    }

    function _setOffices(address newGuardian, address newRecovery) private {
        guardian = newGuardian;
        recovery = newRecovery;
        emit OfficesSet(newGuardian, newRecovery);
    }

    function _setGateway(address gateway, bool accepted) private {
        isGateway[gateway] = accepted;
        emit GatewayAccepted(gateway, accepted);
    }
}
