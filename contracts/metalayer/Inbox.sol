// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Batch, IInbox, MessageStatus} from "../interfaces/IInbox.sol";
import {GatewayMessages} from "./GatewayMessages.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Attestation, Attestations, ValidatorSet} from "./libraries/Attestations.sol";
import {Facts} from "./libraries/Facts.sol";
import {Message, Messages} from "./libraries/Messages.sol";
import {RecipientCall} from "./libraries/RecipientCall.sol";
import {Routes} from "./Routes.sol";

/// @title Inbox
/// @notice See {IInbox}.
abstract contract Inbox is IInbox, Routes, GatewayMessages, ReentrancyGuardTransient {
    using Attestations for Attestation;
    using Attestations for ValidatorSet;

    struct Undelivered {
        MessageStatus status;
        uint64 noticeNonce;
    }

    /// @dev In gwei of ERA. Wide enough for any number of the highest fees that a lying chain can name.
    struct Earnings {
        uint128 earned;
        uint128 claimed;
        uint64 claimNonce;
    }

    /// @dev Where a lane was left for a restart, and where the notice of that stands.
    struct FollowedRestart {
        uint64 lastNonce;
        uint64 noticeNonce;
        bytes32 lastHead;
    }

    bytes32 private immutable _DOMAIN_SEPARATOR;

    /// @inheritdoc IInbox
    bytes32 public validatorSetHash;
    /// @inheritdoc IInbox
    mapping(bytes32 id => Undelivered) public messageStatus;

    mapping(uint256 origin => mapping(address relayer => Earnings)) private _earnings;
    mapping(uint256 origin => mapping(uint64 nonce => FollowedRestart)) private _followed;

    constructor(ValidatorSet memory validatorSet) {
        // Every chain uses the hub's id, so that one signature serves the whole network.
        _DOMAIN_SEPARATOR = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), NETWORK_ID, address(this), bytes32(0)
        );
        _install(validatorSet);
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
        MessageStatus status = messageStatus[id].status;
        require(status == MessageStatus.Failed, MessageNotFailed(id, status));
        _checkRetryTime(id, message.deliverBefore);
        messageStatus[id].status = MessageStatus.None;
        bytes memory sender = Accounts.form(origin, address(0));
        require(
            _execute(id, sender, message, message.recipient, message.gasLimit, type(uint256).max), RetryFailed(id)
        );
        _earn(origin, message.fee.back());
        emit MessageDelivered(id, origin, nonce);
    }

    /// @inheritdoc IInbox
    function returnToSender(uint256 origin, uint64 nonce, Message calldata message) external nonReentrant {
        bytes32 id = Messages.id(message, NETWORK_ID, origin, block.chainid, nonce);
        _checkReturnTime(id, message.deliverBefore);
        Undelivered storage undelivered = messageStatus[id];
        MessageStatus status = undelivered.status;
        uint64 last = undelivered.noticeNonce;
        require(
            status != MessageStatus.None && (last == 0 || _mayBeLost(origin, last)),
            MessageNotReturnable(id, status, last)
        );
        bytes32 expired = bytes32(uint256(status == MessageStatus.Expired ? 1 : 0));
        bytes32 returnPart = bytes32(uint256(message.fee.back()));
        uint64 noticeNonce = _sendGatewayMessage(origin, Kind.Return, id, expired, returnPart);
        undelivered.noticeNonce = noticeNonce;
        emit ReturnSent(id, origin, nonce, noticeNonce);
    }

    /// @inheritdoc IInbox
    function claim(uint256 origin) external nonReentrant {
        Earnings storage own = _earnings[origin][msg.sender];
        uint128 total = own.earned;
        uint256 unclaimed = total - (_mayBeLost(origin, own.claimNonce) ? 0 : own.claimed);
        uint64 carriage = _carriage(origin);
        require(unclaimed > carriage, NothingToClaim(origin, msg.sender, unclaimed, carriage));
        own.claimed = total;
        bytes32 relayer = bytes32(uint256(uint160(msg.sender)));
        uint64 noticeNonce = _sendGatewayMessage(
            origin, Kind.Claim, relayer, bytes32(uint256(total)), bytes32(uint256(carriage))
        );
        own.claimNonce = noticeNonce;
        emit ClaimSent(origin, msg.sender, total, noticeNonce);
    }

    /// @inheritdoc IInbox
    function rotate(Attestation calldata attestation, ValidatorSet calldata next, bytes32[] calldata proof) external {
        _checkAttestation(attestation);
        ValidatorSet calldata present = attestation.validatorSet;
        _checkNewer(next, present);
        _checkFact(proof, attestation.root, Facts.validatorSet(next.version, next.hashCalldata()));
        _install(next);
    }

    /// @inheritdoc IInbox
    function followRestart(
        Attestation calldata attestation,
        uint256 origin,
        uint64 nonce,
        bytes32[] calldata proof
    ) external nonReentrant {
        _checkAttestation(attestation);
        _checkFact(proof, attestation.root, Facts.restart(origin, block.chainid, nonce));
        InboxLane storage lane = _inboxLanes[origin];
        FollowedRestart storage left = _followed[origin][nonce];
        uint64 laneNonce = lane.nonce;
        if (nonce > laneNonce) {
            left.lastNonce = laneNonce;
            left.lastHead = _headOf(lane, origin);
            lane.nonce = nonce;
            lane.head = Messages.genesis(NETWORK_ID, origin, block.chainid, nonce);
            emit RestartFollowed(origin, nonce, laneNonce, left.lastHead);
        } else {
            uint64 last = left.noticeNonce;
            require(last != 0 && _mayBeLost(origin, last), RestartNotAhead(origin, nonce, laneNonce));
        }
        left.noticeNonce = _sendGatewayMessage(
            origin,
            Kind.Restart,
            bytes32(uint256(nonce)),
            bytes32(uint256(left.lastNonce)),
            left.lastHead
        );
    }

    /// @inheritdoc IInbox
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head) {
        InboxLane storage lane = _inboxLanes[origin];
        return (lane.nonce, _headOf(lane, origin));
    }

    /// @inheritdoc IInbox
    function earnings(uint256 origin, address relayer) external view returns (uint256 earned, uint256 claimed) {
        Earnings storage own = _earnings[origin][relayer];
        return (own.earned, own.claimed);
    }

    function _install(ValidatorSet memory validatorSet) private {
        validatorSet.check();
        bytes32 setHash = validatorSet.hash();
        validatorSetHash = setHash;
        emit ValidatorSetInstalled(validatorSet.version, validatorSet.expires, setHash, validatorSet.validators);
    }

    function _checkAttestation(Attestation calldata attestation) internal view virtual {
        ValidatorSet calldata set = attestation.validatorSet;
        (uint64 version, uint64 expires, bytes32[] calldata validators) =
            (set.version, set.expires, set.validators);
        bytes32 given = Attestations.hashParts(version, expires, validators);
        bytes32 installed = validatorSetHash;
        require(given == installed, UnknownValidatorSet(given, installed));
        Attestations.checkExpiry(version, expires);
        attestation.checkQuorum(validators, _DOMAIN_SEPARATOR);
    }

    function _checkNewer(ValidatorSet calldata next, ValidatorSet calldata present) internal view virtual {
        require(
            next.version > present.version && next.expires > present.expires,
            SetNotNewer(next.version, next.expires, present.version, present.expires)
        );
    }

    function _checkPause(uint256 origin, uint64 until) internal view virtual {
        require(block.timestamp >= until, RoutePaused(origin, until));
    }

    /// @dev A message that goes back to its sender is past this second, so that only one of both is ever possible.
    function _checkRetryTime(bytes32 id, uint64 deliverBefore) internal view virtual {
        require(block.timestamp <= deliverBefore, MessageExpired(id, deliverBefore));
    }

    function _checkReturnTime(bytes32 id, uint64 deliverBefore) internal view virtual {
        require(block.timestamp > deliverBefore, MessageNotExpired(id, deliverBefore));
    }

    /// @dev Whether it is too late for the first attempt.
    function _isExpired(uint64 deliverBefore) internal view virtual returns (bool) {
        return block.timestamp > deliverBefore;
    }

    /// @dev Gas that must be left before a recipient is called.
    function _requiredGas(uint64 gasLimit) internal view virtual returns (uint256) {
        return RecipientCall.required(gasLimit);
    }

    function _checkFact(bytes32[] calldata proof, bytes32 root, bytes32 leaf) private pure {
        require(Facts.root(proof, leaf) == root, FactNotProven(root, leaf));
    }

    function _deliverBatch(bytes32 root, Batch calldata batch) private {
        uint256 origin = batch.origin;
        InboxLane storage lane = _inboxLanes[origin];
        uint64 nonce = lane.nonce;
        if (!lane.open) revert RouteClosed(origin);
        _checkPause(origin, lane.pausedUntil);

        Message[] calldata messages = batch.messages;
        bytes32[] calldata ids = batch.ids;
        uint256 count = messages.length;
        uint256 first = batch.first;
        // Sums of three numbers of 64 bits; one below zero is beyond everything.
        unchecked {
            uint256 last = first + count + ids.length - 1;
            if (last <= nonce) return;
            uint256 next = uint256(nonce) + 1;
            require(
                first != 0 && first <= next && last <= type(uint64).max,
                LaneGap(origin, uint64(first), uint64(next))
            );

            uint256 known = next - first;
            bytes32 head = _headOf(lane, origin);
            bytes32[] memory executing = new bytes32[](count);
            for (uint256 i = known; i < count; ++i) {
                bytes32 id = Messages.id(messages[i], NETWORK_ID, origin, block.chainid, first + i);
                executing[i] = id;
                head = Messages.extend(head, id);
            }
            bytes32 end = Messages.follow(head, ids, known > count ? known - count : 0);
            _checkHead(origin, last, end, batch.proof, root);
            if (known >= count) return;

            // The whole lane state moves before the first recipient is called.
            lane.nonce = uint64(first + count - 1);
            lane.head = head;
            bytes memory sender = Accounts.form(origin, address(0));
            uint256 earned;
            for (uint256 i = known; i < count; ++i) {
                earned += _firstAttempt(executing[i], origin, uint64(first + i), sender, messages[i]);
            }
            _earn(origin, earned);
        }
    }

    function _checkHead(uint256 origin, uint256 nonce, bytes32 head, bytes32[] calldata proof, bytes32 root)
        internal
        view
        virtual
    {
        bytes32 leaf = Facts.lane(origin, block.chainid, nonce, head);
        require(Facts.root(proof, leaf) == root, HeadNotProven(origin, uint64(nonce), head));
    }

    /// @return earned What the relayer earns for it, in gwei: less than 2^65.
    function _firstAttempt(
        bytes32 id,
        uint256 origin,
        uint64 nonce,
        bytes memory sender,
        Message calldata message
    ) private returns (uint256 earned) {
        address recipient = message.recipient;
        if (recipient == address(this) && message.sender == address(this)) {
            _receiveGatewayMessage(origin, message.payload, msg.sender);
            emit MessageDelivered(id, origin, nonce);
            return 0;
        }
        bool expired = _isExpired(message.deliverBefore);
        uint64 gasLimit = message.gasLimit;
        if (!expired && _execute(id, sender, message, recipient, gasLimit, gasLimit)) {
            emit MessageDelivered(id, origin, nonce);
            return message.fee.whole();
        }
        messageStatus[id].status = expired ? MessageStatus.Expired : MessageStatus.Failed;
        emit MessageFailed(id, origin, nonce, expired);
        return expired ? message.fee.base() : message.fee.relay();
    }

    function _earn(uint256 origin, uint256 amount) private {
        if (amount != 0) _earnings[origin][msg.sender].earned += uint128(amount);
    }

    /// @param sender ERC-7930 form of any account on the origin.
    /// @dev Reading the code first makes the account warm, as {RecipientCall} expects.
    function _execute(
        bytes32 id,
        bytes memory sender,
        Message calldata message,
        address recipient,
        uint64 gasLimit,
        uint256 gasForwarded
    ) private returns (bool accepted) {
        if (recipient.code.length == 0) return false;
        Accounts.set(sender, message.sender);
        uint256 required = _requiredGas(gasLimit);
        uint256 available;
        (available, accepted) =
            RecipientCall.attempt(recipient, required, gasForwarded, id, sender, message.payload);
        require(available >= required, InsufficientGas(id, available, required));
    }

    function _headOf(InboxLane storage lane, uint256 origin) private view returns (bytes32 head) {
        head = lane.head;
        if (head == bytes32(0)) head = Messages.genesis(NETWORK_ID, origin, block.chainid, 0);
    }
}
