// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Crosschain} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Crosschain.sol";
import {MetalayerLinked} from "../../examples/MetalayerLinked.sol";
import {MetalayerMultiToken} from "../../examples/MetalayerMultiToken.sol";
import {IMetalayer} from "../../interfaces/IMetalayer.sol";

/// @title Inventory: OpenZeppelin's crosschain multi-token, with the mix-in: `supply` of the ids 1 and 2
contract Inventory is ERC1155Crosschain, MetalayerMultiToken {
    constructor(IMetalayer gateway, Link[] memory links, address holder, uint256 supply)
        ERC1155("")
        CrosschainLinked(links)
        MetalayerLinked(gateway)
    {
        _mint(holder, 1, supply, "");
        _mint(holder, 2, supply, "");
    }

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        override(CrosschainLinked, MetalayerMultiToken)
        returns (bytes32)
    {
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}
