// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Facts} from "../metalayer/libraries/Facts.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Attestation, Signature} from "../metalayer/types/Attestation.sol";
import {Fee, Fees} from "../metalayer/types/Fee.sol";
import {Message} from "../metalayer/types/Message.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title LibraryHarness: the gateway's libraries, callable from outside
/// @notice What the Python package must compute alike for any input.
contract LibraryHarness {
    using Attestations for Attestation;
    using Attestations for ValidatorSet;

    function messageId(
        Message calldata message,
        uint256 networkId,
        uint256 origin,
        uint256 destination,
        uint256 nonce
    ) external pure returns (bytes32) {
        return Messages.id(message, networkId, origin, destination, nonce);
    }

    function genesis(uint256 networkId, uint256 origin, uint256 destination, uint256 nonce)
        external
        pure
        returns (bytes32)
    {
        return Messages.genesis(networkId, origin, destination, nonce);
    }

    function extend(bytes32 head, bytes32 messageId_) external pure returns (bytes32) {
        return Messages.extend(head, messageId_);
    }

    function laneLeaf(uint256 origin, uint256 destination, uint256 nonce, bytes32 head)
        external
        pure
        returns (bytes32)
    {
        return Facts.lane(origin, destination, nonce, head);
    }

    function setLeaf(uint256 version, bytes32 setHash_) external pure returns (bytes32) {
        return Facts.validatorSet(version, setHash_);
    }

    function restartLeaf(uint256 origin, uint256 destination, uint256 nonce) external pure returns (bytes32) {
        return Facts.restart(origin, destination, nonce);
    }

    function unexecutedLeaf(uint256 origin, uint256 destination, uint256 nonce, bytes32 id, uint256 status)
        external
        pure
        returns (bytes32)
    {
        return Facts.unexecuted(origin, destination, nonce, id, status);
    }

    function packFee(
        uint64 basePart,
        uint64 relayPart,
        uint64 stepPart,
        uint64 callbackPart,
        uint32 returnGasLimit
    ) external pure returns (Fee) {
        return Fees.pack(basePart, relayPart, stepPart, callbackPart, returnGasLimit);
    }

    /// @return parts Base, relay, step, callback and return part, the return gas limit, and the total.
    function unpackFee(Fee fee) external pure returns (uint256[7] memory parts) {
        return [
            uint256(fee.basePart()),
            fee.relayPart(),
            fee.stepPart(),
            fee.callbackPart(),
            fee.returnPart(),
            fee.returnGasLimit(),
            fee.total()
        ];
    }

    function verify(bytes32[] calldata proof, bytes32 root, bytes32 leaf) external pure returns (bool) {
        return Facts.root(proof, leaf) == root;
    }

    function setHash(ValidatorSet calldata set) external pure returns (bytes32) {
        return set.hash();
    }

    function checkSet(ValidatorSet calldata set) external view {
        set.check();
    }

    function domainSeparator(uint256 networkId, address gateway) public pure returns (bytes32) {
        return MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer"), keccak256("1"), networkId, gateway, bytes32(0)
        );
    }

    function digest(uint256 networkId, address gateway, bytes32 root) external pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(
            domainSeparator(networkId, gateway), keccak256(abi.encode(Attestations.ATTESTATION_TYPEHASH, root))
        );
    }

    function checkQuorum(Attestation calldata attestation, uint256 networkId, address gateway) external pure {
        attestation.checkQuorum(domainSeparator(networkId, gateway));
    }

    /// @return signer Zero if the signature is malformed or malleable.
    function recover(bytes32 hash, Signature calldata signature) external pure returns (address signer) {
        return Attestations.recover(hash, signature);
    }

    function format(uint256 chainId, address account) external pure returns (bytes memory) {
        return Erc7930.encode(chainId, account);
    }
}
