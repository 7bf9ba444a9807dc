// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {ITokenMetadata} from "../interfaces/ITokenMetadata.sol";

/// @title TokenMetadata
/// @notice See {ITokenMetadata}.
contract TokenMetadata is ITokenMetadata {
    /// @dev What a token gets for each answer.
    uint256 private constant READ_GAS = 50_000;
    /// @dev Gas that must be left before a read, so that the token gets `READ_GAS` under the 63/64 rule (EIP-150) after
    /// the account and, if it delegates (EIP-7702), that of its code were found cold, 2,600 each.
    uint256 private constant GAS_NEEDED = READ_GAS * 64 / 63 + 6_000;
    /// @dev Most that is copied of an answer: offset and length of a string, the longest that is kept, and what shows
    /// where its last character ends.
    uint256 private constant MAX_COPY = 160;
    uint256 private constant MAX_NAME = 64;
    uint256 private constant MAX_SYMBOL = 32;

    /// @inheritdoc ITokenMetadata
    function read(address token) external view returns (uint8 decimals, string memory name, string memory symbol) {
        return (
            _decimals(token),
            _text(token, IERC20Metadata.name.selector, MAX_NAME),
            _text(token, IERC20Metadata.symbol.selector, MAX_SYMBOL)
        );
    }

    function _decimals(address token) private view returns (uint8) {
        (bytes memory answer,) = _read(token, IERC20Metadata.decimals.selector);
        uint256 value = answer.length < 32 ? 0 : uint256(bytes32(answer));
        // forge-lint: disable-next-line(unsafe-typecast)
        return value > type(uint8).max ? 0 : uint8(value);
    }

    function _text(address token, bytes4 selector, uint256 maximum) private view returns (string memory) {
        (bytes memory answer, uint256 size) = _read(token, selector);
        uint256 from;
        uint256 length;
        if (size == 32) {
            // A bytes32, as of tokens before 2018: up to its first zero.
            while (length < 32 && answer[length] != 0) ++length;
        } else if (size >= 64 && uint256(bytes32(answer)) == 32) {
            // As every encoder writes it.
            from = 64;
            length = uint256(bytes32(Bytes.slice(answer, 32, 64)));
            if (length > size - 64) length = 0;
            if (length > maximum) length = _end(answer, 64, maximum);
        }
        return length == 0 ? "?" : string(Bytes.slice(answer, from, from + length));
    }

    /// @dev Where a text of more than `maximum` bytes, from `start` on, is cut so that no character is (UTF-8): all but
    /// the first of a character's at most four bytes begin with the bits 10. What is no UTF-8 is cut anywhere.
    function _end(bytes memory answer, uint256 start, uint256 maximum) private pure returns (uint256) {
        for (uint256 back; back < 4; ++back) {
            if (answer[start + maximum - back] & 0xc0 != 0x80) return maximum - back;
        }
        return maximum;
    }

    /// @return answer What the token answers, at most `MAX_COPY` bytes of it; nothing if it fails.
    /// @return size Length of the whole answer.
    function _read(address token, bytes4 selector) private view returns (bytes memory answer, uint256 size) {
        // Else who brings too little gas could give a token any of its names, or none.
        require(gasleft() >= GAS_NEEDED, TooLittleGas());
        answer = new bytes(MAX_COPY);
        // Solidity copies all of what a call returns. Only a part of it, and only if it succeeds, is wanted.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0x00, selector)
            if staticcall(READ_GAS, token, 0x00, 0x04, 0x00, 0x00) {
                size := returndatasize()
                let copied := size
                if gt(copied, MAX_COPY) { copied := MAX_COPY }
                returndatacopy(add(answer, 0x20), 0x00, copied)
            }
            // No more of it was written.
            mstore(answer, size)
            if gt(size, MAX_COPY) { mstore(answer, MAX_COPY) }
        }
    }
}
