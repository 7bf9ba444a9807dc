// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeERC20} from "@openzeppelin/contracts/crosschain/bridges/BridgeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MetalayerFungible} from "../../examples/MetalayerFungible.sol";
import {MetalayerLinked} from "../../examples/MetalayerLinked.sol";
import {IMetalayer} from "../../interfaces/IMetalayer.sol";
import {Attributes} from "../../metalayer/libraries/Attributes.sol";

/// @title CustodyBridge: OpenZeppelin's bridge that takes custody, with the mix-in and a deadline of its own
contract CustodyBridge is BridgeERC20, MetalayerFungible {
    constructor(IMetalayer gateway, Link[] memory links, IERC20 token)
        BridgeERC20(token)
        CrosschainLinked(links)
        MetalayerLinked(gateway)
    {}

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory)
        internal
        override(CrosschainLinked, MetalayerFungible)
        returns (bytes32)
    {
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSelector(Attributes.DELIVER_BEFORE, block.timestamp + 1 days);
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}
