// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Facts} from "../metalayer/libraries/Facts.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {Attestation, Signature} from "../metalayer/types/Attestation.sol";
import {MessageStatus} from "../metalayer/types/MessageStatus.sol";
import {LaneFact, RestartFact, SetFact, SignedFact, UnexecutedFact} from "./types/SignedFact.sol";

/// @title Evidence: what convicts a validator
/// @notice Three kinds of evidence: (a) one validator signed two facts that contradict each other; (b) a signed fact
/// about this chain is false by what this chain's own contracts store; (c) a signed fact contradicts one that a quorum
/// signed. Each check returns the address that signed, for (a) the two addresses, or reverts.
///
/// An address alone proves nothing: for any digest, anybody can construct a signature that recovers to some address
/// whose key nobody has, and in a wrong domain every signature recovers to such an address. The caller must look the
/// address up among its validators. For (a) it must look up both: two addresses are one validator's if it changed its
/// key between the signatures, and prove nothing if they are two validators'. A domain belongs to one network and one
/// gateway: the gateway that a check reads, and the sets and hashes that it is given, must be those of that network.
///
/// An honest validator signs only what is final in its view, and never two values for one fact. Therefore:
/// - (a) never convicts an honest validator.
/// - (b) convicts one only if this chain itself was reorganised deeper than that, and only until the owner's restart of
///   the lane is final: nothing at or below a restart convicts, because it may have been true in the history that is
///   gone. Of sets and of messages to this chain, no restart does that: whoever executes (b) must be able to pardon.
/// - (c) can accuse an honest validator: it signed a fact about a chain that was reorganised deeper afterwards, and a
///   quorum signed the other history. Whoever executes (c) must leave time to object.
library Evidence {
    using Attestations for Attestation;

    /// @notice Highest number of ids in a walk: no head of a lane is further from a stored head or the present one.
    uint256 internal constant MAX_WALK = 63;

    /// @notice Thrown when a fact is not under the root that was signed.
    error FactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown when a signature of a root is malformed or malleable: it has no signer.
    error UnrecoverableSignature(bytes32 root, bytes32 r, bytes32 vs);
    /// @notice Thrown when both facts are the same: to sign a fact twice, or after others, is no fault.
    error SameFact(bytes32 leaf);
    /// @notice Thrown when a fact is about a lane of another chain: this chain does not know what is true there.
    /// @param end The end of the lane that would have to be this chain.
    error NotOwnLane(uint256 end, uint256 chainId);
    /// @notice Thrown when a fact is about a place at or below the lane's last restart.
    error NotAboveRestart(uint256 destination, uint256 nonce, uint64 restartedAt);
    /// @notice Thrown when a lane is at least as long as a fact says.
    error NotBeyondLane(uint256 destination, uint256 nonce, uint64 laneNonce);
    /// @notice Thrown when a walk of `ids` ids does not lead from a head to one that the Outbox knows at that place.
    error HeadNotInLane(uint256 destination, uint256 nonce, bytes32 head, uint256 ids);
    /// @notice Thrown when a walk has more than `MAX_WALK` ids.
    error WalkTooLong(uint256 ids, uint256 maximum);
    /// @notice Thrown when there is no record of a set: nothing shows what its hash would be.
    error SetNotRecorded(uint256 version);
    /// @notice Thrown when a set of that version, or of a later one, was published; or none was yet.
    error NotBeyondSets(uint256 version, uint256 newest);
    /// @notice Thrown when ids do not lead from a message to the present head of the lane from its origin.
    error MessageNotInLane(uint256 origin, uint256 nonce, bytes32 id);
    /// @notice Thrown when the message was not executed: this chain left it failed or expired.
    error MessageNotExecuted(bytes32 id, MessageStatus status);
    /// @notice Thrown when an attestation is not by the validator set that the caller expects.
    error UnknownValidatorSet(bytes32 given, bytes32 expected);

    /// @notice (a) Who signed `fact`, and who the same fact with `otherHead`.
    function laneEquivocation(
        bytes32 domainSeparator,
        LaneFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHead,
        SignedFact calldata otherSigned
    ) internal pure returns (address signer, address other) {
        return _equivocation(domainSeparator, _leaf(fact, fact.head), signed, _leaf(fact, otherHead), otherSigned);
    }

    /// @notice (a) Who signed `fact`, and who the same fact with `otherHash`.
    function setEquivocation(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 otherHash,
        SignedFact calldata otherSigned
    ) internal pure returns (address signer, address other) {
        return
            _equivocation(
                domainSeparator, _leaf(fact, fact.setHash), signed, _leaf(fact, otherHash), otherSigned
            );
    }

    /// @notice (a) Who signed that a message stands at a place of a lane, and who that a restart stands there.
    function placeEquivocation(
        bytes32 domainSeparator,
        LaneFact calldata fact,
        SignedFact calldata signed,
        SignedFact calldata restartSigned
    ) internal pure returns (address signer, address other) {
        bytes32 restart = Facts.restart(fact.origin, fact.destination, fact.nonce);
        return _equivocation(domainSeparator, _leaf(fact, fact.head), signed, restart, restartSigned);
    }

    /// @notice (b) A lane of this chain had another head at that nonce: `trueHead`, from which `ids` lead to the lane's
    /// present head or to a stored one.
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

    /// @notice (b) A lane of this chain is shorter than the fact says.
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

    /// @notice (b) A lane of this chain was never restarted at that nonce or above it.
    function falseRestart(
        bytes32 domainSeparator,
        IOutbox gateway,
        RestartFact calldata fact,
        SignedFact calldata signed
    ) internal view returns (address) {
        (,, uint64 restartedAt) = _ownLane(gateway, fact.origin, fact.destination);
        // Every restart is above the one before: there is none above the last.
        require(fact.nonce > restartedAt, NotAboveRestart(fact.destination, fact.nonce, restartedAt));
        return _signer(domainSeparator, Facts.restart(fact.origin, fact.destination, fact.nonce), signed);
    }

    /// @notice (b) The set of this version has another hash.
    /// @param recordedHash Hash of the hub's set of this version. Zero if there is no record of it: that convicts
    /// nobody.
    function falseSet(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        bytes32 recordedHash
    ) internal pure returns (address) {
        bytes32 leaf = _leaf(fact, fact.setHash);
        require(recordedHash != bytes32(0), SetNotRecorded(fact.version));
        require(fact.setHash != recordedHash, SameFact(leaf));
        return _signer(domainSeparator, leaf, signed);
    }

    /// @notice (b) The hub has published no set of so high a version.
    /// @param newest Version of the hub's newest set. Zero if it has published none: that convicts nobody.
    function beyondSets(
        bytes32 domainSeparator,
        SetFact calldata fact,
        SignedFact calldata signed,
        uint256 newest
    ) internal pure returns (address) {
        require(newest != 0 && fact.version > newest, NotBeyondSets(fact.version, newest));
        return _signer(domainSeparator, _leaf(fact, fact.setHash), signed);
    }

    /// @notice (b) This chain executed the message: it stands in the lane that the Inbox has replayed, and is neither
    /// failed nor expired. An honest validator says the contrary only when the deadline is behind this chain's final
    /// block: from then on the message cannot be executed any more. A restart that the Inbox followed hides what was
    /// before it.
    ///
    /// While a delivery is under way, messages stand in the lane that have not been tried yet: the caller must rule
    /// that out.
    /// @param previousHead Head of the lane before the message.
    /// @param ids Ids of all messages after it, as many as there are: they lead to the Inbox's present head.
    function falseUnexecuted(
        bytes32 domainSeparator,
        IInbox gateway,
        UnexecutedFact calldata fact,
        SignedFact calldata signed,
        bytes32 previousHead,
        bytes32[] calldata ids
    ) internal view returns (address) {
        _checkExecuted(gateway, fact, previousHead, ids);
        bytes32 leaf = Facts.unexecuted(fact.origin, fact.destination, fact.nonce, fact.id, fact.status);
        return _signer(domainSeparator, leaf, signed);
    }

    /// @notice (c) A quorum signed the same fact with `attestedHead`.
    /// @param setHash Hash of the validator set whose quorum counts. It must be one that was installed. The caller must
    /// not give one that has expired: validators who have withdrawn their stake have nothing to lose.
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
    ) private pure returns (address signer, address other) {
        require(leaf != otherLeaf, SameFact(leaf));
        signer = _signer(domainSeparator, leaf, signed);
        other = _signer(domainSeparator, otherLeaf, otherSigned);
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

    /// @dev No two sequences of ids lead to one head, and none leads to a genesis head: a head from which ids lead to a
    /// known head is the lane's own head at its place.
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
        // Zero: no head is stored there.
        require(
            known != bytes32(0) && reached == known, HeadNotInLane(destination, nonce, head, ids.length)
        );
    }

    /// @dev No two sequences of ids lead to one head, and none leads to a genesis head: ids that lead to the Inbox's
    /// head are those that it replayed, and their number tells the place of the first.
    function _checkExecuted(
        IInbox gateway,
        UnexecutedFact calldata fact,
        bytes32 previousHead,
        bytes32[] calldata ids
    ) private view {
        (uint256 origin, uint256 nonce, bytes32 id) = (fact.origin, fact.nonce, fact.id);
        require(fact.destination == block.chainid, NotOwnLane(fact.destination, block.chainid));
        (uint64 laneNonce, bytes32 laneHead) = gateway.inboxLane(origin);
        require(
            nonce <= laneNonce && laneNonce - nonce == ids.length
                && Messages.follow(Messages.extend(previousHead, id), ids, 0) == laneHead,
            MessageNotInLane(origin, nonce, id)
        );
        // Where the notice of its return stands says nothing here.
        // slither-disable-next-line unused-return
        (MessageStatus status,) = gateway.messageStatus(id);
        require(status == MessageStatus.None, MessageNotExecuted(id, status));
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
