// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Options} from "../bridge/types/Transfer.sol";
import {IAccounts} from "./IAccounts.sol";
import {IAssets} from "./IAssets.sol";
import {IFronting} from "./IFronting.sol";
import {IGateways} from "./IGateways.sol";
import {ILimits} from "./ILimits.sol";
import {IPassages} from "./IPassages.sol";

/// @title TokenBridge: any ERC-20, from any chain to any chain
/// @notice A token is locked on its home and minted elsewhere. A transfer between two chains that are both not its home
/// makes two hops, over the home, without any action of the user. Each hop is one message of the gateway, and ends as
/// one: executed, or returned. So a transfer always ends in one payment: to its recipient, or to the solver who had
/// paid the recipient already; or, if it does not arrive, back where it started.
interface ITokenBridge is IAssets, IAccounts, ILimits, IFronting, IPassages, IGateways {
    /// @notice Emitted when a transfer starts.
    /// @param id Id of the transfer: of the message that carries its first hop.
    /// @param from Who gets it back if it does not arrive.
    /// @param token The token, on this chain.
    /// @param destination Chain id where it ends.
    /// @param amount What arrives.
    event TransferSent(
        bytes32 indexed id,
        address indexed from,
        address indexed to,
        address token,
        uint256 destination,
        uint256 amount
    );
    /// @notice Emitted when a token's home sends a transfer on.
    /// @param id Id of the transfer.
    /// @param sendId Id of the message that carries the next hop.
    /// @param fee What the hop cost, in wei of ERA.
    event TransferForwarded(
        bytes32 indexed id,
        bytes32 indexed sendId,
        address indexed token,
        uint256 destination,
        uint256 amount,
        uint256 fee
    );
    /// @notice Emitted when a token's home sends a transfer back to where it started, because it did not arrive.
    event TransferSentBack(
        bytes32 indexed id,
        bytes32 indexed sendId,
        address indexed token,
        uint256 destination,
        uint256 amount,
        uint256 fee
    );
    /// @notice Emitted when a transfer arrives.
    /// @param payee Its recipient, or the solver who had paid it.
    /// @param origin Chain id where it started.
    event TransferReceived(
        bytes32 indexed id, address indexed payee, address indexed token, uint256 origin, uint256 amount
    );
    /// @notice Emitted when a transfer that did not arrive ends where it started.
    /// @param payee Who gets it: as its sender said, or the solver who claimed it.
    event TransferReturned(bytes32 indexed id, address indexed payee, address indexed token, uint256 amount);

    /// @notice Thrown when nothing is sent, or nothing of it arrives at the bridge.
    error ZeroAmount();
    /// @notice Thrown when an amount is 2^128 or more.
    error AmountTooLarge(uint256 amount);
    /// @notice Thrown when a recipient, or who gets it back, is the zero address, the gateway, the bridge or the token.
    error InvalidBeneficiary(address account);
    /// @notice Thrown when the destination is this chain or no chain, or the one where the transfer started.
    error InvalidDestination(uint256 destination);
    /// @notice Thrown when options contradict each other: a tip above all, or with data; data or gas beyond their
    /// bounds. Or terms of a front that no transfer has: a tip above all, bits beyond a member's type.
    error InvalidOptions();
    /// @notice Thrown when a payload is none that a bridge sends to another.
    error InvalidPayload();
    /// @notice Thrown when ERA arrives that was sent at a second (Unix time) that this chain's clock has not reached.
    /// Retry it then. So no ERA has votes on two chains at one time, however their clocks differ.
    error ClockBehind(uint256 sentAt);
    /// @notice Thrown when the recipient of a transfer with data does not accept it.
    error CallRefused(address to);

    /// @notice Sends `amount` of a token of the caller to `to` on another chain; the fee is paid from the caller's
    /// credit. A token at home here is locked, and the bridge must be allowed to take it; another one is burned without
    /// an allowance. If it does not arrive within 14 days, it returns to the caller.
    /// @param token The token, on this chain.
    /// @return id Id of the transfer, and of the message that carries its first hop.
    function send(address token, uint256 destination, address to, uint256 amount) external returns (bytes32 id);

    /// @notice The same with {Options}.
    function send(address token, uint256 destination, address to, uint256 amount, Options calldata options)
        external
        returns (bytes32 id);

    /// @notice Lets the bridge take `amount` of the caller's tokens, by the caller's signature (EIP-2612). Does nothing
    /// if the token refuses it: somebody may have brought it before. For use with `multicall`.
    function permit(address token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice ERA.
    function ERA() external view returns (address);

    /// @notice Chain id of the hub, ERA's home.
    function HUB_CHAIN_ID() external view returns (uint256);
}
