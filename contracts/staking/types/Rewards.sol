// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

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
