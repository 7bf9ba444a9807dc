// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Facts} from "../metalayer/libraries/Facts.sol";
import {Messages} from "../metalayer/libraries/Messages.sol";
import {RecipientCall} from "../metalayer/libraries/RecipientCall.sol";
import {Signature} from "../metalayer/types/Attestation.sol";
import {LaneState} from "../metalayer/types/LaneState.sol";
import {Message} from "../metalayer/types/Message.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title LeavesHarness: each piece of assembly beside what it stands for, and the one packed addition
/// @notice In memory that is full of ones: nothing may depend on what was there before.
contract LeavesHarness is IERC7786Recipient {
    bytes private _received;

    modifier dirty() {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let place := mload(0x40)
            for { let end := add(place, 0x4000) } lt(place, end) { place := add(place, 0x20) } {
                mstore(place, not(0))
            }
        }
        _;
    }

    /// @notice What a recipient's call consists of, and what the compiler makes of the same values.
    function call(bytes32 id, uint256 chainId, address account, bytes calldata payload)
        external
        dirty
        returns (bytes memory made, bytes memory expected)
    {
        bytes memory sender = Erc7930.encode(chainId, address(0));
        Erc7930.replace(sender, account);
        (, bool accepted) = RecipientCall.attempt(address(this), 0, gasleft(), id, sender, payload);
        assert(accepted);
        sender = InteroperableAddress.formatEvmV1(chainId, account);
        return (_received, abi.encodeCall(IERC7786Recipient.receiveMessage, (id, sender, payload)));
    }

    function receiveMessage(bytes32, bytes calldata, bytes calldata) external payable returns (bytes4) {
        _received = msg.data;
        return IERC7786Recipient.receiveMessage.selector;
    }

    function form(uint256 chainId, address account)
        external
        view
        dirty
        returns (bytes memory made, bytes memory expected)
    {
        return (Erc7930.encode(chainId, account), InteroperableAddress.formatEvmV1(chainId, account));
    }

    function parse(bytes calldata given)
        external
        view
        dirty
        returns (uint256 chainId, address account, bool isParsed, uint256 expectedChainId, address expectedAccount)
    {
        (chainId, account) = Erc7930.decode(given);
        (isParsed, expectedChainId, expectedAccount) = InteroperableAddress.tryParseEvmV1Calldata(given);
    }

    function messageId(Message calldata message, uint256 networkId, uint256 origin, uint256 destination, uint256 nonce)
        external
        view
        dirty
        returns (bytes32 made, bytes32 expected)
    {
        made = Messages.id(message, networkId, origin, destination, nonce);
        expected = Messages.id(
            networkId,
            origin,
            destination,
            nonce,
            message.sender,
            message.recipient,
            message.gasLimit,
            message.deliverBefore,
            message.fee,
            keccak256(message.payload)
        );
    }

    function setHash(ValidatorSet calldata set) external view dirty returns (bytes32 made, bytes32 expected) {
        return (Attestations.hashCalldata(set), Attestations.hash(set));
    }

    function root(bytes32[] calldata proof, bytes32 leaf) external view dirty returns (bytes32 made, bytes32 expected) {
        return (Facts.root(proof, leaf), MerkleProof.processProofCalldata(proof, leaf));
    }

    function recover(bytes32 digest, Signature calldata signature)
        external
        view
        dirty
        returns (address made, address expected)
    {
        made = Attestations.recover(digest, signature);
        (expected,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
    }

    function extend(LaneState state, uint64 escrow, uint64 protocolFees) external pure returns (LaneState) {
        return state.extend(escrow, protocolFees);
    }
}
