// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TokenBridge} from "../bridge/TokenBridge.sol";
import {Bucket, Buckets} from "../bridge/libraries/Buckets.sol";
import {Transfers} from "../bridge/libraries/Transfers.sol";
import {Front, Kind, Transfer} from "../bridge/types/Transfer.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {TransferBug, forget} from "./TransferBug.sol";
import {VotesBug} from "./VotesBug.sol";

/// @title BrokenTokenBridge: TokenBridge with one bug, to prove that the tests find it
contract BrokenTokenBridge is TokenBridge {
    using Buckets for Bucket;
    using Transfers for Transfer;
    using Checkpoints for Checkpoints.Trace208;

    VotesBug private immutable _VOTES_BUG;
    TransferBug private immutable _BUG;
    bool private transient _locking;
    /// @dev Of capacities, what was given back though it was not used.
    mapping(address token => mapping(uint256 chainId => uint256)) private _surplus;

    constructor(
        IMetalayer gateway,
        address era,
        uint256 hubChainId,
        address bridgedToken,
        address metadata,
        address annex,
        VotesBug votesBug,
        TransferBug bug
    ) TokenBridge(gateway, era, hubChainId, bridgedToken, metadata, annex) {
        _VOTES_BUG = votesBug;
        _BUG = bug;
    }

    // Clock and history

    function _checkClock(uint256 sentAt) internal view override {
        if (_VOTES_BUG == VotesBug.NoClock) return;
        if (_VOTES_BUG == VotesBug.ClockOnTheHubOnly && !_isHub()) return;
        if (_VOTES_BUG == VotesBug.ClockOnSpokesOnly && _isHub()) return;
        if (_VOTES_BUG == VotesBug.PrepaidWithoutClock && _arriving().token() != _ERA) return;
        if (_VOTES_BUG == VotesBug.ReturnsWithoutClock && _kind() == Kind.Return) return;
        if (_VOTES_BUG == VotesBug.ClockTooStrict) require(block.timestamp > sentAt, ClockBehind(sentAt));
        super._checkClock(_VOTES_BUG == VotesBug.ClockASecondLoose && sentAt != 0 ? sentAt - 1 : sentAt);
    }

    function _present() internal view override returns (uint40) {
        if (_VOTES_BUG == VotesBug.SecondOfTheFirstHop && _isArrival()) return uint40(_arriving().hopAt());
        return super._present();
    }

    function _hourBefore() internal view override returns (uint40) {
        // slither-disable-next-line divide-before-multiply
        if (_VOTES_BUG == VotesBug.HourRoundedDown) return uint40(block.timestamp / 1 hours * 1 hours);
        return super._hourBefore();
    }

    // Accounts

    function _lock(address token, uint256 amount) internal override returns (uint256 received) {
        if (_BUG == TransferBug.LockOfAllTokens) {
            require(!_locking, TokenLocked(token));
            _locking = true;
            received = super._lock(token, amount);
            _locking = false;
            return received;
        }
        if (_BUG == TransferBug.NotLocked || _BUG == TransferBug.OriginOfCallPays) {
            // solhint-disable-next-line avoid-tx-origin
            address from = _BUG == TransferBug.NotLocked ? msg.sender : tx.origin;
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).transferFrom(from, address(this), amount);
            return IERC20(token).balanceOf(address(this)) - before;
        }
        received = super._lock(token, amount);
        if (_BUG == TransferBug.NominalAmountCounts) return amount;
    }

    function _lend(address token, uint256 chainId, uint256 amount) internal override {
        super._lend(token, chainId, amount);
        _rememberLate(token, chainId);
    }

    function _takeBack(address token, uint256 chainId, uint256 amount) internal override {
        if (_BUG == TransferBug.FeeOutOfOtherAccount && token == _ERA && _isArrival()) {
            Transfer memory transfer = _arriving();
            if (transfer.token() != _ERA) chainId = transfer.chain();
        }
        if (_BUG == TransferBug.AccountNotChecked) amount = Math.min(amount, _accounts[token][chainId].amount);
        super._takeBack(token, chainId, amount);
        _rememberLate(token, chainId);
    }

    function _checkHeld(address token, uint256 chainId, uint256 amount) internal view override returns (bool limited) {
        if (_BUG == TransferBug.AccountNotChecked) return _accounts[token][chainId].limited;
        return super._checkHeld(token, chainId, amount);
    }

    function _rememberLate(address token, uint256 chainId) private {
        if (_BUG != TransferBug.HistoryAfterChange || token != _ERA) return;
        _past[chainId].push(_accounts[token][chainId].since, _accounts[token][chainId].amount);
    }

    // Limits

    function _useOut(address token, uint256 chainId, uint256 amount) internal override {
        Bucket storage bucket = _buckets[token][chainId];
        _poke(bucket);
        uint256 free = bucket.freeOut();
        if (_BUG == TransferBug.GivenBackBelowZero && amount > free) {
            uint256 missing = amount - free;
            if (missing <= _surplus[token][chainId]) {
                _surplus[token][chainId] -= missing;
                amount = free;
            }
        }
        super._useOut(token, chainId, amount);
    }

    function _useIn(bytes32 id, address token, uint256 chainId, uint256 amount)
        internal
        override
        returns (bool passes)
    {
        if (_BUG == TransferBug.ReturnKindUnlimited && _kind() == Kind.Return) return true;
        if (_BUG == TransferBug.CalledBeforePayment && _arriving().hasData()) {
            super._call(_arriving(), chainId, token);
        }
        Bucket storage bucket = _buckets[token][chainId];
        _poke(bucket);
        uint256 used = bucket.outCapacity - bucket.freeOut();
        bool fits = amount <= bucket.freeIn();
        passes = super._useIn(id, token, chainId, amount);
        if (!passes) return false;
        if (fits && amount > used) _surplus[token][chainId] += amount - used;
        if (fits || _BUG != TransferBug.WaitedConsumes) return true;
        uint256 free = bucket.freeIn();
        if (free != 0) bucket.takeIn(free);
    }

    function _passesFrom(uint256 since) internal view override returns (uint256) {
        if (_BUG == TransferBug.WaitingSkipped) return since;
        if (_BUG == TransferBug.WaitingSinceStart) return super._passesFrom(_arriving().sentAt());
        return super._passesFrom(since);
    }

    /// @dev Keeps what is used in whole units, rounded against whoever uses it.
    function _poke(Bucket storage bucket) private {
        if (_BUG != TransferBug.PokesRoundUp) return;
        bucket.configure(bucket.outCapacity, bucket.inCapacity, bucket.window);
    }

    function _checkHold(ChainState storage state, uint256 origin, bytes32 id) internal view override {
        if (_BUG == TransferBug.HoldForgottenOnBack && _kind() == Kind.Back) return;
        if (_BUG == TransferBug.StrikeForgotten && _waitingSince[id] == STRUCK) return;
        super._checkHold(state, origin, id);
    }

    // Fronting

    function _keyOf(Front memory transfer) internal pure override returns (bytes32) {
        return super._keyOf(forget(transfer, _bug()));
    }

    function _keyOfCall(Front calldata transfer) internal pure override returns (bytes32) {
        return _keyOf(transfer);
    }

    function _checkFrontable(bytes32 key, uint256 account) internal view override {
        bool isDone = account == uint160(DONE);
        if (_BUG != TransferBug.FrontAfterArrival || !isDone) super._checkFrontable(key, account);
    }

    function _settle(Front memory terms) internal override returns (address payee) {
        bytes32 key = _keyOf(terms);
        uint256 account = _solverOf[key].account;
        payee = super._settle(terms);
        if (_BUG == TransferBug.ArrivalNotMarked) _solverOf[key].account = account;
    }

    function _returnee(Transfer memory transfer, uint256 homeChain, uint256 end)
        internal
        view
        override
        returns (address)
    {
        if (_BUG == TransferBug.ClaimIgnored) return transfer.from();
        if (_BUG == TransferBug.ClaimFromAnywhere) end = 0;
        if (_BUG == TransferBug.ClaimOfAnotherEnd) end = homeChain;
        return super._returnee(transfer, homeChain, end);
    }

    // Assets and hops

    function _localFor(uint256 origin, address token) internal view override returns (address local, bool limited) {
        if (_BUG == TransferBug.EraOfAnyHome && token == _ERA) origin = _HUB_CHAIN_ID;
        return super._localFor(origin, token);
    }

    function _sendOn(
        Transfer memory transfer,
        uint256 destination,
        uint256 gasLimit,
        uint256 deadline,
        uint256 brought
    ) internal override returns (bytes32 sendId, uint256 cost) {
        if (_BUG == TransferBug.DeadlineRenewed) deadline = 0;
        return super._sendOn(transfer, destination, gasLimit, deadline, brought);
    }

    function _payPassage(bytes32 id, IMetalayer gateway, uint256 brought, uint256 cost)
        internal
        override
        returns (uint64 left)
    {
        left = super._payPassage(id, gateway, brought, cost);
        if (_BUG != TransferBug.LeftOverToSender) return left;
        _release(_ERA, _arriving().from(), left * FEE_UNIT);
        return 0;
    }

    function _call(Transfer memory transfer, uint256 start, address local) internal override {
        bool wasEarly = _BUG == TransferBug.CalledBeforePayment && _buckets[local][start].window != 0;
        if (!wasEarly) super._call(transfer, start, local);
    }

    // Gateways

    function _checkGateway(ChainState storage state) internal view override {
        if (_BUG != TransferBug.AnyGateway) super._checkGateway(state);
    }

    function _isAccepted(address gateway) internal view override returns (bool) {
        if (_BUG == TransferBug.AcceptedAtOnce) return _acceptedFrom[gateway] != 0;
        return super._isAccepted(gateway);
    }

    function _idOf(address gateway, bytes32 id) internal view override returns (bytes32) {
        return _BUG == TransferBug.IdsOfGatewaysMixed ? id : super._idOf(gateway, id);
    }

    // What arrives in this call

    function _isArrival() private pure returns (bool) {
        return msg.sig == this.receiveMessage.selector;
    }

    function _kind() private view returns (Kind) {
        return this.kindIn(msg.data);
    }

    function _arriving() private view returns (Transfer memory) {
        return this.transferIn(msg.data);
    }

    /// @dev An immutable is read, but keys are pure.
    function _bug() private pure returns (TransferBug) {
        function() internal view returns (TransferBug) reads = _readBug;
        function() internal pure returns (TransferBug) pretends;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            pretends := reads
        }
        return pretends();
    }

    function _readBug() private view returns (TransferBug) {
        return _BUG;
    }

    /// @notice Kind of what a call of `receiveMessage` brings.
    function kindIn(bytes calldata call) external pure returns (Kind) {
        return Transfers.kindOf(_payload(call));
    }

    /// @notice Transfer that a call of `receiveMessage` brings.
    function transferIn(bytes calldata call) external pure returns (Transfer memory) {
        return Transfers.decode(_payload(call));
    }

    function _payload(bytes calldata call) private pure returns (bytes calldata) {
        // The third argument, at the place that the third word after the selector names.
        uint256 start = 4 + uint256(bytes32(call[68:100]));
        uint256 length = uint256(bytes32(call[start:start + 32]));
        return call[start + 32:start + 32 + length];
    }
}
