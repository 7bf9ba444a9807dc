// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Annex} from "../metalayer/Annex.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Message} from "../metalayer/types/Message.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";
import {Walk} from "../metalayer/types/Walk.sol";
import {originState} from "../metalayer/types/OriginState.sol";
import {Bug} from "./Bug.sol";

/// @title BrokenAnnex: the annex of a gateway with one bug
contract BrokenAnnex is Annex {
    Bug private immutable _BUG;

    constructor(uint256 networkId, address staking, Bug bug) Annex(networkId, staking) {
        _BUG = bug;
    }

    function _checkWalk(Message calldata message, Walk calldata walk) internal view override returns (bytes32) {
        if (_BUG != Bug.RefundsWithoutWalk) return super._checkWalk(message, walk);
        return Messages.id(message, _NETWORK_ID, block.chainid, walk.destination, walk.nonce);
    }

    function _end(bytes32 id, Message calldata message, Walk calldata walk, uint64 unspent) internal override {
        super._end(id, message, walk, unspent);
        if (_BUG == Bug.RefundsTwice) originState().notices[walk.destination][id].refunded = false;
    }

    function _withdrawEscrow(uint256 destination, uint256 amount) internal override returns (uint64) {
        if (_BUG != Bug.EscrowNotBounded || amount > type(uint64).max) {
            return super._withdrawEscrow(destination, amount);
        }
        super._withdrawEscrow(destination, amount);
        return uint64(amount);
    }

    function _checkNewest(bytes32 setHash) internal view override {
        if (_BUG != Bug.AdoptsAnything) super._checkNewest(setHash);
    }

    function _checkNotAdopted() internal view override {
        if (_BUG != Bug.RotatesOnTheHub) super._checkNotAdopted();
    }

    function _checkNewer(ValidatorSet calldata next, ValidatorSet calldata present) internal view override {
        bool inSteps = _BUG != Bug.VersionUnbounded || next.version <= present.version + MAX_VERSION_STEP;
        if (_BUG != Bug.RotatesBackwards && inSteps) super._checkNewer(next, present);
    }

    function _checkRestart(uint256 destination, uint64 last, uint64 nonce) internal view override {
        if (_BUG != Bug.RestartsBackwards) super._checkRestart(destination, last, nonce);
    }

    function _isPresent(uint256 destination, uint16 epoch) internal view override returns (bool) {
        return _BUG == Bug.OldEpochCounts || super._isPresent(destination, epoch);
    }

    function _requiredGas(uint32 gasLimit) internal view override returns (uint256) {
        return _BUG == Bug.CallsBackWithTooLittleGas ? 0 : super._requiredGas(gasLimit);
    }

    function _gasForCallback(uint32 gasLimit) internal view override returns (uint256) {
        return _BUG == Bug.CallsBackWithAllGas ? gasleft() : super._gasForCallback(gasLimit);
    }
}
