// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Route, Terms} from "../metalayer/types/Route.sol";

/// @title Routes: which remote chains this chain talks to, within which limits, at which fees
/// @notice The owner opens and closes routes and names the offices. The guardian may set terms, pause deliveries and
/// restart lanes, and nothing else: it can neither open nor close a route. Within which bounds it does so is up to the
/// contract that holds this office: see {IGuardian}.
interface IRoutes {
    /// @notice Emitted when the terms of messages to a chain are set.
    event TermsSet(uint256 indexed chainId, Terms terms);
    /// @notice Emitted when a route is opened or closed, in either direction.
    event RouteOpened(uint256 indexed chainId, bool outbound, bool inbound);
    /// @notice Emitted when the owner names a guardian.
    event GuardianSet(address indexed guardian);
    /// @notice Emitted when the owner names who brings back validator sets: see {IRotations}.
    event RecoverySet(address indexed recovery);

    /// @notice Thrown when sending to, or delivering from, a chain whose route is closed or was never set.
    error RouteClosed(uint256 chainId);
    /// @notice Thrown when terms are set for this chain itself or for chain id zero.
    error InvalidRouteChain(uint256 chainId);
    /// @notice Thrown unless 0 < `defaultGasLimit` ≤ `maxGasLimit` ≤ `ceiling` and `defaultReturnGasLimit` ≤ `ceiling`.
    error InvalidRouteGas(uint24 defaultGasLimit, uint24 maxGasLimit, uint24 defaultReturnGasLimit, uint24 ceiling);
    /// @notice Thrown when the protocol's share is above 10,000 basis points.
    error InvalidProtocolShare(uint16 share, uint16 maximum);
    /// @notice Thrown when a route is opened or closed that has no terms.
    error NoTerms(uint256 chainId);
    /// @notice Thrown when the owner tries to leave the gateway without an owner.
    error OwnershipNotRenounceable();
    /// @notice Thrown when anyone but the guardian pauses, or anyone but the guardian or the owner does what both may.
    error NotGuardian(address caller);

    /// @notice Sets fees and gas limits of messages to a chain. Only the owner or the guardian. Opens nothing.
    function setTerms(uint256 chainId, Terms calldata terms) external;

    /// @notice Opens or closes both directions of a route that has terms. Only the owner. Changes no terms.
    function setOpen(uint256 chainId, bool outbound, bool inbound) external;

    /// @notice Names the guardian; the zero address for nobody. Only the owner. Pauses and cool-downs go on.
    function setGuardian(address newGuardian) external;

    /// @notice Names the recovery; the zero address for nobody. Only the owner. Voids what the one before announced.
    function setRecovery(address newRecovery) external;

    /// @notice Chain id of the hub, the id of the whole network.
    function NETWORK_ID() external view returns (uint256);

    /// @notice Route of a remote chain; all zero if it was never set.
    function route(uint256 chainId) external view returns (Route memory);

    /// @notice The guardian; zero if nobody.
    function guardian() external view returns (address);

    /// @notice Who may bring back validator sets; zero if nobody.
    function recovery() external view returns (address);
}
