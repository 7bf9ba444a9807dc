// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the hub's governance decided for another chain. Its id, `keccak256(abi.encode(decision))`, says nothing
/// about the chain: what is decided for several chains is recorded for each.
/// @param salt Hash of the proposal's text. Two decisions with the same actions need different salts.
/// @param targets Called in this order, all or none.
/// @param values Wei of ether for each call, paid by whoever executes.
/// @param calldatas Empty for a target that is only paid.
/// @param codes Code hash that each target must have when the decision is executed; zero for a target that is only
/// paid.
/// @param precedent Id of a decision that must have been executed on that chain before; zero for none.
/// @param cancels Ids of decisions that end, unless they were executed, when this one arrives.
struct Decision {
    bytes32 salt;
    address[] targets;
    uint256[] values;
    bytes[] calldatas;
    bytes32[] codes;
    bytes32 precedent;
    bytes32[] cancels;
}
