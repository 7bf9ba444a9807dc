// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SetBuilder} from "../staking/SetBuilder.sol";

/// @title SetProofs: the cap on weights, for any stakes
/// @notice Like {Proofs}, on the SetBuilder itself. Stakes are at least 1 ERA: Staking allows no lower minimum.
contract SetProofs is SetBuilder {
    uint256 private constant LEAST = 1e18;

    /// @notice Of any set: if of its weights the k largest are the cap, and the rest weighs so much, none of them is
    /// above 30 % after rounding. What is not lowered is not above the cap.
    function checkCapOfAnySize(uint104 rest) external view {
        unchecked {
            for (uint256 k; k < 4; ++k) {
                uint256 cap = _cap(rest, k);
                assert(cap * 10 <= 3 * (k * cap + rest));
            }
        }
    }

    /// @notice Of five validators whose stakes fall, or are equal: no weight is above 30 %, none is zero, none is more
    /// than the stake, and every signer keeps its place.
    function checkFallingStakes(uint96[5] calldata stakes) external view {
        for (uint256 i = 1; i < 5; ++i) {
            if (stakes[i - 1] < stakes[i]) return;
        }
        _check(stakes);
    }

    /// @notice Somebody can be lowered.
    /// @custom:halmos --early-exit
    function findLowered(uint96[4] calldata stakes) external view {
        bytes32[] memory words = new bytes32[](4);
        for (uint256 i; i < 4; ++i) {
            if (stakes[i] < LEAST) return;
            words[i] = bytes32(((i + 1) << 96) | stakes[i]);
        }
        words = _capped(words);
        assert(uint96(uint256(words[0])) == stakes[0]);
    }

    function _check(uint96[5] calldata stakes) private view {
        uint256 count = stakes.length;
        bytes32[] memory words = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            if (stakes[i] < LEAST) return;
            words[i] = bytes32(((i + 1) << 96) | stakes[i]);
        }
        words = _capped(words);
        unchecked {
            uint256 total;
            for (uint256 i; i < count; ++i) {
                total += uint96(uint256(words[i]));
            }
            for (uint256 i; i < count; ++i) {
                uint256 weight = uint96(uint256(words[i]));
                assert(uint256(words[i]) >> 96 == i + 1);
                assert(weight != 0 && weight <= stakes[i]);
                assert(weight * 10 <= total * 3);
            }
        }
    }
}
