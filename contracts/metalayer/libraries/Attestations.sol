// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @notice Who may sign, and for how long.
/// @param version Rises with every set.
/// @param expires Last second (Unix time) at which the set's signatures count.
/// @param validators One word each: signer (20 bytes), weight (12 bytes); ascending by signer.
struct ValidatorSet {
    uint64 version;
    uint64 expires;
    bytes32[] validators;
}

/// @notice ECDSA signature in the compact form of ERC-2098.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice A Merkle root over facts, and the signatures of a quorum under it.
/// @param root Root of the tree of facts.
/// @param validatorSet The installed set; the gateway keeps only its hash.
/// @param signers Bit i is set if `validatorSet.validators[i]` signed.
/// @param signatures One for each set bit, in the order of the set.
struct Attestation {
    bytes32 root;
    ValidatorSet validatorSet;
    uint256 signers;
    Signature[] signatures;
}

/// @title Attestations: validator sets and quorum signatures
library Attestations {
    bytes32 internal constant VALIDATOR_SET_TYPEHASH =
        keccak256("ValidatorSet(uint64 version,uint64 expires,bytes32[] validators)");
    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256("Attestation(bytes32 root)");
    uint256 internal constant MIN_VALIDATORS = 4;
    uint256 internal constant MAX_VALIDATORS = 32;

    /// @notice Thrown when a set does not have 4 to 32 validators.
    error InvalidValidatorCount(uint256 count);
    /// @notice Thrown when a signer is zero, repeated or not in ascending order.
    error InvalidSigner(uint256 position, address signer);
    /// @notice Thrown when a weight is zero, or a third of the total or more.
    error InvalidWeight(uint256 position, uint256 weight, uint256 total);
    /// @notice Thrown when a set's time has passed.
    error ValidatorSetExpired(uint64 version, uint64 expires);
    /// @notice Thrown when a bit is set for a validator that the set does not have, or the number of signatures is
    /// not the number of set bits.
    error SignersMismatch(uint256 signers, uint256 validators, uint256 signatures);
    /// @notice Thrown when a signature is malformed, malleable or not by the validator at this position of the set.
    error InvalidSignature(uint256 position, address expected);
    /// @notice Thrown when the signing weight is not strictly more than two thirds of the total.
    error QuorumNotReached(uint256 signed, uint256 total);

    /// @notice Hash under which a set is installed.
    function hash(ValidatorSet memory set) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(VALIDATOR_SET_TYPEHASH, set.version, set.expires, keccak256(abi.encodePacked(set.validators)))
        );
    }

    /// @notice The same, read where it lies: a copy to memory costs more than all the hashing.
    function hashCalldata(ValidatorSet calldata set) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(VALIDATOR_SET_TYPEHASH, set.version, set.expires, keccak256(abi.encodePacked(set.validators)))
        );
    }

    /// @notice Reverts unless the set may be installed: size, order and weights. No validator alone can reach or
    /// block a quorum.
    function check(ValidatorSet memory set) internal view {
        checkExpiry(set.version, set.expires);
        bytes32[] memory validators = set.validators;
        uint256 count = validators.length;
        require(count >= MIN_VALIDATORS && count <= MAX_VALIDATORS, InvalidValidatorCount(count));
        address previous;
        uint256 total;
        for (uint256 i; i < count; ++i) {
            address signer = signerOf(validators[i]);
            require(signer > previous, InvalidSigner(i, signer));
            previous = signer;
            total += weightOf(validators[i]);
        }
        for (uint256 i; i < count; ++i) {
            uint256 weight = weightOf(validators[i]);
            require(weight != 0 && weight * 3 < total, InvalidWeight(i, weight, total));
        }
    }

    /// @notice Reverts if the set's time has passed. The second `expires` itself still counts.
    function checkExpiry(uint64 version, uint64 expires) internal view {
        require(block.timestamp <= expires, ValidatorSetExpired(version, expires));
    }

    /// @notice Reverts unless a quorum of the attestation's set signed its root. Whether that set is the installed one
    /// and unexpired is the caller's to check.
    /// @param domainSeparator EIP-712 domain under which validators sign.
    function checkQuorum(Attestation calldata attestation, bytes32 domainSeparator) internal pure {
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            domainSeparator, keccak256(abi.encode(ATTESTATION_TYPEHASH, attestation.root))
        );
        bytes32[] calldata validators = attestation.validatorSet.validators;
        Signature[] calldata signatures = attestation.signatures;
        uint256 signers = attestation.signers;
        uint256 count = validators.length;
        uint256 used;
        uint256 signed;
        uint256 total;
        require(signers >> count == 0, SignersMismatch(signers, count, signatures.length));
        for (uint256 i; i < count; ++i) {
            bytes32 validator = validators[i];
            uint256 weight = weightOf(validator);
            // 32 weights of 96 bits at most.
            unchecked {
                total += weight;
            }
            if ((signers >> i) & 1 == 0) continue;
            require(used < signatures.length, SignersMismatch(signers, count, signatures.length));
            address expected = signerOf(validator);
            Signature calldata signature = signatures[used];
            // A failed recovery gives the zero address, which no valid set contains.
            // slither-disable-next-line unused-return
            (address recovered,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
            require(recovered == expected, InvalidSignature(i, expected));
            unchecked {
                signed += weight;
                ++used;
            }
        }
        require(used == signatures.length, SignersMismatch(signers, count, signatures.length));
        require(signed * 3 > total * 2, QuorumNotReached(signed, total));
    }

    /// @notice Signer of a validator word.
    function signerOf(bytes32 validator) internal pure returns (address) {
        return address(bytes20(validator));
    }

    /// @notice Weight of a validator word.
    function weightOf(bytes32 validator) internal pure returns (uint256) {
        return uint96(uint256(validator));
    }
}
