// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeFungible} from "@openzeppelin/contracts/crosschain/bridges/abstract/BridgeFungible.sol";
import {MetalayerLinked} from "./MetalayerLinked.sol";

/// @title MetalayerFungible: for `BridgeERC20`, `BridgeERC7802` and `ERC20Crosschain`
abstract contract MetalayerFungible is BridgeFungible, MetalayerLinked {
    /// @notice What `crosschainTransfer` costs the caller, in wei of ERA.
    function quote(bytes calldata to) external view returns (uint256) {
        (bytes memory from, bytes memory beneficiary) = _accounts();
        return _quote(to, abi.encode(from, beneficiary, uint256(0)));
    }

    function _giveBack(address from, bytes calldata payload) internal override {
        (,, uint256 amount) = abi.decode(payload, (bytes, bytes, uint256));
        _onReceive(from, amount);
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
