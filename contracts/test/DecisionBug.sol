// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the two halves of remote governance may get wrong: each is one line that a careless change could lose.
enum DecisionBug {
    None,
    // DecisionOutbox
    RevertsWhenClosed,
    SendsUnrecorded,
    RecordsTwice,
    PaysForEverybody,
    TimeBeginsAnew,
    // RemoteGovernor: arrival
    ForgetsIds,
    AnyChainDecides,
    AnySenderDecides,
    ProtectedIfContained,
    OfficesAtOnce,
    CancelsExecuted,
    CancelsOnlyArrived,
    CancelsForAll,
    BeginsOnce,
    ProtectedAfterAnother,
    // RemoteGovernor: offices
    PostponesTwice,
    PostponesExpired,
    PostponesProtected,
    RefusesAtOnce,
    // RemoteGovernor: execution
    GraceFromArrival,
    ExecutesExpired,
    CodesUnchecked,
    CallsNothing,
    PrecedentIgnored,
    PrecedentTakesTime,
    PrecedentAnyTime,
    OfficesVoidNothing,
    GatewayDropsItself,
    DroppedGatewayDrops,
    DroppedGatewayStands
}
