// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeERC20} from "@openzeppelin/contracts/crosschain/bridges/BridgeERC20.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Crosschain} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Crosschain.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Crosschain} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Crosschain.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Crosschain} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Crosschain.sol";
import {
    MetalayerFungible,
    MetalayerLinked,
    MetalayerMultiToken,
    MetalayerNonFungible
} from "../examples/MetalayerBridges.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";

/// @notice OpenZeppelin's crosschain token as it comes.
contract PlainCrosschainToken is ERC20Crosschain {
    constructor(Link[] memory links, address holder, uint256 supply) ERC20("Plain", "PLN") CrosschainLinked(links) {
        _mint(holder, supply);
    }
}

/// @notice A token that knows nothing of other chains.
contract PlainToken is ERC20 {
    constructor(address holder, uint256 supply) ERC20("Plain", "PLN") {
        _mint(holder, supply);
    }
}

/// @notice OpenZeppelin's bridge that takes custody, with the mix-in.
contract CustodyBridge is BridgeERC20, MetalayerFungible {
    constructor(IMetalayer gateway, Link[] memory links, IERC20 token)
        BridgeERC20(token)
        CrosschainLinked(links)
        MetalayerLinked(gateway)
    {}

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        override(CrosschainLinked, MetalayerFungible)
        returns (bytes32)
    {
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}

/// @notice OpenZeppelin's crosschain collectibles, with the mix-in.
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

/// @notice OpenZeppelin's crosschain multi-token, with the mix-in: `supply` of the ids 1 and 2.
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
