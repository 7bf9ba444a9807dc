// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICredit} from "../interfaces/ICredit.sol";
import {originState} from "./types/OriginState.sol";

/// @title Credit
/// @notice See {ICredit}.
abstract contract Credit is ICredit {
    using SafeERC20 for IERC20;

    /// @inheritdoc ICredit
    IERC20 public immutable FEE_TOKEN;

    /// @inheritdoc ICredit
    mapping(address payer => mapping(address sender => uint256)) public allowance;

    constructor(IERC20 feeToken) {
        require(address(feeToken) != address(0), InvalidToken(address(feeToken)));
        FEE_TOKEN = feeToken;
    }

    /// @inheritdoc ICredit
    function depositFor(address account, uint256 amount) external {
        require(account != address(0) && account != address(this), InvalidAccount(account));
        originState().credit[account] += amount;
        emit Deposited(account, msg.sender, amount);
        FEE_TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc ICredit
    function withdraw(address to, uint256 amount) external {
        require(to != address(0) && to != address(this), InvalidAccount(to));
        uint256 held = originState().credit[msg.sender];
        require(amount <= held, InsufficientCredit(msg.sender, held, amount));
        originState().credit[msg.sender] = held - amount;
        emit Withdrawn(msg.sender, to, amount);
        FEE_TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc ICredit
    function setAllowance(address sender, uint256 amount) external {
        allowance[msg.sender][sender] = amount;
        emit AllowanceSet(msg.sender, sender, amount);
    }

    /// @inheritdoc ICredit
    function credit(address account) external view returns (uint256) {
        return originState().credit[account];
    }

    /// @dev Charges `payer` for a message of the caller. `held` is the credit of `payer`, which the calling function
    /// found to be at least `amount`. Nobody needs an allowance for their own credit.
    function _charge(address payer, uint256 held, uint256 amount) internal {
        unchecked {
            originState().credit[payer] = held - amount;
        }
        if (payer == msg.sender) return;
        uint256 allowed = allowance[payer][msg.sender];
        require(amount <= allowed, InsufficientAllowance(payer, msg.sender, allowed, amount));
        if (allowed != type(uint256).max) allowance[payer][msg.sender] = allowed - amount;
    }
}
