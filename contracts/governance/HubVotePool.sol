// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IEraGovernor} from "../interfaces/IEraGovernor.sol";
import {IHubVotePool} from "../interfaces/IHubVotePool.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Tally} from "./types/Tally.sol";

/// @title HubVotePool
/// @notice See {IHubVotePool}.
contract HubVotePool is IHubVotePool, MetalayerClient {
    using SafeCast for uint256;

    /// @dev `said` is the newest tally of a chain as it arrived, `counted` what was cast for it, `epoch` that of the
    /// lane over which the tally came: see {ISettlement-laneEpoch}.
    struct Votes {
        Tally said;
        Tally counted;
        uint16 epoch;
    }

    /// @dev As the governor calls votes whose parts are given.
    uint8 private constant FRACTIONAL = 255;

    /// @notice Where the votes are cast.
    IEraGovernor public immutable GOVERNOR;
    /// @notice Knows how much ERA was on each chain.
    ITokenBridge public immutable BRIDGE;

    mapping(uint256 proposalId => mapping(uint256 chainId => Votes)) internal _votes;

    /// @param gateway The Metalayer of the hub.
    /// @param governor The governor, in which this contract's weight is what `bridge` had outstanding.
    /// @param bridge The bridge of ERA.
    constructor(IMetalayer gateway, IEraGovernor governor, ITokenBridge bridge) MetalayerClient(gateway) {
        GOVERNOR = governor;
        BRIDGE = bridge;
    }

    /// @inheritdoc IHubVotePool
    function cast(uint256 proposalId, uint256 chainId) external {
        _checkTrusted(chainId);
        Votes storage votes = _votes[proposalId][chainId];
        require(_isOfEpoch(votes, chainId), TallyOutdated(proposalId, chainId));
        Tally memory counted = votes.counted;
        Tally memory added = _difference(votes.said, counted);
        if (_onlyObjections(proposalId)) (added.inFavour, added.abstain) = (0, 0);
        _cut(added, _cap(proposalId, chainId) - counted.total());
        require(added.total() != 0, NothingToCast(proposalId, chainId));
        votes.counted = Tally(
            counted.against + added.against, counted.inFavour + added.inFavour, counted.abstain + added.abstain
        );
        emit TallyCast(proposalId, chainId, added);
        bytes memory parts = abi.encodePacked(added.against, added.inFavour, added.abstain);
        // The governor returns the weight that is cast, which is known.
        // slither-disable-next-line unused-return
        GOVERNOR.castVoteWithReasonAndParams(proposalId, FRACTIONAL, "", parts);
    }

    /// @inheritdoc IHubVotePool
    function tally(uint256 proposalId, uint256 chainId) external view returns (Tally memory) {
        return _votes[proposalId][chainId].said;
    }

    /// @inheritdoc IHubVotePool
    function castOf(uint256 proposalId, uint256 chainId) external view returns (Tally memory) {
        return _votes[proposalId][chainId].counted;
    }

    /// @dev What is not kept is no fault of who brought it: it reverts for nothing but what is no tally at all.
    function _onMessageReceived(bytes32, uint256 origin, address, bytes calldata payload) internal override {
        (uint256 proposalId, uint48 snapshot, Tally memory said) = abi.decode(payload, (uint256, uint48, Tally));
        Votes storage votes = _votes[proposalId][origin];
        // What a chain said before its lane was restarted may be a lie: then it begins anew, at what was cast.
        bool isHigher = _isOfEpoch(votes, origin) ? _isHigher(said, votes.said) : _covers(said, votes.counted);
        if (!_isSnapshot(proposalId, snapshot) || !isHigher) {
            emit TallyIgnored(proposalId, origin, snapshot, said);
            return;
        }
        (votes.said, votes.epoch) = (said, GATEWAY.laneEpoch(origin));
        emit TallyReceived(proposalId, origin, said);
    }

    /// @dev Nothing is ever sent from here.
    function _onMessageReturned(bytes32, uint256, Message calldata, uint256) internal override {}

    /// @dev Whether a proposal has this snapshot. One that nobody made has none.
    function _isSnapshot(uint256 proposalId, uint48 snapshot) internal view virtual returns (bool) {
        return snapshot != 0 && snapshot == GOVERNOR.proposalSnapshot(proposalId);
    }

    /// @dev Tallies only grow on an honest chain. They may arrive in another order than they were sent.
    function _isHigher(Tally memory said, Tally memory kept) internal view virtual returns (bool) {
        return _covers(said, kept) && said.total() > kept.total();
    }

    /// @dev Whether a tally is no less than what was cast.
    function _covers(Tally memory said, Tally memory counted) internal pure returns (bool) {
        return said.against >= counted.against && said.inFavour >= counted.inFavour && said.abstain >= counted.abstain;
    }

    /// @dev Whether a tally came since the lane was restarted last.
    function _isOfEpoch(Votes storage votes, uint256 chainId) internal view virtual returns (bool) {
        return votes.epoch == GATEWAY.laneEpoch(chainId);
    }

    /// @dev What a closed or paused chain says may be a lie by now.
    function _checkTrusted(uint256 chainId) internal view virtual {
        bool paused = block.timestamp < GATEWAY.pausedUntil(chainId);
        require(GATEWAY.route(chainId).inbound && !paused, ChainNotTrusted(chainId));
    }

    /// @dev What a tally has more than was cast. What was cast is at most what was said, and that only grows.
    function _difference(Tally memory said, Tally memory counted) internal view virtual returns (Tally memory) {
        return Tally(
            said.against - counted.against, said.inFavour - counted.inFavour, said.abstain - counted.abstain
        );
    }

    /// @dev Whether a proposal has come to its old deadline, and its objections are open.
    function _onlyObjections(uint256 proposalId) internal view virtual returns (bool) {
        uint256 from = GOVERNOR.objectionsFrom(proposalId);
        return from != 0 && block.timestamp > from;
    }

    /// @dev The most that a chain counts: what was there at the snapshot.
    function _cap(uint256 proposalId, uint256 chainId) internal view virtual returns (uint256) {
        return BRIDGE.pastOutstanding(chainId, uint48(GOVERNOR.proposalSnapshot(proposalId)));
    }

    /// @dev Cuts all parts in the same measure, so that together they are no more than `left`.
    function _cut(Tally memory votes, uint256 left) internal view virtual {
        uint256 total = votes.total();
        if (total <= left) return;
        votes.against = Math.mulDiv(votes.against, left, total).toUint128();
        votes.inFavour = Math.mulDiv(votes.inFavour, left, total).toUint128();
        votes.abstain = Math.mulDiv(votes.abstain, left, total).toUint128();
    }
}
