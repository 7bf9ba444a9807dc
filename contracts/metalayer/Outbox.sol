// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {Annexed} from "./Annexed.sol";
import {Credit} from "./Credit.sol";
import {Notices} from "./Notices.sol";
import {Routes} from "./Routes.sol";
import {Attributes} from "./libraries/Attributes.sol";
import {Erc7930} from "./libraries/Erc7930.sol";
import {Messages} from "./libraries/Messages.sol";
import {Fee, Fees} from "./types/Fee.sol";
import {LaneState, LaneStates} from "./types/LaneState.sol";
import {OutboxLane, originState} from "./types/OriginState.sol";

/// @title Outbox
/// @notice See {IOutbox}.
abstract contract Outbox is Annexed, IOutbox, Routes, Credit, Notices {
    using SafeERC20 for IERC20;

    /// @dev What a sender said about a message, or its defaults.
    struct Options {
        uint256 gasLimit;
        uint256 returnGasLimit;
        uint64 deliverBefore;
        address feePayer;
        uint256 maxFee;
    }

    /// @dev Longest payload, in bytes.
    uint256 internal constant MAX_PAYLOAD_LENGTH = 8_192;
    /// @dev Time that a message has, in seconds after it is sent: shortest, longest, and the default.
    uint64 internal constant MIN_DELIVERY_TIME = 1 hours;
    uint64 internal constant MAX_DELIVERY_TIME = 30 days;
    uint64 internal constant DEFAULT_DELIVERY_TIME = 14 days;
    /// @dev A lane's head is stored every so many messages: the walk of an old message ends at a stored head.
    uint64 internal constant STORED_HEAD_INTERVAL = 64;
    /// @dev Gas for which each of the three steps of a return is paid, and more of it per byte of payload.
    uint256 internal constant STEP_GAS = 132_000;
    uint256 internal constant STEP_GAS_PER_BYTE = 40;

    uint256 private constant ATTRIBUTE_LENGTH = 36;
    uint256 private constant GAS_FEE_UNIT = 1_000;

    /// @inheritdoc IOutbox
    address public immutable COLLECTOR;

    constructor(address collector) {
        require(collector != address(0) && collector != address(this), InvalidCollector(collector));
        COLLECTOR = collector;
    }

    /// @inheritdoc IERC7786GatewaySource
    /// @dev Attributes: see {Attributes}. Reverts with the errors of {IOutbox} and {ICredit}, `RouteClosed`, or
    /// `UnsupportedAttribute`.
    function sendMessage(bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes)
        external
        payable
        returns (bytes32 id)
    {
        require(msg.value == 0, ValueNotAccepted(msg.value));
        (uint256 destination, address account) = _parseRecipient(recipient);
        OutboundRoute storage terms = _route(destination);
        Options memory options = _readAttributes(attributes, terms);
        (Fee fee, uint64 protocolPart) =
            _price(destination, terms, options.gasLimit, options.returnGasLimit, payload.length);
        _pay(options, _inWei(fee, protocolPart));

        uint64 nonce;
        bytes32 head;
        (id, nonce, head) = _append(
            destination,
            msg.sender,
            account,
            uint64(options.gasLimit),
            options.deliverBefore,
            fee,
            protocolPart,
            Messages.hash(payload)
        );
        bytes memory sender = Erc7930.encode(block.chainid, msg.sender);
        emit MessageSent(id, sender, recipient, payload, 0, attributes);
        emit LaneExtended(
            destination, nonce, uint64(options.gasLimit), options.deliverBefore, Fee.unwrap(fee), head
        );
    }

    /// @inheritdoc IOutbox
    function restart(uint256, uint64) external onlyOwnerOrGuardian {
        _runAnnex();
    }

    /// @inheritdoc IOutbox
    function sweep(uint256 destination) external {
        OutboxLane storage lane = originState().lanes[destination];
        LaneState state = lane.state;
        uint256 amount = state.protocolFees() * Fees.UNIT;
        lane.state = LaneStates.pack(state.nonce(), state.escrow(), 0, state.restartedAt());
        emit Swept(destination, COLLECTOR, amount);
        FEE_TOKEN.safeTransfer(COLLECTOR, amount);
    }

    /// @inheritdoc IERC7786GatewaySource
    function supportsAttribute(bytes4 selector) external pure returns (bool) {
        return selector == Attributes.MIN_GAS_LIMIT || selector == Attributes.DELIVER_BEFORE
            || selector == Attributes.FEE_PAYER || selector == Attributes.RETURN_GAS_LIMIT
            || selector == Attributes.MAX_FEE || selector == Attributes.COMPACT;
    }

    /// @inheritdoc IOutbox
    function quote(uint256 destination, uint256 gasLimit, uint256 returnGasLimit, uint256 payloadLength)
        external
        view
        returns (uint256)
    {
        (Fee fee, uint64 protocolPart) =
            _price(destination, _route(destination), gasLimit, returnGasLimit, payloadLength);
        return _inWei(fee, protocolPart);
    }

    /// @inheritdoc IOutbox
    function outboxLane(uint256 destination) external view returns (uint64 nonce, bytes32 head, uint64 restartedAt) {
        OutboxLane storage lane = originState().lanes[destination];
        return (lane.state.nonce(), _headOf(lane, destination), lane.state.restartedAt());
    }

    /// @inheritdoc IOutbox
    function laneFees(uint256 destination) external view returns (uint64 escrow, uint64 protocolFees) {
        LaneState state = originState().lanes[destination].state;
        return (state.escrow(), state.protocolFees());
    }

    /// @inheritdoc IOutbox
    function storedHead(uint256 destination, uint64 nonce) public view returns (bytes32 head) {
        return originState().storedHeads[destination][nonce];
    }

    function _sendNotice(uint256 destination, Kind kind, bytes32 a, bytes32 b, bytes32 c)
        internal
        override
        returns (uint64 nonce)
    {
        bytes memory payload = abi.encode(kind, a, b, c);
        bytes32 id;
        bytes32 head;
        (id, nonce, head) = _append(
            destination,
            address(this),
            address(this),
            NOTICE_GAS_LIMIT,
            type(uint64).max,
            Fee.wrap(0),
            0,
            keccak256(payload)
        );
        emit MessageSent(
            id,
            Erc7930.encode(block.chainid, address(this)),
            Erc7930.encode(destination, address(this)),
            payload,
            0,
            new bytes[](0)
        );
        emit LaneExtended(destination, nonce, NOTICE_GAS_LIMIT, type(uint64).max, 0, head);
    }

    function _mayBeLost(uint256 destination, uint64 nonce) internal view override returns (bool) {
        return nonce < originState().lanes[destination].state.restartedAt();
    }

    function _carriage(uint256 destination) internal view override returns (uint64) {
        OutboundRoute storage terms = _route(destination);
        unchecked {
            return _basePart(terms, NOTICE_LENGTH) + _gasPart(terms.gasFee, NOTICE_GAS_LIMIT);
        }
    }

    function _headOf(OutboxLane storage lane, uint256 destination) internal view returns (bytes32 head) {
        head = lane.head;
        if (head == bytes32(0)) head = _genesis(destination, 0);
    }

    /// @dev Extends a lane. The caller emits the two events.
    function _append(
        uint256 destination,
        address sender,
        address recipient,
        uint64 gasLimit,
        uint64 deliverBefore,
        Fee fee,
        uint64 protocolPart,
        bytes32 payloadHash
    ) private returns (bytes32 id, uint64 nonce, bytes32 head) {
        OutboxLane storage lane = originState().lanes[destination];
        LaneState state = lane.state.extend(uint64(fee.total()), protocolPart);
        lane.state = state;
        nonce = state.nonce();
        id = Messages.id(
            NETWORK_ID,
            block.chainid,
            destination,
            nonce,
            sender,
            recipient,
            gasLimit,
            deliverBefore,
            fee,
            payloadHash
        );
        head = Messages.extend(_headOf(lane, destination), id);
        lane.head = head;
        // Slither takes the fees in the same word for what decides here.
        // slither-disable-next-line weak-prng,incorrect-equality
        if (nonce % STORED_HEAD_INTERVAL == 0) originState().storedHeads[destination][nonce] = head;
    }

    /// @dev Charges for a message of the caller, in wei.
    function _pay(Options memory options, uint256 amount) private {
        require(amount <= options.maxFee, FeeTooHigh(amount, options.maxFee));
        address payer = options.feePayer;
        uint256 held = originState().credit[payer];
        require(held >= amount, InsufficientCredit(payer, held, amount));
        _charge(payer, held, amount);
    }

    /// @dev What a message costs, in gwei. Reverts if the route does not take such a message.
    function _price(
        uint256 destination,
        OutboundRoute storage terms,
        uint256 gasLimit,
        uint256 returnGasLimit,
        uint256 payloadLength
    ) private view returns (Fee fee, uint64 protocolPart) {
        require(terms.open, RouteClosed(destination));
        uint256 maximum = terms.maxGasLimit;
        require(gasLimit <= maximum, GasLimitTooHigh(gasLimit, maximum));
        require(returnGasLimit <= MAX_GAS_LIMIT, GasLimitTooHigh(returnGasLimit, MAX_GAS_LIMIT));
        require(payloadLength <= MAX_PAYLOAD_LENGTH, PayloadTooLong(payloadLength, MAX_PAYLOAD_LENGTH));
        uint256 gasFee = terms.gasFee;
        uint256 returnGasFee = terms.returnGasFee;
        unchecked {
            uint64 basePart = _basePart(terms, payloadLength);
            uint64 stepPart =
                _gasPart(Math.max(gasFee, returnGasFee), STEP_GAS + STEP_GAS_PER_BYTE * payloadLength);
            fee = Fees.pack(
                basePart,
                basePart + _gasPart(gasFee, gasLimit),
                stepPart,
                _gasPart(returnGasFee, returnGasLimit),
                uint32(returnGasLimit)
            );
            protocolPart = uint64((fee.total() * terms.protocolShare + BASIS_POINTS - 1) / BASIS_POINTS);
        }
    }

    /// @dev All parts of a price in wei. A price is below 2^57 gwei.
    function _inWei(Fee fee, uint64 protocolPart) private pure returns (uint256) {
        unchecked {
            return (fee.total() + protocolPart) * Fees.UNIT;
        }
    }

    /// @dev Below 2^54 for the highest terms and the longest payload: nothing overflows here or in the callers.
    function _basePart(OutboundRoute storage terms, uint256 payloadLength) private view returns (uint64) {
        unchecked {
            return uint64(terms.baseFee + payloadLength * terms.byteFee);
        }
    }

    /// @dev Price of an amount of gas, below 2^54 for the highest fee and gas limit.
    function _gasPart(uint256 gasFee, uint256 gasAmount) private pure returns (uint64) {
        unchecked {
            return uint64((gasAmount * gasFee + GAS_FEE_UNIT - 1) / GAS_FEE_UNIT);
        }
    }

    function _genesis(uint256 destination, uint64 nonce) private view returns (bytes32) {
        return Messages.genesis(NETWORK_ID, block.chainid, destination, nonce);
    }

    function _parseRecipient(bytes calldata recipient) private view returns (uint256 chainId, address account) {
        (chainId, account) = Erc7930.decode(recipient);
        require(
            account != address(0) && account != address(this) && chainId != block.chainid, InvalidRecipient(recipient)
        );
    }

    function _readAttributes(bytes[] calldata attributes, OutboundRoute storage terms)
        private
        view
        returns (Options memory options)
    {
        options.gasLimit = terms.defaultGasLimit;
        options.returnGasLimit = terms.defaultReturnGasLimit;
        options.deliverBefore = uint64(block.timestamp) + DEFAULT_DELIVERY_TIME;
        options.feePayer = msg.sender;
        options.maxFee = type(uint256).max;
        uint256 read;
        for (uint256 i; i < attributes.length; ++i) {
            bytes calldata attribute = attributes[i];
            bytes4 selector = _selectorOf(attribute);
            uint256 bit;
            if (selector == Attributes.COMPACT) {
                bit = 15;
                _readCompact(options, attribute);
            } else if (selector == Attributes.MIN_GAS_LIMIT) {
                bit = 1;
                options.gasLimit = _attributeValue(attribute);
            } else if (selector == Attributes.FEE_PAYER) {
                bit = 4;
                options.feePayer = _readPayer(attribute);
            } else if (selector == Attributes.RETURN_GAS_LIMIT) {
                bit = 8;
                options.returnGasLimit = _attributeValue(attribute);
            } else if (selector == Attributes.DELIVER_BEFORE) {
                bit = 2;
                options.deliverBefore = _checkDeadline(_attributeValue(attribute));
            } else if (selector == Attributes.MAX_FEE) {
                bit = 16;
                options.maxFee = _attributeValue(attribute);
            } else {
                revert UnsupportedAttribute(selector);
            }
            require(read & bit == 0, DuplicateAttribute(selector));
            read |= bit;
        }
    }

    /// @dev Stands for four attributes, and none of them may be beside it: see {Attributes-pack}.
    function _readCompact(Options memory options, bytes calldata attribute) private view {
        uint256 word = _attributeValue(attribute);
        address payer = address(uint160(word));
        if (payer == address(0)) _refuseAttribute(attribute);
        options.feePayer = payer;
        options.gasLimit = word >> 224;
        options.returnGasLimit = uint24(word >> 200);
        uint256 deadline = uint40(word >> 160);
        if (deadline != 0) options.deliverBefore = _checkDeadline(deadline);
    }

    function _readPayer(bytes calldata attribute) private pure returns (address) {
        uint256 value = _attributeValue(attribute);
        if (value == 0 || value > type(uint160).max) _refuseAttribute(attribute);
        return address(uint160(value));
    }

    function _checkDeadline(uint256 value) private view returns (uint64) {
        uint256 earliest = block.timestamp + MIN_DELIVERY_TIME;
        uint256 latest = block.timestamp + MAX_DELIVERY_TIME;
        require(value >= earliest && value <= latest, DeadlineOutOfRange(value, earliest, latest));
        return uint64(value);
    }

    function _refuseAttribute(bytes calldata attribute) private pure {
        revert InvalidAttribute(attribute);
    }

    /// @dev In assembly, here and below: the compiler reads bytes as if they could be shorter than what was checked.
    function _selectorOf(bytes calldata attribute) private pure returns (bytes4 selector) {
        if (attribute.length < 4) _refuseAttribute(attribute);
        uint256 word;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := calldataload(attribute.offset)
        }
        return bytes4(bytes32(word));
    }

    function _attributeValue(bytes calldata attribute) private pure returns (uint256 value) {
        if (attribute.length != ATTRIBUTE_LENGTH) _refuseAttribute(attribute);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            value := calldataload(add(attribute.offset, 4))
        }
    }
}
