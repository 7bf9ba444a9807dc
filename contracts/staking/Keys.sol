// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Signature} from "../metalayer/types/Attestation.sol";
import {Ledger} from "./Ledger.sol";
import {Key} from "./types/Key.sol";
import {Validator} from "./types/Validator.sol";

/// @title Keys: with what validators sign
/// @notice A key is one validator's for ever, so that evidence always leads to the stake that answered for it.
abstract contract Keys is Ledger {
    bytes32 private constant _POSSESSION_TYPEHASH = keccak256("Possession(address operator,address signer)");

    bytes32 private immutable _DOMAIN_SEPARATOR;

    mapping(address signer => Key) internal _keys;

    constructor() {
        _DOMAIN_SEPARATOR = MessageHashUtils.toDomainSeparator(
            hex"0f", keccak256("Metalayer Staking"), keccak256("1"), block.chainid, address(this), bytes32(0)
        );
    }

    /// @inheritdoc IStaking
    function rotateKey(uint256 id, address signer, bytes calldata possession) external {
        Validator storage v = _operated(id);
        _requireNotEnded(id, v);
        _bindKey(id, signer, possession);
        address retired = v.signer;
        _keys[retired].retiredAt = uint40(block.timestamp);
        v.signer = signer;
        emit KeyRotated(id, retired, signer);
    }

    /// @inheritdoc IStaking
    function validatorOf(address signer) external view returns (uint256 id) {
        id = _keys[signer].validator;
        uint256 retiredAt = _keys[signer].retiredAt;
        require(
            id != 0 && (retiredAt == 0 || _isLiableSince(retiredAt)), UnknownKey(signer)
        );
    }

    /// @inheritdoc IStaking
    function key(address signer) external view returns (Key memory) {
        return _keys[signer];
    }

    /// @inheritdoc IStaking
    function domainSeparator() external view returns (bytes32) {
        return _DOMAIN_SEPARATOR;
    }

    /// @dev True if a key that was retired then answers for what it signs.
    function _isLiableSince(uint256 retiredAt) internal view virtual returns (bool) {
        return block.timestamp < retiredAt + LIABILITY;
    }

    /// @dev Without the key's signature, one could take another's key, and answer for nothing that it signs.
    function _bindKey(uint256 id, address signer, bytes calldata possession) internal {
        uint256 taken = _keys[signer].validator;
        require(taken == 0, KeyTaken(signer, taken));
        require(possession.length == 64 && signer != address(0), InvalidPossession(signer));
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            _DOMAIN_SEPARATOR, keccak256(abi.encode(_POSSESSION_TYPEHASH, msg.sender, signer))
        );
        Signature calldata signature;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            signature := possession.offset
        }
        require(Attestations.recover(digest, signature) == signer, InvalidPossession(signer));
        _keys[signer].validator = uint16(id);
    }
}
