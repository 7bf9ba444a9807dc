// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {HubVotePool} from "../governance/HubVotePool.sol";
import {Tally} from "../governance/types/Tally.sol";
import {IEraGovernor} from "../interfaces/IEraGovernor.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {VotesBug} from "./VotesBug.sol";

/// @title BrokenHubVotePool: HubVotePool with one bug, to prove that the tests find it
contract BrokenHubVotePool is HubVotePool {
    VotesBug private immutable _BUG;

    constructor(IMetalayer gateway, IEraGovernor governor, ITokenBridge bridge, VotesBug bug)
        HubVotePool(gateway, governor, bridge)
    {
        _BUG = bug;
    }

    function _isSnapshot(uint256 proposalId, uint48 snapshot) internal view override returns (bool) {
        return _BUG == VotesBug.AnySnapshotKept || super._isSnapshot(proposalId, snapshot);
    }

    function _isHigher(Tally memory said, Tally memory kept) internal view override returns (bool) {
        return _BUG == VotesBug.LowerTallyKept || super._isHigher(said, kept);
    }

    function _isOfEpoch(Votes storage votes, uint256 chainId) internal view override returns (bool) {
        return _BUG == VotesBug.LieOutlivesRestart || super._isOfEpoch(votes, chainId);
    }

    function _checkTrusted(uint256 chainId) internal view override {
        if (_BUG != VotesBug.ClosedChainCast) super._checkTrusted(chainId);
    }

    function _difference(Tally memory said, Tally memory counted) internal view override returns (Tally memory) {
        return _BUG == VotesBug.SumCastAgain ? said : super._difference(said, counted);
    }

    function _onlyObjections(uint256 proposalId) internal view override returns (bool) {
        return _BUG != VotesBug.InFavourAfterTheDeadline && super._onlyObjections(proposalId);
    }

    function _cap(uint256 proposalId, uint256 chainId) internal view override returns (uint256) {
        if (_BUG == VotesBug.PresentCap) return BRIDGE.outstanding(BRIDGE.ERA(), chainId);
        return super._cap(proposalId, chainId);
    }

    function _cut(Tally memory votes, uint256 left) internal view override {
        if (_BUG != VotesBug.CutNothing) super._cut(votes, left);
    }
}
