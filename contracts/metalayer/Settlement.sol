// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {ISettlement, RestartRecord, ReturnNotice, Walk} from "../interfaces/ISettlement.sol";
import {Fees} from "./libraries/Fees.sol";
import {Message, Messages} from "./libraries/Messages.sol";
import {Outbox} from "./Outbox.sol";

/// @title Settlement
/// @notice See {ISettlement}.
abstract contract Settlement is ISettlement, Outbox, ReentrancyGuardTransient {
    mapping(uint256 destination => mapping(bytes32 id => ReturnNotice)) private _notices;
    mapping(uint256 destination => mapping(uint64 nonce => RestartRecord)) private _restarts;
    /// @inheritdoc ISettlement
    mapping(uint256 destination => mapping(address relayer => uint256)) public paid;

    /// @inheritdoc ISettlement
    function refund(Message calldata message, Walk calldata walk) external nonReentrant {
        bytes32 id = _checkWalk(message, walk);
        ReturnNotice storage notice = _notices[walk.destination][id];
        require(notice.carrier != address(0), NotReturned(id));
        uint64 unspent = notice.expired ? message.fee.relay() - message.fee.base() : 0;
        _endReturned(id, message, walk, unspent, notice);
    }

    /// @inheritdoc ISettlement
    function refundAbandoned(
        Message calldata message,
        Walk calldata walk,
        uint64 restartNonce,
        bytes32 inboxHead,
        bytes32[] calldata inboxIds
    ) external nonReentrant {
        bytes32 id = _checkWalk(message, walk);
        RestartRecord storage left = _restarts[walk.destination][restartNonce];
        // The destination may have followed a restart that a reorganisation took away here: then its word counts once
        // the lane was restarted at that place or above it, and what it left behind can never be delivered.
        bool isPast = restartNonce <= _outboxLanes[walk.destination].restartedAt;
        require(isPast && left.followed && walk.nonce <= restartNonce, NotAbandoned(id, restartNonce));
        if (walk.nonce <= left.nonce) {
            // The head determines every id that leads to it: these are what the Inbox had, if they lead there.
            require(
                inboxIds.length == left.nonce - walk.nonce + 1 && inboxIds[0] != id
                    && _follow(inboxHead, inboxIds) == left.head,
                NotReplaced(id)
            );
        }
        uint64 unspent = message.fee.relay() + message.fee.back();
        _endReturned(id, message, walk, unspent, _notices[walk.destination][id]);
    }

    /// @inheritdoc ISettlement
    function returnNotice(uint256 destination, bytes32 id) external view returns (ReturnNotice memory) {
        return _notices[destination][id];
    }

    /// @inheritdoc ISettlement
    function restartRecord(uint256 destination, uint64 nonce) external view returns (RestartRecord memory) {
        return _restarts[destination][nonce];
    }

    function _receiveGatewayMessage(uint256 origin, bytes calldata payload, address carrier) internal override {
        // Nothing here reverts, whatever a lying chain sends: it would halt its lane.
        if (payload.length != GATEWAY_PAYLOAD_LENGTH) return;
        (uint256 kind, bytes32 a, uint256 b, uint256 c) = abi.decode(payload, (uint256, bytes32, uint256, uint256));
        if (kind == uint256(Kind.Return)) _receiveReturn(origin, a, b != 0, c, carrier);
        if (kind == uint256(Kind.Claim)) _receiveClaim(origin, address(uint160(uint256(a))), b, c, carrier);
        if (kind == uint256(Kind.Restart)) _receiveRestart(origin, uint64(uint256(a)), uint64(b), bytes32(c));
    }

    function _onRestart(uint256 destination, uint64 nonce) internal override {
        _restarts[destination][nonce].restarted = true;
    }

    /// @dev Pays the carrier at once: the sender decides when, and whether, the refund succeeds.
    function _receiveReturn(uint256 destination, bytes32 id, bool expired, uint256 returnPart, address carrier)
        private
    {
        ReturnNotice storage notice = _notices[destination][id];
        // It may come again after a restart of the lane on which it came.
        if (notice.carrier != address(0)) return;
        notice.carrier = carrier;
        notice.expired = expired;
        _reward(destination, carrier, returnPart);
        emit ReturnNoticed(id, destination, carrier, expired);
    }

    /// @dev Pays what is due as far as the lane's escrow goes; the rest may be claimed again.
    function _receiveClaim(
        uint256 destination,
        address relayer,
        uint256 total,
        uint256 carriage,
        address carrier
    ) internal virtual {
        uint256 before = paid[destination][relayer];
        if (total <= before) return;
        uint64 due = _withdrawEscrow(destination, total - before);
        paid[destination][relayer] = before + due;
        uint64 carrierPart = carriage < due ? uint64(carriage) : due;
        credit[carrier] += carrierPart * Fees.UNIT;
        credit[relayer] += (due - carrierPart) * Fees.UNIT;
        emit ClaimPaid(destination, relayer, carrier, due, carrierPart);
    }

    function _receiveRestart(uint256 destination, uint64 nonce, uint64 lastNonce, bytes32 lastHead) private {
        RestartRecord storage record = _restarts[destination][nonce];
        if (record.followed) return;
        record.followed = true;
        record.nonce = lastNonce;
        record.head = lastHead;
        emit RestartNoticed(destination, nonce, lastNonce, lastHead);
    }

    /// @dev The message's only end on this chain.
    function _endReturned(
        bytes32 id,
        Message calldata message,
        Walk calldata walk,
        uint64 unspent,
        ReturnNotice storage notice
    ) internal virtual {
        require(!notice.refunded, AlreadyRefunded(id));
        notice.refunded = true;
        address sender = message.sender;
        uint256 givenBack = _reward(walk.destination, sender, unspent);
        emit MessageReturned(id, walk.destination, walk.nonce, givenBack);
        if (sender.code.length != 0) {
            IMessageReturned(sender).onMessageReturned(id, walk.destination, message, givenBack);
        }
    }

    /// @param amount In gwei.
    /// @return given In wei: less than `amount` if the escrow does not hold it.
    function _reward(uint256 destination, address account, uint256 amount) private returns (uint256 given) {
        given = _withdrawEscrow(destination, amount) * Fees.UNIT;
        credit[account] += given;
    }

    /// @dev Takes as much of `amount` (gwei) as the lane's escrow holds, never more.
    function _withdrawEscrow(uint256 destination, uint256 amount) internal virtual returns (uint64 taken) {
        uint64 escrow = _outboxLanes[destination].escrow;
        taken = amount < escrow ? uint64(amount) : escrow;
        _outboxLanes[destination].escrow = escrow - taken;
    }

    /// @dev The id of a message that really stands in the lane at that place: its id commits to lane and nonce, and
    /// no two sequences of ids lead to one head.
    function _checkWalk(Message calldata message, Walk calldata walk) internal view virtual returns (bytes32 id) {
        uint256 count = walk.ids.length;
        require(count < STORED_HEAD_INTERVAL, WalkTooLong(count, STORED_HEAD_INTERVAL - 1));
        uint256 destination = walk.destination;
        id = Messages.id(message, NETWORK_ID, block.chainid, destination, walk.nonce);
        bytes32 head = _follow(Messages.extend(walk.previousHead, id), walk.ids);
        OutboxLane storage lane = _outboxLanes[destination];
        uint256 end = uint256(walk.nonce) + count;
        bool isPresent = end == lane.nonce && head == lane.head;
        require(
            isPresent || (end < lane.nonce && head == storedHead(destination, uint64(end))),
            NotInLane(id, destination, walk.nonce)
        );
    }

    function _follow(bytes32 head, bytes32[] calldata ids) private pure returns (bytes32) {
        for (uint256 i; i < ids.length; ++i) {
            head = Messages.extend(head, ids[i]);
        }
        return head;
    }
}
