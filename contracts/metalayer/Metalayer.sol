// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Credit} from "./Credit.sol";
import {Inbox} from "./Inbox.sol";
import {Routes} from "./Routes.sol";
import {Settlement} from "./Settlement.sol";
import {ValidatorSets} from "./ValidatorSets.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @title Metalayer
/// @notice See {IMetalayer}.
/// @dev Internal checks of its parts are virtual so that tests can break each of them, and prove that they notice.
contract Metalayer is IMetalayer, Settlement, Inbox {
    /// @param networkId Chain id of the hub.
    /// @param feeToken ERA, which may be deployed later at that address.
    /// @param initialOwner Owner from the first block on; the deployer has no rights.
    /// @param initialGuardian Who may pause deliveries; zero for nobody.
    /// @param validatorSet The first validator set. Reverts if it is not valid.
    constructor(
        uint256 networkId,
        IERC20 feeToken,
        address initialOwner,
        address initialGuardian,
        ValidatorSet memory validatorSet
    )
        Routes(networkId, initialOwner, initialGuardian)
        Credit(feeToken)
        ValidatorSets(networkId, validatorSet)
    {}
}
