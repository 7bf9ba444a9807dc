// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What a gateway may get wrong: each is one line that a careless change could lose.
enum Bug {
    None,
    CallsWithTooLittleGas,
    ExecutesExpired,
    RetriesAfterReturn,
    ReturnsBeforeExpiry,
    RefundsWithoutWalk,
    RefundsTwice,
    ClaimNotCumulative,
    EscrowNotBounded,
    TwoThirdsSuffice,
    IgnoresPause,
    RotatesBackwards,
    RestartsBackwards,
    HeadNotChecked,
    CallsBackWithTooLittleGas,
    CallsBackWithAllGas,
    OldEpochCounts,
    CarrierPaidTwice,
    ReturnerPaidTwice,
    PauseExtendedFromNow,
    ClosedLaneExecutes,
    NoticeLost,
    NoticeTakenInTwice,
    VersionUnbounded,
    GraceForDeliveries,
    OldNoticeTakenIn,
    AdoptsAnything,
    RotatesOnTheHub
}
