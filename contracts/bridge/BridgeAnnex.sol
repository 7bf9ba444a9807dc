// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC5313} from "@openzeppelin/contracts/interfaces/IERC5313.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {IBridgedToken} from "../interfaces/IBridgedToken.sol";
import {IFronting} from "../interfaces/IFronting.sol";
import {IGateways} from "../interfaces/IGateways.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IPassages} from "../interfaces/IPassages.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Message} from "../metalayer/types/Message.sol";
import {Assets} from "./Assets.sol";
import {Gateways} from "./Gateways.sol";
import {Hops} from "./Hops.sol";
import {Bucket, Buckets} from "./libraries/Buckets.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front, Kind, Transfer} from "./types/Transfer.sol";

// Events hold ids that gateways return.
// slither-disable-start reentrancy-events

/// @title BridgeAnnex: what the bridge does rarely
/// @notice {TokenBridge} runs this code on its own storage: see {Annexed}. Each function is the one of the same name in
/// {ITokenBridge}. Called at its own address, it finds no account and speaks as no bridge: whatever anyone does there,
/// nobody relies on.
contract BridgeAnnex is Hops {
    using Transfers for Transfer;
    using Buckets for Bucket;

    /// @dev Longest hold, in seconds.
    uint256 private constant _MAX_HOLD = 21 days;
    /// @dev Shortest time between the end of a hold and the next, in seconds: see {Inbox-MIN_COOL_DOWN}.
    uint256 private constant _MIN_COOL_DOWN = 1 hours;
    uint256 private constant _MAX_WINDOW = 365 days;

    modifier onlyOwner() {
        require(msg.sender == _owner(), ILimits.NotBridgeOwner(msg.sender));
        _;
    }

    /// @param gateway As the bridge's.
    /// @param era As the bridge's.
    /// @param hubChainId As the bridge's.
    /// @param bridgedToken As the bridge's.
    /// @param metadata As the bridge's.
    constructor(IMetalayer gateway, address era, uint256 hubChainId, address bridgedToken, address metadata)
        Gateways(gateway, era, hubChainId)
        Assets(bridgedToken, metadata)
    {}

    // Gateways

    function acceptGateway(address gateway) external onlyOwner {
        uint256 from = block.timestamp + _ACCEPTANCE_DELAY;
        _acceptedFrom[gateway] = from;
        emit IGateways.GatewayAccepted(gateway, from);
    }

    function refuseGateway(address gateway) external onlyOwner {
        delete _acceptedFrom[gateway];
        emit IGateways.GatewayRefused(gateway);
    }

    function chooseGateway(uint256 chainId, address gateway) external onlyOwner {
        require(_isAccepted(gateway), IGateways.GatewayNotAccepted(gateway));
        require(_knowsCompact(gateway), IGateways.AttributeNotSupported(gateway, Attributes.COMPACT));
        _chains[chainId].gateway = gateway == address(_GATEWAY) ? address(0) : gateway;
        emit IGateways.GatewayChosen(chainId, gateway);
    }

    function recall(address gateway, uint256 amount) external onlyOwner {
        IMetalayer(gateway).withdraw(address(this), amount);
    }

    // Limits

    function setLimits(
        address token,
        uint256 chainId,
        uint256 outCapacity,
        uint256 inCapacity,
        uint256 window
    ) external onlyOwner {
        require(
            window != 0 && window <= _MAX_WINDOW && outCapacity <= type(uint104).max
                && inCapacity <= type(uint104).max && chainId != 0 && chainId != block.chainid,
            ILimits.InvalidLimits(token, chainId)
        );
        _setLimited(token, chainId, true);
        _configure(_buckets[token][chainId], outCapacity, inCapacity, window);
        emit ILimits.LimitsSet(token, chainId, outCapacity, inCapacity, window);
    }

    function removeLimits(address token, uint256 chainId) external onlyOwner {
        _setLimited(token, chainId, false);
        delete _buckets[token][chainId];
        emit ILimits.LimitsSet(token, chainId, 0, 0, 0);
    }

    function hold(uint256 chainId, uint256 duration) external {
        require(msg.sender == _GATEWAY.guardian(), ILimits.NotBridgeGuardian(msg.sender));
        ChainState storage state = _chains[chainId];
        uint256 present = block.timestamp;
        uint256 begun = present;
        if (present < state.heldUntil) begun = _heldSince(state);
        else require(present >= state.holdableFrom, ILimits.HoldCoolingDown(chainId, state.holdableFrom));
        uint256 maximum = begun + _MAX_HOLD - present;
        require(duration != 0 && duration <= maximum, ILimits.InvalidHold(duration, maximum));
        // A hold that is on is never shortened: that is for `unhold`.
        if (present + duration > state.heldUntil) _hold(state, chainId, begun, present + duration);
    }

    function unhold(uint256 chainId) external {
        require(
            msg.sender == _GATEWAY.guardian() || msg.sender == _owner(), ILimits.NotBridgeGuardian(msg.sender)
        );
        ChainState storage state = _chains[chainId];
        require(block.timestamp < state.heldUntil, ILimits.NotHeld(chainId));
        _hold(state, chainId, _heldSince(state), block.timestamp);
    }

    function strike(uint256 chainId, bytes32 id) external onlyOwner {
        _chains[chainId].struck = true;
        _waitingSince[id] = STRUCK;
        emit ILimits.Struck(chainId, id);
    }

    // Assets and accounts

    function describe(address token, uint256 chainId, bool fromBalance) external returns (bytes32 sendId) {
        require(token != _ERA && _isAtHome(token) && token.code.length != 0, IAssets.NotAtHome(token));
        require(chainId != 0 && chainId <= type(uint64).max, ITokenBridge.InvalidDestination(chainId));
        return _describe(_gatewayOf(chainId), token, chainId, Payment(fromBalance, type(uint256).max));
    }

    function adopt(uint256 homeChain, address token, address local) external onlyOwner {
        uint256 place = _placeOf(homeChain, token);
        require(
            _mayAdopt(_locals[place], _homes[local]) && homeChain != 0 && homeChain <= type(uint64).max
                && homeChain != block.chainid && token != _ERA && local != _ERA
                && ERC165Checker.supportsInterface(local, type(IERC7802).interfaceId),
            IAssets.NotAdoptable(homeChain, token, local)
        );
        _standFor(place, local, homeChain, token);
        emit IAssets.TokenAdopted(homeChain, token, local);
    }

    function cover(address token, uint256 chainId, uint256 amount) external returns (uint256 received) {
        require(_isAtHome(token), IAssets.NotAtHome(token));
        // Over the chains that ERA was sent to, votes are summed: a stranger must not make them more.
        require(
            chainId != 0 && chainId != block.chainid && (token != _ERA || _accounts[_ERA][chainId].since != 0),
            ITokenBridge.InvalidDestination(chainId)
        );
        received = _lock(token, amount);
        _lend(token, chainId, received);
        emit IAccounts.Covered(token, chainId, msg.sender, received);
    }

    // Passages and claims

    function pay(bytes32 id, uint64 amount) external {
        _passage[id] += amount;
        emit IPassages.PassagePaid(id, msg.sender, amount);
        _collect(msg.sender, amount * FEE_UNIT);
    }

    function claim(Front calldata transfer, bool fromBalance) external returns (bytes32 sendId) {
        bytes32 key = _keyOfCall(transfer);
        address solver = address(uint160(_solverOf[key].account));
        require(solver != address(0) && solver != DONE, IFronting.NothingToClaimFor(key));
        IMetalayer gateway = _gatewayOf(transfer.start);
        address payer = _charge(
            Payment(fromBalance, type(uint256).max),
            gateway,
            transfer.start,
            CLAIM_GAS_LIMIT,
            NOTE_RETURN_GAS_LIMIT,
            Transfers.CLAIM_LENGTH
        );
        bytes memory payload = Transfers.encodeClaim(key, solver);
        sendId = _sendHop(
            gateway, transfer.start, payload, CLAIM_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, payer, 0
        );
        emit IFronting.FrontClaimed(transfer.id, transfer.start, solver, sendId);
    }

    // Messages

    /// @dev Descriptions and claims, of which the bridge has checked whence they come.
    function receiveMessage(bytes32, bytes calldata sender, bytes calldata payload)
        external
        payable
        returns (bytes4)
    {
        // The bridge has looked at the account.
        // slither-disable-next-line unused-return
        (uint256 origin,) = Erc7930.decode(sender);
        if (Transfers.kindOf(payload) == Kind.Claim) _onClaim(origin, payload);
        else _onDescription(origin, payload);
        return IERC7786Recipient.receiveMessage.selector;
    }

    /// @dev What comes back is proved to have been sent from here: neither limits nor holds apply.
    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent)
        external
    {
        _checkGateway(_chains[destination]);
        Kind kind = Transfers.kindOf(message.payload);
        if (kind == Kind.Claim) return;
        if (kind == Kind.Describe) {
            _forgetDescription(Transfers.describedToken(message.payload), destination);
            return;
        }
        Transfer memory transfer = Transfers.decode(message.payload);
        if (transfer.id == 0) transfer.id = _idOf(msg.sender, id);
        if (kind == Kind.Back) {
            _returnBurned(transfer, destination, unspent);
            return;
        }
        _takeBackReturned(transfer.token(), destination, transfer.amount());
        // A Return used nothing.
        if (kind == Kind.Out && _accounts[transfer.token()][destination].limited) {
            _giveBack(transfer.token(), destination, transfer.amount());
        }
        if (kind == Kind.Return) _sendBack(transfer, destination, transfer.chain(), unspent);
        else if (transfer.chain() == block.chainid) _returnLocked(transfer, destination, unspent);
        else _sendBack(transfer, transfer.chain(), destination, unspent);
    }

    /// @dev Creates the representation of a token, unless something stands for it already.
    function _onDescription(uint256 origin, bytes calldata payload) internal virtual {
        (address token, uint8 decimals, string memory name, string memory symbol) =
            Transfers.decodeDescription(payload);
        require(token != _ERA, IAssets.NotHomeOfEra(origin));
        uint256 place = _placeOf(origin, token);
        if (_locals[place].token != address(0)) return;
        address local = Clones.cloneDeterministic(_BRIDGED_TOKEN, bytes32(place));
        _standFor(place, local, origin, token);
        emit IAssets.RepresentationCreated(origin, token, local);
        IBridgedToken(local).initialize(origin, token, decimals, name, symbol);
    }

    /// @dev The first claim from a chain stands.
    function _onClaim(uint256 origin, bytes calldata payload) internal virtual {
        (bytes32 key, address solver) = Transfers.decodeClaim(payload);
        if (_claimantOf[key][origin] != address(0)) return;
        _claimantOf[key][origin] = solver;
        emit IFronting.ClaimReceived(key, origin, solver);
    }

    /// @dev Whether a gateway takes what the bridge sends with. An account without code or the function says no.
    function _knowsCompact(address gateway) internal view virtual returns (bool) {
        bytes memory call = abi.encodeCall(IERC7786GatewaySource.supportsAttribute, (Attributes.COMPACT));
        // The answer is one word.
        // slither-disable-next-line unused-return
        (bool done, bytes32 answer,) = LowLevelCall.staticcallReturn64Bytes(gateway, call);
        return done && LowLevelCall.returnDataSize() >= 32 && answer == bytes32(uint256(1));
    }

    /// @dev The next transfer takes another one along.
    function _forgetDescription(address token, uint256 destination) internal virtual {
        _accounts[token][destination].described = false;
    }

    function _configure(Bucket storage bucket, uint256 outCapacity, uint256 inCapacity, uint256 window)
        internal
        virtual
    {
        bucket.configure(outCapacity, inCapacity, window);
    }

    function _takeBackReturned(address token, uint256 chainId, uint256 amount) internal virtual {
        _takeBack(token, chainId, amount);
    }

    /// @dev What left and returns was never there. If it stayed used, who sends what nobody takes could stop all
    /// others.
    function _giveBack(address token, uint256 chainId, uint256 amount) internal virtual {
        _buckets[token][chainId].giveBackOut(amount);
    }

    /// @dev Whether nothing stands for a token yet, and the other stands for nothing.
    function _mayAdopt(Local storage place, Home storage home) internal view virtual returns (bool) {
        return place.token == address(0) && home.chain == 0;
    }

    /// @dev The transfer ends where it started, over this chain.
    /// @param unspent Of the fee of the hop that came back, in wei.
    function _sendBack(Transfer memory transfer, uint256 start, uint256 end, uint256 unspent) private {
        _lend(transfer.token(), start, transfer.amount());
        transfer.turn(Kind.Return, transfer.id, end);
        transfer.detach();
        (bytes32 sendId, uint256 cost) =
            _sendOn(transfer, start, ARRIVE_GAS_LIMIT, 0, transfer.fee() * FEE_UNIT + unspent);
        emit ITokenBridge.TransferSentBack(transfer.id, sendId, transfer.token(), start, transfer.amount(), cost);
    }

    /// @dev The transfer ends at its token's home, where it started.
    function _returnLocked(Transfer memory transfer, uint256 end, uint256 unspent) private {
        address returnee = _returnee(transfer, block.chainid, end);
        emit ITokenBridge.TransferReturned(transfer.id, returnee, transfer.token(), transfer.amount());
        _withdrawCredit(IMetalayer(msg.sender), transfer.from(), unspent);
        _release(transfer.token(), returnee, transfer.amount());
    }

    /// @dev The transfer ends where it started, and never came to its token's home. So what was prepaid for the second
    /// hop was not used.
    function _returnBurned(Transfer memory transfer, uint256 home, uint256 unspent) private {
        (address local, bool limited) = _localFor(home, transfer.token());
        if (limited) _giveBack(local, home, transfer.amount());
        address returnee = _returnee(transfer, home, transfer.chain());
        emit ITokenBridge.TransferReturned(transfer.id, returnee, local, transfer.amount());
        _withdrawCredit(IMetalayer(msg.sender), transfer.from(), unspent);
        if (transfer.fee() != 0) IERC7802(_ERA).crosschainMint(transfer.from(), transfer.fee() * FEE_UNIT);
        IERC7802(local).crosschainMint(returnee, transfer.amount());
    }

    /// @dev Limits may have been set before: then, the token was taken for one that is at home here.
    function _standFor(uint256 place, address local, uint256 homeChain, address token) private {
        bool limited = _accounts[local][homeChain].limited;
        _locals[place] = Local(local, limited);
        _homes[local] = Home(token, uint64(homeChain), limited);
    }

    /// @dev Says in the words that transfers read anyway whether there are limits.
    function _setLimited(address token, uint256 chainId, bool limited) private {
        Home storage home = _homes[token];
        if (home.chain == 0) {
            _accounts[token][chainId].limited = limited;
        } else {
            require(chainId == home.chain, ILimits.InvalidLimits(token, chainId));
            home.limited = limited;
            _locals[_placeOf(chainId, home.token)].limited = limited;
        }
    }

    function _hold(ChainState storage state, uint256 chainId, uint256 since, uint256 until) private {
        state.heldUntil = uint40(until);
        state.holdableFrom = uint40(until + Math.max(until - since, _MIN_COOL_DOWN));
        emit ILimits.Held(chainId, until);
    }

    /// @dev When the last hold began; up to `_MIN_COOL_DOWN` before that if it was shorter than that.
    function _heldSince(ChainState storage state) private view returns (uint256) {
        return 2 * uint256(state.heldUntil) - state.holdableFrom;
    }

    function _owner() private view returns (address) {
        return IERC5313(address(_GATEWAY)).owner();
    }
}
// slither-disable-end reentrancy-events
