// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {IBridgedToken} from "../interfaces/IBridgedToken.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenMetadata} from "../interfaces/ITokenMetadata.sol";
import {Passages} from "./Passages.sol";
import {Transfers} from "./libraries/Transfers.sol";

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

    /// @inheritdoc IAssets
    address public immutable BRIDGED_TOKEN;
    /// @inheritdoc IAssets
    address public immutable METADATA;

    /// @dev By `_keyOf`.
    mapping(uint256 key => Local) private _locals;
    mapping(address local => Home) private _homes;

    constructor(address bridgedToken, address metadata) {
        BRIDGED_TOKEN = bridgedToken;
        METADATA = metadata;
        if (_isHub()) return;
        _locals[_keyOf(HUB_CHAIN_ID, ERA)].token = ERA;
        _homes[ERA] = Home(ERA, uint64(HUB_CHAIN_ID), false);
    }

    /// @inheritdoc IAssets
    function describe(address token, uint256 chainId, bool fromBalance) external returns (bytes32 sendId) {
        require(token != ERA && _isAtHome(token) && token.code.length != 0, NotAtHome(token));
        require(chainId != 0 && chainId <= type(uint64).max, InvalidDestination(chainId));
        return _describe(gatewayOf(chainId), token, chainId, Payment(fromBalance, type(uint256).max));
    }

    /// @inheritdoc IAssets
    function adopt(uint256 homeChain, address token, address local) external onlyOwner {
        Local storage place = _locals[_keyOf(homeChain, token)];
        Home storage home = _homes[local];
        require(
            _mayAdopt(place, home) && homeChain != 0 && homeChain <= type(uint64).max && homeChain != block.chainid
                && token != ERA && local != ERA && ERC165Checker.supportsInterface(local, type(IERC7802).interfaceId),
            NotAdoptable(homeChain, token, local)
        );
        place.token = local;
        (home.token, home.chain) = (token, uint64(homeChain));
        emit TokenAdopted(homeChain, token, local);
    }

    /// @inheritdoc IAssets
    function localOf(uint256 homeChain, address token) external view returns (address) {
        return _locals[_keyOf(homeChain, token)].token;
    }

    /// @inheritdoc IAssets
    function homeOf(address local) external view returns (uint256 homeChain, address token) {
        Home storage home = _homes[local];
        return (home.chain, home.token);
    }

    /// @inheritdoc IAssets
    function representationOf(uint256 homeChain, address token) external view returns (address) {
        return Clones.predictDeterministicAddress(BRIDGED_TOKEN, bytes32(_keyOf(homeChain, token)));
    }

    /// @inheritdoc IAssets
    function isDescribed(address token, uint256 chainId) external view returns (bool) {
        return _accounts[token][chainId].described;
    }

    /// @dev What a token is called, as a message. The caller pays as it says, or what `payment` names has paid.
    function _describe(IMetalayer gateway, address token, uint256 chainId, Payment memory payment)
        internal
        returns (bytes32 sendId)
    {
        bytes memory payload = _description(token);
        Hop memory hop = _note(gateway, chainId, DESCRIBE_GAS_LIMIT);
        _charge(payment, hop, payload.length);
        return _sendDescription(hop, token, payload);
    }

    function _sendDescription(Hop memory hop, address token, bytes memory payload) internal returns (bytes32 sendId) {
        _accounts[token][hop.destination].described = true;
        sendId = _sendHop(hop, payload);
        emit TokenDescribed(token, hop.destination, sendId);
    }

    /// @dev A message of the bridge that carries no value, paid by the bridge.
    function _note(IMetalayer gateway, uint256 destination, uint256 gasLimit) internal view returns (Hop memory) {
        return Hop(gateway, destination, gasLimit, NOTE_RETURN_GAS_LIMIT, address(this), 0);
    }

    /// @dev What the description of a token costs, if the chain needs one.
    function _quoteDescription(IMetalayer gateway, address token, uint256 chainId) internal view returns (uint256) {
        if (!_needsDescription(token, chainId)) return 0;
        return
            gateway.quote(chainId, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, _description(token).length);
    }

    function _needsDescription(address token, uint256 chainId) internal view returns (bool) {
        return token != ERA && !_accounts[token][chainId].described;
    }

    function _description(address token) internal view returns (bytes memory) {
        (uint8 decimals, string memory name, string memory symbol) = ITokenMetadata(METADATA).read(token);
        return Transfers.encodeDescription(token, decimals, bytes(name), bytes(symbol));
    }

    /// @dev Creates the representation of a token, unless something stands for it already.
    function _onDescription(uint256 origin, bytes calldata payload) internal virtual {
        (address token, uint8 decimals, string memory name, string memory symbol) =
            Transfers.decodeDescription(payload);
        uint256 key = _keyOf(origin, token);
        require(token != ERA, NotHomeOfEra(origin));
        if (_locals[key].token != address(0)) return;
        address local = Clones.cloneDeterministic(BRIDGED_TOKEN, bytes32(key));
        _locals[key].token = local;
        _homes[local] = Home(token, uint64(origin), false);
        emit RepresentationCreated(origin, token, local);
        IBridgedToken(local).initialize(origin, token, decimals, name, symbol);
    }

    /// @dev The description came back: the next transfer takes another one along.
    function _onDescriptionReturned(uint256 destination, bytes calldata payload) internal virtual {
        _accounts[Transfers.describedToken(payload)][destination].described = false;
    }

    /// @dev What stands here for a token of `origin`, and whether it has limits. Reverts if nothing does.
    function _localFor(uint256 origin, address token) internal view virtual returns (address local, bool limited) {
        // A chain that is no hub may have a token at ERA's address.
        require(token != ERA || origin == HUB_CHAIN_ID, NotHomeOfEra(origin));
        Local storage place = _locals[_keyOf(origin, token)];
        (local, limited) = (place.token, place.limited);
        require(local != address(0), TokenUnknown(origin, token));
    }

    function _home(address token) internal view returns (Home memory) {
        return _homes[token];
    }

    function _isAtHome(address token) internal view override returns (bool) {
        return _homes[token].chain == 0;
    }

    function _mayAdopt(Local storage place, Home storage home) internal view virtual returns (bool) {
        return place.token == address(0) && home.chain == 0;
    }

    function _setLimited(address token, uint256 chainId, bool limited) internal override {
        Home storage home = _homes[token];
        if (home.chain == 0) {
            _accounts[token][chainId].limited = limited;
        } else {
            require(chainId == home.chain, InvalidLimits(token, chainId));
            home.limited = limited;
            _locals[_keyOf(chainId, home.token)].limited = limited;
        }
    }

    function _keyOf(uint256 homeChain, address token) private pure returns (uint256) {
        return (homeChain << 160) | uint160(token);
    }
}
