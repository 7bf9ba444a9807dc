// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Attestation, Signature} from "../types/Attestation.sol";
import {ValidatorSet} from "../types/ValidatorSet.sol";

/// @title Attestations: validator sets and quorum signatures
library Attestations {
    bytes32 internal constant VALIDATOR_SET_TYPEHASH =
        keccak256("ValidatorSet(uint64 version,uint64 expires,bytes32[] validators)");
    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256("Attestation(bytes32 root)");
    uint256 internal constant MIN_VALIDATORS = 4;
    uint256 internal constant MAX_VALIDATORS = 32;
    /// @dev Half the order of secp256k1. Every signature has a second form, whose `s` is above it (EIP-2): that form is
    /// refused.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

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

    /// @notice The same for a set in calldata: to copy it to memory first would cost more than all the hashing.
    function hashCalldata(ValidatorSet calldata set) internal pure returns (bytes32) {
        return hashParts(set.version, set.expires, set.validators);
    }

    /// @notice The same for callers that need the parts too: each time that they are located in calldata costs 100 gas.
    function hashParts(uint64 version, uint64 expires, bytes32[] calldata validators) internal pure returns (bytes32) {
        bytes32 listHash;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // Beyond the free memory pointer, which is not moved.
            let words := mload(0x40)
            let size := shl(5, validators.length)
            calldatacopy(words, validators.offset, size)
            listHash := keccak256(words, size)
        }
        return keccak256(abi.encode(VALIDATOR_SET_TYPEHASH, version, expires, listHash));
    }

    /// @notice Reverts unless the set may be installed: it is unexpired, and its size, order and weights are valid. No
    /// validator can reach or block a quorum alone.
    function check(ValidatorSet memory set) internal view {
        checkExpiry(set.version, set.expires, 0);
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

    /// @notice Reverts if the set's time has passed, and `grace` seconds more. The last second itself still counts.
    function checkExpiry(uint64 version, uint64 expires, uint64 grace) internal view {
        unchecked {
            require(block.timestamp <= uint256(expires) + grace, ValidatorSetExpired(version, expires));
        }
    }

    /// @notice Reverts unless a quorum of the attestation's set signed its root. The caller must check that the set is
    /// the installed one and has not expired.
    /// @param domainSeparator EIP-712 domain under which validators sign.
    function checkQuorum(Attestation calldata attestation, bytes32 domainSeparator) internal pure {
        checkQuorum(attestation, attestation.validatorSet.validators, domainSeparator);
    }

    /// @notice The same for callers that have located the validators of the attestation's set.
    function checkQuorum(
        Attestation calldata attestation,
        bytes32[] calldata validators,
        bytes32 domainSeparator
    ) internal pure {
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            domainSeparator, Hashes.efficientKeccak256(ATTESTATION_TYPEHASH, attestation.root)
        );
        Signature[] calldata signatures = attestation.signatures;
        uint256 signers = attestation.signers;
        uint256 count = validators.length;
        require(signers >> count == 0, SignersMismatch(signers, count, signatures.length));
        uint256 used;
        uint256 signed;
        uint256 total;
        // At most 32 weights of 96 bits: no sum overflows.
        unchecked {
            for (uint256 i; i < count; ++i) {
                bytes32 validator = _at(validators, i);
                uint256 weight = weightOf(validator);
                total += weight;
                if ((signers >> i) & 1 == 0) continue;
                // Not a `require`: the compiler would merge it with an equal one below, and the call would cost more.
                if (used == signatures.length) revert SignersMismatch(signers, count, used);
                address expected = signerOf(validator);
                require(recover(digest, signatures[used]) == expected, InvalidSignature(i, expected));
                signed += weight;
                ++used;
            }
            require(used == signatures.length, SignersMismatch(signers, count, signatures.length));
            require(signed * 3 > total * 2, QuorumNotReached(signed, total));
        }
    }

    /// @notice Signer of a validator word.
    function signerOf(bytes32 validator) internal pure returns (address) {
        return address(bytes20(validator));
    }

    /// @notice Weight of a validator word.
    function weightOf(bytes32 validator) internal pure returns (uint256) {
        return uint96(uint256(validator));
    }

    /// @dev Without a bounds check: the caller's loop runs over the elements.
    function _at(bytes32[] calldata validators, uint256 i) private pure returns (bytes32 validator) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            validator := calldataload(add(validators.offset, shl(5, i)))
        }
    }

    /// @notice Signer, or zero if the signature is malformed or malleable; no valid set contains zero. Does what
    /// OpenZeppelin's `ECDSA.tryRecover` does, without saying why it failed.
    function recover(bytes32 digest, Signature calldata signature) internal pure returns (address) {
        uint256 vs = uint256(signature.vs);
        uint256 s = vs & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(27 + (vs >> 255)), signature.r, bytes32(s));
    }
}
