// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAnnexed} from "./IAnnexed.sol";
import {ICredit} from "./ICredit.sol";
import {IInbox} from "./IInbox.sol";
import {IOutbox} from "./IOutbox.sol";
import {IRoutes} from "./IRoutes.sol";
import {ISettlement} from "./ISettlement.sol";
import {IValidatorSets} from "./IValidatorSets.sol";

/// @title Metalayer: the gateway of one chain
/// @notice Outbox, Settlement, Inbox, ValidatorSets, Routes and Credit at one address, which is the same on every
/// chain.
interface IMetalayer is ISettlement, IAnnexed, IOutbox, IInbox, IRoutes, ICredit, IValidatorSets {}
