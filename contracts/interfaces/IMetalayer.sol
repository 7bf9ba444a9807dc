// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInbox} from "./IInbox.sol";
import {IOutbox} from "./IOutbox.sol";
import {IRoutes} from "./IRoutes.sol";

/// @title Metalayer: the gateway of one chain
/// @notice Outbox, Inbox and Routes at one address, which is the same on every chain.
interface IMetalayer is IOutbox, IInbox, IRoutes {}
