// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {Annexed} from "./Annexed.sol";
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
import {LaneEpoch, originState} from "./types/OriginState.sol";

/// @title Inbox
/// @notice See {IInbox}.
abstract contract Inbox is Annexed, IInbox, Routes, Notices, ValidatorSets, ReentrancyGuardTransient {
    /// @dev All that a delivery reads and writes about one direction: two words. `open` is the inbound half of the
    /// route. From `pausableFrom` on, a new pause may begin: as long after the end of the last as that one was long, or
    /// `MIN_COOL_DOWN`.
    struct InboxLane {
        bytes32 head;
        uint64 nonce;
        uint64 pausedUntil;
        uint64 pausableFrom;
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

    /// @dev Longest pause of deliveries from a spoke, and from the hub, in seconds.
    uint64 internal constant MAX_PAUSE = 21 days;
    uint64 internal constant MAX_HUB_PAUSE = 3 days;
    /// @dev Shortest time between the end of a pause and the next, in seconds. A pause of one second, or one that
    /// ends in the block in which it begins, holds up a block: without this, one in each block would never end.
    uint64 internal constant MIN_COOL_DOWN = 1 hours;
    /// @dev Most by which a restart that is followed may raise a lane's nonce: more than an origin allows, also
    /// if several are followed in one step, and too little to exhaust the nonces with a forged one.
    uint64 internal constant MAX_FOLLOW_STEP = 1 << 40;

    /// @inheritdoc IInbox
    mapping(bytes32 id => Undelivered) public messageStatus;

    mapping(uint256 origin => InboxLane) private _inboxLanes;
    mapping(uint256 origin => mapping(address relayer => Earnings)) private _earnings;
    mapping(uint256 origin => mapping(uint64 nonce => FollowedRestart)) private _followed;

    /// @inheritdoc IInbox
    function deliver(Attestation calldata attestation, Batch[] calldata batches) external nonReentrant {
        _checkAttestation(attestation, 0);
        for (uint256 i; i < batches.length; ++i) {
            _deliverBatch(attestation.root, batches[i]);
        }
    }

    /// @inheritdoc IInbox
    function retry(uint256 origin, uint64 nonce, Message calldata message) external nonReentrant {
        bytes32 id = Messages.id(message, NETWORK_ID, origin, block.chainid, nonce);
        Undelivered storage undelivered = messageStatus[id];
        MessageStatus status = undelivered.status;
        require(status == MessageStatus.Failed, MessageNotFailed(id, status));
        _checkRetryTime(id, message.deliverBefore);
        require(undelivered.noticeNonce == 0, MessageReturning(id, undelivered.noticeNonce));
        undelivered.status = MessageStatus.None;
        if (_isNotice(message)) {
            _takeIn(id, origin, nonce, message);
            return;
        }
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
        uint64 stepPart = message.fee.stepPart();
        uint64 noticeNonce = _sendNotice(origin, Kind.Return, id, expired, bytes32(uint256(stepPart)));
        undelivered.noticeNonce = noticeNonce;
        // A notice that is sent again is sent for nothing: the message's fee pays for one.
        if (_isFirstReturn(last)) _earn(origin, stepPart);
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
        _checkAttestation(attestation, 0);
        _checkFact(proof, attestation.root, Facts.restart(origin, block.chainid, nonce));
        InboxLane storage lane = _inboxLanes[origin];
        uint64 lastNonce = lane.nonce;
        require(nonce > lastNonce, RestartNotAhead(origin, nonce, lastNonce));
        require(nonce - lastNonce <= MAX_FOLLOW_STEP, RestartTooFar(origin, nonce, lastNonce));
        bytes32 lastHead = _headOf(lane, origin);
        lane.nonce = nonce;
        lane.head = Messages.genesis(NETWORK_ID, origin, block.chainid, nonce);
        LaneEpoch storage epoch = originState().epochs[origin];
        // It wraps around: a chain that lies must not use the epochs up and so stop its lane for good.
        unchecked {
            ++epoch.number;
        }
        epoch.since = nonce;
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
        InboxLane storage lane = _inboxLanes[origin];
        uint64 present = uint64(block.timestamp);
        uint64 begun = present;
        if (present < lane.pausedUntil) begun = _pausedSince(lane);
        else require(present >= lane.pausableFrom, CoolingDown(origin, lane.pausableFrom));
        uint64 maximum = begun + (origin == NETWORK_ID ? MAX_HUB_PAUSE : MAX_PAUSE) - present;
        require(duration != 0 && duration <= maximum, InvalidPause(duration, maximum));
        // A pause that is running is never shortened: that is for `unpauseInbound`.
        if (present + duration > lane.pausedUntil) _pause(lane, origin, begun, present + duration);
    }

    /// @inheritdoc IInbox
    function unpauseInbound(uint256 origin) external onlyOwnerOrGuardian {
        InboxLane storage lane = _inboxLanes[origin];
        require(block.timestamp < lane.pausedUntil, NotPaused(origin));
        _pause(lane, origin, _pausedSince(lane), uint64(block.timestamp));
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
    function pausableFrom(uint256 origin) external view returns (uint64) {
        return _inboxLanes[origin].pausableFrom;
    }

    /// @inheritdoc IInbox
    function earnings(uint256 origin, address relayer) external view returns (uint256 earned, uint256 claimed) {
        Earnings storage own = _earnings[origin][relayer];
        return (own.earned, own.claimed);
    }

    function _isInboundOpen(uint256 chainId) internal view override returns (bool) {
        return _inboxLanes[chainId].open;
    }

    function _setInboundOpen(uint256 chainId, bool open) internal override {
        _inboxLanes[chainId].open = open;
    }

    function _isPaused(uint64 until) internal view virtual returns (bool) {
        return block.timestamp < until;
    }

    /// @dev A message can be returned only after this second, so that retry and return are never both possible.
    function _checkRetryTime(bytes32 id, uint64 deliverBefore) internal view virtual {
        require(block.timestamp <= deliverBefore, MessageExpired(id, deliverBefore));
    }

    function _checkReturnTime(bytes32 id, uint64 deliverBefore) internal view virtual {
        require(block.timestamp > deliverBefore, MessageNotExpired(id, deliverBefore));
    }

    /// @dev Acts on a notice that was put aside.
    function _takeIn(bytes32 id, uint256 origin, uint64 nonce, Message calldata message) internal virtual {
        _checkEpoch(id, origin, nonce);
        InboxLane storage lane = _inboxLanes[origin];
        if (!_isOpen(lane)) _refuse(origin, lane);
        _receiveNotice(origin, message.payload, msg.sender);
        emit MessageDelivered(id, origin, nonce);
    }

    /// @dev A chain that lied is trusted again from the restart of its lane on: what it said before, and was put aside,
    /// does not become new by being taken in later.
    function _checkEpoch(bytes32 id, uint256 origin, uint64 nonce) internal view virtual {
        uint64 since = originState().epochs[origin].since;
        require(nonce > since, NoticeOutdated(id, since));
    }

    /// @param last Place of the last notice of the message's return, 0 if none was sent.
    function _isFirstReturn(uint64 last) internal view virtual returns (bool) {
        return last == 0;
    }

    /// @dev When the last pause began; up to `MIN_COOL_DOWN` before that if it was shorter than that.
    function _pausedSince(InboxLane storage lane) internal view virtual returns (uint64) {
        return 2 * lane.pausedUntil - lane.pausableFrom;
    }

    function _isOpen(InboxLane storage lane) internal view virtual returns (bool) {
        return lane.open && !_isPaused(lane.pausedUntil);
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
        bool open = _isOpen(lane);

        Message[] calldata messages = batch.messages;
        bytes32[] calldata ids = batch.ids;
        uint256 count = messages.length;
        uint256 first = batch.first;
        // `last` is a sum of three numbers below 2^64, less one. For an empty batch at nonce zero it wraps around to
        // the highest number there is, and is refused because it exceeds every nonce.
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
            if (!open) _checkHarmless(origin, lane, messages, known);
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
            _firstHearing(id, origin, nonce, message.payload);
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

    function _pause(InboxLane storage lane, uint256 origin, uint64 since, uint64 until) private {
        lane.pausedUntil = until;
        lane.pausableFrom = until + uint64(Math.max(until - since, MIN_COOL_DOWN));
        emit InboundPaused(origin, until);
    }

    /// @dev A notice is taken in, or put aside as failed while the lane is closed or paused.
    function _firstHearing(bytes32 id, uint256 origin, uint64 nonce, bytes calldata payload) private {
        if (_isOpen(_inboxLanes[origin])) {
            _receiveNotice(origin, payload, msg.sender);
            emit MessageDelivered(id, origin, nonce);
        } else {
            messageStatus[id].status = MessageStatus.Failed;
            emit MessageFailed(id, origin, nonce, false);
        }
    }

    /// @dev Reverts unless a lane that is closed or paused takes in these messages: each has expired, and can only go
    /// home, or is a notice, which is put aside. Neither calls anybody or does what its origin says.
    function _checkHarmless(uint256 origin, InboxLane storage lane, Message[] calldata messages, uint256 first)
        private
        view
    {
        for (uint256 i = first; i < messages.length; ++i) {
            if (!_isExpired(messages[i].deliverBefore) && !_isNotice(messages[i])) _refuse(origin, lane);
        }
    }

    function _isNotice(Message calldata message) private view returns (bool) {
        return message.recipient == address(this) && message.sender == address(this);
    }

    function _refuse(uint256 origin, InboxLane storage lane) private view {
        require(lane.open, RouteClosed(origin));
        revert RoutePaused(origin, lane.pausedUntil);
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
