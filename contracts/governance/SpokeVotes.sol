// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ISpokeVotes} from "../interfaces/ISpokeVotes.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Tally} from "./types/Tally.sol";

/// @title SpokeVotes
/// @notice See {ISpokeVotes}.
contract SpokeVotes is ISpokeVotes, MetalayerClient, EIP712, NoncesKeyed {
    struct Ballot {
        Tally tally;
        mapping(address voter => uint256) used;
    }

    /// @notice Gas limit of a tally's message.
    uint256 public constant TALLY_GAS_LIMIT = 120_000;
    /// @notice Gas limit for one that comes back: its unspent fee goes to who paid it.
    uint256 public constant RETURN_GAS_LIMIT = 100_000;

    bytes32 private constant BALLOT_TYPEHASH =
        keccak256("Ballot(uint256 proposalId,uint48 snapshot,uint8 support,address voter,uint256 nonce)");
    bytes32 private constant FRACTIONAL_BALLOT_TYPEHASH = keccak256(
        "FractionalBallot(uint256 proposalId,uint48 snapshot,uint128 against,uint128 inFavour,uint128 abstain,"
        "address voter,uint256 nonce)"
    );
    uint256 private constant PAYLOAD_LENGTH = 192;

    /// @notice ERA, whose votes count.
    IVotes public immutable TOKEN;
    /// @notice Chain id of the hub, where tallies go.
    uint256 public immutable HUB_CHAIN_ID;

    mapping(uint256 proposalId => mapping(uint48 snapshot => Ballot)) private _ballots;

    /// @param gateway The Metalayer of this chain.
    /// @param era ERA.
    /// @param hubChainId Chain of the governor.
    constructor(IMetalayer gateway, IVotes era, uint256 hubChainId)
        MetalayerClient(gateway)
        EIP712("SpokeVotes", "1")
    {
        TOKEN = era;
        HUB_CHAIN_ID = hubChainId;
    }

    /// @inheritdoc ISpokeVotes
    function castVote(uint256 proposalId, uint48 snapshot, uint8 support) external returns (uint256 weight) {
        return _castWhole(msg.sender, proposalId, snapshot, support);
    }

    /// @inheritdoc ISpokeVotes
    function castFractionalVote(uint256 proposalId, uint48 snapshot, Tally calldata votes) external {
        _castParts(msg.sender, proposalId, snapshot, votes);
    }

    /// @inheritdoc ISpokeVotes
    function castVoteBySig(
        uint256 proposalId,
        uint48 snapshot,
        uint8 support,
        address voter,
        bytes calldata signature
    ) external returns (uint256 weight) {
        uint256 nonce = _useNonce(voter, uint192(proposalId));
        _checkSignature(voter, _hashBallot(proposalId, snapshot, support, voter, nonce), signature);
        return _castWhole(voter, proposalId, snapshot, support);
    }

    /// @inheritdoc ISpokeVotes
    function castFractionalVoteBySig(
        uint256 proposalId,
        uint48 snapshot,
        Tally calldata votes,
        address voter,
        bytes calldata signature
    ) external {
        uint256 nonce = _useNonce(voter, uint192(proposalId));
        _checkSignature(voter, _hashFractionalBallot(proposalId, snapshot, votes, voter, nonce), signature);
        _castParts(voter, proposalId, snapshot, votes);
    }

    /// @inheritdoc ISpokeVotes
    function sendTally(uint256 proposalId, uint48 snapshot) external returns (bytes32 messageId) {
        Tally memory sum = _ballots[proposalId][snapshot].tally;
        require(sum.total() != 0, EmptyTally(proposalId, snapshot));
        bytes memory payload = abi.encode(proposalId, snapshot, sum, msg.sender);
        bytes[] memory attributes = Attributes.encode(TALLY_GAS_LIMIT, RETURN_GAS_LIMIT, msg.sender);
        messageId = _sendMessage(HUB_CHAIN_ID, address(this), payload, attributes);
        // The id is the gateway's, which calls nobody here.
        // slither-disable-next-line reentrancy-events
        emit TallySent(proposalId, snapshot, messageId, sum);
    }

    /// @inheritdoc ISpokeVotes
    function quoteTally() external view returns (uint256) {
        return GATEWAY.quote(HUB_CHAIN_ID, TALLY_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH);
    }

    /// @inheritdoc ISpokeVotes
    function tally(uint256 proposalId, uint48 snapshot) external view returns (Tally memory) {
        return _ballots[proposalId][snapshot].tally;
    }

    /// @inheritdoc ISpokeVotes
    function usedVotes(uint256 proposalId, uint48 snapshot, address voter) external view returns (uint256) {
        return _ballots[proposalId][snapshot].used[voter];
    }

    /// @notice Separator of the domain in which votes are signed (EIP-712).
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @dev Nobody tells this contract anything.
    function _isAuthorizedSender(uint256, address) internal pure override returns (bool) {
        return false;
    }

    function _onMessageReceived(bytes32, uint256, address, bytes calldata) internal override {}

    /// @dev The tally is still here: whoever wants sends it again. What is left of the fee goes back to who paid it.
    function _onMessageReturned(bytes32, uint256, Message calldata message, uint256 unspent) internal override {
        (,,, address payer) = abi.decode(message.payload, (uint256, uint48, Tally, address));
        _withdrawCredit(payer, unspent);
    }

    /// @dev Votes of an account at a full hour that has passed: no second of it can change any more.
    function _weight(address voter, uint48 snapshot) internal view virtual returns (uint256) {
        require(snapshot % 1 hours == 0 && snapshot < block.timestamp, InvalidSnapshot(snapshot));
        return TOKEN.getPastVotes(voter, snapshot);
    }

    /// @dev What an account may still vote with.
    function _left(address voter, uint256 proposalId, uint48 snapshot) internal view virtual returns (uint256) {
        return _weight(voter, snapshot) - _ballots[proposalId][snapshot].used[voter];
    }

    function _hashBallot(uint256 proposalId, uint48 snapshot, uint8 support, address voter, uint256 nonce)
        internal
        view
        virtual
        returns (bytes32)
    {
        return keccak256(abi.encode(BALLOT_TYPEHASH, proposalId, snapshot, support, voter, nonce));
    }

    function _hashFractionalBallot(
        uint256 proposalId,
        uint48 snapshot,
        Tally calldata votes,
        address voter,
        uint256 nonce
    ) internal view virtual returns (bytes32) {
        return keccak256(abi.encode(FRACTIONAL_BALLOT_TYPEHASH, proposalId, snapshot, votes, voter, nonce));
    }

    function _checkSignature(address voter, bytes32 ballot, bytes calldata signature) private view {
        bytes32 digest = _hashTypedDataV4(ballot);
        require(SignatureChecker.isValidSignatureNowCalldata(voter, digest, signature), InvalidSignature(voter));
    }

    function _castWhole(address voter, uint256 proposalId, uint48 snapshot, uint8 support)
        private
        returns (uint256 weight)
    {
        weight = _left(voter, proposalId, snapshot);
        uint128 votes = SafeCast.toUint128(weight);
        Tally memory added;
        if (support == 0) added.against = votes;
        else if (support == 1) added.inFavour = votes;
        else if (support == 2) added.abstain = votes;
        else revert InvalidVoteType(support);
        _count(voter, proposalId, snapshot, added, weight);
    }

    function _castParts(address voter, uint256 proposalId, uint48 snapshot, Tally memory added) private {
        uint256 left = _left(voter, proposalId, snapshot);
        uint256 votes = added.total();
        require(votes <= left, VotesExceeded(voter, votes, left));
        _count(voter, proposalId, snapshot, added, votes);
    }

    function _count(address voter, uint256 proposalId, uint48 snapshot, Tally memory added, uint256 votes) private {
        require(votes != 0, NoVotes(voter, snapshot));
        Ballot storage ballot = _ballots[proposalId][snapshot];
        ballot.used[voter] += votes;
        // What a part does not add to, it does not read either: most votes are of one kind.
        if (added.against != 0) ballot.tally.against += added.against;
        if (added.inFavour != 0) ballot.tally.inFavour += added.inFavour;
        if (added.abstain != 0) ballot.tally.abstain += added.abstain;
        emit VoteCast(voter, proposalId, snapshot, added.against, added.inFavour, added.abstain);
    }
}
