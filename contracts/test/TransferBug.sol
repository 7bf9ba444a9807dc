// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the bridge may get wrong about transfers: each is one line that a careless change could lose.
enum TransferBug {
    None,
    // Accounts
    AccountNotChecked,
    ReturnLeavesAccount,
    LockOfAllTokens,
    NotLocked,
    NominalAmountCounts,
    OriginOfCallPays,
    HistoryAfterChange,
    FeeOutOfOtherAccount,
    // Fronting
    ClaimIgnored,
    ClaimFromAnywhere,
    ClaimOfAnotherEnd,
    ClaimById,
    FrontAfterArrival,
    ArrivalNotMarked,
    KeyWithoutId,
    KeyWithoutAmount,
    KeyWithoutRecipient,
    // Limits
    LimitOnReturns,
    ReturnKindUnlimited,
    WaitingSinceStart,
    WaitingSkipped,
    WaitedConsumes,
    GivenBackBelowZero,
    OldUseAtNewRate,
    PokesRoundUp,
    HoldForgottenOnBack,
    HoldStopsClaims,
    StrikeForgotten,
    // Assets
    DescribedThoughReturned,
    DescriptionOverwrites,
    AdoptedAfterArrival,
    EraOfAnyHome,
    // Hops
    DeadlineRenewed,
    LeftOverToSender,
    CalledBeforePayment,
    // Gateways
    AnyGateway,
    AcceptedAtOnce,
    IdsOfGatewaysMixed
}
