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

/// @notice What a message of kind Out, Back or Return carries: four words, each from the lowest bit, and what may
/// follow. {Transfers} names their parts.
/// @param first Token 160, tip 32, hopAt 40, extraGas 24.
/// @param second From 160, chain 64, ramp 16, kind 8, flags 8.
/// @param third To 160, deadline 40, sentAt 40, zero 16.
/// @param fourth Amount 128, fee 64, zero 64.
/// @param id Id of the transfer: of the message that carried its first hop. In that message itself it is not sent.
/// @param sender Who sent it, if it has data.
/// @param data What the recipient is called with.
struct Transfer {
    uint256 first;
    uint256 second;
    uint256 third;
    uint256 fourth;
    bytes32 id;
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

/// @notice A transfer as a solver sees it, and as both its ends compute it from what arrives or returns. Each member
/// must equal what was sent, or the solver gets nothing.
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
