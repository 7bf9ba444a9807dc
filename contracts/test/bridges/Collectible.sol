// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Crosschain} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Crosschain.sol";
import {MetalayerLinked} from "../../examples/MetalayerLinked.sol";
import {MetalayerNonFungible} from "../../examples/MetalayerNonFungible.sol";
import {IMetalayer} from "../../interfaces/IMetalayer.sol";

/// @title Collectible: OpenZeppelin's crosschain collectibles, with the mix-in
contract Collectible is ERC721Crosschain, MetalayerNonFungible {
    constructor(IMetalayer gateway, Link[] memory links, address holder, uint256 tokenId)
        ERC721("Collectible", "CLB")
        CrosschainLinked(links)
        MetalayerLinked(gateway)
    {
        if (holder != address(0)) _mint(holder, tokenId);
    }

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        override(CrosschainLinked, MetalayerNonFungible)
        returns (bytes32)
    {
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}
