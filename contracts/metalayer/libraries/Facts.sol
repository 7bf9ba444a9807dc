// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Facts: leaves of the Merkle trees that validators sign
/// @notice A fact is a statement about a finalized chain that stays true or false for ever. Each kind has a type hash,
/// so that no fact can be read as one of another kind. Leaves are hashed twice, so that no inner node can be read as a
/// leaf.
library Facts {
    bytes32 internal constant LANE_FACT_TYPEHASH =
        keccak256("LaneFact(uint256 origin,uint256 destination,uint256 nonce,bytes32 head)");
    bytes32 internal constant SET_FACT_TYPEHASH = keccak256("SetFact(uint256 version,bytes32 setHash)");
    bytes32 internal constant RESTART_FACT_TYPEHASH =
        keccak256("RestartFact(uint256 origin,uint256 destination,uint256 nonce)");
    bytes32 internal constant UNEXECUTED_FACT_TYPEHASH =
        keccak256("UnexecutedFact(uint256 origin,uint256 destination,uint256 nonce,bytes32 id,uint256 status)");

    /// @notice Leaf of "the lane (origin, destination) had this head after `nonce` messages".
    function lane(uint256 origin, uint256 destination, uint256 nonce, bytes32 head) internal pure returns (bytes32) {
        return _leaf(keccak256(abi.encode(LANE_FACT_TYPEHASH, origin, destination, nonce, head)));
    }

    /// @notice Leaf of "the validator set of this version has this hash".
    function validatorSet(uint256 version, bytes32 setHash) internal pure returns (bytes32) {
        return _leaf(keccak256(abi.encode(SET_FACT_TYPEHASH, version, setHash)));
    }

    /// @notice Leaf of "the owner of the origin restarted the lane (origin, destination) at `nonce`".
    function restart(uint256 origin, uint256 destination, uint256 nonce) internal pure returns (bytes32) {
        return _leaf(keccak256(abi.encode(RESTART_FACT_TYPEHASH, origin, destination, nonce)));
    }

    /// @notice Leaf of "the destination did not execute message `id`, at place `nonce` of the lane (origin,
    /// destination), before its deadline, and left it with this status".
    /// @param status {MessageStatus} on the destination: none if it was never tried.
    function unexecuted(uint256 origin, uint256 destination, uint256 nonce, bytes32 id, uint256 status)
        internal
        pure
        returns (bytes32)
    {
        return _leaf(keccak256(abi.encode(UNEXECUTED_FACT_TYPEHASH, origin, destination, nonce, id, status)));
    }

    /// @notice Root to which `proof` leads from `leaf`. Of two nodes the smaller one is hashed first, as in
    /// OpenZeppelin's `MerkleProof`, which takes 130 gas more for each node of the proof.
    function root(bytes32[] calldata proof, bytes32 leaf) internal pure returns (bytes32 node) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            node := leaf
            let end := add(proof.offset, shl(5, proof.length))
            for { let place := proof.offset } lt(place, end) { place := add(place, 0x20) } {
                let sibling := calldataload(place)
                // In the scratch space [0, 64): the larger of the two goes to the second word.
                let nodeAt := shl(5, lt(sibling, node))
                mstore(nodeAt, node)
                mstore(xor(nodeAt, 0x20), sibling)
                node := keccak256(0x00, 0x40)
            }
        }
    }

    function _leaf(bytes32 factHash) private pure returns (bytes32 leaf) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0x00, factHash)
            leaf := keccak256(0x00, 0x20)
        }
    }
}
