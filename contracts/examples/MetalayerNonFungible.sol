// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeNonFungible} from "@openzeppelin/contracts/crosschain/bridges/abstract/BridgeNonFungible.sol";
import {MetalayerLinked} from "./MetalayerLinked.sol";

/// @title MetalayerNonFungible: for `BridgeERC721` and `ERC721Crosschain`
abstract contract MetalayerNonFungible is BridgeNonFungible, MetalayerLinked {
    /// @notice What `crosschainTransferFrom` costs the caller, in wei of ERA.
    function quote(bytes calldata to) external view returns (uint256) {
        (bytes memory from, bytes memory beneficiary) = _accounts();
        return _quote(to, abi.encode(from, beneficiary, uint256(0)));
    }

    function _giveBack(address from, bytes calldata payload) internal override {
        (,, uint256 tokenId) = abi.decode(payload, (bytes, bytes, uint256));
        _onReceive(from, tokenId);
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
