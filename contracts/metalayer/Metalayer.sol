// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Inbox} from "./Inbox.sol";
import {ValidatorSet} from "./libraries/Attestations.sol";
import {Outbox} from "./Outbox.sol";
import {Routes} from "./Routes.sol";

/// @title Metalayer
/// @notice See {IMetalayer}.
contract Metalayer is IMetalayer, Outbox, Inbox {
    /// @param networkId Chain id of the hub.
    /// @param initialOwner Owner from the first block on: the deployer never is.
    /// @param validatorSet The set that signs first. Reverts if it is not valid.
    constructor(uint256 networkId, address initialOwner, ValidatorSet memory validatorSet)
        Routes(networkId, initialOwner)
        Inbox(validatorSet)
    {}
}
