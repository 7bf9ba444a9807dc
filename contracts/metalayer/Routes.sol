// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoutes} from "../interfaces/IRoutes.sol";
import {Route} from "./types/Route.sol";

/// @title Routes
/// @notice See {IRoutes}.
abstract contract Routes is IRoutes, Ownable2Step {
    /// @notice Highest gas limit that any route may allow. A transaction has at most 16,777,216 gas (EIP-7825). The
    /// recipient's call needs 64/63 of the message's limit (EIP-150), and everything else in the largest delivery of
    /// one message (8,192 bytes, 32 signatures, 255 ids, a full proof) takes less than 1,500,000.
    uint32 public constant MAX_GAS_LIMIT = 15_000_000;
    uint16 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc IRoutes
    uint256 public immutable NETWORK_ID;

    /// @inheritdoc IRoutes
    address public guardian;

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
        _onRouteSet(chainId, newRoute);
        emit RouteSet(chainId, newRoute);
    }

    /// @inheritdoc IRoutes
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @notice Always reverts: without an owner nobody could ever close a route.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IRoutes
    function route(uint256 chainId) external view returns (Route memory) {
        return _routes[chainId];
    }

    /// @dev Called when the owner sets a route.
    function _onRouteSet(uint256 chainId, Route calldata newRoute) internal virtual;

    function _route(uint256 chainId) internal view returns (Route storage) {
        return _routes[chainId];
    }

    function _setGuardian(address newGuardian) private {
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }
}
