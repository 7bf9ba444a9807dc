// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IRefunds} from "../interfaces/IRefunds.sol";
import {Escrow} from "./Escrow.sol";
import {Facts} from "./libraries/Facts.sol";
import {Messages} from "./libraries/Messages.sol";
import {RecipientCall} from "./libraries/RecipientCall.sol";
import {Attestation} from "./types/Attestation.sol";
import {Fee, Fees} from "./types/Fee.sol";
import {Message} from "./types/Message.sol";
import {MessageStatus} from "./types/MessageStatus.sol";
import {RestartRecord} from "./types/RestartRecord.sol";
import {ReturnNotice} from "./types/ReturnNotice.sol";
import {Walk} from "./types/Walk.sol";
import {OutboxLane, originState} from "./types/OriginState.sol";

/// @title Refunds: ends messages that were not delivered, on their origin
/// @notice See {IRefunds}.
abstract contract Refunds is IRefunds, Escrow, ReentrancyGuardTransient {
    /// @notice Time from the closure of a route, in seconds, until what was sent over it can be refunded without its
    /// destination: 30 days until every message has expired, and 30 more in which the destination may still say so.
    uint64 public constant CLOSURE_DELAY = 60 days;
    /// @dev A lane's head is stored every so many messages: see {Outbox-STORED_HEAD_INTERVAL}.
    uint64 private constant STORED_HEAD_INTERVAL = 64;

    uint256 internal immutable _NETWORK_ID;

    /// @param networkId Chain id of the hub.
    constructor(uint256 networkId) {
        _NETWORK_ID = networkId;
    }

    /// @inheritdoc IRefunds
    function refund(Message calldata message, Walk calldata walk) external nonReentrant {
        bytes32 id = _checkWalk(message, walk);
        ReturnNotice storage notice = originState().notices[walk.destination][id];
        require(notice.carrier != address(0) && _isPresent(walk.destination, notice.epoch), NotReturned(id));
        Fee fee = message.fee;
        _end(id, message, walk, notice.expired ? fee.relayPart() - fee.basePart() : 0);
    }

    /// @inheritdoc IRefunds
    function refundAbandoned(
        Message calldata message,
        Walk calldata walk,
        uint64 restartNonce,
        bytes32 inboxHead,
        bytes32[] calldata inboxIds
    ) external nonReentrant {
        bytes32 id = _checkWalk(message, walk);
        RestartRecord storage left = _leftBehind(walk.destination, restartNonce);
        // The destination may have followed a restart that a reorganisation then undid on this chain. Its notice counts
        // only once the lane was restarted at that place or above it: from then on, what the destination left behind
        // can never be delivered.
        bool isPast = restartNonce <= originState().lanes[walk.destination].state.restartedAt();
        require(isPast && walk.nonce <= restartNonce, NotAbandoned(id, restartNonce));
        if (walk.nonce <= left.nonce) {
            // A head determines every id that leads to it. So if these ids lead to a head that the Inbox had, they are
            // the ids that the Inbox had.
            require(
                inboxIds.length != 0 && inboxIds[0] != id
                    && _isInboxHead(
                        walk.destination,
                        restartNonce,
                        left,
                        uint256(walk.nonce) + inboxIds.length - 1,
                        Messages.follow(inboxHead, inboxIds, 0)
                    ),
                NotReplaced(id)
            );
        }
        _end(id, message, walk, message.fee.relayPart() + 2 * message.fee.stepPart());
    }

    /// @inheritdoc IRefunds
    function refundClosed(
        Message calldata message,
        Walk calldata walk,
        MessageStatus status,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external nonReentrant {
        bytes32 id = _checkWalk(message, walk);
        uint256 destination = walk.destination;
        uint64 since = originState().closedSince[destination];
        require(since != 0 && block.timestamp >= since + CLOSURE_DELAY, RouteNotClosed(destination, since));
        bytes32 leaf = Facts.unexecuted(block.chainid, destination, walk.nonce, id, uint256(status));
        require(Facts.root(proof, leaf) == attestation.root, NotUnexecuted(id, status));
        Fee fee = message.fee;
        // A destination that is alive may still take the message in, as expired, and send a notice of it: what that
        // earns there stays in the escrow. Nobody is paid any more for carrying the notice here, unless one came.
        uint64 unspent = originState().notices[destination][id].carrier == address(0) ? fee.stepPart() : 0;
        if (status != MessageStatus.Failed) unspent += fee.relayPart() - fee.basePart();
        _end(id, message, walk, unspent);
    }

    /// @inheritdoc IRefunds
    function recordInboxHead(
        uint256 destination,
        uint64 restartNonce,
        uint64 nonce,
        bytes32 head,
        bytes32[] calldata ids
    ) external nonReentrant {
        RestartRecord storage left = _leftBehind(destination, restartNonce);
        bytes32 end = Messages.follow(head, ids, 0);
        require(
            _isInboxHead(destination, restartNonce, left, uint256(nonce) + ids.length, end),
            NotInboxHead(destination, nonce, head)
        );
        originState().inboxHeads[_recordHash(destination, restartNonce, left)][nonce] = head;
    }

    /// @inheritdoc IRefunds
    function callBack(Message calldata message, uint256 destination, uint64 nonce) external nonReentrant {
        bytes32 id = Messages.id(message, _NETWORK_ID, block.chainid, destination, nonce);
        ReturnNotice storage notice = originState().notices[destination][id];
        require(notice.callbackOpen && message.sender.code.length != 0, NoCallback(id));
        notice.callbackOpen = false;
        emit CalledBack(id);
        if (!_callSender(id, message, destination, notice.unspent, type(uint256).max)) LowLevelCall.bubbleRevert();
    }

    /// @dev Ends a message on this chain, once: every refund goes through here. Pays the caller, gives the sender what
    /// nobody earned (`unspent`, gwei), and calls it with the gas that it prepaid. If that fails, the refund stands.
    function _end(bytes32 id, Message calldata message, Walk calldata walk, uint64 unspent) internal virtual {
        uint256 destination = walk.destination;
        ReturnNotice storage notice = originState().notices[destination][id];
        require(!notice.refunded, AlreadyRefunded(id));
        address sender = message.sender;
        require(sender != address(this), NotReturned(id));
        notice.refunded = true;
        Fee fee = message.fee;
        bool hasCode = sender.code.length != 0;
        uint64 earned = fee.stepPart();
        if (hasCode) earned += fee.callbackPart();
        else unspent += fee.callbackPart();
        earned = _reward(destination, msg.sender, earned);
        unspent = _reward(destination, sender, unspent);
        notice.unspent = uint56(unspent);
        emit MessageReturned(id, destination, walk.nonce, unspent * Fees.UNIT, msg.sender, earned * Fees.UNIT);
        if (!hasCode) return;

        uint256 gasLimit = _gasForCallback(fee.returnGasLimit());
        if (_callSender(id, message, destination, unspent, gasLimit)) return;
        notice.callbackOpen = true;
        emit CallbackFailed(id);
    }

    /// @dev Calls the sender, with at least the gas that it prepaid. The caller has read its code: that makes its
    /// account warm, as {RecipientCall} expects.
    /// @param unspent In gwei.
    /// @param gasForwarded Gas to hand over; more than is available means all of it.
    function _callSender(
        bytes32 id,
        Message calldata message,
        uint256 destination,
        uint64 unspent,
        uint256 gasForwarded
    ) private returns (bool succeeded) {
        bytes memory data = abi.encodeCall(
            IMessageReturned.onMessageReturned, (id, destination, message, unspent * Fees.UNIT)
        );
        uint256 required = _requiredGas(message.fee.returnGasLimit());
        uint256 available;
        (available, succeeded) = RecipientCall.callBack(message.sender, required, gasForwarded, data);
        require(available >= required, InsufficientReturnGas(id, available, required));
    }

    /// @dev Whether a notice of that epoch counts: the lane back was not restarted since.
    function _isPresent(uint256 destination, uint16 epoch) internal view virtual returns (bool) {
        return epoch == originState().epochs[destination].number;
    }

    /// @dev Gas that must be left before a sender is called.
    function _requiredGas(uint32 gasLimit) internal view virtual returns (uint256) {
        return RecipientCall.required(gasLimit);
    }

    /// @dev Gas with which a sender is called.
    function _gasForCallback(uint32 gasLimit) internal view virtual returns (uint256) {
        return gasLimit;
    }

    /// @dev Returns the message's id if the message stands in the lane at that place, and reverts otherwise. An id
    /// commits to lane and nonce, and no two sequences of ids lead to one head.
    function _checkWalk(Message calldata message, Walk calldata walk) internal view virtual returns (bytes32 id) {
        uint256 count = walk.ids.length;
        require(count < STORED_HEAD_INTERVAL, WalkTooLong(count, STORED_HEAD_INTERVAL - 1));
        uint256 destination = walk.destination;
        id = Messages.id(message, _NETWORK_ID, block.chainid, destination, walk.nonce);
        bytes32 head = Messages.follow(Messages.extend(walk.previousHead, id), walk.ids, 0);
        OutboxLane storage lane = originState().lanes[destination];
        uint64 last = lane.state.nonce();
        uint256 end = uint256(walk.nonce) + count;
        bool isPresent = end == last && head == lane.head;
        require(
            isPresent || (end < last && head == originState().storedHeads[destination][uint64(end)]),
            NotInLane(id, destination, walk.nonce)
        );
    }

    /// @dev Where the destination says that it left the lane when it followed the restart at that place. Reverts unless
    /// it said so since the lane back was last restarted: what a chain said before does not count.
    function _leftBehind(uint256 destination, uint64 restartNonce)
        private
        view
        returns (RestartRecord storage left)
    {
        left = originState().restarts[destination][restartNonce];
        require(
            left.followed && _isPresent(destination, left.epoch), RestartNotFollowed(destination, restartNonce)
        );
    }

    /// @dev Whether the Inbox had this head there: it is the one at which it left the lane, or was recorded.
    function _isInboxHead(
        uint256 destination,
        uint64 restartNonce,
        RestartRecord storage left,
        uint256 nonce,
        bytes32 head
    ) private view returns (bool) {
        if (nonce == left.nonce) return head == left.head;
        bytes32 recordHash = _recordHash(destination, restartNonce, left);
        return nonce < left.nonce && head == originState().inboxHeads[recordHash][uint64(nonce)];
    }

    function _recordHash(uint256 destination, uint64 restartNonce, RestartRecord storage left)
        private
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(destination, restartNonce, left.nonce, left.head));
    }
}
