// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Metalayer, Offices} from "../metalayer/Metalayer.sol";
import {InitialRoute} from "../metalayer/types/Route.sol";
import {ValidatorSet} from "../metalayer/types/ValidatorSet.sol";

/// @title SymbolicGateway: the whole compiled gateway, with any state of its storage, for proofs
abstract contract SymbolicGateway {
    /// @dev Nothing depends on which chains they are. Fixed, so that the lengths of interoperable addresses are known.
    uint256 internal constant HUB = 901;
    /// @dev Halmos answers at these: the first sets the time, the second makes all of an account's storage arbitrary.
    address private constant TIME = address(uint160(uint256(keccak256("hevm cheat code"))));
    address private constant STORAGE = address(uint160(uint256(keccak256("svm cheat code"))));

    Metalayer internal immutable GATEWAY;

    constructor() {
        ValidatorSet memory set = ValidatorSet(1, uint64(block.timestamp) + 30 days, new bytes32[](4));
        for (uint256 i; i < 4; ++i) {
            set.validators[i] = bytes32((i + 1) << 96 | 1);
        }
        // What the constructor writes stays what it is: the proofs act as the guardian.
        Offices memory offices = Offices(address(1), address(this), address(0), address(1));
        GATEWAY = new Metalayer(HUB, IERC20(address(1)), address(1), offices, new InitialRoute[](0), set);
        _cheat(STORAGE, abi.encodeWithSignature("enableSymbolicStorage(address)", GATEWAY));
    }

    function _warp(uint64 time) internal {
        _cheat(TIME, abi.encodeWithSignature("warp(uint256)", time));
    }

    function _cheat(address where, bytes memory data) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool done,) = where.call(data);
        assert(done);
    }
}
