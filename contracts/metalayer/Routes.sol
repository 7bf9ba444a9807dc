// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoutes, Route} from "../interfaces/IRoutes.sol";

/// @title Routes
/// @notice See {IRoutes}.
abstract contract Routes is IRoutes, Ownable2Step {
    /// @dev Everything that a delivery reads and writes of one direction: two words. `open` repeats the route's
    /// `inbound`, so that a delivery does not have to read the route.
    struct InboxLane {
        bytes32 head;
        uint64 nonce;
        uint64 pausedUntil;
        bool open;
    }

    /// @notice Highest gas limit that any route may allow. A transaction holds 16,777,216 gas (EIP-7825); the call
    /// needs 64/63 of the message's limit, and the largest delivery of one message (8,192 bytes, 32 signatures, 255
    /// ids, a full proof) spends less than 1,500,000 around it.
    uint32 public constant MAX_GAS_LIMIT = 15_000_000;
    /// @notice Longest pause, and shortest time between the end of one and the next of the same direction, in seconds.
    uint64 public constant MAX_PAUSE = 3 days;
    uint64 public constant COOL_DOWN = 3 days;

    uint16 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc IRoutes
    uint256 public immutable NETWORK_ID;

    /// @inheritdoc IRoutes
    address public guardian;

    mapping(uint256 origin => InboxLane) internal _inboxLanes;

    mapping(uint256 chainId => Route) private _routes;

    constructor(uint256 networkId, address initialOwner, address initialGuardian) Ownable(initialOwner) {
        NETWORK_ID = networkId;
        _setGuardian(initialGuardian);
    }

    /// @inheritdoc IRoutes
    function setRoute(uint256 chainId, Route calldata newRoute) external onlyOwner {
        require(chainId != 0 && chainId != block.chainid, InvalidRouteChain(chainId));
        require(
            newRoute.defaultGasLimit != 0 && newRoute.defaultGasLimit <= newRoute.maxGasLimit
                && newRoute.maxGasLimit <= MAX_GAS_LIMIT,
            InvalidRouteGas(newRoute.defaultGasLimit, newRoute.maxGasLimit, MAX_GAS_LIMIT)
        );
        require(
            newRoute.protocolShare <= BASIS_POINTS, InvalidProtocolShare(newRoute.protocolShare, BASIS_POINTS)
        );
        _routes[chainId] = newRoute;
        _inboxLanes[chainId].open = newRoute.inbound;
        emit RouteSet(chainId, newRoute);
    }

    /// @inheritdoc IRoutes
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @inheritdoc IRoutes
    function pauseInbound(uint256 origin, uint64 duration) external {
        require(msg.sender == guardian, NotGuardian(msg.sender));
        require(duration != 0 && duration <= MAX_PAUSE, InvalidPause(duration, MAX_PAUSE));
        InboxLane storage lane = _inboxLanes[origin];
        uint64 last = lane.pausedUntil;
        uint64 earliest = last == 0 ? 0 : last + COOL_DOWN;
        require(block.timestamp >= earliest, CoolingDown(origin, earliest));
        _pause(lane, origin, uint64(block.timestamp) + duration);
    }

    /// @inheritdoc IRoutes
    function unpauseInbound(uint256 origin) external {
        require(msg.sender == guardian || msg.sender == owner(), NotGuardian(msg.sender));
        InboxLane storage lane = _inboxLanes[origin];
        require(block.timestamp < lane.pausedUntil, NotPaused(origin));
        _pause(lane, origin, uint64(block.timestamp));
    }

    /// @notice Always reverts: without an owner nobody could ever close a route.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IRoutes
    function route(uint256 chainId) external view returns (Route memory) {
        return _routes[chainId];
    }

    /// @inheritdoc IRoutes
    function pausedUntil(uint256 origin) external view returns (uint64) {
        return _inboxLanes[origin].pausedUntil;
    }

    function _route(uint256 chainId) internal view returns (Route storage) {
        return _routes[chainId];
    }

    function _setGuardian(address newGuardian) private {
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }

    function _pause(InboxLane storage lane, uint256 origin, uint64 until) private {
        lane.pausedUntil = until;
        emit InboundPaused(origin, until);
    }
}
