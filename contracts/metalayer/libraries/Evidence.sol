// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IOutbox} from "../../interfaces/IOutbox.sol";
import {Attestation, Attestations, Signature} from "./Attestations.sol";
import {Facts} from "./Facts.sol";
import {Messages} from "./Messages.sol";

/// @notice That the lane (origin, destination) had `head` after `nonce` messages.
struct LaneFact {
    uint256 origin;
    uint256 destination;
    uint256 nonce;
    bytes32 head;
}

/// @notice That the validator set of this version has this hash.
struct SetFact {
    uint256 version;
    bytes32 setHash;
}

/// @notice That the owner of the origin restarted the lane (origin, destination) at `nonce`.
struct RestartFact {
    uint256 origin;
    uint256 destination;
    uint256 nonce;
}

/// @notice What shows that one validator signed a fact that stands beside it.
/// @param root Root of the tree of facts that was signed.
/// @param proof Merkle proof of the fact's leaf.
/// @param signature The validator's, over `Attestation(bytes32 root)`.
struct SignedFact {
    bytes32 root;
    bytes32[] proof;
    Signature signature;
}

/// @title Evidence: what convicts a validator
/// @notice Each check returns the address that signed a false or a contradicting fact, or reverts. Anybody can make up
/// a signature of an address whose key nobody has, and in another domain every signature is one of such an address:
/// the caller has to find the address among its validators. A domain is that of one network and one gateway; the
/// gateway that a check reads, and the sets and hashes that it is given, have to be those of the same network.
///
/// An honest validator signs what is final in its view, and never two values for one fact. So (a) never convicts it;
/// (b) only if the hub itself was reorganised deeper than that, and until the owner's restart of the lane is final:
/// nothing at or below a restart convicts, since it may have been true in the history that is gone. (c) can accuse an
/// honest validator: one that signed a fact about a chain that was reorganised deeper afterwards, if a quorum then
/// signed the other history. Whoever executes (c) has to leave the time to say so.
library Evidence {
    using Attestations for Attestation;

    /// @notice Most ids of a walk: any head of a lane is at most as far from a stored or the present one.
    uint256 internal constant MAX_WALK = 255;

    /// @notice Thrown when a fact is not under the root that was signed.
    error FactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown when a signature under a root is malformed or malleable, and so nobody's.
    error UnrecoverableSignature(bytes32 root, bytes32 r, bytes32 vs);
    /// @notice Thrown when both facts are one: to sign it twice, or after others, is no fault.
    error SameFact(bytes32 leaf);
    /// @notice Thrown when two facts were signed by two addresses: one of them is true, perhaps.
    error DifferentSigners(address signer, address other);
    /// @notice Thrown when a fact is about a lane of another chain: this one does not know what is true there.
    error NotOwnLane(uint256 origin, uint256 chainId);
    /// @notice Thrown when a fact is about a place at or below the lane's last restart.
    error NotAboveRestart(uint256 destination, uint256 nonce, uint64 restartedAt);
    /// @notice Thrown when a lane is as long as a fact says.
    error NotBeyondLane(uint256 destination, uint256 nonce, uint64 laneNonce);
    /// @notice Thrown when a walk does not lead from a head to one that the Outbox knows, `ids` places further.
    error HeadNotInLane(uint256 destination, uint256 nonce, bytes32 head, uint256 ids);
    /// @notice Thrown when a walk has more ids than are ever needed.
    error WalkTooLong(uint256 ids, uint256 maximum);
    /// @notice Thrown when an attestation is not by the set that counts.
    error UnknownValidatorSet(bytes32 given, bytes32 expected);

    /// @notice (a) One address signed `fact`, and the same with `otherHead`.
    function laneEquivocation(
        bytes32 domainSeparator,
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHead,
        SignedFact calldata otherSigned
    ) internal pure returns (address) {
        return _equivocation(domainSeparator, _leaf(fact, fact.head), signed, _leaf(fact, otherHead), otherSigned);
    }

    /// @notice (a) One address signed `fact`, and the same with `otherHash`.
    function setEquivocation(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHash,
        SignedFact calldata otherSigned
    ) internal pure returns (address) {
        return
            _equivocation(
                domainSeparator, _leaf(fact, fact.setHash), signed, _leaf(fact, otherHash), otherSigned
            );
    }

    /// @notice (b) A lane of this chain had another head there: `trueHead`, from which `ids` lead to the lane's present
    /// head or to a stored one.
    function falseHead(
        bytes32 domainSeparator,
        IOutbox gateway,
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 trueHead,
        bytes32[] calldata ids
    ) internal view returns (address) {
        bytes32 leaf = _leaf(fact, fact.head);
        require(trueHead != fact.head, SameFact(leaf));
        _checkWalk(gateway, fact.origin, fact.destination, fact.nonce, trueHead, ids);
        return _signer(domainSeparator, leaf, signed);
    }

    /// @notice (b) A lane of this chain is not that long.
    function beyondLane(
        bytes32 domainSeparator,
        IOutbox gateway,
        LaneFact calldata fact,
        SignedFact calldata signed
    ) internal view returns (address) {
        (uint64 laneNonce,,) = _ownLane(gateway, fact.origin, fact.destination);
        require(fact.nonce > laneNonce, NotBeyondLane(fact.destination, fact.nonce, laneNonce));
        return _signer(domainSeparator, _leaf(fact, fact.head), signed);
    }

    /// @notice (b) A lane of this chain was never restarted there, or above.
    function falseRestart(
        bytes32 domainSeparator,
        IOutbox gateway,
        RestartFact calldata fact,
        SignedFact calldata signed
    ) internal view returns (address) {
        (,, uint64 restartedAt) = _ownLane(gateway, fact.origin, fact.destination);
        // Restarts rise: what is above the last one is none of them.
        require(fact.nonce > restartedAt, NotAboveRestart(fact.destination, fact.nonce, restartedAt));
        return _signer(domainSeparator, Facts.restart(fact.origin, fact.destination, fact.nonce), signed);
    }

    /// @notice (b) The set of this version has another hash.
    /// @param recordedHash Hash of the hub's set of this version, zero if there is none.
    function falseSet(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 recordedHash
    ) internal pure returns (address) {
        bytes32 leaf = _leaf(fact, fact.setHash);
        require(fact.setHash != recordedHash, SameFact(leaf));
        return _signer(domainSeparator, leaf, signed);
    }

    /// @notice (c) A quorum signed the same fact with `attestedHead`.
    /// @param setHash Hash of the set that counts, which was installed: of another one, nobody's signatures may count.
    /// Validators whose stake is gone have nothing to lose: a set whose time has passed must not count.
    function laneContradiction(
        bytes32 domainSeparator,
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHead,
        Attestation calldata attestation,
        bytes32[] calldata proof,
        bytes32 setHash
    ) internal pure returns (address) {
        bytes32 attested = _leaf(fact, attestedHead);
        return _contradiction(
            domainSeparator, _leaf(fact, fact.head), signed, attested, attestation, proof, setHash
        );
    }

    /// @notice (c) A quorum signed the same fact with `attestedHash`.
    /// @param setHash As in {laneContradiction}.
    function setContradiction(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 attestedHash,
        Attestation calldata attestation,
        bytes32[] calldata proof,
        bytes32 setHash
    ) internal pure returns (address) {
        bytes32 attested = _leaf(fact, attestedHash);
        return _contradiction(
            domainSeparator, _leaf(fact, fact.setHash), signed, attested, attestation, proof, setHash
        );
    }

    function _equivocation(
        bytes32 domainSeparator,
        bytes32 leaf,
        SignedFact calldata signed,
        bytes32 otherLeaf,
        SignedFact calldata otherSigned
    ) private pure returns (address guilty) {
        require(leaf != otherLeaf, SameFact(leaf));
        guilty = _signer(domainSeparator, leaf, signed);
        address other = _signer(domainSeparator, otherLeaf, otherSigned);
        require(guilty == other, DifferentSigners(guilty, other));
    }

    function _contradiction(
        bytes32 domainSeparator,
        bytes32 leaf,
        SignedFact calldata signed,
        bytes32 attestedLeaf,
        Attestation calldata attestation,
        bytes32[] calldata proof,
        bytes32 setHash
    ) private pure returns (address) {
        require(leaf != attestedLeaf, SameFact(leaf));
        bytes32 given = Attestations.hashCalldata(attestation.validatorSet);
        require(given == setHash, UnknownValidatorSet(given, setHash));
        attestation.checkQuorum(domainSeparator);
        _checkFact(proof, attestation.root, attestedLeaf);
        return _signer(domainSeparator, leaf, signed);
    }

    /// @dev No two sequences of ids lead to one head, and none leads to a genesis head: what leads to a known head is
    /// the lane's head at its place.
    function _checkWalk(
        IOutbox gateway,
        uint256 origin,
        uint256 destination,
        uint256 nonce,
        bytes32 head,
        bytes32[] calldata ids
    ) private view {
        (uint64 laneNonce, bytes32 laneHead, uint64 restartedAt) = _ownLane(gateway, origin, destination);
        require(nonce > restartedAt, NotAboveRestart(destination, nonce, restartedAt));
        require(ids.length <= MAX_WALK, WalkTooLong(ids.length, MAX_WALK));
        bytes32 reached = head;
        for (uint256 i; i < ids.length; ++i) {
            reached = Messages.extend(reached, ids[i]);
        }
        bytes32 known;
        if (nonce <= laneNonce) {
            uint256 end = nonce + ids.length;
            if (end == laneNonce) known = laneHead;
            else if (end < laneNonce) known = gateway.storedHead(destination, uint64(end));
        }
        // Where no head is stored, zero is no head either.
        require(
            known != bytes32(0) && reached == known, HeadNotInLane(destination, nonce, head, ids.length)
        );
    }

    function _ownLane(IOutbox gateway, uint256 origin, uint256 destination)
        private
        view
        returns (uint64 nonce, bytes32 head, uint64 restartedAt)
    {
        require(origin == block.chainid, NotOwnLane(origin, block.chainid));
        return gateway.outboxLane(destination);
    }

    /// @dev Never zero.
    function _signer(bytes32 domainSeparator, bytes32 leaf, SignedFact calldata signed)
        private
        pure
        returns (address signer)
    {
        bytes32 root = signed.root;
        _checkFact(signed.proof, root, leaf);
        Signature calldata signature = signed.signature;
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            domainSeparator, keccak256(abi.encode(Attestations.ATTESTATION_TYPEHASH, root))
        );
        signer = Attestations.recover(digest, signature);
        require(signer != address(0), UnrecoverableSignature(root, signature.r, signature.vs));
    }

    function _checkFact(bytes32[] calldata proof, bytes32 root, bytes32 leaf) private pure {
        require(Facts.root(proof, leaf) == root, FactNotProven(root, leaf));
    }

    function _leaf(LaneFact calldata fact, bytes32 head) private pure returns (bytes32) {
        return Facts.lane(fact.origin, fact.destination, fact.nonce, head);
    }

    function _leaf(SetFact calldata fact, bytes32 setHash) private pure returns (bytes32) {
        return Facts.validatorSet(fact.version, setHash);
    }
}
