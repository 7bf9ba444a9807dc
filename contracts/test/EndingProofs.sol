// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Message} from "../metalayer/types/Message.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";
import {SymbolicGateway} from "./SymbolicGateway.sol";

/// @title EndingProofs: every message ends once, whatever the gateway's storage holds
/// @notice Like {Proofs}, on the whole compiled gateway, with any state of its storage. Messages have payloads of 32
/// bytes and a recipient that accepts: this contract. Reentrancy and gas are not part of it.
contract EndingProofs is SymbolicGateway {
    /// @notice At any second, of retry and return exactly one refuses a failed message for its time.
    /// @custom:halmos --array-lengths message.payload=32
    function checkRetryOrReturn(uint64 time, uint64 nonce, Message calldata message) external {
        _warp(time);
        if (_status(nonce, message) != MessageStatus.Failed) return;
        (, bytes4 retryError) = _end(true, nonce, message);
        (, bytes4 returnError) = _end(false, nonce, message);
        assert((retryError == IInbox.MessageExpired.selector) != (returnError == IInbox.MessageNotExpired.selector));
    }

    /// @notice After a retry or a return succeeded, neither succeeds again, at no later second. Assumed: restarts of
    /// the lane back lie within it, and there is none in between.
    /// @custom:halmos --array-lengths message.payload=32
    function checkEndsOnce(
        uint64 time,
        uint64 later,
        bool retryFirst,
        bool retryThen,
        uint64 nonce,
        Message calldata message
    ) external {
        (uint64 last,, uint64 restartedAt) = GATEWAY.outboxLane(HUB);
        if (later < time || restartedAt > last) return;
        _warp(time);
        (bool ended,) = _end(retryFirst, nonce, message);
        if (!ended) return;
        _warp(later);
        (bool endedAgain,) = _end(retryThen, nonce, message);
        assert(!endedAgain);
    }

    /// @notice A message whose notice is out is not retried, at any second, also not an earlier one: clocks of chains
    /// that were reorganised may go back.
    /// @custom:halmos --array-lengths message.payload=32
    function checkNoRetryAfterReturn(uint64 time, uint64 other, uint64 nonce, Message calldata message) external {
        _warp(time);
        (bool returned,) = _end(false, nonce, message);
        if (!returned) return;
        (uint64 last,,) = GATEWAY.outboxLane(HUB);
        // The last nonce of all is followed by zero, which stands for "no notice": 2^64 - 1 notices are out of reach.
        if (last == 0) return;
        _warp(other);
        (bool retried,) = _end(true, nonce, message);
        assert(!retried);
    }

    /// @notice A retry can succeed.
    /// @custom:halmos --array-lengths message.payload=32 --early-exit
    function findRetry(uint64 time, uint64 nonce, Message calldata message) external {
        _warp(time);
        (bool succeeded,) = _end(true, nonce, message);
        assert(!succeeded);
    }

    /// @notice A return can succeed.
    /// @custom:halmos --array-lengths message.payload=32 --early-exit
    function findReturn(uint64 time, uint64 nonce, Message calldata message) external {
        _warp(time);
        (bool succeeded,) = _end(false, nonce, message);
        assert(!succeeded);
    }

    /// @dev Accepts whatever is retried.
    function receiveMessage(bytes32, bytes calldata, bytes calldata) external pure returns (bytes4) {
        return IERC7786Recipient.receiveMessage.selector;
    }

    /// @return succeeded Whether the message was retried or returned.
    /// @return error Selector of the error that refused it.
    function _end(bool retry, uint64 nonce, Message calldata message) private returns (bool succeeded, bytes4 error) {
        Message memory ours = message;
        ours.recipient = address(this);
        bytes memory data = retry
            ? abi.encodeCall(IInbox.retry, (HUB, nonce, ours))
            : abi.encodeCall(IInbox.returnToSender, (HUB, nonce, ours));
        bytes memory result;
        // solhint-disable-next-line avoid-low-level-calls
        (succeeded, result) = address(GATEWAY).call(data);
        error = bytes4(result);
    }

    function _status(uint64 nonce, Message calldata message) private view returns (MessageStatus status) {
        bytes32 id = Messages.id(
            HUB,
            HUB,
            block.chainid,
            nonce,
            message.sender,
            address(this),
            message.gasLimit,
            message.deliverBefore,
            message.fee,
            keccak256(message.payload)
        );
        (status,) = GATEWAY.messageStatus(id);
    }
}
