// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the governor may get wrong: each is one line that a careless change could lose.
enum GovernorBug {
    None,
    // Pins
    NoPins,
    PayeesPinned,
    PinnedForTheQueueOnly,
    // Objections
    FlipsBothWays,
    AbstentionsObject,
    ObjectionsFromNow,
    // Expiry
    PassedForEver,
    ExpiryOfTheDay,
    // The guardian
    ReplacementContained,
    ZeroGuardian,
    // Time
    ClockOfTheToken
}
