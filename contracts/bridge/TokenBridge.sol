// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IPassages} from "../interfaces/IPassages.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Assets} from "./Assets.sol";
import {Fronting} from "./Fronting.sol";
import {Gateways} from "./Gateways.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front, Kind, Options, Transfer} from "./types/Transfer.sol";

/// @title TokenBridge
/// @notice See {ITokenBridge}.
contract TokenBridge is Fronting, Multicall, IERC7786Recipient, IMessageReturned {
    using SafeERC20 for IERC20;

    /// @dev For the end of a transfer: in the worst case a first holder of ERA on the hub with a new entry of history,
    /// a delegate, a limit and a tip. If opcodes become dearer and it does not suffice, the hop fails and can be retried
    /// with more.
    uint256 internal constant ARRIVE_GAS_LIMIT = 150_000;
    /// @dev For a hop that the home sends on, with a description of the token before it.
    uint256 internal constant FORWARD_GAS_LIMIT = 400_000;
    /// @dev For what comes back to where it started.
    uint256 internal constant RETURN_GAS_LIMIT = 150_000;
    /// @dev For what comes back to the home, which sends it on to where it started.
    uint256 internal constant FORWARDED_RETURN_GAS_LIMIT = 300_000;
    /// @dev As the gateway: see {Outbox-DEFAULT_DELIVERY_TIME}.
    uint256 internal constant DEFAULT_DELIVERY_TIME = 14 days;
    uint256 internal constant MAX_DATA_LENGTH = 4_096;

    /// @param gateway The Metalayer of this chain, at the address that it has on every chain.
    /// @param era ERA.
    /// @param hubChainId Chain where ERA is locked.
    /// @param bridgedToken Code of representations.
    /// @param metadata Reads what tokens are called.
    constructor(IMetalayer gateway, address era, uint256 hubChainId, address bridgedToken, address metadata)
        Gateways(gateway, era, hubChainId)
        Assets(bridgedToken, metadata)
    {}

    /// @inheritdoc ITokenBridge
    function send(address token, uint256 destination, address to, uint256 amount) external returns (bytes32 id) {
        Options memory plain;
        return _send(token, destination, to, amount, plain);
    }

    /// @inheritdoc ITokenBridge
    function send(address token, uint256 destination, address to, uint256 amount, Options calldata options)
        external
        returns (bytes32 id)
    {
        return _send(token, destination, to, amount, options);
    }

    /// @inheritdoc ITokenBridge
    function permit(address token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Whoever sees the signature can bring it first: then the allowance is there.
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
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
        ChainState memory state = _chains[origin];
        _checkGateway(state);
        Kind kind = Transfers.kindOf(payload);
        if (kind == Kind.Describe) {
            _onDescription(origin, payload);
        } else if (kind == Kind.Claim) {
            _onClaim(origin, payload);
        } else {
            bytes32 id = _idOf(msg.sender, receiveId);
            _checkHold(state, origin, id);
            if (!_receive(id, origin, Transfers.decode(payload))) return bytes4(0);
        }
        return IERC7786Recipient.receiveMessage.selector;
    }

    /// @inheritdoc IMessageReturned
    /// @dev Only from a gateway. What comes back is proved to have been sent from here: neither limits nor holds apply.
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent)
        external
    {
        _checkGateway(_chains[destination]);
        Kind kind = Transfers.kindOf(message.payload);
        if (kind == Kind.Claim) return;
        if (kind == Kind.Describe) {
            _onDescriptionReturned(destination, message.payload);
            return;
        }
        Transfer memory transfer = Transfers.decode(message.payload);
        if (transfer.id == 0) transfer.id = _idOf(msg.sender, id);
        if (kind == Kind.Back) {
            _returnBurned(transfer, destination, unspent);
            return;
        }
        _takeBack(transfer.token, destination, transfer.amount);
        if (kind == Kind.Return) _sendBack(transfer, destination, transfer.chain, unspent);
        else if (transfer.chain == block.chainid) _returnLocked(transfer, destination, unspent);
        else _sendBack(transfer, transfer.chain, destination, unspent);
    }

    /// @inheritdoc IPassages
    function quoteSend(address token, uint256 destination, uint256 dataLength, uint256 extraGas)
        external
        view
        returns (uint256 fee, uint256 home)
    {
        _checkDestination(destination);
        home = _home(token).chain;
        uint256 next = home == 0 ? destination : home;
        bool forwarded = next != destination;
        IMetalayer gateway = gatewayOf(next);
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
        IMetalayer gateway = gatewayOf(destination);
        return gateway.quote(
            destination, ARRIVE_GAS_LIMIT + extraGas, FORWARDED_RETURN_GAS_LIMIT, _length(dataLength, true)
        ) + _quoteDescription(gateway, token, destination);
    }

    function _send(address token, uint256 destination, address to, uint256 amount, Options memory options)
        private
        returns (bytes32 id)
    {
        require(amount != 0, ZeroAmount());
        require(amount <= type(uint128).max, AmountTooLarge(amount));
        (Transfer memory transfer, Hop memory hop, bool limited) = _draft(token, destination, to, options);
        Payment memory payment =
            Payment(options.fromBalance, options.maxFee == 0 ? type(uint256).max : options.maxFee);
        if (transfer.kind == Kind.Out) {
            amount = _lockFor(hop, token, amount, payment);
        } else {
            _prepay(options.fee, hop.destination, destination, payment);
            IERC7802(token).crosschainBurn(msg.sender, amount);
        }
        if (limited) _useOut(token, hop.destination, amount);
        transfer.amount = uint128(amount);
        bytes memory payload = Transfers.encode(transfer);
        _charge(payment, hop, payload.length);
        id = _sendHop(hop, payload);
        emit TransferSent(id, transfer.from, to, token, destination, amount);
    }

    /// @dev Locks tokens of the caller for a chain, and describes the token to it if it has to be.
    function _lockFor(Hop memory hop, address token, uint256 amount, Payment memory payment)
        private
        returns (uint256 received)
    {
        received = _lock(token, amount);
        _lend(token, hop.destination, received);
        // The id is in the event.
        // slither-disable-next-line unused-return
        if (_needsDescription(token, hop.destination)) _describe(hop.gateway, token, hop.destination, payment);
    }

    /// @dev All of a transfer but its amount.
    /// @return transfer What will be sent.
    /// @return hop The message of its first hop, without who pays.
    /// @return limited Whether there are limits for that.
    function _draft(address token, uint256 destination, address to, Options memory options)
        private
        view
        returns (Transfer memory transfer, Hop memory hop, bool limited)
    {
        _checkDestination(destination);
        _checkOptions(options);
        _checkBeneficiary(to, token);
        transfer.from = options.returnTo == address(0) ? msg.sender : options.returnTo;
        _checkBeneficiary(transfer.from, token);
        Home memory home = _home(token);
        if (home.chain == 0) {
            require(options.fee == 0, NothingToPrepay());
            (hop.destination, limited) = (destination, _accounts[token][destination].limited);
            (transfer.kind, transfer.token, transfer.chain) = (Kind.Out, token, uint64(block.chainid));
        } else {
            (hop.destination, limited) = (home.chain, home.limited);
            require(home.chain != destination || to != home.token, InvalidBeneficiary(to));
            (transfer.kind, transfer.token, transfer.chain) = (Kind.Back, home.token, uint64(destination));
        }
        hop.gateway = gatewayOf(hop.destination);
        require(transfer.from != address(hop.gateway), InvalidBeneficiary(transfer.from));
        hop.gasLimit = _gasFor(hop.destination != destination) + options.extraGas;
        hop.returnGasLimit = RETURN_GAS_LIMIT;
        hop.deadline = options.deadline;
        transfer.to = to;
        transfer.fee = options.fee;
        transfer.tip = options.tip;
        transfer.ramp = options.ramp;
        transfer.sentAt = _present();
        transfer.hopAt = transfer.sentAt;
        transfer.deadline =
            options.deadline == 0 ? uint40(block.timestamp + DEFAULT_DELIVERY_TIME) : options.deadline;
        transfer.extraGas = options.extraGas;
        transfer.hasData = options.data.length != 0;
        transfer.sender = msg.sender;
        transfer.data = options.data;
    }

    /// @dev The fee of the second hop leaves with the first, and comes out of the hub's account of this chain.
    function _prepay(uint64 fee, uint256 next, uint256 destination, Payment memory payment) private {
        if (fee == 0) return;
        require(next == HUB_CHAIN_ID && next != destination, NothingToPrepay());
        uint256 amount = fee * FEE_UNIT;
        require(amount <= payment.bound, FeeAboveBound(amount, payment.bound));
        if (payment.bound != type(uint256).max) payment.bound -= amount;
        IERC7802(ERA).crosschainBurn(msg.sender, amount);
    }

    /// @return passes False if it has to wait. Then nothing was done.
    function _receive(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        if (transfer.kind != Kind.Back) return _receiveFromHome(id, origin, transfer);
        if (transfer.token == ERA) _checkClock(transfer.hopAt);
        if (transfer.chain != block.chainid) return _forward(id, origin, transfer);
        transfer.id = id;
        address token = transfer.token;
        _checkBeneficiary(transfer.to, token);
        bool limited = _checkHeld(token, origin, transfer.amount);
        if (limited && !_useIn(id, token, origin, transfer.amount)) return false;
        _takeBack(token, origin, transfer.amount);
        address payee = _payee(transfer, origin, token);
        _release(IMetalayer(msg.sender), token, payee, transfer.amount);
        emit TransferReceived(id, payee, token, origin, transfer.amount);
        if (transfer.hasData) _call(transfer, origin, token);
        return true;
    }

    function _receiveFromHome(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        (address local, bool limited) = _localFor(origin, transfer.token);
        if (local == ERA) _checkClock(transfer.hopAt);
        if (limited && !_useIn(id, local, origin, transfer.amount)) return false;
        if (transfer.kind == Kind.Return) {
            address returnee = _returnee(transfer.id, transfer.chain, transfer.tip, transfer.from);
            IERC7802(local).crosschainMint(returnee, transfer.amount);
            emit TransferReturned(transfer.id, returnee, local, transfer.amount);
            return true;
        }
        // What started at home is in its first hop, and no other.
        require((transfer.id == 0) == (transfer.chain == origin), InvalidPayload());
        if (transfer.id == 0) transfer.id = id;
        _checkBeneficiary(transfer.to, local);
        address payee = _payee(transfer, transfer.chain, local);
        IERC7802(local).crosschainMint(payee, transfer.amount);
        emit TransferReceived(transfer.id, payee, local, transfer.chain, transfer.amount);
        if (transfer.hasData) _call(transfer, transfer.chain, local);
        return true;
    }

    /// @dev From one chain to another: an account moves, and a message goes on.
    function _forward(bytes32 id, uint256 origin, Transfer memory transfer) private returns (bool passes) {
        uint256 destination = transfer.chain;
        address token = transfer.token;
        require(destination != 0 && destination != origin, InvalidDestination(destination));
        bool ofOrigin = _checkHeld(token, origin, transfer.amount);
        bool ofDestination = _accounts[token][destination].limited;
        if (
            (ofOrigin || ofDestination)
                && !_useBoth(id, token, origin, ofOrigin, destination, ofDestination, transfer.amount)
        ) return false;
        _takeBack(token, origin, transfer.amount);
        uint256 brought = transfer.fee * FEE_UNIT;
        if (brought != 0) {
            require(_isHub(), NothingToPrepay());
            _takeBack(ERA, origin, brought);
        }
        _lend(token, destination, transfer.amount);
        (transfer.kind, transfer.id, transfer.chain) = (Kind.Out, id, uint64(origin));
        (bytes32 sendId, uint256 cost) = _sendOn(
            transfer, destination, ARRIVE_GAS_LIMIT + transfer.extraGas, transfer.deadline, brought
        );
        emit TransferForwarded(id, sendId, token, destination, transfer.amount, cost);
        return true;
    }

    /// @dev The transfer ends where it started, over this chain.
    /// @param unspent Of the fee of the hop that came back, in wei.
    function _sendBack(Transfer memory transfer, uint256 start, uint256 end, uint256 unspent) private {
        _lend(transfer.token, start, transfer.amount);
        (transfer.kind, transfer.chain, transfer.hasData) = (Kind.Return, uint64(end), false);
        (bytes32 sendId, uint256 cost) =
            _sendOn(transfer, start, ARRIVE_GAS_LIMIT, 0, transfer.fee * FEE_UNIT + unspent);
        emit TransferSentBack(transfer.id, sendId, transfer.token, start, transfer.amount, cost);
    }

    /// @dev Sends the next hop of a transfer whose home this is, paid with what it brought and what was paid here.
    function _sendOn(
        Transfer memory transfer,
        uint256 destination,
        uint256 gasLimit,
        uint256 deadline,
        uint256 brought
    ) private returns (bytes32 sendId, uint256 cost) {
        IMetalayer gateway = gatewayOf(destination);
        address token = transfer.token;
        uint256 length = _length(transfer.hasData ? transfer.data.length : 0, true);
        cost = gateway.quote(destination, gasLimit, FORWARDED_RETURN_GAS_LIMIT, length);
        bytes memory description = _needsDescription(token, destination) ? _description(token) : bytes("");
        if (description.length != 0) {
            cost += gateway.quote(
                destination, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, description.length
            );
        }
        transfer.fee = _payPassage(transfer.id, gateway, brought, cost);
        if (description.length != 0) {
            // The id is in the event.
            // slither-disable-next-line unused-return
            _sendDescription(_note(gateway, destination, DESCRIBE_GAS_LIMIT), token, description);
        }
        transfer.hopAt = _present();
        sendId = _sendHop(
            Hop(gateway, destination, gasLimit, FORWARDED_RETURN_GAS_LIMIT, address(this), deadline),
            Transfers.encode(transfer)
        );
    }

    /// @dev The transfer ends at its token's home, where it started.
    function _returnLocked(Transfer memory transfer, uint256 end, uint256 unspent) private {
        address returnee = _returnee(transfer.id, end, transfer.tip, transfer.from);
        emit TransferReturned(transfer.id, returnee, transfer.token, transfer.amount);
        _withdrawCredit(IMetalayer(msg.sender), transfer.from, unspent);
        _release(IMetalayer(msg.sender), transfer.token, returnee, transfer.amount);
    }

    /// @dev The transfer ends where it started, and never came to its token's home. So what was prepaid for the second
    /// hop is not used.
    function _returnBurned(Transfer memory transfer, uint256 home, uint256 unspent) private {
        (address local,) = _localFor(home, transfer.token);
        address returnee = _returnee(transfer.id, transfer.chain, transfer.tip, transfer.from);
        emit TransferReturned(transfer.id, returnee, local, transfer.amount);
        _withdrawCredit(IMetalayer(msg.sender), transfer.from, unspent);
        if (transfer.fee != 0) IERC7802(ERA).crosschainMint(transfer.from, transfer.fee * FEE_UNIT);
        IERC7802(local).crosschainMint(returnee, transfer.amount);
    }

    /// @dev Pays out of what is locked. Of ERA, a part is in the bridge's credit.
    function _release(IMetalayer gateway, address token, address to, uint256 amount) private {
        if (token == ERA) {
            uint256 held = IERC20(token).balanceOf(address(this));
            if (held < amount) _withdrawCredit(gateway, address(this), amount - held);
        }
        IERC20(token).safeTransfer(to, amount);
    }

    function _payee(Transfer memory transfer, uint256 start, address local) private returns (address) {
        if (transfer.tip == 0) return transfer.to;
        return _settle(
            Front({
                id: transfer.id,
                start: start,
                token: local,
                to: transfer.to,
                amount: transfer.amount,
                tip: transfer.tip,
                ramp: transfer.ramp,
                sentAt: transfer.sentAt,
                deadline: transfer.deadline
            })
        );
    }

    function _call(Transfer memory transfer, uint256 start, address local) internal virtual {
        bytes4 answer = ITransferReceiver(transfer.to)
            .onTransferReceived(transfer.id, start, transfer.sender, local, transfer.amount, transfer.data);
        require(answer == ITransferReceiver.onTransferReceived.selector, CallRefused(transfer.to));
    }

    /// @dev ERA that left a chain after a snapshot, by its clock, has its votes there. So it must not arrive elsewhere
    /// before that snapshot, by the clock there: whatever left then, must arrive later.
    function _checkClock(uint256 sentAt) internal view virtual {
        require(block.timestamp >= sentAt, ClockBehind(sentAt));
    }

    function _present() internal view virtual returns (uint40) {
        return uint40(block.timestamp);
    }

    function _checkDestination(uint256 destination) private view {
        require(
            destination != 0 && destination <= type(uint64).max && destination != block.chainid,
            InvalidDestination(destination)
        );
    }

    function _checkOptions(Options memory options) private pure {
        uint256 length = options.data.length;
        require(
            options.tip <= Transfers.TIP_PARTS && length <= MAX_DATA_LENGTH && (options.tip == 0 || length == 0),
            InvalidOptions()
        );
    }

    function _gasFor(bool forwarded) private pure returns (uint256) {
        return forwarded ? FORWARD_GAS_LIMIT : ARRIVE_GAS_LIMIT;
    }

    function _length(uint256 dataLength, bool hasId) private pure returns (uint256 length) {
        length = Transfers.LENGTH;
        if (hasId) length += Transfers.ID_LENGTH;
        if (dataLength != 0) length += Transfers.SENDER_LENGTH + dataLength;
    }
}
