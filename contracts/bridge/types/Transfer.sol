// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What a message between bridges is. None is never sent.
/// - Out: from a token's home to another chain, where the amount is minted.
/// - Back: from another chain to the token's home, which releases the amount, or sends it on with an Out.
/// - Return: from the home to the chain where a transfer started: it ended nowhere else.
/// - Describe: a token's metadata, from its home, before the first Out to a chain.
/// - Claim: from the chain where a transfer should end to the one where it started: a solver has paid its recipient.
enum Kind {
    None,
    Out,
    Back,
    Return,
    Describe,
    Claim
}

/// @notice What a message of kind Out, Back or Return carries: four words, whose bits {Transfers} gives, and what
/// follows them.
/// @param kind See {Kind}.
/// @param token The token's address on its home.
/// @param from Who gets the amount back.
/// @param to Who gets it.
/// @param chain The far end. Out: where the transfer started. Back: where it ends. Return: where it should have ended.
/// @param amount In the token's smallest unit.
/// @param fee ERA (gwei) that was prepaid for the hop after this one.
/// @param tip Most that a solver keeps, in billionths of the amount; zero if it cannot be fronted.
/// @param ramp Seconds after `sentAt` over which what a solver keeps grows from nothing to the tip.
/// @param sentAt Second (Unix time) in which the transfer started.
/// @param hopAt Second (Unix time) in which this hop was sent.
/// @param deadline Last second (Unix time) at which any of its hops is executed.
/// @param extraGas Gas for the end of the transfer, beyond what every transfer has.
/// @param id Id of the transfer: of the message that carried its first hop. Zero in that message itself.
/// @param hasData Whether the recipient is called on arrival.
/// @param sender Who sent it, if it has data.
/// @param data What the recipient is called with.
struct Transfer {
    Kind kind;
    address token;
    address from;
    address to;
    uint64 chain;
    uint128 amount;
    uint64 fee;
    uint32 tip;
    uint16 ramp;
    uint40 sentAt;
    uint40 hopAt;
    uint40 deadline;
    uint24 extraGas;
    bytes32 id;
    bool hasData;
    address sender;
    bytes data;
}

/// @notice What a sender may decide about a transfer beside token, destination, recipient and amount. All zero is a
/// plain transfer whose fee is paid from the caller's credit.
/// @param returnTo Who gets the amount if the transfer does not arrive; zero for the caller.
/// @param deadline Last second (Unix time) at which it may arrive, from 1 hour to 30 days from now; zero for 14 days.
/// @param tip Most that a solver may keep for paying the recipient at once, in billionths of the amount. If nobody
/// does, the recipient gets everything.
/// @param ramp Seconds over which what a solver keeps grows from nothing to the tip; zero: the whole tip at once.
/// @param fee ERA (gwei) prepaid for the second hop, on top of the amount and taken from the caller's balance: see
/// {IPassages-quoteForward}. Only for tokens at home on the hub that go on from there.
/// @param maxFee Most that the call may take in fees, in wei of ERA, `fee` included; zero for no bound.
/// @param fromBalance Whether the fee is taken from the caller's ERA instead of its credit.
/// @param extraGas Gas that the recipient's `onTransferReceived`, or an unusual token, needs beyond what every transfer
/// has.
/// @param data If not empty, the recipient is called with it: see {ITransferReceiver}. At most 4,096 bytes. Such a
/// transfer cannot be fronted.
struct Options {
    address returnTo;
    uint40 deadline;
    uint32 tip;
    uint16 ramp;
    uint64 fee;
    uint256 maxFee;
    bool fromBalance;
    uint24 extraGas;
    bytes data;
}

/// @notice A transfer as a solver sees it, and as both its ends compute it from what arrives or returns. Each member must
/// equal what was sent, or the solver gets nothing.
/// @param id Id of the transfer.
/// @param start Chain id where it started.
/// @param homeChain Chain id of the token's home.
/// @param token The token's address there.
/// @param to Its recipient.
/// @param amount What arrives.
/// @param tip See {Options}.
/// @param ramp See {Options}.
/// @param sentAt Second (Unix time) in which it started.
/// @param deadline Last second (Unix time) at which it may arrive.
struct Front {
    bytes32 id;
    uint256 start;
    uint256 homeChain;
    address token;
    address to;
    uint128 amount;
    uint32 tip;
    uint16 ramp;
    uint40 sentAt;
    uint40 deadline;
}
