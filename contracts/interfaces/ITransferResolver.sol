// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Front} from "../bridge/types/Transfer.sol";
import {IResolver} from "./draft-IERC7683.sol";
import {ITokenBridge} from "./ITokenBridge.sol";

/// @title TransferResolver: transfers that can be fronted, in the words of ERC-7683
/// @notice For solvers that know that standard and not this bridge. Ask the resolver of the chain where a transfer
/// ends, with `abi.encode(Front)` as payload. It answers two steps: `front`, and `claim` if the transfer has not
/// arrived `CLAIM_TIME` before its deadline. The payment is what arrives.
///
/// It checks that the transfer can be fronted here and now. It assumes, and says so in the order, that
/// - `metalayer.sent`: the bridge of the chain where it started sent it with exactly these terms, for good. Data: the
///   ERC-7930 address of that bridge, and the Front;
/// - `metalayer.arrives`: it arrives until its deadline. If it does not, what returns to the chain where it started is
///   the solver's there, by the claim. Data: that chain's id, and the deadline.
///
/// Nothing depends on this contract.
interface ITransferResolver is IResolver {
    /// @notice What the solver pays if it fronts a transfer in a second (Unix time): see {IFronting-front}.
    function paidAt(Front calldata transfer, uint256 time) external pure returns (uint256);

    /// @notice The token bridge.
    function BRIDGE() external view returns (ITokenBridge);

    /// @notice How long before a transfer's deadline a solver claims it, in seconds.
    function CLAIM_TIME() external view returns (uint256);
}
