// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {IFronting} from "../interfaces/IFronting.sol";
import {IGateways} from "../interfaces/IGateways.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IPassages} from "../interfaces/IPassages.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";
import {Annexed} from "../metalayer/Annexed.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Assets} from "./Assets.sol";
import {BridgeViews} from "./BridgeViews.sol";
import {Gateways} from "./Gateways.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front, Kind, Options, Transfer} from "./types/Transfer.sol";

// Kinds, tips and selectors are compared with what they may be.
// slither-disable-start incorrect-equality
// Events hold ids that gateways return, and amounts that are known once a token has moved.
// slither-disable-start reentrancy-events

/// @title TokenBridge
/// @notice See {ITokenBridge}. What it does rarely is the code of {BridgeAnnex}.
contract TokenBridge is BridgeViews, Annexed, Multicall, IERC7786Recipient, IMessageReturned {
    using Transfers for Transfer;
    using SafeERC20 for IERC20;

    /// @dev As the gateway: see {Outbox-DEFAULT_DELIVERY_TIME}.
    uint256 internal constant DEFAULT_DELIVERY_TIME = 14 days;
    uint256 internal constant MAX_DATA_LENGTH = 4_096;
    /// @dev If ERA has limits, no more may be prepaid than so many times what the hop costs.
    uint256 internal constant MOST_PREPAID = 10;

    /// @param gateway The Metalayer of this chain, at the address that it has on every chain.
    /// @param era ERA.
    /// @param hubChainId Chain where ERA is locked.
    /// @param bridgedToken Code of representations.
    /// @param metadata Reads what tokens are called.
    /// @param annex {BridgeAnnex} with the same arguments.
    constructor(
        IMetalayer gateway,
        address era,
        uint256 hubChainId,
        address bridgedToken,
        address metadata,
        address annex
    ) Gateways(gateway, era, hubChainId) Assets(bridgedToken, metadata) Annexed(annex) {}

    /// @inheritdoc ITokenBridge
    function send(address token, uint256 destination, address to, uint256 amount) external returns (bytes32 id) {
        Transfer memory plain;
        return _send(token, destination, to, amount, msg.sender, plain, Payment(false, type(uint256).max));
    }

    /// @inheritdoc ITokenBridge
    function send(address token, uint256 destination, address to, uint256 amount, Options calldata options)
        external
        returns (bytes32 id)
    {
        _checkOptions(options);
        return _send(
            token,
            destination,
            to,
            amount,
            options.returnTo == address(0) ? msg.sender : options.returnTo,
            Transfers.draft(options),
            Payment(options.fromBalance, options.maxFee == 0 ? type(uint256).max : options.maxFee)
        );
    }

    /// @inheritdoc ITokenBridge
    function permit(address token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Whoever sees the signature can bring it first: then the allowance is there.
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @inheritdoc IFronting
    function front(Front calldata transfer, address solver) external returns (uint256 paid) {
        FrontWords calldata words = _wordsOf(transfer);
        (uint256 amount, uint256 tip, uint256 ramp) = (words.amount, words.tip, words.ramp);
        if (tip == 0 || block.timestamp > words.deadline) revert NotFrontable(words.id);
        uint256 excess = (words.token | words.to) >> 160 | amount >> 128 | ramp >> 16;
        excess |= (words.sentAt | words.deadline) >> 40;
        if (tip > Transfers.TIP_PARTS || excess != 0) revert InvalidOptions();
        address local = Transfers.accountIn(words.token);
        if (words.homeChain != block.chainid) (local,) = _localFor(words.homeChain, local);
        address to = Transfers.accountIn(words.to);
        _checkBeneficiary(to, local);
        _checkBeneficiary(solver, local);
        if (solver == DONE) revert InvalidBeneficiary(solver);
        bytes32 key = _keyOfCall(transfer);
        Solver storage first = _solverOf[key];
        _checkFrontable(key, first.account);
        first.account = uint160(solver);
        paid = _paidNow(amount, tip, ramp, words.sentAt);
        emit TransferFronted(words.id, solver, to, key, local, paid);
        IERC20(local).safeTransferFrom(msg.sender, to, paid);
    }

    /// @inheritdoc IERC7786Recipient
    /// @dev Only from a gateway, and only what a bridge sent. What has to wait is not refused, as that would undo the
    /// note of it: it returns another value than the magic one, and the gateway counts the message as failed.
    function receiveMessage(bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        external
        payable
        returns (bytes4)
    {
        (uint256 origin, address account) = Erc7930.decode(sender);
        require(account == address(this), NotABridge(origin, account));
        ChainState storage state = _chains[origin];
        _checkGateway(state);
        if (Transfers.isNote(payload)) return abi.decode(_askAnnex(), (bytes4));
        bytes32 id = _idOf(msg.sender, receiveId);
        Transfer memory transfer = Transfers.decode(payload);
        uint256 notBefore = _notBefore(transfer);
        if (!_receive(id, origin, transfer)) return bytes4(0);
        // After the limits: what exceeds them begins to wait at its first attempt or never, as a retry that fails is
        // undone. So is all that was done, if it is refused now.
        _checkHold(state, origin, id);
        _checkClock(notBefore);
        return IERC7786Recipient.receiveMessage.selector;
    }

    /// @inheritdoc IMessageReturned
    function onMessageReturned(bytes32, uint256, Message calldata, uint256) external {
        _runAnnex();
    }

    /// @inheritdoc IAssets
    function describe(address, uint256, bool) external returns (bytes32 sendId) {
        return abi.decode(_askAnnex(), (bytes32));
    }

    /// @inheritdoc IAssets
    function adopt(uint256, address, address) external {
        _runAnnex();
    }

    /// @inheritdoc IAccounts
    function cover(address, uint256, uint256) external returns (uint256 received) {
        return abi.decode(_askAnnex(), (uint256));
    }

    /// @inheritdoc IPassages
    function pay(bytes32, uint64) external {
        _runAnnex();
    }

    /// @inheritdoc IFronting
    function claim(Front calldata, bool) external returns (bytes32 sendId) {
        return abi.decode(_askAnnex(), (bytes32));
    }

    /// @inheritdoc ILimits
    function setLimits(address, uint256, uint256, uint256, uint256) external {
        _runAnnex();
    }

    /// @inheritdoc ILimits
    function removeLimits(address, uint256) external {
        _runAnnex();
    }

    /// @inheritdoc ILimits
    function hold(uint256, uint256) external {
        _runAnnex();
    }

    /// @inheritdoc ILimits
    function unhold(uint256) external {
        _runAnnex();
    }

    /// @inheritdoc ILimits
    function strike(uint256, bytes32) external {
        _runAnnex();
    }

    /// @inheritdoc IGateways
    function acceptGateway(address) external {
        _runAnnex();
    }

    /// @inheritdoc IGateways
    function refuseGateway(address) external {
        _runAnnex();
    }

    /// @inheritdoc IGateways
    function chooseGateway(uint256, address) external {
        _runAnnex();
    }

    /// @inheritdoc IGateways
    function recall(address, uint256) external {
        _runAnnex();
    }

    /// @param from Who gets it back if it does not arrive.
    /// @param transfer What the sender says about it beside that.
    function _send(
        address token,
        uint256 destination,
        address to,
        uint256 amount,
        address from,
        Transfer memory transfer,
        Payment memory payment
    ) private returns (bytes32 id) {
        require(amount != 0, ZeroAmount());
        require(amount <= type(uint128).max, AmountTooLarge(amount));
        _checkDestination(destination);
        _checkBeneficiary(to, token);
        _checkBeneficiary(from, token);
        transfer.start(from, to, _present());
        Home storage home = _homes[token];
        uint256 homeChain = home.chain;
        (id, amount) = homeChain == 0
            ? _sendOut(token, destination, amount, transfer, payment)
            : _sendBack(token, home.token, homeChain, home.limited, destination, amount, transfer, payment);
        emit TransferSent(id, from, to, token, destination, amount);
    }

    /// @dev Locks tokens of the caller, and describes the token to the other chain if it has to be.
    /// @return id Id of the transfer.
    /// @return received What was locked.
    function _sendOut(
        address token,
        uint256 destination,
        uint256 amount,
        Transfer memory transfer,
        Payment memory payment
    ) private returns (bytes32 id, uint256 received) {
        require(transfer.fee() == 0, NothingToPrepay());
        IMetalayer gateway = _gatewayFor(destination, transfer);
        received = _lock(token, amount);
        _lend(token, destination, received);
        Account storage account = _accounts[token][destination];
        (bool described, bool limited) = (account.described, account.limited);
        // The id is in the event.
        // slither-disable-next-line unused-return
        if (!described && token != _ERA) _describe(gateway, token, destination, payment);
        if (limited) _useOut(token, destination, received);
        transfer.carry(Kind.Out, token, block.chainid, received);
        id = _sendFirst(gateway, destination, ARRIVE_GAS_LIMIT, transfer, payment);
    }

    /// @dev Burns tokens of the caller.
    function _sendBack(
        address token,
        address homeToken,
        uint256 homeChain,
        bool limited,
        uint256 destination,
        uint256 amount,
        Transfer memory transfer,
        Payment memory payment
    ) private returns (bytes32, uint256) {
        require(destination != homeChain || transfer.to() != homeToken, InvalidBeneficiary(homeToken));
        IMetalayer gateway = _gatewayFor(homeChain, transfer);
        _prepay(transfer.fee(), homeChain, destination, payment);
        IERC7802(token).crosschainBurn(msg.sender, amount);
        if (limited) _useOut(token, homeChain, amount);
        transfer.carry(Kind.Back, homeToken, destination, amount);
        return (_sendFirst(gateway, homeChain, _gasFor(destination != homeChain), transfer, payment), amount);
    }

    /// @dev The gateway that sends to a chain. Nothing can be returned to it.
    function _gatewayFor(uint256 chainId, Transfer memory transfer) private view returns (IMetalayer gateway) {
        gateway = _gatewayOf(chainId);
        require(transfer.from() != address(gateway), InvalidBeneficiary(address(gateway)));
    }

    /// @dev Sends the first hop of a transfer, paid by the caller.
    function _sendFirst(
        IMetalayer gateway,
        uint256 next,
        uint256 gasLimit,
        Transfer memory transfer,
        Payment memory payment
    ) private returns (bytes32 id) {
        // The gateway has the same default.
        uint256 deadline = transfer.deadline();
        if (deadline == 0) transfer.expire(block.timestamp + DEFAULT_DELIVERY_TIME);
        gasLimit += transfer.extraGas();
        bytes memory payload = Transfers.encode(transfer);
        address payer = _charge(payment, gateway, next, gasLimit, RETURN_GAS_LIMIT, payload.length);
        return _sendHop(gateway, next, payload, gasLimit, RETURN_GAS_LIMIT, payer, deadline);
    }

    /// @dev The fee of the second hop leaves with the first, and comes out of the hub's account of this chain.
    function _prepay(uint256 fee, uint256 next, uint256 destination, Payment memory payment) private {
        if (fee == 0) return;
        require(next == _HUB_CHAIN_ID && next != destination, NothingToPrepay());
        uint256 amount = fee * FEE_UNIT;
        require(amount <= payment.bound, FeeAboveBound(amount, payment.bound));
        if (payment.bound != type(uint256).max) payment.bound -= amount;
        IERC7802(_ERA).crosschainBurn(msg.sender, amount);
    }

    /// @return passes False if it has to wait. Then nothing was done.
    function _receive(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        if (!transfer.isOf(Kind.Back)) return _receiveFromHome(id, origin, transfer);
        if (transfer.chain() != block.chainid) return _forward(id, origin, transfer);
        transfer.id = id;
        address token = transfer.token();
        _checkBeneficiary(transfer.to(), token);
        bool limited = _checkHeld(token, origin, transfer.amount());
        if (limited && !_useIn(id, token, origin, transfer.amount())) return false;
        _takeBack(token, origin, transfer.amount());
        address payee = _payee(transfer, origin, block.chainid);
        _release(token, payee, transfer.amount());
        emit TransferReceived(id, payee, token, origin, transfer.amount());
        if (transfer.hasData()) _call(transfer, origin, token);
        return true;
    }

    function _receiveFromHome(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        (address local, bool limited) = _localFor(origin, transfer.token());
        uint256 amount = transfer.amount();
        if (limited && !_useIn(id, local, origin, amount)) return false;
        uint256 end = transfer.chain();
        if (transfer.isOf(Kind.Return)) {
            address returnee = _returnee(transfer, origin, end);
            IERC7802(local).crosschainMint(returnee, amount);
            emit TransferReturned(transfer.id, returnee, local, amount);
            return true;
        }
        // What started at home is in its first hop, and no other.
        require((transfer.id == 0) == (end == origin), InvalidPayload());
        if (transfer.id == 0) transfer.id = id;
        _checkBeneficiary(transfer.to(), local);
        address payee = _payee(transfer, end, origin);
        IERC7802(local).crosschainMint(payee, amount);
        emit TransferReceived(transfer.id, payee, local, end, amount);
        if (transfer.hasData()) _call(transfer, end, local);
        return true;
    }

    /// @dev From one chain to another: an account moves, and a message goes on.
    function _forward(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        uint256 destination = transfer.chain();
        address token = transfer.token();
        require(destination != 0 && destination != origin, InvalidDestination(destination));
        bool ofOrigin = _checkHeld(token, origin, transfer.amount());
        bool ofDestination = _accounts[token][destination].limited;
        if (
            (ofOrigin || ofDestination)
                && !_useBoth(id, token, origin, ofOrigin, destination, ofDestination, transfer.amount())
        ) return false;
        _takeBack(token, origin, transfer.amount());
        uint256 brought = transfer.fee() * FEE_UNIT;
        bool bounded;
        if (brought != 0) {
            require(_isHub(), NothingToPrepay());
            bounded = _checkHeld(_ERA, origin, brought);
            _takeBack(_ERA, origin, brought);
        }
        _lend(token, destination, transfer.amount());
        transfer.turn(Kind.Out, id, origin);
        (bytes32 sendId, uint256 cost) = _sendOn(
            transfer, destination, ARRIVE_GAS_LIMIT + transfer.extraGas(), transfer.deadline(), brought
        );
        // A chain that lies would prepay with all ERA that it holds, whatever the limits of ERA.
        if (bounded) require(brought <= MOST_PREPAID * cost, FeeAboveBound(brought, MOST_PREPAID * cost));
        emit TransferForwarded(id, sendId, token, destination, transfer.amount(), cost);
        return true;
    }

    /// @dev Who gets what arrives.
    function _payee(Transfer memory transfer, uint256 start, uint256 homeChain) private returns (address) {
        return transfer.tip() == 0 ? transfer.to() : _settle(_frontOf(transfer, start, homeChain));
    }

    function _call(Transfer memory transfer, uint256 start, address local) internal virtual {
        bytes4 answer = ITransferReceiver(transfer.to())
            .onTransferReceived(transfer.id, start, transfer.sender, local, transfer.amount(), transfer.data);
        require(answer == ITransferReceiver.onTransferReceived.selector, CallRefused(transfer.to()));
    }

    /// @dev ERA that left a chain after a snapshot, by its clock, has its votes there. So it must not arrive elsewhere
    /// before that snapshot, by the clock there: whatever left then, must arrive later.
    function _checkClock(uint256 sentAt) internal view virtual {
        require(block.timestamp >= sentAt, ClockBehind(sentAt));
    }

    /// @dev From when on (Unix time) a transfer may arrive: a prepaid fee is ERA, too.
    function _notBefore(Transfer memory transfer) private view returns (uint256) {
        bool hasEra = transfer.token() == _ERA || (transfer.isOf(Kind.Back) && transfer.fee() != 0);
        return hasEra ? transfer.hopAt() : 0;
    }

    function _checkOptions(Options memory options) private pure {
        uint256 length = options.data.length;
        require(
            options.tip <= Transfers.TIP_PARTS && length <= MAX_DATA_LENGTH && (options.tip == 0 || length == 0),
            InvalidOptions()
        );
    }

    /// @param account Who has fronted it.
    function _checkFrontable(bytes32 key, uint256 account) internal view virtual {
        if (account != 0) revert AlreadyFronted(key);
    }

    /// @dev What a solver pays now. The clock here may be behind the one where the transfer started.
    function _paidNow(uint256 amount, uint256 tip, uint256 ramp, uint256 sentAt) private view returns (uint256) {
        // The amount has 128 bits, the ramp 16, and the tip is a part: no more than the amount is kept.
        unchecked {
            uint256 kept = amount * tip;
            if (ramp == 0) return amount - kept / Transfers.TIP_PARTS;
            kept *= Math.min(Math.saturatingSub(block.timestamp, sentAt), ramp);
            return amount - kept / (Transfers.TIP_PARTS * ramp);
        }
    }
}
// slither-disable-end reentrancy-events
// slither-disable-end incorrect-equality
