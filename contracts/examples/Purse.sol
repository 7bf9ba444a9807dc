// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {Options} from "../bridge/types/Transfer.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";

/// @title Purse: base of contracts that hold money of their users, in any token of the network
/// @notice It comes in by `deposit`, or straight from another chain: send it to this contract with data
/// `abi.encode(account, instruction)`, and in the transaction in which it arrives it is the account's. It goes out by
/// `withdraw`, or by `send` straight to another chain. In between a derived contract moves it by `_take` and `_give`.
///
/// Each token is counted for itself: one that cheats costs nobody but those who chose to hold it. What changes balances
/// by itself (rebasing) must be wrapped first. What is sent here without a call, as by a plain transfer, is a gift.
abstract contract Purse is ITransferReceiver, Multicall {
    using SafeERC20 for IERC20;

    /// @notice The token bridge.
    ITokenBridge public immutable BRIDGE;
    /// @notice ERA, in which the way to other chains is paid.
    address public immutable ERA;

    /// @notice What an account can use or take out, in the token's smallest unit.
    mapping(address token => mapping(address account => uint256)) public fundsOf;
    /// @notice What this contract owes of a token, to all accounts together. It never has less.
    mapping(address token => uint256) public owed;

    /// @notice Emitted when something was put in for an account.
    event Funded(address indexed account, address indexed token, uint256 amount);
    /// @notice Emitted when an account took something out on this chain.
    event Withdrawn(address indexed account, address indexed token, address indexed to, uint256 amount);
    /// @notice Emitted when an account sent something to another chain.
    /// @param id Id of the transfer.
    /// @param fee Wei of ERA that it cost the account.
    event SentOut(bytes32 indexed id, address indexed account, address indexed token, uint256 amount, uint256 fee);

    /// @notice Thrown when anyone but the bridge says that something arrived.
    error NotTheBridge(address caller);
    /// @notice Thrown when something would be put in or taken out for the zero address, or for this contract.
    error NotAnAccount(address account);
    /// @notice Thrown when an account has less than it needs.
    error NotEnough(address account, address token, uint256 funds, uint256 needed);
    /// @notice Thrown when the way to another chain costs more than the caller wants, in wei of ERA.
    error FeeAbove(uint256 fee, uint256 maxFee);

    constructor(ITokenBridge bridge) {
        BRIDGE = bridge;
        ERA = bridge.ERA();
    }

    /// @notice Puts tokens of the caller in, of which this contract must be allowed as much.
    function deposit(address token, uint256 amount) external {
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _fund(msg.sender, token, amount);
    }

    /// @notice Takes something of the caller's out, on this chain.
    function withdraw(address token, uint256 amount, address to) external {
        _checkAccount(to);
        _take(msg.sender, token, amount);
        owed[token] -= amount;
        emit Withdrawn(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @notice Sends something of the caller's to another chain. The fee is taken from the caller's ERA in here. What
    /// does not arrive returns to the caller's account on this chain, and what is unspent of the fee with it.
    /// @param prepaid For a second hop, in gwei of ERA: see {Options}. Zero if there is one hop.
    /// @param maxFee Most that it may cost, in wei of ERA, with what is prepaid.
    /// @return id Id of the transfer.
    function send(address token, uint256 amount, uint256 destination, address to, uint64 prepaid, uint256 maxFee)
        external
        returns (bytes32 id)
    {
        // At this address on another chain it would arrive without a call.
        _checkAccount(to);
        // Where it goes over is the bridge's to know.
        // slither-disable-next-line unused-return
        (uint256 fee,) = BRIDGE.quoteSend(token, destination, 0, 0);
        fee += uint256(prepaid) * 1 gwei;
        require(fee <= maxFee, FeeAbove(fee, maxFee));
        _take(msg.sender, token, amount);
        _take(msg.sender, ERA, fee);
        owed[token] -= amount;
        owed[ERA] -= fee;
        _allow(token, amount);
        _allow(ERA, fee);
        Options memory options;
        (options.returnTo, options.fee, options.fromBalance, options.maxFee) = (msg.sender, prepaid, true, fee);
        id = BRIDGE.send(token, destination, to, amount, options);
        // It is known once it was sent.
        // slither-disable-next-line reentrancy-events
        emit SentOut(id, msg.sender, token, amount, fee);
    }

    /// @inheritdoc ITransferReceiver
    /// @dev Who sent it is not asked: anyone may pay for anyone. So an instruction may spend what it came with, and
    /// nothing that the account had before. What comes with data is never fronted: it is here.
    function onTransferReceived(bytes32, uint256, address, address token, uint256 amount, bytes calldata data)
        external
        returns (bytes4)
    {
        require(msg.sender == address(BRIDGE), NotTheBridge(msg.sender));
        (address account, bytes memory instruction) = abi.decode(data, (address, bytes));
        _checkAccount(account);
        uint256 received = _fund(account, token, amount);
        if (instruction.length != 0) _instructed(account, token, received, instruction);
        return ITransferReceiver.onTransferReceived.selector;
    }

    /// @dev What came over the bridge is the account's now: do with it what it came for, or leave it there. Reverting
    /// refuses it: then it can be retried, and goes back when its time is over.
    /// @param received What may be spent, in the token's smallest unit.
    function _instructed(address account, address token, uint256 received, bytes memory instruction) internal virtual;

    /// @dev What a derived contract keeps for something that goes on.
    function _take(address account, address token, uint256 amount) internal {
        uint256 funds = fundsOf[token][account];
        require(funds >= amount, NotEnough(account, token, funds, amount));
        fundsOf[token][account] = funds - amount;
    }

    /// @dev Gives an account what was taken from it or from another one. It cannot fail: nobody is called.
    function _give(address account, address token, uint256 amount) internal {
        fundsOf[token][account] += amount;
    }

    /// @dev Of what is said to have come, what is there and nobody's yet: a token may take a fee of it. Not what the
    /// balance grew by: a token that calls the payer would let it count one amount twice.
    function _fund(address account, address token, uint256 amount) private returns (uint256 received) {
        uint256 free = Math.saturatingSub(IERC20(token).balanceOf(address(this)), owed[token]);
        received = Math.min(amount, free);
        owed[token] += received;
        _give(account, token, received);
        // What came is known once it is here.
        // slither-disable-next-line reentrancy-events
        emit Funded(account, token, received);
    }

    /// @dev Lets the bridge take a token that is at home here. Others it burns.
    function _allow(address token, uint256 amount) private {
        // slither-disable-next-line unused-return
        (uint256 home,) = BRIDGE.homeOf(token);
        if (home == 0 && amount != 0) IERC20(token).safeIncreaseAllowance(address(BRIDGE), amount);
    }

    function _checkAccount(address account) private view {
        require(account != address(0) && account != address(this), NotAnAccount(account));
    }
}
