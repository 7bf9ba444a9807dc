// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";

/// @title Senders: the ERC-7930 forms of accounts on one chain, which differ in their last 20 bytes alone
library Senders {
    /// @notice Form of the zero account on a chain, to be written over by `set`.
    function form(uint256 chainId) internal pure returns (bytes memory) {
        return InteroperableAddress.formatEvmV1(chainId, address(0));
    }

    /// @notice Turns the form of one account into that of another on the same chain, in place: building it anew for
    /// each message of a batch would cost 600 gas.
    function set(bytes memory sender, address account) internal pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // The 32 bytes that end where the form ends; it is shorter, so they begin in its length word.
            let last := add(sender, mload(sender))
            mstore(last, or(shl(160, shr(160, mload(last))), shr(96, shl(96, account))))
        }
    }
}
