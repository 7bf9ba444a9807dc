// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {Route} from "../interfaces/IRoutes.sol";
import {Messages} from "./libraries/Messages.sol";
import {Routes} from "./Routes.sol";

/// @title Outbox
/// @notice See {IOutbox}.
abstract contract Outbox is IOutbox, Routes {
    struct OutboxLane {
        bytes32 head;
        uint64 nonce;
    }

    /// @notice Longest payload, in bytes.
    uint256 public constant MAX_PAYLOAD_LENGTH = 8_192;
    /// @notice A message's time, in seconds after it is sent: shortest, longest, and what it gets if it names none.
    uint64 public constant MIN_DELIVERY_TIME = 1 hours;
    uint64 public constant MAX_DELIVERY_TIME = 30 days;
    uint64 public constant DEFAULT_DELIVERY_TIME = 14 days;
    /// @notice Every how many messages a lane's head is stored: a proof about an old message starts at one of them.
    uint64 public constant STORED_HEAD_INTERVAL = 256;

    /// @dev ERC-7985 `minGasLimit(uint256)` and `deliverBefore(uint256)`.
    bytes4 private constant MIN_GAS_LIMIT = bytes4(keccak256("minGasLimit(uint256)"));
    bytes4 private constant DELIVER_BEFORE = bytes4(keccak256("deliverBefore(uint256)"));
    uint256 private constant ATTRIBUTE_LENGTH = 36;

    mapping(uint256 destination => OutboxLane) private _lanes;
    mapping(uint256 destination => mapping(uint64 nonce => bytes32)) private _storedHeads;

    /// @inheritdoc IERC7786GatewaySource
    /// @dev Attributes: `minGasLimit(uint256)` and `deliverBefore(uint256)` of ERC-7985. Reverts with the errors of
    /// {IOutbox}, `RouteClosed`, or `UnsupportedAttribute`.
    function sendMessage(bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes)
        external
        payable
        returns (bytes32 id)
    {
        require(msg.value == 0, ValueNotAccepted(msg.value));
        require(payload.length <= MAX_PAYLOAD_LENGTH, PayloadTooLong(payload.length, MAX_PAYLOAD_LENGTH));
        (uint256 destination, address account) = _parseRecipient(recipient);
        Route storage terms = _route(destination);
        require(terms.outbound, RouteClosed(destination));
        (uint64 gasLimit, uint64 deliverBefore) = _readAttributes(attributes, terms);

        OutboxLane storage lane = _lanes[destination];
        uint64 nonce = lane.nonce + 1;
        id = Messages.id(
            NETWORK_ID,
            block.chainid,
            destination,
            nonce,
            msg.sender,
            account,
            gasLimit,
            deliverBefore,
            0,
            keccak256(payload)
        );
        bytes32 head = Messages.extend(nonce == 1 ? _genesis(destination) : lane.head, id);
        lane.head = head;
        lane.nonce = nonce;
        if (nonce % STORED_HEAD_INTERVAL == 0) _storedHeads[destination][nonce] = head;

        bytes memory sender = InteroperableAddress.formatEvmV1(block.chainid, msg.sender);
        emit MessageSent(id, sender, recipient, payload, 0, attributes);
        emit LaneExtended(destination, nonce, gasLimit, deliverBefore, 0, head);
    }

    /// @inheritdoc IERC7786GatewaySource
    function supportsAttribute(bytes4 selector) external pure returns (bool) {
        return selector == MIN_GAS_LIMIT || selector == DELIVER_BEFORE;
    }

    /// @inheritdoc IOutbox
    function outboxLane(uint256 destination) external view returns (uint64 nonce, bytes32 head) {
        OutboxLane storage lane = _lanes[destination];
        nonce = lane.nonce;
        head = nonce == 0 ? _genesis(destination) : lane.head;
    }

    /// @inheritdoc IOutbox
    function storedHead(uint256 destination, uint64 nonce) external view returns (bytes32 head) {
        return _storedHeads[destination][nonce];
    }

    function _genesis(uint256 destination) private view returns (bytes32) {
        return Messages.genesis(NETWORK_ID, block.chainid, destination, 0);
    }

    /// @dev OpenZeppelin's parser ignores trailing bytes, and leading zeros of the chain reference (its length is byte
    /// 4, its bytes follow): refusing both leaves one way to name each recipient.
    function _parseRecipient(bytes calldata recipient) private view returns (uint256 chainId, address account) {
        bool parsed;
        (parsed, chainId, account) = InteroperableAddress.tryParseEvmV1Calldata(recipient);
        require(
            parsed && account != address(0) && account != address(this) && chainId != 0 && chainId != block.chainid
                && recipient.length == 26 + uint256(uint8(recipient[4])) && recipient[5] != 0,
            InvalidRecipient(recipient)
        );
    }

    function _readAttributes(bytes[] calldata attributes, Route storage terms)
        private
        view
        returns (uint64 gasLimit, uint64 deliverBefore)
    {
        gasLimit = terms.defaultGasLimit;
        deliverBefore = uint64(block.timestamp) + DEFAULT_DELIVERY_TIME;
        bool gasLimitRead;
        bool deliverBeforeRead;
        for (uint256 i; i < attributes.length; ++i) {
            bytes calldata attribute = attributes[i];
            require(attribute.length >= 4, InvalidAttribute(attribute));
            bytes4 selector = bytes4(attribute);
            if (selector == MIN_GAS_LIMIT) {
                require(!gasLimitRead, DuplicateAttribute(selector));
                gasLimitRead = true;
                gasLimit = _readGasLimit(attribute, terms.maxGasLimit);
            } else if (selector == DELIVER_BEFORE) {
                require(!deliverBeforeRead, DuplicateAttribute(selector));
                deliverBeforeRead = true;
                deliverBefore = _readDeadline(attribute);
            } else {
                revert UnsupportedAttribute(selector);
            }
        }
    }

    function _readGasLimit(bytes calldata attribute, uint64 maximum) private pure returns (uint64) {
        uint256 value = _attributeValue(attribute);
        require(value <= maximum, GasLimitTooHigh(value, maximum));
        return uint64(value);
    }

    function _readDeadline(bytes calldata attribute) private view returns (uint64) {
        uint256 value = _attributeValue(attribute);
        uint256 earliest = block.timestamp + MIN_DELIVERY_TIME;
        uint256 latest = block.timestamp + MAX_DELIVERY_TIME;
        require(value >= earliest && value <= latest, DeadlineOutOfRange(value, earliest, latest));
        return uint64(value);
    }

    function _attributeValue(bytes calldata attribute) private pure returns (uint256) {
        require(attribute.length == ATTRIBUTE_LENGTH, InvalidAttribute(attribute));
        return uint256(bytes32(attribute[4:]));
    }
}
