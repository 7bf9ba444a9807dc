// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Front} from "../bridge/types/Transfer.sol";

/// @title Fronting: a solver pays a transfer's recipient before it arrives, and gets what arrives
/// @notice A sender offers a tip. A solver who has seen the transfer start pays the recipient all but what it keeps,
/// and whatever becomes of the transfer pays the solver: its arrival by itself; its return if the solver, before the
/// deadline, sends a claim to the chain where it started. What the solver risks: terms that differ from what was sent,
/// a reorganisation of the chain where it started, and a chain that lies about either.
interface IFronting {
    /// @notice Emitted when a solver has paid a recipient.
    /// @param key See `keyOf`.
    /// @param token The token, on this chain.
    /// @param paid What the recipient got.
    event TransferFronted(
        bytes32 indexed id, address indexed solver, address indexed to, bytes32 key, address token, uint256 paid
    );
    /// @notice Emitted when a claim is sent to where a transfer started.
    event FrontClaimed(bytes32 indexed id, uint256 indexed start, address indexed solver, bytes32 sendId);
    /// @notice Emitted when a claim has arrived: from now on what returns of the transfer, and should have ended on
    /// that chain, is the solver's.
    event ClaimReceived(bytes32 indexed key, uint256 indexed chainId, address indexed solver);

    /// @notice Thrown when a transfer is fronted that has arrived, or that another solver fronted.
    error AlreadyFronted(bytes32 key);
    /// @notice Thrown when a transfer is fronted that offers nothing, or whose deadline has passed.
    error NotFrontable(bytes32 id);
    /// @notice Thrown when a claim is sent for a transfer that nobody fronted, or that has arrived.
    error NothingToClaimFor(bytes32 key);

    /// @notice Pays the recipient of a transfer in the caller's tokens, of which the bridge must be allowed as much.
    /// @param solver Who gets what arrives.
    /// @return paid What the caller paid: the amount, less the part of the tip that has been reached.
    function front(Front calldata transfer, address solver) external returns (uint256 paid);

    /// @notice Tells the chain where a transfer started who fronted it. Anyone may call; the fee is paid from the
    /// caller's credit, or from its ERA. Send it before the deadline: what has returned before it arrives is lost.
    function claim(Front calldata transfer, bool fromBalance) external returns (bytes32 sendId);

    /// @notice What `claim` costs, in wei of ERA.
    function quoteClaim(uint256 start) external view returns (uint256);

    /// @notice Under which a transfer is kept, at both its ends: the hash of all its terms. A claim by its id alone
    /// would let anybody claim what somebody else sent: by fronting other terms of that id, of any token.
    function keyOf(Front calldata transfer) external pure returns (bytes32);

    /// @notice Who fronted a transfer; zero if nobody did, 1 if it has arrived.
    function solverOf(bytes32 key) external view returns (address);

    /// @notice Who claimed what returns of a transfer that should have ended on a chain; zero if nobody did.
    function claimantOf(bytes32 key, uint256 chainId) external view returns (address);
}
