// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {TokenBridge} from "../bridge/TokenBridge.sol";
import {Kind} from "../bridge/types/Transfer.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {VotesBug} from "./VotesBug.sol";

/// @title BrokenTokenBridge: TokenBridge with one bug, to prove that the tests find it
contract BrokenTokenBridge is TokenBridge {
    VotesBug private immutable _BUG;

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
        if (_BUG == VotesBug.PrepaidWithoutClock && address(uint160(_word(0))) != _ERA) return;
        if (_BUG == VotesBug.ReturnsWithoutClock && uint8(_word(1) >> 240) == uint8(Kind.Return)) return;
        if (_BUG == VotesBug.ClockTooStrict) require(block.timestamp > sentAt, ClockBehind(sentAt));
        super._checkClock(_BUG == VotesBug.ClockASecondLoose && sentAt != 0 ? sentAt - 1 : sentAt);
    }

    function _present() internal view override returns (uint40) {
        if (_BUG != VotesBug.SecondOfTheFirstHop || msg.sig != IERC7786Recipient.receiveMessage.selector) {
            return super._present();
        }
        return uint40(_word(0) >> 192);
    }

    function _hourBefore() internal view override returns (uint40) {
        // slither-disable-next-line divide-before-multiply
        if (_BUG == VotesBug.HourRoundedDown) return uint40(block.timestamp / 1 hours * 1 hours);
        return super._hourBefore();
    }

    /// @dev Of the payload that arrives.
    function _word(uint256 index) private pure returns (uint256) {
        // The third argument, after the selector and two others: where it begins, then its length.
        uint256 place = 4 + uint256(bytes32(msg.data[68:100])) + 32 * (index + 1);
        return uint256(bytes32(msg.data[place:place + 32]));
    }
}
