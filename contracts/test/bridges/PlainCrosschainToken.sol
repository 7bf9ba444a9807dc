// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Crosschain} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Crosschain.sol";

/// @title PlainCrosschainToken: OpenZeppelin's crosschain token as it comes
contract PlainCrosschainToken is ERC20Crosschain {
    constructor(Link[] memory links, address holder, uint256 supply) ERC20("Plain", "PLN") CrosschainLinked(links) {
        _mint(holder, supply);
    }
}
