// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IEraGovernor} from "../interfaces/IEraGovernor.sol";
import {Objections} from "./Objections.sol";

/// @title Pins: what was voted on is what is executed, and nobody keeps the guardian's office by it
/// @notice The code of each target that is called, as the proposal found it. A proxy keeps its code when it gets
/// another implementation: that is not seen here.
abstract contract Pins is Objections {
    /// @param codes Of all targets that are called, in their order.
    struct Pin {
        bytes31 codes;
        bool isProtected;
    }

    /// @dev Bytes of code that an account has which delegates to another one (EIP-7702): what it runs is the choice of
    /// its key, and may be created later.
    uint256 private constant DELEGATION_SIZE = 23;

    mapping(uint256 proposalId => Pin) private _pins;

    /// @inheritdoc IEraGovernor
    function isProtected(uint256 proposalId) public view returns (bool) {
        return _pins[proposalId].isProtected;
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal virtual override returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        _pins[proposalId] = Pin(_codes(targets, calldatas), _namesGuardianOnly(targets, values, calldatas));
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal virtual override {
        _checkCodes(proposalId, targets, calldatas);
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    /// @dev What is protected is cancelled by its proposer alone, before the vote.
    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override
        returns (bool)
    {
        if (isProtected(proposalId)) return Governor._validateCancel(proposalId, caller);
        return super._validateCancel(proposalId, caller);
    }

    /// @dev Without a guardian, OpenZeppelin lets proposers cancel what was passed.
    function _setProposalGuardian(address newProposalGuardian) internal virtual override {
        _checkGuardian(newProposalGuardian);
        super._setProposalGuardian(newProposalGuardian);
    }

    function _checkCodes(uint256 proposalId, address[] memory targets, bytes[] memory calldatas)
        internal
        view
        virtual
    {
        require(_codes(targets, calldatas) == _pins[proposalId].codes, CodeChanged(proposalId));
    }

    /// @dev A target that is only paid may change: the first wei that anybody sends gives an account a code hash.
    function _codes(address[] memory targets, bytes[] memory calldatas) internal view virtual returns (bytes31) {
        bytes32 all;
        for (uint256 i; i < targets.length; ++i) {
            if (calldatas[i].length == 0) continue;
            uint256 size = targets[i].code.length;
            require(size != 0 && size != DELEGATION_SIZE, TargetWithoutCode(targets[i]));
            all = Hashes.efficientKeccak256(all, targets[i].codehash);
        }
        return bytes31(all);
    }

    function _namesGuardianOnly(address[] memory targets, uint256[] memory values, bytes[] memory calldatas)
        internal
        view
        virtual
        returns (bool)
    {
        return targets.length == 1 && values[0] == 0 && _namesGuardian(targets[0], calldatas[0]);
    }

    function _namesGuardian(address target, bytes memory data) internal view returns (bool) {
        return target == address(this) && bytes4(data) == this.setProposalGuardian.selector && data.length == 36;
    }

    function _checkGuardian(address newProposalGuardian) internal view virtual {
        require(newProposalGuardian != address(0), ZeroProposalGuardian());
    }
}
