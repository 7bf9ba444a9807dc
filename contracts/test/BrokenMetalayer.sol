// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Metalayer, Offices} from "../metalayer/Metalayer.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {Message} from "../metalayer/types/Message.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";
import {InitialRoute} from "../metalayer/types/Route.sol";
import {setState} from "../metalayer/types/SetState.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";
import {originState} from "../metalayer/types/OriginState.sol";
import {Bug} from "./Bug.sol";

/// @title BrokenMetalayer: the gateway with one bug, to prove that the tests find it
/// @notice One contract for all bugs: compiling a whole gateway for each would cost every fresh build a minute.
contract BrokenMetalayer is Metalayer {
    Bug private immutable _BUG;

    constructor(
        uint256 networkId,
        IERC20 feeToken,
        address annex,
        Offices memory offices,
        InitialRoute[] memory routes,
        ValidatorSet memory validatorSet,
        Bug bug
    ) Metalayer(networkId, feeToken, annex, offices, routes, validatorSet) {
        _BUG = bug;
    }

    function _requiredGas(uint64 gasLimit) internal view override returns (uint256) {
        return _BUG == Bug.CallsWithTooLittleGas ? 0 : super._requiredGas(gasLimit);
    }

    function _isExpired(uint64 deliverBefore) internal view override returns (bool) {
        return _BUG != Bug.ExecutesExpired && super._isExpired(deliverBefore);
    }

    function _checkRetryTime(bytes32 id, uint64 deliverBefore) internal view override {
        if (_BUG != Bug.RetriesAfterReturn) super._checkRetryTime(id, deliverBefore);
    }

    function _checkReturnTime(bytes32 id, uint64 deliverBefore) internal view override {
        if (_BUG != Bug.ReturnsBeforeExpiry) super._checkReturnTime(id, deliverBefore);
    }

    function _receiveClaim(
        uint256 destination,
        address relayer,
        uint256 total,
        uint256 carriage,
        address carrier
    ) internal override {
        if (_BUG == Bug.ClaimNotCumulative) paid[destination][relayer] = 0;
        super._receiveClaim(destination, relayer, total, carriage, carrier);
    }

    function _withdrawEscrow(uint256 destination, uint256 amount) internal override returns (uint64) {
        if (_BUG != Bug.EscrowNotBounded || amount > type(uint64).max) {
            return super._withdrawEscrow(destination, amount);
        }
        super._withdrawEscrow(destination, amount);
        return uint64(amount);
    }

    function _receiveReturn(uint256 destination, bytes32 id, bool expired, uint256 stepPart, address carrier)
        internal
        override
    {
        if (_BUG == Bug.CarrierPaidTwice) originState().notices[destination][id].carrier = address(0);
        super._receiveReturn(destination, id, expired, stepPart, carrier);
    }

    function _checkEpoch(bytes32 id, uint256 origin, uint64 nonce) internal view override {
        if (_BUG != Bug.OldNoticeTakenIn) super._checkEpoch(id, origin, nonce);
    }

    function _isFirstReturn(uint64 last) internal view override returns (bool) {
        return _BUG == Bug.ReturnerPaidTwice || super._isFirstReturn(last);
    }

    function _pausedSince(InboxLane storage lane) internal view override returns (uint64) {
        return _BUG == Bug.PauseExtendedFromNow ? uint64(block.timestamp) : super._pausedSince(lane);
    }

    function _isOpen(InboxLane storage lane) internal view override returns (bool) {
        return _BUG == Bug.ClosedLaneExecutes ? !_isPaused(lane.pausedUntil) : super._isOpen(lane);
    }

    function _takeIn(bytes32 id, uint256 origin, uint64 nonce, Message calldata message) internal override {
        if (_BUG == Bug.NoticeLost) emit MessageDelivered(id, origin, nonce);
        else super._takeIn(id, origin, nonce, message);
        if (_BUG == Bug.NoticeTakenInTwice) messageStatus[id].status = MessageStatus.Failed;
    }

    function _isPaused(uint64 until) internal view override returns (bool) {
        return _BUG != Bug.IgnoresPause && super._isPaused(until);
    }

    function _checkHead(uint256 origin, uint256 nonce, bytes32 head, bytes32[] calldata proof, bytes32 root)
        internal
        view
        override
    {
        if (_BUG != Bug.HeadNotChecked) super._checkHead(origin, nonce, head, proof, root);
    }

    function _checkAttestation(Attestation calldata attestation, uint64 grace) internal view override {
        if (_BUG == Bug.GraceForDeliveries) grace = 7 days;
        if (_BUG != Bug.TwoThirdsSuffice || !_hasTwoThirds(attestation)) super._checkAttestation(attestation, grace);
    }

    /// @dev The check of a quorum with `=` for `>`.
    function _hasTwoThirds(Attestation calldata attestation) private view returns (bool) {
        bytes32 domain = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), NETWORK_ID, address(this), bytes32(0)
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(Attestations.ATTESTATION_TYPEHASH, attestation.root))
        );
        bytes32[] calldata validators = attestation.validatorSet.validators;
        uint256 used;
        uint256 signed;
        uint256 total;
        for (uint256 i; i < validators.length; ++i) {
            total += Attestations.weightOf(validators[i]);
            if ((attestation.signers >> i) & 1 == 0) continue;
            if (used == attestation.signatures.length) return false;
            (address signer,,) =
                ECDSA.tryRecover(digest, attestation.signatures[used].r, attestation.signatures[used].vs);
            if (signer != Attestations.signerOf(validators[i])) return false;
            signed += Attestations.weightOf(validators[i]);
            ++used;
        }
        return Attestations.hashCalldata(attestation.validatorSet) == setState().installed && signed * 3 == total * 2;
    }
}
