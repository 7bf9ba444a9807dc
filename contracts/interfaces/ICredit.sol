// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Credit: prepaid ERA that pays for messages, and in which relayers and refunds are paid
/// @notice All amounts are wei of ERA. Holders can withdraw their credit at any time. Nothing else takes from it but
/// the messages that its holder sends, or lets others send.
interface ICredit {
    /// @notice Emitted when ERA is put into an account's credit.
    event Deposited(address indexed account, address indexed from, uint256 amount);
    /// @notice Emitted when an account takes ERA out of its credit.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    /// @notice Emitted when a payer sets how much a sender may spend of its credit.
    event AllowanceSet(address indexed payer, address indexed sender, uint256 amount);

    /// @notice Thrown when an account's credit is less than what is to be spent or withdrawn.
    error InsufficientCredit(address account, uint256 credit, uint256 needed);
    /// @notice Thrown when a sender names a payer who did not allow it that much.
    error InsufficientAllowance(address payer, address sender, uint256 allowance, uint256 needed);
    /// @notice Thrown when credit is given, or ERA withdrawn, to the zero address or to the gateway itself.
    error InvalidAccount(address account);
    /// @notice Thrown at deployment without a fee token.
    error InvalidToken(address token);

    /// @notice Moves ERA of the caller, who must have approved the gateway, into the credit of `account`.
    function depositFor(address account, uint256 amount) external;

    /// @notice Pays ERA out of the caller's credit.
    function withdraw(address to, uint256 amount) external;

    /// @notice Lets `sender` spend up to `amount` of the caller's credit on messages that name the caller as
    /// `feePayer`. Replaces the allowance before; the largest number is never used up. What such a message does not use
    /// goes back to `sender`, not to the payer: allow no more than you would give away.
    function setAllowance(address sender, uint256 amount) external;

    /// @notice ERA, the token in which messages are paid.
    function FEE_TOKEN() external view returns (IERC20);

    /// @notice Credit of an account.
    function credit(address account) external view returns (uint256);

    /// @notice What `sender` may still spend of the credit of `payer`.
    function allowance(address payer, address sender) external view returns (uint256);
}
