// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITokenBridge} from "../../interfaces/ITokenBridge.sol";
import {Kind, Transfer} from "../types/Transfer.sol";

/// @title Transfers: what messages between bridges look like
/// @notice A transfer is four words, each from the lowest bit:
/// - token 160, tip 32, hopAt 40, extraGas 24;
/// - from 160, chain 64, ramp 16, kind 8, flags 8;
/// - to 160, deadline 40, sentAt 40, zero 16;
/// - amount 128, fee 64, zero 64.
/// Flag 1: the id of the transfer follows, one word. Flag 2: its sender, one word, and data up to the end follow.
/// A description and a claim have the first two words, with nothing but `token` and `kind` in them.
library Transfers {
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
    uint256 private constant KIND_SHIFT = 240;
    uint256 private constant ID_FLAG = 1;
    uint256 private constant DATA_FLAG = 2;

    /// @notice Payload of a transfer.
    function encode(Transfer memory transfer) internal pure returns (bytes memory payload) {
        uint256 flags = (transfer.id == 0 ? 0 : ID_FLAG) | (transfer.hasData ? DATA_FLAG : 0);
        payload = abi.encodePacked(
            uint256(uint160(transfer.token)) | (uint256(transfer.tip) << 160) | (uint256(transfer.hopAt) << 192)
                | (uint256(transfer.extraGas) << 232),
            uint256(uint160(transfer.from)) | (uint256(transfer.chain) << 160) | (uint256(transfer.ramp) << 224)
                | (uint256(transfer.kind) << KIND_SHIFT) | (flags << 248),
            uint256(uint160(transfer.to)) | (uint256(transfer.deadline) << 160) | (uint256(transfer.sentAt) << 200),
            uint256(transfer.amount) | (uint256(transfer.fee) << 128)
        );
        if (transfer.id != 0) payload = bytes.concat(payload, transfer.id);
        if (transfer.hasData) {
            payload = bytes.concat(payload, bytes32(uint256(uint160(transfer.sender))), transfer.data);
        }
    }

    /// @notice Reads a transfer. Reverts if any bit of it is not as a bridge sends it.
    function decode(bytes calldata payload) internal pure returns (Transfer memory transfer) {
        require(payload.length >= LENGTH, ITokenBridge.InvalidPayload());
        uint256 flags = _readHead(payload, transfer);
        uint256 length = LENGTH;
        if (flags & ID_FLAG != 0) {
            transfer.id = bytes32(payload[length:length + ID_LENGTH]);
            require(transfer.id != 0, ITokenBridge.InvalidPayload());
            length += ID_LENGTH;
        }
        if (flags & DATA_FLAG != 0) {
            transfer.hasData = true;
            uint256 sender = uint256(bytes32(payload[length:length + SENDER_LENGTH]));
            require(sender >> 160 == 0 && transfer.tip == 0, ITokenBridge.InvalidPayload());
            transfer.sender = address(uint160(sender));
            transfer.data = payload[length + SENDER_LENGTH:];
        } else {
            require(payload.length == length, ITokenBridge.InvalidPayload());
        }
    }

    /// @notice Kind of a payload. Reverts if it is none that is sent.
    function kindOf(bytes calldata payload) internal pure returns (Kind) {
        require(payload.length >= HEAD_LENGTH, ITokenBridge.InvalidPayload());
        uint256 kind = uint8(uint256(bytes32(payload[32:64])) >> KIND_SHIFT);
        require(kind != 0 && kind <= uint256(type(Kind).max), ITokenBridge.InvalidPayload());
        return Kind(kind);
    }

    /// @notice Payload of a description. Name and symbol have less than 256 bytes.
    function encodeDescription(address token, uint8 decimals, bytes memory name, bytes memory symbol)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            uint256(uint160(token)),
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
        returns (address token, uint8 decimals, string memory name, string memory symbol)
    {
        token = _readPlainHead(payload);
        bytes calldata metadata = payload[HEAD_LENGTH:];
        require(metadata.length >= METADATA_LENGTHS, ITokenBridge.InvalidPayload());
        uint256 end = METADATA_LENGTHS + uint8(metadata[1]);
        require(metadata.length == end + uint8(metadata[2]), ITokenBridge.InvalidPayload());
        return (token, uint8(metadata[0]), string(metadata[METADATA_LENGTHS:end]), string(metadata[end:]));
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

    /// @dev The four words, and how they belong together. Returns the flags.
    function _readHead(bytes calldata payload, Transfer memory transfer) private pure returns (uint256 flags) {
        uint256 word = uint256(bytes32(payload[0:32]));
        transfer.token = address(uint160(word));
        transfer.tip = uint32(word >> 160);
        transfer.hopAt = uint40(word >> 192);
        transfer.extraGas = uint24(word >> 232);
        word = uint256(bytes32(payload[32:64]));
        transfer.from = address(uint160(word));
        transfer.chain = uint64(word >> 160);
        transfer.ramp = uint16(word >> 224);
        transfer.kind = kindOf(payload);
        flags = word >> 248;
        word = uint256(bytes32(payload[64:96]));
        transfer.to = address(uint160(word));
        transfer.deadline = uint40(word >> 160);
        transfer.sentAt = uint40(word >> 200);
        uint256 last = uint256(bytes32(payload[96:128]));
        transfer.amount = uint128(last);
        transfer.fee = uint64(last >> 128);
        bool isOne = transfer.kind == Kind.Out || (transfer.kind == Kind.Back && flags & ID_FLAG == 0)
            || (transfer.kind == Kind.Return && flags == ID_FLAG);
        require(
            isOne && flags <= ID_FLAG | DATA_FLAG && (word >> 240) | (last >> 192) == 0
                && transfer.tip <= TIP_PARTS && transfer.amount != 0,
            ITokenBridge.InvalidPayload()
        );
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
