// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Refunds} from "./Refunds.sol";
import {Restarts} from "./Restarts.sol";
import {Rotations} from "./Rotations.sol";

/// @title Annex: what a gateway does rarely
/// @notice The gateway runs this code on its own storage: see {Annexed}. Called at its own address, it finds no lane
/// and no credit, and no validator set but one that it would adopt: whatever anyone does there, nobody relies on.
contract Annex is Refunds, Restarts, Rotations {
    /// @param networkId Chain id of the hub.
    /// @param staking On the hub, the contract that publishes validator sets, which may be deployed later at that
    /// address; zero on every other chain.
    constructor(uint256 networkId, address staking) Refunds(networkId) Rotations(staking) {
        require(staking == address(0) || block.chainid == networkId, StakingNotHere(staking));
    }

    function _domainSeparator() internal view override returns (bytes32) {
        return MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), _NETWORK_ID, address(this), bytes32(0)
        );
    }

    function _networkId() internal view override returns (uint256) {
        return _NETWORK_ID;
    }
}
