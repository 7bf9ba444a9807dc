// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IExpect} from "../interfaces/IExpect.sol";

/// @title Expect
/// @notice See {IExpect}.
contract Expect is IExpect {
    // Of the zero address, too, only what it returns counts.
    // slither-disable-start missing-zero-check

    /// @inheritdoc IExpect
    function result(address target, bytes calldata data, bytes32 expected) external view {
        (bool succeeded, bytes memory returned) = target.staticcall(data);
        bytes32 found = succeeded ? keccak256(returned) : bytes32(0);
        require(succeeded && found == expected, UnexpectedResult(target, data, found, expected));
    }

    /// @inheritdoc IExpect
    function word(address target, bytes calldata data, uint256 index, bytes32 expected) external view {
        (bool succeeded, bytes memory returned) = target.staticcall(data);
        bool isThere = succeeded && index < returned.length / 32;
        bytes32 found;
        if (isThere) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                found := mload(add(add(returned, 0x20), shl(5, index)))
            }
        }
        require(isThere && found == expected, UnexpectedResult(target, data, found, expected));
    }

    /// @inheritdoc IExpect
    function code(address target, bytes32 expected) external view {
        bytes32 found = target.codehash;
        require(found == expected, UnexpectedCode(target, found, expected));
    }

    // slither-disable-end missing-zero-check
}
