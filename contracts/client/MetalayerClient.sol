// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Message} from "../metalayer/types/Message.sol";

/// @title MetalayerClient: base of contracts that send and receive messages
/// @notice Sends and pays through one gateway, accepts calls from that gateway alone, and by default takes messages
/// only from its own address on other chains. Whoever can deploy at that address on any chain can speak as this
/// contract: deploy with `Create3Factory`, or override `_isAuthorizedSender`.
///
/// A derived contract implements two hooks:
/// - `_onMessageReceived`: a message arrived. Revert to refuse it: then it can be retried until it expires;
/// - `_onMessageReturned`: a message of this contract was not delivered, and comes back. Undo what was done when it was
///   sent. It runs with the `returnGasLimit` of the message; if it fails, anyone may repeat it, for ever. A message
///   succeeds in one hook, of its recipient or of its sender, and never twice. The gateway does not allow reentry:
///   during a hook it delivers, retries and returns no other message. The hooks may send.
abstract contract MetalayerClient is ERC7786Recipient, IMessageReturned {
    /// @notice The gateway of this chain.
    IMetalayer public immutable GATEWAY;

    /// @notice Thrown when anyone but the gateway says that a message was returned.
    error NotGateway(address caller);
    /// @notice Thrown at deployment without a gateway.
    error InvalidGateway(address gateway);

    constructor(IMetalayer gateway) {
        require(address(gateway) != address(0), InvalidGateway(address(gateway)));
        GATEWAY = gateway;
    }

    /// @inheritdoc IMessageReturned
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent) external {
        require(msg.sender == address(GATEWAY), NotGateway(msg.sender));
        _onMessageReturned(id, destination, message, unspent);
    }

    /// @dev Sends a message to `recipient` on the chain `destination`, for what `GATEWAY.quote` says.
    /// @param attributes Gas limit, deadline and payer: see {Attributes-encode}. Whose credit pays is this contract's
    /// to decide: its own or that of `msg.sender`, never an account of the caller's choice, which may have allowed this
    /// contract to spend its credit for something else. If this contract pays, whoever can make it send spends its
    /// credit.
    /// @return id The id that the hooks get: `_onMessageReceived` of the recipient, or `_onMessageReturned` here.
    function _sendMessage(uint256 destination, address recipient, bytes memory payload, bytes[] memory attributes)
        internal
        returns (bytes32 id)
    {
        return GATEWAY.sendMessage(Erc7930.encode(destination, recipient), payload, attributes);
    }

    /// @dev Pays ERA out of this contract's credit in the gateway. Does nothing for zero, unlike the gateway. Unspent
    /// fees go into that credit: without a way to call this, they stay there.
    /// @param to Reverts if it is the zero address or the gateway: in `_onMessageReturned`, that would refuse the
    /// return for ever.
    function _withdrawCredit(address to, uint256 amount) internal {
        if (amount != 0) GATEWAY.withdraw(to, amount);
    }

    /// @dev A message of `sender` on the chain `origin` arrived. A chain that is compromised can say anything in the
    /// name of its own accounts: let no chain spend what belongs to another.
    /// @param id Never the same twice, unless this hook reverted.
    function _onMessageReceived(bytes32 id, uint256 origin, address sender, bytes calldata payload) internal virtual;

    /// @dev A message of this contract comes back: it was not delivered, and never will be, as far as its destination
    /// chain is honest.
    /// @param id Id of the message, as `_sendMessage` returned it.
    /// @param message The message, exactly as it was sent: put into the payload what you need here.
    /// @param unspent Wei of ERA of its fee that nobody earned, now in this contract's credit, whoever paid. May be
    /// zero.
    function _onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent)
        internal
        virtual;

    /// @dev Whether this contract takes messages of `sender` on the chain `origin`. By default, of its own address.
    /// Never asked about the zero address, which a compromised chain can name, and which a mapping of senders holds for
    /// every chain that nobody put into it.
    function _isAuthorizedSender(uint256, address sender) internal view virtual returns (bool) {
        return sender == address(this);
    }

    /// @inheritdoc ERC7786Recipient
    function _isAuthorizedGateway(address gateway, bytes calldata sender) internal view override returns (bool) {
        (uint256 origin, address account) = Erc7930.decode(sender);
        return gateway == address(GATEWAY) && account != address(0) && _isAuthorizedSender(origin, account);
    }

    /// @inheritdoc ERC7786Recipient
    function _processMessage(address, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        internal
        override
    {
        (uint256 origin, address account) = Erc7930.decode(sender);
        _onMessageReceived(receiveId, origin, account, payload);
    }
}
