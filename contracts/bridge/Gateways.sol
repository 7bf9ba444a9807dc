// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC5313} from "@openzeppelin/contracts/interfaces/IERC5313.sol";
import {IGateways} from "../interfaces/IGateways.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";

/// @title Gateways
/// @notice See {IGateways}.
abstract contract Gateways is ITokenBridge {
    /// @dev All that an arrival reads about its origin: one word. `gateway` is zero for the first one. From
    /// `holdableFrom` on, a new hold may begin. `struck` if any message from there was.
    struct ChainState {
        address gateway;
        uint40 heldUntil;
        uint40 holdableFrom;
        bool struck;
    }

    /// @inheritdoc IGateways
    uint256 public constant ACCEPTANCE_DELAY = 21 days;

    /// @inheritdoc IGateways
    IMetalayer public immutable GATEWAY;
    /// @inheritdoc ITokenBridge
    address public immutable ERA;
    /// @inheritdoc ITokenBridge
    uint256 public immutable HUB_CHAIN_ID;

    /// @inheritdoc IGateways
    mapping(address gateway => uint256) public acceptedFrom;

    mapping(uint256 chainId => ChainState) internal _chains;

    modifier onlyOwner() {
        require(msg.sender == _owner(), NotBridgeOwner(msg.sender));
        _;
    }

    constructor(IMetalayer gateway, address era, uint256 hubChainId) {
        GATEWAY = gateway;
        ERA = era;
        HUB_CHAIN_ID = hubChainId;
        // Of what it carried until another one was chosen.
        acceptedFrom[address(gateway)] = 1;
    }

    /// @inheritdoc IGateways
    function acceptGateway(address gateway) external onlyOwner {
        uint256 from = block.timestamp + ACCEPTANCE_DELAY;
        acceptedFrom[gateway] = from;
        emit GatewayAccepted(gateway, from);
    }

    /// @inheritdoc IGateways
    function refuseGateway(address gateway) external onlyOwner {
        delete acceptedFrom[gateway];
        emit GatewayRefused(gateway);
    }

    /// @inheritdoc IGateways
    function chooseGateway(uint256 chainId, address gateway) external onlyOwner {
        require(_isAccepted(gateway), GatewayNotAccepted(gateway));
        _chains[chainId].gateway = gateway == address(GATEWAY) ? address(0) : gateway;
        emit GatewayChosen(chainId, gateway);
    }

    /// @inheritdoc IGateways
    function recall(address gateway, uint256 amount) external onlyOwner {
        IMetalayer(gateway).withdraw(address(this), amount);
    }

    /// @inheritdoc IGateways
    function gatewayOf(uint256 chainId) public view returns (IMetalayer) {
        return _gatewayIn(_chains[chainId]);
    }

    /// @dev Reverts unless the caller is a gateway that messages from this chain, or to it, are taken from.
    function _checkGateway(ChainState memory state) internal view virtual {
        require(
            msg.sender == address(_gatewayIn(state)) || _isAccepted(msg.sender), GatewayNotAccepted(msg.sender)
        );
    }

    /// @dev Ids of two gateways can be equal: only the first one's stand for themselves. Every gateway has the same
    /// address on all chains.
    function _idOf(address gateway, bytes32 id) internal view virtual returns (bytes32) {
        return gateway == address(GATEWAY) ? id : keccak256(abi.encode(gateway, id));
    }

    function _owner() internal view returns (address) {
        return IERC5313(address(GATEWAY)).owner();
    }

    function _isHub() internal view returns (bool) {
        return block.chainid == HUB_CHAIN_ID;
    }

    function _isAccepted(address gateway) internal view virtual returns (bool) {
        uint256 from = acceptedFrom[gateway];
        return from != 0 && block.timestamp >= from;
    }

    function _gatewayIn(ChainState memory state) private view returns (IMetalayer) {
        return state.gateway == address(0) ? GATEWAY : IMetalayer(state.gateway);
    }
}
