// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What became of a decision. `Unknown` never arrived.
enum DecisionOutcome {
    Unknown,
    Pending,
    Executed,
    Refused
}

/// @notice What a chain remembers of a decision for ever: one word. Gateways are bits, in the order in which they were
/// accepted first.
/// @param readyAt When it may be executed (Unix time), unless it waits for its precedent.
/// @param executedAt When it was executed (Unix time).
/// @param broughtBy Gateways that brought it.
/// @param cancelledBy Gateways that brought a decision which cancels it.
/// @param offices How many times the offices had been named when it arrived.
/// @param isProtected Whether its only action names the offices, whatever else was executed.
struct DecisionRecord {
    uint64 readyAt;
    uint64 executedAt;
    uint32 broughtBy;
    uint32 cancelledBy;
    uint32 offices;
    DecisionOutcome outcome;
    bool isPostponed;
    bool isProtected;
}
