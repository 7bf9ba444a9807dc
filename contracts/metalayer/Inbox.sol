// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {Notices} from "./Notices.sol";
import {Routes} from "./Routes.sol";
import {ValidatorSets} from "./ValidatorSets.sol";
import {Erc7930} from "./libraries/Erc7930.sol";
import {Facts} from "./libraries/Facts.sol";
import {Messages} from "./libraries/Messages.sol";
import {RecipientCall} from "./libraries/RecipientCall.sol";
import {Attestation} from "./types/Attestation.sol";
import {Batch} from "./types/Batch.sol";
import {Message} from "./types/Message.sol";
import {MessageStatus} from "./types/MessageStatus.sol";
import {Route} from "./types/Route.sol";

/// @title Inbox
/// @notice See {IInbox}.
abstract contract Inbox is IInbox, ValidatorSets, Routes, Notices, ReentrancyGuardTransient {
    /// @dev All that a delivery reads and writes about one direction: two words. `open` repeats the route's `inbound`,
    /// so that a delivery does not have to read the route.
    struct InboxLane {
        bytes32 head;
        uint64 nonce;
        uint64 pausedUntil;
        bool open;
    }

    struct Undelivered {
        MessageStatus status;
        uint64 noticeNonce;
    }

    /// @dev In gwei of ERA. Wide enough for any number of messages with the highest fee that a lying chain can state.
    struct Earnings {
        uint128 earned;
        uint128 claimed;
        uint64 claimNonce;
    }

    /// @dev Where a lane was left when a restart was followed, and the place of the notice of that in the lane back.
    struct FollowedRestart {
        uint64 lastNonce;
        uint64 noticeNonce;
        bytes32 lastHead;
    }

    /// @notice Longest pause, and shortest time from its end to the next pause of the same direction, in seconds.
    uint64 public constant MAX_PAUSE = 3 days;
    uint64 public constant COOL_DOWN = 3 days;

    /// @inheritdoc IInbox
    mapping(bytes32 id => Undelivered) public messageStatus;

    mapping(uint256 origin => InboxLane) private _inboxLanes;
    mapping(uint256 origin => mapping(address relayer => Earnings)) private _earnings;
    mapping(uint256 origin => mapping(uint64 nonce => FollowedRestart)) private _followed;

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
        bytes memory sender = Erc7930.encode(origin, address(0));
        require(
            _execute(id, sender, message, message.recipient, message.gasLimit, type(uint256).max), RetryFailed(id)
        );
        _earn(origin, message.fee.returnPart());
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
        bytes32 returnPart = bytes32(uint256(message.fee.returnPart()));
        uint64 noticeNonce = _sendNotice(origin, Kind.Return, id, expired, returnPart);
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
        uint64 noticeNonce =
            _sendNotice(origin, Kind.Claim, relayer, bytes32(uint256(total)), bytes32(uint256(carriage)));
        own.claimNonce = noticeNonce;
        emit ClaimSent(origin, msg.sender, total, noticeNonce);
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
        uint64 lastNonce = lane.nonce;
        require(nonce > lastNonce, RestartNotAhead(origin, nonce, lastNonce));
        bytes32 lastHead = _headOf(lane, origin);
        lane.nonce = nonce;
        lane.head = Messages.genesis(NETWORK_ID, origin, block.chainid, nonce);
        emit RestartFollowed(origin, nonce, lastNonce, lastHead);
        FollowedRestart storage left = _followed[origin][nonce];
        left.lastNonce = lastNonce;
        left.lastHead = lastHead;
        left.noticeNonce = _sendRestartNotice(origin, nonce, lastNonce, lastHead);
    }

    /// @inheritdoc IInbox
    function noticeRestart(uint256 origin, uint64 nonce) external nonReentrant {
        FollowedRestart storage left = _followed[origin][nonce];
        uint64 last = left.noticeNonce;
        require(last != 0 && _mayBeLost(origin, last), RestartNoticeNotLost(origin, nonce, last));
        left.noticeNonce = _sendRestartNotice(origin, nonce, left.lastNonce, left.lastHead);
    }

    /// @inheritdoc IInbox
    function pauseInbound(uint256 origin, uint64 duration) external {
        require(msg.sender == guardian, NotGuardian(msg.sender));
        require(duration != 0 && duration <= MAX_PAUSE, InvalidPause(duration, MAX_PAUSE));
        InboxLane storage lane = _inboxLanes[origin];
        uint64 last = lane.pausedUntil;
        uint64 earliest = last == 0 ? 0 : last + COOL_DOWN;
        require(block.timestamp >= earliest, CoolingDown(origin, earliest));
        _pause(lane, origin, uint64(block.timestamp) + duration);
    }

    /// @inheritdoc IInbox
    function unpauseInbound(uint256 origin) external {
        require(msg.sender == guardian || msg.sender == owner(), NotGuardian(msg.sender));
        InboxLane storage lane = _inboxLanes[origin];
        require(block.timestamp < lane.pausedUntil, NotPaused(origin));
        _pause(lane, origin, uint64(block.timestamp));
    }

    /// @inheritdoc IInbox
    function inboxLane(uint256 origin) external view returns (uint64 nonce, bytes32 head) {
        InboxLane storage lane = _inboxLanes[origin];
        return (lane.nonce, _headOf(lane, origin));
    }

    /// @inheritdoc IInbox
    function pausedUntil(uint256 origin) external view returns (uint64) {
        return _inboxLanes[origin].pausedUntil;
    }

    /// @inheritdoc IInbox
    function earnings(uint256 origin, address relayer) external view returns (uint256 earned, uint256 claimed) {
        Earnings storage own = _earnings[origin][relayer];
        return (own.earned, own.claimed);
    }

    function _onRouteSet(uint256 chainId, Route calldata newRoute) internal override {
        _inboxLanes[chainId].open = newRoute.inbound;
    }

    function _checkPause(uint256 origin, uint64 until) internal view virtual {
        require(block.timestamp >= until, RoutePaused(origin, until));
    }

    /// @dev A message can be returned only after this second, so that retry and return are never both possible.
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
        // `last` is a sum of three numbers below 2^64. For an empty batch it may wrap around below zero: then it is the
        // highest number there is, and refused because it exceeds the highest nonce.
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
            bytes memory sender = Erc7930.encode(origin, address(0));
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

    /// @return earned What the relayer earns for the message, in gwei: less than 2^65.
    function _firstAttempt(
        bytes32 id,
        uint256 origin,
        uint64 nonce,
        bytes memory sender,
        Message calldata message
    ) private returns (uint256 earned) {
        address recipient = message.recipient;
        if (recipient == address(this) && message.sender == address(this)) {
            _receiveNotice(origin, message.payload, msg.sender);
            emit MessageDelivered(id, origin, nonce);
            return 0;
        }
        bool expired = _isExpired(message.deliverBefore);
        uint64 gasLimit = message.gasLimit;
        if (!expired && _execute(id, sender, message, recipient, gasLimit, gasLimit)) {
            emit MessageDelivered(id, origin, nonce);
            return message.fee.total();
        }
        messageStatus[id].status = expired ? MessageStatus.Expired : MessageStatus.Failed;
        emit MessageFailed(id, origin, nonce, expired);
        return expired ? message.fee.basePart() : message.fee.relayPart();
    }

    function _sendRestartNotice(uint256 origin, uint64 nonce, uint64 lastNonce, bytes32 lastHead)
        private
        returns (uint64)
    {
        return _sendNotice(
            origin, Kind.Restart, bytes32(uint256(nonce)), bytes32(uint256(lastNonce)), lastHead
        );
    }

    function _pause(InboxLane storage lane, uint256 origin, uint64 until) private {
        lane.pausedUntil = until;
        emit InboundPaused(origin, until);
    }

    function _earn(uint256 origin, uint256 amount) private {
        if (amount != 0) _earnings[origin][msg.sender].earned += uint128(amount);
    }

    /// @param sender ERC-7930 address of any account on the origin; its account is replaced.
    /// @dev Reading the code first makes the recipient's account warm, as {RecipientCall} expects.
    function _execute(
        bytes32 id,
        bytes memory sender,
        Message calldata message,
        address recipient,
        uint64 gasLimit,
        uint256 gasForwarded
    ) private returns (bool accepted) {
        if (recipient.code.length == 0) return false;
        Erc7930.replace(sender, message.sender);
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
