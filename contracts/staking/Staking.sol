// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ISetBuilder} from "../interfaces/ISetBuilder.sol";
import {Delegations} from "./Delegations.sol";
import {Ledger} from "./Ledger.sol";
import {Operators} from "./Operators.sol";
import {Seats} from "./Seats.sol";
import {Sets} from "./Sets.sol";
import {Slashes} from "./Slashes.sol";
import {Withdrawals} from "./Withdrawals.sol";

/// @title Staking
/// @notice See {IStaking}. Nobody owns it, and nothing in it can be changed. It calls nothing but ERA, whose transfers
/// call nobody.
contract Staking is Operators, Delegations, Slashes, Multicall {
    /// @param era The hub's ERA.
    /// @param builder Puts sets together.
    /// @param slasher Which may be deployed later, at an address known before.
    /// @param treasury Gets what slashes take.
    /// @param attestationDomain EIP-712 domain separator of the gateways.
    /// @param minOwn Least own stake of an open validator, in wei of ERA: at least 1 ERA.
    /// @param seatCount 4 to 32.
    constructor(
        IERC20 era,
        ISetBuilder builder,
        address slasher,
        address treasury,
        bytes32 attestationDomain,
        uint256 minOwn,
        uint256 seatCount
    )
        Ledger(era, minOwn)
        Seats(seatCount)
        Sets(builder, attestationDomain)
        Withdrawals(treasury)
        Slashes(slasher)
    {}
}
