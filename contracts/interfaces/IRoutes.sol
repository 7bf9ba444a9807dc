// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice This chain's settings for one remote chain: one storage word.
/// @param outbound Open for sending to it.
/// @param inbound Open for delivering from it.
/// @param defaultGasLimit Gas limit of a message that names none.
/// @param maxGasLimit Highest gas limit that a message may name: whatever enters a lane must fit the destination.
/// @param baseFee For the passage of a message, whatever becomes of it. In gwei of ERA, as all fees here.
/// @param gasFee Per 1,000 gas of a message's gas limit, rounded up.
/// @param byteFee Per byte of payload.
/// @param returnFee For the end of a message: its success, or its way back.
/// @param protocolShare Share for the protocol on top of all that, in basis points (1/10,000), rounded up to 1 gwei.
struct Route {
    bool outbound;
    bool inbound;
    uint32 defaultGasLimit;
    uint32 maxGasLimit;
    uint40 baseFee;
    uint40 gasFee;
    uint40 byteFee;
    uint40 returnFee;
    uint16 protocolShare;
}

/// @title Routes: which remote chains this chain talks to, within which limits, and what it charges
/// @notice The owner sets routes. The guardian can only hold up what arrives from one chain, for at most
/// `MAX_PAUSE`, and not again before `COOL_DOWN` has passed since that pause ended, whoever the guardian is then.
interface IRoutes {
    /// @notice Emitted when the owner sets the route of a remote chain.
    event RouteSet(uint256 indexed chainId, Route route);
    /// @notice Emitted when the owner names a guardian.
    event GuardianSet(address indexed guardian);
    /// @notice Emitted when deliveries from a chain are paused until (Unix time), or when a pause is ended early: then
    /// `until` is that moment.
    event InboundPaused(uint256 indexed origin, uint64 until);

    /// @notice Thrown when sending to, or delivering from, a chain whose route is closed or was never set.
    error RouteClosed(uint256 chainId);
    /// @notice Thrown when delivering from a chain that the guardian paused.
    error RoutePaused(uint256 chainId, uint64 until);
    /// @notice Thrown when a route is set for this chain itself or for chain id zero.
    error InvalidRouteChain(uint256 chainId);
    /// @notice Thrown unless 0 < default ≤ maximum ≤ ceiling.
    error InvalidRouteGas(uint32 defaultGasLimit, uint32 maxGasLimit, uint32 ceiling);
    /// @notice Thrown when the protocol's share is above 10,000 basis points.
    error InvalidProtocolShare(uint16 share, uint16 maximum);
    /// @notice Thrown when the owner tries to leave the gateway without one.
    error OwnershipNotRenounceable();
    /// @notice Thrown when anyone but the guardian pauses, or anyone but the guardian or the owner ends a pause.
    error NotGuardian(address caller);
    /// @notice Thrown when a pause is asked for no time, or for more than `MAX_PAUSE` seconds.
    error InvalidPause(uint64 duration, uint64 maximum);
    /// @notice Thrown when the direction may not be paused again before `earliest` (Unix time).
    error CoolingDown(uint256 origin, uint64 earliest);
    /// @notice Thrown when a pause is ended that is over, or never was.
    error NotPaused(uint256 origin);

    /// @notice Sets the route of a remote chain. Only the owner.
    function setRoute(uint256 chainId, Route calldata newRoute) external;

    /// @notice Names who may pause; the zero address for nobody. Only the owner. Running pauses and cool-downs stay.
    function setGuardian(address newGuardian) external;

    /// @notice Holds up all deliveries from a chain for `duration` seconds. Only the guardian.
    function pauseInbound(uint256 origin, uint64 duration) external;

    /// @notice Ends a pause early; the cool-down counts from now. Only the guardian or the owner.
    function unpauseInbound(uint256 origin) external;

    /// @notice Chain id of the hub, the id of the whole network.
    function NETWORK_ID() external view returns (uint256);

    /// @notice Route of a remote chain; all zero if never set.
    function route(uint256 chainId) external view returns (Route memory);

    /// @notice Who may pause; zero if nobody.
    function guardian() external view returns (address);

    /// @notice Until when (Unix time, exclusive) deliveries from a chain are, or were last, paused; 0 if never.
    function pausedUntil(uint256 origin) external view returns (uint64);
}
