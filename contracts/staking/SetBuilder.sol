// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title SetBuilder
/// @notice See {ISetBuilder}.
contract SetBuilder is ISetBuilder {
    using Arrays for bytes32[];
    using Attestations for bytes32;
    using Attestations for ValidatorSet;

    /// @dev The cap is 3/10 of the total.
    uint256 private constant _CAP = 3;
    uint256 private constant _WHOLE = 10;
    uint256 private constant _LARGEST = 4;

    /// @inheritdoc ISetBuilder
    function build(bytes32[] calldata words, uint64 version, uint64 expires)
        external
        view
        returns (bytes32[] memory validators, bytes32 setHash)
    {
        // By signer, which comes first in the word.
        validators = _capped(words).sort();
        ValidatorSet memory set = ValidatorSet(version, expires, validators);
        set.check();
        setHash = set.hash();
    }

    /// @dev If the k largest have the cap c each and the others R together, c is 3/10 of k c + R: c = 3 R / (10 - 3 k).
    /// As many are lowered as are above that; the others are not above it then. At most three: for k = 3, c is 3 R.
    function _capped(bytes32[] memory words) internal view returns (bytes32[] memory) {
        uint256 rest;
        uint256[_LARGEST] memory weights;
        uint256[_LARGEST] memory places;
        for (uint256 i; i < words.length; ++i) {
            uint256 weight = words[i].weightOf();
            rest += weight;
            if (weight > weights[_LARGEST - 1]) _insert(weights, places, weight, i);
        }
        for (uint256 k;; ++k) {
            uint256 cap = _cap(rest, k);
            if (weights[k] <= cap) {
                for (uint256 j; j < k; ++j) {
                    words[places[j]] = bytes32((uint256(words[places[j]]) >> 96 << 96) | cap);
                }
                return words;
            }
            rest -= weights[k];
        }
    }

    function _cap(uint256 rest, uint256 k) internal view virtual returns (uint256) {
        return _CAP * rest / (_WHOLE - _CAP * k);
    }

    /// @dev Keeps the largest, in descending order.
    function _insert(
        uint256[_LARGEST] memory weights,
        uint256[_LARGEST] memory places,
        uint256 weight,
        uint256 place
    ) private pure {
        uint256 k = _LARGEST - 1;
        for (; k > 0 && weight > weights[k - 1]; --k) {
            weights[k] = weights[k - 1];
            places[k] = places[k - 1];
        }
        weights[k] = weight;
        places[k] = place;
    }
}
