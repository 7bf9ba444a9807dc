// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Bridgeable} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";

/// @title IssuedToken: what its issuer lets a bridge mint and burn (ERC-7802)
/// @notice Part of the supply may be the issuer's own. Anyone may tell it whom it refuses, and that it burns all gas.
contract IssuedToken is ERC20Bridgeable {
    address public immutable BRIDGE;

    mapping(address account => bool) public isBlocked;
    bool public burnsAllGas;

    error Blocked(address account);
    error NotBridge(address caller);

    constructor(address bridge, address holder, uint256 supply) ERC20("Issued", "ISD") {
        BRIDGE = bridge;
        _mint(holder, supply);
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function setBurnsAllGas(bool burns) external {
        burnsAllGas = burns;
    }

    function _checkTokenBridge(address caller) internal view override {
        require(caller == BRIDGE, NotBridge(caller));
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!isBlocked[from], Blocked(from));
        require(!isBlocked[to], Blocked(to));
        while (burnsAllGas) {}
        super._update(from, to, value);
    }
}
