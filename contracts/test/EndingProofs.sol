// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {Metalayer, Offices} from "../metalayer/Metalayer.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Message} from "../metalayer/types/Message.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";
import {InitialRoute} from "../metalayer/types/Route.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title EndingProofs: every message ends once, whatever the gateway's storage holds
/// @notice Like {Proofs}, on the whole compiled gateway, with any state of its storage. Messages have payloads of 32
/// bytes and a recipient that accepts: this contract. Reentrancy and gas are not part of it.
contract EndingProofs {
    /// @dev Nothing depends on which chains they are. Fixed, so that the lengths of interoperable addresses are known.
    uint256 private constant ORIGIN = 901;
    /// @dev Halmos answers at these: the first sets the time, the second makes all of an account's storage arbitrary.
    address private constant TIME = address(uint160(uint256(keccak256("hevm cheat code"))));
    address private constant STORAGE = address(uint160(uint256(keccak256("svm cheat code"))));

    Metalayer private immutable _GATEWAY;

    constructor() {
        ValidatorSet memory set = ValidatorSet(1, uint64(block.timestamp) + 30 days, new bytes32[](4));
        for (uint256 i; i < 4; ++i) {
            set.validators[i] = bytes32((i + 1) << 96 | 1);
        }
        Offices memory offices = Offices(address(1), address(0), address(0), address(1));
        _GATEWAY = new Metalayer(ORIGIN, IERC20(address(1)), address(1), offices, new InitialRoute[](0), set);
        _cheat(STORAGE, abi.encodeWithSignature("enableSymbolicStorage(address)", _GATEWAY));
    }

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
        (uint64 last,, uint64 restartedAt) = _GATEWAY.outboxLane(ORIGIN);
        if (later < time || restartedAt > last) return;
        _warp(time);
        (bool ended,) = _end(retryFirst, nonce, message);
        if (!ended) return;
        _warp(later);
        (bool endedAgain,) = _end(retryThen, nonce, message);
        assert(!endedAgain);
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
            ? abi.encodeCall(IInbox.retry, (ORIGIN, nonce, ours))
            : abi.encodeCall(IInbox.returnToSender, (ORIGIN, nonce, ours));
        bytes memory result;
        // solhint-disable-next-line avoid-low-level-calls
        (succeeded, result) = address(_GATEWAY).call(data);
        error = bytes4(result);
    }

    function _status(uint64 nonce, Message calldata message) private view returns (MessageStatus status) {
        bytes32 id = Messages.id(
            ORIGIN,
            ORIGIN,
            block.chainid,
            nonce,
            message.sender,
            address(this),
            message.gasLimit,
            message.deliverBefore,
            message.fee,
            keccak256(message.payload)
        );
        (status,) = _GATEWAY.messageStatus(id);
    }

    function _warp(uint64 time) private {
        _cheat(TIME, abi.encodeWithSignature("warp(uint256)", time));
    }

    function _cheat(address where, bytes memory data) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = where.call(data);
        assert(done);
    }
}
