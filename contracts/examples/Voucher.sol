// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Crosschain} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Crosschain.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {MetalayerFungible} from "./MetalayerFungible.sol";
import {MetalayerLinked} from "./MetalayerLinked.sol";

/// @title Voucher: OpenZeppelin's crosschain token, with fees that the caller pays, and nothing lost on the way
contract Voucher is ERC20Crosschain, MetalayerFungible {
    /// @param links The gateway with each counterpart on another chain. Nobody can add one later.
    /// @param holder Receives `supply` on this chain.
    constructor(IMetalayer gateway, Link[] memory links, address holder, uint256 supply)
        ERC20("Voucher", "VCH")
        CrosschainLinked(links)
        MetalayerLinked(gateway)
    {
        _mint(holder, supply);
    }

    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        override(CrosschainLinked, MetalayerFungible)
        returns (bytes32)
    {
        return super._sendMessageToCounterpart(chain, payload, attributes);
    }
}
