// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice All stake of an account, whatever it is bonded to.
/// @param held Bonded, and with exits that were not withdrawn, in wei of ERA.
/// @param surrogate Who holds it.
struct Account {
    uint96 held;
    address surrogate;
}
