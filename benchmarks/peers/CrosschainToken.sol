// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Crosschain} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Crosschain.sol";

/// @title CrosschainToken: OpenZeppelin's ERC20Crosschain with nothing added
contract CrosschainToken is ERC20Crosschain {
    constructor(Link[] memory links, uint256 supply) ERC20("Token", "T") CrosschainLinked(links) {
        _mint(msg.sender, supply);
    }
}
