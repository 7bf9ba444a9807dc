// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Votes in wei of ERA.
struct Tally {
    uint128 against;
    uint128 inFavour;
    uint128 abstain;
}

using {Tallies.total} for Tally global;

/// @title Tallies: what is true of votes wherever they are counted
library Tallies {
    /// @notice All three parts together.
    function total(Tally memory votes) internal pure returns (uint256) {
        return uint256(votes.against) + votes.inFavour + votes.abstain;
    }
}
