// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Erc7930: interoperable addresses of EVM accounts (ERC-7930), in their one canonical form
/// @notice The form: version 1 and chain type eip155 (4 bytes), length of the chain id (1 byte), chain id without
/// leading zeros, length of the account (1 byte: 20), account (20 bytes). OpenZeppelin's `InteroperableAddress` writes
/// the same bytes for 750 gas more; its parser also accepts leading zeros, trailing bytes and a missing account.
library Erc7930 {
    /// @dev Version and chain type, with the place of the length that follows.
    uint256 private constant PREFIX = 0x0001000000;
    /// @dev Length of everything but the chain id.
    uint256 private constant FIXED_LENGTH = 26;
    uint256 private constant ACCOUNT_LENGTH = 20;

    /// @notice Address of `account` on the chain `chainId`. In memory, zeros follow it up to a whole word.
    function encode(uint256 chainId, address account) internal pure returns (bytes memory result) {
        uint256 idLength = Math.log256(chainId) + 1;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            result := mload(0x40)
            // A length word, at most 58 bytes, and zeros up to the end of their last word: less than four words.
            mstore(0x40, add(result, 0x80))
            mstore(result, add(FIXED_LENGTH, idLength))
            mstore(add(result, 0x40), 0)
            // Each part is written with zeros behind it, which the next part overwrites.
            mstore(add(result, 0x20), shl(216, or(PREFIX, idLength)))
            mstore(add(result, 0x25), shl(sub(256, shl(3, idLength)), chainId))
            mstore(add(add(result, 0x25), idLength), or(shl(248, ACCOUNT_LENGTH), shr(8, shl(96, account))))
        }
    }

    /// @notice Replaces the account in an encoded address, in place. The chain stays.
    function replace(bytes memory encoded, address account) internal pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // The last 32 bytes of the address. It may be shorter than that: then they begin in its length word.
            let last := add(encoded, mload(encoded))
            mstore(last, or(shl(160, shr(160, mload(last))), shr(96, shl(96, account))))
        }
    }

    /// @notice Chain id and account of an encoded address. `account` is zero if its form is not the canonical one.
    function decode(bytes calldata encoded) internal pure returns (uint256 chainId, address account) {
        unchecked {
            // If the address is too short, this wraps around to a length that the next line refuses.
            uint256 idLength = encoded.length - FIXED_LENGTH;
            if (idLength - 1 >= 32) return (0, address(0));
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                let first := calldataload(encoded.offset)
                chainId := shr(sub(256, shl(3, idLength)), calldataload(add(encoded.offset, 5)))
                // The last 32 bytes of the address. They may begin before it; only the last 21 bytes are used.
                let last := calldataload(sub(add(encoded.offset, encoded.length), 32))
                let difference :=
                    or(xor(shr(216, first), or(PREFIX, idLength)), xor(byte(11, last), ACCOUNT_LENGTH))
                // The first byte of the chain id is not zero.
                let isCanonical := and(iszero(difference), gt(byte(5, first), 0))
                account := mul(isCanonical, shr(96, shl(96, last)))
            }
        }
    }
}
