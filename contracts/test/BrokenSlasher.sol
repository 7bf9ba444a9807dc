// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Slasher} from "../staking/Slasher.sol";
import {StakingBug} from "./StakingBug.sol";

/// @title BrokenSlasher: the Slasher of a bond with one bug
contract BrokenSlasher is Slasher {
    StakingBug private immutable _BUG;

    constructor(bytes32 attestationDomain, IMetalayer gateway, IStaking staking, address owner, StakingBug bug)
        Slasher(attestationDomain, gateway, staking, owner)
    {
        _BUG = bug;
    }

    function _open(Accusation memory accusation) internal override returns (bytes32 key) {
        if (_BUG == StakingBug.AccusedTwice) delete _cases[keccak256(abi.encode(accusation))];
        return super._open(accusation);
    }

    function _same(address signer, address other) internal view override returns (uint256) {
        if (_BUG == StakingBug.AddressesCompared) require(signer == other, DifferentValidators(0, 0));
        return super._same(signer, other);
    }

    function _isPardoned(Accusation memory accusation) internal view override returns (bool) {
        if (_BUG == StakingBug.DismissedUnpardoned && msg.sig == this.dismiss.selector) return true;
        if (_BUG == StakingBug.PardonForgotten && msg.sig != this.dismiss.selector) return false;
        if (_BUG == StakingBug.EquivocationPardoned && accusation.kind == Kind.LaneEquivocation) {
            accusation.kind = Kind.LaneContradiction;
        }
        return super._isPardoned(accusation);
    }

    function _newestSet() internal view override returns (bytes32) {
        uint64 version = STAKING.setVersion();
        if (_BUG == StakingBug.EndedSetAccuses) return STAKING.setHash(version);
        if (_BUG == StakingBug.OldSetAccuses) return STAKING.setHash(version - 1);
        return super._newestSet();
    }
}
