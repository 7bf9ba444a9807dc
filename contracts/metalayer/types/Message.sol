// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Fee} from "./Fee.sol";

/// @notice What the sender decides about a message. Origin, destination and nonce are not part of it: the Inbox takes
/// them from the lane, so that no message can claim a place other than its own.
/// @param sender Account that sent it, on the origin.
/// @param recipient Contract that receives it, on the destination.
/// @param gasLimit Gas with which the recipient is called.
/// @param deliverBefore Last second (Unix time) at which it may be executed.
/// @param fee What its relayers may earn on the origin.
/// @param payload At most 8,192 bytes.
struct Message {
    address sender;
    address recipient;
    uint64 gasLimit;
    uint64 deliverBefore;
    Fee fee;
    bytes payload;
}
