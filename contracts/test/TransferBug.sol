// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Front} from "../bridge/types/Transfer.sol";

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

/// @notice Terms of a transfer without what a bug forgets of its key.
function forget(Front memory whole, TransferBug bug) pure returns (Front memory terms) {
    if (bug == TransferBug.ClaimById) {
        terms.id = whole.id;
        return terms;
    }
    terms = abi.decode(abi.encode(whole), (Front));
    if (bug == TransferBug.KeyWithoutId) terms.id = 0;
    if (bug == TransferBug.KeyWithoutAmount) terms.amount = 0;
    if (bug == TransferBug.KeyWithoutRecipient) terms.to = address(0);
}
