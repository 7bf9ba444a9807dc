// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";
import {ERA} from "../token/ERA.sol";
import {Accounts} from "./Accounts.sol";

// Events hold ids that the gateway returns, so they come after calls to it. Gateway and ERA call nobody back.
// slither-disable-start reentrancy-events

/// @title TokenBridge
/// @notice See {ITokenBridge}.
contract TokenBridge is Accounts, MetalayerClient {
    using SafeERC20 for IERC20;

    /// @dev What a hop carries. `hop` is, from the lowest bit: a chain id, 208 bits; the second in which the hop was
    /// sent (Unix time), 48 bits. On the way to the hub, the chain is where the transfer shall end; on the way from the
    /// hub, it is where the transfer goes if it comes back.
    struct Transfer {
        uint256 hop;
        address from;
        address to;
        uint256 amount;
    }

    /// @notice Gas limit of a hop that ends a transfer. If opcodes become dearer and it does not suffice, the hop fails
    /// and can be retried with more.
    uint256 public constant RECEIVE_GAS_LIMIT = 200_000;
    /// @notice Gas limit of a hop that the hub forwards.
    uint256 public constant FORWARD_GAS_LIMIT = 500_000;
    /// @notice Gas limit for a hop that comes back. One that is forwarded from the hub needs most.
    uint256 public constant RETURN_GAS_LIMIT = 300_000;

    uint256 private constant PAYLOAD_LENGTH = 128;
    uint256 private constant CHAIN_BITS = 208;

    ERA public immutable TOKEN;
    uint256 public immutable HUB_CHAIN_ID;

    /// @param gateway The Metalayer of this chain, at the address that it has on every chain.
    /// @param token ERA.
    /// @param hubChainId Chain where ERA is locked.
    constructor(IMetalayer gateway, ERA token, uint256 hubChainId) MetalayerClient(gateway) {
        TOKEN = token;
        HUB_CHAIN_ID = hubChainId;
    }

    /// @inheritdoc ITokenBridge
    function send(uint256 destination, address to, uint256 amount) external returns (bytes32 id) {
        require(amount != 0, ZeroAmount());
        _checkBeneficiary(to);
        // If the route to the hub is closed, the gateway refuses.
        require(
            destination >> CHAIN_BITS == 0 && destination != block.chainid
                && (destination == HUB_CHAIN_ID || GATEWAY.route(destination).outbound),
            InvalidDestination(destination)
        );
        if (_isHub()) {
            _lend(destination, amount);
            IERC20(address(TOKEN)).safeTransferFrom(msg.sender, address(this), amount);
        } else {
            TOKEN.crosschainBurn(msg.sender, amount);
        }
        Transfer memory transfer = Transfer(_hop(_isHub() ? block.chainid : destination), msg.sender, to, amount);
        id = _isHub()
            ? _sendHop(destination, RECEIVE_GAS_LIMIT, transfer, msg.sender)
            : _sendHop(HUB_CHAIN_ID, _gasToHub(destination), transfer, msg.sender);
        emit TransferSent(id, msg.sender, to, destination, amount);
    }

    /// @inheritdoc ITokenBridge
    function quote(uint256 destination) external view returns (uint256 first, bool forwarded) {
        if (_isHub()) return (GATEWAY.quote(destination, RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH), false);
        forwarded = destination != HUB_CHAIN_ID;
        first = GATEWAY.quote(HUB_CHAIN_ID, _gasToHub(destination), RETURN_GAS_LIMIT, PAYLOAD_LENGTH);
    }

    /// @dev Spokes listen to the hub alone.
    function _isAuthorizedSender(uint256 origin, address sender) internal view override returns (bool) {
        return sender == address(this) && (_isHub() || origin == HUB_CHAIN_ID);
    }

    function _onMessageReceived(bytes32 id, uint256 origin, address, bytes calldata payload)
        internal
        virtual
        override
    {
        Transfer memory transfer = abi.decode(payload, (Transfer));
        _checkClock(transfer.hop >> CHAIN_BITS);
        _checkBeneficiary(transfer.to);
        if (_isHub()) {
            _takeBack(origin, transfer.amount);
            uint256 end = uint208(transfer.hop);
            if (end != block.chainid) {
                _forward(id, end, origin, transfer);
                return;
            }
            IERC20(address(TOKEN)).safeTransfer(transfer.to, transfer.amount);
        } else {
            TOKEN.crosschainMint(transfer.to, transfer.amount);
        }
        emit TransferReceived(id, transfer.to, origin, transfer.amount);
    }

    function _onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent)
        internal
        override
    {
        Transfer memory transfer = abi.decode(message.payload, (Transfer));
        if (!_isHub()) {
            _withdrawCredit(transfer.from, unspent);
            TOKEN.crosschainMint(transfer.from, transfer.amount);
        } else {
            _takeBack(destination, transfer.amount);
            uint256 home = uint208(transfer.hop);
            if (home != block.chainid) {
                // The fee came out of the amount: what is left of it goes back into it.
                transfer.to = transfer.from;
                transfer.amount += unspent;
                // Withdrawn first: otherwise the next fee may be more than the bridge holds. Gateway and ERA call
                // nobody back.
                // slither-disable-next-line reentrancy-no-eth
                _withdrawCredit(address(this), unspent);
                _forward(id, home, home, transfer);
                return;
            }
            _withdrawCredit(transfer.from, unspent);
            IERC20(address(TOKEN)).safeTransfer(transfer.from, transfer.amount);
        }
        emit TransferReturned(id, transfer.from, transfer.amount);
    }

    /// @dev Forwards a transfer, less the fee of the hop. If the hop comes back, the transfer goes to `home`.
    function _forward(bytes32 receiveId, uint256 destination, uint256 home, Transfer memory transfer) private {
        uint256 fee = GATEWAY.quote(destination, RECEIVE_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH);
        require(transfer.amount > fee, AmountBelowFee(transfer.amount, fee));
        uint256 amount = transfer.amount - fee;
        _lend(destination, amount);
        if (fee != 0) {
            IERC20(address(TOKEN)).forceApprove(address(GATEWAY), fee);
            GATEWAY.depositFor(address(this), fee);
        }
        bytes32 sendId = _sendHop(
            destination, RECEIVE_GAS_LIMIT, Transfer(_hop(home), transfer.from, transfer.to, amount), address(this)
        );
        emit TransferForwarded(receiveId, sendId, destination, amount, fee);
    }

    function _sendHop(uint256 next, uint256 gasLimit, Transfer memory transfer, address payer)
        private
        returns (bytes32)
    {
        bytes[] memory attributes = Attributes.encode(gasLimit, RETURN_GAS_LIMIT, payer);
        return _sendMessage(next, address(this), abi.encode(transfer), attributes);
    }

    /// @dev ERA that left a chain after a snapshot, by its clock, has its votes there. So it must not arrive elsewhere
    /// before that snapshot, by the clock there: whatever left then, must arrive later.
    function _checkClock(uint256 sentAt) internal view virtual {
        require(block.timestamp >= sentAt, ClockBehind(sentAt));
    }

    /// @dev Of this hop, not of the transfer: each hop is a step from one clock to another.
    function _sentAt() internal view virtual returns (uint256) {
        return block.timestamp;
    }

    function _hop(uint256 chain) private view returns (uint256) {
        return (_sentAt() << CHAIN_BITS) | SafeCast.toUint208(chain);
    }

    function _gasToHub(uint256 destination) private view returns (uint256) {
        return destination == HUB_CHAIN_ID ? RECEIVE_GAS_LIMIT : FORWARD_GAS_LIMIT;
    }

    function _checkBeneficiary(address to) private view {
        require(
            to != address(0) && to != address(GATEWAY) && to != address(this) && to != address(TOKEN),
            InvalidBeneficiary(to)
        );
    }

    function _isHub() internal view returns (bool) {
        return block.chainid == HUB_CHAIN_ID;
    }
}
// slither-disable-end reentrancy-events
