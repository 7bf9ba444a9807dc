// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice A validator's key, which never is another's.
/// @param validator Id.
/// @param retiredAt When another took its place (Unix time); zero if none did.
struct Key {
    uint16 validator;
    uint40 retiredAt;
}
