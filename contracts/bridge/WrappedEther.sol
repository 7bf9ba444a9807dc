// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IWrappedEther} from "../interfaces/IWrappedEther.sol";

/// @title WrappedEther
/// @notice See {IWrappedEther}. For chains that have none of their own.
contract WrappedEther is IWrappedEther, ERC20Permit {
    constructor() ERC20("Wrapped Ether", "WETH") ERC20Permit("Wrapped Ether") {}

    /// @notice The same as `deposit`.
    receive() external payable {
        deposit();
    }

    /// @inheritdoc IWrappedEther
    function withdraw(uint256 amount) external {
        _burn(msg.sender, amount);
        emit Withdrawal(msg.sender, amount);
        Address.sendValue(payable(msg.sender), amount);
    }

    /// @inheritdoc IWrappedEther
    function deposit() public payable {
        _mint(msg.sender, msg.value);
        emit Deposit(msg.sender, msg.value);
    }
}
