// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Refunds} from "./Refunds.sol";
import {Restarts} from "./Restarts.sol";
import {Rotations} from "./Rotations.sol";

/// @title Annex: what a gateway does rarely
/// @notice The gateway runs this code on its own storage: see {Annexed}. Called at its own address, it finds no lane,
/// no credit and no validator set: whatever anyone does there, nobody relies on.
contract Annex is Refunds, Restarts, Rotations {
    /// @param networkId Chain id of the hub.
    constructor(uint256 networkId) Refunds(networkId) {}

    function _domainSeparator() internal view override returns (bytes32) {
        return MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), _NETWORK_ID, address(this), bytes32(0)
        );
    }

    function _networkId() internal view override returns (uint256) {
        return _NETWORK_ID;
    }
}
