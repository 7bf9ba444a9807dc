// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the bond may get wrong: each is one line that a careless change could lose.
enum StakingBug {
    None,
    // Slashes
    CutOffAtSettlement,
    MaturingExitsPaid,
    MaturityAnswers,
    ExitsNotCounted,
    EveryCaseCounts,
    SeatsWeigh,
    ProRata,
    RoundedDown,
    BountyOfDelegated,
    SettledTwice,
    StakeAfterTheEnd,
    StakeWhileAccused,
    AccusedKeepsSeat,
    // Stake
    OwnTooLow,
    TooManyTimesOwn,
    FreeRightAfterSeat,
    ReadAgainWhenGiven,
    ReadAgainWhenNobodys,
    // Rewards
    DustLengthensStream,
    IdleTimePaid,
    NotCollected,
    SeatNotTouched,
    CommissionBackwards,
    // Seats and sets
    VacatedTooEarly,
    SilentRejoins,
    ExpiryNotLater,
    OlderSetChecksIn,
    CapRoundedUp,
    // Keys
    RetiredKeyForEver,
    RetiredKeyNever,
    // The Slasher
    EquivocationPardoned,
    DismissedUnpardoned,
    AccusedTwice,
    AddressesCompared,
    OldSetAccuses,
    EndedSetAccuses,
    PardonForgotten,
    // What has to be waited for
    RebondedAtOnce,
    LaterCasesNotAwaited,
    // What later sets weigh
    ThresholdNotFixed
}
