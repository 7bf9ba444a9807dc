// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What became of a decision. `Unknown` never arrived; `Cancelled` may never have arrived.
enum DecisionOutcome {
    Unknown,
    Pending,
    Executed,
    Cancelled,
    Refused
}

/// @notice What a chain remembers of a decision for ever: one word.
/// @param readyAt When it may be executed (Unix time).
/// @param gateway Which gateway brought it.
/// @param isProtected Whether its only action names the offices.
struct DecisionRecord {
    uint64 readyAt;
    address gateway;
    DecisionOutcome outcome;
    bool isPostponed;
    bool isProtected;
}
