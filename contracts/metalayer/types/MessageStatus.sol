// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Status, on its destination, of a message that was not accepted.
/// None: not tried yet, or accepted. Failed: refused, open to `retry` until it expires. Expired: its deadline had
/// passed before the first attempt.
enum MessageStatus {
    None,
    Failed,
    Expired
}
