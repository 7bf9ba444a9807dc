// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ISlasher} from "../interfaces/ISlasher.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {Evidence} from "./Evidence.sol";
import {LaneFact, RestartFact, SetFact, SignedFact, UnexecutedFact} from "./types/SignedFact.sol";

/// @title Slasher
/// @notice See {ISlasher}.
contract Slasher is ISlasher, Ownable2Step {
    /// @inheritdoc ISlasher
    uint256 public constant SETTLE_DELAY = 28 days;

    /// @inheritdoc ISlasher
    bytes32 public immutable ATTESTATION_DOMAIN;
    /// @inheritdoc ISlasher
    IMetalayer public immutable GATEWAY;
    /// @inheritdoc ISlasher
    IStaking public immutable STAKING;

    /// @inheritdoc ISlasher
    mapping(uint256 origin => mapping(uint256 destination => uint64)) public pardonedThrough;
    /// @inheritdoc ISlasher
    uint64 public setsPardonedThrough;

    mapping(bytes32 key => Case) internal _cases;

    /// @param attestationDomain The gateways' domain separator.
    /// @param gateway The hub's.
    /// @param owner The hub's governance.
    constructor(bytes32 attestationDomain, IMetalayer gateway, IStaking staking, address owner) Ownable(owner) {
        (ATTESTATION_DOMAIN, GATEWAY, STAKING) = (attestationDomain, gateway, staking);
    }

    /// @inheritdoc ISlasher
    function laneEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHead,
        SignedFact calldata otherSigned
    ) external returns (bytes32) {
        (address signer, address other) =
            Evidence.laneEquivocation(ATTESTATION_DOMAIN, fact, signed, otherHead, otherSigned);
        return _openLane(_same(signer, other), Kind.LaneEquivocation, fact);
    }

    /// @inheritdoc ISlasher
    function setEquivocation(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHash,
        SignedFact calldata otherSigned
    ) external returns (bytes32) {
        (address signer, address other) =
            Evidence.setEquivocation(ATTESTATION_DOMAIN, fact, signed, otherHash, otherSigned);
        return _openSet(_same(signer, other), Kind.SetEquivocation, fact);
    }

    /// @inheritdoc ISlasher
    function placeEquivocation(
        LaneFact calldata fact,
        SignedFact calldata signed,
        SignedFact calldata restartSigned
    ) external returns (bytes32) {
        (address signer, address other) =
            Evidence.placeEquivocation(ATTESTATION_DOMAIN, fact, signed, restartSigned);
        return _openLane(_same(signer, other), Kind.LaneEquivocation, fact);
    }

    /// @inheritdoc ISlasher
    function falseHead(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 trueHead,
        bytes32[] calldata ids
    ) external returns (bytes32) {
        address signer = Evidence.falseHead(ATTESTATION_DOMAIN, GATEWAY, fact, signed, trueHead, ids);
        return _openLane(STAKING.validatorOf(signer), Kind.FalsePlace, fact);
    }

    /// @inheritdoc ISlasher
    function beyondLane(LaneFact calldata fact, SignedFact calldata signed) external returns (bytes32) {
        address signer = Evidence.beyondLane(ATTESTATION_DOMAIN, GATEWAY, fact, signed);
        return _openLane(STAKING.validatorOf(signer), Kind.FalsePlace, fact);
    }

    /// @inheritdoc ISlasher
    function falseRestart(RestartFact calldata fact, SignedFact calldata signed) external returns (bytes32) {
        address signer = Evidence.falseRestart(ATTESTATION_DOMAIN, GATEWAY, fact, signed);
        uint256 validator = STAKING.validatorOf(signer);
        return _open(Accusation(validator, Kind.FalsePlace, fact.origin, fact.destination, fact.nonce));
    }

    /// @inheritdoc ISlasher
    function falseSet(SetFact calldata fact, SignedFact calldata signed) external returns (bytes32) {
        uint256 version = fact.version;
        bytes32 recorded = version <= type(uint64).max ? STAKING.setHash(uint64(version)) : bytes32(0);
        address signer = Evidence.falseSet(ATTESTATION_DOMAIN, fact, signed, recorded);
        return _openSet(STAKING.validatorOf(signer), Kind.FalseSet, fact);
    }

    /// @inheritdoc ISlasher
    function beyondSets(SetFact calldata fact, SignedFact calldata signed) external returns (bytes32) {
        address signer = Evidence.beyondSets(ATTESTATION_DOMAIN, fact, signed, STAKING.setVersion());
        return _openSet(STAKING.validatorOf(signer), Kind.FalseSet, fact);
    }

    /// @inheritdoc ISlasher
    function falseUnexecuted(
        UnexecutedFact calldata fact,
        SignedFact calldata signed,
        bytes32 previousHead,
        bytes32[] calldata ids
    ) external returns (bytes32) {
        _checkNoDelivery();
        address signer =
            Evidence.falseUnexecuted(ATTESTATION_DOMAIN, GATEWAY, fact, signed, previousHead, ids);
        uint256 validator = STAKING.validatorOf(signer);
        return _open(Accusation(validator, Kind.FalseUnexecuted, fact.origin, fact.destination, fact.nonce));
    }

    /// @inheritdoc ISlasher
    function laneContradiction(
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHead,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external returns (bytes32) {
        address signer = Evidence.laneContradiction(
            ATTESTATION_DOMAIN, fact, signed, attestedHead, attestation, proof, _newestSet()
        );
        return _openLane(STAKING.validatorOf(signer), Kind.LaneContradiction, fact);
    }

    /// @inheritdoc ISlasher
    function setContradiction(
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHash,
        Attestation calldata attestation,
        bytes32[] calldata proof
    ) external returns (bytes32) {
        address signer = Evidence.setContradiction(
            ATTESTATION_DOMAIN, fact, signed, attestedHash, attestation, proof, _newestSet()
        );
        return _openSet(STAKING.validatorOf(signer), Kind.SetContradiction, fact);
    }

    /// @inheritdoc ISlasher
    function pardon(uint256 origin, uint256 destination, uint64 throughNonce) external onlyOwner {
        uint64 present = pardonedThrough[origin][destination];
        require(throughNonce > present, PardonNotRaised(throughNonce, present));
        pardonedThrough[origin][destination] = throughNonce;
        emit LanePardoned(origin, destination, throughNonce);
    }

    /// @inheritdoc ISlasher
    function pardonSets(uint64 throughVersion) external onlyOwner {
        uint64 present = setsPardonedThrough;
        require(throughVersion > present, PardonNotRaised(throughVersion, present));
        setsPardonedThrough = throughVersion;
        emit SetsPardoned(throughVersion);
    }

    /// @inheritdoc ISlasher
    function dismiss(Accusation calldata accusation) external {
        (bytes32 key, Case storage opened) = _openCase(accusation);
        require(_isPardoned(accusation), NotPardoned(key));
        opened.state = CaseState.Dismissed;
        uint256 validator = accusation.validator;
        emit CaseDismissed(key, validator);
        STAKING.unfreeze(validator);
    }

    /// @inheritdoc ISlasher
    function settle(Accusation calldata accusation) external {
        (bytes32 key, Case storage opened) = _openCase(accusation);
        uint256 settlesAt = opened.openedAt + SETTLE_DELAY;
        require(block.timestamp >= settlesAt, TooEarly(key, settlesAt));
        require(!_isPardoned(accusation), IsPardoned(key));
        opened.state = CaseState.Settled;
        uint256 validator = accusation.validator;
        emit CaseSettled(key, validator);
        STAKING.settle(validator, opened.reporter, block.timestamp - SETTLE_DELAY);
    }

    /// @notice Always reverts: without an owner nobody could pardon.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc ISlasher
    function keyOf(Accusation calldata accusation) external pure returns (bytes32) {
        return _keyOf(accusation);
    }

    /// @inheritdoc ISlasher
    function caseOf(bytes32 key) external view returns (Case memory) {
        return _cases[key];
    }

    /// @inheritdoc ISlasher
    function isPardoned(Accusation calldata accusation) external view returns (bool) {
        return _isPardoned(accusation);
    }

    function _openLane(uint256 validator, Kind kind, LaneFact calldata fact) private returns (bytes32) {
        return _open(Accusation(validator, kind, fact.origin, fact.destination, fact.nonce));
    }

    function _openSet(uint256 validator, Kind kind, SetFact calldata fact) private returns (bytes32) {
        return _open(Accusation(validator, kind, 0, 0, fact.version));
    }

    function _open(Accusation memory accusation) internal virtual returns (bytes32 key) {
        key = _keyOf(accusation);
        Case storage opened = _cases[key];
        require(opened.state == CaseState.None, AlreadyAccused(key));
        require(!_isPardoned(accusation), IsPardoned(key));
        (opened.openedAt, opened.state, opened.reporter) =
            (uint48(block.timestamp), CaseState.Open, msg.sender);
        (uint256 validator, Kind kind) = (accusation.validator, accusation.kind);
        // A probe of the gateway that reverts may come before: it calls nobody.
        // slither-disable-next-line reentrancy-events
        emit CaseOpened(
            key, validator, kind, accusation.origin, accusation.destination, accusation.nonce, msg.sender
        );
        STAKING.freeze(validator, kind != Kind.LaneContradiction && kind != Kind.SetContradiction);
    }

    /// @dev The validator that both addresses are keys of.
    function _same(address signer, address other) internal view virtual returns (uint256 validator) {
        validator = STAKING.validatorOf(signer);
        if (other == signer) return validator;
        uint256 second = STAKING.validatorOf(other);
        require(validator == second, DifferentValidators(validator, second));
    }

    /// @dev Hash of the only set whose quorum may accuse: its members have their stake at risk.
    function _newestSet() internal view virtual returns (bytes32) {
        (uint64 version, uint256 expires) = (STAKING.setVersion(), STAKING.setExpires());
        require(block.timestamp <= expires && !STAKING.termEnded(), SetHasEnded(version, expires));
        return STAKING.setHash(version);
    }

    /// @dev A gateway that is delivering refuses every entry by its reentrancy guard. At rest it says that there is no
    /// notice to repeat: no restart ever stands at place 0.
    function _checkNoDelivery() private {
        try GATEWAY.noticeRestart(0, 0) {}
        catch (bytes memory reason) {
            if (bytes4(reason) == IInbox.RestartNoticeNotLost.selector) return;
        }
        revert DeliveryUnderWay();
    }

    function _openCase(Accusation calldata accusation) private view returns (bytes32 key, Case storage opened) {
        key = _keyOf(accusation);
        opened = _cases[key];
        require(opened.state == CaseState.Open, CaseNotOpen(key, opened.state));
    }

    function _isPardoned(Accusation memory accusation) internal view virtual returns (bool) {
        Kind kind = accusation.kind;
        if (kind == Kind.LaneEquivocation || kind == Kind.SetEquivocation) return false;
        uint256 nonce = accusation.nonce;
        if (kind == Kind.FalseSet || kind == Kind.SetContradiction) return nonce <= setsPardonedThrough;
        (uint256 origin, uint256 destination) = (accusation.origin, accusation.destination);
        if (nonce <= pardonedThrough[origin][destination]) return true;
        if (origin != block.chainid) return false;
        // slither-disable-next-line unused-return
        (,, uint64 restartedAt) = GATEWAY.outboxLane(destination);
        return nonce <= restartedAt;
    }

    function _keyOf(Accusation memory accusation) private pure returns (bytes32) {
        return keccak256(abi.encode(accusation));
    }
}
