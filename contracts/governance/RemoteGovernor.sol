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

// The timelock calls nobody when it schedules, and `execute` is not reentered. What was never set is compared with what
// it is then.
// slither-disable-start reentrancy-no-eth,reentrancy-benign,reentrancy-events,incorrect-equality

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
    /// @notice How long from when it would be ready a decision waits for its precedent, in seconds: 30 days to arrive,
    /// 35 to wait, 14 to be executed, and 11 to spare.
    uint64 public constant PRECEDENT_TIME = 90 days;
    /// @notice How many gateways may ever be accepted.
    uint8 public constant MAX_GATEWAYS = 32;

    /// @dev Bytes of code of an account that delegates to another one (EIP-7702).
    uint256 private constant DELEGATION_SIZE = 23;

    /// @inheritdoc IRemoteGovernor
    uint256 public immutable HUB_CHAIN_ID;
    /// @inheritdoc IRemoteGovernor
    TimelockController public immutable TIMELOCK;

    /// @inheritdoc IRemoteGovernor
    address public guardian;
    /// @dev How many times they were named.
    uint32 private _officesCount;
    /// @inheritdoc IRemoteGovernor
    address public recovery;

    mapping(bytes32 id => DecisionRecord) internal _records;
    mapping(bytes32 id => bytes32) internal _precedents;

    /// @dev From 1; 0 for an account that was never accepted.
    mapping(address gateway => uint8) private _places;
    uint8 private _gatewayCount;
    /// @dev Bits of the gateways that are accepted now.
    uint32 internal _accepted;
    /// @dev Those for which the decision stands that is being executed: one at a time, `execute` is not reentered.
    uint32 private transient _bringers;

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
        require(!_awaitsPrecedent(id), PrecedentNotExecuted(id, decision.precedent));
        _requireState(id, _isReady(id));
        _checkCodes(decision);
        _bringers = _standingFor(id);
        // Before the calls: a decision that cancels this one may arrive during them.
        record.outcome = DecisionOutcome.Executed;
        record.executedAt = uint64(block.timestamp);
        emit DecisionExecuted(id, msg.sender);
        TIMELOCK.executeBatch{value: msg.value}(
            decision.targets, decision.values, decision.calldatas, bytes32(0), id
        );
        _bringers = 0;
    }

    /// @inheritdoc IRemoteGovernor
    function postpone(bytes32 id) external {
        require(msg.sender == guardian, NotGuardian(msg.sender));
        _requireState(id, _isPostponable(id));
        DecisionRecord storage record = _records[id];
        _requireUnprotected(id, record.isProtected);
        _requireNotPostponed(id, record.isPostponed);
        record.isPostponed = true;
        uint64 ready = _begin(id) + POSTPONEMENT;
        record.readyAt = ready;
        emit DecisionPostponed(id, ready);
    }

    /// @inheritdoc IRemoteGovernor
    function refuse(bytes32 id) external {
        require(msg.sender == recovery, NotRecovery(msg.sender));
        _requireState(id, _isOpen(id));
        _requirePostponed(id, _records[id].isPostponed);
        // A further gateway may still bring it: what one invents is not lost when it is decided.
        _records[id].cancelledBy |= _records[id].broughtBy;
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
        else _checkDrop(gateway, _bringers);
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
    function isBroughtBy(bytes32 id, address gateway) external view returns (bool) {
        return _records[id].broughtBy & _bit(gateway) != 0;
    }

    /// @inheritdoc IRemoteGovernor
    function isGateway(address gateway) public view returns (bool) {
        return _accepted & _bit(gateway) != 0;
    }

    /// @inheritdoc IRemoteGovernor
    function stateOf(bytes32 id) public view returns (DecisionState) {
        DecisionOutcome outcome = _records[id].outcome;
        if (outcome == DecisionOutcome.Executed) return DecisionState.Executed;
        if (outcome == DecisionOutcome.Refused) return DecisionState.Refused;
        if (outcome == DecisionOutcome.Unknown) {
            return _records[id].cancelledBy == 0 ? DecisionState.Unknown : DecisionState.Cancelled;
        }
        if (_standingFor(id) == 0) return DecisionState.Cancelled;
        if (block.timestamp > _expiry(id)) return DecisionState.Expired;
        bool waits = block.timestamp < _begin(id) || _awaitsPrecedent(id);
        return waits ? DecisionState.Waiting : DecisionState.Ready;
    }

    /// @inheritdoc ERC7786Recipient
    function _processMessage(address gateway, bytes32, bytes calldata, bytes calldata payload) internal override {
        // Of the one encoding that the outbox uses: under the hash of any other, nothing can be executed.
        bytes32 id = keccak256(payload);
        uint32 bit = _bit(gateway);
        if (_isKnown(id, bit)) return;
        Decision memory decision = abi.decode(payload, (Decision));
        // What was cancelled before it arrived never begins. What it cancels itself ends all the same: else a forger
        // would cancel what cancels its inventions.
        bool isCancelled = _records[id].cancelledBy & bit != 0;
        if (!isCancelled && _begins(id)) _schedule(id, gateway, decision);
        else emit DecisionBroughtAgain(id, gateway);
        _records[id].broughtBy |= bit;
        for (uint256 i; i < decision.cancels.length; ++i) {
            bytes32 cancelled = decision.cancels[i];
            if (!_isCancellable(cancelled)) continue;
            _cancel(cancelled, bit);
            emit DecisionCancelled(cancelled, id);
        }
    }

    function _schedule(bytes32 id, address gateway, Decision memory decision) private {
        DecisionRecord storage record = _records[id];
        bool protected = _isProtected(decision);
        uint256 delay = _delay(protected);
        uint64 ready = (block.timestamp + delay).toUint64();
        bool isNew = record.outcome == DecisionOutcome.Unknown;
        (record.readyAt, record.outcome) = (ready, DecisionOutcome.Pending);
        (record.isPostponed, record.isProtected, record.offices) = (false, protected, _officesCount);
        if (decision.precedent != bytes32(0)) _precedents[id] = decision.precedent;
        emit DecisionScheduled(id, gateway, decision, ready);
        if (!isNew) return;
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
        return isGateway(gateway) && origin == HUB_CHAIN_ID && account == address(this);
    }

    function _isKnown(bytes32 id, uint32 bit) internal view virtual returns (bool) {
        return _records[id].broughtBy & bit != 0;
    }

    /// @dev Whether the time of a decision begins with this arrival. Not only with the first one: a gateway that lies
    /// may bring what people still vote on, so that it has expired, or was refused, when it is decided.
    function _begins(bytes32 id) internal view virtual returns (bool) {
        return _records[id].outcome != DecisionOutcome.Executed && !_isOpen(id);
    }

    /// @dev Gateways that brought a decision, did not cancel it, and are accepted: it stands as long as there is one.
    function _standingFor(bytes32 id) internal view virtual returns (uint32) {
        DecisionRecord storage record = _records[id];
        if (record.isProtected && record.offices != _officesCount) return 0;
        return record.broughtBy & ~record.cancelledBy & _accepted;
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
        DecisionOutcome outcome = _records[id].outcome;
        return outcome == DecisionOutcome.Unknown || outcome == DecisionOutcome.Pending;
    }

    function _cancel(bytes32 id, uint32 bit) internal virtual {
        _records[id].cancelledBy |= bit;
    }

    function _isPostponable(bytes32 id) internal view virtual returns (bool) {
        return _isOpen(id);
    }

    /// @dev Also if the precedent was executed when this one had expired: else what nobody looks at any more, and the
    /// guardian cannot postpone, would be ready in that second.
    function _awaitsPrecedent(bytes32 id) internal view virtual returns (bool) {
        bytes32 precedent = _precedents[id];
        uint64 followed = _records[precedent].executedAt;
        return precedent != bytes32(0) && (followed == 0 || followed > _records[id].readyAt + PRECEDENT_TIME);
    }

    /// @dev From when on it may be executed, once its precedent was.
    function _begin(bytes32 id) internal view virtual returns (uint64) {
        uint64 ready = _records[id].readyAt;
        uint64 followed = _records[_precedents[id]].executedAt;
        return followed > ready ? followed : ready;
    }

    function _expiry(bytes32 id) internal view virtual returns (uint64) {
        return _awaitsPrecedent(id) ? _records[id].readyAt + PRECEDENT_TIME : _begin(id) + EXECUTION_GRACE;
    }

    /// @dev From the arrival of a decision, in seconds: no shorter than the timelock takes.
    function _delay(bool protected) internal view virtual returns (uint256) {
        uint256 delay = TIMELOCK.getMinDelay();
        return protected ? Math.max(delay, OFFICES_DELAY) : delay;
    }

    function _isProtected(Decision memory decision) internal view virtual returns (bool) {
        return decision.targets.length == 1 && decision.precedent == bytes32(0) && _namesOffices(decision, 0);
    }

    function _namesOffices(Decision memory decision, uint256 action) internal view returns (bool) {
        return decision.targets[action] == address(this)
            && bytes4(decision.calldatas[action]) == this.setOffices.selector;
    }

    function _checkCodes(Decision calldata decision) internal view virtual {
        for (uint256 i; i < decision.targets.length; ++i) {
            bytes32 expected = decision.codes[i];
            if (expected == bytes32(0) && decision.calldatas[i].length == 0) continue;
            address target = decision.targets[i];
            bytes32 found = target.codehash;
            uint256 size = target.code.length;
            bool hasCode = size != 0 && size != DELEGATION_SIZE;
            require(found == expected && hasCode, CodeChanged(target, found, expected));
        }
    }

    /// @dev That one gateway works is only shown by a decision that came through it.
    /// @param bringers Bits of the gateways that it came through; none outside of `execute`.
    function _checkDrop(address gateway, uint32 bringers) internal view virtual {
        require(bringers & _accepted & ~_bit(gateway) != 0, GatewayNeeded(gateway));
    }

    function _bit(address gateway) internal view returns (uint32) {
        uint8 place = _places[gateway];
        return place == 0 ? 0 : uint32(1) << (place - 1);
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
        ++_officesCount;
        guardian = newGuardian;
        recovery = newRecovery;
        emit OfficesSet(newGuardian, newRecovery);
    }

    function _setGateway(address gateway, bool accepted) private {
        if (accepted && _places[gateway] == 0) {
            require(_gatewayCount < MAX_GATEWAYS, TooManyGateways(MAX_GATEWAYS));
            _places[gateway] = ++_gatewayCount;
        }
        if (accepted) _accepted |= _bit(gateway);
        else _accepted &= ~_bit(gateway);
        emit GatewayAccepted(gateway, accepted);
    }
}
// slither-disable-end reentrancy-no-eth,reentrancy-benign,reentrancy-events,incorrect-equality
