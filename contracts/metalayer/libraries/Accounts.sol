// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Accounts: the one canonical ERC-7930 form of an EVM account
/// @notice Version 1 and chain type eip155 (4 bytes), the length of the chain id (1), the chain id without leading
/// zeros, 20 (1), the account (20). OpenZeppelin's library writes the same for 750 gas more, and its parser takes more:
/// leading zeros, trailing bytes, no account.
library Accounts {
    /// @dev Version and chain type, with the place of the length that follows.
    uint256 private constant PREFIX = 0x0001000000;
    /// @dev Length of all but the chain id.
    uint256 private constant FIXED_LENGTH = 26;
    uint256 private constant ACCOUNT_LENGTH = 20;

    /// @notice Writes the form of an account, with zeros up to a whole word.
    function form(uint256 chainId, address account) internal pure returns (bytes memory result) {
        uint256 idLength = Math.log256(chainId) + 1;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            result := mload(0x40)
            // The length, at most 58 bytes, and the zeros at the end of the last word: less than four words.
            mstore(0x40, add(result, 0x80))
            mstore(result, add(FIXED_LENGTH, idLength))
            mstore(add(result, 0x40), 0)
            // Each part with zeros after it, over which the next one is written.
            mstore(add(result, 0x20), shl(216, or(PREFIX, idLength)))
            mstore(add(result, 0x25), shl(sub(256, shl(3, idLength)), chainId))
            mstore(add(add(result, 0x25), idLength), or(shl(248, ACCOUNT_LENGTH), shr(8, shl(96, account))))
        }
    }

    /// @notice Turns the form of one account into that of another on the same chain, in place.
    function set(bytes memory written, address account) internal pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // The 32 bytes that end where the form ends; it is shorter than 64, so they may begin in its length word.
            let last := add(written, mload(written))
            mstore(last, or(shl(160, shr(160, mload(last))), shr(96, shl(96, account))))
        }
    }

    /// @notice Reads a form. `account` is zero if it is not canonical.
    function parse(bytes calldata given) internal pure returns (uint256 chainId, address account) {
        unchecked {
            // What is too short gives a length beyond all bounds.
            uint256 idLength = given.length - FIXED_LENGTH;
            if (idLength - 1 >= 32) return (0, address(0));
            uint256 prefix;
            uint256 last;
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                prefix := shr(216, calldataload(given.offset))
                chainId := shr(sub(256, shl(3, idLength)), calldataload(add(given.offset, 5)))
                // The 32 bytes that end where the form ends: what may be before it is not used.
                last := calldataload(sub(add(given.offset, given.length), 32))
            }
            bool isMinimal = chainId >> (8 * (idLength - 1)) != 0;
            if (prefix == PREFIX | idLength && isMinimal && uint8(last >> 160) == ACCOUNT_LENGTH) {
                account = address(uint160(last));
            }
        }
    }
}
