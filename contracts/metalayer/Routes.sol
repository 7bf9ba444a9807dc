// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoutes, Route} from "../interfaces/IRoutes.sol";

/// @title Routes
/// @notice See {IRoutes}.
abstract contract Routes is IRoutes, Ownable2Step {
    /// @notice Highest gas limit that any route may allow. A transaction holds 16,777,216 gas (EIP-7825); the call
    /// needs 64/63 of the message's limit, and the largest delivery of one message (8,192 bytes, 32 signatures, 255
    /// ids, a full proof) spends less than 1,500,000 around it.
    uint64 public constant MAX_GAS_LIMIT = 15_000_000;

    /// @inheritdoc IRoutes
    uint256 public immutable NETWORK_ID;

    mapping(uint256 chainId => Route) private _routes;

    constructor(uint256 networkId, address initialOwner) Ownable(initialOwner) {
        NETWORK_ID = networkId;
    }

    /// @inheritdoc IRoutes
    function setRoute(uint256 chainId, Route calldata newRoute) external onlyOwner {
        require(chainId != 0 && chainId != block.chainid, InvalidRouteChain(chainId));
        require(
            newRoute.defaultGasLimit != 0 && newRoute.defaultGasLimit <= newRoute.maxGasLimit
                && newRoute.maxGasLimit <= MAX_GAS_LIMIT,
            InvalidRouteGas(newRoute.defaultGasLimit, newRoute.maxGasLimit, MAX_GAS_LIMIT)
        );
        _routes[chainId] = newRoute;
        emit RouteSet(chainId, newRoute);
    }

    /// @notice Always reverts: without an owner nobody could ever close a route.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IRoutes
    function route(uint256 chainId) external view returns (Route memory) {
        return _routes[chainId];
    }

    function _route(uint256 chainId) internal view returns (Route storage) {
        return _routes[chainId];
    }
}
