// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice This chain's settings for one remote chain: one storage word.
/// @param outbound Whether messages may be sent to it.
/// @param inbound Whether messages may be delivered from it.
/// @param defaultGasLimit Gas limit of a message that names none.
/// @param maxGasLimit Highest gas limit that a message may name: every message in a lane must fit the destination.
/// @param baseFee For carrying a message, whatever becomes of it. In gwei of ERA, as all fees here.
/// @param gasFee Per 1,000 gas of a message's gas limit, rounded up.
/// @param byteFee Per byte of payload.
/// @param returnFee For the end of a message: its success, or its return.
/// @param protocolShare The protocol's share, on top of these fees, in basis points (1/10,000), rounded up to 1 gwei.
struct Route {
    bool outbound;
    bool inbound;
    uint32 defaultGasLimit;
    uint32 maxGasLimit;
    uint40 baseFee;
    uint40 gasFee;
    uint40 byteFee;
    uint40 returnFee;
    uint16 protocolShare;
}
