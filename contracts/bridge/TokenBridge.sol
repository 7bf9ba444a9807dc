// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {ERA} from "../token/ERA.sol";

// The events name ids that the gateway returns, so they come after calls to it; it and ERA call nobody back.
// slither-disable-start reentrancy-events

/// @title TokenBridge
/// @notice See {ITokenBridge}.
contract TokenBridge is ITokenBridge, ERC7786Recipient {
    using SafeERC20 for IERC20;

    /// @notice Gas limit of a hop that ends a transfer. A hop that needs more one day, because opcodes became dearer,
    /// fails and is retried with more.
    uint256 public constant RECEIVE_GAS_LIMIT = 200_000;
    /// @notice Gas limit of a hop that the hub forwards.
    uint256 public constant FORWARD_GAS_LIMIT = 350_000;
    /// @notice Time of each hop, in seconds: the longest that the gateway allows, so that whatever was sent before it
    /// and holds up its lane expires before it.
    uint256 public constant HOP_TIME = 30 days;

    IMetalayer public immutable GATEWAY;
    ERA public immutable TOKEN;
    uint256 public immutable HUB_CHAIN_ID;

    /// @inheritdoc ITokenBridge
    mapping(uint256 chainId => uint256) public outstanding;

    /// @param gateway The Metalayer of this chain, at the address that it has on every chain.
    /// @param token ERA.
    /// @param hubChainId Chain where ERA is locked.
    constructor(IMetalayer gateway, ERA token, uint256 hubChainId) {
        GATEWAY = gateway;
        TOKEN = token;
        HUB_CHAIN_ID = hubChainId;
    }

    /// @inheritdoc ITokenBridge
    function send(uint256 destination, address to, uint256 amount) external returns (bytes32 id) {
        require(amount != 0, ZeroAmount());
        _checkBeneficiary(to);
        // The gateway has no route to its own chain, so this refuses a transfer that goes nowhere, too.
        require(GATEWAY.route(destination).outbound, InvalidDestination(destination));
        if (_isHub()) {
            outstanding[destination] += amount;
            IERC20(address(TOKEN)).safeTransferFrom(msg.sender, address(this), amount);
        } else {
            TOKEN.crosschainBurn(msg.sender, amount);
        }
        id = _sendHop(destination, msg.sender, to, amount);
        emit TransferSent(id, msg.sender, to, destination, amount);
    }

    function _isAuthorizedGateway(address gateway, bytes calldata sender) internal view override returns (bool) {
        (uint256 chainId, address account) = InteroperableAddress.parseEvmV1Calldata(sender);
        return gateway == address(GATEWAY) && account == address(this) && (_isHub() || chainId == HUB_CHAIN_ID);
    }

    function _processMessage(address, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        internal
        override
    {
        // The account is this bridge: _isAuthorizedGateway compared it.
        // slither-disable-next-line unused-return
        (uint256 origin,) = InteroperableAddress.parseEvmV1Calldata(sender);
        (uint256 destination, address from, address to, uint256 amount) =
            abi.decode(payload, (uint256, address, address, uint256));
        _checkBeneficiary(to);
        if (_isHub()) {
            uint256 held = outstanding[origin];
            require(amount <= held, OutstandingExceeded(origin, amount, held));
            outstanding[origin] = held - amount;
            if (destination != block.chainid) {
                _forward(receiveId, destination, from, to, amount);
                return;
            }
            IERC20(address(TOKEN)).safeTransfer(to, amount);
        } else {
            require(destination == block.chainid, InvalidDestination(destination));
            TOKEN.crosschainMint(to, amount);
        }
        emit TransferReceived(receiveId, to, origin, amount);
    }

    function _forward(bytes32 receiveId, uint256 destination, address from, address to, uint256 amount) private {
        outstanding[destination] += amount;
        bytes32 sendId = _sendHop(destination, from, to, amount);
        emit TransferForwarded(receiveId, sendId, destination, amount);
    }

    function _sendHop(uint256 destination, address from, address to, uint256 amount) private returns (bytes32) {
        uint256 next = _isHub() ? destination : HUB_CHAIN_ID;
        bytes[] memory attributes = new bytes[](2);
        attributes[0] = abi.encodeWithSignature(
            "minGasLimit(uint256)", next == destination ? RECEIVE_GAS_LIMIT : FORWARD_GAS_LIMIT
        );
        attributes[1] = abi.encodeWithSignature("deliverBefore(uint256)", block.timestamp + HOP_TIME);
        return GATEWAY.sendMessage(
            InteroperableAddress.formatEvmV1(next, address(this)),
            abi.encode(destination, from, to, amount),
            attributes
        );
    }

    function _checkBeneficiary(address to) private view {
        require(
            to != address(0) && to != address(GATEWAY) && to != address(this) && to != address(TOKEN),
            InvalidBeneficiary(to)
        );
    }

    function _isHub() private view returns (bool) {
        return block.chainid == HUB_CHAIN_ID;
    }
}
// slither-disable-end reentrancy-events
