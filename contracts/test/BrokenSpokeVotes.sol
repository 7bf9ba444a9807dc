// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {SpokeVotes} from "../governance/SpokeVotes.sol";
import {Tally} from "../governance/types/Tally.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {VotesBug} from "./VotesBug.sol";

/// @title BrokenSpokeVotes: SpokeVotes with one bug, to prove that the tests find it
contract BrokenSpokeVotes is SpokeVotes {
    VotesBug private immutable _BUG;

    constructor(IMetalayer gateway, IVotes era, uint256 hubChainId, VotesBug bug)
        SpokeVotes(gateway, era, hubChainId)
    {
        _BUG = bug;
    }

    function _weight(address voter, uint48 snapshot) internal view override returns (uint256) {
        return _BUG == VotesBug.WeightOfNow ? TOKEN.getVotes(voter) : super._weight(voter, snapshot);
    }

    function _left(address voter, uint256 proposalId, uint48 snapshot) internal view override returns (uint256) {
        if (_BUG == VotesBug.PartsOfTheWhole) return _weight(voter, snapshot);
        return super._left(voter, proposalId, snapshot);
    }

    function _hashBallot(uint256 proposalId, uint48 snapshot, uint8 support, address voter, uint256 nonce)
        internal
        view
        override
        returns (bytes32)
    {
        return super._hashBallot(proposalId, _signed(snapshot), support, voter, nonce);
    }

    function _hashFractionalBallot(
        uint256 proposalId,
        uint48 snapshot,
        Tally calldata votes,
        address voter,
        uint256 nonce
    ) internal view override returns (bytes32) {
        return super._hashFractionalBallot(proposalId, _signed(snapshot), votes, voter, nonce);
    }

    function _signed(uint48 snapshot) private view returns (uint48) {
        return _BUG == VotesBug.SnapshotNotSigned ? 0 : snapshot;
    }
}
