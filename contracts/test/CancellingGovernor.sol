// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title CancellingGovernor: a governor of which only `cancel` is there, and says by whom it is called
contract CancellingGovernor {
    event ProposalCancelled(uint256 proposalId, address caller);

    function cancel(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId) {
        proposalId = proposalOf(targets, values, calldatas, descriptionHash);
        emit ProposalCancelled(proposalId, msg.sender);
    }

    function proposalOf(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(targets, values, calldatas, descriptionHash)));
    }
}
