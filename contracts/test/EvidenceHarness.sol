// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {Evidence} from "../staking/Evidence.sol";
import {LaneFact, RestartFact, SetFact, SignedFact, UnexecutedFact} from "../staking/types/SignedFact.sol";

/// @title EvidenceHarness: the checks of evidence, callable from outside
/// @notice For one domain and one gateway, as whoever slashes holds them.
contract EvidenceHarness {
    struct Attempt {
        bool convicted;
        bytes result;
    }

    bytes32 private immutable _DOMAIN_SEPARATOR;
    IMetalayer private immutable _GATEWAY;

    constructor(bytes32 domainSeparator, IMetalayer gateway) {
        _DOMAIN_SEPARATOR = domainSeparator;
        _GATEWAY = gateway;
    }

    function laneEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHead,
        SignedFact calldata otherSigned
    ) external view returns (address, address) {
        return Evidence.laneEquivocation(_DOMAIN_SEPARATOR, fact, signed, otherHead, otherSigned);
    }

    function setEquivocation(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHash,
        SignedFact calldata otherSigned
    ) external view returns (address, address) {
        return Evidence.setEquivocation(_DOMAIN_SEPARATOR, fact, signed, otherHash, otherSigned);
    }

    function placeEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        SignedFact calldata restartSigned
    ) external view returns (address, address) {
        return Evidence.placeEquivocation(_DOMAIN_SEPARATOR, fact, signed, restartSigned);
    }

    function falseHead(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 trueHead,
        bytes32[] calldata ids
    ) external view returns (address) {
        return Evidence.falseHead(_DOMAIN_SEPARATOR, _GATEWAY, fact, signed, trueHead, ids);
    }

    function beyondLane(LaneFact calldata fact, SignedFact calldata signed) external view returns (address) {
        return Evidence.beyondLane(_DOMAIN_SEPARATOR, _GATEWAY, fact, signed);
    }

    function falseRestart(RestartFact calldata fact, SignedFact calldata signed) external view returns (address) {
        return Evidence.falseRestart(_DOMAIN_SEPARATOR, _GATEWAY, fact, signed);
    }

    function falseSet(SetFact calldata fact, SignedFact calldata signed, bytes32 recordedHash)
        external
        view
        returns (address)
    {
        return Evidence.falseSet(_DOMAIN_SEPARATOR, fact, signed, recordedHash);
    }

    function beyondSets(SetFact calldata fact, SignedFact calldata signed, uint256 newest)
        external
        view
        returns (address)
    {
        return Evidence.beyondSets(_DOMAIN_SEPARATOR, fact, signed, newest);
    }

    function falseUnexecuted(
        UnexecutedFact calldata fact,
        SignedFact calldata signed,
        bytes32 previousHead,
        bytes32[] calldata ids
    ) external view returns (address) {
        return Evidence.falseUnexecuted(_DOMAIN_SEPARATOR, _GATEWAY, fact, signed, previousHead, ids);
    }

    function laneContradiction(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHead,
        Attestation calldata attestation,
        bytes32[] calldata proof,
        bytes32 setHash
    ) external view returns (address) {
        return Evidence.laneContradiction(
            _DOMAIN_SEPARATOR, fact, signed, attestedHead, attestation, proof, setHash
        );
    }

    function setContradiction(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHash,
        Attestation calldata attestation,
        bytes32[] calldata proof,
        bytes32 setHash
    ) external view returns (address) {
        return Evidence.setContradiction(
            _DOMAIN_SEPARATOR, fact, signed, attestedHash, attestation, proof, setHash
        );
    }

    /// @notice Tries any number of calls of the functions above at once.
    /// @return attempts `result` is what the call returned, or what it reverted with.
    function tryAll(bytes[] calldata calls) external view returns (Attempt[] memory attempts) {
        attempts = new Attempt[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            // solhint-disable-next-line avoid-low-level-calls
            (attempts[i].convicted, attempts[i].result) = address(this).staticcall(calls[i]);
        }
    }
}
