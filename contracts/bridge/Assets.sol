// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IAssets} from "../interfaces/IAssets.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenMetadata} from "../interfaces/ITokenMetadata.sol";
import {Passages} from "./Passages.sol";
import {Transfers} from "./libraries/Transfers.sol";

// Gateways and ERA call nobody back. Events hold ids that gateways return.
// slither-disable-start reentrancy-benign,reentrancy-events

/// @title Assets
/// @notice See {IAssets}.
abstract contract Assets is Passages {
    /// @dev What stands here for a token of another chain, and whether it has limits: one word.
    struct Local {
        address token;
        bool limited;
    }

    /// @dev What a token of this chain stands for, and whether it has limits: one word. All zero at home.
    struct Home {
        address token;
        uint64 chain;
        bool limited;
    }

    /// @dev Creating a representation takes 230,000 with the longest name and symbol.
    uint256 internal constant DESCRIBE_GAS_LIMIT = 350_000;
    /// @dev For what returns and needs no more than a word written.
    uint256 internal constant NOTE_RETURN_GAS_LIMIT = 60_000;

    address internal immutable _BRIDGED_TOKEN;
    address internal immutable _METADATA;

    /// @dev By `_placeOf`.
    mapping(uint256 key => Local) internal _locals;
    mapping(address local => Home) internal _homes;

    constructor(address bridgedToken, address metadata) {
        _BRIDGED_TOKEN = bridgedToken;
        _METADATA = metadata;
        if (_isHub()) return;
        _locals[_placeOf(_HUB_CHAIN_ID, _ERA)].token = _ERA;
        _homes[_ERA] = Home(_ERA, uint64(_HUB_CHAIN_ID), false);
    }

    /// @dev What a token is called, as a message. The caller pays as it says, or what `payment` names has paid.
    function _describe(IMetalayer gateway, address token, uint256 chainId, Payment memory payment)
        internal
        returns (bytes32 sendId)
    {
        bytes memory payload = _description(token);
        address payer = _charge(
            payment, gateway, chainId, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, payload.length
        );
        return _sendDescription(gateway, token, chainId, payload, payer);
    }

    function _sendDescription(
        IMetalayer gateway,
        address token,
        uint256 chainId,
        bytes memory payload,
        address payer
    ) internal returns (bytes32 sendId) {
        _accounts[token][chainId].described = true;
        sendId = _sendHop(gateway, chainId, payload, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, payer, 0);
        emit IAssets.TokenDescribed(token, chainId, sendId);
    }

    /// @dev What the description of a token costs, if the chain needs one.
    function _quoteDescription(IMetalayer gateway, address token, uint256 chainId) internal view returns (uint256) {
        if (!_needsDescription(token, chainId)) return 0;
        return
            gateway.quote(chainId, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, _description(token).length);
    }

    function _needsDescription(address token, uint256 chainId) internal view returns (bool) {
        return token != _ERA && !_accounts[token][chainId].described;
    }

    function _description(address token) internal view returns (bytes memory) {
        (uint8 decimals, string memory name, string memory symbol) = ITokenMetadata(_METADATA).read(token);
        return Transfers.encodeDescription(token, decimals, bytes(name), bytes(symbol));
    }

    /// @dev What stands here for a token of `origin`, and whether it has limits. Reverts if nothing does.
    function _localFor(uint256 origin, address token) internal view virtual returns (address local, bool limited) {
        // A chain that is no hub may have a token at ERA's address.
        if (token == _ERA && origin != _HUB_CHAIN_ID) revert IAssets.NotHomeOfEra(origin);
        Local storage place = _locals[_placeOf(origin, token)];
        (local, limited) = (place.token, place.limited);
        if (local == address(0)) revert IAssets.TokenUnknown(origin, token);
    }

    function _isAtHome(address token) internal view returns (bool) {
        return _homes[token].chain == 0;
    }

    function _placeOf(uint256 homeChain, address token) internal pure returns (uint256) {
        return (homeChain << 160) | uint160(token);
    }
}
// slither-disable-end reentrancy-benign,reentrancy-events
