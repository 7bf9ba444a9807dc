// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IGateways} from "../interfaces/IGateways.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";

/// @title Gateways
/// @notice See {IGateways}.
abstract contract Gateways {
    /// @dev All that an arrival reads about its origin: one word. `gateway` is zero for the first one. From
    /// `holdableFrom` on, a new hold may begin. `struck` if any message from there was.
    struct ChainState {
        address gateway;
        uint40 heldUntil;
        uint40 holdableFrom;
        bool struck;
    }

    /// @dev Seconds after which a gateway is accepted.
    uint256 internal constant _ACCEPTANCE_DELAY = 21 days;

    IMetalayer internal immutable _GATEWAY;
    address internal immutable _ERA;
    uint256 internal immutable _HUB_CHAIN_ID;

    mapping(address gateway => uint256) internal _acceptedFrom;

    mapping(uint256 chainId => ChainState) internal _chains;

    constructor(IMetalayer gateway, address era, uint256 hubChainId) {
        _GATEWAY = gateway;
        _ERA = era;
        _HUB_CHAIN_ID = hubChainId;
        // Of what it carried until another one was chosen.
        _acceptedFrom[address(gateway)] = 1;
    }

    /// @dev The gateway that sends to a chain.
    function _gatewayOf(uint256 chainId) internal view returns (IMetalayer) {
        return _gatewayIn(_chains[chainId]);
    }

    /// @dev Reverts unless the caller is a gateway that messages from this chain, or to it, are taken from.
    function _checkGateway(ChainState storage state) internal view virtual {
        require(
            msg.sender == address(_gatewayIn(state)) || _isAccepted(msg.sender),
            IGateways.GatewayNotAccepted(msg.sender)
        );
    }

    /// @dev Ids of two gateways can be equal: only the first one's stand for themselves. Every gateway has the same
    /// address on all chains.
    function _idOf(address gateway, bytes32 id) internal view virtual returns (bytes32) {
        return gateway == address(_GATEWAY) ? id : keccak256(abi.encode(gateway, id));
    }

    function _isHub() internal view returns (bool) {
        return block.chainid == _HUB_CHAIN_ID;
    }

    function _isAccepted(address gateway) internal view virtual returns (bool) {
        uint256 from = _acceptedFrom[gateway];
        return from != 0 && block.timestamp >= from;
    }

    function _gatewayIn(ChainState storage state) private view returns (IMetalayer) {
        return state.gateway == address(0) ? _GATEWAY : IMetalayer(state.gateway);
    }
}
