// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {BridgeAnnex} from "../bridge/BridgeAnnex.sol";
import {Bucket, Buckets} from "../bridge/libraries/Buckets.sol";
import {Transfers} from "../bridge/libraries/Transfers.sol";
import {Front, Transfer} from "../bridge/types/Transfer.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {TransferBug, forget} from "./TransferBug.sol";

/// @title BrokenBridgeAnnex: the annex of a bridge with one bug
contract BrokenBridgeAnnex is BridgeAnnex {
    using Transfers for Transfer;
    using Buckets for Bucket;

    TransferBug private immutable _BUG;

    constructor(
        IMetalayer gateway,
        address era,
        uint256 hubChainId,
        address bridgedToken,
        address metadata,
        TransferBug bug
    ) BridgeAnnex(gateway, era, hubChainId, bridgedToken, metadata) {
        _BUG = bug;
    }

    function _takeBackReturned(address token, uint256 chainId, uint256 amount) internal override {
        if (_BUG == TransferBug.ReturnLeavesAccount) return;
        if (_BUG == TransferBug.LimitOnReturns && _accounts[token][chainId].limited) {
            uint256 free = _buckets[token][chainId].freeIn();
            require(amount <= free, ILimits.LimitExceeded(token, chainId, amount, free));
        }
        super._takeBackReturned(token, chainId, amount);
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

    function _onClaim(uint256 origin, bytes calldata payload) internal override {
        if (_BUG == TransferBug.HoldStopsClaims) _checkHold(_chains[origin], origin, bytes32(0));
        super._onClaim(_BUG == TransferBug.ClaimFromAnywhere ? 0 : origin, payload);
    }

    function _keyOf(Front memory transfer) internal pure override returns (bytes32) {
        return super._keyOf(forget(transfer, _bug()));
    }

    function _keyOfCall(Front calldata transfer) internal pure override returns (bytes32) {
        return _keyOf(transfer);
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

    function _onDescription(uint256 origin, bytes calldata payload) internal override {
        uint256 place = _placeOf(origin, Transfers.describedToken(payload));
        if (_BUG == TransferBug.DescriptionOverwrites) delete _locals[place];
        super._onDescription(origin, payload);
    }

    function _forgetDescription(address token, uint256 destination) internal override {
        if (_BUG != TransferBug.DescribedThoughReturned) super._forgetDescription(token, destination);
    }

    function _configure(Bucket storage bucket, uint256 outCapacity, uint256 inCapacity, uint256 window)
        internal
        override
    {
        if (_BUG != TransferBug.OldUseAtNewRate || bucket.window == 0) {
            super._configure(bucket, outCapacity, inCapacity, window);
            return;
        }
        bucket.outCapacity = uint104(outCapacity);
        bucket.inCapacity = uint104(inCapacity);
        bucket.window = uint48(window);
    }

    function _mayAdopt(Local storage place, Home storage home) internal view override returns (bool) {
        return _BUG == TransferBug.AdoptedAfterArrival || super._mayAdopt(place, home);
    }

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
}
