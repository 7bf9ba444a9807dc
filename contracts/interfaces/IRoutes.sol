// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice This chain's settings for one remote chain.
/// @param outbound Open for sending to it.
/// @param inbound Open for delivering from it.
/// @param defaultGasLimit Gas limit of a message that names none.
/// @param maxGasLimit Highest gas limit that a message may name: whatever enters a lane must fit the destination.
struct Route {
    bool outbound;
    bool inbound;
    uint64 defaultGasLimit;
    uint64 maxGasLimit;
}

/// @title Routes: which remote chains this chain talks to, and within which limits
interface IRoutes {
    /// @notice Emitted when the owner sets the route of a remote chain.
    event RouteSet(uint256 indexed chainId, Route route);

    /// @notice Thrown when sending to, or delivering from, a chain whose route is closed or was never set.
    error RouteClosed(uint256 chainId);
    /// @notice Thrown when a route is set for this chain itself or for chain id zero.
    error InvalidRouteChain(uint256 chainId);
    /// @notice Thrown unless 0 < default ≤ maximum ≤ ceiling.
    error InvalidRouteGas(uint64 defaultGasLimit, uint64 maxGasLimit, uint64 ceiling);

    /// @notice Thrown when the owner tries to leave the gateway without one.
    error OwnershipNotRenounceable();

    /// @notice Sets the route of a remote chain. Only the owner.
    function setRoute(uint256 chainId, Route calldata newRoute) external;

    /// @notice Chain id of the hub, the id of the whole network.
    function NETWORK_ID() external view returns (uint256);

    /// @notice Route of a remote chain; all zero if never set.
    function route(uint256 chainId) external view returns (Route memory);
}
