// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Fee, Fees} from "../metalayer/types/Fee.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title Proofs: quorums and lanes, for any input
/// @notice `make prove` runs each `check` symbolically: no values of its parameters make an assertion fail. What
/// reverts counts as refused. Each `find` must fail: something gets there, so that no proof is about nothing.
/// Assumed: no two inputs have the same hash, and `ecrecover` is a function of its input.
contract Proofs {
    /// @notice A set that may be installed is unexpired, its signers ascend from above zero, no validator reaches a
    /// quorum alone, and all the others are a quorum without it.
    /// @custom:halmos --array-lengths set.validators={4,5,6}
    function checkNoValidatorDecides(ValidatorSet calldata set) external view {
        Attestations.check(set);
        assert(block.timestamp <= set.expires);
        uint256 count = set.validators.length;
        uint256 total;
        unchecked {
            for (uint256 i; i < count; ++i) {
                total += Attestations.weightOf(set.validators[i]);
            }
            address previous;
            for (uint256 i; i < count; ++i) {
                address signer = Attestations.signerOf(set.validators[i]);
                assert(signer > previous);
                previous = signer;
                uint256 weight = Attestations.weightOf(set.validators[i]);
                assert(weight != 0 && !_isQuorum(weight, total) && _isQuorum(total - weight, total));
            }
        }
    }

    /// @notice Two quorums share more than a third of the weight, and what is outside a quorum is none. For sets of any
    /// size: the parameters are the weights, at most 32 of 96 bits, of who signed only the one root, only the other,
    /// both, or none.
    function checkQuorumsOverlap(uint104 one, uint104 other, uint104 both, uint104 none) external pure {
        unchecked {
            uint256 total = uint256(one) + other + both + none;
            if (!_isQuorum(uint256(one) + both, total)) return;
            assert(!_isQuorum(uint256(other) + none, total));
            if (_isQuorum(uint256(other) + both, total)) assert(uint256(both) * 3 > total);
        }
    }

    /// @notice The weights of the largest set add up without overflow.
    /// @custom:halmos --panic-error-codes 0x01,0x11
    function checkSumsFit(bytes32[32] calldata validators) external pure {
        uint256 total;
        for (uint256 i; i < 32; ++i) {
            total += Attestations.weightOf(validators[i]);
        }
        assert(total <= type(uint104).max);
    }

    /// @notice Nor do the products overflow that a quorum is decided by.
    /// @custom:halmos --panic-error-codes 0x01,0x11
    function checkProductsFit(uint104 signed, uint104 total) external pure returns (bool) {
        return uint256(signed) * 3 > uint256(total) * 2;
    }

    /// @notice An accepted attestation: over two thirds of the weight really signed its root under this domain, each
    /// with one signature, and there are no others. For sets of 4, valid or not.
    /// @custom:halmos --array-lengths attestation.validatorSet.validators=4,attestation.signatures={3,4}
    function checkQuorumSigned(Attestation calldata attestation, bytes32 domainSeparator) external pure {
        Attestations.checkQuorum(attestation, domainSeparator);
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            domainSeparator, keccak256(abi.encode(Attestations.ATTESTATION_TYPEHASH, attestation.root))
        );
        bytes32[] calldata validators = attestation.validatorSet.validators;
        uint256 used;
        uint256 signed;
        uint256 total;
        unchecked {
            for (uint256 i; i < 4; ++i) {
                uint256 weight = Attestations.weightOf(validators[i]);
                total += weight;
                if ((attestation.signers >> i) & 1 == 0) continue;
                (address signer,,) =
                    ECDSA.tryRecover(digest, attestation.signatures[used].r, attestation.signatures[used].vs);
                assert(signer == Attestations.signerOf(validators[i]));
                signed += weight;
                ++used;
            }
        }
        assert(attestation.signers >> 4 == 0 && used == attestation.signatures.length && _isQuorum(signed, total));
    }

    /// @notice From one head, as many ids lead to the same head only if they are the same ids in the same order: what
    /// an Inbox replays up to a signed head is the lane that was sent. For up to 4 messages.
    function checkReplayIsTheLane(bytes32 head, bytes32[4] calldata sent, bytes32[4] calldata replayed, uint256 count)
        external
        pure
    {
        if (count > 4) return;
        bytes32 signed = head;
        bytes32 reached = head;
        for (uint256 i; i < count; ++i) {
            signed = Messages.extend(signed, sent[i]);
            reached = Messages.extend(reached, replayed[i]);
        }
        if (reached != signed) return;
        for (uint256 i; i < count; ++i) {
            assert(replayed[i] == sent[i]);
        }
    }

    /// @notice Of the packed fee each part is what was put in, and no part of it is lost or paid twice in the total.
    /// @custom:halmos --panic-error-codes 0x01,0x11
    function checkFeeParts(uint56 base, uint56 relay, uint56 step, uint56 callback, uint32 gasLimit) external pure {
        Fee fee = Fees.pack(base, relay, step, callback, gasLimit);
        assert(fee.basePart() == base && fee.relayPart() == relay && fee.stepPart() == step);
        assert(fee.callbackPart() == callback && fee.returnGasLimit() == gasLimit);
        assert(fee.returnPart() == 3 * uint256(step) + callback);
        assert(fee.total() == uint256(relay) + 3 * uint256(step) + callback);
    }

    /// @notice A genesis head extends nothing, and no two lanes or restarts share one.
    function checkGenesisIsAlone(uint256[4] calldata lane, uint256[4] calldata other, bytes32 head, bytes32 id)
        external
        pure
    {
        bytes32 genesis = Messages.genesis(lane[0], lane[1], lane[2], lane[3]);
        assert(genesis != 0 && genesis != Messages.extend(head, id));
        if (genesis != Messages.genesis(other[0], other[1], other[2], other[3])) return;
        assert(lane[0] == other[0] && lane[1] == other[1] && lane[2] == other[2] && lane[3] == other[3]);
    }

    /// @notice A set can be valid.
    /// @custom:halmos --array-lengths set.validators=4 --early-exit
    function findValidSet(ValidatorSet calldata set) external view {
        Attestations.check(set);
        assert(false);
    }

    /// @notice A quorum can be reached.
    /// @custom:halmos --array-lengths attestation.validatorSet.validators=4,attestation.signatures=3 --early-exit
    function findQuorum(Attestation calldata attestation, bytes32 domainSeparator) external pure {
        Attestations.checkQuorum(attestation, domainSeparator);
        assert(false);
    }

    /// @dev The rule of {Attestations-checkQuorum}: checkQuorumSigned proves that it is.
    function _isQuorum(uint256 signed, uint256 total) private pure returns (bool) {
        unchecked {
            return signed * 3 > total * 2;
        }
    }
}
