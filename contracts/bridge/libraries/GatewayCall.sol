// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IMetalayer} from "../../interfaces/IMetalayer.sol";
import {Attributes} from "../../metalayer/libraries/Attributes.sol";
import {Erc7930} from "../../metalayer/libraries/Erc7930.sol";

/// @title GatewayCall: sends a message of this contract to the contract at its own address on another chain
/// @notice What `sendMessage` of a gateway does, in less gas: of the compiler's own encoding, most copies what was just
/// written.
library GatewayCall {
    /// @notice Sends `payload` with the attribute {Attributes-COMPACT}. Reverts as the gateway does.
    /// @param gasLimit Below 2^32.
    /// @param returnGasLimit Below 2^24.
    /// @param deadline Unix time; zero for the gateway's default.
    function send(
        IMetalayer gateway,
        uint256 destination,
        bytes memory payload,
        uint256 gasLimit,
        uint256 returnGasLimit,
        address payer,
        uint256 deadline
    ) internal returns (bytes32 id) {
        bytes memory account = Erc7930.encode(destination, address(this));
        uint256 terms = Attributes.pack(gasLimit, returnGasLimit, payer, deadline);
        bytes4 selector = IERC7786GatewaySource.sendMessage.selector;
        bytes4 attribute = Attributes.COMPACT;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // Beyond the free memory pointer, which is not moved.
            let data := mload(0x40)
            mstore(data, selector)
            let arguments := add(data, 4)
            mstore(arguments, 0x60)
            let next := add(arguments, 0x60)
            let size := and(add(mload(account), 0x3f), not(0x1f))
            mcopy(next, account, size)
            next := add(next, size)
            mstore(add(arguments, 0x20), sub(next, arguments))
            size := add(mload(payload), 0x20)
            mcopy(next, payload, size)
            // Zeros up to a whole word.
            mstore(add(next, size), 0)
            next := add(next, and(add(size, 0x1f), not(0x1f)))
            mstore(add(arguments, 0x40), sub(next, arguments))
            // How many attributes there are, where the first stands from the next word on, its length, and 36 bytes.
            mstore(next, 1)
            mstore(add(next, 0x20), 0x20)
            mstore(add(next, 0x40), 0x24)
            mstore(add(next, 0x60), or(attribute, shr(32, terms)))
            mstore(add(next, 0x80), shl(224, terms))
            if iszero(call(gas(), gateway, 0, data, sub(add(next, 0xa0), data), 0x00, 0x20)) {
                returndatacopy(data, 0, returndatasize())
                revert(data, returndatasize())
            }
            // Less comes only from an account without code.
            if lt(returndatasize(), 0x20) { revert(0, 0) }
            id := mload(0x00)
        }
    }
}
