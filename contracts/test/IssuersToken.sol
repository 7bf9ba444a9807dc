// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Bridgeable} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";

/// @title IssuersToken: an issuer's token that lets the bridge mint and burn
contract IssuersToken is ERC20Bridgeable {
    address public immutable BRIDGE;

    error NotTheBridge(address caller);

    constructor(address bridge, address holder, uint256 supply) ERC20("Issued", "ISD") {
        BRIDGE = bridge;
        if (supply != 0) _mint(holder, supply);
    }

    function _checkTokenBridge(address caller) internal view override {
        require(caller == BRIDGE, NotTheBridge(caller));
    }
}
