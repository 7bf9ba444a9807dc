// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Message} from "./Message.sol";

/// @notice Consecutive messages of one lane, and the proof that ties them to a signed head.
/// @dev Function selectors are compared one after another, at 22 gas each. This order of the members gives `deliver`
/// one of the lowest selectors.
/// @param messages Messages to execute now, in lane order.
/// @param origin Chain id of the origin.
/// @param first Nonce of the first element: of `messages`, or of `ids` if there are no messages.
/// @param proof Merkle proof of the lane fact: origin, this chain, the nonce of the last element, and the head that
/// the elements lead to from the Inbox's own head.
/// @param ids Ids of the messages after the last of `messages`, up to the signed head.
struct Batch {
    Message[] messages;
    uint256 origin;
    uint64 first;
    bytes32[] proof;
    bytes32[] ids;
}
