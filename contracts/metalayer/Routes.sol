// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRoutes} from "../interfaces/IRoutes.sol";
import {InitialRoute, Route, Terms} from "./types/Route.sol";
import {SetState, setState} from "./types/SetState.sol";

/// @title Routes
/// @notice See {IRoutes}.
abstract contract Routes is IRoutes, Ownable2Step {
    /// @dev All that sending reads of a route: one storage word. The Inbox keeps the other direction with its lane.
    struct OutboundRoute {
        bool open;
        uint24 defaultGasLimit;
        uint24 maxGasLimit;
        uint24 defaultReturnGasLimit;
        uint40 baseFee;
        uint40 gasFee;
        uint40 byteFee;
        uint40 returnGasFee;
        uint16 protocolShare;
    }

    /// @notice Highest gas limit that any route may allow. A transaction has at most 16,777,216 gas (EIP-7825). The
    /// recipient's call needs 64/63 of the message's limit (EIP-150), and everything else in the largest delivery of
    /// one message (8,192 bytes, 32 signatures, 63 ids, a full proof) takes less than 1,500,000.
    uint24 public constant MAX_GAS_LIMIT = 15_000_000;
    uint16 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc IRoutes
    uint256 public immutable NETWORK_ID;

    /// @inheritdoc IRoutes
    address public guardian;

    mapping(uint256 chainId => OutboundRoute) private _routes;

    modifier onlyOwnerOrGuardian() {
        require(msg.sender == guardian || msg.sender == owner(), NotGuardian(msg.sender));
        _;
    }

    constructor(
        uint256 networkId,
        address initialOwner,
        address initialGuardian,
        address initialRecovery,
        InitialRoute[] memory routes
    ) Ownable(initialOwner) {
        NETWORK_ID = networkId;
        _setGuardian(initialGuardian);
        _setRecovery(initialRecovery);
        for (uint256 i; i < routes.length; ++i) {
            Route memory first = routes[i].route;
            _setTerms(routes[i].chainId, first.terms);
            _setOpen(routes[i].chainId, first.outbound, first.inbound);
        }
    }

    /// @inheritdoc IRoutes
    function setTerms(uint256 chainId, Terms calldata terms) external onlyOwnerOrGuardian {
        _setTerms(chainId, terms);
    }

    /// @inheritdoc IRoutes
    function setOpen(uint256 chainId, bool outbound, bool inbound) external onlyOwner {
        _setOpen(chainId, outbound, inbound);
    }

    /// @inheritdoc IRoutes
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @inheritdoc IRoutes
    function setRecovery(address newRecovery) external onlyOwner {
        _setRecovery(newRecovery);
    }

    /// @notice Always reverts: without an owner nobody could ever close a route.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @inheritdoc IRoutes
    function route(uint256 chainId) external view returns (Route memory) {
        OutboundRoute storage set = _routes[chainId];
        Terms memory terms = Terms({
            defaultGasLimit: set.defaultGasLimit,
            maxGasLimit: set.maxGasLimit,
            defaultReturnGasLimit: set.defaultReturnGasLimit,
            baseFee: set.baseFee,
            gasFee: set.gasFee,
            byteFee: set.byteFee,
            returnGasFee: set.returnGasFee,
            protocolShare: set.protocolShare
        });
        return Route(set.open, _isInboundOpen(chainId), terms);
    }

    /// @inheritdoc IRoutes
    function recovery() external view returns (address) {
        return setState().recovery;
    }

    function _isInboundOpen(uint256 chainId) internal view virtual returns (bool);

    /// @dev Called when the owner opens or closes the way to a chain.
    function _onOutboundSet(uint256 chainId, bool wasOpen, bool open) internal virtual;

    /// @dev Opens or closes deliveries from a chain.
    function _setInboundOpen(uint256 chainId, bool open) internal virtual;

    function _route(uint256 chainId) internal view returns (OutboundRoute storage) {
        return _routes[chainId];
    }

    function _setTerms(uint256 chainId, Terms memory terms) private {
        require(chainId != 0 && chainId != block.chainid, InvalidRouteChain(chainId));
        require(
            terms.defaultGasLimit != 0 && terms.defaultGasLimit <= terms.maxGasLimit
                && terms.maxGasLimit <= MAX_GAS_LIMIT && terms.defaultReturnGasLimit <= MAX_GAS_LIMIT,
            InvalidRouteGas(terms.defaultGasLimit, terms.maxGasLimit, terms.defaultReturnGasLimit, MAX_GAS_LIMIT)
        );
        require(terms.protocolShare <= BASIS_POINTS, InvalidProtocolShare(terms.protocolShare, BASIS_POINTS));
        _routes[chainId] = OutboundRoute({
            open: _routes[chainId].open,
            defaultGasLimit: terms.defaultGasLimit,
            maxGasLimit: terms.maxGasLimit,
            defaultReturnGasLimit: terms.defaultReturnGasLimit,
            baseFee: terms.baseFee,
            gasFee: terms.gasFee,
            byteFee: terms.byteFee,
            returnGasFee: terms.returnGasFee,
            protocolShare: terms.protocolShare
        });
        emit TermsSet(chainId, terms);
    }

    function _setOpen(uint256 chainId, bool outbound, bool inbound) private {
        require(_routes[chainId].maxGasLimit != 0, NoTerms(chainId));
        _onOutboundSet(chainId, _routes[chainId].open, outbound);
        _routes[chainId].open = outbound;
        _setInboundOpen(chainId, inbound);
        emit RouteOpened(chainId, outbound, inbound);
    }

    function _setGuardian(address newGuardian) private {
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }

    function _setRecovery(address newRecovery) private {
        SetState storage state = setState();
        state.recovery = newRecovery;
        // What the one before announced is void.
        delete state.announced;
        delete state.installableFrom;
        emit RecoverySet(newRecovery);
    }
}
