// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Batch, IInbox} from "../interfaces/IInbox.sol";
import {Attestation, Attestations, ValidatorSet} from "./libraries/Attestations.sol";
import {Facts} from "./libraries/Facts.sol";
import {Message, Messages} from "./libraries/Messages.sol";
import {RecipientCall} from "./libraries/RecipientCall.sol";
import {Routes} from "./Routes.sol";

/// @title Inbox
/// @notice See {IInbox}.
abstract contract Inbox is IInbox, Routes, ReentrancyGuardTransient {
    using Attestations for Attestation;
    using Attestations for ValidatorSet;
    using Bytes for bytes;

    struct InboxLane {
        bytes32 head;
        uint64 nonce;
    }

    bytes32 private immutable _DOMAIN_SEPARATOR;

    /// @inheritdoc IInbox
    bytes32 public validatorSetHash;
    /// @inheritdoc IInbox
    mapping(bytes32 id => bool) public failed;

    mapping(uint256 origin => InboxLane) private _lanes;

    constructor(ValidatorSet memory validatorSet) {
        // Every chain uses the hub's id, so that one signature serves the whole network.
        _DOMAIN_SEPARATOR = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), NETWORK_ID, address(this), bytes32(0)
        );
        validatorSet.check();
        bytes32 setHash = validatorSet.hash();
        validatorSetHash = setHash;
        emit ValidatorSetInstalled(validatorSet.version, validatorSet.expires, setHash, validatorSet.validators);
    }

    /// @inheritdoc IInbox
    function deliver(Attestation calldata attestation, Batch[] calldata batches) external nonReentrant {
        _checkAttestation(attestation);
        for (uint256 i; i < batches.length; ++i) {
            _deliverBatch(attestation.root, batches[i]);
        }
    }

    /// @inheritdoc IInbox
    function retry(uint256 origin, uint64 nonce, Message calldata message) external nonReentrant {
        bytes32 id = Messages.id(message, NETWORK_ID, origin, block.chainid, nonce);
        require(failed[id], MessageNotFailed(id));
        require(block.timestamp <= message.deliverBefore, MessageExpired(id, message.deliverBefore));
        failed[id] = false;
        require(_execute(id, _senderPrefix(origin), message, type(uint256).max), RetryFailed(id));
        emit MessageDelivered(id, origin, nonce);
    }

    /// @inheritdoc IInbox
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head) {
        InboxLane storage lane = _lanes[origin];
        nonce = lane.nonce;
        head = nonce == 0 ? Messages.genesis(NETWORK_ID, origin, block.chainid, 0) : lane.head;
    }

    function _checkAttestation(Attestation calldata attestation) private view {
        ValidatorSet calldata set = attestation.validatorSet;
        bytes32 given = set.hashCalldata();
        bytes32 installed = validatorSetHash;
        require(given == installed, UnknownValidatorSet(given, installed));
        Attestations.checkExpiry(set.version, set.expires);
        attestation.checkQuorum(_DOMAIN_SEPARATOR);
    }

    function _deliverBatch(bytes32 root, Batch calldata batch) private {
        uint256 origin = batch.origin;
        require(_route(origin).inbound, RouteClosed(origin));
        InboxLane storage lane = _lanes[origin];
        uint64 nonce = lane.nonce;
        if (batch.nonce <= nonce) return;

        uint256 first = batch.first;
        uint256 count = batch.messages.length;
        require(first != 0 && first <= nonce + 1, LaneGap(origin, batch.first, nonce + 1));
        uint256 last = first + count + batch.ids.length - 1;
        require(last == batch.nonce, BatchLengthMismatch(origin, last, batch.nonce));
        bytes32 leaf = Facts.lane(origin, block.chainid, batch.nonce, batch.head);
        require(MerkleProof.verifyCalldata(batch.proof, root, leaf), FactNotProven(root, leaf));

        uint256 known = nonce + 1 - first;
        bytes32 head = nonce == 0 ? Messages.genesis(NETWORK_ID, origin, block.chainid, 0) : lane.head;
        bytes32[] memory executing = new bytes32[](count);
        for (uint256 i = known; i < count; ++i) {
            executing[i] = Messages.id(batch.messages[i], NETWORK_ID, origin, block.chainid, first + i);
            head = Messages.extend(head, executing[i]);
        }
        _checkHead(batch, head, known > count ? known - count : 0);
        if (known >= count) return;

        // The whole lane state moves before the first recipient is called.
        lane.nonce = uint64(first + count - 1);
        lane.head = head;
        bytes memory senderPrefix = _senderPrefix(origin);
        for (uint256 i = known; i < count; ++i) {
            _firstAttempt(executing[i], origin, uint64(first + i), senderPrefix, batch.messages[i]);
        }
    }

    /// @dev Follows the ids from `start` on and compares where they lead with the signed head.
    function _checkHead(Batch calldata batch, bytes32 head, uint256 start) private pure {
        for (uint256 i = start; i < batch.ids.length; ++i) {
            head = Messages.extend(head, batch.ids[i]);
        }
        require(head == batch.head, HeadMismatch(batch.origin, head, batch.head));
    }

    function _firstAttempt(
        bytes32 id,
        uint256 origin,
        uint64 nonce,
        bytes memory senderPrefix,
        Message calldata message
    ) private {
        bool expired = block.timestamp > message.deliverBefore;
        if (!expired && _execute(id, senderPrefix, message, message.gasLimit)) {
            emit MessageDelivered(id, origin, nonce);
        } else {
            failed[id] = true;
            emit MessageFailed(id, origin, nonce, expired);
        }
    }

    /// @dev Reading the code first makes the account warm, as {RecipientCall} expects.
    function _execute(bytes32 id, bytes memory senderPrefix, Message calldata message, uint256 gasForwarded)
        private
        returns (bool accepted)
    {
        if (message.recipient.code.length == 0) return false;
        bytes memory data = abi.encodeCall(
            IERC7786Recipient.receiveMessage, (id, abi.encodePacked(senderPrefix, message.sender), message.payload)
        );
        uint256 required = RecipientCall.required(message.gasLimit);
        uint256 available;
        (available, accepted) = RecipientCall.attempt(message.recipient, required, gasForwarded, data);
        require(available >= required, InsufficientGas(id, available, required));
    }

    /// @dev ERC-7930 form of an account on `origin`, without the account's 20 bytes: the same for a whole lane.
    function _senderPrefix(uint256 origin) private pure returns (bytes memory prefix) {
        prefix = InteroperableAddress.formatEvmV1(origin, address(0));
        return prefix.slice(0, prefix.length - 20);
    }
}
