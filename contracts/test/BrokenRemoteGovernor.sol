// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {RemoteGovernor} from "../governance/RemoteGovernor.sol";
import {Decision} from "../governance/types/Decision.sol";
import {DecisionOutcome} from "../governance/types/DecisionRecord.sol";
import {DecisionState} from "../interfaces/IRemoteGovernor.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {DecisionBug} from "./DecisionBug.sol";

/// @title BrokenRemoteGovernor: RemoteGovernor with one bug, to prove that the tests find it
contract BrokenRemoteGovernor is RemoteGovernor {
    DecisionBug private immutable _BUG;

    constructor(
        uint256 hubChainId,
        address initialGateway,
        TimelockController timelock,
        address initialGuardian,
        address initialRecovery,
        DecisionBug bug
    ) RemoteGovernor(hubChainId, initialGateway, timelock, initialGuardian, initialRecovery) {
        _BUG = bug;
    }

    // Arrival

    function _isAuthorizedGateway(address gateway, bytes calldata sender) internal view override returns (bool) {
        (uint256 origin, address account) = Erc7930.decode(sender);
        if (_BUG == DecisionBug.AnyChainDecides) return isGateway(gateway) && account == address(this);
        if (_BUG == DecisionBug.AnySenderDecides) return isGateway(gateway) && origin == HUB_CHAIN_ID;
        return super._isAuthorizedGateway(gateway, sender);
    }

    function _isKnown(bytes32 id, uint32 bit) internal view override returns (bool) {
        return _BUG != DecisionBug.ForgetsIds && super._isKnown(id, bit);
    }

    function _begins(bytes32 id) internal view override returns (bool) {
        if (_BUG == DecisionBug.BeginsOnce) return _records[id].outcome == DecisionOutcome.Unknown;
        return _BUG == DecisionBug.ForgetsIds || super._begins(id);
    }

    function _isProtected(Decision memory decision) internal view override returns (bool) {
        if (_BUG == DecisionBug.ProtectedAfterAnother) decision.precedent = bytes32(0);
        if (_BUG != DecisionBug.ProtectedIfContained) return super._isProtected(decision);
        for (uint256 i; i < decision.targets.length; ++i) {
            if (_namesOffices(decision, i)) return true;
        }
        return false;
    }

    function _delay(bool protected) internal view override returns (uint256) {
        return super._delay(_BUG != DecisionBug.OfficesAtOnce && protected);
    }

    function _isCancellable(bytes32 id) internal view override returns (bool) {
        if (_BUG == DecisionBug.CancelsExecuted && _records[id].outcome == DecisionOutcome.Executed) return true;
        if (_BUG == DecisionBug.CancelsOnlyArrived) return _isOpen(id);
        return super._isCancellable(id);
    }

    function _cancel(bytes32 id, uint32 bit) internal override {
        super._cancel(id, _BUG == DecisionBug.CancelsForAll ? type(uint32).max : bit);
        if (_BUG == DecisionBug.CancelsExecuted) _records[id].outcome = DecisionOutcome.Pending;
    }

    // Offices

    function _isPostponable(bytes32 id) internal view override returns (bool) {
        if (_BUG == DecisionBug.PostponesExpired && stateOf(id) == DecisionState.Expired) return true;
        return super._isPostponable(id);
    }

    function _requireUnprotected(bytes32 id, bool protected) internal view override {
        if (_BUG != DecisionBug.PostponesProtected) super._requireUnprotected(id, protected);
    }

    function _requireNotPostponed(bytes32 id, bool postponed) internal view override {
        if (_BUG != DecisionBug.PostponesTwice) super._requireNotPostponed(id, postponed);
    }

    function _requirePostponed(bytes32 id, bool postponed) internal view override {
        if (_BUG != DecisionBug.RefusesAtOnce) super._requirePostponed(id, postponed);
    }

    // Execution

    function _isReady(bytes32 id) internal view override returns (bool) {
        if (_BUG == DecisionBug.ExecutesExpired && stateOf(id) == DecisionState.Expired) return true;
        return super._isReady(id);
    }

    function _expiry(bytes32 id) internal view override returns (uint64) {
        if (_BUG == DecisionBug.PrecedentTakesTime) return _records[id].readyAt + EXECUTION_GRACE;
        bool fromArrival = _BUG == DecisionBug.GraceFromArrival && _records[id].isPostponed;
        return super._expiry(id) - (fromArrival ? POSTPONEMENT : 0);
    }

    function _awaitsPrecedent(bytes32 id) internal view override returns (bool) {
        if (_BUG == DecisionBug.PrecedentAnyTime) {
            return _precedents[id] != bytes32(0) && _records[_precedents[id]].executedAt == 0;
        }
        return _BUG != DecisionBug.PrecedentIgnored && super._awaitsPrecedent(id);
    }

    function _standingFor(bytes32 id) internal view override returns (uint32) {
        uint32 uncancelled = _records[id].broughtBy & ~_records[id].cancelledBy;
        if (_BUG == DecisionBug.DroppedGatewayDrops || _BUG == DecisionBug.DroppedGatewayStands) return uncancelled;
        return _BUG == DecisionBug.OfficesVoidNothing ? uncancelled & _accepted : super._standingFor(id);
    }

    function _checkCodes(Decision calldata decision) internal view override {
        if (_BUG == DecisionBug.CallsNothing && decision.targets[0].codehash == decision.codes[0]) return;
        if (_BUG != DecisionBug.CodesUnchecked) super._checkCodes(decision);
    }

    function _checkDrop(address gateway, uint32 bringers) internal view override {
        if (_BUG == DecisionBug.GatewayDropsItself && bringers == _bit(gateway)) return;
        if (_BUG == DecisionBug.DroppedGatewayDrops && bringers & ~_bit(gateway) != 0) return;
        super._checkDrop(gateway, bringers);
    }
}
