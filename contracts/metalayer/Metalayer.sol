// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Annexed} from "./Annexed.sol";
import {Credit} from "./Credit.sol";
import {Inbox} from "./Inbox.sol";
import {Outbox} from "./Outbox.sol";
import {Routes} from "./Routes.sol";
import {Settlement} from "./Settlement.sol";
import {ValidatorSets} from "./ValidatorSets.sol";
import {InitialRoute} from "./types/Route.sol";
import {ValidatorSet} from "./types/ValidatorSet.sol";

/// @notice Who may do what from the first block on: see {IRoutes}.
/// @param owner The deployer has no rights.
/// @param guardian Zero for nobody.
/// @param recovery Zero for nobody.
/// @param collector Who gets the protocol's share of fees, for ever.
struct Offices {
    address owner;
    address guardian;
    address recovery;
    address collector;
}

/// @title Metalayer
/// @notice See {IMetalayer}.
/// @dev Internal checks of its parts are virtual so that tests can break each of them, and prove that they notice.
contract Metalayer is IMetalayer, Settlement, Inbox {
    /// @param networkId Chain id of the hub.
    /// @param feeToken ERA, which may be deployed later at that address.
    /// @param annex {Annex}, which may be deployed later at that address.
    /// @param offices Who may do what.
    /// @param routes Routes to the chains that the network has already.
    /// @param validatorSet The present validator set of the network. Reverts if it is not valid.
    constructor(
        uint256 networkId,
        IERC20 feeToken,
        address annex,
        Offices memory offices,
        InitialRoute[] memory routes,
        ValidatorSet memory validatorSet
    )
        Routes(networkId, offices.owner, offices.guardian, offices.recovery, routes)
        Credit(feeToken)
        Outbox(offices.collector)
        Annexed(annex)
        ValidatorSets(networkId, validatorSet)
    {}
}
