// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Fees and gas limits of messages to one remote chain. Fees are in gwei of ERA.
/// @param defaultGasLimit Gas limit of a message that names none.
/// @param maxGasLimit Highest gas limit that a message may name: every message in a lane must fit the destination.
/// @param defaultReturnGasLimit Gas limit of the sender's `onMessageReturned`, on this chain, if the message names
/// none.
/// @param baseFee For carrying a message, whatever becomes of it.
/// @param gasFee Per 1,000 gas on the remote chain, rounded up.
/// @param byteFee Per byte of payload.
/// @param returnGasFee Per 1,000 gas on this chain, rounded up: for what returns.
/// @param protocolShare The protocol's share, on top of these fees, in basis points (1/10,000), rounded up to 1 gwei.
struct Terms {
    uint24 defaultGasLimit;
    uint24 maxGasLimit;
    uint24 defaultReturnGasLimit;
    uint40 baseFee;
    uint40 gasFee;
    uint40 byteFee;
    uint40 returnGasFee;
    uint16 protocolShare;
}

/// @notice This chain's settings for one remote chain.
/// @param outbound Whether messages may be sent to it.
/// @param inbound Whether messages may be delivered from it.
struct Route {
    bool outbound;
    bool inbound;
    Terms terms;
}

/// @notice A route that stands from the first block on.
/// @param chainId Chain id of the remote chain.
struct InitialRoute {
    uint256 chainId;
    Route route;
}
