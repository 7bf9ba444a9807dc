// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {DecisionOutbox} from "../governance/DecisionOutbox.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {DecisionBug} from "./DecisionBug.sol";

/// @title BrokenDecisionOutbox: DecisionOutbox with one bug, to prove that the tests find it
contract BrokenDecisionOutbox is DecisionOutbox {
    DecisionBug private immutable _BUG;

    constructor(IMetalayer initialGateway, address timelock, DecisionBug bug)
        DecisionOutbox(initialGateway, timelock)
    {
        _BUG = bug;
    }

    function _trySend(uint256 chainId, bytes32 id, bytes memory payload, uint256 gasLimit, uint64 deadline)
        internal
        override
    {
        if (_BUG == DecisionBug.RevertsWhenClosed) {
            bytes32 messageId = gateway.sendMessage(
                Erc7930.encode(chainId, address(this)), payload, _attributes(gasLimit, deadline, address(this))
            );
            emit DecisionSent(chainId, id, messageId, address(this));
        } else {
            super._trySend(chainId, id, payload, gasLimit, deadline);
        }
    }

    function _requireUndecided(uint256 chainId, bytes32 id) internal view override {
        if (_BUG != DecisionBug.RecordsTwice) super._requireUndecided(chainId, id);
    }

    function _requireDecided(uint256 chainId, bytes32 id, uint64 deadline) internal view override {
        if (_BUG == DecisionBug.SendsUnrecorded && deadline == 0) return;
        if (_BUG == DecisionBug.TimeBeginsAnew && deadline != 0) return;
        super._requireDecided(chainId, id, deadline);
    }

    function _deliverBefore(uint64 deadline) internal view override returns (uint64) {
        bool begins = _BUG == DecisionBug.TimeBeginsAnew || _BUG == DecisionBug.SendsUnrecorded && deadline == 0;
        return begins ? uint64(block.timestamp) + DECISION_LIFETIME : super._deliverBefore(deadline);
    }

    function _payer() internal view override returns (address) {
        return _BUG == DecisionBug.PaysForEverybody ? address(this) : super._payer();
    }
}
