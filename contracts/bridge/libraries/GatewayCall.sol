// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IMetalayer} from "../../interfaces/IMetalayer.sol";
import {Attributes} from "../../metalayer/libraries/Attributes.sol";
import {Erc7930} from "../../metalayer/libraries/Erc7930.sol";

/// @title GatewayCall: sends a message through a gateway
/// @notice What `sendMessage` of a gateway does, in less gas: of the compiler's own encoding of three attributes, most
/// copies what was just written.
library GatewayCall {
    /// @notice Sends `payload` to the account `recipient` on `destination`, with {Attributes}. Reverts as the gateway
    /// does.
    /// @param deadline Unix time; zero for the gateway's default.
    function send(
        IMetalayer gateway,
        uint256 destination,
        address recipient,
        bytes memory payload,
        uint256 gasLimit,
        uint256 returnGasLimit,
        address payer,
        uint256 deadline
    ) internal returns (bytes32 id) {
        bytes memory account = Erc7930.encode(destination, recipient);
        (uint256 data, uint256 next) = _begin(account, payload, deadline == 0 ? 3 : 4);
        next = _attributes(next, gasLimit, returnGasLimit, payer, deadline);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            if iszero(call(gas(), gateway, 0, data, sub(next, data), 0x00, 0x20)) {
                returndatacopy(data, 0, returndatasize())
                revert(data, returndatasize())
            }
            // Less comes only from an account without code.
            if lt(returndatasize(), 0x20) { revert(0, 0) }
            id := mload(0x00)
        }
    }

    /// @dev Everything before the attributes themselves. Beyond the free memory pointer, which is not moved: nothing
    /// may be allocated before the call.
    /// @return data Where the call begins.
    /// @return next Where its first attribute goes.
    function _begin(bytes memory account, bytes memory payload, uint256 count)
        private
        pure
        returns (uint256 data, uint256 next)
    {
        bytes4 selector = IERC7786GatewaySource.sendMessage.selector;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(data, selector)
            let arguments := add(data, 4)
            next := add(arguments, 0x60)
            mstore(arguments, 0x60)
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
            mstore(next, count)
            next := add(next, 0x20)
            // Where each attribute stands, from here on. If there are three, the first overwrites the fourth's place.
            let first := shl(5, count)
            mstore(next, first)
            mstore(add(next, 0x20), add(first, 0x60))
            mstore(add(next, 0x40), add(first, 0xc0))
            mstore(add(next, 0x60), add(first, 0x120))
            next := add(next, first)
        }
    }

    /// @dev Writes three attributes, and a fourth if there is a deadline.
    /// @return next The place behind them.
    function _attributes(
        uint256 place,
        uint256 gasLimit,
        uint256 returnGasLimit,
        address payer,
        uint256 deadline
    ) private pure returns (uint256 next) {
        bytes4 first = Attributes.MIN_GAS_LIMIT;
        bytes4 second = Attributes.RETURN_GAS_LIMIT;
        bytes4 third = Attributes.FEE_PAYER;
        bytes4 fourth = Attributes.DELIVER_BEFORE;
        uint256 payer_ = uint160(payer);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(place, 0x24)
            mstore(add(place, 0x20), or(first, shr(32, gasLimit)))
            mstore(add(place, 0x40), shl(224, gasLimit))
            mstore(add(place, 0x60), 0x24)
            mstore(add(place, 0x80), or(second, shr(32, returnGasLimit)))
            mstore(add(place, 0xa0), shl(224, returnGasLimit))
            mstore(add(place, 0xc0), 0x24)
            mstore(add(place, 0xe0), or(third, shr(32, payer_)))
            mstore(add(place, 0x100), shl(224, payer_))
            next := add(place, 0x120)
            if deadline {
                mstore(next, 0x24)
                mstore(add(place, 0x140), or(fourth, shr(32, deadline)))
                mstore(add(place, 0x160), shl(224, deadline))
                next := add(place, 0x180)
            }
        }
    }
}
