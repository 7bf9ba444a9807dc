// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TokenBridge} from "../bridge/TokenBridge.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {VotesBug} from "./VotesBug.sol";

/// @title BrokenTokenBridge: TokenBridge with one bug, to prove that the tests find it
contract BrokenTokenBridge is TokenBridge {
    VotesBug private immutable _BUG;
    /// @dev Second of the hop that arrived in this transaction, 0 if none did.
    uint40 private transient _arrived;

    constructor(
        IMetalayer gateway,
        address era,
        uint256 hubChainId,
        address bridgedToken,
        address metadata,
        address annex,
        VotesBug bug
    ) TokenBridge(gateway, era, hubChainId, bridgedToken, metadata, annex) {
        _BUG = bug;
    }

    function _checkClock(uint256 sentAt) internal view override {
        if (_BUG == VotesBug.NoClock) return;
        if (_BUG == VotesBug.ClockOnTheHubOnly && !_isHub()) return;
        if (_BUG == VotesBug.ClockOnSpokesOnly && _isHub()) return;
        if (_BUG == VotesBug.ClockTooStrict) require(block.timestamp > sentAt, ClockBehind(sentAt));
        super._checkClock(_BUG == VotesBug.ClockASecondLoose && sentAt != 0 ? sentAt - 1 : sentAt);
    }

    function _present() internal view override returns (uint40) {
        if (_BUG == VotesBug.SecondOfTheFirstHop && _arrived != 0) return _arrived;
        return super._present();
    }

    function _hourBefore() internal view override returns (uint40) {
        // slither-disable-next-line divide-before-multiply
        if (_BUG == VotesBug.HourRoundedDown) return uint40(block.timestamp / 1 hours * 1 hours);
        return super._hourBefore();
    }
}
