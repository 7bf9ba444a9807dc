// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the hub's governance decided for another chain. It is known by its id,
/// `keccak256(abi.encode(decision))`, which says nothing about the chain: what is decided for several chains is
/// recorded for each.
/// @param salt Hash of the proposal's text. Two decisions with the same actions need different salts.
/// @param targets Called by that chain's timelock in this order, all or none. None at all if it only cancels.
/// @param values Wei of ether for each call. The timelock pays; whoever executes may bring what it lacks.
/// @param calldatas Empty for a target that is only paid.
/// @param codes Code hash (EIP-1052) that each target must have when the decision is executed; zero for a target that
/// is only paid, and for no other.
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
