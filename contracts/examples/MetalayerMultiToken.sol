// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeMultiToken} from "@openzeppelin/contracts/crosschain/bridges/abstract/BridgeMultiToken.sol";
import {MetalayerLinked} from "./MetalayerLinked.sol";

/// @title MetalayerMultiToken: for `BridgeERC1155` and `ERC1155Crosschain`
/// @notice A contract that owns such tokens is asked to accept them when they come back. If it refuses, or uses more
/// gas than the return has, they wait in the gateway until it accepts.
abstract contract MetalayerMultiToken is BridgeMultiToken, MetalayerLinked {
    /// @notice What `crosschainTransferFrom` of so many ids, with so many bytes of data, costs the caller, in wei of
    /// ERA.
    function quote(bytes calldata to, uint256 ids, uint256 dataLength) external view returns (uint256) {
        (bytes memory from, bytes memory beneficiary) = _accounts();
        uint256[] memory words = new uint256[](ids);
        return _quote(to, abi.encode(from, beneficiary, words, words, new bytes(dataLength)));
    }

    /// @dev Without the data, which was for the beneficiary.
    function _giveBack(address from, bytes calldata payload) internal override {
        (,, uint256[] memory ids, uint256[] memory values) = abi.decode(payload, (bytes, bytes, uint256[], uint256[]));
        _onReceive(from, ids, values, "");
    }

    /// @dev An id and its value are 64 bytes, and cost up to 24,000 gas. A beneficiary that does more than to accept
    /// needs more.
    function _gasLimit(uint256 payloadLength) internal view virtual override returns (uint256) {
        return 400 * payloadLength;
    }

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        virtual
        override(CrosschainLinked, MetalayerLinked)
        returns (bytes32)
    {
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}
