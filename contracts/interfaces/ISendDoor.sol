// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDoor} from "./IDoor.sol";
import {IPermit2} from "./IPermit2.sol";

/// @title SendDoor: transfers that one signs and another submits and pays for
/// @notice The signer needs neither ether nor ERA, and has allowed Permit2 to take the token: by `permit`, if the token
/// has it. Who submits it, the sponsor, pays the gas of the transaction and the fees of the transfer. Nothing of the
/// order is the sponsor's choice, and each is sent at most once. What is not spent of the fee when a transfer returns
/// is paid to whom it returns.
interface ISendDoor is IDoor {
    /// @notice What the signer orders: the witness of the permit. See {Options} for all that is not said here.
    /// @param token The token, on this chain.
    /// @param destination Chain id where it ends.
    /// @param amount What the signer pays, in the token's smallest unit. If the token takes a fee, less arrives.
    /// @param returnTo Who gets it if it does not arrive; zero for the signer.
    /// @param fee ERA (gwei) that the sponsor prepays for a second hop.
    struct Order {
        address token;
        uint256 destination;
        address to;
        uint256 amount;
        address returnTo;
        uint40 deadline;
        uint32 tip;
        uint16 ramp;
        uint64 fee;
        uint24 extraGas;
        bytes data;
    }

    /// @notice What the signer signs beside the order.
    /// @param signer Who signed. A contract by ERC-1271.
    /// @param nonce Any number that the signer has not used with Permit2.
    /// @param deadline Last second (Unix time) at which it may be submitted.
    struct Signed {
        address signer;
        uint256 nonce;
        uint256 deadline;
        bytes signature;
    }

    /// @notice Sends what an order says. The fees are taken from the caller's ERA. Reverts as Permit2, the token and
    /// the bridge do.
    /// @param maxFee Most that the caller pays, in wei of ERA; zero for no bound.
    /// @return id Id of the transfer.
    function send(Order calldata order, Signed calldata signed, uint256 maxFee) external returns (bytes32 id);

    /// @notice Lets Permit2 take a token, by its owner's signature (EIP-2612). Does nothing if the token refuses it:
    /// somebody may have brought it before. For use with `multicall`.
    function permit(
        address token,
        address owner,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Hash of an order (EIP-712).
    function hashOf(Order calldata order) external pure returns (bytes32);

    /// @notice Permit2.
    function PERMIT2() external view returns (IPermit2);
}
