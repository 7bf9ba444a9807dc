// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITokenBridge} from "../../interfaces/ITokenBridge.sol";
import {Kind, Options, Transfer} from "../types/Transfer.sol";

/// @title Transfers: what messages between bridges look like
/// @notice A transfer is the four words of {Transfer}. Flag 1: the id of the transfer follows, one word. Flag 2: its
/// sender, one word, and data up to the end follow. A description and a claim have the first two words, with nothing
/// but `token` and `kind` in them.
///
/// The words stay as they are, and are read where they are needed: a struct with a member for each part would cost a
/// transfer 2,000 gas more.
library Transfers {
    using Transfers for Transfer;

    /// @notice Tips are counted in these parts of the amount.
    uint256 internal constant TIP_PARTS = 1e9;
    /// @notice Bytes of a transfer without what may follow.
    uint256 internal constant LENGTH = 128;
    /// @notice Bytes of the id that may follow.
    uint256 internal constant ID_LENGTH = 32;
    /// @notice Bytes of the sender before data.
    uint256 internal constant SENDER_LENGTH = 32;
    /// @notice Bytes of a claim.
    uint256 internal constant CLAIM_LENGTH = 128;

    uint256 private constant HEAD_LENGTH = 64;
    uint256 private constant METADATA_LENGTHS = 3;
    uint256 private constant CHAIN_SHIFT = 160;
    uint256 private constant HOP_SHIFT = 192;
    uint256 private constant KIND_SHIFT = 240;
    uint256 private constant FEE_SHIFT = 128;
    uint256 private constant ID_FLAG = 1 << 248;
    uint256 private constant DATA_FLAG = 2 << 248;

    /// @notice See {Kind}.
    function kind(Transfer memory transfer) internal pure returns (Kind) {
        return Kind(uint8(transfer.second >> KIND_SHIFT));
    }

    /// @notice Whether it is of a kind. In less gas than a comparison with {kind}, which checks that there is one.
    function isOf(Transfer memory transfer, Kind kind_) internal pure returns (bool) {
        return uint8(transfer.second >> KIND_SHIFT) == uint8(kind_);
    }

    /// @notice The token's address on its home.
    function token(Transfer memory transfer) internal pure returns (address) {
        return accountIn(transfer.first);
    }

    /// @notice Who gets the amount back.
    function from(Transfer memory transfer) internal pure returns (address) {
        return accountIn(transfer.second);
    }

    /// @notice Who gets it.
    function to(Transfer memory transfer) internal pure returns (address) {
        return accountIn(transfer.third);
    }

    /// @notice The far end. Out: where the transfer started. Back: where it ends. Return: where it should have ended.
    function chain(Transfer memory transfer) internal pure returns (uint256) {
        return uint64(transfer.second >> CHAIN_SHIFT);
    }

    /// @notice In the token's smallest unit.
    function amount(Transfer memory transfer) internal pure returns (uint256) {
        return transfer.fourth & type(uint128).max;
    }

    /// @notice ERA (gwei) that was prepaid for the hop after this one.
    function fee(Transfer memory transfer) internal pure returns (uint256) {
        return uint64(transfer.fourth >> FEE_SHIFT);
    }

    /// @notice Most that a solver keeps, in billionths of the amount; zero if it cannot be fronted.
    function tip(Transfer memory transfer) internal pure returns (uint256) {
        return (transfer.first >> 160) & type(uint32).max;
    }

    /// @notice Seconds after `sentAt` over which what a solver keeps grows from nothing to the tip.
    function ramp(Transfer memory transfer) internal pure returns (uint16) {
        return uint16(transfer.second >> 224);
    }

    /// @notice Second (Unix time) in which the transfer started.
    function sentAt(Transfer memory transfer) internal pure returns (uint40) {
        return uint40(transfer.third >> 200);
    }

    /// @notice Second (Unix time) in which this hop was sent.
    function hopAt(Transfer memory transfer) internal pure returns (uint256) {
        return uint40(transfer.first >> HOP_SHIFT);
    }

    /// @notice Last second (Unix time) at which any of its hops is executed.
    function deadline(Transfer memory transfer) internal pure returns (uint40) {
        return uint40(transfer.third >> 160);
    }

    /// @notice Gas for the end of the transfer, beyond what every transfer has.
    function extraGas(Transfer memory transfer) internal pure returns (uint256) {
        return transfer.first >> 232;
    }

    /// @notice Whether the recipient is called on arrival.
    function hasData(Transfer memory transfer) internal pure returns (bool) {
        return transfer.second & DATA_FLAG != 0;
    }

    /// @notice What a sender says about a transfer that starts.
    function draft(Options memory options) internal view returns (Transfer memory transfer) {
        transfer.first = (uint256(options.tip) << 160) | (uint256(options.extraGas) << 232);
        transfer.second = uint256(options.ramp) << 224;
        transfer.third = uint256(options.deadline) << 160;
        transfer.fourth = uint256(options.fee) << FEE_SHIFT;
        if (options.data.length == 0) return transfer;
        transfer.second |= DATA_FLAG;
        transfer.sender = msg.sender;
        transfer.data = options.data;
    }

    /// @notice Says between whom it is, and since when.
    function start(Transfer memory transfer, address from_, address to_, uint256 now_) internal pure {
        transfer.first |= now_ << HOP_SHIFT;
        transfer.second |= uint160(from_);
        transfer.third |= uint160(to_) | (now_ << 200);
    }

    /// @notice Says what it carries, and to which far end.
    function carry(Transfer memory transfer, Kind kind_, address token_, uint256 chain_, uint256 amount_)
        internal
        pure
    {
        transfer.first |= uint160(token_);
        transfer.second |= (chain_ << CHAIN_SHIFT) | (uint256(kind_) << KIND_SHIFT);
        transfer.fourth |= amount_;
    }

    /// @notice Gives a deadline to a transfer that has none.
    function expire(Transfer memory transfer, uint256 deadline_) internal pure {
        transfer.third |= deadline_ << 160;
    }

    /// @notice Makes it the next hop of the same transfer.
    /// @param chain_ Its far end.
    function turn(Transfer memory transfer, Kind kind_, bytes32 id, uint256 chain_) internal pure {
        uint256 kept = transfer.second & ~((uint256(type(uint64).max) << CHAIN_SHIFT) | (0xff << KIND_SHIFT));
        transfer.second = kept | (chain_ << CHAIN_SHIFT) | (uint256(kind_) << KIND_SHIFT) | ID_FLAG;
        transfer.id = id;
    }

    /// @notice Takes its data away.
    function detach(Transfer memory transfer) internal pure {
        transfer.second &= ~DATA_FLAG;
    }

    /// @notice Sets when the hop was sent, and what is left of what was prepaid.
    function stamp(Transfer memory transfer, uint256 now_, uint64 fee_) internal pure {
        transfer.first =
            (transfer.first & ~(uint256(type(uint40).max) << HOP_SHIFT)) | (now_ << HOP_SHIFT);
        transfer.fourth = amount(transfer) | (uint256(fee_) << FEE_SHIFT);
    }

    /// @notice Payload of a transfer.
    function encode(Transfer memory transfer) internal pure returns (bytes memory payload) {
        payload = _words(transfer);
        if (transfer.second & ID_FLAG != 0) payload = bytes.concat(payload, transfer.id);
        if (hasData(transfer)) {
            payload = bytes.concat(payload, bytes32(uint256(uint160(transfer.sender))), transfer.data);
        }
    }

    /// @notice Reads a transfer. Reverts if any bit of it is not as a bridge sends it.
    function decode(bytes calldata payload) internal pure returns (Transfer memory transfer) {
        // Of a payload that is too short, it reads what follows.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            calldatacopy(transfer, payload.offset, LENGTH)
        }
        uint256 flags = _checkWords(transfer);
        if (flags == 0) require(payload.length == LENGTH, ITokenBridge.InvalidPayload());
        else _readTails(transfer, payload, flags);
    }

    /// @notice Whether a payload, if it is one, is a description or a claim.
    function isNote(bytes calldata payload) internal pure returns (bool) {
        return uint8(_word(payload, 32) >> KIND_SHIFT) >= uint8(Kind.Describe);
    }

    /// @notice Kind of a payload. Reverts if it is none that is sent.
    function kindOf(bytes calldata payload) internal pure returns (Kind) {
        require(payload.length >= HEAD_LENGTH, ITokenBridge.InvalidPayload());
        uint256 kind_ = uint8(_word(payload, 32) >> KIND_SHIFT);
        require(kind_ != 0 && kind_ <= uint256(type(Kind).max), ITokenBridge.InvalidPayload());
        return Kind(kind_);
    }

    /// @notice Payload of a description. Name and symbol have less than 256 bytes.
    function encodeDescription(address token_, uint8 decimals, bytes memory name, bytes memory symbol)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            uint256(uint160(token_)),
            uint256(Kind.Describe) << KIND_SHIFT,
            decimals,
            uint8(name.length),
            uint8(symbol.length),
            name,
            symbol
        );
    }

    /// @notice Reads a description.
    function decodeDescription(bytes calldata payload)
        internal
        pure
        returns (address token_, uint8 decimals, string memory name, string memory symbol)
    {
        token_ = _readPlainHead(payload);
        bytes calldata metadata = payload[HEAD_LENGTH:];
        require(metadata.length >= METADATA_LENGTHS, ITokenBridge.InvalidPayload());
        uint256 end = METADATA_LENGTHS + uint8(metadata[1]);
        require(metadata.length == end + uint8(metadata[2]), ITokenBridge.InvalidPayload());
        return (token_, uint8(metadata[0]), string(metadata[METADATA_LENGTHS:end]), string(metadata[end:]));
    }

    /// @notice The token of a description.
    function describedToken(bytes calldata payload) internal pure returns (address) {
        return _readPlainHead(payload);
    }

    /// @notice Payload of a claim.
    function encodeClaim(bytes32 key, address solver) internal pure returns (bytes memory) {
        return abi.encodePacked(
            uint256(0), uint256(Kind.Claim) << KIND_SHIFT, key, uint256(uint160(solver))
        );
    }

    /// @notice Reads a claim.
    function decodeClaim(bytes calldata payload) internal pure returns (bytes32 key, address solver) {
        require(payload.length == CLAIM_LENGTH && _readPlainHead(payload) == address(0), ITokenBridge.InvalidPayload());
        key = bytes32(payload[64:96]);
        uint256 word = uint256(bytes32(payload[96:128]));
        require(word >> 160 == 0, ITokenBridge.InvalidPayload());
        solver = address(uint160(word));
    }

    /// @notice The account in the lower 160 bits of a word. In assembly, as the compiler clears the others twice.
    function accountIn(uint256 word) internal pure returns (address account) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            account := shr(96, shl(96, word))
        }
    }

    /// @dev The four words, which stand in memory as they are sent.
    function _words(Transfer memory transfer) private pure returns (bytes memory words) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            words := mload(0x40)
            mstore(0x40, add(words, 0xa0))
            mstore(words, LENGTH)
            mcopy(add(words, 0x20), transfer, LENGTH)
        }
    }

    /// @dev A word of a payload, or of what follows if it is not long enough.
    function _word(bytes calldata payload, uint256 place) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := calldataload(add(payload.offset, place))
        }
    }

    /// @dev What follows the words.
    function _readTails(Transfer memory transfer, bytes calldata payload, uint256 flags) private pure {
        uint256 length = LENGTH + (flags & 1) * ID_LENGTH + (flags >> 1) * SENDER_LENGTH;
        bool isWhole = hasData(transfer) ? payload.length > length : payload.length == length;
        require(isWhole, ITokenBridge.InvalidPayload());
        if (flags & 1 != 0) {
            transfer.id = bytes32(payload[LENGTH:LENGTH + ID_LENGTH]);
            require(transfer.id != 0, ITokenBridge.InvalidPayload());
        }
        if (hasData(transfer)) {
            uint256 sender = uint256(bytes32(payload[length - SENDER_LENGTH:length]));
            require(sender >> 160 == 0, ITokenBridge.InvalidPayload());
            transfer.sender = accountIn(sender);
            transfer.data = payload[length:];
        }
    }

    /// @dev How the words belong together. Returns the flags.
    function _checkWords(Transfer memory transfer) private pure returns (uint256 flags) {
        // Kind, and flags above it. All flags may come with an Out, that of data with a Back, that of the id alone with
        // a Return.
        uint256 form = transfer.second >> KIND_SHIFT;
        flags = form >> 8;
        uint256 tip_ = tip(transfer);
        if (
            (form & ~uint256(0x300) != uint8(Kind.Out) && form & ~uint256(0x200) != uint8(Kind.Back)
                    && form != 0x100 | uint8(Kind.Return)) || (transfer.third >> 240) | (transfer.fourth >> 192) != 0
                || amount(transfer) == 0 || (tip_ != 0 && (tip_ > TIP_PARTS || flags > 1))
        ) revert ITokenBridge.InvalidPayload();
    }

    /// @dev The first two words of what has only token and kind in them. Returns the token.
    function _readPlainHead(bytes calldata payload) private pure returns (address) {
        uint256 word = uint256(bytes32(payload[0:32]));
        require(
            word >> 160 == 0 && uint256(bytes32(payload[32:64])) == uint256(kindOf(payload)) << KIND_SHIFT,
            ITokenBridge.InvalidPayload()
        );
        return address(uint160(word));
    }
}
