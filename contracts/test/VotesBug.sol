// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the bridge and the votes on spokes may get wrong: each is one line that a careless change could lose.
enum VotesBug {
    None,
    // TokenBridge
    NoClock,
    ClockOnTheHubOnly,
    ClockOnSpokesOnly,
    ClockTooStrict,
    ClockASecondLoose,
    SecondOfTheFirstHop,
    PrepaidWithoutClock,
    ReturnsWithoutClock,
    HourRoundedDown,
    // HubVotePool
    PresentCap,
    SumCastAgain,
    LowerTallyKept,
    AnySnapshotKept,
    InFavourAfterTheDeadline,
    ClosedChainCast,
    CutNothing,
    LieOutlivesRestart,
    // SpokeVotes
    WeightOfNow,
    PartsOfTheWhole,
    SnapshotNotSigned
}
