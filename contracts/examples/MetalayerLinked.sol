// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";

/// @title MetalayerLinked: what OpenZeppelin's bridges lack on this gateway
/// @notice Mixed into a bridge of `@openzeppelin/contracts/crosschain`, it
/// - lets whoever calls pay for the transfer, out of credit that they allowed this contract (`setAllowance`): the
///   allowance bounds the price, and nobody can spend what is not theirs;
/// - gives back what was not delivered: the tokens to whom they came from, the unspent fee to whoever paid;
/// - refuses beneficiaries that are no account of an EVM chain, where the tokens would be lost.
/// The other end may be the plain bridge of OpenZeppelin. Chains that are linked through another gateway get none of
/// this. Whoever sends other messages through the gateway as this contract has to override `onMessageReturned`.
abstract contract MetalayerLinked is Context, CrosschainLinked, IMessageReturned {
    /// @dev Bytes of an account on an EVM chain.
    uint256 private constant ACCOUNT_LENGTH = 20;

    /// @notice The Metalayer of this chain. Links may move to another gateway: what was sent through this one before
    /// still comes back.
    IMetalayer public immutable GATEWAY;

    /// @notice Wei of ERA that a payer can withdraw: fees of its transfers that nobody earned.
    mapping(address payer => uint256) public unspentFees;

    /// @notice Emitted when a transfer comes back that was not delivered.
    /// @param id Id of its message: the `sendId` of the event with which it left.
    /// @param from Whose tokens they were, and are again.
    /// @param payer Who may withdraw `unspent` (wei of ERA).
    event CrosschainTransferReturned(bytes32 indexed id, address indexed from, address indexed payer, uint256 unspent);

    /// @notice Thrown when anyone but the gateway says that a message was returned.
    error NotGateway(address caller);
    /// @notice Thrown when the beneficiary is zero, or has not 20 bytes: OpenZeppelin's bridges would cut it or fill it
    /// up with zeros.
    error InvalidBeneficiary(bytes beneficiary);

    constructor(IMetalayer gateway) {
        GATEWAY = gateway;
    }

    /// @notice Pays the caller's unspent fees out, as ERA.
    function withdrawUnspentFees(address to) external {
        address payer = _msgSender();
        uint256 amount = unspentFees[payer];
        unspentFees[payer] = 0;
        GATEWAY.withdraw(to, amount);
    }

    /// @inheritdoc IMessageReturned
    /// @dev Calls the token and nothing else. The unspent fee is put down, not paid out: that may cost more gas than
    /// all the rest. It fails only if the token refuses to give back; then nothing is lost, and anyone may repeat it.
    function onMessageReturned(bytes32 id, uint256, Message calldata message, uint256 unspent) public virtual {
        require(_isGateway(msg.sender), NotGateway(msg.sender));
        bytes calldata payload = message.payload;
        // The other half of an address is not asked for.
        // slither-disable-next-line unused-return
        (, address from) = InteroperableAddress.parseEvmV1(abi.decode(payload, (bytes)));
        address payer = address(bytes20(payload[payload.length - ACCOUNT_LENGTH:]));
        unspentFees[payer] += unspent;
        emit CrosschainTransferReturned(id, from, payer, unspent);
        _giveBack(from, payload);
    }

    /// @dev All of OpenZeppelin's bridges encode the owner and the beneficiary first, and decode without minding what
    /// stands at the end: there goes who pays, so that nothing has to be stored.
    /// @inheritdoc CrosschainLinked
    function _sendMessageToCounterpart(bytes memory chain, bytes memory payload, bytes[] memory attributes)
        internal
        virtual
        override
        returns (bytes32)
    {
        (address gateway,) = getLink(chain);
        if (!_isGateway(gateway)) return super._sendMessageToCounterpart(chain, payload, attributes);
        (, bytes memory beneficiary) = abi.decode(payload, (bytes, bytes));
        require(
            beneficiary.length == ACCOUNT_LENGTH && bytes20(beneficiary) != 0, InvalidBeneficiary(beneficiary)
        );
        address payer = _msgSender();
        payload = bytes.concat(payload, bytes20(payer));
        return super._sendMessageToCounterpart(chain, payload, _attributes(attributes, payload.length, payer));
    }

    /// @dev Gives what a payload carries to `from`, whose it was.
    function _giveBack(address from, bytes calldata payload) internal virtual;

    /// @dev Attributes of a transfer: those given, gas limits and payer. Override it for a deadline, or others.
    /// @param payer To be named as `feePayer`: without one, this contract pays, and whoever calls it spends its credit.
    function _attributes(bytes[] memory given, uint256 payloadLength, address payer)
        internal
        view
        virtual
        returns (bytes[] memory all)
    {
        uint256 gasLimit = _gasLimit(payloadLength);
        bytes[] memory own = Attributes.encode(gasLimit, gasLimit, payer);
        all = new bytes[](given.length + own.length);
        for (uint256 i; i < all.length; ++i) {
            all[i] = i < given.length ? given[i] : own[i - given.length];
        }
    }

    /// @dev Gas with which the other end is called, and with which a transfer comes back. OpenZeppelin's plain tokens
    /// need up to 58,000 there, and up to 76,000 to come back.
    function _gasLimit(uint256) internal view virtual returns (uint256) {
        return 100_000;
    }

    /// @dev What the caller pays, in wei of ERA.
    /// @param to Beneficiary, as the bridge takes it: its chain is the destination.
    /// @param payload Any that is as long as the one that the bridge encodes.
    function _quote(bytes calldata to, bytes memory payload) internal view returns (uint256) {
        // slither-disable-next-line unused-return
        (uint256 destination,) = InteroperableAddress.parseEvmV1Calldata(to);
        uint256 length = payload.length + ACCOUNT_LENGTH;
        uint256 gasLimit = _gasLimit(length);
        return GATEWAY.quote(destination, gasLimit, gasLimit, length);
    }

    /// @dev Owner and beneficiary, as long as in any payload from here.
    function _accounts() internal view returns (bytes memory, bytes memory) {
        return (InteroperableAddress.formatEvmV1(block.chainid, address(this)), new bytes(ACCOUNT_LENGTH));
    }

    function _isGateway(address account) private view returns (bool) {
        return account == address(GATEWAY);
    }
}
