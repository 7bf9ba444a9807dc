// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Facts} from "../metalayer/libraries/Facts.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";
import {Keys} from "./Keys.sol";
import {Seats} from "./Seats.sol";
import {Validator} from "./types/Validator.sol";

/// @title Sets: the validator sets that seats become
/// @notice A set is published once and never changes. Gateways keep it at most until it expires.
abstract contract Sets is Keys, Seats {
    using Attestations for bytes32;
    using Attestations for ValidatorSet;

    /// @notice Time from one set to the next.
    uint256 public constant TERM = 3 days;
    /// @notice Time for which a set can sign. With the gateways' grace it ends before anybody in it is free.
    uint256 public constant LIFETIME = 10 days;

    /// @inheritdoc IStaking
    ISetBuilder public immutable SET_BUILDER;
    /// @inheritdoc IStaking
    bytes32 public immutable ATTESTATION_DOMAIN;

    /// @inheritdoc IStaking
    uint64 public setVersion;
    /// @inheritdoc IStaking
    uint40 public setAt;
    /// @inheritdoc IStaking
    uint40 public setExpires;
    /// @inheritdoc IStaking
    bool public termEnded;
    /// @inheritdoc IStaking
    uint96 public setWeight;
    /// @inheritdoc IStaking
    mapping(uint64 version => bytes32) public setHash;

    constructor(ISetBuilder builder, bytes32 attestationDomain) {
        require(address(builder) != address(0), ZeroAddress());
        SET_BUILDER = builder;
        ATTESTATION_DOMAIN = attestationDomain;
    }

    /// @inheritdoc IStaking
    function snapshot() external {
        uint256 earliest = setAt + TERM;
        require(block.timestamp >= earliest || termEnded, TooEarly(earliest));
        bytes32[] memory words = new bytes32[](_seatCount);
        for (uint256 i; i < words.length; ++i) {
            Validator storage v = _seated(i);
            words[i] = bytes32((uint256(uint160(v.signer)) << 96) | v.stake);
        }
        uint64 version = setVersion + 1;
        uint64 expires = _expiry();
        bytes32 hash;
        (words, hash) = SET_BUILDER.build(words, version, expires);
        setHash[version] = hash;
        setVersion = version;
        setAt = uint40(block.timestamp);
        setExpires = uint40(expires);
        termEnded = false;
        uint256 weight;
        for (uint256 i; i < words.length; ++i) {
            weight += words[i].weightOf();
        }
        setWeight = uint96(weight);
        emit SetPublished(version, expires, hash, words);
    }

    /// @inheritdoc IStaking
    function checkIn(Attestation calldata attestation, bytes32[] calldata proof) external {
        bytes32 given = attestation.validatorSet.hashCalldata();
        bytes32 newest = setHash[setVersion];
        _checkNewest(given, newest);
        bytes32 leaf = Facts.validatorSet(setVersion, newest);
        require(Facts.root(proof, leaf) == attestation.root, SetFactNotProven(attestation.root, leaf));
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            ATTESTATION_DOMAIN, Hashes.efficientKeccak256(Attestations.ATTESTATION_TYPEHASH, attestation.root)
        );
        bytes32[] calldata members = attestation.validatorSet.validators;
        uint256 signers = attestation.signers;
        uint256 signatures = attestation.signatures.length;
        uint256 used;
        for (uint256 i; i < members.length; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            require(used < signatures, Attestations.SignersMismatch(signers, members.length, signatures));
            address signer = members[i].signerOf();
            require(
                Attestations.recover(digest, attestation.signatures[used]) == signer,
                Attestations.InvalidSignature(i, signer)
            );
            ++used;
            uint256 id = _keys[signer].validator;
            Validator storage v = _validators[id];
            if (v.seat == 0) continue;
            v.aliveAt = uint32(block.timestamp);
            emit CheckedIn(id);
        }
        require(
            used == signatures && signers >> members.length == 0,
            Attestations.SignersMismatch(signers, members.length, signatures)
        );
    }

    /// @dev After a slash in the second of another set: gateways take no set that does not outlive the one before.
    function _expiry() internal view virtual returns (uint64) {
        return uint64(Math.max(block.timestamp + LIFETIME, uint256(setExpires) + 1));
    }

    function _checkNewest(bytes32 given, bytes32 newest) internal view virtual {
        require(given == newest, NotNewestSet(given, newest));
    }
}
