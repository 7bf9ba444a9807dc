// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {IFronting} from "../interfaces/IFronting.sol";
import {IGateways} from "../interfaces/IGateways.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IPassages} from "../interfaces/IPassages.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Hops} from "./Hops.sol";
import {Bucket, Buckets} from "./libraries/Buckets.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front} from "./types/Transfer.sol";

// Constants are read by their names.
// solhint-disable func-name-mixedcase

/// @title BridgeViews: what anyone can read of the bridge
abstract contract BridgeViews is Hops, ITokenBridge {
    using Buckets for Bucket;
    using Checkpoints for Checkpoints.Trace208;

    /// @inheritdoc IPassages
    function quoteSend(address token, uint256 destination, uint256 dataLength, uint256 extraGas)
        external
        view
        returns (uint256 fee, uint256 home)
    {
        _checkDestination(destination);
        home = _homes[token].chain;
        uint256 next = home == 0 ? destination : home;
        bool forwarded = next != destination;
        IMetalayer gateway = _gatewayOf(next);
        fee = gateway.quote(next, _gasFor(forwarded) + extraGas, RETURN_GAS_LIMIT, _length(dataLength, false));
        if (home == 0) fee += _quoteDescription(gateway, token, next);
        if (!forwarded) home = 0;
    }

    /// @inheritdoc IPassages
    function quoteForward(address token, uint256 destination, uint256 dataLength, uint256 extraGas)
        external
        view
        returns (uint256)
    {
        _checkDestination(destination);
        require(_isAtHome(token), NotAtHome(token));
        IMetalayer gateway = _gatewayOf(destination);
        return gateway.quote(
            destination, ARRIVE_GAS_LIMIT + extraGas, FORWARDED_RETURN_GAS_LIMIT, _length(dataLength, true)
        ) + _quoteDescription(gateway, token, destination);
    }

    /// @inheritdoc IFronting
    function quoteClaim(uint256 start) external view returns (uint256) {
        return
            _gatewayOf(start).quote(start, CLAIM_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, Transfers.CLAIM_LENGTH);
    }

    /// @inheritdoc ILimits
    function limitsOf(address token, uint256 chainId)
        external
        view
        returns (
            bool limited,
            uint256 outCapacity,
            uint256 inCapacity,
            uint256 window,
            uint256 outFree,
            uint256 inFree
        )
    {
        Bucket storage bucket = _buckets[token][chainId];
        limited = bucket.window != 0;
        if (limited) {
            (outCapacity, inCapacity, window) = (bucket.outCapacity, bucket.inCapacity, bucket.window);
            (outFree, inFree) = (bucket.freeOut(), bucket.freeIn());
        }
    }

    /// @inheritdoc ILimits
    function heldUntil(uint256 chainId) external view returns (uint256 until, uint256 holdableFrom) {
        return (_chains[chainId].heldUntil, _chains[chainId].holdableFrom);
    }

    /// @inheritdoc ILimits
    function waitingSince(bytes32 id) external view returns (uint256) {
        return _waitingSince[id];
    }

    /// @inheritdoc ILimits
    function WAITING_TIME() external pure returns (uint256) {
        return _WAITING_TIME;
    }

    /// @inheritdoc IAccounts
    function outstanding(address token, uint256 chainId) external view returns (uint256) {
        return _accounts[token][chainId].amount;
    }

    /// @inheritdoc IAccounts
    function pastOutstanding(uint256 chainId, uint48 hour) external view returns (uint256) {
        _checkHour(hour);
        return _outstandingAt(chainId, hour);
    }

    /// @inheritdoc IAccounts
    function totalOutstanding() external view returns (uint256 total) {
        for (uint256 i; i < _holders.length; ++i) {
            total += _accounts[_ERA][_holders[i]].amount;
        }
    }

    /// @inheritdoc IAccounts
    function pastTotalOutstanding(uint48 hour) external view returns (uint256 total) {
        _checkHour(hour);
        for (uint256 i; i < _holders.length; ++i) {
            total += _outstandingAt(_holders[i], hour);
        }
    }

    /// @inheritdoc IAssets
    function localOf(uint256 homeChain, address token) external view returns (address) {
        return _locals[_placeOf(homeChain, token)].token;
    }

    /// @inheritdoc IAssets
    function homeOf(address local) external view returns (uint256 homeChain, address token) {
        return (_homes[local].chain, _homes[local].token);
    }

    /// @inheritdoc IAssets
    function representationOf(uint256 homeChain, address token) external view returns (address) {
        return Clones.predictDeterministicAddress(_BRIDGED_TOKEN, bytes32(_placeOf(homeChain, token)));
    }

    /// @inheritdoc IAssets
    function isDescribed(address token, uint256 chainId) external view returns (bool) {
        return _accounts[token][chainId].described;
    }

    /// @inheritdoc IAssets
    function BRIDGED_TOKEN() external view returns (address) {
        return _BRIDGED_TOKEN;
    }

    /// @inheritdoc IAssets
    function METADATA() external view returns (address) {
        return _METADATA;
    }

    /// @inheritdoc IPassages
    function passage(bytes32 id) external view returns (uint256) {
        return _passage[id];
    }

    /// @inheritdoc IFronting
    function keyOf(Front calldata transfer) external pure returns (bytes32) {
        return _keyOfCall(transfer);
    }

    /// @inheritdoc IFronting
    function solverOf(bytes32 key) external view returns (address) {
        return address(uint160(_solverOf[key].account));
    }

    /// @inheritdoc IFronting
    function claimantOf(bytes32 id, uint256 chainId) external view returns (address) {
        return _claimantOf[id][chainId];
    }

    /// @inheritdoc IGateways
    function GATEWAY() external view returns (IMetalayer) {
        return _GATEWAY;
    }

    /// @inheritdoc IGateways
    function gatewayOf(uint256 chainId) external view returns (IMetalayer) {
        return _gatewayOf(chainId);
    }

    /// @inheritdoc IGateways
    function acceptedFrom(address gateway) external view returns (uint256) {
        return _acceptedFrom[gateway];
    }

    /// @inheritdoc IGateways
    function ACCEPTANCE_DELAY() external pure returns (uint256) {
        return _ACCEPTANCE_DELAY;
    }

    /// @inheritdoc ITokenBridge
    function ERA() external view returns (address) {
        return _ERA;
    }

    /// @inheritdoc ITokenBridge
    function HUB_CHAIN_ID() external view returns (uint256) {
        return _HUB_CHAIN_ID;
    }

    function _checkDestination(uint256 destination) internal view {
        require(
            destination != 0 && destination <= type(uint64).max && destination != block.chainid,
            InvalidDestination(destination)
        );
    }

    function _gasFor(bool forwarded) internal pure returns (uint256) {
        return forwarded ? FORWARD_GAS_LIMIT : ARRIVE_GAS_LIMIT;
    }

    function _outstandingAt(uint256 chainId, uint48 hour) private view returns (uint256) {
        Account storage account = _accounts[_ERA][chainId];
        return hour > account.since ? account.amount : _past[chainId].lowerLookup(hour);
    }

    function _checkHour(uint48 hour) private view {
        require(hour % 1 hours == 0 && hour < block.timestamp, InvalidHour(hour));
    }
}
