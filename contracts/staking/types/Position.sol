// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What an account delegated to a validator.
/// @param units Bonded, in wei of ERA.
/// @param index The validator's index up to which the account's rewards were collected.
struct Position {
    uint96 units;
    uint128 index;
}

/// @notice What leaves a validator with one period, in wei of ERA.
struct Exits {
    uint128 delegated;
    uint128 own;
}

/// @notice All stake of an account, whatever it is bonded to.
/// @param held Bonded, and with exits that were not withdrawn, in wei of ERA.
/// @param surrogate Who holds it.
struct Account {
    uint96 held;
    address surrogate;
}

/// @notice A validator's key, which never is another's.
/// @param validator Id.
/// @param retiredAt When another took its place (Unix time); zero if none did.
struct Key {
    uint16 validator;
    uint40 retiredAt;
}

/// @notice The rewards of all, in wei of ERA.
/// @param earnedPerUnit What one seated wei ever earned, times 2^80.
/// @param streaming Left to earn until `streamEnd`.
/// @param waiting Begins to stream at `streamEnd`.
/// @param accruedAt Up to when `earnedPerUnit` and `streaming` are accounted (Unix time).
/// @param streamEnd When the stream ends (Unix time), if somebody is seated until then.
/// @param accounted Streaming, waiting, or earned and not claimed. What the contract holds above it arrived since.
struct Rewards {
    uint128 earnedPerUnit;
    uint96 streaming;
    uint96 waiting;
    uint40 accruedAt;
    uint40 streamEnd;
    uint96 accounted;
}
