// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Route} from "../metalayer/types/Route.sol";

/// @title Routes: which remote chains this chain talks to, within which limits, at which fees
/// @notice The owner sets routes and names the guardian, who can do nothing but pause deliveries: see {IInbox}.
interface IRoutes {
    /// @notice Emitted when the owner sets the route of a remote chain.
    event RouteSet(uint256 indexed chainId, Route route);
    /// @notice Emitted when the owner names a guardian.
    event GuardianSet(address indexed guardian);

    /// @notice Thrown when sending to, or delivering from, a chain whose route is closed or was never set.
    error RouteClosed(uint256 chainId);
    /// @notice Thrown when a route is set for this chain itself or for chain id zero.
    error InvalidRouteChain(uint256 chainId);
    /// @notice Thrown unless 0 < `defaultGasLimit` ≤ `maxGasLimit` ≤ `ceiling`.
    error InvalidRouteGas(uint32 defaultGasLimit, uint32 maxGasLimit, uint32 ceiling);
    /// @notice Thrown when the protocol's share is above 10,000 basis points.
    error InvalidProtocolShare(uint16 share, uint16 maximum);
    /// @notice Thrown when the owner tries to leave the gateway without an owner.
    error OwnershipNotRenounceable();
    /// @notice Thrown when anyone but the guardian pauses, or anyone but the guardian or the owner ends a pause.
    error NotGuardian(address caller);

    /// @notice Sets the route of a remote chain. Only the owner.
    function setRoute(uint256 chainId, Route calldata newRoute) external;

    /// @notice Names who may pause; the zero address for nobody. Only the owner. Pauses and cool-downs go on.
    function setGuardian(address newGuardian) external;

    /// @notice Chain id of the hub, the id of the whole network.
    function NETWORK_ID() external view returns (uint256);

    /// @notice Route of a remote chain; all zero if it was never set.
    function route(uint256 chainId) external view returns (Route memory);

    /// @notice Who may pause; zero if nobody.
    function guardian() external view returns (address);
}
