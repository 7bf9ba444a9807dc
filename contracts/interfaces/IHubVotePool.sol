// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tally} from "../governance/types/Tally.sol";

/// @title HubVotePool: votes of the ERA on other chains
/// @notice On the hub, at the address of {ISpokeVotes} on the others. Keeps the newest tally of each chain and casts it
/// in the governor, where this contract's weight is all ERA that was outstanding at the snapshot. A chain never counts
/// more than what was outstanding there: if it says more, all three parts are cut in the same measure.
interface IHubVotePool {
    /// @notice Emitted when a tally is kept.
    event TallyReceived(uint256 indexed proposalId, uint256 indexed chainId, Tally tally);
    /// @notice Emitted when a tally arrives that is not kept: it is another snapshot's, or not higher in all parts.
    event TallyIgnored(uint256 indexed proposalId, uint256 indexed chainId, uint48 snapshot, Tally tally);
    /// @notice Emitted when a chain's votes are cast. `cast` is what this call added.
    event TallyCast(uint256 indexed proposalId, uint256 indexed chainId, Tally cast);

    /// @notice Thrown when there is nothing to cast that was not cast before.
    error NothingToCast(uint256 proposalId, uint256 chainId);
    /// @notice Thrown when the route from a chain is closed or paused: what it says is not trusted now.
    error ChainNotTrusted(uint256 chainId);
    /// @notice Thrown when the lane from a chain was restarted since its tally came: it may be a lie. Send it again.
    error TallyOutdated(uint256 proposalId, uint256 chainId);

    /// @notice Casts what a chain's tally has more than was cast. Anyone, while the proposal is active; after the old
    /// deadline of a proposal that got objections, only the votes against it.
    function cast(uint256 proposalId, uint256 chainId) external;

    /// @notice The newest tally of a chain, as it arrived.
    function tally(uint256 proposalId, uint256 chainId) external view returns (Tally memory);

    /// @notice What was cast for a chain.
    function castOf(uint256 proposalId, uint256 chainId) external view returns (Tally memory);
}
